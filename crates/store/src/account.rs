//! Accounts and their configuration.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use sayso_model::{
    config::{Config, Configuration, Ledger, Renamed, check, check_use},
    id::{AccountNo, Author, fold},
    moment::Moment,
    reading::implies_alike,
    refusal::Refusal,
};
use serde::{Deserialize, Serialize};

use crate::{
    Store, StoreError, access,
    audit::{self, Action, Entry, NOBODY, Origin},
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
    /// The numbers of what is configured, and who made and changed it.
    pub ledger: Arc<Ledger>,
    /// When a change of the configuration last changed what silent people are taken to have said; `None` when none did since the account
    /// was made.
    pub implied_changed: Option<Moment>,
    /// Raised by every change of the configuration.
    pub version: u64,
}

/// An account as it is stored.
#[derive(Serialize, Deserialize)]
struct Record {
    name: String,
    configuration: Configuration,
    /// Empty in an account that was made before there was one.
    #[serde(default)]
    ledger: Ledger,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    implied_changed: Option<Moment>,
}

/// A change of an account's configuration.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Edit {
    /// As it is to be.
    pub configuration: Configuration,
    /// The thing that goes on under another name.
    pub renamed: Option<Renamed>,
    /// Where what was edited stands in the configuration, `EmailTypes[2].`: left out of the paths of refusals, since the caller sent that one
    /// thing. Of several the first that fits.
    pub within: Vec<String>,
}

impl Store {
    /// The account of this name, without regard to case. Cheap: the configuration is cached until its version moves.
    pub fn account(&self, name: &str) -> Result<Option<Account>, StoreError> {
        let txn = self.shared().engine.read()?;
        let dbs = &self.shared().engine.dbs;
        let Some(no) = find_account(dbs, &txn, name)? else { return Ok(None) };
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
            let mut ledger = Ledger::default();
            let author = operator(&Config::new(configuration.clone()));
            ledger.follow(&Configuration::default(), &configuration, None, &author, tx.now());
            let born = Entry::new(Action::AccountCreated, Origin::command_line()).subject("account", &name);
            let account = put(tx, no, Record { name, configuration, ledger, implied_changed: None })?;
            // In nobody's trail, too, so that an account's whole trail can't be missing unseen.
            tx.audit_at(NOBODY, &born, tx.now())?;
            tx.audit(no, &born)?;
            Ok(account)
        })
    }
    /// Replaces the whole configuration by a checked one (blocking), in the name of the first administrator. Gives the account as it is then.
    pub fn apply_configuration(&self, no: AccountNo, configuration: Configuration) -> Result<Account, StoreError> {
        self.writer().run_blocking(move |tx| {
            let current = tx.account(no)?;
            let author = operator(&current.config);
            let edit = Edit { configuration, renamed: None, within: Vec::new() };
            change(tx, current, &author, &Origin::command_line(), edit)
        })
    }
    /// Whether [`Store::apply_configuration`] would take it, as things stand.
    pub fn check_configuration(&self, no: AccountNo, configuration: &Configuration) -> Result<(), StoreError> {
        let shared = self.shared();
        let (txn, dbs) = (shared.engine.read()?, &shared.engine.dbs);
        let numbers = meta::numbers(dbs, &txn, no)?.ok_or_else(|| StoreError::NoAccount(no.to_string()))?;
        let account = shared.accounts.at(dbs, &txn, no)?.ok_or_else(|| StoreError::NoAccount(no.to_string()))?;
        let dictionary = shared.dictionaries.at(dbs, &txn, no, numbers.next_term)?;
        check(configuration, Some(&account.config.source)).map_err(StoreError::RefusedAll)?;
        check_use(configuration, &account.config.source, &dictionary.terms).map_err(StoreError::RefusedAll)
    }
    /// Changes the configuration by a function of the present one, inside the write transaction: of two callers at once neither loses the
    /// other's change. `origin`: who does it, for the audit trail. The function may refuse for reasons of its own; then nothing changes. Gives the account as it is then and what the function gave.
    pub fn configure<T: Send + 'static, E: Send + 'static>(
        &self,
        no: AccountNo,
        author: Author,
        origin: Origin,
        f: impl FnOnce(&Account) -> Result<(Edit, T), E> + Send + 'static,
    ) -> impl Future<Output = Result<Result<(Account, T), E>, StoreError>> + Send + 'static {
        self.writer().run(move |tx| {
            let current = tx.account(no)?;
            match f(&current) {
                Ok((edit, given)) => Ok(Ok((change(tx, current, &author, &origin, edit)?, given))),
                Err(refused) => Ok(Err(refused)),
            }
        })
    }
}

/// Who is said to have changed what the program itself was told to: the first active administrator.
fn operator(config: &Config) -> Author {
    let user = config.source.users.iter().find(|user| user.is_active && config.is_administrator(user));
    match user {
        Some(user) => Author { user_id: user.user_id.clone(), source_id: user.source_group.clone() },
        None => Author { user_id: "sayso".to_owned(), source_id: None },
    }
}

/// The one place where a configuration changes: checked as a whole against the present one and against what profiles carry, with
/// the ledger following.
fn change(
    tx: &mut Tx<'_>,
    current: Account,
    author: &Author,
    origin: &Origin,
    edit: Edit,
) -> Result<Account, StoreError> {
    let former = &current.config.source;
    if *former == edit.configuration {
        return Ok(current);
    }
    let seen_from_within = |refusals: Vec<Refusal>| StoreError::RefusedAll(edit.seen_from_within(refusals));
    check(&edit.configuration, Some(former)).map_err(seen_from_within)?;
    // What profiles carry is known from the dictionary: it must neither go nor change (configuration.md).
    check_use(&edit.configuration, former, &tx.dictionary(current.no)?.terms).map_err(seen_from_within)?;
    let mut ledger = Ledger::clone(&current.ledger);
    let changes = ledger.follow(former, &edit.configuration, edit.renamed.as_ref(), author, tx.now());
    for entry in audit::changes(former, &edit.configuration, &changes, origin) {
        tx.audit(current.no, &entry)?;
    }
    access::follow_users(tx, current.no, former, &edit.configuration, origin)?;
    // At or after every snapshot so far, whatever the clock says; but no stamp, so that a command's clock doesn't carry profiles along.
    let implied_changed = if implies_alike(former, &edit.configuration) {
        current.implied_changed
    } else {
        Some(tx.last_stamp().max(tx.now()))
    };
    put(tx, current.no, Record { name: current.name, configuration: edit.configuration, ledger, implied_changed })
}

impl Edit {
    fn seen_from_within(&self, refusals: Vec<Refusal>) -> Vec<Refusal> {
        let relative = |refusal: Refusal| {
            let inner = self.within.iter().find_map(|outer| refusal.path.strip_prefix(outer.as_str()));
            match inner.map(str::to_owned) {
                Some(path) => Refusal { path, ..refusal },
                None => refusal,
            }
        };
        refusals.into_iter().map(relative).collect()
    }
}

impl Record {
    /// Numbers what was configured before there was a ledger, as if the first administrator had done so in the beginning.
    fn number_all(&mut self) {
        if self.ledger == Ledger::default() {
            let author = operator(&Config::new(self.configuration.clone()));
            self.ledger.follow(&Configuration::default(), &self.configuration, None, &author, Moment(0));
        }
    }

    fn into_account(self, no: AccountNo, version: u64) -> Account {
        let Record { name, configuration, ledger, implied_changed } = self;
        let (config, ledger) = (Arc::new(Config::new(configuration)), Arc::new(ledger));
        Account { no, name, config, ledger, implied_changed, version }
    }
}

/// The longest name of an account.
const MAX_NAME: usize = 64;

/// No account could be called by these.
const RESERVED: [&str; 4] = [".", "..", "v4", "async"];

fn check_name(name: &str) -> Result<(), Refusal> {
    if RESERVED.contains(&fold(name).as_str()) {
        let why =
            format!("`{name}` can't name an account, since it means something else where it would stand in an address");
        return Err(Refusal::invalid("", why));
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if (1..=MAX_NAME).contains(&name.len()) && name.chars().all(fits) {
        return Ok(());
    }
    let seen: String = name.chars().take(80).collect();
    Err(Refusal::invalid("", format!("`{seen}` can't name an account; 1 to {MAX_NAME} of A-Z a-z 0-9 _ - . can")))
}

/// Writes an account's record under the next version.
fn put(tx: &mut Tx<'_>, no: AccountNo, record: Record) -> Result<Account, StoreError> {
    let mut numbers = tx.numbers(no)?;
    numbers.version += 1;
    let sealed = seal::seal_json(&record)?;
    let (dbs, txn) = tx.write();
    dbs.config.put(txn, &small::account_record(no), &sealed).or_engine()?;
    tx.set_numbers(no, numbers);
    let account = record.into_account(no, numbers.version);
    tx.set_account(account.clone());
    Ok(account)
}

/// The number of the account of a name that a caller gave.
pub(crate) fn find_account(dbs: &Databases, txn: &Read<'_>, name: &str) -> Result<Option<AccountNo>, StoreError> {
    // No name that `create_account` takes is longer, nor may a key of the engine be.
    if name.len() > MAX_NAME { Ok(None) } else { number_of(dbs, txn, &fold(name)) }
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
        let mut record: Record = seal::open_json(sealed, what)?;
        record.number_all();
        let account = record.into_account(no, version);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_a_name_that_can_stand_in_an_address() {
        for good in ["ACME_CORP", "a", "v5", "Async-1", "..."] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        let long = "x".repeat(MAX_NAME + 1);
        for bad in ["", ".", "..", "V4", "aSync", "a b", "a/b", "ä", &long] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
