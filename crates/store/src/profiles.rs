//! Profiles: reading one, finding by key, writing.

use std::future::Future;

use sayso_model::{
    change::Kept,
    id::{AccountNo, Author, ProfileId, fold},
    input::ProfileInput,
    moment::Moment,
    normal,
    profile::Tombstone,
};

use crate::{
    Store, StoreError,
    engine::{Databases, OrEngine, Read},
    index,
    keys::{self, Kind},
    row::RowView,
    seal, write,
};

/// A profile as the store keeps it: ready JSON and its cuts.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct StoredRow {
    pub id: ProfileId,
    pub modified: Moment,
    pub next_expiry: Option<Moment>,
    pub row: sayso_model::render::Row,
    /// The part kept beside the row.
    pub kept: Kept,
}

/// Which profile a write is about.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Target {
    Id(ProfileId),
    AlternateId { kind: String, id: String },
}

/// A change of one profile.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum Change {
    Create(Box<ProfileInput>),
    /// Partial update; an unknown profile is refused (`Why::Unknown`).
    Update(Target, Box<ProfileInput>),
    /// By alternate id: creates one when there is none, else updates (profile.md). The alternate id is part of the new profile.
    Upsert {
        kind: String,
        id: String,
        input: Box<ProfileInput>,
    },
    /// Leaves a tombstone; everything else of the profile goes in the same transaction.
    Delete(Target, Option<String>),
}

/// What a write did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Written {
    pub id: ProfileId,
    pub moment: Moment,
    pub created: bool,
}

/// How an index finds profiles (export.md, `MatchCriteria`). Values are normalised by the store; a hit is compared with the row.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Key {
    AlternateId { kind: Option<String>, id: String },
    Email { kind: Option<String>, address: String },
    Phone { kind: Option<String>, number: String },
    Group { kind: String, name: String },
}

impl Store {
    /// The profile of this id, checksum verified; `None` when it is not there or was deleted.
    pub fn profile(&self, account: AccountNo, id: ProfileId) -> Result<Option<StoredRow>, StoreError> {
        stored(&self.inner.engine.dbs, &self.inner.engine.read()?, account, id)
    }
    /// The profiles that have this key, ascending.
    pub fn find(&self, account: AccountNo, key: &Key) -> Result<Vec<ProfileId>, StoreError> {
        let mut found = find(&self.inner.engine.dbs, &self.inner.engine.read()?, account, key)?;
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }
    /// The tombstone of a deleted profile.
    pub fn tombstone(&self, account: AccountNo, id: ProfileId) -> Result<Option<Tombstone>, StoreError> {
        let txn = self.inner.engine.read()?;
        let sealed = self.inner.engine.dbs.tombstones.get(&txn, &keys::profile(account, id)).or_engine()?;
        sealed.map(|sealed| seal::open_json(sealed, || format!("the tombstone of profile {id}"))).transpose()
    }
    /// The history of a profile, ascending: when, which kind, and the former value with its author.
    pub fn history(
        &self,
        account: AccountNo,
        id: ProfileId,
    ) -> Result<Vec<(Moment, u8, serde_json::Value)>, StoreError> {
        let txn = self.inner.engine.read()?;
        let mut all = Vec::new();
        for entry in self.inner.engine.dbs.history.prefix_iter(&txn, &keys::profile(account, id)).or_engine()? {
            let (key, value) = entry.or_engine()?;
            let (at, _, kind) = keys::history_of(key)?;
            all.push((at, kind, seal::open_json(value, || format!("the history of profile {id}"))?));
        }
        Ok(all)
    }
    /// Hands one change to the writer; the future ends when it is on disk (or refused, or not kept).
    pub fn write(
        &self,
        account: AccountNo,
        author: Author,
        change: Change,
    ) -> impl Future<Output = Result<Written, StoreError>> + Send + 'static {
        self.submit(move |work| write::apply(work, account, &author, change))
    }
}

/// The row of a profile as a transaction has it.
pub(crate) fn stored(
    dbs: &Databases,
    txn: &Read<'_>,
    no: AccountNo,
    id: ProfileId,
) -> Result<Option<StoredRow>, StoreError> {
    let value = dbs.rows.get(txn, &keys::profile(no, id)).or_engine()?;
    value.map(|value| RowView::open(id, value)?.stored(id)).transpose()
}

/// The profiles that have a key, as they stand in the index: by type, then by id. Every hit was compared with its row.
pub(crate) fn find(dbs: &Databases, txn: &Read<'_>, no: AccountNo, key: &Key) -> Result<Vec<ProfileId>, StoreError> {
    let (kind, value, folded_type) = normalised(key);
    let prefix = match &folded_type {
        Some(t) => keys::typed_prefix(no, kind, &value, t).to_vec(),
        None => keys::value_prefix(no, kind, &value).to_vec(),
    };
    let mut found = Vec::new();
    for entry in dbs.by_key.prefix_iter(txn, &prefix).or_engine()? {
        let id = index::owner(entry.or_engine()?.0)?;
        let row = dbs.rows.get(txn, &keys::profile(no, id)).or_engine()?;
        let row = row.ok_or_else(|| StoreError::Damaged(format!("an index names profile {id}, which isn't there")))?;
        if index::has(&RowView::open(id, row)?.kept(id)?.profile, kind, &value, folded_type.as_deref()) {
            found.push(id);
        }
    }
    Ok(found)
}

fn normalised(key: &Key) -> (Kind, String, Option<String>) {
    let folded = |t: &Option<String>| t.as_deref().map(fold);
    match key {
        Key::AlternateId { kind, id } => (Kind::AlternateId, fold(id), folded(kind)),
        Key::Email { kind, address } => (Kind::Email, normal::email(address), folded(kind)),
        Key::Phone { kind, number } => (Kind::Phone, normal::digits(number), folded(kind)),
        Key::Group { kind, name } => (Kind::Group, fold(name), Some(fold(kind))),
    }
}
