//! Instants in milliseconds, the dates of the wire, US Eastern time and the vendor's rounding.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// An instant: milliseconds since 1970-01-01T00:00:00Z. On the wire `2026-11-24T10:00:00.000Z` (profile.md, output dates).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub i64);

impl Moment {
    /// `days` × 24 h later; saturates at the ends of the calendar.
    pub fn plus_days(self, days: u32) -> Moment {
        Moment(self.0.saturating_add(i64::from(days) * 86_400_000))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!("wire form, without allocation")
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        parse_date_time(&text).map_err(D::Error::custom)
    }
}

/// A date that could not be read; its text says what was seen and what is accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DateError(pub String);

/// Reads `YYYY-MM-DDTHH:mm:ss[.f…]` with `Z` or an offset; without a zone it is US Eastern time, a time in the spring gap
/// moves forward, of one that occurs twice the earlier counts (export.md, `LastDateTime`; profile.md, `ConsentDate`).
/// Fractions beyond milliseconds are cut off, so that the moment is never later than what the caller wrote.
pub fn parse_date_time(_text: &str) -> Result<Moment, DateError> {
    todo!()
}

/// Whether a choice is for or against: decides the hour of a date alone and the second of two equal clock times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Opt-in: a date alone is its first second; of a time that occurs twice the earlier counts.
    In,
    /// Opt-out: a date alone is its last second 23:59:59; of a time that occurs twice the later counts.
    Out,
}

/// Reads a `CustomerDate` (profile.md, Rules).
pub fn parse_customer_date(_text: &str, _choice: Choice) -> Result<Moment, DateError> {
    todo!()
}

/// The vendor's rounding of `LastDateTime` (export.md, Initiate): the last digit of the milliseconds moves up, 0–2 → 3, 3–6 → 7,
/// 7–9 → 0 of the next ten. Monotone, so comparing two rounded moments never loses a change.
pub fn round_up(_moment: Moment) -> Moment {
    todo!()
}
