//! Every key of the engine, made and read in one place. Numbers are big-endian and the account stands first, so that the
//! order of the bytes is the order of the meaning, and one account's entries lie together.

use std::{cell::RefCell, collections::HashMap, ops::Range};

use foldhash::quality::RandomState;
use sayso_model::{
    id::{AccessToken, AccountNo, ProfileId, fold_into},
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
    Name = 5,
    Address = 6,
}

impl Kind {
    /// The bytes that each part of a value takes, together 20. What is looked up by itself stands first and has enough of them that two
    /// values rarely meet; the others only spare the opening of rows. (A value and its type; last, first and middle name; postal
    /// code, city, state and first line.)
    const fn widths(self) -> &'static [usize] {
        match self {
            Kind::AlternateId | Kind::Email | Kind::Phone | Kind::Group => &[16, 4],
            Kind::Name => &[8, 8, 4],
            Kind::Address => &[8, 4, 4, 4],
        }
    }
}

/// Bytes of a by_key key before the profile.
const CLAIMED: usize = 25;

/// Account, kind, claim, profile: by_key.
pub(crate) fn value(no: AccountNo, kind: Kind, claim: &[u8; 20], id: ProfileId) -> [u8; 33] {
    join([&claimed(no, kind, claim), &id.0.to_be_bytes()])
}

/// The part of a by_key key before the value.
pub(crate) fn kind_prefix(no: AccountNo, kind: Kind) -> [u8; 5] {
    join([&account(no), &[kind as u8]])
}

/// What of a by_key key stands between kind and profile: the first bytes of SHA-256 of each part in the form in which it is compared. Hashed
/// since LMDB's keys end at 511 bytes and an email may have 1,024.
pub(crate) fn claim(kind: Kind, parts: &[&str]) -> [u8; 20] {
    let mut claim = [0; 20];
    if let ([16, 4], [value, name, ..]) = (kind.widths(), parts) {
        claim[..16].copy_from_slice(&Sha256::digest(value.as_bytes())[..16]);
        claim[16..].copy_from_slice(&of_type(name));
        return claim;
    }
    let mut rest = &mut claim[..];
    for (width, part) in kind.widths().iter().zip(parts) {
        let (here, next) = rest.split_at_mut(*width);
        here.copy_from_slice(Sha256::digest(part.as_bytes()).get(..*width).unwrap_or_default());
        rest = next;
    }
    claim
}

/// What a claim has of a type. Accounts have few types, and each thread remembers some.
fn of_type(name: &str) -> [u8; 4] {
    thread_local! {
        static KNOWN: RefCell<HashMap<String, [u8; 4], RandomState>> = RefCell::default();
    }
    KNOWN.with_borrow_mut(|known| {
        if let Some(claim) = known.get(name) {
            return *claim;
        }
        let claim = Sha256::digest(name.as_bytes()).first_chunk().copied().unwrap_or_default();
        if known.len() < 64 && name.len() <= 100 {
            known.insert(name.to_owned(), claim);
        }
        claim
    })
}

/// The same of parts as they were given.
pub(crate) fn claim_folded<const N: usize>(kind: Kind, parts: [&str; N]) -> [u8; 20] {
    thread_local! {
        /// All of them behind one another, where the former ones were.
        static TEXT: RefCell<String> = RefCell::default();
    }
    TEXT.with_borrow_mut(|text| {
        text.clear();
        let ends = parts.map(|part| {
            fold_into(part, text);
            text.len()
        });
        let mut start = 0;
        let folded = ends.map(|end| text.get(std::mem::replace(&mut start, end)..end).unwrap_or_default());
        claim(kind, &folded)
    })
}

/// The same of an alternate id.
pub(crate) fn alternate_id(kind: &str, id: &str) -> [u8; 20] {
    claim_folded(Kind::AlternateId, [id, kind])
}

/// The part of a by_key key before the profile, of a [`claim`].
pub(crate) fn claimed(no: AccountNo, kind: Kind, claim: &[u8; 20]) -> [u8; CLAIMED] {
    join([&kind_prefix(no, kind), claim])
}

/// What is known of a by_key key when some parts of its value are.
pub(crate) struct Pattern {
    bytes: [u8; CLAIMED],
    known: [bool; CLAIMED],
}

impl Pattern {
    /// Of parts that are known or not, in their order.
    pub(crate) fn new(no: AccountNo, kind: Kind, parts: &[Option<&str>]) -> Self {
        let given: Vec<&str> = parts.iter().map(|part| part.unwrap_or_default()).collect();
        let mut known = [true; CLAIMED];
        let mut at = kind_prefix(no, kind).len();
        for (width, part) in kind.widths().iter().zip(parts) {
            known.iter_mut().skip(at).take(*width).for_each(|known| *known = part.is_some());
            at += width;
        }
        Self { bytes: claimed(no, kind, &claim(kind, &given)), known }
    }

    /// What every key that fits begins with.
    pub(crate) fn prefix(&self) -> &[u8] {
        let length = self.known.iter().take_while(|known| **known).count();
        self.bytes.get(..length).unwrap_or_default()
    }

    /// Whether a key has all that is known.
    pub(crate) fn fits(&self, key: &[u8]) -> bool {
        key.iter().zip(&self.bytes).zip(&self.known).all(|((key, byte), known)| !known || key == byte)
    }
}

/// An index key that was made for profile 0, for this one: the profile stands last.
pub(crate) fn numbered<const N: usize>(mut key: [u8; N], id: ProfileId) -> [u8; N] {
    if let Some(last) = key.last_chunk_mut() {
        *last = id.0.to_be_bytes();
    }
    key
}

/// Account, profile, kind: the prefix of one history of a profile.
pub(crate) fn history_kind(no: AccountNo, id: ProfileId, kind: u8) -> [u8; 13] {
    join([&profile(no, id), &[kind]])
}

/// Account, profile, kind, moment, sequence: history.
pub(crate) fn history(no: AccountNo, id: ProfileId, kind: u8, at: Moment, sequence: u32) -> [u8; 25] {
    join([&history_kind(no, id, kind), &ordered(at), &sequence.to_be_bytes()])
}

/// The kind, moment and sequence of a history key.
pub(crate) fn history_of(key: &[u8]) -> Result<(u8, Moment, u32), StoreError> {
    let (kind, rest) = key.get(12..25).and_then(<[u8]>::split_first).ok_or_else(|| misshapen(key))?;
    let (at, sequence) = rest.split_at_checked(8).ok_or_else(|| misshapen(key))?;
    let at = moment_of(&[&[0; 4], at].concat())?;
    let sequence = sequence.first_chunk().ok_or_else(|| misshapen(key))?;
    Ok((*kind, at, u32::from_be_bytes(*sequence)))
}

/// Account, sequence: audit.
pub(crate) fn audit(no: AccountNo, sequence: u64) -> [u8; 12] {
    join([&account(no), &sequence.to_be_bytes()])
}

/// The account and sequence of such a key.
pub(crate) fn audit_of(key: &[u8]) -> Result<(AccountNo, u64), StoreError> {
    match key.len() {
        12 => Ok((account_of(key)?, number_at(key, 4)?)),
        _ => Err(misshapen(key)),
    }
}

/// meta: the prefix of the heads of the audit trails.
pub(crate) const AUDIT_HEADS: &[u8] = b"audit head ";

/// meta: the head of an account's audit trail.
pub(crate) fn audit_head(no: AccountNo) -> Vec<u8> {
    [AUDIT_HEADS, &account(no)].concat()
}

/// The account of such a key; `None` for one of another shape.
pub(crate) fn audit_head_of(key: &[u8]) -> Option<AccountNo> {
    key.strip_prefix(AUDIT_HEADS)?.try_into().ok().map(|no| AccountNo(u32::from_be_bytes(no)))
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
    /// access: the prefix of all sealed secrets.
    pub(crate) const SECRETS: &[u8] = &[2];
    /// access: the secrets of one owner, who may be called anything.
    pub(crate) fn secrets(no: AccountNo, purpose: u8, owner: &str) -> Vec<u8> {
        [SECRETS, &account(no), &[purpose], &Sha256::digest(owner)].concat()
    }
    /// access: the prefix of all assertions that were used.
    pub(crate) const ASSERTIONS: &[u8] = &[3];
    /// access: a used assertion, by a hash of its client and its `jti`.
    pub(crate) fn assertion(hash: &[u8; 32]) -> Vec<u8> {
        [ASSERTIONS, hash].concat()
    }
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
    /// exports: the prefix of all callbacks that wait.
    pub(crate) const CALLBACKS: &[u8] = &[2];
    /// exports: a callback that waits, by its id.
    pub(crate) fn callback(no: AccountNo, id: &[u8; 16]) -> Vec<u8> {
        [CALLBACKS, &account(no), id].concat()
    }
    /// exports: the record of a job.
    pub(crate) fn export(no: AccountNo, token: AccessToken) -> Vec<u8> {
        [EXPORTS, &account(no), &token.0.to_be_bytes()].concat()
    }
    /// The account and token of such a key, or of an import's.
    pub(crate) fn job_of(key: &[u8]) -> Result<(AccountNo, AccessToken), StoreError> {
        Ok((account_of(key.get(1..).unwrap_or_default())?, AccessToken(number_at(key, 5)?)))
    }
    /// imports: the prefix of all records.
    pub(crate) const IMPORTS: &[u8] = &[0];
    /// imports: what of an import is kept, beside its record. The number is part of the key.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    #[repr(u8)]
    pub(crate) enum OfImport {
        /// The record of a stage call, by the sequence number of its first record.
        Chunk = 1,
        /// An exception, by its place among them.
        Exception = 2,
        /// The chunk that was staged under an idempotency key.
        Key = 3,
    }
    impl OfImport {
        pub(crate) const ALL: [Self; 3] = [Self::Chunk, Self::Exception, Self::Key];
    }
    /// imports: the record of an import.
    pub(crate) fn import(no: AccountNo, token: AccessToken) -> Vec<u8> {
        [IMPORTS, &account(no), &token.0.to_be_bytes()].concat()
    }
    /// imports: the prefix of everything of a kind of an import.
    pub(crate) fn of_import(kind: OfImport, no: AccountNo, token: AccessToken) -> Vec<u8> {
        [&[kind as u8][..], &account(no), &token.0.to_be_bytes()].concat()
    }
    /// imports: one of them by its number.
    pub(crate) fn numbered_of_import(kind: OfImport, no: AccountNo, token: AccessToken, number: u64) -> Vec<u8> {
        [&of_import(kind, no, token)[..], &number.to_be_bytes()].concat()
    }
    /// imports: the chunk of an idempotency key.
    pub(crate) fn import_key(no: AccountNo, token: AccessToken, key: &[u8]) -> Vec<u8> {
        [&of_import(OfImport::Key, no, token)[..], &Sha256::digest(key)].concat()
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
    use sayso_model::id::fold;

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
        fn history_is_in_the_order_of_profile_then_kind_then_time(a: (u64, u8, i64, u32), b: (u64, u8, i64, u32)) {
            let key = |(id, kind, at, n): (u64, u8, i64, u32)| history(AccountNo(1), ProfileId(id), kind, Moment(at), n);
            prop_assert_eq!(key(a).cmp(&key(b)), a.cmp(&b));
            prop_assert_eq!(history_of(&key(a)).unwrap(), (a.1, Moment(a.2), a.3));
            prop_assert!(key(a).starts_with(&history_kind(AccountNo(1), ProfileId(a.0), a.1)));
        }

        #[test]
        fn a_value_is_found_by_whichever_of_its_parts_are_known(parts: [String; 4], asked: [bool; 4], id: u64) {
            let no = AccountNo(7);
            let texts = parts.each_ref().map(String::as_str);
            for kind in [Kind::Email, Kind::Name, Kind::Address] {
                let key = value(no, kind, &claim(kind, &texts), ProfileId(id));
                let known: Vec<_> = texts.iter().zip(asked).map(|(text, asked)| asked.then_some(*text)).collect();
                let pattern = Pattern::new(no, kind, &known);
                prop_assert!(pattern.fits(&key) && key.starts_with(pattern.prefix()));
                let other = value(no, kind, &claim(kind, &["another"; 4]), ProfileId(id));
                let differs = known.iter().take(kind.widths().len()).flatten().any(|text| *text != "another");
                prop_assert_eq!(pattern.fits(&other), !differs);
                prop_assert_eq!(last_profile_of(&key).unwrap(), ProfileId(id));
                prop_assert_eq!(numbered(value(no, kind, &claim(kind, &texts), ProfileId(0)), ProfileId(id)), key);
                prop_assert_eq!(claim_folded(kind, texts), claim(kind, &texts.map(fold).each_ref().map(String::as_str)));
                prop_assert!(key.starts_with(&claimed(no, kind, &claim(kind, &texts))));
            }
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
