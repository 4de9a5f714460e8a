//! A load beside which nobody writes: profiles are prepared ahead of the transactions that keep them, and index entries wait to be
//! merged ([`crate::pending`]).
//!
//! What is prepared holds while nothing moved: the configuration, and the last stamp. The stamp is given before the transaction, so
//! nobody may have taken a snapshot of a later moment since, whatever the clock did, or stamped a change (house.md: stamps and
//! snapshots belong to the writer); when somebody did, or a server runs, the batch is given back to be loaded as beside others.

use std::{sync::Arc, time::Instant};

use parking_lot::Mutex;
use sayso_model::{
    id::{AccountNo, Author, ProfileId},
    input::ProfileInput,
    moment::Moment,
};

use super::{
    claims::Claims,
    prepare::{self, Basis, Buffers, Prepared},
};
use crate::{
    Store, StoreError, lock,
    pending::{self, RunId},
    tx::Tx,
};

/// Alternate ids that may wait in memory before the runs are merged: as many as a table of 27 MB takes.
const CLAIMS: usize = 1_800_000;

/// A bulk load into one account. Prepares on any thread, puts on one. What it put stays when it is dropped; whoever opens the
/// directory next merges what waits, where the disk has room, or who changes profiles.
pub struct Loader {
    store: Store,
    no: AccountNo,
    /// Whether the caller knows that nobody else has the directory.
    alone: bool,
    basis: Mutex<Arc<Basis>>,
    runs: Mutex<Runs>,
    /// Buffers to be used again: memory that is given back to the machine comes back cleared, and clearing it cost a seventh of a
    /// load's processor time.
    spare: Mutex<Vec<Buffers>>,
    /// [`CLAIMS`], but in tests.
    pub(crate) most_claims: usize,
}

/// What this load has put that waits to be merged.
struct Runs {
    /// A number that no other load has.
    load: u64,
    first: u64,
    next: u64,
    claims: Claims,
    /// The stamp that our last commit left; `None` before the first.
    left: Option<Moment>,
}

impl Store {
    /// Begins a bulk load. `alone`: the caller holds the directory as a server and serves nobody yet; else it is seen at every
    /// commit whether a server runs.
    ///
    /// # Errors
    /// [`StoreError::NoAccount`], or the engine can't read.
    pub fn loader(&self, account: AccountNo, author: &Author, alone: bool) -> Result<Loader, StoreError> {
        let mut random = [0; 8];
        getrandom::fill(&mut random)
            .map_err(|e| StoreError::Engine(format!("the machine gives no random bytes: {e}")))?;
        let runs = Runs { load: u64::from_be_bytes(random), first: 0, next: 0, claims: Claims::default(), left: None };
        let mut tx = Tx::begin(self.shared())?;
        let basis = basis(&mut tx, account, author)?;
        drop(tx);
        let (basis, runs) = (Mutex::new(Arc::new(basis)), Mutex::new(runs));
        Ok(Loader {
            store: self.clone(),
            no: account,
            alone,
            basis,
            runs,
            spare: Mutex::default(),
            most_claims: CLAIMS,
        })
    }
}

fn basis(tx: &mut Tx<'_>, no: AccountNo, author: &Author) -> Result<Basis, StoreError> {
    let (account, dictionary) = (tx.account(no)?, tx.dictionary(no)?.clone());
    Ok(Basis { account, author: author.clone(), dictionary, stamp: tx.stamp(), import: None })
}

impl Loader {
    /// Does what can be done without a transaction. Each profile is done with before the next one is asked for, so that what it takes of
    /// memory is still near.
    ///
    /// # Errors
    /// Only what isn't about one profile; refusals are told by [`Loader::put`].
    pub fn prepare(&self, inputs: impl IntoIterator<Item = ProfileInput>) -> Result<Prepared, StoreError> {
        let basis = Arc::clone(&self.basis.lock());
        let stamp = basis.stamp.max(self.store.clock().now());
        let mut buffers = self.spare.lock().pop().unwrap_or_default();
        buffers.clear();
        prepare::chunk(inputs, &Basis { stamp, ..(*basis).clone() }, buffers)
    }

    /// Puts what was prepared, one transaction for all of it (blocking). One answer for each profile, in order; a refused one leaves the
    /// others. `None`: somebody else has changed something meanwhile, and nothing was kept; it is for [`Store::load`].
    ///
    /// # Errors
    /// Nothing of it is kept.
    pub fn put(&self, prepared: Vec<Prepared>) -> Result<Option<Vec<Result<ProfileId, StoreError>>>, StoreError> {
        let shared = self.store.shared();
        let mut runs = self.runs.lock();
        let began = Instant::now();
        // Before anything of this batch is there: a merge that finds no room must not speak for it.
        if runs.claims.len() >= self.most_claims {
            pending::settle(shared)?;
        }
        let mut tx = runs.begin(shared)?;
        // Under the write lock: a server that starts now merges after our commit.
        let alone = self.alone || !lock::is_held(self.store.directory())?;
        let account = tx.account(self.no)?;
        let last = tx.last_stamp();
        let nobody_stamped = runs.left.is_some_and(|left| left == last);
        let holds = |p: &Prepared| tx.holds(&account, p.basis()) && (nobody_stamped || p.stamp >= last);
        if !alone || !prepared.iter().all(holds) {
            let author = self.basis.lock().author.clone();
            *self.basis.lock() = Arc::new(basis(&mut tx, self.no, &author)?);
            return Ok(None);
        }
        // Not under its lock: others prepare meanwhile.
        let mut spare = Vec::with_capacity(prepared.len());
        let (answers, run) = super::put(&mut tx, &account, prepared, &mut runs.claims, &mut spare)?;
        self.spare.lock().append(&mut spare);
        if !run.is_empty() {
            let id = RunId { load: runs.load, sequence: runs.next };
            let (dbs, txn) = tx.write();
            pending::put(dbs, txn, id, &run)?;
            runs.next += 1;
        }
        let left = tx.last_stamp();
        let dictionary = tx.dictionary(self.no)?.clone();
        let syncing = Instant::now();
        if tx.commit().map_err(StoreError::NotKept)? {
            runs.left = Some(left);
        }
        tracing::debug!(
            profiles = answers.len(),
            put_ms = (syncing - began).as_millis(),
            commit_ms = syncing.elapsed().as_millis(),
            "put a batch"
        );
        let mut basis = self.basis.lock();
        if basis.dictionary.next != dictionary.next {
            *basis = Arc::new(Basis { dictionary, ..(**basis).clone() });
        }
        Ok(Some(answers))
    }

    /// Merges what waits (blocking): everything is where readers look for it.
    ///
    /// # Errors
    /// What is loaded stays; whoever opens the directory next, or changes profiles, merges the rest.
    pub fn finish(&self) -> Result<(), StoreError> {
        let mut runs = self.runs.lock();
        // Before they are merged: the claims' memory is free meanwhile, and a batch after a merge that failed merges first.
        runs.let_go();
        pending::settle(self.store.shared())
    }
}

impl Runs {
    /// Begins a transaction in which every alternate id is either in by_key or among the claims: what waits is ours, or nothing does.
    fn begin<'s>(&mut self, shared: &'s crate::shared::Shared) -> Result<Tx<'s>, StoreError> {
        loop {
            let tx = Tx::begin_unsettled(shared)?;
            let (dbs, txn) = tx.read();
            let ours = (self.first < self.next).then(|| {
                let id = |sequence| RunId { load: self.load, sequence };
                (id(self.first), id(self.next - 1))
            });
            let there = pending::ends(dbs, txn)?;
            if there == ours {
                return Ok(tx);
            }
            drop(tx);
            if there.is_some() {
                pending::settle(shared)?;
            }
            // Whoever merged ours, or we: by_key has them.
            self.let_go();
        }
    }

    /// Counts on nothing any more that this load has put.
    fn let_go(&mut self) {
        self.first = self.next;
        self.claims.clear();
    }
}
