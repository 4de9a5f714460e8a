//! Reading dates that callers wrote.

use std::sync::LazyLock;

use jiff::{Timestamp, tz::TimeZone};

use super::{Choice, DAY, DateError, Moment, days_of_date};
use crate::refusal::shown;

static EASTERN: LazyLock<TimeZone> =
    LazyLock::new(|| TimeZone::get("America/New_York").expect("the time zone database is part of the program"));

const ACCEPTED: &str = "accepted: YYYY-MM-DDTHH:mm:ss with up to 9 decimals, then Z, an offset such as -05:00, or nothing \
                        for US Eastern time";

/// Reads `YYYY-MM-DDTHH:mm:ss[.f…]` with `Z` or an offset; without a zone it is US Eastern time, a time in the spring gap
/// moves forward, of one that occurs twice the earlier counts (export.md, `LastDateTime`; profile.md, `ConsentDate`).
/// Fractions beyond milliseconds are cut off, so that the moment is never later than what the caller wrote.
pub fn parse_date_time(text: &str) -> Result<Moment, DateError> {
    read(text, Choice::In, false).map_err(|why| {
        let what = if text.len() == 10 { "a time is missing" } else { why };
        DateError(format!("{} is no date and time: {what}; {ACCEPTED}", shown(text)))
    })
}

/// Reads a `CustomerDate` (profile.md, Rules): as [`parse_date_time`], or a date alone, which is the first second of the day
/// in US Eastern time for an opt-in and the last for an opt-out.
pub fn parse_customer_date(text: &str, choice: Choice) -> Result<Moment, DateError> {
    read(text, choice, true)
        .map_err(|why| DateError(format!("{} is no date: {why}; {ACCEPTED}; or a date alone, YYYY-MM-DD", shown(text))))
}

/// Reads the date of a signed header (access.md): with `Z` or an offset that instant; without, every moment at which UTC's or US Eastern
/// clocks show it, of which there are one to three.
pub fn parse_issued(text: &str) -> Result<Vec<Moment>, DateError> {
    let error = |why: &str| DateError(format!("{} is no date and time: {why}; {ACCEPTED} or UTC", shown(text)));
    let first = read(text, Choice::In, false).map_err(error)?;
    let Ok(utc) = read(&format!("{text}Z"), Choice::In, false) else { return Ok(vec![first]) };
    let mut moments = vec![utc];
    let shows = |moment: &Moment| {
        let offset = Timestamp::from_millisecond(moment.0).map(|at| EASTERN.to_offset(at).seconds());
        // In the spring gap the moment that was moved forward shows another time.
        offset.is_ok_and(|seconds| moment.0 + i64::from(seconds) * 1000 == utc.0)
    };
    moments.extend(Some(first).filter(shows));
    moments.extend(read(text, Choice::Out, false).ok().filter(|second| *second != first).filter(shows));
    Ok(moments)
}

/// A clock and calendar reading; the time zone is not part of it.
#[derive(Clone, Copy)]
struct Civil {
    year: i64,
    month: i64,
    day: i64,
    /// Milliseconds since midnight.
    time: i64,
}

fn read(text: &str, choice: Choice, date_alone: bool) -> Result<Moment, &'static str> {
    let b = text.as_bytes();
    let (Some(date), rest) = (b.get(..10), b.get(10..).unwrap_or_default()) else {
        return Err("it is too short");
    };
    if date[4] != b'-' || date[7] != b'-' {
        return Err("it does not begin with YYYY-MM-DD");
    }
    let (year, month, day) = (number(&date[..4])?, number(&date[5..7])?, number(&date[8..])?);
    if !(1..=12).contains(&month) {
        return Err("months go from 01 to 12");
    }
    if day < 1 || day > days_in(year, month) {
        return Err("the month has no such day");
    }
    if rest.is_empty() {
        if !date_alone {
            return Err("a time is missing");
        }
        let time = if choice == Choice::In { 0 } else { DAY - 1000 };
        return eastern(Civil { year, month, day, time }, choice);
    }
    let (time, zone) = read_time(rest)?;
    let civil = Civil { year, month, day, time };
    if zone.is_empty() {
        return eastern(civil, choice);
    }
    let utc = days_of_date(year, month, day) * DAY + time - read_offset(zone)?;
    let moment = Moment(utc);
    if moment < Moment::FIRST || moment > Moment::LAST {
        Err("it is outside of years 0000 to 9999")
    } else {
        Ok(moment)
    }
}

/// Reads `THH:mm:ss[.f…]`: milliseconds since midnight, and what follows.
fn read_time(b: &[u8]) -> Result<(i64, &[u8]), &'static str> {
    let (Some(time), rest) = (b.get(..9), b.get(9..).unwrap_or_default()) else {
        return Err("the time is not THH:mm:ss");
    };
    if time[0] != b'T' || time[3] != b':' || time[6] != b':' {
        return Err("the time is not THH:mm:ss");
    }
    let (hour, minute, second) = (number(&time[1..3])?, number(&time[4..6])?, number(&time[7..9])?);
    if hour > 23 || minute > 59 || second > 59 {
        return Err("times go from 00:00:00 to 23:59:59");
    }
    let whole = (hour * 60 + minute) * 60_000 + second * 1000;
    let Some(fraction) = rest.strip_prefix(b".") else {
        return Ok((whole, rest));
    };
    let digits = fraction.iter().take_while(|c| c.is_ascii_digit()).count();
    if digits == 0 || digits > 9 {
        return Err("a fraction of a second has 1 to 9 digits");
    }
    let ms = (0..3).fold(0, |ms, i| ms * 10 + if i < digits { i64::from(fraction[i] - b'0') } else { 0 });
    Ok((whole + ms, &fraction[digits..]))
}

/// Reads `Z`, `+HH:MM` or `+HHMM`: milliseconds ahead of UTC.
fn read_offset(b: &[u8]) -> Result<i64, &'static str> {
    const WHY: &str = "what follows the time is neither Z nor an offset";
    let (sign, hour, minute) = match b {
        b"Z" => return Ok(0),
        [sign, h1, h2, b':', m1, m2] | [sign, h1, h2, m1, m2] => (sign, [*h1, *h2], [*m1, *m2]),
        _ => return Err(WHY),
    };
    let (hour, minute) = (number(&hour).map_err(|_| WHY)?, number(&minute).map_err(|_| WHY)?);
    if hour > 23 || minute > 59 {
        return Err("offsets go up to 23:59");
    }
    let offset = (hour * 60 + minute) * 60_000;
    match sign {
        b'+' => Ok(offset),
        b'-' => Ok(-offset),
        _ => Err(WHY),
    }
}

fn number(b: &[u8]) -> Result<i64, &'static str> {
    b.iter().try_fold(0, |n, c| {
        if c.is_ascii_digit() { Ok(n * 10 + i64::from(c - b'0')) } else { Err("a digit is missing where one belongs") }
    })
}

fn days_in(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn eastern(c: Civil, choice: Choice) -> Result<Moment, &'static str> {
    const WHY: &str = "it is outside of years 0000 to 9999";
    let as_if_utc = days_of_date(c.year, c.month, c.day) * DAY + c.time;
    let at = TimeZone::UTC.to_datetime(Timestamp::from_millisecond(as_if_utc).map_err(|_| WHY)?);
    let ambiguous = EASTERN.to_ambiguous_timestamp(at);
    // Both move a time in the spring gap forward; they differ for one that occurs twice.
    let instant = match choice {
        Choice::In => ambiguous.compatible(),
        Choice::Out => ambiguous.later(),
    };
    let moment = Moment(instant.map_err(|_| WHY)?.as_millisecond());
    if moment > Moment::LAST { Err(WHY) } else { Ok(moment) }
}
