//! What a caller is told of JSON that can't be read, with the way to the fault.

use serde_path_to_error::Error;

use crate::refusal::Refusal;

/// The refusal of what ended a reading.
pub fn unreadable(ended: Error<serde_json::Error>) -> Refusal {
    let (path, error) = (ended.path().to_string(), ended.into_inner());
    // Where a member's name can't be read, the way to it ends with a question mark; one that could be read may be `?` as well.
    let path = if error.is_data() { &path[..] } else { path.strip_suffix(".?").unwrap_or(&path) };
    let path = if matches!(path, "." | "?") { "" } else { path };
    Refusal::invalid(path, if error.is_data() { error.to_string() } else { words(path, &error) })
}

/// The refusal of what follows a value that is whole.
pub fn trailing(error: serde_json::Error) -> Refusal {
    Refusal::invalid("", words("", &error))
}

/// Not "is no JSON": a number may be, and still be too large for any machine to hold.
fn words(path: &str, error: &serde_json::Error) -> String {
    match (path, error.line(), error.column()) {
        ("", 1, 0) if error.is_eof() => "nothing was sent where JSON is expected".to_owned(),
        ("", ..) => format!("what was sent can't be read as JSON: {error}"),
        _ => format!("can't be read as JSON: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use crate::input::parse_profile;

    #[test]
    fn what_is_not_json_is_told_as_such_with_the_way_to_it() {
        for (sent, told) in [
            ("", "nothing was sent where JSON is expected"),
            ("hello", "what was sent can't be read as JSON: expected value at line 1 column 1"),
            ("{", "what was sent can't be read as JSON: EOF while parsing an object at line 1 column 1"),
            ("{} x", "what was sent can't be read as JSON: trailing characters at line 1 column 4"),
            (r#"{"IsActive":nope}"#, "IsActive: can't be read as JSON: expected ident at line 1 column 14"),
            (r#"{"Emails":[{"#, "Emails[0]: can't be read as JSON: EOF while parsing an object at line 1 column 12"),
        ] {
            assert_eq!(parse_profile(sent.as_bytes()).unwrap_err().to_string(), told, "{sent}");
        }
        let unknown = parse_profile(br#"{"Emails":[{"?":1}]}"#).unwrap_err();
        assert_eq!(unknown.path, "Emails[0].?", "that is its name");
    }
}
