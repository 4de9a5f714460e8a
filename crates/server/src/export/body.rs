//! The body of Initiate: absent, empty, `null` or an object; names without regard to case; unknown ones ignored; every field nullable.
//! Read in one pass that keeps nothing but the known fields, so that 32 MiB of something else cost no memory.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::error::{ApiError, shortened};

/// Most values (export.md, Initiate).
const MAX_VALUES: usize = 100_000;
/// Below this a number with a fraction or an exponent says exactly which whole number it is: 2^53, to which 2^53 + 1 is rounded.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// What was sent, not yet checked.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct InitiateBody {
    pub(crate) last_date_time: Option<String>,
    pub(crate) match_criteria: Option<String>,
    pub(crate) match_type: Option<String>,
    /// Numbers as their text.
    pub(crate) values: Option<Vec<String>>,
    pub(crate) callback_url: Option<String>,
}

impl InitiateBody {
    /// Reads a body.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, ApiError> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default());
        }
        let read: Option<Self> = serde_json::from_slice(body).map_err(|error| ApiError::unreadable(&error))?;
        Ok(read.unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for InitiateBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = InitiateBody;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object, null or an empty body")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<InitiateBody, A::Error> {
                let mut body = InitiateBody::default();
                while let Some(name) = map.next_key::<String>()? {
                    match name.to_ascii_lowercase().as_str() {
                        "lastdatetime" => body.last_date_time = map.next_value_seed(Text("LastDateTime"))?,
                        "matchcriteria" => body.match_criteria = map.next_value_seed(Text("MatchCriteria"))?,
                        "matchtype" => body.match_type = map.next_value_seed(Text("MatchType"))?,
                        "callbackurl" => body.callback_url = map.next_value_seed(Text("CallbackURL"))?,
                        "values" => body.values = map.next_value_seed(Values)?,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(body)
            }
        }
        deserializer.deserialize_any(Object)
    }
}

/// Implements the visits of every JSON type that a visitor doesn't take as an error that names the field.
macro_rules! refuse {
    ($visit:ident: $type:ty) => {
        fn $visit<E: Error>(self, value: $type) -> Result<Self::Value, E> {
            Err(self.refusal(&value.to_string()))
        }
    };
    (seq) => {
        fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
            Err(self.refusal("an array"))
        }
    };
    (map) => {
        fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
            Err(self.refusal("an object"))
        }
    };
}

/// A string or null.
#[derive(Clone, Copy)]
struct Text(&'static str);

impl Text {
    fn refusal<E: Error>(self, seen: &str) -> E {
        E::custom(format!("{} is {seen}; accepted: a string or null", self.0))
    }
}

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Option<String>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<String>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Option<String>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or null")
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Option<String>, E> {
        Ok(Some(text.to_owned()))
    }
    fn visit_unit<E: Error>(self) -> Result<Option<String>, E> {
        Ok(None)
    }
    refuse!(visit_bool: bool);
    refuse!(visit_i64: i64);
    refuse!(visit_u64: u64);
    refuse!(visit_f64: f64);
    refuse!(seq);
    refuse!(map);
}

/// An array of strings or numbers, or null.
#[derive(Clone, Copy)]
struct Values;

impl Values {
    fn refusal<E: Error>(self, seen: &str) -> E {
        E::custom(format!("Values is {}; accepted: an array of strings or numbers, or null", shortened(seen)))
    }
}

impl<'de> DeserializeSeed<'de> for Values {
    type Value = Option<Vec<String>>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Values {
    type Value = Option<Vec<String>>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of strings or numbers, or null")
    }
    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(One(values.len()))? {
            if values.len() == MAX_VALUES {
                return Err(A::Error::custom(format!("Values has more than {MAX_VALUES} elements, which is the most")));
            }
            values.push(value);
        }
        Ok(Some(values))
    }
    refuse!(visit_str: &str);
    refuse!(visit_bool: bool);
    refuse!(visit_i64: i64);
    refuse!(visit_u64: u64);
    refuse!(visit_f64: f64);
    refuse!(map);
}

/// One of the values, at this place. Read as its bare text: an id of twenty digits is a number that no machine type holds, and rounded
/// it would be another person's.
#[derive(Clone, Copy)]
struct One(usize);

impl<'de> DeserializeSeed<'de> for One {
    type Value = String;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        let text = <&RawValue>::deserialize(deserializer)?.get();
        let refusal = |seen: &str| {
            let seen = shortened(seen);
            D::Error::custom(format!("Values[{}] is {seen}; accepted: a string or a number", self.0))
        };
        match text.as_bytes().first() {
            Some(b'"') => serde_json::from_str(text).map_err(D::Error::custom),
            Some(b'[') => Err(refusal("an array")),
            Some(b'{') => Err(refusal("an object")),
            Some(b'-' | b'0'..=b'9') if text.bytes().all(|b| b.is_ascii_digit() || b == b'-') => Ok(text.to_owned()),
            // 1e3 is 1000, 3.0 is 3: only what is exact can stand for an id
            Some(b'-' | b'0'..=b'9') => match text.parse::<f64>() {
                Ok(number) if number.abs() < EXACT => Ok(number.to_string()),
                _ => Err(refusal(text)),
            },
            _ => Err(refusal(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Result<InitiateBody, String> {
        InitiateBody::parse(body.as_bytes()).map_err(|e| e.to_string())
    }

    #[test]
    fn absent_empty_null_and_an_empty_object_are_the_same() {
        for body in ["", "  \n", "null", " null ", "{}", r#"{"LastDateTime":null,"Values":null,"callbackurl":null}"#] {
            assert_eq!(parse(body), Ok(InitiateBody::default()), "{body:?}");
        }
    }

    #[test]
    fn names_match_in_any_case_and_unknown_ones_are_ignored() {
        let body = r#"{"lastDATEtime":"2026-01-01T00:00:00Z","MATCHCRITERIA":"profileid","values":[1,"b",-3,1e3],
                       "PageSize":[{"deep":[1]}],"MatchType":"Home","CallbackURL":"https://a.example"}"#;
        let expected = InitiateBody {
            last_date_time: Some("2026-01-01T00:00:00Z".into()),
            match_criteria: Some("profileid".into()),
            match_type: Some("Home".into()),
            values: Some(["1", "b", "-3", "1000"].map(String::from).into()),
            callback_url: Some("https://a.example".into()),
        };
        assert_eq!(parse(body), Ok(expected));
    }

    #[test]
    fn anything_else_is_refused_by_name() {
        for (body, named) in [
            ("[]", "an object"),
            ("\"a\"", "an object"),
            ("7", "an object"),
            ("{", "can't be read as JSON"),
            ("{} x", "can't be read as JSON"),
            ("\u{1}", "can't be read as JSON"),
            (r#"{"LastDateTime":5}"#, "LastDateTime is 5"),
            (r#"{"lastdatetime":{}}"#, "LastDateTime is an object"),
            (r#"{"MatchType":false}"#, "MatchType is false"),
            (r#"{"Values":"a"}"#, "Values is a"),
            (r#"{"Values":[1,null]}"#, "Values[1] is null"),
            (r#"{"Values":[[]]}"#, "Values[0] is an array"),
            (r#"{"Values":[1,{"a":1}]}"#, "Values[1] is an object"),
            (r#"{"Values":[true]}"#, "Values[0] is true"),
            (r#"{"Values":[1e300]}"#, "Values[0] is 1e300"),
            // both read as 2^53, and so would be another's id
            (r#"{"Values":[9007199254740993.0]}"#, "Values[0] is 9007199254740993.0"),
            (r#"{"Values":[-9007199254740993.0]}"#, "Values[0] is -9007199254740993.0"),
        ] {
            let refused = parse(body).unwrap_err();
            assert!(refused.contains(named), "{body} gave {refused}");
        }
    }

    #[test]
    fn numbers_stand_for_their_digits_however_many() {
        let body = r#"{"Values":[89014103211118510720, -0, 1.5, 2.0, 9007199254740991.0, 9007199254740993, 12345678901234567890123, "\u00fc"]}"#;
        let expected = [
            "89014103211118510720",
            "-0",
            "1.5",
            "2",
            "9007199254740991",
            "9007199254740993",
            "12345678901234567890123",
            "ü",
        ]
        .map(String::from);
        assert_eq!(parse(body).unwrap().values.unwrap(), expected);
    }

    #[test]
    fn a_hundred_thousand_values_are_taken_and_not_one_more() {
        let body = |n: usize| format!("{{\"Values\":[{}]}}", vec!["1"; n].join(","));
        assert_eq!(parse(&body(MAX_VALUES)).unwrap().values.unwrap().len(), MAX_VALUES);
        assert!(parse(&body(MAX_VALUES + 1)).unwrap_err().contains("100000"));
    }
}
