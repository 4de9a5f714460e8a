//! How many profiles have each tag: counted from facts, on all cores. A row is opened where the facts don't tell the name of a tag, and once
//! for each tag to see how it is written.

use std::{
    collections::{BTreeMap, HashMap},
    sync::atomic::AtomicBool,
};

use sayso_model::{
    facts::{self, Facts},
    id::{AccountNo, ProfileId, fold},
};
use sayso_store::{StoreError, snapshot::Snapshot};

use crate::{
    Engine, ExportError,
    parallel::{Halt, parallel},
    registry::Inner,
    scan::Wanted,
};

/// The profiles of one tag, by its folded name: how many, and one that has it.
type Counts = BTreeMap<String, (u64, ProfileId)>;

/// Parts per thread, so that no thread waits long for the last one.
const PARTS_PER_THREAD: usize = 4;

impl Engine {
    /// Every tag that a profile has, active or not, with how many have it; by name without regard to case.
    ///
    /// # Errors
    /// [`ExportError::Busy`], or what the store says.
    pub async fn tag_counts(&self, account: AccountNo) -> Result<Vec<(String, u64)>, ExportError> {
        self.scan(account, count).await
    }
}

fn count(inner: &Inner, snapshot: &Snapshot, wanted: Wanted<'_>) -> Result<Vec<(String, u64)>, Halt> {
    let tags = facts::tags(snapshot.terms());
    let ranges = snapshot.partitions(inner.threads() * PARTS_PER_THREAD)?;
    let parts = parallel(inner.threads(), &ranges, &AtomicBool::new(false), |_, ids| {
        let mut counts = Counts::new();
        snapshot.for_each_facts(ids.clone(), &mut |id, facts| {
            wanted.go_on()?;
            count_of(&tags, snapshot, id, facts, &mut counts)
        })?;
        Ok(counts)
    })?;
    let mut all = Counts::new();
    for (name, (count, id)) in parts.into_iter().flatten() {
        all.entry(name).or_insert((0, id)).0 += count;
    }
    all.into_iter().map(|(name, (count, id))| Ok((written(snapshot, id, &name)?, count))).collect()
}

fn count_of(
    tags: &HashMap<u32, Option<String>>,
    snapshot: &Snapshot,
    id: ProfileId,
    facts: Facts<'_>,
    counts: &mut Counts,
) -> Result<(), Halt> {
    let told: Vec<_> = facts.term_ids().filter_map(|term| tags.get(&term)).collect();
    let names: Vec<String> = match told.iter().copied().cloned().collect::<Option<Vec<_>>>() {
        Some(names) => names,
        None => row_tags(snapshot, id)?.iter().map(|name| fold(name)).collect(),
    };
    for name in names {
        counts.entry(name).or_insert((0, id)).0 += 1;
    }
    Ok(())
}

/// How a tag is written on a profile that has it.
fn written(snapshot: &Snapshot, id: ProfileId, folded: &str) -> Result<String, Halt> {
    let names = row_tags(snapshot, id)?;
    Ok(names.into_iter().find(|name| fold(name) == folded).unwrap_or_else(|| folded.to_owned()))
}

fn row_tags(snapshot: &Snapshot, id: ProfileId) -> Result<Vec<String>, Halt> {
    let row = snapshot.row(id)?;
    let row =
        row.ok_or_else(|| StoreError::Damaged(format!("profile {id} has facts and no row; run `sayso check`")))?;
    Ok(row.kept.profile.profile_tags.into_iter().map(|tag| tag.name).collect())
}
