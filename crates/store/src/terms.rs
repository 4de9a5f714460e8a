//! The dictionary of an account: the texts that facts name by number. It only grows, ids are given in order and never again,
//! so `next_term` in meta says whether a copy in memory is whole, and a copy with more than a snapshot has is still right for it.

use std::{collections::HashMap, sync::Arc};

use foldhash::quality::RandomState;
use heed::RwTxn;
use parking_lot::Mutex;
use sayso_model::{
    facts::{ProfileTerms, Terms},
    id::AccountNo,
};

use crate::{
    StoreError,
    engine::{Databases, OrEngine, Read},
    keys, seal,
};

/// A dictionary with the number of its terms.
#[derive(Debug, Clone, Default)]
pub(crate) struct Dictionary {
    /// Ids below it are all in `terms`.
    pub next: u32,
    pub terms: Arc<Terms>,
    /// The same terms, to be looked up one by one: a profile has some thirty. Who finds texts whose hashes collide slows the writes
    /// of their own account only, each of whose terms an administrator configured or a tag named.
    ids: Arc<HashMap<String, u32, RandomState>>,
}

impl Dictionary {
    /// The id of a term; `None` when it is new.
    pub(crate) fn id(&self, term: &str) -> Option<u32> {
        self.ids.get(term).copied()
    }

    /// The ids of terms in their order; `None` when one of them is new.
    pub(crate) fn ids(&self, terms: &ProfileTerms) -> Option<Vec<u32>> {
        let mut ids = Vec::with_capacity(terms.len());
        for term in terms.iter() {
            ids.push(self.id(term)?);
        }
        Some(ids)
    }

    /// Adds a term to the copy in memory and to the database.
    pub(crate) fn add(
        &mut self,
        dbs: &Databases,
        txn: &mut RwTxn<'_>,
        no: AccountNo,
        term: &str,
    ) -> Result<u32, StoreError> {
        let id = self.next;
        self.next =
            id.checked_add(1).ok_or_else(|| StoreError::Engine("the dictionary of an account is full".into()))?;
        dbs.terms.put(txn, &keys::term(no, id), &seal::seal(term.as_bytes())).or_engine()?;
        Arc::make_mut(&mut self.terms).insert(term.to_owned(), id);
        Arc::make_mut(&mut self.ids).insert(term.to_owned(), id);
        Ok(id)
    }

    /// Reads what `next` says is there and this copy lacks.
    fn catch_up(&mut self, dbs: &Databases, txn: &Read<'_>, no: AccountNo, next: u32) -> Result<(), StoreError> {
        if self.next >= next {
            return Ok(());
        }
        let (terms, ids) = (Arc::make_mut(&mut self.terms), Arc::make_mut(&mut self.ids));
        for id in self.next..next {
            let what = || format!("term {id} of account {no}");
            let sealed = dbs.terms.get(txn, &keys::term(no, id)).or_engine()?;
            let sealed = sealed.ok_or_else(|| StoreError::Damaged(format!("{} is missing", what())))?;
            let text = std::str::from_utf8(seal::open(sealed, what)?)
                .map_err(|_| StoreError::Damaged(format!("{} is no text", what())))?;
            terms.insert(text.to_owned(), id);
            ids.insert(text.to_owned(), id);
        }
        self.next = next;
        Ok(())
    }
}

/// The committed dictionaries of all accounts, as far as this process has read them.
#[derive(Default)]
pub(crate) struct Dictionaries(Mutex<HashMap<AccountNo, Dictionary>>);

impl Dictionaries {
    /// The dictionary as a transaction sees it, which says that there are `next` terms.
    pub(crate) fn at(
        &self,
        dbs: &Databases,
        txn: &Read<'_>,
        no: AccountNo,
        next: u32,
    ) -> Result<Dictionary, StoreError> {
        let mut known = self.0.lock().get(&no).cloned().unwrap_or_default();
        if known.next > next {
            // Terms that were committed after this transaction began: it has no use for them, and they do it no harm.
            return Ok(known);
        }
        known.catch_up(dbs, txn, no, next)?;
        self.learn(no, &known);
        Ok(known)
    }

    /// Takes over a dictionary that has been committed.
    pub(crate) fn learn(&self, no: AccountNo, dictionary: &Dictionary) {
        let mut all = self.0.lock();
        let known = all.entry(no).or_default();
        if known.next < dictionary.next {
            *known = dictionary.clone();
        }
    }
}
