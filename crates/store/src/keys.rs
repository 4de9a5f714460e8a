//! Every key of the engine, made and read in one place. Numbers are big-endian and the account stands first, so that the
//! order of the bytes is the order of the meaning, and one account's entries lie together.

use std::ops::Range;

use sayso_model::{
    id::{AccessToken, AccountNo, ProfileId},
    moment::Moment,
};
use sha2::{Digest, Sha256};

use crate::StoreError;

/// The account alone: the prefix of everything of an account, and the key of its configuration.
pub(crate) fn account(no: AccountNo) -> [u8; 4] {
    no.0.to_be_bytes()
}

/// Account and profile: rows, facts, tombstones.
pub(crate) fn profile(no: AccountNo, id: ProfileId) -> [u8; 12] {
    join([&account(no), &id.0.to_be_bytes()])
}

/// The profile of a key that begins with account and profile.
pub(crate) fn profile_of(key: &[u8]) -> Result<ProfileId, StoreError> {
    number_at(key, 4).map(ProfileId)
}

/// The profile of an index key: it stands last there.
pub(crate) fn last_profile_of(key: &[u8]) -> Result<ProfileId, StoreError> {
    number_at(key, key.len().wrapping_sub(8)).map(ProfileId)
}

/// The account of any key.
pub(crate) fn account_of(key: &[u8]) -> Result<AccountNo, StoreError> {
    let bytes = key.first_chunk().ok_or_else(|| misshapen(key))?;
    Ok(AccountNo(u32::from_be_bytes(*bytes)))
}

/// The first and last key of the profiles `ids` of an account; `None` when the range is empty.
pub(crate) fn profiles(no: AccountNo, ids: &Range<u64>) -> Option<([u8; 12], [u8; 12])> {
    (ids.start < ids.end).then(|| (profile(no, ProfileId(ids.start)), profile(no, ProfileId(ids.end - 1))))
}

/// Account, moment, profile: by_modified and by_expiry.
pub(crate) fn moment(no: AccountNo, at: Moment, id: ProfileId) -> [u8; 20] {
    join([&account(no), &ordered(at), &id.0.to_be_bytes()])
}

/// The moment of such a key.
pub(crate) fn moment_of(key: &[u8]) -> Result<Moment, StoreError> {
    number_at(key, 4).map(|n| Moment((n ^ (1 << 63)).cast_signed()))
}

/// A moment whose bytes are in the order of time: the sign bit turned over.
fn ordered(at: Moment) -> [u8; 8] {
    (at.0.cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

/// What an entry of by_key is about; the number is part of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub(crate) enum Kind {
    AlternateId = 1,
    Email = 2,
    Phone = 3,
    Group = 4,
}

/// Bytes of a by_key prefix that has the value but no type yet.
pub(crate) const VALUE_PREFIX: usize = 21;

/// Account, kind, the first 16 bytes of SHA-256 of the normalised value, 4 of the folded type, profile. Hashed since LMDB's keys end
/// at 511 bytes and an email may have 1,024. The value stands before the type so that a look-up in every type is one prefix.
pub(crate) fn value(no: AccountNo, kind: Kind, value: &str, folded_type: &str, id: ProfileId) -> [u8; 33] {
    join([&typed_prefix(no, kind, value, folded_type), &id.0.to_be_bytes()])
}

/// The part of a by_key key before the value.
pub(crate) fn kind_prefix(no: AccountNo, kind: Kind) -> [u8; 5] {
    join([&account(no), &[kind as u8]])
}

/// The part of a by_key key before the type.
pub(crate) fn value_prefix(no: AccountNo, kind: Kind, value: &str) -> [u8; VALUE_PREFIX] {
    join([&kind_prefix(no, kind), &hash::<16>(value)])
}

/// The part of a by_key key before the profile.
pub(crate) fn typed_prefix(no: AccountNo, kind: Kind, value: &str, folded_type: &str) -> [u8; VALUE_PREFIX + 4] {
    claimed(no, kind, &claim(value, folded_type))
}

/// What of a by_key key stands between kind and profile.
pub(crate) fn claim(value: &str, folded_type: &str) -> [u8; 20] {
    join([&hash::<16>(value), &hash::<4>(folded_type)])
}

/// The part of a by_key key before the profile, of a [`claim`].
pub(crate) fn claimed(no: AccountNo, kind: Kind, claim: &[u8; 20]) -> [u8; VALUE_PREFIX + 4] {
    join([&kind_prefix(no, kind), claim])
}

/// An index key that was made for profile 0, for this one: the profile stands last.
pub(crate) fn numbered<const N: usize>(mut key: [u8; N], id: ProfileId) -> [u8; N] {
    if let Some(last) = key.last_chunk_mut() {
        *last = id.0.to_be_bytes();
    }
    key
}

/// The first bytes of a text's SHA-256.
fn hash<const N: usize>(text: &str) -> [u8; N] {
    let hash = Sha256::digest(text.as_bytes());
    join([hash.get(..N).unwrap_or_default()])
}

/// Account, profile, moment, sequence, kind: history.
pub(crate) fn history(no: AccountNo, id: ProfileId, at: Moment, sequence: u32, kind: u8) -> [u8; 25] {
    join([&profile(no, id), &ordered(at), &sequence.to_be_bytes(), &[kind]])
}

/// The moment, sequence and kind of a history key.
pub(crate) fn history_of(key: &[u8]) -> Result<(Moment, u32, u8), StoreError> {
    let [at @ .., _, _, _, _, _] = key.get(12..25).ok_or_else(|| misshapen(key))? else { return Err(misshapen(key)) };
    let at = moment_of(&[&[0; 4], at].concat())?;
    let sequence = key.get(20..24).and_then(|b| b.first_chunk()).ok_or_else(|| misshapen(key))?;
    let kind = key.last().ok_or_else(|| misshapen(key))?;
    Ok((at, u32::from_be_bytes(*sequence), *kind))
}

/// Account, term id.
pub(crate) fn term(no: AccountNo, id: u32) -> [u8; 8] {
    join([&account(no), &id.to_be_bytes()])
}

/// The account and id of such a key; `None` for one of another shape.
pub(crate) fn term_of(key: &[u8]) -> Option<(AccountNo, u32)> {
    let (no, id) = key.split_first_chunk()?;
    Some((AccountNo(u32::from_be_bytes(*no)), u32::from_be_bytes(id.try_into().ok()?)))
}

/// Keys of the small databases, told apart by their first byte.
pub(crate) mod small {
    use super::*;

    /// config: the account's record.
    pub(crate) fn account_record(no: AccountNo) -> Vec<u8> {
        [&[0][..], &account(no)].concat()
    }
    /// config: the account that has this folded name.
    pub(crate) fn account_name(folded: &str) -> Vec<u8> {
        [&[1][..], folded.as_bytes()].concat()
    }

    /// access: the prefix of all clients, and of all tokens.
    pub(crate) const CLIENTS: &[u8] = &[0];
    /// See [`CLIENTS`].
    pub(crate) const BEARERS: &[u8] = &[1];
    /// access: an OAuth client.
    pub(crate) fn client(client_id: &str) -> Vec<u8> {
        // What a caller sends may be longer than a key can be; ours have 48 characters, and the record is compared.
        let id = client_id.as_bytes();
        [CLIENTS, id.get(..64).unwrap_or(id)].concat()
    }
    /// access: a bearer token, by its hash.
    pub(crate) fn bearer(hash: &[u8; 32]) -> Vec<u8> {
        [BEARERS, hash].concat()
    }

    /// exports: the prefix of all records, and of all idempotency keys.
    pub(crate) const EXPORTS: &[u8] = &[0];
    /// See [`EXPORTS`].
    pub(crate) const IDEMPOTENCY_KEYS: &[u8] = &[1];
    /// exports: the record of a job.
    pub(crate) fn export(no: AccountNo, token: AccessToken) -> Vec<u8> {
        [EXPORTS, &account(no), &token.0.to_be_bytes()].concat()
    }
    /// The account and token of such a key.
    pub(crate) fn export_of(key: &[u8]) -> Result<(AccountNo, AccessToken), StoreError> {
        Ok((account_of(key.get(1..).unwrap_or_default())?, AccessToken(number_at(key, 5)?)))
    }
    /// exports: the record of an idempotency key, which may be of any length.
    pub(crate) fn idempotency(no: AccountNo, key: &[u8]) -> Vec<u8> {
        [IDEMPOTENCY_KEYS, &account(no), &Sha256::digest(key)].concat()
    }
}

fn join<const N: usize, const P: usize>(parts: [&[u8]; P]) -> [u8; N] {
    debug_assert_eq!(parts.iter().map(|p| p.len()).sum::<usize>(), N, "the parts fill the key");
    let mut key = [0; N];
    let mut rest = &mut key[..];
    for part in parts {
        let (here, next) = rest.split_at_mut(part.len());
        here.copy_from_slice(part);
        rest = next;
    }
    key
}

fn number_at(key: &[u8], at: usize) -> Result<u64, StoreError> {
    let bytes = key.get(at..).and_then(|k| k.first_chunk()).ok_or_else(|| misshapen(key))?;
    Ok(u64::from_be_bytes(*bytes))
}

fn misshapen(key: &[u8]) -> StoreError {
    StoreError::Damaged(format!("a key of {} bytes that no database here has; run `sayso check`", key.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bytes_are_in_the_order_of_account_then_profile(a: (u32, u64), b: (u32, u64)) {
            let key = |(no, id): (u32, u64)| profile(AccountNo(no), ProfileId(id));
            prop_assert_eq!(key(a).cmp(&key(b)), a.cmp(&b));
            prop_assert_eq!(profile_of(&key(a)).unwrap(), ProfileId(a.1));
            prop_assert_eq!(account_of(&key(a)).unwrap(), AccountNo(a.0));
        }

        #[test]
        fn bytes_are_in_the_order_of_account_then_time_then_profile(a: (u32, i64, u64), b: (u32, i64, u64)) {
            let key = |(no, at, id): (u32, i64, u64)| moment(AccountNo(no), Moment(at), ProfileId(id));
            prop_assert_eq!(key(a).cmp(&key(b)), a.cmp(&b));
            prop_assert_eq!(moment_of(&key(a)).unwrap(), Moment(a.1));
            prop_assert_eq!(last_profile_of(&key(a)).unwrap(), ProfileId(a.2));
        }

        #[test]
        fn history_is_in_the_order_of_profile_then_time_then_sequence(a: (u64, i64, u32, u8), b: (u64, i64, u32, u8)) {
            let key = |(id, at, n, kind): (u64, i64, u32, u8)| history(AccountNo(1), ProfileId(id), Moment(at), n, kind);
            prop_assert_eq!(key(a).cmp(&key(b)), a.cmp(&b));
            prop_assert_eq!(history_of(&key(a)).unwrap(), (Moment(a.1), a.2, a.3));
        }

        #[test]
        fn a_value_is_found_by_its_prefix_with_and_without_the_type(v in ".*", t in ".{0,20}", id: u64) {
            let key = value(AccountNo(7), Kind::Email, &v, &t, ProfileId(id));
            prop_assert!(key.starts_with(&value_prefix(AccountNo(7), Kind::Email, &v)));
            prop_assert!(key.starts_with(&typed_prefix(AccountNo(7), Kind::Email, &v, &t)));
            prop_assert_eq!(last_profile_of(&key).unwrap(), ProfileId(id));
            prop_assert_eq!(numbered(value(AccountNo(7), Kind::Email, &v, &t, ProfileId(0)), ProfileId(id)), key);
            let alternate = value(AccountNo(7), Kind::AlternateId, &v, &t, ProfileId(id));
            prop_assert!(alternate.starts_with(&claimed(AccountNo(7), Kind::AlternateId, &claim(&v, &t))));
        }
    }

    #[test]
    fn a_range_of_ids_reaches_the_last_id_there_can_be() {
        let (first, last) = profiles(AccountNo(1), &(5..u64::MAX)).unwrap();
        assert_eq!(first, profile(AccountNo(1), ProfileId(5)));
        assert_eq!(last, profile(AccountNo(1), ProfileId(u64::MAX - 1)));
        assert!(profiles(AccountNo(1), &(5..5)).is_none());
    }

    #[test]
    fn a_key_of_another_shape_is_reported_not_misread() {
        assert!(profile_of(&[1, 2, 3]).is_err());
        assert!(last_profile_of(&[]).is_err());
        assert!(history_of(&[0; 24]).is_err());
    }
}
