//! `MatchCriteria` and `Values`: which profiles have one of them, exactly. An index only finds candidates; each is compared with
//! the one value it was found by, so that a hundred thousand values cost a hundred thousand look-ups and not their square.

use sayso_model::{
    id::ProfileId,
    moment::Moment,
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
        return Ok(sorted(profile_ids(matching).collect()));
    }
    let chunks: Vec<&[String]> = matching.values.chunks(CHUNK).collect();
    let found = parallel(task.threads, &chunks, &task.abort, |_, values| {
        task.go_on()?;
        let mut ids = Vec::new();
        for value in *values {
            find_one(task, matching, value, &mut ids)?;
        }
        Ok(ids)
    })?;
    Ok(sorted(found.into_iter().flatten().collect()))
}

/// The ids that `Values` name, when they are ids. What isn't the number of a profile matches none.
pub(crate) fn profile_ids(matching: &Matching) -> impl Iterator<Item = ProfileId> + '_ {
    matching.values.iter().filter_map(|value| {
        let id = ProfileId(value.trim().parse().ok()?);
        // The model's own comparison has the last word; the other members of a tombstone play no part in it.
        let stand_in = Tombstone { profile_id: id, deleted_date: Moment(0), reason_code: None };
        one_of(matching, value).matches_tombstone(&stand_in).then_some(id)
    })
}

fn one_of(matching: &Matching, value: &str) -> Matching {
    Matching { criteria: matching.criteria, match_type: matching.match_type.clone(), values: vec![value.to_owned()] }
}

fn find_one(task: &Task<'_>, matching: &Matching, value: &str, ids: &mut Vec<ProfileId>) -> Result<(), Halt> {
    let kind = matching.match_type.clone();
    let key = match matching.criteria {
        MatchCriteria::ProfileId => None,
        MatchCriteria::AlternateId => Some(Key::AlternateId { kind, id: value.to_owned() }),
        MatchCriteria::EmailAddress => Some(Key::Email { kind, address: value.to_owned() }),
        MatchCriteria::PhoneNumber => Some(Key::Phone { kind, number: value.to_owned() }),
    };
    let candidates = match key {
        Some(key) => task.snapshot.find(&mut std::iter::once(key))?,
        None => value.trim().parse().ok().map(ProfileId).into_iter().collect(),
    };
    let exact = one_of(matching, value);
    for id in candidates {
        if open_if_there(task, id)?.is_some_and(|row| exact.matches(&row.kept.profile)) {
            ids.push(id);
        }
    }
    Ok(())
}

fn sorted(mut ids: Vec<ProfileId>) -> Vec<ProfileId> {
    ids.sort_unstable();
    ids.dedup();
    ids
}
