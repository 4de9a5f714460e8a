//! What every clone of a store, its writer thread and its snapshots share.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use parking_lot::Mutex;
use sayso_model::{id::AccountNo, moment::Moment};

use crate::{
    Clock, StoreError,
    account::Accounts,
    audit::Notes,
    engine::{Engine, Read, free_disk},
    imports::Live,
    meta,
    terms::{Dictionaries, Dictionary},
    vault::Vault,
};

/// The open environment and what is cached of it.
pub(crate) struct Shared {
    pub engine: Engine,
    pub clock: Arc<dyn Clock>,
    pub accounts: Accounts,
    pub dictionaries: Dictionaries,
    pub ages: Ages,
    pub vault: Vault,
    /// Free bytes of disk below which nothing is committed.
    pub disk_reserve: u64,
    /// Audit records that wait to be written.
    pub notes: Notes,
    /// What imports have left to be merged.
    pub live: Mutex<Live>,
}

impl Shared {
    /// By what changes of an account are prepared in a read transaction: its dictionary, and the moment, which is not before the stamp of any
    /// commit that the transaction sees. `None`: there is no such account.
    pub(crate) fn basis(&self, txn: &Read<'_>, no: AccountNo) -> Result<Option<(Dictionary, Moment)>, StoreError> {
        let dbs = &self.engine.dbs;
        let Some(numbers) = meta::numbers(dbs, txn, no)? else { return Ok(None) };
        let now = self.clock.now().max(meta::last_stamp(dbs, txn)?);
        Ok(Some((self.dictionaries.at(dbs, txn, no, numbers.next_term)?, now)))
    }

    /// Refuses a commit when the disk is nearly full: LMDB itself would notice only when a page can't be written, and the machine's
    /// other programs, our export files among them, need room too.
    pub(crate) fn leave_room(&self) -> Result<(), StoreError> {
        let free = free_disk(self.engine.dir())?;
        if free < self.disk_reserve {
            return Err(StoreError::NotKept(format!(
                "{free} bytes are free on the disk of {}, of which {} are kept free; make room",
                self.engine.dir().display(),
                self.disk_reserve
            )));
        }
        Ok(())
    }
}

/// When each open snapshot was taken: the oldest one keeps old pages alive.
#[derive(Default)]
pub(crate) struct Ages(Mutex<(u64, BTreeMap<u64, Instant>)>);

impl Ages {
    /// Takes note of a new snapshot; the number takes it away again.
    pub(crate) fn begin(&self) -> u64 {
        let mut ages = self.0.lock();
        ages.0 += 1;
        let number = ages.0;
        ages.1.insert(number, Instant::now());
        number
    }

    /// The snapshot of this number is gone.
    pub(crate) fn end(&self, number: u64) {
        self.0.lock().1.remove(&number);
    }

    /// How many are held.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.lock().1.len()
    }

    /// Age of the oldest, ms; 0 when there is none.
    pub(crate) fn oldest_ms(&self) -> u64 {
        let ages = self.0.lock();
        let oldest = ages.1.values().next();
        oldest.map_or(0, |taken| u64::try_from(taken.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}
