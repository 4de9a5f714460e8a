//! A batch of an import's new profiles made ready before its transaction, while the batch before it is written: then both cores are busy
//! all the time, and the transaction only puts.

use sayso_model::{
    change::Manner,
    config::TypeKind,
    id::{AccountNo, Author},
    input::ProfileInput,
    moment::Moment,
    refusal::Refusal,
};

use super::{
    By, Imports,
    write::{are_new, hash},
};
use crate::{
    Store, StoreError,
    account::Account,
    index,
    keys::{self, Kind},
    load::{self, Claims, Import, Prepared},
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
    pub fn may_be_new<'b>(&self, account: &Account, mut bys: impl Iterator<Item = &'b By>) -> Result<bool, StoreError> {
        let engine = &self.shared().engine;
        let (dbs, txn) = (&engine.dbs, engine.read()?);
        let next = meta::numbers(dbs, &txn, account.no)?.map_or(0, |numbers| numbers.next_profile);
        bys.try_fold(true, |all, by| {
            Ok(all
                && match by {
                    By::Nothing => true,
                    By::Id(id) => id.0 >= next,
                    By::AlternateId { kind, id } => {
                        let key = keys::claimed(account.no, Kind::AlternateId, &hash(kind, id));
                        account.config.type_def(TypeKind::AlternateId, kind).is_some()
                            && !index::may_have(dbs, &txn, &key)?
                    }
                })
        })
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
        let shared = self.shared();
        let (dictionary, stamp) = {
            let (dbs, txn) = (&shared.engine.dbs, shared.engine.read()?);
            let no = account.no;
            let numbers = meta::numbers(dbs, &txn, no)?.ok_or_else(|| StoreError::NoAccount(no.to_string()))?;
            let dictionary = shared.dictionaries.at(dbs, &txn, no, numbers.next_term)?;
            (dictionary, shared.clock.now().max(meta::last_stamp(dbs, &txn)?))
        };
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
        let records = bys.iter().zip(claims).map(|(by, claims)| (by, claims.into_iter().flatten().collect()));
        if !are_new(self.0, &account, live.claims(no), Some(records))? {
            return Ok(None);
        }
        let (dbs, txn) = self.0.read();
        if !may_leave && !pending::is_empty(dbs, txn)? {
            return Ok(None);
        }
        let answers = if may_leave {
            let (answers, run) = load::put_prepared(self.0, &account, prepared, live.claims(no))?;
            live.keep(self.0, &run)?;
            answers
        } else {
            let (answers, run) = load::put_prepared(self.0, &account, prepared, &mut Claims::default())?;
            load::put_run(self.0, &run)?;
            answers
        };
        let outcome = |answer| match answer {
            Ok(_) => Ok(Ok(0)),
            Err(StoreError::Refused(refusal)) => Ok(Err(refusal)),
            Err(error) => Err(error),
        };
        answers.into_iter().map(outcome).collect::<Result<_, _>>().map(Some)
    }
}
