//! Verifies a data directory: every checksum, every index against the rows and the rows against every index (program.md, `sayso
//! check`). All of it from one read transaction, so that it can run beside a server.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};

use sayso_model::{
    config::Output,
    facts::{self, Facts, Terms},
    id::{AccountNo, ProfileId, fold},
    moment::Moment,
    reading,
    render::{self, RENDER_VERSION},
};

use crate::{
    Store, StoreError, access,
    account::{self, Account},
    audit,
    engine::{Databases, Db, OrEngine, Read},
    exports, history, imports,
    index::Entries,
    keys::{self, Kind, small},
    meta::{self, Numbers},
    pending,
    row::Stored,
    rows, seal,
    shared::Shared,
    vault,
};

/// Problems that are told one by one.
const TOLD: usize = 1_000;
/// How often progress is reported, in profiles.
const PROGRESS_EVERY: u64 = 1_000;

/// What `sayso check` found.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
#[allow(missing_docs)]
pub struct CheckReport {
    pub accounts: u64,
    pub profiles: u64,
    pub tombstones: u64,
    pub index_entries: u64,
    pub audit_records: u64,
    /// One line each, at most 1,000; `problem_count` has them all.
    pub problems: Vec<String>,
    pub problem_count: u64,
}

impl CheckReport {
    fn problem(&mut self, text: impl Into<String>) {
        self.problem_count += 1;
        if self.problems.len() < TOLD {
            self.problems.push(text.into());
        }
    }

    /// The value, or its error noted as a problem.
    fn sound<T>(&mut self, result: Result<T, StoreError>) -> Option<T> {
        result.map_err(|e| self.problem(e.to_string())).ok()
    }
}

/// How often what waits is merged until a moment is met at which nothing does.
const SETTLE_TRIES: u32 = 100;

impl Store {
    /// Verifies every checksum and every index against the rows; reports what is wrong, an empty list when nothing is. `progress` is
    /// told the number of profiles seen so far. Errors only when the engine itself can't read.
    pub fn check(&self, progress: &mut dyn FnMut(u64)) -> Result<CheckReport, StoreError> {
        let shared: &Shared = self.shared();
        let dbs = &shared.engine.dbs;
        let mut tries = 0;
        let txn = loop {
            pending::settle(shared)?;
            let txn = shared.engine.read()?;
            if pending::is_empty(dbs, &txn)? {
                break txn;
            }
            // A load or an import has left more since.
            tries += 1;
            if tries == SETTLE_TRIES {
                return Err(StoreError::Engine("a bulk load is under way; check when it has ended".into()));
            }
        };
        let mut report = CheckReport::default();

        let stamp = report.sound(meta::last_stamp(dbs, &txn)).unwrap_or(Moment(i64::MAX));
        let numbers = report.sound(meta::all_numbers(dbs, &txn)).unwrap_or_default();
        let mut counted = Counted::default();
        for (no, numbers) in &numbers {
            report.accounts += 1;
            let found = report.sound(shared.accounts.at(dbs, &txn, *no)).flatten();
            let Some(account) = found else { continue };
            if report.sound(account::number_of(dbs, &txn, &fold(&account.name))).flatten() != Some(*no) {
                report.problem(format!("account {} ({no}) isn't found by its name", account.name));
            }
            AccountCheck {
                dbs,
                txn: &txn,
                account: &account,
                numbers: *numbers,
                stamp,
                report: &mut report,
                terms: Terms::new(),
            }
            .run(&mut counted, progress)?;
        }
        small_databases(dbs, &txn, &numbers, &mut report)?;
        let name = |no: &AccountNo| shared.accounts.at(dbs, &txn, *no).ok().flatten().map(|account| account.name);
        let names = numbers.keys().map(|no| (*no, name(no))).collect();
        let trails = audit::verify(dbs, &txn, &names, &[])?;
        report.audit_records = trails.trails.iter().map(|trail| trail.records).sum();
        trails.problems.into_iter().for_each(|problem| report.problem(format!("audit trail: {problem}")));
        // What lies under the number of no account wasn't seen by any of the above.
        for (name, db) in dbs.all() {
            if let Some(seen) = counted.0.get(name)
                && db.len(&txn).or_engine()? != *seen
            {
                report.problem(format!(
                    "{name} has {} entries, of which {seen} belong to an account",
                    db.len(&txn).or_engine()?
                ));
            }
        }
        progress(report.profiles);
        Ok(report)
    }
}

/// Entries seen in each database of all accounts.
#[derive(Default)]
struct Counted(HashMap<&'static str, u64>);

impl Counted {
    fn add(&mut self, name: &'static str, n: u64) {
        *self.0.entry(name).or_default() += n;
    }
}

struct AccountCheck<'a> {
    dbs: &'a Databases,
    txn: &'a Read<'a>,
    account: &'a Account,
    numbers: Numbers,
    stamp: Moment,
    report: &'a mut CheckReport,
    terms: Terms,
}

/// How many of the entries that the rows want are there, and which profiles couldn't say what they want.
#[derive(Default)]
struct Found {
    facts: u64,
    by_key: u64,
    by_modified: u64,
    by_expiry: u64,
    unreadable: HashSet<ProfileId>,
}

impl AccountCheck<'_> {
    fn run(mut self, counted: &mut Counted, progress: &mut dyn FnMut(u64)) -> Result<(), StoreError> {
        counted.add("terms", self.read_terms()?);
        let mut found = Found::default();
        let prefix = keys::account(self.account.no);
        let mut rows = 0;
        for entry in self.dbs.rows.prefix_iter(self.txn, &prefix).or_engine()? {
            let (key, bytes) = entry.or_engine()?;
            rows += 1;
            self.report.profiles += 1;
            if self.report.profiles.is_multiple_of(PROGRESS_EVERY) {
                progress(self.report.profiles);
            }
            let Some(id) = self.report.sound(keys::profile_of(key)) else { continue };
            let checked = self.row(id, bytes, &mut found);
            if self.report.sound(checked).is_none() {
                found.unreadable.insert(id);
            }
        }
        counted.add("rows", rows);
        let facts = self.strays("facts", self.dbs.facts, found.facts, &found.unreadable)?;
        counted.add("facts", facts);
        for (name, db, wanted) in [
            ("by_key", self.dbs.by_key, found.by_key),
            ("by_modified", self.dbs.by_modified, found.by_modified),
            ("by_expiry", self.dbs.by_expiry, found.by_expiry),
        ] {
            let there = self.strays(name, db, wanted, &found.unreadable)?;
            counted.add(name, there);
            self.report.index_entries += there;
        }
        self.alternate_ids()?;
        counted.add("history", self.history()?);
        counted.add("tombstones", self.tombstones()?);
        Ok(())
    }

    /// The dictionary: every id below the next one is there, each text once.
    fn read_terms(&mut self) -> Result<u64, StoreError> {
        let no = self.account.no;
        let mut next = 0;
        for entry in self.dbs.terms.prefix_iter(self.txn, &keys::account(no)).or_engine()? {
            let (key, sealed) = entry.or_engine()?;
            if key != keys::term(no, next) {
                self.report.problem(format!("account {no}: the dictionary has no term {next} but later ones"));
            }
            let opened = seal::open(sealed, || format!("term {next} of account {no}"));
            if let Some(text) = self.report.sound(opened) {
                let text = String::from_utf8_lossy(text).into_owned();
                if self.terms.insert(text.clone(), next).is_some() {
                    self.report.problem(format!("account {no}: the dictionary has `{text}` twice"));
                }
            }
            next += 1;
        }
        if next != self.numbers.next_term {
            let said = self.numbers.next_term;
            self.report.problem(format!("account {no}: the dictionary has {next} terms, meta says {said}"));
        }
        Ok(u64::from(next))
    }

    /// One row against its checksum, its rendering, its facts, and every index entry that it wants.
    fn row(&mut self, id: ProfileId, bytes: &[u8], found: &mut Found) -> Result<(), StoreError> {
        let no = self.account.no;
        let row = Stored::decode(id, bytes)?;
        let kept = row.kept()?;
        let profile = &kept.profile;
        let mut wrong = |what: String| self.report.problem(format!("account {no}, profile {id}: {what}"));
        if profile.profile_id != id {
            wrong(format!("the row says it is profile {}", profile.profile_id));
        }
        if id.0 >= self.numbers.next_profile {
            wrong(format!("the next new profile would be {}", self.numbers.next_profile));
        }
        if row.modified > self.stamp {
            wrong(format!("was written at {}, after the last stamp {}", row.modified, self.stamp));
        }
        if row.next_expiry != reading::next_expiry(profile, row.modified) {
            wrong("the next expiry of its header isn't that of its JSON".into());
        }
        let rendered = render::render(profile);
        let bytes = row.bytes();
        if row.render_version() == RENDER_VERSION && (rendered.json != bytes.json || rendered.cuts != bytes.cuts()) {
            wrong("its JSON isn't as it would be rendered".into());
        }
        if self.dbs.tombstones.get(self.txn, &keys::profile(no, id)).or_engine()?.is_some() {
            wrong("has both a row and a tombstone".into());
        }

        match self.dbs.facts.get(self.txn, &keys::profile(no, id)).or_engine()? {
            None => wrong("has no facts".into()),
            Some(sealed) => {
                found.facts += 1;
                let (encoded, is_current) = rows::open_facts(id, sealed, self.account.version)?;
                let terms = facts::terms(&kept, &self.account.config);
                let ids: Vec<u32> = terms.iter().map(|t| self.terms.get(t).copied().unwrap_or(u32::MAX)).collect();
                let mut expected = Vec::new();
                facts::encode(&kept, &terms, &rendered, row.next_expiry, &ids, &mut expected);
                if is_current && encoded != expected || !tell_the_same(encoded, &expected) {
                    wrong("its facts aren't those of its row".into());
                }
            }
        }
        let entries = Entries::of(no, profile, row.modified);
        let mut there = |name: &str, db: Db, key: &[u8]| -> Result<u64, StoreError> {
            let is_there = db.get(self.txn, key).or_engine()?.is_some();
            if !is_there {
                wrong(format!("an entry of {name} is missing"));
            }
            Ok(u64::from(is_there))
        };
        for key in &entries.keys {
            found.by_key += there("by_key", self.dbs.by_key, key)?;
        }
        for key in &entries.modified {
            found.by_modified += there("by_modified", self.dbs.by_modified, key)?;
        }
        for key in &entries.expiries {
            found.by_expiry += there("by_expiry", self.dbs.by_expiry, key)?;
        }
        Ok(())
    }

    /// Counts a database's entries of this account; when there are more than the rows want, names those that no row wants.
    fn strays(&mut self, name: &str, db: Db, wanted: u64, unreadable: &HashSet<ProfileId>) -> Result<u64, StoreError> {
        let no = self.account.no;
        let mut there = 0;
        for entry in db.prefix_iter(self.txn, &keys::account(no)).or_engine()? {
            entry.or_engine()?;
            there += 1;
        }
        if there == wanted {
            return Ok(there);
        }
        for entry in db.prefix_iter(self.txn, &keys::account(no)).or_engine()? {
            let (key, _) = entry.or_engine()?;
            let Some(id) = self.report.sound(keys::last_profile_of(key)) else { continue };
            if !unreadable.contains(&id) && !self.is_wanted(id, key)? {
                self.report.problem(format!("account {no}, profile {id}: an entry of {name} that no row wants"));
            }
        }
        Ok(there)
    }

    fn is_wanted(&self, id: ProfileId, key: &[u8]) -> Result<bool, StoreError> {
        let no = self.account.no;
        let Some(row) = rows::get(self.dbs, self.txn, no, id)? else { return Ok(false) };
        if key.len() == keys::profile(no, id).len() {
            return Ok(true);
        }
        let Entries { keys, modified, expiries } = Entries::of(no, &row.profile()?, row.modified);
        let in_moments = <[u8; 20]>::try_from(key).is_ok_and(|k| modified.contains(&k) || expiries.contains(&k));
        Ok(in_moments || <[u8; 33]>::try_from(key).is_ok_and(|k| keys.contains(&k)))
    }

    /// An alternate id belongs to one profile (profile.md, Rules). Entries of the same hashes lie side by side; whether two have the
    /// same id is seen in their rows.
    fn alternate_ids(&mut self) -> Result<(), StoreError> {
        let no = self.account.no;
        let mut last: Option<(&[u8], ProfileId)> = None;
        for entry in self.dbs.by_key.prefix_iter(self.txn, &keys::kind_prefix(no, Kind::AlternateId)).or_engine()? {
            let (key, _) = entry.or_engine()?;
            let Some((value, _)) = key.split_last_chunk::<8>() else { continue };
            let Some(id) = self.report.sound(keys::last_profile_of(key)) else { continue };
            if let Some((same, other)) = last
                && same == value
                && !self.alternate_ids_of(other).is_disjoint(&self.alternate_ids_of(id))
            {
                self.report.problem(format!("account {no}: the profiles {other} and {id} have the same alternate id"));
            }
            last = Some((value, id));
        }
        Ok(())
    }

    /// Type and id of each, folded; none of a profile that can't be read, which is told elsewhere.
    fn alternate_ids_of(&self, id: ProfileId) -> HashSet<(String, String)> {
        let row = rows::get(self.dbs, self.txn, self.account.no, id).ok().flatten();
        let profile = row.and_then(|row| row.profile().ok());
        let ids = profile.iter().flat_map(|profile| &profile.alternate_ids);
        ids.map(|a| (fold(&a.alternate_id_type), fold(&a.alternate_id))).collect()
    }

    fn history(&mut self) -> Result<u64, StoreError> {
        let no = self.account.no;
        let mut seen = 0;
        let mut last = None;
        for entry in self.dbs.history.prefix_iter(self.txn, &keys::account(no)).or_engine()? {
            let (key, sealed) = entry.or_engine()?;
            seen += 1;
            self.report.sound(history::open(key, sealed));
            let Some(id) = self.report.sound(keys::profile_of(key)) else { continue };
            if last != Some(id) {
                last = Some(id);
                if self.dbs.rows.get(self.txn, &keys::profile(no, id)).or_engine()?.is_none() {
                    self.report.problem(format!("account {no}, profile {id}: has a history but no row"));
                }
            }
        }
        Ok(seen)
    }

    fn tombstones(&mut self) -> Result<u64, StoreError> {
        let no = self.account.no;
        let mut seen = 0;
        for entry in self.dbs.tombstones.prefix_iter(self.txn, &keys::account(no)).or_engine()? {
            let (key, sealed) = entry.or_engine()?;
            seen += 1;
            let Some(id) = self.report.sound(keys::profile_of(key)) else { continue };
            let Some(tombstone) = self.report.sound(rows::open_tombstone(id, sealed)) else { continue };
            if tombstone.profile_id != id {
                self.report.problem(format!("account {no}: the tombstone of {id} says {}", tombstone.profile_id));
            }
            if tombstone.deleted_date > self.stamp {
                let (date, stamp) = (tombstone.deleted_date, self.stamp);
                self.report.problem(format!("account {no}: {id} was deleted at {date}, after the last stamp {stamp}"));
            }
            if id.0 >= self.numbers.next_profile {
                self.report.problem(format!("account {no}: the id of the deleted profile {id} would be given again"));
            }
        }
        self.report.tombstones += seen;
        Ok(seen)
    }
}

/// Whether two encodings tell the same of everything that doesn't depend on the configuration.
fn tell_the_same(a: &[u8], b: &[u8]) -> bool {
    let told = |encoded| {
        let facts = Facts::new(encoded)?;
        let output =
            |preferences, consents, custom_fields| Output { preferences, consents, custom_fields, ..Output::default() };
        let outputs =
            [output(true, true, true), output(false, true, true), output(true, false, true), output(true, true, false)];
        let lengths = outputs.map(|output| facts.row_length(&output));
        Some((facts.modified(), facts.created(), facts.next_expiry(), facts.is_active(), facts.has_extras(), lengths))
    };
    told(a).is_some() && told(a) == told(b)
}

/// Names, next account number, clients, tokens, sealed secrets, records of exports.
fn small_databases(
    dbs: &Databases,
    txn: &Read<'_>,
    accounts: &BTreeMap<AccountNo, Numbers>,
    report: &mut CheckReport,
) -> Result<(), StoreError> {
    let next = report.sound(meta::next_account_no(dbs, txn)).unwrap_or(u64::MAX);
    if let Some((last, _)) = accounts.last_key_value()
        && u64::from(last.0) >= next
    {
        report.problem(format!("account {last} is there, but the next new one would be {next}"));
    }
    for entry in dbs.config.prefix_iter(txn, &small::account_name("")).or_engine()? {
        let no = seal::open_json::<AccountNo>(entry.or_engine()?.1, || "the name of an account".to_owned());
        if let Some(no) = report.sound(no)
            && !accounts.contains_key(&no)
        {
            report.problem(format!("a name leads to account {no}, which isn't there"));
        }
    }
    for entry in dbs.access.prefix_iter(txn, small::CLIENTS).or_engine()? {
        report.sound(access::open_client(entry.or_engine()?.1));
    }
    for entry in dbs.access.prefix_iter(txn, small::BEARERS).or_engine()? {
        report.sound(access::open_bearer(entry.or_engine()?.1));
    }
    for entry in dbs.access.prefix_iter(txn, small::SECRETS).or_engine()? {
        let (key, sealed) = entry.or_engine()?;
        report.sound(vault::check(key, sealed));
    }
    for entry in dbs.access.prefix_iter(txn, small::ASSERTIONS).or_engine()? {
        report.sound(access::assertions::open(entry.or_engine()?.1));
    }
    for entry in dbs.exports.iter(txn).or_engine()? {
        let (key, sealed) = entry.or_engine()?;
        report.sound(exports::open(key, sealed));
    }
    for entry in dbs.imports.iter(txn).or_engine()? {
        report.sound(imports::open(entry.or_engine()?.1));
    }
    Ok(())
}
