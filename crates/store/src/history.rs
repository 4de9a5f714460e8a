//! The histories of a profile: what a value was before it changed, with who changed it and when (profile.md, Rules: every write
//! appends to history).

use heed::RwTxn;
use sayso_model::{
    change::{Former, HistoryKind},
    id::{AccountNo, Author, ProfileId},
    moment::Moment,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    StoreError,
    engine::{Databases, OrEngine, Read},
    keys, seal,
};

/// A value that was replaced.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryEntry {
    /// When it was replaced.
    pub when: Moment,
    /// Which history it belongs to.
    pub kind: HistoryKind,
    /// Who replaced it.
    pub author: Author,
    /// What it was ([`Former::value`]).
    pub value: Value,
}

#[derive(Serialize, Deserialize)]
struct Record<V> {
    author: Author,
    value: V,
}

/// Appends what a change replaced. Two changes of one profile within a millisecond continue one sequence.
pub(crate) fn append(
    dbs: &Databases,
    txn: &mut RwTxn<'_>,
    no: AccountNo,
    id: ProfileId,
    when: Moment,
    author: &Author,
    former: &[Former],
) -> Result<(), StoreError> {
    if former.is_empty() {
        return Ok(());
    }
    let last =
        dbs.history.get_lower_than(txn, &keys::history(no, id, Moment(when.0.saturating_add(1)), 0, 0)).or_engine()?;
    let next = match last {
        Some((key, _)) if key.starts_with(&keys::profile(no, id)) => match keys::history_of(key)? {
            (at, sequence, _) if at == when => sequence + 1,
            _ => 0,
        },
        _ => 0,
    };
    for (sequence, former) in (next..).zip(former) {
        let record = Record { author: author.clone(), value: &former.value };
        let key = keys::history(no, id, when, sequence, former.kind as u8);
        dbs.history.put(txn, &key, &seal::seal_json(&record)?).or_engine()?;
    }
    Ok(())
}

/// All of a profile.
pub(crate) fn of(
    dbs: &Databases,
    txn: &Read<'_>,
    no: AccountNo,
    id: ProfileId,
) -> Result<Vec<HistoryEntry>, StoreError> {
    let entries = dbs.history.prefix_iter(txn, &keys::profile(no, id)).or_engine()?;
    entries.map(|entry| entry.or_engine().and_then(|(key, sealed)| open(key, sealed))).collect()
}

/// Reads an entry.
pub(crate) fn open(key: &[u8], sealed: &[u8]) -> Result<HistoryEntry, StoreError> {
    let id = keys::profile_of(key)?;
    let (when, _, kind) = keys::history_of(key)?;
    let kind =
        kind_of(kind).ok_or_else(|| StoreError::Damaged(format!("profile {id} has a history of kind {kind}")))?;
    let Record { author, value } = seal::open_json(sealed, || format!("a history entry of profile {id}"))?;
    Ok(HistoryEntry { when, kind, author, value })
}

/// Removes all of a profile.
pub(crate) fn remove(dbs: &Databases, txn: &mut RwTxn<'_>, no: AccountNo, id: ProfileId) -> Result<(), StoreError> {
    let mut keys = Vec::new();
    for entry in dbs.history.prefix_iter(txn, &keys::profile(no, id)).or_engine()? {
        keys.push(entry.or_engine()?.0.to_vec());
    }
    for key in keys {
        dbs.history.delete(txn, &key).or_engine()?;
    }
    Ok(())
}

fn kind_of(n: u8) -> Option<HistoryKind> {
    use HistoryKind::{Consents, Contacts, CustomFields, Preferences, StandardFields};
    [Preferences, Consents, CustomFields, StandardFields, Contacts].into_iter().find(|kind| *kind as u8 == n)
}
