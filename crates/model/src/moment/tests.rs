use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Moment {
    parse_date_time(text).unwrap()
}

fn seen_as(text: &str, wire: &str) {
    assert_eq!(at(text).to_string(), wire, "{text}");
}

#[test]
fn a_moment_shows_in_utc_with_milliseconds() {
    assert_eq!(Moment(0).to_string(), "1970-01-01T00:00:00.000Z");
    assert_eq!(Moment(-1).to_string(), "1969-12-31T23:59:59.999Z");
    assert_eq!(Moment(951_782_400_000).to_string(), "2000-02-29T00:00:00.000Z");
    assert_eq!(serde_json::to_string(&Moment(5)).unwrap(), "\"1970-01-01T00:00:00.005Z\"");
}

#[test]
fn moments_beyond_the_calendar_show_as_its_ends() {
    assert_eq!(Moment(i64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
    assert_eq!(Moment(i64::MIN).to_string(), "0000-01-01T00:00:00.000Z");
    assert_eq!(Moment(0).plus_days(u32::MAX), Moment::LAST);
}

#[test]
fn a_zone_makes_it_that_instant() {
    seen_as("2026-11-24T10:00:00Z", "2026-11-24T10:00:00.000Z");
    seen_as("2026-11-24T10:00:00+05:30", "2026-11-24T04:30:00.000Z");
    seen_as("2026-11-24T10:00:00-0500", "2026-11-24T15:00:00.000Z");
    seen_as("2026-01-01T00:00:00.5+00:00", "2026-01-01T00:00:00.500Z");
    seen_as("2024-02-29T23:59:59-23:59", "2024-03-01T23:58:59.000Z");
}

#[test]
fn without_a_zone_it_is_us_eastern_time() {
    seen_as("2026-01-15T12:00:00", "2026-01-15T17:00:00.000Z");
    seen_as("2026-07-15T12:00:00.25", "2026-07-15T16:00:00.250Z");
}

#[test]
fn a_time_in_the_spring_gap_moves_forward() {
    // The clocks went from 01:59:59 to 03:00:00 on 8 March 2026.
    seen_as("2026-03-08T01:59:59.999", "2026-03-08T06:59:59.999Z");
    seen_as("2026-03-08T02:00:00", "2026-03-08T07:00:00.000Z");
    seen_as("2026-03-08T02:30:00", "2026-03-08T07:30:00.000Z");
    seen_as("2026-03-08T03:00:00", "2026-03-08T07:00:00.000Z");
    assert_eq!(parse_customer_date("2026-03-08T02:30:00", Choice::Out).unwrap(), at("2026-03-08T07:30:00Z"));
}

#[test]
fn of_a_time_that_occurs_twice_the_earlier_counts() {
    // The clocks went from 01:59:59 back to 01:00:00 on 1 November 2026.
    seen_as("2026-11-01T00:59:59.999", "2026-11-01T04:59:59.999Z");
    seen_as("2026-11-01T01:00:00", "2026-11-01T05:00:00.000Z");
    seen_as("2026-11-01T01:59:59.999", "2026-11-01T05:59:59.999Z");
    seen_as("2026-11-01T02:00:00", "2026-11-01T07:00:00.000Z");
    assert_eq!(parse_customer_date("2026-11-01T01:30:00", Choice::In).unwrap(), at("2026-11-01T05:30:00Z"));
}

#[test]
fn for_an_opt_out_the_later_counts() {
    assert_eq!(parse_customer_date("2026-11-01T01:30:00", Choice::Out).unwrap(), at("2026-11-01T06:30:00Z"));
    assert_eq!(parse_customer_date("2026-11-01T02:00:00", Choice::Out).unwrap(), at("2026-11-01T07:00:00Z"));
}

#[test]
fn a_date_alone_is_the_first_second_of_an_opt_in_and_the_last_of_an_opt_out() {
    assert_eq!(parse_customer_date("2026-01-15", Choice::In).unwrap(), at("2026-01-15T05:00:00Z"));
    assert_eq!(parse_customer_date("2026-01-15", Choice::Out).unwrap(), at("2026-01-16T04:59:59Z"));
    assert_eq!(parse_customer_date("2026-03-08", Choice::In).unwrap(), at("2026-03-08T05:00:00Z"));
    assert_eq!(parse_customer_date("2026-03-08", Choice::Out).unwrap(), at("2026-03-09T03:59:59Z"));
}

#[test]
fn digits_beyond_milliseconds_are_cut_off() {
    seen_as("2026-11-24T10:00:00.999999999Z", "2026-11-24T10:00:00.999Z");
    seen_as("1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z");
    seen_as("2026-11-24T10:00:00.0019Z", "2026-11-24T10:00:00.001Z");
}

#[test]
fn anything_else_is_refused_with_what_was_seen_and_what_is_accepted() {
    for text in [
        "",
        "yesterday",
        "2026-11-24",
        "2026-11-24 10:00:00Z",
        "2026-11-24t10:00:00Z",
        "2026-11-24T10:00Z",
        "2026-11-24T10:00:00z",
        "2026-11-24T10:00:00.Z",
        "2026-11-24T10:00:00.1234567890Z",
        "2026-11-24T10:00:00+05",
        "2026-11-24T10:00:00+24:00",
        "2026-11-24T10:00:00Z ",
        " 2026-11-24T10:00:00Z",
        "2026-02-29T10:00:00Z",
        "1900-02-29T10:00:00Z",
        "2026-04-31T10:00:00Z",
        "2026-13-01T10:00:00Z",
        "2026-00-01T10:00:00Z",
        "2026-01-00T10:00:00Z",
        "2026-11-24T24:00:00Z",
        "2026-12-31T23:59:60Z",
        "+002026-11-24T10:00:00Z",
        "0000-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "9999-12-31T23:59:59",
        "２０26-11-24T10:00:00Z",
        "2026-11-24T10:00:00[America/New_York]",
    ] {
        let error = parse_date_time(text).unwrap_err().to_string();
        assert!(error.contains(&format!("{text:?}")) && error.contains("YYYY-MM-DDTHH:mm:ss"), "{error}");
    }
    assert!(parse_customer_date("2026-02-29", Choice::In).is_err());
    assert!(parse_customer_date("2026-2-9", Choice::In).is_err());
}

#[test]
fn the_last_digit_of_the_milliseconds_moves_up() {
    let moved = [3, 3, 3, 7, 7, 7, 7, 10, 10, 10];
    for (digit, to) in moved.into_iter().enumerate() {
        assert_eq!(round_up(Moment(1230 + digit as i64)), Moment(1230 + to));
        assert_eq!(round_up(Moment(-1230 + digit as i64)), Moment(-1230 + to));
    }
}

#[test]
fn rounding_carries_into_the_next_year() {
    for ms in ["997", "998", "999"] {
        let rounded = round_up(at(&format!("2026-12-31T23:59:59.{ms}Z")));
        assert_eq!(rounded.to_string(), "2027-01-01T00:00:00.000Z");
    }
    assert_eq!(round_up(at("2026-12-31T23:59:59.996Z")).to_string(), "2026-12-31T23:59:59.997Z");
}

#[test]
fn rounding_ends_at_the_last_integer() {
    assert_eq!(round_up(Moment(i64::MAX)), Moment(i64::MAX));
}

proptest! {
    #[test]
    fn rounding_never_changes_the_order(a in any::<i64>(), b in -20i64..20) {
        let (a, b) = (Moment(a), Moment(a.saturating_add(b)));
        prop_assert!((a <= b) <= (round_up(a) <= round_up(b)));
        prop_assert!(round_up(a) > a || a.0 == i64::MAX);
    }

    #[test]
    fn the_wire_form_is_what_the_time_library_says_and_reads_back(ms in Moment::FIRST.0..Moment::LAST.0 - 200_000_000) {
        let moment = Moment(ms);
        let text = moment.to_string();
        prop_assert_eq!(&text, &format!("{:.3}", jiff::Timestamp::from_millisecond(ms).unwrap()));
        prop_assert_eq!(parse_date_time(&text), Ok(moment));
    }

    #[test]
    fn dates_with_an_offset_are_what_the_time_library_says(
        ms in Moment::FIRST.0 + 200_000_000..Moment::LAST.0 - 200_000_000, minutes in -1439i64..=1439,
    ) {
        let local = Moment(ms + minutes * 60_000).to_string();
        let offset = format!("{}{:02}:{:02}", if minutes < 0 { '-' } else { '+' }, minutes.abs() / 60, minutes.abs() % 60);
        prop_assert_eq!(parse_date_time(&local.replace('Z', &offset)), Ok(Moment(ms)));
    }

    #[test]
    fn no_text_makes_it_panic(text in ".*") {
        let _ = parse_date_time(&text);
        let _ = parse_customer_date(&text, Choice::Out);
    }

    #[test]
    fn no_text_that_looks_like_a_date_makes_it_panic(text in "[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.Z+-]{0,20})?") {
        // jiff takes more than we do (leap seconds, other offsets); where both take a text they agree.
        if let (Ok(jiff), Ok(ours), true) = (text.parse::<jiff::Timestamp>(), parse_date_time(&text), text.ends_with('Z')) {
            prop_assert_eq!(i128::from(ours.0), jiff.as_nanosecond().div_euclid(1_000_000));
        }
        let _ = parse_customer_date(&text, Choice::Out);
    }
}

#[test]
fn the_date_of_a_signed_header_is_taken_as_utc_and_as_us_eastern_time() {
    let all = |text: &str| parse_issued(text).unwrap().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(all("2026-06-15T12:00:00Z"), ["2026-06-15T12:00:00.000Z"]);
    assert_eq!(all("2026-06-15T12:00:00-04:00"), ["2026-06-15T16:00:00.000Z"]);
    assert_eq!(all("2026-06-15T12:00:00"), ["2026-06-15T12:00:00.000Z", "2026-06-15T16:00:00.000Z"]);
    assert_eq!(all("2026-01-15T12:00:00.5"), ["2026-01-15T12:00:00.500Z", "2026-01-15T17:00:00.500Z"]);
    // Twice in autumn, and in spring at no time at all.
    let twice = ["2026-11-01T01:30:00.000Z", "2026-11-01T05:30:00.000Z", "2026-11-01T06:30:00.000Z"];
    assert_eq!(all("2026-11-01T01:30:00"), twice);
    assert_eq!(all("2026-03-08T02:30:00"), ["2026-03-08T02:30:00.000Z"]);
    for wrong in ["", "2026-06-15", "2026-06-15T12:00", "2026-06-15 12:00:00Z", "yesterday", "2026-06-15T12:00:00ZZ"] {
        assert!(parse_issued(wrong).is_err(), "{wrong}");
    }
}
