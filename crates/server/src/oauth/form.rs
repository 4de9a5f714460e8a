//! The form of an OAuth call.

use axum::extract::{FromRequestParts, Request};
use hyper::http::request::Parts;

use super::error::{Code, OAuthError};
use crate::{
    access::{App, Visit},
    http::{content, path::well_formed, query::Query},
};

/// The parameters that these calls know; a repeated one is refused (RFC 6749, 3.2), others are ignored.
const KNOWN: [&str; 8] = [
    "grant_type",
    "client_id",
    "client_secret",
    "scope",
    "client_assertion",
    "client_assertion_type",
    "token",
    "token_type_hint",
];

/// What was sent. Secrets stand in it: it has no `Debug`.
pub(crate) struct Form(Query);

impl Form {
    /// Receives a request: its head, who sent it, and what was sent.
    ///
    /// # Errors
    /// That of [`content::read`], or of [`Self::parse`].
    pub(crate) async fn receive(app: &App, request: Request) -> Result<(Parts, Visit, Self), OAuthError> {
        let (mut parts, body) = request.into_parts();
        let visit = Visit::from_request_parts(&mut parts, app).await?;
        let options = app.options();
        let body = content::read(&parts.headers, body, content::Kind::Form, options.oauth_body, options).await?;
        Ok((parts, visit, Self::parse(&body)?))
    }

    /// Reads it.
    ///
    /// # Errors
    /// `invalid_request` when it can't be read or says something twice.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, OAuthError> {
        let invalid = |text: &str| OAuthError::new(Code::InvalidRequest, text);
        let body = std::str::from_utf8(body).map_err(|_| invalid("the form is not UTF-8"))?;
        if !well_formed(body) {
            return Err(invalid(
                "the form is malformed: a % must begin an escape of two hexadecimal digits, and what is escaped must be UTF-8",
            ));
        }
        let form = Query::parse(body);
        for name in KNOWN {
            if form.pairs().filter(|(n, _)| *n == name).count() > 1 {
                return Err(invalid(&format!("the parameter {name} was sent twice")));
            }
        }
        Ok(Self(form))
    }

    /// A parameter. Names have their letter case; one without a value counts as not sent (RFC 6749, 3.2).
    pub(crate) fn sent(&self, name: &str) -> Option<&str> {
        self.0.pairs().find(|(n, value)| *n == name && !value.is_empty()).map(|(_, value)| value)
    }

    /// A parameter that must be there.
    ///
    /// # Errors
    /// `invalid_request` when it isn't.
    pub(crate) fn required(&self, name: &str, accepted: &str) -> Result<&str, OAuthError> {
        let missing = || OAuthError::new(Code::InvalidRequest, format!("the parameter {name} is missing; {accepted}"));
        self.sent(name).ok_or_else(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(form: &str, name: &str) -> Result<Option<String>, Code> {
        match Form::parse(form.as_bytes()) {
            Ok(form) => Ok(form.sent(name).map(str::to_owned)),
            Err(OAuthError::Refused(body)) => Err(body.error),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_form_says_each_thing_once() {
        use Code::InvalidRequest;
        let table = [
            ("token=a", Ok(Some("a"))),
            ("token=a%2Bb+c", Ok(Some("a+b c"))),
            ("Token=a", Ok(None)),
            ("token=", Ok(None)),
            ("token", Ok(None)),
            ("", Ok(None)),
            ("other=1&token=a&other=2", Ok(Some("a"))),
            ("token=a&token=a", Err(InvalidRequest)),
            ("token=&token=a", Err(InvalidRequest)),
            ("scope=a&token=a&scope=b", Err(InvalidRequest)),
            ("token=%zz", Err(InvalidRequest)),
            ("token=%ff", Err(InvalidRequest)),
        ];
        for (form, expected) in table {
            assert_eq!(read(form, "token"), expected.map(|v| v.map(str::to_owned)), "{form}");
        }
        assert!(Form::parse(b"token=\xff").is_err());
    }
}
