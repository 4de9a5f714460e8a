//! JSON values of any form. `serde_json::Value` keeps the last of two members with one name: which of them the caller meant can't be known, and
//! a choice could be lost with the other.

use std::fmt;

use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Number, Value};

/// A value in which no object has a member twice.
pub struct Once(pub Value);

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Once;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }
            fn visit_bool<E>(self, v: bool) -> Result<Once, E> {
                Ok(Once(v.into()))
            }
            fn visit_i64<E>(self, n: i64) -> Result<Once, E> {
                Ok(Once(n.into()))
            }
            fn visit_u64<E>(self, n: u64) -> Result<Once, E> {
                Ok(Once(n.into()))
            }
            fn visit_f64<E>(self, n: f64) -> Result<Once, E> {
                Ok(Once(Number::from_f64(n).map_or(Value::Null, Value::Number)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Once, E> {
                Ok(Once(text.into()))
            }
            fn visit_string<E>(self, text: String) -> Result<Once, E> {
                Ok(Once(text.into()))
            }
            fn visit_unit<E>(self) -> Result<Once, E> {
                Ok(Once(Value::Null))
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Once, A::Error> {
                let mut items = Vec::new();
                while let Some(Once(item)) = list.next_element()? {
                    items.push(item);
                }
                Ok(Once(items.into()))
            }
            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Once, A::Error> {
                let mut members = Map::new();
                while let Some(name) = map.next_key::<String>()? {
                    if members.contains_key(&name) {
                        return Err(de::Error::custom(format_args!("duplicate field `{name}`")));
                    }
                    let Once(value) = map.next_value()?;
                    members.insert(name, value);
                }
                Ok(Once(members.into()))
            }
        }
        d.deserialize_any(Visitor)
    }
}

/// For a member of any form; `null` is as good as absent.
///
/// # Errors
/// An object in it has a member twice.
pub fn optional<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Value>, D::Error> {
    let Once(value) = Once::deserialize(d)?;
    Ok((!value.is_null()).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_as_it_stands_and_a_member_that_stands_twice_is_refused() {
        let json = r#"{"a":[null,true,-1,18446744073709551615,1.5,"x\n"],"b":{"a":{}},"":[]}"#;
        let Once(value) = serde_json::from_str(json).unwrap();
        assert_eq!(value, serde_json::from_str::<Value>(json).unwrap());
        assert_eq!(value.to_string(), json, "in its order");
        for twice in [r#"{"a":1,"a":1}"#, r#"[{"b":{"a":1,"c":2,"\u0061":3}}]"#] {
            let error = serde_json::from_str::<Once>(twice).err().expect(twice);
            assert!(error.to_string().starts_with("duplicate field `a`"), "{error}");
        }
        assert!(serde_json::from_str::<Once>(&"[".repeat(1_000_000)).is_err(), "the stack holds");
    }
}
