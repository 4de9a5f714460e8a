//! Instants in milliseconds, the dates of the wire, US Eastern time and the vendor's rounding.
//!
//! Stored rows hold dates in one form only, and a row is read back whenever its profile changes: that form is parsed and
//! written by hand, without allocation. Only times without a zone ask the time zone database.

mod read;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

pub use read::{parse_customer_date, parse_date_time, parse_issued};

/// An instant: milliseconds since 1970-01-01T00:00:00Z. On the wire `2026-11-24T10:00:00.000Z` (profile.md, output dates).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub i64);

const DAY: i64 = 86_400_000;

impl Moment {
    /// The first moment that the wire form can show: 0000-01-01T00:00:00.000Z.
    pub const FIRST: Moment = Moment(-62_167_219_200_000);
    /// The last moment that the wire form can show: 9999-12-31T23:59:59.999Z.
    pub const LAST: Moment = Moment(253_402_300_799_999);

    /// `days` × 24 h later; not beyond [`Moment::LAST`].
    pub fn plus_days(self, days: u32) -> Moment {
        Moment(self.0.saturating_add(i64::from(days) * DAY)).min(Moment::LAST)
    }

    /// The wire form as ASCII, without allocation. A moment beyond [`Moment::FIRST`] or [`Moment::LAST`] shows as these.
    pub fn wire(self) -> [u8; 24] {
        let ms = self.0.clamp(Moment::FIRST.0, Moment::LAST.0);
        let (days, ms) = (ms.div_euclid(DAY), ms.rem_euclid(DAY));
        let (year, month, day) = date_of_days(days);
        let mut out = *b"0000-00-00T00:00:00.000Z";
        // Numbers of 32 bits are divided several times faster.
        let (year, ms) = (year as u32, ms as u32);
        let mut put = |at: usize, n: u32| {
            out[at] = b'0' + (n / 10) as u8;
            out[at + 1] = b'0' + (n % 10) as u8;
        };
        put(0, year / 100);
        put(2, year % 100);
        put(5, month as u32);
        put(8, day as u32);
        put(11, ms / 3_600_000);
        put(14, ms / 60_000 % 60);
        put(17, ms / 1000 % 60);
        put(20, ms % 1000 / 10);
        out[22] = b'0' + (ms % 10) as u8;
        out
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.wire()).expect("digits and punctuation are ASCII"))
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(std::str::from_utf8(&self.wire()).expect("digits and punctuation are ASCII"))
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = crate::text::Text::deserialize(d)?;
        parse_date_time(&text.0).map_err(D::Error::custom)
    }
}

/// A date that could not be read; its text says what was seen and what is accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DateError(pub String);

/// Whether a choice is for or against: decides the hour of a date alone and the second of two equal clock times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Opt-in: a date alone is its first second; of a time that occurs twice the earlier counts.
    In,
    /// Opt-out: a date alone is its last second 23:59:59; of a time that occurs twice the later counts.
    Out,
}

/// The vendor's rounding of `LastDateTime` (export.md, Initiate): the last digit of the milliseconds moves up, 0–2 → 3, 3–6 → 7,
/// 7–9 → 0 of the next ten. Monotone, so comparing two rounded moments never loses a change.
pub fn round_up(moment: Moment) -> Moment {
    let digit = moment.0.rem_euclid(10);
    let step = match digit {
        0..=2 => 3 - digit,
        3..=6 => 7 - digit,
        _ => 10 - digit,
    };
    Moment(moment.0.saturating_add(step))
}

/// Year, month and day of a number of days since 1970-01-01 in the proleptic Gregorian calendar. Counted from 1 March of
/// year 0, so that the leap day is the last of its year and the lengths of months repeat every five.
fn date_of_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// The inverse of [`date_of_days`].
fn days_of_date(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let from_march = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * from_march + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}
