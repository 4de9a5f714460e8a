//! Paths as the vendor's stack takes them: the fixed words of a route in any letter case, and one slash behind the last. Clients
//! written for that stack rely on it (export.md, Addresses, says so of query names). Names that callers choose stay as they are.

use hyper::{Uri, http::uri::PathAndQuery};

/// The words of routes behind the base and the account, by where they stand.
const ASYNC: &[&[&str]] = &[&["Export"], &["Segment", "SegmentGroup"], &["Status", "Commit"]];
const DATA: &[&[&str]] = &[&["Profile"], &["AlternateId", "AlternateIdType"], &[], &["AlternateId"]];

/// The address as the router spells it; `None` when it is spelled so already, or belongs to none of our bases.
pub(crate) fn canonical(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    let mut parts: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    if parts.len() > 1 && parts.last().is_some_and(|last| last.is_empty()) {
        parts.pop();
    }
    let mut rest = parts.as_mut_slice();
    rest = spell(rest, &["Profiles"])?;
    if rest.first().is_some_and(|part| part.eq_ignore_ascii_case("v4")) {
        rest = spell(rest, &["v4"])?;
    }
    let words = if rest.first().is_some_and(|part| part.eq_ignore_ascii_case("Async")) {
        rest = spell(rest, &["Async"])?;
        ASYNC
    } else {
        DATA
    };
    for (part, words) in rest.iter_mut().skip(1).zip(words) {
        if let Some(word) = words.iter().find(|word| word.eq_ignore_ascii_case(part)) {
            *part = word;
            if word.starts_with("Segment") {
                break; // what follows is a segment's name
            }
        }
    }
    let mut spelled = format!("/{}", parts.join("/"));
    if spelled == path {
        return None;
    }
    if let Some(query) = uri.query() {
        spelled.push('?');
        spelled.push_str(query);
    }
    let mut whole = uri.clone().into_parts();
    whole.path_and_query = Some(PathAndQuery::try_from(spelled).ok()?);
    Uri::from_parts(whole).ok()
}

/// Spells the first part as one of `words` and gives the parts behind it.
fn spell<'p, 'w>(parts: &'p mut [&'w str], words: &[&'static str]) -> Option<&'p mut [&'w str]> {
    let (first, rest) = parts.split_first_mut()?;
    *first = words.iter().find(|word| word.eq_ignore_ascii_case(first))?;
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(path: &str) -> String {
        let uri: Uri = path.parse().unwrap();
        canonical(&uri).unwrap_or(uri).to_string()
    }

    #[test]
    fn the_words_of_a_route_are_taken_in_any_letter_case() {
        for (given, routed) in [
            ("/profiles/V4/async/acme/EXPORT/segment/Aa", "/Profiles/v4/Async/acme/Export/Segment/Aa"),
            ("/PROFILES/async/acme/export/SEGMENTGROUP/Aa", "/Profiles/Async/acme/Export/SegmentGroup/Aa"),
            ("/Profiles/v4/Async/a/export/5/status?Limit=A", "/Profiles/v4/Async/a/Export/5/Status?Limit=A"),
            ("/Profiles/v4/Async/a/Export/5/COMMIT", "/Profiles/v4/Async/a/Export/5/Commit"),
            ("/profiles/v4/acme/profile/7", "/Profiles/v4/acme/Profile/7"),
            ("/profiles/acme/profile/alternateid?a=B", "/Profiles/acme/Profile/AlternateId?a=B"),
            (
                "/profiles/v4/a/profile/alternateidtype/crm/alternateid/x",
                "/Profiles/v4/a/Profile/AlternateIdType/crm/AlternateId/x",
            ),
        ] {
            assert_eq!(spelled(given), routed);
        }
    }

    #[test]
    fn one_slash_behind_the_last_part_is_left_out() {
        assert_eq!(spelled("/Profiles/v4/Async/a/Export/5/?limit=1"), "/Profiles/v4/Async/a/Export/5?limit=1");
        assert_eq!(spelled("/Profiles/v4/a/Profile//"), "/Profiles/v4/a/Profile/");
    }

    #[test]
    fn names_that_callers_choose_stay_as_they_are() {
        for path in [
            "/Profiles/v4/Async/a/Export/Segment/export",
            "/Profiles/v4/Async/a/Export/Segment/status",
            "/Profiles/v4/Async/export/Export/Segment/status%2fX",
            "/Profiles/v4/profile/Profile/7",
            "/Profiles/v4/a/Profile/AlternateIdType/alternateid/AlternateId/profile",
        ] {
            assert_eq!(spelled(path), path);
        }
        assert_eq!(spelled("/Healthz"), "/Healthz");
        assert_eq!(spelled("/"), "/");
    }
}
