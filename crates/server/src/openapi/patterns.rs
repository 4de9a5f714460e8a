//! Regular expressions that several schemas need, by name: `pattern = "{text}"` beside a member stands for the expression of `text`.
//! They are of the dialect that JSON Schema asks for (ECMA-262), kept to what others read the same.

use serde_json::Value;

/// Control characters, as the inner part of a class.
macro_rules! control {
    () => {
        r"\u0000-\u001f\u007f-\u009f"
    };
}

/// A date, days of months and leap years told exactly; years 0001 to 9998, which exist in every time zone.
macro_rules! date {
    () => {
        concat!(
            r"(?:(?!0000|9999)[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))",
            r"|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)-02-29)"
        )
    };
}

/// A time with up to nine decimals, and a zone if it has one.
macro_rules! time {
    () => {
        r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?(?:Z|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])?"
    };
}

const PATTERNS: [(&str, &str); 13] = [
    // not blank, no control characters
    ("{text}", concat!("^[^", control!(), "]*[^\\s", control!(), "][^", control!(), "]*$")),
    // the same, without spaces at its ends
    ("{name}", concat!("^[^\\s", control!(), "](?:[^", control!(), "]*[^\\s", control!(), "])?$")),
    // no spaces and nothing that a scope or a signature is split at
    ("{user-id}", concat!("^[^/:\\s", control!(), "]+$")),
    // one @ with something before and after it, no spaces
    ("{email}", concat!("^[^@\\s", control!(), "]+@[^@\\s", control!(), "]+$")),
    // at least one digit
    ("{phone}", concat!("^[^", control!(), "]*[0-9][^", control!(), "]*$")),
    ("{date-time}", concat!("^", date!(), time!(), "$")),
    ("{date}", concat!("^", date!(), "(?:", time!(), ")?$")),
    // visible ASCII
    ("{key}", "^[!-~]{1,255}$"),
    ("{https}", r"^https://[a-z]+(?:\.[a-z]+)*(?::[1-9][0-9]{0,3})?(?:/[A-Za-z0-9._~/-]*)?(?:\?[A-Za-z0-9._~=&-]*)?$"),
    ("{alternate-id}", "^[Aa][Ll][Tt][Ee][Rr][Nn][Aa][Tt][Ee][Ii][Dd]$"),
    (
        "{channel}",
        concat!(
            "^(?:[Pp][Hh][Oo][Nn][Ee]|[Tt][Ee][Xx][Tt]|[Ee][Mm][Aa][Ii][Ll]|",
            "[Mm][Aa][Ii][Ll]|[Ff][Aa][Xx]|[Ss][Oo][Ll][Ii][Cc][Ii][Tt])$"
        ),
    ),
    ("{profile-id}", "^[Pp][Rr][Oo][Ff][Ii][Ll][Ee][Ii][Dd]$"),
    (
        "{email-or-phone}",
        "^(?:[Ee][Mm][Aa][Ii][Ll][Aa][Dd][Dd][Rr][Ee][Ss][Ss]|[Pp][Hh][Oo][Nn][Ee][Nn][Uu][Mm][Bb][Ee][Rr])$",
    ),
];

/// The expression of a name, in braces.
pub(super) fn named(name: &str) -> Option<&'static str> {
    PATTERNS.iter().find(|(known, _)| *known == name).map(|(_, pattern)| *pattern)
}

/// Puts the expressions where the names stand.
pub(super) fn expand(value: &mut Value) {
    match value {
        Value::Object(object) => {
            for (key, value) in object.iter_mut() {
                match value {
                    Value::String(text) if key == "pattern" => {
                        if let Some(pattern) = named(text) {
                            *text = pattern.to_owned();
                        }
                    }
                    _ => expand(value),
                }
            }
        }
        Value::Array(array) => array.iter_mut().for_each(expand),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use sayso_model::moment::{Choice, parse_customer_date, parse_date_time};

    use super::*;

    #[test]
    fn dates_match_exactly_when_the_server_reads_them() {
        // without look-ahead, which the regex crate hasn't; the years that it excludes aren't among the samples
        let regex = |name| regex::Regex::new(&named(name).unwrap().replace("(?!0000|9999)", "")).unwrap();
        let (date, date_time) = (regex("{date}"), regex("{date-time}"));
        let mut samples = Vec::new();
        for day in [
            "2024-02-29",
            "2023-02-29",
            "1900-02-29",
            "2000-02-29",
            "0004-02-29",
            "0400-02-29",
            "0100-02-29",
            "2026-04-31",
            "2026-04-30",
            "2026-12-31",
            "2026-12-32",
            "2026-13-01",
            "2026-00-01",
            "2026-01-00",
            "26-01-01",
            "2026-1-01",
            "2026/01/01",
        ] {
            samples.push(day.to_owned());
            for time in [
                "T00:00:00",
                "T23:59:59.999999999Z",
                "T24:00:00",
                "T10:60:00",
                "T10:00:60",
                "T10:00",
                "T10:00:00.Z",
                "T10:00:00.1234567890",
                "T10:00:00+05:30",
                "T10:00:00-0500",
                "T10:00:00+24:00",
                "T10:00:00+5",
                " 10:00:00",
                "t10:00:00",
                "T10:00:00z",
                "T10:00:00Z ",
            ] {
                samples.push(format!("{day}{time}"));
            }
        }
        for sample in samples {
            assert_eq!(date.is_match(&sample), parse_customer_date(&sample, Choice::In).is_ok(), "{sample}");
            assert_eq!(date_time.is_match(&sample), parse_date_time(&sample).is_ok(), "{sample}");
        }
    }

    #[test]
    fn texts_are_not_blank_and_have_no_control_characters() {
        let text = regex::Regex::new(named("{text}").unwrap()).unwrap();
        for good in ["a", " a", "ü ", "a b", "日本"] {
            assert!(text.is_match(good), "{good:?}");
        }
        for bad in ["", " ", "\u{a0}", "a\n", "\u{85}", "a\u{0}b"] {
            assert!(!text.is_match(bad), "{bad:?}");
        }
    }
}
