//! Index entries of new profiles that wait to be merged. by_key and by_expiry are in the order of hashes and of dates, not of
//! profiles: put with every commit, the entries of a few thousand new profiles touch half of the pages of both, and each is
//! written anew, by itself. So a load that is alone keeps the entries of each commit as a sorted run beside its rows, in the same
//! transaction, and the runs are merged a part of the keys at a time: every page is then written once, in order.
//!
//! Nobody meets the gap. Who looks for profiles looks into the runs, too ([`by_key`], [`by_expiry`]). Who changes profiles merges before: an
//! entry that waits can't be taken back. A directory is opened merged where its disk has room, a load keeps no run where a server runs, and an import, which does,
//! stops when others change profiles ([`crate::imports`]). A merge that was broken off begins again; putting an entry twice changes nothing.

use std::{collections::BTreeSet, thread, time::Instant};

use heed::RwTxn;

use crate::{
    StoreError,
    engine::{Databases, Db, OrEngine, Read},
    load::{order, put_sorted},
    seal,
    shared::Shared,
};

/// Pages that one commit of a merge may make dirty, more or less: 8 MiB of memory, and twice that for entries being sorted.
const PAGES: u64 = 2_048;
/// One entry in so many is looked at to find where the keys are cut into parts.
const SAMPLED: usize = 64;

/// The entries of one commit, each list ascending.
#[derive(Debug, Default)]
pub(crate) struct Run {
    pub by_key: Vec<[u8; 33]>,
    pub by_expiry: Vec<[u8; 20]>,
}

impl Run {
    /// Whether it has no entry.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_key.is_empty() && self.by_expiry.is_empty()
    }
}

/// Names a run: a number of its load that no other load has, and its place among the load's runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RunId {
    pub load: u64,
    pub sequence: u64,
}

const BY_KEY: u8 = 0;
const BY_EXPIRY: u8 = 1;

impl RunId {
    fn key(self, index: u8) -> [u8; 17] {
        let mut key = [0; 17];
        key[..8].copy_from_slice(&self.load.to_be_bytes());
        key[8..16].copy_from_slice(&self.sequence.to_be_bytes());
        key[16] = index;
        key
    }

    fn of(key: &[u8]) -> Option<Self> {
        let (load, rest) = key.split_first_chunk()?;
        let (sequence, _) = rest.split_first_chunk()?;
        Some(RunId { load: u64::from_be_bytes(*load), sequence: u64::from_be_bytes(*sequence) })
    }
}

/// Keeps a run.
pub(crate) fn put(dbs: &Databases, txn: &mut RwTxn<'_>, id: RunId, run: &Run) -> Result<(), StoreError> {
    // Both are kept, empty ones too: a run is known to be there by either.
    dbs.pending.put(txn, &id.key(BY_KEY), &seal::seal(run.by_key.as_flattened())).or_engine()?;
    dbs.pending.put(txn, &id.key(BY_EXPIRY), &seal::seal(run.by_expiry.as_flattened())).or_engine()
}

/// The entries of by_key that wait and begin so, in the order of their commits; some may be merged already. They are only looked up: their
/// checksum is verified when they are merged, and a hit counts when its row says so.
pub(crate) fn by_key<'t>(dbs: &Databases, txn: &'t Read<'_>, prefix: &[u8]) -> Result<Vec<&'t [u8; 33]>, StoreError> {
    waiting(dbs, txn, BY_KEY, prefix, |key| key.starts_with(prefix))
}

/// The same of by_expiry, between two keys (both in it).
pub(crate) fn by_expiry<'t>(
    dbs: &Databases,
    txn: &'t Read<'_>,
    first: &[u8],
    last: &[u8],
) -> Result<Vec<&'t [u8; 20]>, StoreError> {
    waiting(dbs, txn, BY_EXPIRY, first, |key| key.as_slice() <= last)
}

fn waiting<'t, const N: usize>(
    dbs: &Databases,
    txn: &'t Read<'_>,
    index: u8,
    first: &[u8],
    wanted: impl Fn(&[u8; N]) -> bool,
) -> Result<Vec<&'t [u8; N]>, StoreError> {
    let mut found = Vec::new();
    for run in dbs.pending.iter(txn).or_engine()? {
        let (key, sealed) = run.or_engine()?;
        if key.last() != Some(&index) {
            continue;
        }
        let run = entries::<N>(seal::unverified(sealed))?;
        let from = run.partition_point(|entry| entry.as_slice() < first);
        found.extend(run.get(from..).unwrap_or_default().iter().take_while(|entry| wanted(entry)));
    }
    Ok(found)
}

/// Whether nothing waits.
pub(crate) fn is_empty(dbs: &Databases, txn: &Read<'_>) -> Result<bool, StoreError> {
    dbs.pending.is_empty(txn).or_engine()
}

/// The first and the last run that wait.
pub(crate) fn ends(dbs: &Databases, txn: &Read<'_>) -> Result<Option<(RunId, RunId)>, StoreError> {
    let first = dbs.pending.first(txn).or_engine()?;
    let last = dbs.pending.last(txn).or_engine()?;
    first.zip(last).map(|((first, _), (last, _))| Ok((run_id(first)?, run_id(last)?))).transpose()
}

fn run_id(key: &[u8]) -> Result<RunId, StoreError> {
    RunId::of(key).ok_or_else(|| StoreError::Damaged("a run of index entries has a misshapen key".into()))
}

/// Merges everything that waits. Others may merge at the same time.
pub(crate) fn settle(shared: &Shared) -> Result<(), StoreError> {
    loop {
        let txn = shared.engine.read()?;
        if is_empty(&shared.engine.dbs, &txn)? {
            return Ok(());
        }
        merge(shared, &txn, PAGES)?;
    }
}

/// Merges what waits as `txn` sees it, in commits of about so many pages. Ends early when somebody else was done with it before.
pub(crate) fn merge(shared: &Shared, txn: &Read<'_>, pages: u64) -> Result<(), StoreError> {
    shared.leave_room()?;
    let started = Instant::now();
    let dbs = &shared.engine.dbs;
    let mut keys = Vec::new();
    let mut by_key = Vec::new();
    let mut by_expiry = Vec::new();
    for entry in dbs.pending.iter(txn).or_engine()? {
        let (key, sealed) = entry.or_engine()?;
        let run = seal::open(sealed, || "a run of index entries that waits to be merged".to_owned())?;
        match key.last() {
            Some(&BY_KEY) => by_key.push(entries::<33>(run)?),
            _ => by_expiry.push(entries::<20>(run)?),
        }
        keys.push(key);
    }
    let Some(first) = keys.first() else { return Ok(()) };
    if !(merge_into(shared, dbs.by_key, pages, first, &by_key)?
        && merge_into(shared, dbs.by_expiry, pages, first, &by_expiry)?)
    {
        return Ok(());
    }
    tracing::debug!(runs = keys.len() / 2, ms = started.elapsed().as_millis(), "merged the index entries that waited");
    // What others keep meanwhile stays.
    let mut wtxn = shared.engine.env.write_txn().or_engine()?;
    for key in &keys {
        dbs.pending.delete(&mut wtxn, key).or_engine()?;
    }
    wtxn.commit().or_engine()
}

fn entries<const N: usize>(run: &[u8]) -> Result<&[[u8; N]], StoreError> {
    match run.as_chunks() {
        (entries, []) => Ok(entries),
        _ => Err(StoreError::Damaged("a run of index entries has a part of an entry".into())),
    }
}

/// Puts the entries of all runs, a part of the keys in each commit. `false` when the run whose key is `first` is gone: then
/// somebody else has merged it, its profiles may have changed since, and nothing more of it may be put.
fn merge_into<const N: usize>(
    shared: &Shared,
    db: Db,
    pages: u64,
    first: &[u8],
    runs: &[&[[u8; N]]],
) -> Result<bool, StoreError> {
    let parts = {
        let txn = shared.engine.read()?;
        let stat = db.stat(&txn).or_engine()?;
        let there = (stat.branch_pages + stat.leaf_pages) as u64;
        cut(runs, part_size(pages, runs.iter().map(|run| run.len() as u64).sum(), N as u64, there))
    };
    let sorted = |part: &Part<N>| {
        let mut entries: Vec<[u8; N]> = runs.iter().flat_map(|run| part.of(run)).copied().collect();
        // The stable sort sees that it has been given sorted runs, and merges them.
        entries.sort_by(order);
        entries
    };
    // The next part is sorted while one is put; where the machine gives no thread for that, before it is.
    thread::scope(|scope| {
        let sorted = &sorted;
        let sort = |part| thread::Builder::new().spawn_scoped(scope, move || sorted(part)).ok();
        let mut next = parts.first().and_then(sort);
        for (i, part) in parts.iter().enumerate() {
            let entries = match next.take() {
                Some(running) => running.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                None => sorted(part),
            };
            next = parts.get(i + 1).and_then(sort);
            let mut wtxn = shared.engine.env.write_txn().or_engine()?;
            if shared.engine.dbs.pending.get(&wtxn, first).or_engine()?.is_none() {
                return Ok(false);
            }
            put_sorted(db, &mut wtxn, entries.iter().map(|entry| (entry, [])))?;
            shared.leave_room()?;
            wtxn.commit().or_engine()?;
        }
        Ok(true)
    })
}

/// How many of the entries make about so many pages dirty: those that they fill, and of those that are there the ones they fall into.
fn part_size(pages: u64, entries: u64, bytes: u64, there: u64) -> usize {
    let filled = (bytes + 16) as f64 / 4096.0;
    let touched = (there as f64 / entries.max(1) as f64).min(1.0);
    (pages as f64 / (filled + touched)) as usize
}

/// The keys from one bound (in it) to the next (not in it); `None`: from the beginning, to the end.
struct Part<const N: usize> {
    from: Option<[u8; N]>,
    to: Option<[u8; N]>,
}

impl<const N: usize> Part<N> {
    /// What of a sorted run is in this part.
    fn of<'r>(&self, run: &'r [[u8; N]]) -> &'r [[u8; N]] {
        let at = |bound: &[u8; N]| run.partition_point(|entry| entry < bound);
        let start = self.from.as_ref().map_or(0, at);
        let end = self.to.as_ref().map_or(run.len(), at);
        run.get(start..end).unwrap_or_default()
    }
}

/// Cuts the keys of all runs into parts of about `size` entries.
fn cut<const N: usize>(runs: &[&[[u8; N]]], size: usize) -> Vec<Part<N>> {
    let mut samples: Vec<[u8; N]> = runs.iter().flat_map(|run| run.iter().step_by(SAMPLED)).copied().collect();
    samples.sort_unstable();
    let step = (size / SAMPLED).max(1);
    let bounds: BTreeSet<[u8; N]> = samples.into_iter().step_by(step).skip(1).collect();
    let starts = std::iter::once(None).chain(bounds.iter().copied().map(Some));
    let ends = bounds.iter().copied().map(Some).chain(std::iter::once(None));
    starts.zip(ends).map(|(from, to)| Part { from, to }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_parts_have_every_entry_once_in_order(
            runs in prop::collection::vec(prop::collection::vec(any::<[u8; 2]>(), 0..300), 0..6), size in 1usize..200,
        ) {
            let runs: Vec<Vec<[u8; 2]>> = runs.into_iter().map(|mut run| { run.sort_unstable(); run }).collect();
            let runs: Vec<&[[u8; 2]]> = runs.iter().map(Vec::as_slice).collect();
            let mut all: Vec<[u8; 2]> = runs.concat();
            all.sort_unstable();
            let parts = cut(&runs, size);
            let merged: Vec<[u8; 2]> = parts
                .iter()
                .flat_map(|part| {
                    let mut entries: Vec<_> = runs.iter().flat_map(|run| part.of(run)).copied().collect();
                    entries.sort_unstable();
                    entries
                })
                .collect();
            prop_assert_eq!(merged, all);
        }

        #[test]
        fn keys_are_in_the_order_of_their_bytes(same in 0usize..33, a: [u8; 32], b: [u8; 32]) {
            fn holds<const N: usize>(same: usize, a: &[u8; 32], b: &[u8; 32]) -> bool {
                let key = |from: &[u8; 32]| -> [u8; N] { std::array::from_fn(|i| if i < same { 7 } else { from[i % 32] }) };
                let (a, b) = (key(a), key(b));
                order(&a, &b) == a.cmp(&b)
            }
            prop_assert!(holds::<20>(same, &a, &b) && holds::<33>(same, &a, &b) && holds::<2>(same, &a, &b));
        }
    }

    #[test]
    fn a_part_is_small_where_each_entry_falls_into_a_page_of_its_own() {
        assert!(part_size(8_192, 1_000_000, 33, 0) > 500_000);
        assert!((8_000..9_000).contains(&part_size(8_192, 10_000, 33, 1_000_000)));
    }
}
