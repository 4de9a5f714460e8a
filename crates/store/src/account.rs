//! Accounts and their configuration.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use sayso_model::{
    config::{Config, Configuration, check, check_use},
    id::{AccountNo, fold},
    refusal::Refusal,
};
use serde::{Deserialize, Serialize};

use crate::{
    Store, StoreError,
    engine::{Databases, OrEngine, Read},
    keys::small,
    meta::{self, Numbers},
    seal,
    tx::Tx,
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

/// An account as it is stored.
#[derive(Serialize, Deserialize)]
struct Record {
    name: String,
    configuration: Configuration,
}

impl Store {
    /// The account of this name, without regard to case. Cheap: the configuration is cached until its version moves.
    pub fn account(&self, name: &str) -> Result<Option<Account>, StoreError> {
        // No name that `create_account` takes is longer, nor may a key of the engine be.
        if name.len() > MAX_NAME {
            return Ok(None);
        }
        let txn = self.shared().engine.read()?;
        let dbs = &self.shared().engine.dbs;
        let Some(no) = number_of(dbs, &txn, &fold(name))? else { return Ok(None) };
        self.shared().accounts.at(dbs, &txn, no)
    }
    /// The account of this number (a bearer token knows the number, not the name). As cheap as [`Store::account`].
    pub fn account_by_no(&self, no: AccountNo) -> Result<Option<Account>, StoreError> {
        let txn = self.shared().engine.read()?;
        self.shared().accounts.at(&self.shared().engine.dbs, &txn, no)
    }
    /// Every account, by name.
    pub fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        let txn = self.shared().engine.read()?;
        let dbs = &self.shared().engine.dbs;
        let mut accounts = Vec::new();
        for entry in dbs.config.prefix_iter(&txn, &small::account_name("")).or_engine()? {
            let no = seal::open_json(entry.or_engine()?.1, || "the name of an account".to_owned())?;
            accounts.extend(self.shared().accounts.at(dbs, &txn, no)?);
        }
        Ok(accounts)
    }
    /// Makes an account (blocking). Names: 1–64 of A–Z a–z 0–9 _ - . ; one that is there is a conflict.
    pub fn create_account(&self, name: &str, configuration: Configuration) -> Result<Account, StoreError> {
        check_name(name)?;
        check(&configuration, None).map_err(StoreError::RefusedAll)?;
        let name = name.to_owned();
        self.writer().run_blocking(move |tx| {
            let (dbs, txn) = tx.read();
            if let Some(no) = number_of(dbs, txn, &fold(&name))? {
                let there = tx.account(no)?.name;
                return Err(Refusal::conflict(
                    "",
                    format!("the account {there} is there already; `sayso account apply` changes it"),
                )
                .into());
            }
            let (dbs, txn) = tx.write();
            let no = meta::take_account_no(dbs, txn)?;
            dbs.config.put(txn, &small::account_name(&fold(&name)), &seal::seal_json(&no)?).or_engine()?;
            tx.set_numbers(no, Numbers { next_profile: 1, next_term: 0, version: 0 });
            put(tx, no, name, configuration)
        })
    }
    /// Replaces the configuration after `model::config::check` against the present one (blocking). Gives the account as it is then.
    pub fn apply_configuration(&self, no: AccountNo, configuration: Configuration) -> Result<Account, StoreError> {
        self.writer().run_blocking(move |tx| {
            let current = tx.account(no)?;
            let former = &current.config.source;
            if *former == configuration {
                return Ok(current);
            }
            check(&configuration, Some(former)).map_err(StoreError::RefusedAll)?;
            // What profiles carry is known from the dictionary: a name that goes must not be among it (configuration.md).
            check_use(&configuration, former, &tx.dictionary(no)?.terms).map_err(StoreError::RefusedAll)?;
            put(tx, no, current.name, configuration)
        })
    }
}

/// The longest name of an account.
const MAX_NAME: usize = 64;

fn check_name(name: &str) -> Result<(), Refusal> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if (1..=MAX_NAME).contains(&name.len()) && name.chars().all(fits) {
        return Ok(());
    }
    let seen: String = name.chars().take(80).collect();
    Err(Refusal::invalid("", format!("`{seen}` can't name an account; 1 to {MAX_NAME} of A-Z a-z 0-9 _ - . can")))
}

/// Writes an account's record under the next version.
fn put(tx: &mut Tx<'_>, no: AccountNo, name: String, configuration: Configuration) -> Result<Account, StoreError> {
    let mut numbers = tx.numbers(no)?;
    numbers.version += 1;
    let record = Record { name, configuration };
    let sealed = seal::seal_json(&record)?;
    let (dbs, txn) = tx.write();
    dbs.config.put(txn, &small::account_record(no), &sealed).or_engine()?;
    tx.set_numbers(no, numbers);
    let config = Arc::new(Config::new(record.configuration));
    let account = Account { no, name: record.name, config, version: numbers.version };
    tx.set_account(account.clone());
    Ok(account)
}

/// The number of the account that has this folded name.
pub(crate) fn number_of(dbs: &Databases, txn: &Read<'_>, folded: &str) -> Result<Option<AccountNo>, StoreError> {
    let sealed = dbs.config.get(txn, &small::account_name(folded)).or_engine()?;
    sealed.map(|sealed| seal::open_json(sealed, || format!("the name of account {folded}"))).transpose()
}

/// The accounts as this process read them last, each good for one version of its configuration.
#[derive(Default)]
pub(crate) struct Accounts(Mutex<HashMap<AccountNo, Account>>);

impl Accounts {
    /// The account as a transaction sees it.
    pub(crate) fn at(&self, dbs: &Databases, txn: &Read<'_>, no: AccountNo) -> Result<Option<Account>, StoreError> {
        let Some(Numbers { version, .. }) = meta::numbers(dbs, txn, no)? else { return Ok(None) };
        if let Some(account) = self.0.lock().get(&no)
            && account.version == version
        {
            return Ok(Some(account.clone()));
        }
        let what = || format!("the configuration of account {no}");
        let sealed = dbs.config.get(txn, &small::account_record(no)).or_engine()?;
        let sealed = sealed.ok_or_else(|| StoreError::Damaged(format!("{} is missing", what())))?;
        let Record { name, configuration } = seal::open_json(sealed, what)?;
        let account = Account { no, name, config: Arc::new(Config::new(configuration)), version };
        self.learn(account.clone());
        Ok(Some(account))
    }

    /// Takes over an account that has been committed.
    pub(crate) fn learn(&self, account: Account) {
        let mut all = self.0.lock();
        if all.get(&account.no).is_none_or(|known| known.version < account.version) {
            all.insert(account.no, account);
        }
    }
}
