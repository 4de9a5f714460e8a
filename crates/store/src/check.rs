//! `sayso check`: every checksum, every index entry against its row and every row against its entries, facts against what the
//! row would give anew, dictionaries, tombstones and the numbers of accounts.

use sayso_model::{
    facts,
    id::{AccountNo, ProfileId},
    reading,
    render::RENDER_VERSION,
};

use crate::{
    CheckReport, Store, StoreError,
    account::Account,
    engine::{Databases, Db, Engine, OrEngine, Read},
    index::Entries,
    keys::{self, small},
    meta,
    row::RowView,
    seal,
    snapshot::next_term,
    terms,
};

/// Problems that are told one by one; the rest are counted.
const TOLD: usize = 1_000;

impl Store {
    /// Verifies every checksum and every index against the rows; reports what is wrong, an empty list when nothing is. Calls
    /// `progress` with the number of profiles seen so far.
    pub fn check(&self, progress: &mut dyn FnMut(u64)) -> Result<CheckReport, StoreError> {
        let engine = &self.inner.engine;
        let txn = engine.read()?;
        let mut check = Check { engine, dbs: &engine.dbs, txn: &txn, report: CheckReport::default() };
        let mut entries = [0; 3];
        for (no, numbers) in meta::all_numbers(&engine.dbs, &txn)? {
            check.report.accounts += 1;
            match self.account_in(&txn, no) {
                Ok(Some(account)) => check.account(&account, numbers.next_profile, &mut entries, progress)?,
                Ok(None) => check.say(format!("account {no} has numbers but no configuration")),
                Err(e) => check.say(e.to_string()),
            }
        }
        for (name, db, expected) in [
            ("by_key", check.dbs.by_key, entries[0]),
            ("by_modified", check.dbs.by_modified, entries[1]),
            ("by_expiry", check.dbs.by_expiry, entries[2]),
        ] {
            // Every row's entries were found one by one: more than those are strays.
            let there = db.len(&txn).or_engine()?;
            check.report.index_entries += there;
            if there > expected {
                check.strays(name, db)?;
            }
        }
        check.pairs()?;
        check.small()?;
        Ok(check.report)
    }
}

struct Check<'a> {
    engine: &'a Engine,
    dbs: &'a Databases,
    txn: &'a Read<'a>,
    report: CheckReport,
}

impl Check<'_> {
    fn say(&mut self, problem: String) {
        self.report.problem_count += 1;
        if self.report.problems.len() < TOLD {
            self.report.problems.push(problem);
        }
    }

    fn account(
        &mut self,
        account: &Account,
        next_profile: u64,
        entries: &mut [u64; 3],
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), StoreError> {
        let no = account.no;
        let dictionary = match terms::all(self.dbs, self.txn, no, next_term(self.engine, self.txn, no)?) {
            Ok(dictionary) => dictionary,
            Err(e) => {
                self.say(e.to_string());
                facts::Terms::new()
            }
        };
        for entry in self.dbs.rows.prefix_iter(self.txn, &keys::account(no)).or_engine()? {
            let (key, value) = entry.or_engine()?;
            let id = keys::profile_of(key)?;
            self.report.profiles += 1;
            if self.report.profiles.is_multiple_of(1_000) {
                progress(self.report.profiles);
            }
            if id.0 >= next_profile {
                self.say(format!("profile {id} of {} is at or above the next id {next_profile}", account.name));
            }
            match RowView::open(id, value).and_then(|view| Ok((view, view.kept(id)?))) {
                Ok((view, kept)) => {
                    if kept.profile.profile_id != id || kept.profile.edited.last_modified_date != view.modified {
                        self.say(format!("the row of profile {id} of {} is not its own", account.name));
                    }
                    self.facts(account, &view, &kept, &dictionary)?;
                    self.entries(no, id, &kept.profile, entries)?;
                }
                Err(e) => self.say(format!("{}: {e}", account.name)),
            }
        }
        Ok(())
    }

    /// The facts of a row are what the row gives anew. Rows of another render version are left out: their lengths differ rightly.
    fn facts(
        &mut self,
        account: &Account,
        view: &RowView<'_>,
        kept: &sayso_model::change::Kept,
        dictionary: &facts::Terms,
    ) -> Result<(), StoreError> {
        let id = kept.profile.profile_id;
        let Some(sealed) = self.dbs.facts.get(self.txn, &keys::profile(account.no, id)).or_engine()? else {
            self.say(format!("profile {id} of {} has no facts", account.name));
            return Ok(());
        };
        let stored = match seal::open(sealed, || format!("the facts of profile {id}")) {
            Ok(stored) => stored,
            Err(e) => {
                self.say(e.to_string());
                return Ok(());
            }
        };
        if view.render_version != RENDER_VERSION {
            return Ok(());
        }
        if view.next_expiry != reading::next_expiry(&kept.profile, view.modified) {
            self.say(format!("profile {id} of {} has another next expiry than its row gives", account.name));
        }
        let ids: Option<Vec<u32>> =
            facts::terms(&kept.profile, &account.config).iter().map(|term| dictionary.get(term).copied()).collect();
        let row = sayso_model::render::Row { json: view.json.to_vec(), cuts: crate::row::cuts(view.cut_bytes) };
        let mut anew = Vec::new();
        if let Some(ids) = &ids {
            facts::encode(kept, &account.config, &row, view.next_expiry, ids, &mut anew);
        }
        if ids.is_none() || anew != stored {
            self.say(format!("the facts of profile {id} of {} are not those of its row", account.name));
        }
        Ok(())
    }

    /// Every entry that a row has is there.
    fn entries(
        &mut self,
        no: AccountNo,
        id: ProfileId,
        profile: &sayso_model::profile::Profile,
        found: &mut [u64; 3],
    ) -> Result<(), StoreError> {
        let entries = Entries::of(no, profile);
        let by_key = entries.by_key.iter().map(|k| (0, "by_key", self.dbs.by_key, &k[..]));
        let by_modified = entries.by_modified.iter().map(|k| (1, "by_modified", self.dbs.by_modified, &k[..]));
        let by_expiry = entries.by_expiry.iter().map(|k| (2, "by_expiry", self.dbs.by_expiry, &k[..]));
        for (which, name, db, key) in by_key.chain(by_modified).chain(by_expiry) {
            if db.get(self.txn, key).or_engine()?.is_some() {
                found[which] += 1;
            } else {
                self.say(format!("profile {id} of account {no} misses an entry in {name}"));
            }
        }
        Ok(())
    }

    /// Names the entries of an index that no row has.
    fn strays(&mut self, name: &str, db: Db) -> Result<(), StoreError> {
        for entry in db.iter(self.txn).or_engine()? {
            let (key, _) = entry.or_engine()?;
            let (no, id) = (keys::account_of(key)?, keys::last_profile_of(key)?);
            let row = self.dbs.rows.get(self.txn, &keys::profile(no, id)).or_engine()?;
            let profile = row.and_then(|value| RowView::open(id, value).and_then(|v| v.kept(id)).ok());
            let known = profile.is_some_and(|kept| {
                let entries = Entries::of(no, &kept.profile);
                entries.by_key.iter().any(|k| k == key)
                    || entries.by_modified.iter().any(|k| k == key)
                    || entries.by_expiry.iter().any(|k| k == key)
            });
            if !known {
                self.say(format!("{name} has an entry of profile {id} of account {no} that its row doesn't have"));
            }
        }
        Ok(())
    }

    /// Facts, history and rows belong together; a tombstone has none of them.
    fn pairs(&mut self) -> Result<(), StoreError> {
        for (name, db) in [("facts", self.dbs.facts), ("history", self.dbs.history)] {
            for entry in db.iter(self.txn).or_engine()? {
                let (key, value) = entry.or_engine()?;
                let id = keys::profile_of(key)?;
                if let Err(e) = seal::open(value, || format!("{name} of profile {id}")) {
                    self.say(e.to_string());
                }
                if self.dbs.rows.get(self.txn, &key[..12]).or_engine()?.is_none() {
                    self.say(format!("{name} has profile {id}, which has no row"));
                }
            }
        }
        for entry in self.dbs.tombstones.iter(self.txn).or_engine()? {
            let (key, value) = entry.or_engine()?;
            let id = keys::profile_of(key)?;
            self.report.tombstones += 1;
            let tombstone = seal::open_json::<sayso_model::profile::Tombstone>(value, || format!("tombstone {id}"));
            match tombstone {
                Ok(t) if t.profile_id == id => {}
                Ok(_) => self.say(format!("the tombstone of profile {id} is another's")),
                Err(e) => self.say(e.to_string()),
            }
            if self.dbs.rows.get(self.txn, key).or_engine()?.is_some() {
                self.say(format!("profile {id} has both a tombstone and a row"));
            }
        }
        Ok(())
    }

    /// The checksums of everything small.
    fn small(&mut self) -> Result<(), StoreError> {
        let small = [("config", self.dbs.config), ("access", self.dbs.access), ("exports", self.dbs.exports)];
        for (name, db) in small.into_iter().chain([("terms", self.dbs.terms), ("meta", self.dbs.meta)]) {
            for entry in db.iter(self.txn).or_engine()? {
                let (key, value) = entry.or_engine()?;
                if let Err(e) = seal::open(value, || format!("a record of {name} ({} bytes of key)", key.len())) {
                    self.say(e.to_string());
                }
            }
        }
        for entry in self.dbs.config.prefix_iter(self.txn, &[small::ACCOUNTS]).or_engine()? {
            let no = keys::account_of(&entry.or_engine()?.0[1..])?;
            if meta::numbers(self.dbs, self.txn, no)?.is_none() {
                self.say(format!("account {no} has a configuration but no numbers"));
            }
        }
        Ok(())
    }
}
