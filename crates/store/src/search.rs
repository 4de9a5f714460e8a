//! Searches of the Data API (profile.md): the few profiles that have a key, a name, an address, or meet a criterion. All of one search is
//! read from one transaction, and it ends with the first profile more than is wanted.

use std::{collections::BTreeMap, ops::ControlFlow};

use sayso_model::{
    facts::{Answer, Facts, Predicate},
    id::{AccountNo, ProfileId},
    reading,
    segment::{Criterion, matches},
};

use crate::{
    Store, StoreError,
    engine::{Databases, OrEngine, Read},
    index, keys, meta,
    profiles::Key,
    ready::ReadyRow,
    row::Stored,
    rows,
    shared::Shared,
    wanted::Wanted,
};

/// What is searched for.
#[derive(Debug, Clone)]
pub struct Search {
    /// What the profiles have.
    pub by: By,
    /// Deactivated profiles, too.
    pub include_inactive: bool,
    /// Whether the rows are to have their former consents.
    pub consent_history: bool,
}

/// What the profiles that are searched for have.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum By {
    Key(Key),
    Name(Name),
    Address(Address),
    Criterion(Criterion),
}

/// A name, compared without regard to case. Parts that aren't given may be anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Name {
    pub last: String,
    pub first: Option<String>,
    pub middle: Option<String>,
}

/// Parts of an address, compared without regard to case; one address must have all that are given. Without `postal_code` the
/// entries of all addresses are looked through, a tenth of a second for a million.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Address {
    pub address_type: Option<String>,
    pub address1: Option<String>,
    pub address2: Option<String>,
    pub city: Option<String>,
    pub state_province: Option<String>,
    pub postal_code: Option<String>,
    /// A country's name or one of its codes.
    pub country: Option<String>,
}

impl Address {
    /// Each part that is given, changed by `f`.
    pub(crate) fn map(self, f: &dyn Fn(String) -> String) -> Self {
        Self {
            address_type: self.address_type.map(f),
            address1: self.address1.map(f),
            address2: self.address2.map(f),
            city: self.city.map(f),
            state_province: self.state_province.map(f),
            postal_code: self.postal_code.map(f),
            country: self.country.map(f),
        }
    }
}

/// What a search came to.
#[derive(Debug, Clone)]
pub enum Found {
    /// The profiles, ascending.
    Rows(Vec<ReadyRow>),
    /// There are more than were wanted.
    TooMany,
    /// More rows met the search than it was to open; deactivated ones count.
    Unfinished,
}

impl Store {
    /// The profiles that are searched for, ascending; `None` when there are more than `most` (blocking: it may look through many entries).
    ///
    /// # Errors
    /// [`StoreError::NoAccount`], or the engine can't read.
    pub fn search(&self, no: AccountNo, search: &Search, most: usize) -> Result<Option<Vec<ReadyRow>>, StoreError> {
        Ok(match self.search_within(no, search, most, usize::MAX)? {
            Found::Rows(rows) => Some(rows),
            Found::TooMany | Found::Unfinished => None,
        })
    }

    /// The same, breaking off when more than `opened` rows that meet it were opened: with a key and few of them it is done at once.
    ///
    /// # Errors
    /// As [`Store::search`].
    pub fn search_within(
        &self,
        no: AccountNo,
        search: &Search,
        most: usize,
        opened: usize,
    ) -> Result<Found, StoreError> {
        let shared = self.shared();
        let (dbs, txn) = (&shared.engine.dbs, shared.engine.read()?);
        let mut hits = Hits { search, most, may_open: opened, unfinished: false, rows: BTreeMap::new() };
        match &search.by {
            By::Key(key) => hits.wanted(dbs, &txn, no, &Wanted::of(key))?,
            By::Name(name) => hits.wanted(dbs, &txn, no, &Wanted::name(name))?,
            By::Address(address) => hits.wanted(dbs, &txn, no, &Wanted::address(address))?,
            By::Criterion(criterion) => hits.meeting(shared, &txn, no, criterion)?,
        }
        if hits.rows.len() > most {
            return Ok(Found::TooMany);
        }
        if hits.unfinished {
            return Ok(Found::Unfinished);
        }
        let mut rows: Vec<ReadyRow> = hits.rows.into_values().collect();
        if search.consent_history {
            rows.iter_mut().try_for_each(|row| row.recall_consents(dbs, &txn, no))?;
        }
        Ok(Found::Rows(rows))
    }
}

struct Hits<'a> {
    search: &'a Search,
    most: usize,
    may_open: usize,
    unfinished: bool,
    rows: BTreeMap<ProfileId, ReadyRow>,
}

impl Hits<'_> {
    /// Takes a profile that meets the search; breaks off when there are too many.
    fn take(&mut self, row: Stored<'_>) -> ControlFlow<()> {
        if self.may_open == 0 {
            self.unfinished = true;
            return ControlFlow::Break(());
        }
        self.may_open -= 1;
        if self.search.include_inactive || row.is_active() {
            self.rows.insert(row.id, ReadyRow::new(row));
        }
        if self.rows.len() > self.most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn wanted(&mut self, dbs: &Databases, txn: &Read<'_>, no: AccountNo, wanted: &Wanted) -> Result<(), StoreError> {
        index::find_until(dbs, txn, no, wanted, &mut |found| self.take(found.row))
    }

    /// Asks the facts of every profile; opens a row where they can't tell, and those that are taken.
    fn meeting(
        &mut self,
        shared: &Shared,
        txn: &Read<'_>,
        no: AccountNo,
        criterion: &Criterion,
    ) -> Result<(), StoreError> {
        let dbs = &shared.engine.dbs;
        let unknown = || StoreError::NoAccount(no.to_string());
        let account = shared.accounts.at(dbs, txn, no)?.ok_or_else(unknown)?;
        let terms = meta::numbers(dbs, txn, no)?.ok_or_else(unknown)?.next_term;
        let dictionary = shared.dictionaries.at(dbs, txn, no, terms)?;
        let (config, at, output) = (&account.config, shared.clock.now(), criterion.reading());
        let predicate = Predicate::compile(criterion, config, &dictionary.terms, at);
        for entry in dbs.facts.prefix_iter(txn, &keys::account(no)).or_engine()? {
            let (key, sealed) = entry.or_engine()?;
            let id = keys::profile_of(key)?;
            let (encoded, _) = rows::open_facts(id, sealed, account.version)?;
            let facts = Facts::new(encoded).ok_or_else(|| {
                StoreError::Damaged(format!("the facts of profile {id} are of another format; run `sayso check`"))
            })?;
            let answer = if self.search.include_inactive || facts.is_active() {
                predicate.answer(id, facts)
            } else {
                Answer::No
            };
            if answer == Answer::No {
                continue;
            }
            let row = rows::get(dbs, txn, no, id)?
                .ok_or_else(|| StoreError::Damaged(format!("profile {id} has facts but no row; run `sayso check`")))?;
            let meets = answer == Answer::Yes || {
                let profile = reading::read(&row.kept()?, config, &output, at);
                matches(criterion, &profile, at)
            };
            if meets && self.take(row).is_break() {
                break;
            }
        }
        Ok(())
    }
}
