//! The dictionary of facts: text ↔ id. It only grows; ids below the account's `next_term` are all there, so what another
//! process added is found by reading on from where one's own copy ends.

use std::collections::HashMap;

use heed::RwTxn;
use sayso_model::{facts::Terms, id::AccountNo};

use crate::{
    StoreError,
    engine::{Databases, OrEngine, Read},
    keys, seal,
};

/// One account's dictionary, held in memory.
#[derive(Debug, Default)]
pub(crate) struct Dictionary {
    ids: HashMap<String, u32>,
    next: u32,
}

impl Dictionary {
    /// The id of a term that is there.
    pub(crate) fn id(&self, term: &str) -> Option<u32> {
        self.ids.get(term).copied()
    }

    /// Reads the terms from where this copy ends up to `next`.
    pub(crate) fn catch_up(
        &mut self,
        dbs: &Databases,
        txn: &Read<'_>,
        no: AccountNo,
        next: u32,
    ) -> Result<(), StoreError> {
        for id in self.next..next {
            self.ids.insert(text(dbs, txn, no, id)?, id);
        }
        self.next = self.next.max(next);
        Ok(())
    }

    /// Adds a term under the next id.
    pub(crate) fn add(
        &mut self,
        dbs: &Databases,
        txn: &mut RwTxn<'_>,
        no: AccountNo,
        next: &mut u32,
        term: &str,
    ) -> Result<u32, StoreError> {
        let id = *next;
        dbs.terms.put(txn, &keys::term(no, id), &seal::seal(term.as_bytes())).or_engine()?;
        *next = id.checked_add(1).ok_or_else(|| StoreError::Engine("the ids of terms are used up".into()))?;
        self.ids.insert(term.to_owned(), id);
        self.next = *next;
        Ok(id)
    }
}

/// The text of a term.
pub(crate) fn text(dbs: &Databases, txn: &Read<'_>, no: AccountNo, id: u32) -> Result<String, StoreError> {
    let what = || format!("term {id} of account {no}");
    let sealed = dbs.terms.get(txn, &keys::term(no, id)).or_engine()?;
    let sealed = sealed.ok_or_else(|| StoreError::Damaged(format!("{} is missing", what())))?;
    String::from_utf8(seal::open(sealed, what)?.to_vec())
        .map_err(|_| StoreError::Damaged(format!("{} is no text", what())))
}

/// The whole dictionary as a transaction has it.
pub(crate) fn all(dbs: &Databases, txn: &Read<'_>, no: AccountNo, next: u32) -> Result<Terms, StoreError> {
    (0..next).map(|id| Ok((text(dbs, txn, no, id)?, id))).collect()
}
