//! Reading rows, facts and tombstones by account and profile.

use sayso_model::{
    id::{AccountNo, ProfileId},
    profile::Tombstone,
};

use crate::{
    StoreError,
    engine::{Databases, OrEngine, Read},
    keys,
    row::Stored,
    seal,
};

/// The row of a profile, checksum verified.
pub(crate) fn get<'t>(
    dbs: &Databases,
    txn: &'t Read<'_>,
    no: AccountNo,
    id: ProfileId,
) -> Result<Option<Stored<'t>>, StoreError> {
    let bytes = dbs.rows.get(txn, &keys::profile(no, id)).or_engine()?;
    bytes.map(|bytes| Stored::decode(id, bytes)).transpose()
}

/// The tombstone of a profile.
pub(crate) fn tombstone(
    dbs: &Databases,
    txn: &Read<'_>,
    no: AccountNo,
    id: ProfileId,
) -> Result<Option<Tombstone>, StoreError> {
    let sealed = dbs.tombstones.get(txn, &keys::profile(no, id)).or_engine()?;
    sealed.map(|sealed| open_tombstone(id, sealed)).transpose()
}

/// Reads a tombstone.
pub(crate) fn open_tombstone(id: ProfileId, sealed: &[u8]) -> Result<Tombstone, StoreError> {
    seal::open_json(sealed, || format!("the tombstone of profile {id}"))
}

/// Facts as they are stored: sealed, and before them the version of the configuration by which they were made, since
/// what facts tell of a custom field depends on it.
pub(crate) fn seal_facts(config_version: u64, encoded: &[u8]) -> Vec<u8> {
    seal::seal_parts([&short(config_version), encoded])
}

/// The encoded facts, and whether they were made by this version of the configuration.
pub(crate) fn open_facts(id: ProfileId, sealed: &[u8], config_version: u64) -> Result<(&[u8], bool), StoreError> {
    let value = seal::open(sealed, || format!("the facts of profile {id}"))?;
    let (version, encoded) = value
        .split_first_chunk::<4>()
        .ok_or_else(|| StoreError::Damaged(format!("the facts of profile {id} are too short")))?;
    Ok((encoded, *version == short(config_version)))
}

/// Four bytes are enough to tell one version from its neighbours.
fn short(version: u64) -> [u8; 4] {
    let [.., a, b, c, d] = version.to_be_bytes();
    [a, b, c, d]
}
