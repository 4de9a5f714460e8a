//! `LastDateTime` (export.md, Initiate), against an oracle of its own: a grammar as a regular expression, the calendar of another
//! library, and the rule of daylight saving time as the law of 2007 has it.

use std::sync::LazyLock;

use jiff::civil::{DateTime, Weekday, date};
use regex::Regex;
use sayso_model::moment::{Moment, parse_date_time, round_up};

const HOUR: i64 = 3_600_000;
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

static GRAMMAR: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?(?:(Z)|([+-])([0-9]{2}):?([0-9]{2}))?$";
    Regex::new(pattern).expect("the pattern is well formed")
});

/// Lines of dates. Each is read as the oracle reads it; what was read writes itself so that it reads the same; rounding is
/// export.md's table, and keeps the order of any two.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut moments = Vec::new();
    for line in text.split('\n') {
        let read = parse_date_time(line);
        match (&read, expected(line)) {
            (Ok(moment), Expected::Exactly(other)) => assert_eq!(*moment, other, "{line}"),
            (Ok(moment), Expected::Between(from, to)) => assert!((from..=to).contains(moment), "{line}: {moment:?}"),
            (Ok(moment), Expected::Refusal) => panic!("{line:?} was read as {moment}"),
            (Err(error), Expected::Exactly(_)) => panic!("{line:?} was refused: {error}"),
            // the first and last days of the calendar, which a zone may take beyond it
            (Err(error), Expected::Refusal | Expected::Between(..)) => {
                assert!(error.to_string().contains("accepted: "), "{error}");
            }
        }
        moments.extend(read);
    }
    for moment in &moments {
        assert_eq!(parse_date_time(&moment.to_string()).as_ref(), Ok(moment));
        for near in (moment.0..moment.0 + 10).map(Moment) {
            let (ten, digit) = (near.0.div_euclid(10) * 10, near.0.rem_euclid(10));
            assert_eq!(round_up(near), Moment(ten + [3, 3, 3, 7, 7, 7, 7, 10, 10, 10][digit as usize]), "{near:?}");
        }
    }
    for pair in moments.windows(2) {
        assert!(pair[0] > pair[1] || round_up(pair[0]) <= round_up(pair[1]), "{pair:?}");
    }
}

enum Expected {
    Refusal,
    Exactly(Moment),
    /// Refused, or between these.
    Between(Moment, Moment),
}

fn expected(text: &str) -> Expected {
    let Some(parts) = GRAMMAR.captures(text) else { return Expected::Refusal };
    let number = |n: usize| parts.get(n).map_or(0, |m| m.as_str().parse::<i64>().expect("up to four digits"));
    let small = |n: usize| number(n) as i8;
    let millis = format!("{:0<3.3}", parts.get(7).map_or("", |m| m.as_str())).parse::<i32>().expect("three digits");
    let nanos = millis * 1_000_000;
    let civil = DateTime::new(number(1) as i16, small(2), small(3), small(4), small(5), small(6), nanos);
    let Ok(civil) = civil else { return Expected::Refusal };
    let local = civil.duration_since(EPOCH).as_millis() as i64;
    let exactly = |ms: i64| {
        let within = (Moment::FIRST.0..=Moment::LAST.0).contains(&ms);
        if within { Expected::Exactly(Moment(ms)) } else { Expected::Refusal }
    };
    match (parts.get(8), parts.get(9)) {
        (Some(_), _) => exactly(local),
        (_, Some(_)) if number(10) > 23 || number(11) > 59 => Expected::Refusal,
        (_, Some(sign)) => {
            let ahead = (number(10) * 60 + number(11)) * 60_000;
            exactly(if sign.as_str() == "+" { local - ahead } else { local + ahead })
        }
        (None, None) if (2007..9999).contains(&civil.year()) => exactly(local + eastern(civil)),
        // other laws, and the mean time of New York before there was one: four to five hours behind
        (None, None) => Expected::Between(Moment(local + 4 * HOUR), Moment(local + 5 * HOUR)),
    }
}

/// How far US Eastern time is behind, since 2007: daylight saving from the second Sunday of March to the first of November, at two.
/// A time that doesn't exist moves forward, of one that occurs twice the earlier counts.
fn eastern(civil: DateTime) -> i64 {
    let sunday = |month: i8, nth: i8| {
        let first = date(civil.year(), month, 1);
        first.nth_weekday_of_month(nth, Weekday::Sunday).expect("every month has two Sundays").at(2, 0, 0, 0)
    };
    let skipped = sunday(3, 2);
    let begins = skipped.with().hour(3).build().expect("three o'clock exists");
    if begins <= civil && civil < sunday(11, 1) { 4 * HOUR } else { 5 * HOUR }
}
