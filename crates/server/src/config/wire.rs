//! What the forms of several kinds on the wire have in common.

use sayso_model::{
    config::{DefaultPreference, Entry, Localized, Operator, Population, Property},
    profile::EditInfo,
};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeOwned, Error, IgnoredAny},
};
use serde_json::Value;
use utoipa::ToSchema;

use crate::error::shortened;

/// A member that is shown, and ignored in input whatever it holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ReadOnly<T>(pub Option<T>);

impl<T> Default for ReadOnly<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Serialize> Serialize for ReadOnly<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(s)
    }
}

impl<'de, T> Deserialize<'de> for ReadOnly<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(d).map(|_| Self(None))
    }
}

/// A whole number, also written with a fraction of zero: JSON knows one kind of number.
pub(crate) fn whole<'de, D: Deserializer<'de>>(d: D) -> Result<Option<u32>, D::Error> {
    let Some(number) = Option::<f64>::deserialize(d)? else { return Ok(None) };
    if number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number) {
        return Ok(Some(number as u32));
    }
    Err(D::Error::custom(format!("{number} is not accepted, only whole numbers from 0 to {}", u32::MAX)))
}

/// What is written as one of few words.
pub(crate) trait Worded: DeserializeOwned {
    /// They.
    const WORDS: &'static str;
}

impl Worded for DefaultPreference {
    const WORDS: &'static str = "OptIn, OptOut";
}

impl Worded for Population {
    const WORDS: &'static str = "Active, Inactive, Deleted, All";
}

impl Worded for Operator {
    const WORDS: &'static str = "AND, OR, EXCEPT";
}

/// One of the words; what isn't is told them, whatever it is.
pub(crate) fn word<'de, D: Deserializer<'de>, T: Worded>(d: D) -> Result<T, D::Error> {
    let value = Value::deserialize(d)?;
    let word = value.as_str().and_then(|_| T::deserialize(&value).ok());
    word.ok_or_else(|| {
        D::Error::custom(format!("{} is not accepted, only {}", shortened(&value.to_string()), T::WORDS))
    })
}

/// One of the words, or none.
pub(crate) fn word_or_null<'de, D: Deserializer<'de>, T: Worded>(d: D) -> Result<Option<T>, D::Error> {
    match Value::deserialize(d)? {
        Value::Null => Ok(None),
        value => word(value).map(Some).map_err(|e| D::Error::custom(format!("{e}, null"))),
    }
}

/// The number that an entry of the ledger has.
pub(crate) fn number(entry: Option<&Entry>) -> ReadOnly<u64> {
    ReadOnly(entry.map(|e| e.id))
}

/// Who made and changed what an entry of the ledger is about.
pub(crate) fn edited(entry: Option<&Entry>) -> ReadOnly<EditInfo> {
    ReadOnly(entry.map(|e| e.edited.clone()))
}

pub(crate) fn yes() -> bool {
    true
}

/// A name and a value free for the account's use.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct CustomProperty {
    #[schema(min_length = 1, max_length = 100, pattern = "{name}", example = "Owner")]
    pub name: String,
    #[schema(max_length = 4000, example = "Press")]
    pub value: String,
}

/// Custom properties as they are shown.
pub(crate) fn properties(properties: &[Property]) -> Vec<CustomProperty> {
    properties.iter().map(|p| CustomProperty { name: p.name.clone(), value: p.value.clone() }).collect()
}

/// Custom properties as they are kept.
pub(crate) fn kept_properties(properties: Vec<CustomProperty>) -> Vec<Property> {
    properties.into_iter().map(|CustomProperty { name, value }| Property { name, value }).collect()
}

/// The texts of a type in one locale.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct TypeText {
    #[schema(min_length = 1, max_length = 15, pattern = "{name}", example = "de_DE")]
    pub locale: String,
    #[schema(example = "Privat")]
    pub name: Option<String>,
    pub description: Option<String>,
}

impl From<&Localized> for TypeText {
    fn from(l: &Localized) -> Self {
        Self { locale: l.locale.clone(), name: l.name.clone(), description: l.description.clone() }
    }
}

impl From<TypeText> for Localized {
    fn from(t: TypeText) -> Self {
        Self { locale: t.locale, name: t.name, description: t.description, consent_language: None }
    }
}

/// Leaves of every list of localised fields those of the wanted locale; where there are none, those of the account's default; where
/// there are none of that either, all (configuration.md).
pub(crate) fn localise(value: &mut Value, wanted: &str, default: Option<&str>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::Array(fields) if name == "LocalizedFields" => {
                        let is = |field: &Value, locale: &str| {
                            field["Locale"]
                                .as_str()
                                .is_some_and(|l| sayso_model::id::fold(l) == sayso_model::id::fold(locale))
                        };
                        let there = |locale: &&str| fields.iter().any(|field| is(field, locale));
                        if let Some(locale) = [Some(wanted), default].into_iter().flatten().find(there) {
                            fields.retain(|field| is(field, locale));
                        }
                    }
                    _ => localise(value, wanted, default),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| localise(item, wanted, default)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_locale_that_is_not_there_falls_back_to_the_account_s_and_then_to_all() {
        let fields = json!([{"Locale": "en_US"}, {"Locale": "de_DE"}]);
        let left = |wanted: &str, default: Option<&str>| {
            let mut value = json!({"Versions": [{"LocalizedFields": fields}]});
            localise(&mut value, wanted, default);
            value["Versions"][0]["LocalizedFields"].clone()
        };
        assert_eq!(left("DE_de", Some("en_US")), json!([{"Locale": "de_DE"}]));
        assert_eq!(left("fr_FR", Some("en_US")), json!([{"Locale": "en_US"}]));
        assert_eq!(left("fr_FR", Some("es_US")), fields);
        assert_eq!(left("fr_FR", None), fields);
    }

    #[test]
    fn a_whole_number_may_be_written_with_a_fraction_of_zero() {
        let read = |text: &str| whole(&mut serde_json::Deserializer::from_str(text)).map_err(|e| e.to_string());
        assert_eq!(read("365.0"), Ok(Some(365)));
        assert_eq!(read("4294967295"), Ok(Some(u32::MAX)));
        assert_eq!(read("null"), Ok(None));
        for text in ["0.5", "-1", "4294967296", "\"1\""] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_read_only_is_ignored_whatever_it_holds() {
        for text in ["7", "null", "{\"a\": [1]}", "\"x\""] {
            assert_eq!(serde_json::from_str::<ReadOnly<u64>>(text).unwrap(), ReadOnly(None));
        }
    }
}
