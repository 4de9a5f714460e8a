//! The records of sealed secrets: for each owner and purpose at most two, so that one can be exchanged without a moment in which its users
//! and its owner hold different ones.

use sayso_model::{id::AccountNo, moment::Moment, secret::Secret};
use serde::{Deserialize, Serialize};

use super::{Purpose, Sealed};
use crate::{
    StoreError,
    engine::{Databases, OrEngine, Read},
    keys::small,
    seal,
    tx::Tx,
};

/// Whose secret, and what for.
pub(crate) type Whose<'a> = (AccountNo, Purpose, &'a str);

/// Secrets of one owner that are valid at once.
pub const AT_ONCE: usize = 2;

/// One secret of an owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub created: Moment,
    /// Not valid any more from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<Moment>,
    pub sealed: Sealed,
}

/// All of one owner and purpose.
#[derive(Serialize, Deserialize)]
pub(super) struct Record {
    pub account: AccountNo,
    pub purpose: Purpose,
    pub owner: String,
    /// The newest last.
    pub secrets: Vec<Kept>,
}

/// What becomes of the secret that is there when another one is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Former {
    /// It stays valid, until another takes its place.
    Stays,
    /// It stays valid until then.
    EndsAt(Moment),
    /// It ends at once.
    Ends,
}

/// The secrets that an owner has at a moment, the newest last.
pub(crate) fn get(dbs: &Databases, txn: &Read<'_>, whose: Whose<'_>, at: Moment) -> Result<Vec<Kept>, StoreError> {
    let (no, purpose, owner) = whose;
    let sealed = dbs.access.get(txn, &small::secrets(no, purpose.number(), owner)).or_engine()?;
    let mut kept = sealed.map(open).transpose()?.map_or_else(Vec::new, |record| record.secrets);
    kept.retain(|secret| secret.ends.is_none_or(|ends| at < ends));
    Ok(kept)
}

/// Gives an owner another secret.
pub(crate) fn add(tx: &mut Tx<'_>, whose: Whose<'_>, secret: &Secret, former: Former) -> Result<(), StoreError> {
    let (account, purpose, owner) = whose;
    let now = tx.now();
    let (dbs, txn) = tx.read();
    let is_first = dbs.access.prefix_iter(txn, small::SECRETS).or_engine()?.next().is_none();
    let mut secrets = get(dbs, txn, whose, now)?;
    let stay = if former == Former::Ends { 0 } else { AT_ONCE - 1 };
    secrets.drain(..secrets.len().saturating_sub(stay));
    if let Former::EndsAt(ends) = former {
        secrets.iter_mut().for_each(|kept| kept.ends = Some(ends));
    }
    let sealed = tx.vault().seal(whose, secret, is_first)?;
    secrets.push(Kept { created: now, ends: None, sealed });
    let record = seal::seal_json(&Record { account, purpose, owner: owner.to_owned(), secrets })?;
    let (dbs, txn) = tx.write();
    dbs.access.put(txn, &small::secrets(account, purpose.number(), owner), &record).or_engine()
}

/// Ends the secrets of an owner; `false` when there were none.
pub(crate) fn remove(tx: &mut Tx<'_>, (no, purpose, owner): Whose<'_>) -> Result<bool, StoreError> {
    let (dbs, txn) = tx.write();
    dbs.access.delete(txn, &small::secrets(no, purpose.number(), owner)).or_engine()
}

/// Whether a record is whole and stands where it belongs; the secrets themselves need the key.
pub(crate) fn check(key: &[u8], sealed: &[u8]) -> Result<(), StoreError> {
    let Record { account, purpose, owner, .. } = open(sealed)?;
    if key == small::secrets(account, purpose.number(), &owner) {
        return Ok(());
    }
    Err(StoreError::Damaged(format!("the secrets of {owner} in account {account} stand under a key of others")))
}

pub(super) fn open(sealed: &[u8]) -> Result<Record, StoreError> {
    seal::open_json(sealed, || "the record of a sealed secret".to_owned())
}
