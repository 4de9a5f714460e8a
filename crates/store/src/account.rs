//! Accounts and their configuration.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use sayso_model::{
    config::{self, Config, Configuration},
    id::{AccountNo, fold},
    refusal::Refusal,
};
use serde::{Deserialize, Serialize};

use crate::{
    Store, StoreError,
    engine::{Databases, OrEngine, Read},
    keys::{self, small},
    meta::{self, Numbers},
    seal,
    writer::Work,
};

/// An account as it stands now.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Account {
    pub no: AccountNo,
    /// As it was created; matched without regard to case.
    pub name: String,
    pub config: Arc<Config>,
    /// Raised by every change of the configuration.
    pub version: u64,
}

/// What is kept of an account.
#[derive(Serialize, Deserialize)]
struct Record {
    name: String,
    configuration: Configuration,
}

/// The accounts that were read lately; one is read again when its version has moved.
#[derive(Default)]
pub(crate) struct Accounts(Mutex<HashMap<AccountNo, Account>>);

impl Accounts {
    /// The account as a transaction has it, whose numbers say this version.
    pub(crate) fn at(
        &self,
        dbs: &Databases,
        txn: &Read<'_>,
        no: AccountNo,
        version: u64,
    ) -> Result<Option<Account>, StoreError> {
        if let Some(known) = self.0.lock().get(&no).filter(|a| a.version == version) {
            return Ok(Some(known.clone()));
        }
        let Some(sealed) = dbs.config.get(txn, &small::account_record(no)).or_engine()? else { return Ok(None) };
        let record: Record = seal::open_json(sealed, || format!("the configuration of account {no}"))?;
        let config = Arc::new(Config::new(record.configuration));
        let account = Account { no, name: record.name, config, version };
        let mut known = self.0.lock();
        if known.get(&no).is_none_or(|k| k.version < version) {
            known.insert(no, account.clone());
        }
        Ok(Some(account))
    }

    /// Forgets what was read: it may have been undone.
    pub(crate) fn forget(&self) {
        self.0.lock().clear();
    }
}

impl Store {
    /// The account of this name, without regard to case. Cheap: the configuration is cached until its version moves.
    pub fn account(&self, name: &str) -> Result<Option<Account>, StoreError> {
        let txn = self.inner.engine.read()?;
        match number_of(&self.inner.engine.dbs, &txn, name)? {
            Some(no) => self.account_in(&txn, no),
            None => Ok(None),
        }
    }

    /// The account of this number (a bearer token knows the number, not the name). As cheap as [`Store::account`].
    pub fn account_by_no(&self, no: AccountNo) -> Result<Option<Account>, StoreError> {
        self.account_in(&self.inner.engine.read()?, no)
    }

    pub(crate) fn account_in(&self, txn: &Read<'_>, no: AccountNo) -> Result<Option<Account>, StoreError> {
        let dbs = &self.inner.engine.dbs;
        match meta::numbers(dbs, txn, no)? {
            Some(numbers) => self.inner.accounts.at(dbs, txn, no, numbers.version),
            None => Ok(None),
        }
    }

    /// Every account, by name.
    pub fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        let txn = self.inner.engine.read()?;
        let mut all = Vec::new();
        for no in meta::all_numbers(&self.inner.engine.dbs, &txn)?.into_keys() {
            all.extend(self.account_in(&txn, no)?);
        }
        all.sort_by_key(|a| fold(&a.name));
        Ok(all)
    }

    /// Makes an account (blocking). Names: 1–64 of A–Z a–z 0–9 _ - . ; one that is there is a conflict.
    pub fn create_account(&self, name: &str, configuration: Configuration) -> Result<Account, StoreError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
            let why = format!("an account's name has 1 to 64 of A-Z a-z 0-9 _ - . and `{name}` doesn't");
            return Err(Refusal::invalid("", why).into());
        }
        config::check(&configuration, None).map_err(StoreError::RefusedAll)?;
        let name = name.to_owned();
        self.submit_and_wait(move |work| {
            if let Some(no) = number_of(work.dbs, &work.txn, &name)? {
                let there = work.account(no)?.name;
                let why =
                    format!("the account {there} exists already; `sayso account apply` changes its configuration");
                return Err(Refusal::conflict("", why).into());
            }
            let no = meta::take_account_no(work.dbs, &mut work.txn)?;
            let key = small::account_name(&fold(&name));
            work.dbs.config.put(&mut work.txn, &key, &seal::seal(&keys::account(no))).or_engine()?;
            put(work, no, Record { name, configuration })?;
            work.set_numbers(no, Numbers { next_profile: 1, next_term: 0, version: 1 });
            work.account(no)
        })
    }

    /// Replaces the configuration after `model::config::check` against the present one (blocking). Gives the account as it is then.
    pub fn apply_configuration(&self, no: AccountNo, configuration: Configuration) -> Result<Account, StoreError> {
        self.submit_and_wait(move |work| {
            let current = work.account(no)?;
            if current.config.source == configuration {
                return Ok(current);
            }
            config::check(&configuration, Some(&current.config.source)).map_err(StoreError::RefusedAll)?;
            let numbers = work.numbers(no)?;
            put(work, no, Record { name: current.name, configuration })?;
            work.set_numbers(no, Numbers { version: numbers.version + 1, ..numbers });
            work.account(no)
        })
    }
}

fn put(work: &mut Work<'_>, no: AccountNo, record: Record) -> Result<(), StoreError> {
    let sealed = seal::seal_json(&record)?;
    work.dbs.config.put(&mut work.txn, &small::account_record(no), &sealed).or_engine()
}

/// The number of the account of this name.
pub(crate) fn number_of(dbs: &Databases, txn: &Read<'_>, name: &str) -> Result<Option<AccountNo>, StoreError> {
    let name = fold(name);
    // No key is longer than a name may be, whatever a caller puts into a path.
    if name.is_empty() || name.len() > 64 {
        return Ok(None);
    }
    let sealed = dbs.config.get(txn, &small::account_name(&name)).or_engine()?;
    sealed.map(|sealed| keys::account_of(seal::open(sealed, || format!("the name of account {name}"))?)).transpose()
}
