//! Dates as profile.md has them: output in UTC with milliseconds, input without a zone in US Eastern time.

use jiff::{Timestamp, civil, tz::TimeZone};

pub const DAY: i64 = 86_400_000;

/// ms as a date of the wire.
pub fn wire(ms: i64) -> String {
    format!("{:.3}", Timestamp::from_millisecond(ms).unwrap())
}

/// A date of the wire as ms.
pub fn millis(date: &str) -> i64 {
    date.parse::<Timestamp>().unwrap().as_millisecond()
}

/// A `CustomerDate` or, as of an opt-in, a `ConsentDate`; `None` when it is no date.
pub fn read(date: &str, opt_out: bool) -> Option<i64> {
    if let Ok(instant) = date.parse::<Timestamp>() {
        return Some(instant.as_millisecond());
    }
    let alone = if opt_out { "23:59:59" } else { "00:00:00" };
    let full = if date.len() == 10 { format!("{date}T{alone}") } else { date.to_owned() };
    let clock: civil::DateTime = full.parse().ok()?;
    let eastern = TimeZone::get("America/New_York").unwrap().to_ambiguous_timestamp(clock);
    // Both move a time in the spring gap forward; of a time that occurs twice the one takes the later, the other the earlier.
    let instant = if opt_out { eastern.later() } else { eastern.compatible() };
    Some(instant.unwrap().as_millisecond())
}
