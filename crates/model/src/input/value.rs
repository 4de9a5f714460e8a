//! The values of input members that need more than a plain type.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny},
};

use super::once::Once;
use crate::{
    id::ProfileId,
    profile::{ConsentStatus, PreferenceType},
    refusal::shown,
};

/// A member that can be cleared: absent leaves what is there, `null` clears it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Field<T> {
    /// Not sent.
    #[default]
    Absent,
    /// Sent as `null`.
    Null,
    /// Sent with a value.
    Set(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Ok(Option::<T>::deserialize(d)?.map_or(Field::Null, Field::Set))
    }
}

/// A read-only member: whatever stands in it is passed over, so that a profile that was read can be sent back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ignored;

impl<'de> Deserialize<'de> for Ignored {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(d).map(|_| Ignored)
    }
}

/// A read-only word that tells an echo of what was read from something said anew. Anything but a string is passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said(pub Option<String>);

impl Said {
    /// Whether it is this word, in any letter case.
    pub fn is(&self, word: &str) -> bool {
        self.0.as_deref().is_some_and(|said| said.eq_ignore_ascii_case(word))
    }
}

impl<'de> Deserialize<'de> for Said {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(d)? {
            serde_json::Value::String(word) => Ok(Said(Some(word))),
            _ => Ok(Said(None)),
        }
    }
}

/// The `ProfileId` of a body: read-only in the Data API, which passes over whatever stands in it; an import matches by it (docs/import.md).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SentId {
    /// Not sent, or `null`.
    #[default]
    None,
    /// A whole number from 1 on.
    Id(ProfileId),
    /// Anything else.
    Other,
}

impl<'de> Deserialize<'de> for SentId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Ok(match serde_json::Value::deserialize(d)? {
            serde_json::Value::Null => Self::None,
            serde_json::Value::Number(n) => match n.as_u64().or_else(|| n.as_f64().and_then(whole)) {
                Some(n) if n > 0 => Self::Id(ProfileId(n)),
                _ => Self::Other,
            },
            _ => Self::Other,
        })
    }
}

/// JSON knows one kind of number: 1.0 is 1. From 2^53 on neighbours look the same.
fn whole(n: f64) -> Option<u64> {
    (n.fract() == 0.0 && (0.0..9_007_199_254_740_992.0).contains(&n)).then_some(n as u64)
}

/// The consent versions of a preference, type and version: read-only in the Data API; an import is told by them which text the person has
/// seen. Whatever isn't of this form is passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TiedTo(pub Vec<(String, String)>);

impl<'de> Deserialize<'de> for TiedTo {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let Once(sent) = Once::deserialize(d)?;
        let text = |consent: &serde_json::Value, name: &str| consent.get(name)?.as_str().map(str::to_owned);
        let consents = sent.as_array().map(Vec::as_slice).unwrap_or_default();
        let tied = consents.iter().filter_map(|c| text(c, "ConsentType").zip(text(c, "ConsentVersion")));
        Ok(Self(tied.collect()))
    }
}

/// A closed set that is written by number or by word.
trait Numbered: Copy + 'static {
    const ACCEPTED: &'static str;
    fn of_number(n: u8) -> Option<Self>;
    fn of_word(word: &str) -> Option<Self>;
}

macro_rules! numbered {
    ($t:ident, $accepted:literal) => {
        impl Numbered for $t {
            const ACCEPTED: &'static str = $accepted;
            fn of_number(n: u8) -> Option<Self> {
                Self::try_from(n).ok()
            }
            fn of_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|v| v.word().eq_ignore_ascii_case(word))
            }
        }
    };
}
numbered!(PreferenceType, "1 (\"OptIn\") or 2 (\"OptOut\")");
numbered!(ConsentStatus, "1 (\"Granted\"), 2 (\"Denied\"), 3 (\"Revoked\") or 4 (\"NotSet\")");

struct NumberOrWord<T>(Option<T>);

impl<'de, T: Numbered> Deserialize<'de> for NumberOrWord<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visitor<T>(std::marker::PhantomData<T>);
        impl<T: Numbered> de::Visitor<'_> for Visitor<T> {
            type Value = NumberOrWord<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(T::ACCEPTED)
            }
            fn visit_u64<E: de::Error>(self, n: u64) -> Result<Self::Value, E> {
                match u8::try_from(n).ok().and_then(T::of_number) {
                    Some(v) => Ok(NumberOrWord(Some(v))),
                    None => Err(E::custom(format!("{n} is not accepted, only {}", T::ACCEPTED))),
                }
            }
            fn visit_f64<E: de::Error>(self, n: f64) -> Result<Self::Value, E> {
                match whole(n) {
                    Some(n) => self.visit_u64(n),
                    None => Err(E::custom(format!("{n} is not accepted, only {}", T::ACCEPTED))),
                }
            }
            fn visit_str<E: de::Error>(self, word: &str) -> Result<Self::Value, E> {
                match T::of_word(word) {
                    Some(v) => Ok(NumberOrWord(Some(v))),
                    None => Err(E::custom(format!("{} is not accepted, only {}", shown(word), T::ACCEPTED))),
                }
            }
            fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
                Ok(NumberOrWord(None))
            }
        }
        d.deserialize_any(Visitor(std::marker::PhantomData))
    }
}

/// 1, 2, `"OptIn"` or `"OptOut"` in any letter case; `null` is as good as absent.
pub(super) fn preference_type<'de, D: Deserializer<'de>>(d: D) -> Result<Option<PreferenceType>, D::Error> {
    NumberOrWord::deserialize(d).map(|v| v.0)
}

/// 1 to 4, or the word in any letter case; `null` is as good as absent.
pub(super) fn consent_status<'de, D: Deserializer<'de>>(d: D) -> Result<Option<ConsentStatus>, D::Error> {
    NumberOrWord::deserialize(d).map(|v| v.0)
}
