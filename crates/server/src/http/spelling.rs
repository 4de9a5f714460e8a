//! Paths as the vendor's stack takes them: the fixed words of a route in any letter case, and one slash behind the last. Clients
//! written for that stack rely on it (export.md, Addresses, says so of query names). Names that callers choose stay as they are.

use std::{collections::BTreeMap, sync::LazyLock};

use hyper::{Uri, http::uri::PathAndQuery};

use crate::router;

/// One part of a route.
enum Part {
    Word(String),
    /// A name that callers choose, or an id.
    Name,
}

/// The routes of an account's calls, under both bases, by how many parts they have; where two take the same path, the one with a word
/// before the one with a name, as the router has it.
static ROUTES: LazyLock<BTreeMap<usize, Vec<Vec<Part>>>> = LazyLock::new(|| {
    let document = router::document();
    let mut routes: Vec<Vec<Part>> = Vec::new();
    for path in document["paths"].as_object().into_iter().flat_map(serde_json::Map::keys) {
        let Some(rest) = path.strip_prefix(router::BASES[0]) else { continue };
        for base in router::BASES {
            let parts = format!("{base}{rest}");
            let part = |part: &str| if part.starts_with('{') { Part::Name } else { Part::Word(part.to_owned()) };
            routes.push(parts.split('/').skip(1).map(part).collect());
        }
    }
    routes.sort_by_key(|route| route.iter().map(|part| matches!(part, Part::Name)).collect::<Vec<_>>());
    let mut by_length = BTreeMap::<_, Vec<_>>::new();
    for route in routes {
        by_length.entry(route.len()).or_default().push(route);
    }
    by_length
});

/// The address as the router spells it; `None` when it is spelled so already, or is none of an account's calls.
pub(crate) fn canonical(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    let mut parts: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    if !parts.first()?.eq_ignore_ascii_case("Profiles") {
        return None;
    }
    let ends_with_slash = parts.len() > 1 && parts.last().is_some_and(|last| last.is_empty());
    if ends_with_slash {
        parts.pop();
    }
    let takes = |route: &&Vec<Part>| {
        route.iter().zip(&parts).all(|(part, given)| match part {
            Part::Word(word) => word.eq_ignore_ascii_case(given),
            Part::Name => true,
        })
    };
    let mut differs = ends_with_slash;
    if let Some(route) = ROUTES.get(&parts.len()).and_then(|routes| routes.iter().find(takes)) {
        for (given, part) in parts.iter_mut().zip(route) {
            if let Part::Word(word) = part {
                differs |= *given != word;
                *given = word;
            }
        }
    }
    if !differs {
        return None;
    }
    let mut spelled = format!("/{}", parts.join("/"));
    if let Some(query) = uri.query() {
        spelled.push('?');
        spelled.push_str(query);
    }
    let mut whole = uri.clone().into_parts();
    whole.path_and_query = Some(PathAndQuery::try_from(spelled).ok()?);
    Uri::from_parts(whole).ok()
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
            ("/profiles/v4/a/profile/7/DEACTIVATE", "/Profiles/v4/a/Profile/7/Deactivate"),
            ("/profiles/a/consents/7/filter/filter/consent/X", "/Profiles/a/Consents/7/Filter/filter/Consent/X"),
            (
                "/profiles/v4/a/profile/preferences/alternateid/archive?a=B",
                "/Profiles/v4/a/Profile/Preferences/AlternateId/Archive?a=B",
            ),
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
