//! Where each record of a page ends, found without reading JSON: what a reader of gigabytes spends most of its time on otherwise.
//!
//! It works on pages as our server writes them: the records are the last member, they begin as every row of this API does, and nothing
//! but a comma stands between two. In JSON a quotation mark inside a text has a backslash before it, so `},{"ProfileId":` is never part
//! of one: it is where an object of a list ends and the next one begins. Only objects in a list *within* a record could be taken for
//! records, if they began with a ProfileId; the page's Count tells.

use std::ops::Range;

use memchr::memmem;

const LIST: &[u8] = br#""UserProfilePreferences":["#;
const FIRST: &[u8] = br#"{"ProfileId":"#;
const NEXT: &[u8] = br#"},{"ProfileId":"#;
const END: &[u8] = b"]}";

/// How far from a page's beginning the list of records is looked for.
const HEAD: usize = 1_024;

/// A page's text without its records, and the places of those; `None` when it is another kind of page, which has to be read as JSON.
pub(super) fn records(body: &[u8]) -> Option<(Vec<u8>, Vec<Range<usize>>)> {
    let first = memmem::find(&body[..body.len().min(HEAD)], LIST)? + LIST.len();
    let list = body.get(first..)?.strip_suffix(END)?;
    if !list.starts_with(FIRST) || !list.ends_with(b"}") || std::str::from_utf8(body).is_err() {
        return None;
    }
    let mut places = Vec::new();
    let mut from = first;
    for brace in memmem::find_iter(list, NEXT).map(|at| first + at) {
        places.push(from..brace + 1);
        from = brace + 2;
    }
    places.push(from..body.len() - END.len());
    Some(([&body[..first], END].concat(), places))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The records of a page that is cut.
    fn cut(body: &str) -> Option<(String, Vec<&str>)> {
        let (rest, places) = records(body.as_bytes())?;
        Some((String::from_utf8(rest).unwrap(), places.into_iter().map(|place| &body[place]).collect()))
    }

    #[test]
    fn records_are_cut_out_byte_for_byte_whatever_their_texts_hold() {
        let texts = [r#"{"ProfileId":1,"x":"},{\"ProfileId\":2"}"#, r#"{"ProfileId":3,"y":[{"a":"é"},{"b":"]}"}]}"#];
        let body = format!(r#"{{"Count":2,"HasMore":true,"UserProfilePreferences":[{}]}}"#, texts.join(","));
        let rest = r#"{"Count":2,"HasMore":true,"UserProfilePreferences":[]}"#;
        assert_eq!(cut(&body), Some((rest.to_owned(), texts.to_vec())));
        let one = format!(r#"{{"UserProfilePreferences":[{}]}}"#, texts[0]);
        assert_eq!(cut(&one).unwrap().1, texts[..1]);
    }

    #[test]
    fn pages_of_another_kind_are_left_to_be_read() {
        for body in [
            "",
            r#"{"UserProfilePreferences":[]}"#,
            r#"{"UserProfilePreferences":[{"Name":"x"}]}"#,
            r#"{"UserProfilePreferences": [{"ProfileId":1}]}"#,
            r#"{"UserProfilePreferences":[{"ProfileId":1} ]}"#,
            r#"{"UserProfilePreferences":[{"ProfileId":1}],"Count":1}"#,
            r#"{"userprofilepreferences":[{"ProfileId":1}]}"#,
        ] {
            assert_eq!(cut(body), None, "{body}");
        }
        let mut broken = br#"{"UserProfilePreferences":[{"ProfileId":1,"x":"?"}]}"#.to_vec();
        *broken.iter_mut().find(|byte| **byte == b'?').unwrap() = 0xff;
        assert_eq!(records(&broken), None, "not UTF-8");
    }
}
