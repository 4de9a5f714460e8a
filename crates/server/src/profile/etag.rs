//! ETags of profiles, and what a write expects by them (RFC 9110, 13; profile.md: `ETag`/`If-Match` guard a read-modify-write).
//!
//! `"modified-checksum-reading"`: the first two, in hexadecimal, name the state of the stored profile, so that whatever a read left out or
//! added, its tag guards a write; the third tells how it was read ([`super::read`]), which also changes with the hour and the configuration.

use hyper::{
    HeaderMap,
    header::{HeaderName, IF_MATCH, IF_NONE_MATCH},
};
use sayso_model::moment::Moment;
use sayso_store::profiles::{Expected, State, Version};

/// What the tag of a profile in this state begins with.
pub(super) fn state(version: Version) -> String {
    format!("{:x}-{:08x}", version.modified.0, version.checksum)
}

/// What `If-Match` and `If-None-Match: *` ask of the state that a write finds. A weak tag, or one that is none of ours, is a state in
/// which no profile ever is.
pub(super) fn expected(headers: &HeaderMap) -> Expected {
    let sent = tags(headers, IF_MATCH);
    let state = if !headers.contains_key(IF_MATCH) {
        None
    } else if sent.contains(&"*") {
        Some(State::Any)
    } else {
        Some(State::OneOf(sent.into_iter().filter_map(version).collect()))
    };
    Expected { state, none: tags(headers, IF_NONE_MATCH).contains(&"*") }
}

/// The tags of a header's lists.
fn tags(headers: &HeaderMap, name: HeaderName) -> Vec<&str> {
    let mut tags = Vec::new();
    for list in headers.get_all(name).iter().filter_map(|value| value.to_str().ok()) {
        let mut quoted = false;
        let separates = |c: char| {
            quoted ^= c == '"';
            c == ',' && !quoted
        };
        tags.extend(list.split(separates).map(str::trim).filter(|tag| !tag.is_empty()));
    }
    tags
}

fn version(tag: &str) -> Option<Version> {
    let mut parts = tag.strip_prefix('"')?.strip_suffix('"')?.split('-');
    let (modified, checksum, _, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next()) else {
        return None;
    };
    let modified = u64::from_str_radix(modified, 16).ok()?;
    Some(Version { modified: Moment(modified.cast_signed()), checksum: u32::from_str_radix(checksum, 16).ok()? })
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn version_of(n: i64) -> Version {
        Version { modified: Moment(n), checksum: 7 }
    }

    fn wanted(values: &[&str]) -> Option<State> {
        let value = |text: &&str| (IF_MATCH, HeaderValue::from_str(text).unwrap());
        expected(&values.iter().map(value).collect()).state
    }

    fn etag(version: Version, reading: &str) -> String {
        format!("\"{}-{reading}\"", state(version))
    }

    #[test]
    fn a_tag_names_the_state_whatever_was_read() {
        for n in [0, 1_795_514_400_000, -5] {
            let (a, b) = (etag(version_of(n), ""), etag(version_of(n), "5c0ffeeh"));
            assert_ne!(a, b);
            assert_eq!(wanted(&[&a]), Some(State::OneOf(vec![version_of(n)])));
            assert_eq!(wanted(&[&b]), wanted(&[&a]));
        }
    }

    #[test]
    fn if_match_takes_lists_and_a_star_and_no_weak_tags() {
        let (a, b) = (etag(version_of(1), ""), etag(version_of(2), ""));
        let both = Some(State::OneOf(vec![version_of(1), version_of(2)]));
        assert_eq!(wanted(&[&format!("{a} , \"x,y\",{b}")]), both);
        assert_eq!(wanted(&[&a, &b]), both);
        assert_eq!(wanted(&["*"]), Some(State::Any));
        for nobodys in [&*format!("W/{a}"), "", "\"\"", "\"1-2\"", "x", "\"1-2-3-4\"", a.trim_matches('"')] {
            assert_eq!(wanted(&[nobodys]), Some(State::OneOf(vec![])), "{nobodys}");
        }
        assert_eq!(wanted(&[]), None);
    }

    #[test]
    fn if_none_match_with_a_star_expects_nobody() {
        let with = |text| HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static(text))]);
        assert!(expected(&with("*")).none);
        assert!(!expected(&with("\"a\"")).none);
    }
}
