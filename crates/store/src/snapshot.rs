//! A view of one account that stays as it is, with its moment (house.md: stamps and snapshots belong to the writer).

use std::{ops::Range, sync::Arc};

use sayso_model::{
    config::Config,
    facts::{Facts, Terms},
    id::{AccountNo, ProfileId},
    moment::Moment,
    profile::Tombstone,
};

use crate::{
    Store, StoreError,
    profiles::{Key, StoredRow},
};

/// A consistent view. Cheap to share between threads (`Sync`); holds old pages alive, so let go of it soon.
pub struct Snapshot {
    _todo: (),
}

/// A row as the export copies it: borrowed from the page cache.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub struct RowBytes<'a> {
    pub id: ProfileId,
    pub next_expiry: Option<Moment>,
    pub render_version: u16,
    /// Wire JSON.
    pub json: &'a [u8],
    /// Encoded cut list: [`RowBytes::cuts`] decodes.
    pub cut_bytes: &'a [u8],
}

impl RowBytes<'_> {
    /// The cut list.
    pub fn cuts(&self) -> Vec<sayso_model::render::Cut> {
        todo!()
    }
}

impl Store {
    /// Takes a snapshot of an account, by the writer, between two commits.
    pub fn snapshot(&self, _account: AccountNo) -> impl Future<Output = Result<Snapshot, StoreError>> + Send + 'static {
        async { todo!() }
    }
}

impl Snapshot {
    /// Everything stamped before this moment is in the snapshot; everything else is stamped at or after it.
    pub fn moment(&self) -> Moment {
        todo!()
    }
    /// The configuration as the snapshot has it.
    pub fn config(&self) -> &Arc<Config> {
        todo!()
    }
    /// The dictionary as the snapshot has it.
    pub fn terms(&self) -> &Arc<Terms> {
        todo!()
    }
    /// How many profiles there are, and the ids that split them into about `parts` equal ranges.
    pub fn partitions(&self, _parts: usize) -> Result<Vec<Range<u64>>, StoreError> {
        todo!()
    }
    /// Calls `f` with the facts of every profile in the id range, ascending, until it fails.
    pub fn for_each_facts<E: From<StoreError>>(
        &self,
        _ids: Range<u64>,
        _f: &mut dyn FnMut(ProfileId, Facts<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        todo!()
    }
    /// Calls `f` with the facts of each of these profiles that is there (ascending ids make it fast: one cursor), until it fails.
    pub fn for_each_facts_of<E: From<StoreError>>(
        &self,
        _ids: &mut dyn Iterator<Item = ProfileId>,
        _f: &mut dyn FnMut(ProfileId, Facts<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        todo!()
    }
    /// The whole profile, parsed, checksum verified.
    pub fn row(&self, _id: ProfileId) -> Result<Option<StoredRow>, StoreError> {
        todo!()
    }
    /// Calls `f` with the bytes of each of these profiles (ascending ids, made for long runs: one cursor), checksum verified.
    pub fn for_each_row<E: From<StoreError>>(
        &self,
        _ids: &mut dyn Iterator<Item = ProfileId>,
        _f: &mut dyn FnMut(RowBytes<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        todo!()
    }
    /// The ids of profiles written at or after `since`, or of which something expired at or after it and not after the
    /// snapshot; both compared after the vendor's rounding; ascending, each once.
    pub fn changed_since(&self, _since: Moment) -> Result<Vec<ProfileId>, StoreError> {
        todo!()
    }
    /// The profiles that have one of these keys, ascending, each once.
    pub fn find(&self, _keys: &mut dyn Iterator<Item = Key>) -> Result<Vec<ProfileId>, StoreError> {
        todo!()
    }
    /// Calls `f` with every tombstone, ascending.
    pub fn for_each_tombstone<E: From<StoreError>>(
        &self,
        _f: &mut dyn FnMut(&Tombstone) -> Result<(), E>,
    ) -> Result<(), E> {
        todo!()
    }
}
