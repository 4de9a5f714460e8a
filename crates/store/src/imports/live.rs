//! What imports leave to be merged while the server serves ([`crate::pending`]). A commit of an import that only makes new profiles keeps its
//! index entries as a run, as long as nobody else changes profiles: whoever does would have to merge them first, and wait for it. What
//! waits is merged when there is much of it, when an import is over, and before anything is changed.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use sayso_model::id::AccountNo;

use crate::{
    Store, StoreError,
    engine::free_disk,
    load::Claims,
    pending::{self, Run, RunId},
    shared::Shared,
    tx::Tx,
};

/// Bytes that may wait: the entries of some 300,000 profiles.
const MOST_BYTES: usize = 96 << 20;
/// For so long nobody else has changed profiles when runs are left.
const QUIET: Duration = Duration::from_secs(1);

/// The runs that wait, and the alternate ids that are given out in them.
pub(crate) struct Live {
    /// A number that nobody else's runs have.
    load: u64,
    first: u64,
    next: u64,
    bytes: usize,
    claims: HashMap<AccountNo, Claims>,
    changed: Option<Instant>,
}

impl Live {
    pub(crate) fn new() -> Result<Self, StoreError> {
        let load =
            getrandom::u64().map_err(|e| StoreError::Engine(format!("the machine gives no random bytes: {e}")))?;
        Ok(Self { load, first: 0, next: 0, bytes: 0, claims: HashMap::new(), changed: None })
    }

    /// Somebody changes profiles.
    pub(crate) fn profiles_change(&mut self) {
        self.changed = Some(Instant::now());
    }

    /// Whether this transaction may leave a run. Forgets what is merged.
    pub(super) fn may_leave(&mut self, tx: &Tx<'_>) -> Result<bool, StoreError> {
        let (dbs, txn) = tx.read();
        let there = pending::ends(dbs, txn)?;
        if there.is_none() {
            (self.first, self.bytes) = (self.next, 0);
            self.claims.clear();
        }
        let ours = (self.first < self.next).then(|| (self.run(self.first), self.run(self.next - 1)));
        let is_quiet = self.changed.is_none_or(|changed| changed.elapsed() >= QUIET);
        let may = tx.leaves_runs() && there == ours && is_quiet && !self.is_full();
        Ok(may && has_room(tx.shared(), self.bytes)?)
    }

    /// What of the alternate ids of an account by_key doesn't have yet.
    pub(super) fn claims(&mut self, no: AccountNo) -> &mut Claims {
        self.claims.entry(no).or_default()
    }

    /// Keeps a run.
    pub(super) fn keep(&mut self, tx: &mut Tx<'_>, run: &Run) -> Result<(), StoreError> {
        if !run.is_empty() {
            let (dbs, txn) = tx.write();
            pending::put(dbs, txn, self.run(self.next), run)?;
            self.next += 1;
            self.bytes += run.by_key.as_flattened().len() + run.by_expiry.as_flattened().len();
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.bytes >= MOST_BYTES
    }

    fn run(&self, sequence: u64) -> RunId {
        RunId { load: self.load, sequence }
    }
}

/// Whether the disk has room for what waits to be merged, without its reserve.
fn has_room(shared: &Shared, bytes: usize) -> Result<bool, StoreError> {
    let needed = 4 * (bytes + (8 << 20)) as u64;
    Ok(free_disk(shared.engine.dir())? >= shared.disk_reserve.saturating_add(needed))
}

impl Store {
    /// Merges the index entries that imports have left, when there is much of it or `is_over` says that no more comes soon (blocking).
    /// Until then whoever looks finds them, and whoever changes a profile merges them first.
    ///
    /// # Errors
    /// What isn't merged stays and is merged later.
    pub fn merge_imported(&self, is_over: bool) -> Result<(), StoreError> {
        let is_due = is_over || self.shared().live.lock().is_full();
        if is_due { pending::settle(self.shared()) } else { Ok(()) }
    }
}
