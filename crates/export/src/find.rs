//! `MatchCriteria` and `Values`: which profiles have one of them, exactly. An index only finds candidates; each is compared with
//! the values before it counts.

use std::collections::HashSet;

use sayso_model::{
    id::{ProfileId, fold},
    moment::Moment,
    normal,
    profile::Tombstone,
    selection::{MatchCriteria, Matching},
};
use sayso_store::profiles::Key;

use crate::{
    parallel::{Halt, parallel},
    plan::{Task, open_if_there},
};

/// Values that a thread takes at a time.
const CHUNK: usize = 512;

/// The live profiles that have one of the values, ascending, each once.
pub(crate) fn matching_ids(task: &Task<'_>, matching: &Matching) -> Result<Vec<ProfileId>, Halt> {
    if matching.criteria == MatchCriteria::ProfileId && matching.match_type.is_none() {
        return Ok(profile_ids(matching));
    }
    let matcher = matching.prepare();
    let values = distinct(matching);
    let chunks: Vec<&[&str]> = values.chunks(CHUNK).collect();
    let found = parallel(task.threads, &chunks, &task.abort, |_, values| {
        task.go_on()?;
        let mut ids = candidates(task, matching, values)?;
        let mut failed = None;
        ids.retain(|id| {
            let row = open_if_there(task, *id).map_err(|halt| failed = Some(halt)).ok().flatten();
            row.is_some_and(|row| matcher.matches(&row.kept.profile))
        });
        failed.map_or(Ok(ids), Err)
    })?;
    Ok(sorted(found.into_iter().flatten().collect()))
}

/// The values, each once in the form in which it is compared: the profiles of one that is given 100,000 times are looked at once.
fn distinct(matching: &Matching) -> Vec<&str> {
    let compared = |value: &str| match matching.criteria {
        MatchCriteria::PhoneNumber => normal::digits(value),
        MatchCriteria::EmailAddress => normal::email(value),
        MatchCriteria::ProfileId | MatchCriteria::AlternateId => fold(value),
    };
    let mut seen = HashSet::with_capacity(matching.values.len());
    matching.values.iter().map(String::as_str).filter(|value| seen.insert(compared(value))).collect()
}

fn candidates(task: &Task<'_>, matching: &Matching, values: &[&str]) -> Result<Vec<ProfileId>, Halt> {
    let kind = || matching.match_type.clone();
    let key: fn(Option<String>, String) -> Key = match matching.criteria {
        MatchCriteria::ProfileId => return Ok(sorted(values.iter().filter_map(|v| number(v)).collect())),
        MatchCriteria::AlternateId => |kind, id| Key::AlternateId { kind, id },
        MatchCriteria::EmailAddress => |kind, address| Key::Email { kind, address },
        MatchCriteria::PhoneNumber => |kind, number| Key::Phone { kind, number },
    };
    Ok(task.snapshot.find(&mut values.iter().map(|value| key(kind(), (*value).to_owned())))?)
}

/// The ids that `Values` name, when they are ids, ascending, each once. What isn't the number of a profile matches none.
fn profile_ids(matching: &Matching) -> Vec<ProfileId> {
    let matcher = matching.prepare();
    let named = matching.values.iter().filter_map(|value| number(value));
    sorted(
        named
            .filter(|id| {
                // The model's own comparison has the last word; the other members of a tombstone play no part in it.
                let stand_in = Tombstone { profile_id: *id, deleted_date: Moment(0), reason_code: None };
                matcher.matches_tombstone(&stand_in)
            })
            .collect(),
    )
}

fn number(value: &str) -> Option<ProfileId> {
    value.trim().parse().ok().map(ProfileId)
}

fn sorted(mut ids: Vec<ProfileId>) -> Vec<ProfileId> {
    ids.sort_unstable();
    ids.dedup();
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_given_often_is_looked_for_once() {
        let of = |criteria, values: &[&str]| {
            let values = values.iter().map(|v| (*v).to_owned()).collect();
            distinct(&Matching { criteria, match_type: None, values }).join("|")
        };
        assert_eq!(of(MatchCriteria::EmailAddress, &["a@b.c", "A@B.C ", "d@b.c", "a@b.c"]), "a@b.c|d@b.c");
        assert_eq!(of(MatchCriteria::PhoneNumber, &["404-555", "(404) 555", "404 556"]), "404-555|404 556");
        assert_eq!(of(MatchCriteria::AlternateId, &["C-1", "c-1", "C 1"]), "C-1|C 1");
        assert_eq!(of(MatchCriteria::ProfileId, &["7", " 7", "8"]), "7|8");
    }
}
