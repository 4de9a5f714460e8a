//! A batch of an import's new profiles made ready before its transaction, while the batch before it is written: then both cores are busy
//! all the time, and the transaction only puts.

use sayso_model::{
    change::Manner,
    id::{AccountNo, Author},
    input::ProfileInput,
    moment::Moment,
    refusal::Refusal,
};

use super::{
    By, Imports,
    write::{are_new, is_new, put_new},
};
use crate::{
    Store, StoreError,
    account::Account,
    load::{self, Import, Prepared},
    meta, pending,
};

/// Records made ready as new profiles.
pub struct Ahead {
    /// By what each is matched.
    bys: Vec<By>,
    prepared: Vec<Prepared>,
}

impl Store {
    /// Whether records that are matched so may all be new profiles, as things stand: then [`Store::prepare_ahead`] is worth it.
    ///
    /// # Errors
    /// The engine can't read.
    pub fn may_be_new<'b>(&self, account: &Account, bys: impl Iterator<Item = &'b By>) -> Result<bool, StoreError> {
        let engine = &self.shared().engine;
        let (dbs, txn) = (&engine.dbs, engine.read()?);
        let next = meta::numbers(dbs, &txn, account.no)?.map_or(0, |numbers| numbers.next_profile);
        for by in bys {
            if !is_new(dbs, &txn, account, by, next, |_| false)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Makes records ready as new profiles, on all cores (blocking); what they are refused for is told when they are written. `created` is
    /// their create date.
    ///
    /// # Errors
    /// Only what isn't about one record.
    pub fn prepare_ahead(
        &self,
        account: &Account,
        author: &Author,
        manner: &Manner,
        created: Moment,
        records: Vec<(By, ProfileInput)>,
    ) -> Result<Ahead, StoreError> {
        let (shared, no) = (self.shared(), account.no);
        let basis = shared.basis(&shared.engine.read()?, no)?;
        let (dictionary, stamp) = basis.ok_or_else(|| StoreError::NoAccount(no.to_string()))?;
        let (bys, inputs) = records.into_iter().unzip();
        let import = Some(Import { manner: *manner, created });
        let prepared = load::prepare_all(inputs, account, author, dictionary, stamp, import)?;
        Ok(Ahead { bys, prepared })
    }
}

impl Imports<'_, '_> {
    /// Writes records that were made ready, with the outcome that [`Imports::write`] gives. `None`: something has moved since, or index
    /// entries wait that must be merged before; nothing was written, and the records are for [`Imports::write`].
    ///
    /// # Errors
    /// What isn't about one record: then nothing of the transaction is kept.
    pub fn write_ahead(
        &mut self,
        no: AccountNo,
        ahead: Ahead,
    ) -> Result<Option<Vec<Result<usize, Refusal>>>, StoreError> {
        let account = self.0.account(no)?;
        let Ahead { bys, prepared } = ahead;
        let holds = |prepared: &Prepared| self.0.holds(&account, prepared.basis());
        if !prepared.iter().all(holds) {
            return Ok(None);
        }
        let shared = self.0.shared();
        let mut live = shared.live.lock();
        let may_leave = live.may_leave(self.0)?;
        let claims = prepared.iter().flat_map(Prepared::claims);
        // One that is refused as a new profile may be welcome as a change of the one that it matches.
        if !are_new(self.0, &account, live.claims(no), bys.iter().zip(claims))? {
            return Ok(None);
        }
        let (dbs, txn) = self.0.read();
        if !may_leave && !pending::is_empty(dbs, txn)? {
            return Ok(None);
        }
        let outcomes = put_new(self.0, no, may_leave.then_some(&mut *live), |tx, claims| {
            load::put_prepared(tx, &account, prepared, claims)
        })?;
        Ok(Some(outcomes.into_iter().map(|outcome| outcome.map(|()| 0)).collect()))
    }
}
