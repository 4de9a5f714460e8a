//! A view of one account that stays as it is, with its moment (house.md: stamps and snapshots belong to the writer).

use std::{future::Future, ops::Range, sync::Arc, time::Instant};

use parking_lot::{Condvar, Mutex};
use sayso_model::{
    config::Config,
    facts::{Facts, Terms},
    id::{AccountNo, ProfileId},
    moment::{Moment, round_up},
    profile::Tombstone,
};

use crate::{
    Inner, Store, StoreError,
    engine::{Engine, OrEngine, Read},
    keys, meta,
    profiles::{self, Key, StoredRow},
    row::{self, RowView},
    seal, terms,
    writer::Work,
};

/// A consistent view. Cheap to share between threads (`Sync`); holds old pages alive, so let go of it soon.
pub struct Snapshot {
    engine: Arc<Engine>,
    no: AccountNo,
    moment: Moment,
    config: Arc<Config>,
    terms: Arc<Terms>,
    /// Read transactions of the same state: one can't be shared between threads, so each scan borrows its own.
    readers: Mutex<Vec<Read<'static>>>,
    returned: Condvar,
    live: Arc<Live>,
    ticket: u64,
}

/// Which snapshots are held, and since when; for `/metrics`.
#[derive(Default)]
pub(crate) struct Live(Mutex<(u64, std::collections::BTreeMap<u64, Instant>)>);

impl Live {
    fn enter(&self) -> u64 {
        let mut live = self.0.lock();
        live.0 += 1;
        let ticket = live.0;
        live.1.insert(ticket, Instant::now());
        ticket
    }
    /// The age of the oldest, ms.
    pub(crate) fn oldest_ms(&self) -> u64 {
        let oldest = self.0.lock().1.values().next().map(Instant::elapsed);
        oldest.map_or(0, |age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX))
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        self.live.0.lock().1.remove(&self.ticket);
    }
}

/// A row as the export copies it: borrowed from the page cache.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub struct RowBytes<'a> {
    pub id: ProfileId,
    pub next_expiry: Option<Moment>,
    pub render_version: u16,
    /// Wire JSON.
    pub json: &'a [u8],
    /// Encoded cut list: [`RowBytes::cuts`] decodes.
    pub cut_bytes: &'a [u8],
}

impl RowBytes<'_> {
    /// The cut list.
    pub fn cuts(&self) -> Vec<sayso_model::render::Cut> {
        row::cuts(self.cut_bytes)
    }
}

impl Store {
    /// Takes a snapshot of an account, by the writer, between two commits.
    pub fn snapshot(&self, account: AccountNo) -> impl Future<Output = Result<Snapshot, StoreError>> + Send + 'static {
        let live = self.inner.live.clone();
        self.submit_alone(move |work| take(work, account, live))
    }
}

/// Why nothing is missed. This runs in a write transaction of its own, so it holds LMDB's write lock: no other thread or process
/// commits meanwhile. The readers opened here see the last commit, thus everything that was ever stamped and kept. The moment
/// is at or after the last stamp given by anybody; it becomes the last stamp itself when this transaction commits, still under the
/// lock. Every later write reads that and is stamped at or after it. So: stamped before the moment ⇒ in the snapshot; not in the
/// snapshot ⇒ stamped at or after the moment, whatever the clocks of the processes say. If the commit fails, so does the snapshot.
fn take(work: &mut Work<'_>, no: AccountNo, live: Arc<Live>) -> Result<Snapshot, StoreError> {
    let account = work.account(no)?;
    let next_term = work.numbers(no)?.next_term;
    let moment = work.stamp()?;
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let engine = work.engine.clone();
    let readers = (0..2 * cores + 4).map(|_| engine.lasting_read()).collect::<Result<Vec<_>, _>>()?;
    let terms = Arc::new(terms::all(work.dbs, work.read(), no, next_term)?);
    Ok(Snapshot {
        engine,
        no,
        moment,
        config: account.config,
        terms,
        readers: Mutex::new(readers),
        returned: Condvar::new(),
        ticket: live.enter(),
        live,
    })
}

/// A borrowed reader, given back when dropped.
struct Borrowed<'s> {
    snapshot: &'s Snapshot,
    reader: Option<Read<'static>>,
}

impl Borrowed<'_> {
    fn txn(&self) -> &Read<'static> {
        self.reader.as_ref().expect("it is taken by drop alone")
    }
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        self.snapshot.readers.lock().extend(self.reader.take());
        self.snapshot.returned.notify_one();
    }
}

impl Snapshot {
    fn borrow(&self) -> Borrowed<'_> {
        let mut readers = self.readers.lock();
        loop {
            if let Some(reader) = readers.pop() {
                return Borrowed { snapshot: self, reader: Some(reader) };
            }
            self.returned.wait(&mut readers);
        }
    }

    /// Everything stamped before this moment is in the snapshot; everything else is stamped at or after it.
    pub fn moment(&self) -> Moment {
        self.moment
    }
    /// The configuration as the snapshot has it.
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }
    /// The dictionary as the snapshot has it.
    pub fn terms(&self) -> &Arc<Terms> {
        &self.terms
    }

    /// The ids that split the account's profiles into at most `parts` ranges of about equal width; together they hold every profile.
    pub fn partitions(&self, parts: usize) -> Result<Vec<Range<u64>>, StoreError> {
        let reader = self.borrow();
        let prefix = keys::account(self.no);
        let facts = &self.engine.dbs.facts;
        let first = facts.prefix_iter(reader.txn(), &prefix).or_engine()?.next().transpose().or_engine()?;
        let last = facts.rev_prefix_iter(reader.txn(), &prefix).or_engine()?.next().transpose().or_engine()?;
        let (Some((first, _)), Some((last, _))) = (first, last) else { return Ok(Vec::new()) };
        let (start, end) = (keys::profile_of(first)?.0, keys::profile_of(last)?.0.saturating_add(1));
        let width = (end - start).div_ceil(parts.max(1) as u64).max(1);
        let mut ranges = Vec::new();
        let mut at = start;
        while at < end {
            let next = at.saturating_add(width).min(end);
            ranges.push(at..next);
            at = next;
        }
        Ok(ranges)
    }

    /// Calls `f` with the facts of every profile in the id range, ascending, until it fails.
    pub fn for_each_facts<E: From<StoreError>>(
        &self,
        ids: Range<u64>,
        f: &mut dyn FnMut(ProfileId, Facts<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(range) = keys::profiles(self.no, &ids) else { return Ok(()) };
        let reader = self.borrow();
        let bounds = (std::ops::Bound::Included(&range.start()[..]), std::ops::Bound::Included(&range.end()[..]));
        for entry in self.engine.dbs.facts.range(reader.txn(), &bounds).or_engine()? {
            let (key, sealed) = entry.or_engine()?;
            let id = keys::profile_of(key)?;
            f(id, facts(id, sealed)?)?;
        }
        Ok(())
    }

    /// Calls `f` with the facts of each of these profiles that is there (ascending ids make it fast), until it fails.
    pub fn for_each_facts_of<E: From<StoreError>>(
        &self,
        ids: &mut dyn Iterator<Item = ProfileId>,
        f: &mut dyn FnMut(ProfileId, Facts<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let reader = self.borrow();
        for id in ids {
            if let Some(sealed) = self.engine.dbs.facts.get(reader.txn(), &keys::profile(self.no, id)).or_engine()? {
                f(id, facts(id, sealed)?)?;
            }
        }
        Ok(())
    }

    /// The whole profile, parsed, checksum verified.
    pub fn row(&self, id: ProfileId) -> Result<Option<StoredRow>, StoreError> {
        profiles::stored(&self.engine.dbs, self.borrow().txn(), self.no, id)
    }

    /// Calls `f` with the bytes of each of these profiles (ascending ids, made for long runs: one cursor walks where they are
    /// dense), checksum verified. One that isn't there is damage: the caller took the ids from this snapshot.
    pub fn for_each_row<E: From<StoreError>>(
        &self,
        ids: &mut dyn Iterator<Item = ProfileId>,
        f: &mut dyn FnMut(RowBytes<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        /// How many rows the cursor steps over before it is cheaper to descend from the root again.
        const STEPS: usize = 8;
        let reader = self.borrow();
        let rows = &self.engine.dbs.rows;
        let account_end = keys::profile(self.no, ProfileId(u64::MAX));
        let mut walk = None;
        'ids: for id in ids {
            let key = keys::profile(self.no, id);
            if let Some(cursor) = walk.as_mut() {
                for _ in 0..STEPS {
                    match Iterator::next(cursor).transpose().or_engine()? {
                        Some((at, value)) if at == key => {
                            f(row_bytes(id, value)?)?;
                            continue 'ids;
                        }
                        Some((at, _)) if at < &key[..] => {}
                        _ => break,
                    }
                }
            }
            let bounds = (std::ops::Bound::Included(&key[..]), std::ops::Bound::Included(&account_end[..]));
            let mut cursor = rows.range(reader.txn(), &bounds).or_engine()?;
            match cursor.next().transpose().or_engine()? {
                Some((at, value)) if at == key => f(row_bytes(id, value)?)?,
                _ => return Err(StoreError::Damaged(format!("profile {id} has facts but no row")).into()),
            }
            walk = Some(cursor);
        }
        Ok(())
    }

    /// The ids of profiles written at or after `since`, or of which something expired at or after it and not after the
    /// snapshot; both compared after the vendor's rounding; ascending, each once.
    pub fn changed_since(&self, since: Moment) -> Result<Vec<ProfileId>, StoreError> {
        let reader = self.borrow();
        let dbs = &self.engine.dbs;
        let from = round_up(since);
        // Rounding moves a moment by less than ten ms: nothing before this can reach `from`.
        let lowest = keys::moment(self.no, Moment(since.0.saturating_sub(10)), ProfileId(0));
        let last = keys::moment(self.no, Moment(i64::MAX), ProfileId(u64::MAX));
        let snapshot = keys::moment(self.no, self.moment, ProfileId(u64::MAX));
        let mut ids = Vec::new();
        for (db, end) in [(&dbs.by_modified, last), (&dbs.by_expiry, snapshot)] {
            if lowest > end {
                continue;
            }
            let bounds = (std::ops::Bound::Included(&lowest[..]), std::ops::Bound::Included(&end[..]));
            for entry in db.range(reader.txn(), &bounds).or_engine()? {
                let (key, _) = entry.or_engine()?;
                if round_up(keys::moment_of(key)?) >= from {
                    ids.push(keys::last_profile_of(key)?);
                }
            }
        }
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    /// The profiles that have one of these keys, ascending, each once.
    pub fn find(&self, wanted: &mut dyn Iterator<Item = Key>) -> Result<Vec<ProfileId>, StoreError> {
        let reader = self.borrow();
        let mut ids = Vec::new();
        for key in wanted {
            ids.extend(profiles::find(&self.engine.dbs, reader.txn(), self.no, &key)?);
        }
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    /// Calls `f` with every tombstone, ascending.
    pub fn for_each_tombstone<E: From<StoreError>>(
        &self,
        f: &mut dyn FnMut(&Tombstone) -> Result<(), E>,
    ) -> Result<(), E> {
        let reader = self.borrow();
        for entry in self.engine.dbs.tombstones.prefix_iter(reader.txn(), &keys::account(self.no)).or_engine()? {
            let (key, sealed) = entry.or_engine()?;
            let id = keys::profile_of(key)?;
            f(&seal::open_json(sealed, || format!("the tombstone of profile {id}"))?)?;
        }
        Ok(())
    }
}

fn facts(id: ProfileId, sealed: &[u8]) -> Result<Facts<'_>, StoreError> {
    let bytes = seal::open(sealed, || format!("the facts of profile {id}"))?;
    Facts::new(bytes).ok_or_else(|| StoreError::Damaged(format!("the facts of profile {id} are of no known version")))
}

fn row_bytes(id: ProfileId, value: &[u8]) -> Result<RowBytes<'_>, StoreError> {
    let RowView { render_version, next_expiry, cut_bytes, json, .. } = RowView::open(id, value)?;
    Ok(RowBytes { id, next_expiry, render_version, json, cut_bytes })
}

impl Inner {
    pub(crate) fn oldest_snapshot_ms(&self) -> u64 {
        self.live.oldest_ms()
    }
}

/// The number of an account's next term as a transaction has it, for `check`.
pub(crate) fn next_term(engine: &Engine, txn: &Read<'_>, no: AccountNo) -> Result<u32, StoreError> {
    Ok(meta::numbers(&engine.dbs, txn, no)?.map_or(0, |n| n.next_term))
}
