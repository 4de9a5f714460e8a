//! The query of a request: names without regard to case, unknown ones ignored, of a repeated one the first (export.md, Addresses).

use std::num::NonZeroU64;

use axum::extract::FromRequestParts;
use hyper::http::request::Parts;
use percent_encoding::percent_decode_str;

use crate::error::ApiError;

/// The largest limit or offset (export.md, Retrieve): 2^63−1.
const LARGEST: NonZeroU64 = NonZeroU64::new(i64::MAX as u64).expect("it isn't 0");

/// A parsed query.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Parses the part behind the question mark. `+` is a space, as in HTML forms; `a` alone is `a=`.
    pub(crate) fn parse(raw: &str) -> Self {
        let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
        Self(
            raw.split('&')
                .filter(|pair| !pair.is_empty())
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(name), decode(value))
                })
                .collect(),
        )
    }

    /// The value of a parameter, if it was sent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let is = |(n, _): &&(String, String)| n.eq_ignore_ascii_case(name);
        self.0.iter().find(is).map(|(_, value)| value.as_str())
    }

    /// A parameter that must be there and not be empty.
    pub(crate) fn required(&self, name: &'static str) -> Result<&str, ApiError> {
        self.get(name).filter(|value| !value.is_empty()).ok_or(ApiError::MissingParameter(name))
    }

    /// An integer from 1 to 2^63−1.
    pub(crate) fn number(&self, name: &'static str, default: NonZeroU64) -> Result<NonZeroU64, ApiError> {
        self.number_to(name, default, LARGEST, "an integer from 1 to 9223372036854775807")
    }

    /// An integer from 1 to `most`, which `accepted` says.
    pub(crate) fn number_to(
        &self,
        name: &'static str,
        default: NonZeroU64,
        most: NonZeroU64,
        accepted: &'static str,
    ) -> Result<NonZeroU64, ApiError> {
        let Some(value) = self.get(name) else { return Ok(default) };
        let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
        let number = value.parse::<NonZeroU64>().ok().filter(|n| digits && *n <= most);
        number.ok_or_else(|| ApiError::parameter(name, value, accepted))
    }

    /// `true` or `false` in any letter case.
    pub(crate) fn flag(&self, name: &'static str, default: bool) -> Result<bool, ApiError> {
        match self.get(name) {
            None => Ok(default),
            Some(value) if value.eq_ignore_ascii_case("true") => Ok(true),
            Some(value) if value.eq_ignore_ascii_case("false") => Ok(false),
            Some(value) => Err(ApiError::parameter(name, value, "true or false")),
        }
    }

    /// Every parameter with its name as sent.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;

    const ONE: NonZeroU64 = NonZeroU64::MIN;

    proptest! {
        /// Whatever names and values are: the first of a name counts, in whatever case it is asked for.
        #[test]
        fn the_first_of_a_name_counts_in_any_case(pairs in proptest::collection::vec(("[a-dA-D]{1,2}", "\\PC{0,8}"), 0..8)) {
            let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            let raw: Vec<_> = pairs.iter().map(|(n, v)| format!("{}={}", encode(n), encode(v))).collect();
            let query = Query::parse(&raw.join("&"));
            for (name, _) in &pairs {
                let expected = pairs.iter().find(|(n, _)| n.to_lowercase() == name.to_lowercase()).map(|(_, v)| v.as_str());
                prop_assert_eq!(query.get(&name.to_uppercase()), expected);
            }
            prop_assert_eq!(query.get("zz"), None);
        }

        /// Numbers: exactly the integers of the range, written in digits.
        #[test]
        fn numbers_are_digits_within_the_range(text in "[0-9+ .eE-]{0,20}") {
            let query = Query(vec![("Limit".into(), text.clone())]);
            let expected = text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<i64>().ok()).flatten().filter(|n| *n > 0);
            prop_assert_eq!(query.number("limit", ONE).ok().map(NonZeroU64::get), expected.map(|n| n as u64));
        }
    }

    #[test]
    fn a_parameter_that_is_absent_has_its_default_and_an_empty_one_is_refused() {
        let query = Query::parse("offset=&KEEPALIVE=TRUE&keepFiles=no");
        assert_eq!(query.number("limit", ONE).unwrap(), ONE);
        assert!(query.number("offset", ONE).is_err());
        assert!(query.flag("keepAlive", false).unwrap());
        assert!(query.flag("other", true).unwrap());
        let refused = query.flag("keepFiles", false).unwrap_err().to_string();
        assert!(
            refused.contains("keepFiles") && refused.contains("no") && refused.contains("true or false"),
            "{refused}"
        );
    }

    #[test]
    fn the_ends_of_the_range_are_accepted_and_one_more_is_not() {
        let number =
            |text: &str| Query(vec![("limit".into(), text.into())]).number("limit", ONE).ok().map(NonZeroU64::get);
        assert_eq!(number("9223372036854775807"), Some(LARGEST.get()));
        assert_eq!(number("9223372036854775808"), None);
        assert_eq!(number("0"), None);
        assert_eq!(number("1"), Some(1));
    }
}
