//! `MatchCriteria` and `Values`: which profiles have one of them, exactly. An index only finds candidates; each is compared with
//! the values before it counts.

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
        return Ok(profile_ids(matching));
    }
    let matcher = matching.prepare();
    let chunks: Vec<&[String]> = matching.values.chunks(CHUNK).collect();
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

fn candidates(task: &Task<'_>, matching: &Matching, values: &[String]) -> Result<Vec<ProfileId>, Halt> {
    let kind = || matching.match_type.clone();
    let key: fn(Option<String>, String) -> Key = match matching.criteria {
        MatchCriteria::ProfileId => return Ok(sorted(values.iter().filter_map(|v| number(v)).collect())),
        MatchCriteria::AlternateId => |kind, id| Key::AlternateId { kind, id },
        MatchCriteria::EmailAddress => |kind, address| Key::Email { kind, address },
        MatchCriteria::PhoneNumber => |kind, number| Key::Phone { kind, number },
    };
    Ok(task.snapshot.find(&mut values.iter().map(|value| key(kind(), value.clone())))?)
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
