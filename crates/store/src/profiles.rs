//! Profiles: reading one, finding by key, writing.

use sayso_model::{
    change::{Kept, Part},
    id::{AccountNo, Author, ProfileId},
    input::{ActivationInput, ArchiveInput, ProfileInput},
    moment::Moment,
    patch::Patch,
    profile::Tombstone,
};

use crate::{Store, StoreError, index, load, row::Stored, rows, write};
pub use crate::{
    history::{HistoryEntry, HistoryPage},
    ready::ReadyRow,
    version::{Expected, State, Version},
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
    /// Makes the profile what is sent. The alternate id that it is named by stays one of its own.
    Replace(Target, Box<ProfileInput>),
    /// JSON Patch of the profile as it reads without implied preferences; the result is written like [`Change::Replace`].
    Patch(Target, Box<Patch>),
    /// Partial update of preferences or consents alone.
    UpdatePart(Target, Part, Box<ProfileInput>),
    /// By alternate id: creates one when there is none, else updates (profile.md). The alternate id is part of the new profile.
    Upsert {
        kind: String,
        id: String,
        input: Box<ProfileInput>,
    },
    /// Archives the preferences that selectors mean.
    Archive(Target, Box<ArchiveInput>),
    /// Sets `IsActive`.
    Activate(Target, bool, ActivationInput),
    /// Revokes the consents of a type that the preferences to a filter stand on.
    WithdrawConsent {
        target: Target,
        filter: String,
        consent_type: String,
    },
    /// Takes a tag off.
    Untag(Target, String),
    /// Leaves a tombstone; everything else of the profile goes in the same transaction.
    Delete(Target, Option<String>),
}

/// What a write did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Written {
    pub id: ProfileId,
    /// When the profile was changed last: by this write, unless there was nothing to change.
    pub moment: Moment,
    pub created: bool,
    /// How many preferences were archived by [`Change::Archive`].
    pub archived: usize,
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
        let engine = &self.shared().engine;
        let txn = engine.read()?;
        rows::get(&engine.dbs, &txn, account, id)?.map(Stored::into_row).transpose()
    }
    /// The profiles that have this key, ascending.
    pub fn find(&self, account: AccountNo, key: &Key) -> Result<Vec<ProfileId>, StoreError> {
        let engine = &self.shared().engine;
        index::find_ids(&engine.dbs, &engine.read()?, account, key)
    }
    /// The tombstone of a deleted profile.
    pub fn tombstone(&self, account: AccountNo, id: ProfileId) -> Result<Option<Tombstone>, StoreError> {
        let engine = &self.shared().engine;
        rows::tombstone(&engine.dbs, &engine.read()?, account, id)
    }
    /// Prepares one change, unless that would take more than a fraction of a millisecond, and hands it to the writer; the future ends when it is on disk (or
    /// refused, or not kept). Whether the future is awaited or dropped, the change goes its way.
    pub fn write(
        &self,
        account: AccountNo,
        author: Author,
        change: Change,
    ) -> impl Future<Output = Result<Written, StoreError>> + Send + 'static {
        self.write_if(account, author, change, Expected::default())
    }
    /// The same, if the profile is in the state that is expected; else refused (`Why::Stale`).
    pub fn write_if(
        &self,
        account: AccountNo,
        author: Author,
        change: Change,
        expected: Expected,
    ) -> impl Future<Output = Result<Written, StoreError>> + Send + 'static {
        let prepared = write::prepare(self.shared(), account, &author, &change, &expected);
        self.writer()
            .run_on_profiles(move |tx| write::apply_prepared(tx, account, &author, &change, &expected, prepared))
    }
    /// Bulk load of new profiles (blocking): renders in parallel, puts index entries in key order, one transaction for the whole
    /// batch (the caller sizes it, see [`Store::server_is_running`]). One answer per input, in order; a refused one leaves the others.
    pub fn load(
        &self,
        account: AccountNo,
        author: &Author,
        batch: Vec<ProfileInput>,
    ) -> Result<Vec<Result<ProfileId, StoreError>>, StoreError> {
        let author = author.clone();
        self.writer().run_on_profiles_blocking(move |tx| load::apply(tx, account, &author, batch, None))
    }
}
