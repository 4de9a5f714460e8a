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
struct Stored {
    author: Author,
    value: Value,
}

/// A former value as it is stored: sealed, with who replaced it.
pub(crate) struct Record {
    kind: HistoryKind,
    sealed: Vec<u8>,
}

/// What a change replaced, as it is stored.
pub(crate) fn records(author: &Author, former: Vec<Former>) -> Result<Vec<Record>, StoreError> {
    let record = |former: Former| {
        let sealed = seal::seal_json(&Stored { author: author.clone(), value: former.value })?;
        Ok(Record { kind: former.kind, sealed })
    };
    former.into_iter().map(record).collect()
}

/// Appends what a change replaced. Two changes of one profile within a millisecond continue one sequence of each kind.
pub(crate) fn append(
    dbs: &Databases,
    txn: &mut RwTxn<'_>,
    no: AccountNo,
    id: ProfileId,
    when: Moment,
    former: &[Record],
) -> Result<(), StoreError> {
    let mut next: Vec<(HistoryKind, u32)> = Vec::new();
    for former in former {
        let at = match next.iter().position(|(kind, _)| *kind == former.kind) {
            Some(at) => at,
            None => {
                next.push((former.kind, next_sequence(dbs, txn, no, id, former.kind, when)?));
                next.len() - 1
            }
        };
        let Some((kind, sequence)) = next.get_mut(at) else { continue };
        let key = keys::history(no, id, *kind as u8, when, *sequence);
        dbs.history.put(txn, &key, &former.sealed).or_engine()?;
        *sequence += 1;
    }
    Ok(())
}

fn next_sequence(
    dbs: &Databases,
    txn: &Read<'_>,
    no: AccountNo,
    id: ProfileId,
    kind: HistoryKind,
    when: Moment,
) -> Result<u32, StoreError> {
    let beyond = keys::history(no, id, kind as u8, Moment(when.0.saturating_add(1)), 0);
    match dbs.history.get_lower_than(txn, &beyond).or_engine()? {
        Some((key, _)) if key.starts_with(&keys::history_kind(no, id, kind as u8)) => match keys::history_of(key)? {
            (_, at, sequence) if at == when => Ok(sequence + 1),
            _ => Ok(0),
        },
        _ => Ok(0),
    }
}

/// One history of a profile, or a part of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HistoryPage {
    /// Entries of the whole history.
    pub total: u64,
    /// Those that were asked for, in the order in which they ceased to be.
    pub entries: Vec<HistoryEntry>,
}

/// At most `take` entries of one history, from the one at `skip` on.
pub(crate) fn page(
    dbs: &Databases,
    txn: &Read<'_>,
    (no, id): (AccountNo, ProfileId),
    kind: HistoryKind,
    skip: u64,
    take: u64,
) -> Result<HistoryPage, StoreError> {
    let mut page = HistoryPage::default();
    for entry in dbs.history.prefix_iter(txn, &keys::history_kind(no, id, kind as u8)).or_engine()? {
        let (key, sealed) = entry.or_engine()?;
        if page.total >= skip && page.total - skip < take {
            page.entries.push(open(key, sealed)?);
        }
        page.total += 1;
    }
    Ok(page)
}

/// The newest entries of one history, at most `most`, in the order in which they ceased to be.
pub(crate) fn newest(
    dbs: &Databases,
    txn: &Read<'_>,
    (no, id): (AccountNo, ProfileId),
    kind: HistoryKind,
    most: usize,
) -> Result<Vec<HistoryEntry>, StoreError> {
    let mut entries = Vec::new();
    for entry in dbs.history.rev_prefix_iter(txn, &keys::history_kind(no, id, kind as u8)).or_engine()?.take(most) {
        let (key, sealed) = entry.or_engine()?;
        entries.push(open(key, sealed)?);
    }
    entries.reverse();
    Ok(entries)
}

/// Reads an entry.
pub(crate) fn open(key: &[u8], sealed: &[u8]) -> Result<HistoryEntry, StoreError> {
    let id = keys::profile_of(key)?;
    let (kind, when, _) = keys::history_of(key)?;
    let kind =
        kind_of(kind).ok_or_else(|| StoreError::Damaged(format!("profile {id} has a history of kind {kind}")))?;
    let Stored { author, value } = seal::open_json(sealed, || format!("a history entry of profile {id}"))?;
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
