//! What a writer counts on: the format, the last stamp and the last one of a snapshot, and each account's next ids and configuration version. Read inside
//! the transaction that uses it, since another process may have written in between (house.md: LMDB's own write lock is the only writer lock).

use std::collections::BTreeMap;

use heed::RwTxn;
use sayso_model::{id::AccountNo, moment::Moment};

use crate::{
    StoreError,
    engine::{Databases, Db, OrEngine, Read},
    keys, seal,
};

/// The format of the directory that this program writes. Raised when a former program could not read it any more:
/// 2 = rows are packed ([`crate::row`]), and index entries may wait in `pending`; 3 = by_key has names and addresses, each history lies
/// together; 4 = facts have terms of what is kept beside a row.
pub(crate) const FORMAT: u32 = 4;

const FORMAT_KEY: &[u8] = b"format";
const STAMP_KEY: &[u8] = b"last stamp";
const SNAPSHOT_KEY: &[u8] = b"last snapshot";
const ACCOUNT_KEY: &[u8] = b"next account";

/// The numbers of one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Numbers {
    /// The ProfileId that the next new profile gets; never goes back.
    pub next_profile: u64,
    /// The id that the next new term gets: ids below it are all there.
    pub next_term: u32,
    /// Raised by every change of the configuration.
    pub version: u64,
}

impl Numbers {
    fn encode(self) -> Vec<u8> {
        let Numbers { next_profile, next_term, version } = self;
        seal::seal(&[&next_profile.to_be_bytes()[..], &next_term.to_be_bytes(), &version.to_be_bytes()].concat())
    }

    fn decode(sealed: &[u8]) -> Result<Self, StoreError> {
        let what = || "the record of an account's next ids".to_owned();
        let short = || StoreError::Damaged(format!("{} is too short", what()));
        let rest = seal::open(sealed, what)?;
        let (profile, rest) = rest.split_first_chunk().ok_or_else(short)?;
        let (term, rest) = rest.split_first_chunk().ok_or_else(short)?;
        let version = rest.first_chunk().ok_or_else(short)?;
        Ok(Numbers {
            next_profile: u64::from_be_bytes(*profile),
            next_term: u32::from_be_bytes(*term),
            version: u64::from_be_bytes(*version),
        })
    }
}

/// The format of a directory.
pub(crate) fn format(db: Db, txn: &Read<'_>) -> Result<Option<u32>, StoreError> {
    number(db, txn, FORMAT_KEY).map(|n| n.and_then(|n| u32::try_from(n).ok()))
}

/// Writes this program's format into a new directory.
pub(crate) fn put_format(dbs: &Databases, txn: &mut RwTxn<'_>) -> Result<(), StoreError> {
    put_number(dbs.meta, txn, FORMAT_KEY, u64::from(FORMAT))
}

/// The last stamp given: nothing later is stamped before it. The beginning of time in a new directory.
pub(crate) fn last_stamp(dbs: &Databases, txn: &Read<'_>) -> Result<Moment, StoreError> {
    Ok(number(dbs.meta, txn, STAMP_KEY)?.map_or(Moment(i64::MIN), |n| Moment(n.cast_signed())))
}

/// Persists the last stamp.
pub(crate) fn put_last_stamp(dbs: &Databases, txn: &mut RwTxn<'_>, stamp: Moment) -> Result<(), StoreError> {
    put_number(dbs.meta, txn, STAMP_KEY, stamp.0.cast_unsigned())
}

/// The last moment that was given to a snapshot; the beginning of time before there was one.
pub(crate) fn last_snapshot(dbs: &Databases, txn: &Read<'_>) -> Result<Moment, StoreError> {
    Ok(number(dbs.meta, txn, SNAPSHOT_KEY)?.map_or(Moment(i64::MIN), |n| Moment(n.cast_signed())))
}

/// Persists it.
pub(crate) fn put_last_snapshot(dbs: &Databases, txn: &mut RwTxn<'_>, stamp: Moment) -> Result<(), StoreError> {
    put_number(dbs.meta, txn, SNAPSHOT_KEY, stamp.0.cast_unsigned())
}

/// Takes the number of a new account.
pub(crate) fn take_account_no(dbs: &Databases, txn: &mut RwTxn<'_>) -> Result<AccountNo, StoreError> {
    let no = number(dbs.meta, txn, ACCOUNT_KEY)?.unwrap_or(1);
    put_number(dbs.meta, txn, ACCOUNT_KEY, no + 1)?;
    u32::try_from(no).map(AccountNo).map_err(|_| StoreError::Engine("the numbers of accounts are used up".into()))
}

/// The number that the next new account gets.
pub(crate) fn next_account_no(dbs: &Databases, txn: &Read<'_>) -> Result<u64, StoreError> {
    Ok(number(dbs.meta, txn, ACCOUNT_KEY)?.unwrap_or(1))
}

/// The numbers of an account; `None` when there is no such account.
pub(crate) fn numbers(dbs: &Databases, txn: &Read<'_>, no: AccountNo) -> Result<Option<Numbers>, StoreError> {
    dbs.meta.get(txn, &keys::account(no)).or_engine()?.map(Numbers::decode).transpose()
}

/// Persists the numbers of an account.
pub(crate) fn put_numbers(
    dbs: &Databases,
    txn: &mut RwTxn<'_>,
    no: AccountNo,
    numbers: Numbers,
) -> Result<(), StoreError> {
    dbs.meta.put(txn, &keys::account(no), &numbers.encode()).or_engine()
}

/// The numbers of every account, by account. (The named numbers have longer keys than an account's four bytes.)
pub(crate) fn all_numbers(dbs: &Databases, txn: &Read<'_>) -> Result<BTreeMap<AccountNo, Numbers>, StoreError> {
    let mut all = BTreeMap::new();
    for entry in dbs.meta.iter(txn).or_engine()? {
        let (key, value) = entry.or_engine()?;
        if key.len() == 4 {
            all.insert(keys::account_of(key)?, Numbers::decode(value)?);
        }
    }
    Ok(all)
}

fn number(db: Db, txn: &Read<'_>, key: &[u8]) -> Result<Option<u64>, StoreError> {
    let what = || format!("the number `{}`", String::from_utf8_lossy(key));
    let Some(sealed) = db.get(txn, key).or_engine()? else { return Ok(None) };
    let bytes = seal::open(sealed, what)?.first_chunk().copied();
    bytes.map(u64::from_be_bytes).map(Some).ok_or_else(|| StoreError::Damaged(format!("{} is too short", what())))
}

fn put_number(db: Db, txn: &mut RwTxn<'_>, key: &[u8], n: u64) -> Result<(), StoreError> {
    db.put(txn, key, &seal::seal(&n.to_be_bytes())).or_engine()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_accounts_numbers_come_back_as_they_were() {
        let numbers = Numbers { next_profile: u64::MAX - 1, next_term: 7, version: 1 << 40 };
        assert_eq!(Numbers::decode(&numbers.encode()).unwrap(), numbers);
        assert!(Numbers::decode(&seal::seal(b"short")).is_err());
    }
}
