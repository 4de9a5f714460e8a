//! A view of one account that stays as it is, with its moment (house.md: stamps and snapshots belong to the writer).
//!
//! **Why the moment can be trusted.** A snapshot is taken by the writer thread at the beginning of a write transaction, while it
//! holds the engine's write lock, which no other thread or process can hold at the same time:
//!
//! 1. Take the lock. Every commit before now, by whichever process, is complete; none can complete until the lock is given back.
//! 2. The moment M is max(last stamp in meta, the clock). Every stamp that was ever committed is at most the last stamp, so at most M.
//! 3. Open the read transactions. They see the last complete commit, so *all* that was ever stamped and committed: everything stamped
//!    before M is in them. Nothing of this write transaction is, since it is not committed yet, and snapshots are taken
//!    before anything is stamped in it (`Writer::run_first`).
//! 4. M becomes the last stamp, and the last that a snapshot was given, and is committed with this transaction. Every stamp put after
//!    step 2, in this transaction or in a later one, in this process or another, is max(last stamp, clock) and so at or after M, even when
//!    a clock goes back. A change that was prepared with an earlier moment isn't put with it (`write::prepared`).
//! 5. Only when that commit is on disk is the snapshot given out. If it fails, nobody ever learns of M.
//!
//! So a delta from M on misses nothing. What is stamped exactly M may stand on either side; deltas compare with `>=`.

use std::{
    ops::{Bound, Range},
    sync::Arc,
};

use parking_lot::{Condvar, Mutex};
use sayso_model::{
    config::Config,
    facts::{Facts, Terms},
    id::{AccountNo, ProfileId},
    moment::{Moment, round_up},
    profile::Tombstone,
    render::Cut,
};

use crate::{
    Store, StoreError,
    cores::cores,
    engine::{Databases, Db, OrEngine, Read},
    ids::{Gathering, ProfileIds},
    index, keys, pending,
    profiles::{Key, StoredRow},
    row::{self, Stored},
    rows,
    shared::Shared,
    tx::Tx,
};

/// Index entries between two looks at whether a search is still wanted.
const LOOK_UP_EVERY: u64 = 4096;

/// A consistent view. Cheap to share between threads (`Sync`); holds old pages alive, so let go of it soon.
///
/// Each call that runs a function of the caller's has a read transaction of its own while it runs; there are two for each core
/// and a few more, so a scan on every core may call back into the snapshot for rows. A call beyond them waits.
pub struct Snapshot {
    account: AccountNo,
    moment: Moment,
    config: Arc<Config>,
    config_version: u64,
    implied_changed: Option<Moment>,
    terms: Arc<Terms>,
    reads: Pool,
    shared: Arc<Shared>,
    age: u64,
}

/// A row as the export copies it.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub struct RowBytes<'a> {
    pub id: ProfileId,
    pub next_expiry: Option<Moment>,
    pub render_version: u16,
    /// Wire JSON.
    pub json: &'a [u8],
    /// Encoded cut list and what it is counted from: [`RowBytes::cuts`] decodes.
    pub(crate) encoded_cuts: (&'a [u8], u32),
}

impl RowBytes<'_> {
    /// The cut list.
    pub fn cuts(&self) -> Vec<Cut> {
        let (cuts, number) = self.encoded_cuts;
        row::decode_cuts(cuts, number)
    }
}

impl Store {
    /// Takes a snapshot of an account, by the writer, between two commits.
    pub fn snapshot(&self, account: AccountNo) -> impl Future<Output = Result<Snapshot, StoreError>> + Send + 'static {
        let shared = Arc::clone(self.shared());
        self.writer().run_first(move |tx| Snapshot::take(tx, shared, account))
    }
}

impl Snapshot {
    /// The steps stand at the head of this module.
    fn take(tx: &mut Tx<'_>, shared: Arc<Shared>, no: AccountNo) -> Result<Self, StoreError> {
        let account = tx.account(no)?;
        let terms = Arc::clone(&tx.dictionary(no)?.terms);
        let moment = tx.stamp_snapshot();
        let reads = (0..2 * cores() + 4).map(|_| shared.engine.lasting_read()).collect::<Result<_, _>>()?;
        Ok(Self {
            account: no,
            moment,
            config: account.config,
            config_version: account.version,
            implied_changed: account.implied_changed,
            terms,
            reads: Pool { free: Mutex::new(reads), returned: Condvar::new() },
            age: shared.ages.begin(),
            shared,
        })
    }

    /// Everything stamped before this moment is in the snapshot; everything else is stamped at or after it.
    pub fn moment(&self) -> Moment {
        self.moment
    }
    /// The configuration as the snapshot has it.
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }
    /// Whether a change of the configuration, at or after `since`, changed what silent people are taken to have said, so that profiles may
    /// read otherwise that nobody wrote to; compared after the vendor's rounding.
    pub fn implied_changed_since(&self, since: Moment) -> bool {
        self.implied_changed.is_some_and(|changed| round_up(changed) >= round_up(since))
    }
    /// The dictionary as the snapshot has it.
    pub fn terms(&self) -> &Arc<Terms> {
        &self.terms
    }
    /// About `parts` ranges of ids that together hold every profile, of about equal size where ids are evenly used; none for an
    /// empty account.
    pub fn partitions(&self, parts: usize) -> Result<Vec<Range<u64>>, StoreError> {
        self.reads.lend(|txn| {
            let ids = 0..u64::MAX;
            let first = range(self.dbs().facts, txn, self.account, &ids)?.and_then(|mut r| r.next());
            let Some(first) = first else { return Ok(Vec::new()) };
            let first = keys::profile_of(first.or_engine()?.0)?.0;
            let end = self.end_of_ids(txn)?;
            let step = (end - first).div_ceil(parts.max(1) as u64);
            let starts = (first..end).step_by(usize::try_from(step).unwrap_or(usize::MAX));
            Ok(starts.map(|start| start..start.saturating_add(step).min(end)).collect())
        })
    }
    /// Calls `f` with the facts of every profile in the id range, ascending, until it fails.
    pub fn for_each_facts<E: From<StoreError>>(
        &self,
        ids: Range<u64>,
        f: &mut dyn FnMut(ProfileId, Facts<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.reads.lend(|txn| {
            let Some(entries) = range(self.dbs().facts, txn, self.account, &ids)? else { return Ok(()) };
            for entry in entries {
                let (key, sealed) = entry.or_engine()?;
                let id = keys::profile_of(key)?;
                f(id, self.open_facts(id, sealed)?)?;
            }
            Ok(())
        })
    }
    /// Calls `f` with the facts of each of these profiles that is there (ascending ids make it fast: one cursor), until it fails.
    pub fn for_each_facts_of<E: From<StoreError>>(
        &self,
        ids: &mut dyn Iterator<Item = ProfileId>,
        f: &mut dyn FnMut(ProfileId, Facts<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.reads.lend(|txn| {
            let mut seeker = Seeker::new(self.dbs().facts, txn, self.account);
            for id in ids {
                if let Some(sealed) = seeker.seek(id)? {
                    f(id, self.open_facts(id, sealed)?)?;
                }
            }
            Ok(())
        })
    }
    /// The whole profile, parsed, checksum verified.
    pub fn row(&self, id: ProfileId) -> Result<Option<StoredRow>, StoreError> {
        self.reads.lend(|txn| rows::get(self.dbs(), txn, self.account, id)?.map(Stored::into_row).transpose())
    }
    /// Calls `f` with the bytes of each of these profiles (ascending ids, made for long runs: one cursor), checksum verified. One
    /// that isn't there is damage: the caller has the ids from this snapshot.
    pub fn for_each_row<E: From<StoreError>>(
        &self,
        ids: &mut dyn Iterator<Item = ProfileId>,
        f: &mut dyn FnMut(RowBytes<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.reads.lend(|txn| {
            let mut seeker = Seeker::new(self.dbs().rows, txn, self.account);
            for id in ids {
                let bytes = seeker.seek(id)?.ok_or_else(|| {
                    StoreError::Damaged(format!("profile {id} has facts but no row; run `sayso check`"))
                })?;
                f(Stored::decode(id, bytes)?.bytes())?;
            }
            Ok(())
        })
    }
    /// The profiles written at or after `since`, or of which something expired at or after it and not after the snapshot; both compared
    /// after the vendor's rounding. `go_on` is asked now and then, and its error ends the search.
    pub fn changed_since<E: From<StoreError>>(
        &self,
        since: Moment,
        go_on: &mut dyn FnMut() -> Result<(), E>,
    ) -> Result<ProfileIds, E> {
        let rounded = round_up(since);
        // Rounding moves a moment up by less than ten milliseconds: nothing before this can be at or after `since`.
        let from = Moment(since.0.saturating_sub(10));
        let key = |at, id| keys::moment(self.account, at, ProfileId(id));
        self.reads.lend(|txn| {
            let mut ids = Gathering::below(self.end_of_ids(txn)?);
            let mut seen = 0u64;
            let mut look = |entry: &[u8]| -> Result<(), E> {
                if round_up(keys::moment_of(entry)?) >= rounded {
                    ids.add(keys::last_profile_of(entry)?);
                }
                seen += 1;
                if seen.is_multiple_of(LOOK_UP_EVERY) { go_on() } else { Ok(()) }
            };
            for (db, until) in [(self.dbs().by_modified, Moment(i64::MAX)), (self.dbs().by_expiry, self.moment)] {
                let (first, last) = (key(from, 0), key(until, u64::MAX));
                let bounds = (Bound::Included(&first[..]), Bound::Included(&last[..]));
                if first > last {
                    continue;
                }
                for entry in db.range(txn, &bounds).or_engine()? {
                    look(entry.or_engine()?.0)?;
                }
            }
            let (first, last) = (key(from, 0), key(self.moment, u64::MAX));
            pending::by_expiry(self.dbs(), txn, &first, &last)?.into_iter().try_for_each(|key| look(key))?;
            Ok(ids.end())
        })
    }
    /// The profiles that have one of these keys, ascending, each once.
    pub fn find(&self, keys: &mut dyn Iterator<Item = Key>) -> Result<Vec<ProfileId>, StoreError> {
        self.reads.lend(|txn| {
            let mut ids = Vec::new();
            for key in keys {
                ids.extend(index::find_ids(self.dbs(), txn, self.account, &key)?);
            }
            ids.sort_unstable();
            ids.dedup();
            Ok(ids)
        })
    }
    /// Calls `f` with every tombstone, ascending.
    pub fn for_each_tombstone<E: From<StoreError>>(
        &self,
        f: &mut dyn FnMut(&Tombstone) -> Result<(), E>,
    ) -> Result<(), E> {
        self.reads.lend(|txn| {
            for entry in self.dbs().tombstones.prefix_iter(txn, &keys::account(self.account)).or_engine()? {
                let (key, sealed) = entry.or_engine()?;
                f(&rows::open_tombstone(keys::profile_of(key)?, sealed)?)?;
            }
            Ok(())
        })
    }

    /// The id behind the last one that a profile has.
    fn end_of_ids(&self, txn: &Read<'_>) -> Result<u64, StoreError> {
        let last = range(self.dbs().facts, txn, self.account, &(0..u64::MAX))?.and_then(Iterator::last);
        last.map_or(Ok(0), |last| Ok(keys::profile_of(last.or_engine()?.0)?.0 + 1))
    }

    fn dbs(&self) -> &Databases {
        &self.shared.engine.dbs
    }

    fn open_facts<'f>(&self, id: ProfileId, sealed: &'f [u8]) -> Result<Facts<'f>, StoreError> {
        let (encoded, _) = rows::open_facts(id, sealed, self.config_version)?;
        Facts::new(encoded).ok_or_else(|| {
            StoreError::Damaged(format!("the facts of profile {id} are of another format; run `sayso check`"))
        })
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        self.shared.ages.end(self.age);
    }
}

/// The entries of a database in a range of ids.
fn range<'t>(
    db: Db,
    txn: &'t Read<'_>,
    no: AccountNo,
    ids: &Range<u64>,
) -> Result<Option<heed::RoRange<'t, heed::types::Bytes, heed::types::Bytes>>, StoreError> {
    let Some((first, last)) = keys::profiles(no, ids) else { return Ok(None) };
    db.range(txn, &(Bound::Included(&first[..]), Bound::Included(&last[..]))).or_engine().map(Some)
}

/// Read transactions of one moment. The engine's may be used by one thread at a time, hence several.
struct Pool {
    free: Mutex<Vec<Read<'static>>>,
    returned: Condvar,
}

impl Pool {
    /// Runs a function with a transaction that nobody else uses meanwhile.
    fn lend<R>(&self, f: impl FnOnce(&Read<'static>) -> R) -> R {
        struct Lent<'p> {
            pool: &'p Pool,
            txn: Option<Read<'static>>,
        }
        impl Drop for Lent<'_> {
            fn drop(&mut self) {
                self.pool.free.lock().extend(self.txn.take());
                self.pool.returned.notify_one();
            }
        }

        let mut free = self.free.lock();
        loop {
            if let Some(txn) = free.pop() {
                drop(free);
                let lent = Lent { pool: self, txn: Some(txn) };
                return f(lent.txn.as_ref().expect("it is given back only when dropped"));
            }
            self.returned.wait(&mut free);
        }
    }
}

/// How many entries are stepped over before it is cheaper to look the next one up.
const STEPS: u64 = 16;

/// Looks up profiles in ascending order: steps to one that is near, descends the tree to one that is far.
struct Seeker<'t, 'p> {
    db: Db,
    txn: &'t Read<'p>,
    no: AccountNo,
    entries: Option<heed::RoRange<'t, heed::types::Bytes, heed::types::Bytes>>,
    /// The entry that the cursor stands on.
    at: Option<(ProfileId, &'t [u8])>,
}

impl<'t, 'p> Seeker<'t, 'p> {
    fn new(db: Db, txn: &'t Read<'p>, no: AccountNo) -> Self {
        Self { db, txn, no, entries: None, at: None }
    }

    fn seek(&mut self, id: ProfileId) -> Result<Option<&'t [u8]>, StoreError> {
        let is_near = self.at.is_some_and(|(at, _)| at <= id && id.0 - at.0 <= STEPS);
        if !is_near {
            self.entries = range(self.db, self.txn, self.no, &(id.0..u64::MAX))?;
            self.step()?;
        }
        while self.at.is_some_and(|(at, _)| at < id) {
            self.step()?;
        }
        Ok(self.at.filter(|(at, _)| *at == id).map(|(_, value)| value))
    }

    fn step(&mut self) -> Result<(), StoreError> {
        let next = self.entries.as_mut().and_then(Iterator::next).transpose().or_engine()?;
        self.at = next.map(|(key, value)| keys::profile_of(key).map(|id| (id, value))).transpose()?;
        Ok(())
    }
}
