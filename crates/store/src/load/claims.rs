//! Which alternate ids a load has given out that by_key doesn't have yet. An alternate id belongs to one profile of its type
//! (profile.md, Rules).

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{BuildHasherDefault, Hasher},
};

use sayso_model::{
    id::{AccountNo, ProfileId},
    refusal::Refusal,
};

use super::prepare::Claim;
use crate::{
    StoreError, index,
    keys::{self, Kind},
    profiles::Key,
    rows,
    tx::Tx,
    wanted::Wanted,
    write::{place, taken},
};

/// Hash of value and type → owner.
#[derive(Default)]
pub(crate) struct Claims {
    /// In as few bytes as will do: the more fit into memory, the fewer merges there are.
    short: HashMap<[u8; 8], u32, BuildHasherDefault<FirstBytes>>,
    /// By the whole hash, where another value was kept by the same short one, or the owner's number is a long one.
    whole: HashMap<[u8; 20], ProfileId>,
}

impl Claims {
    /// How many.
    pub(super) fn len(&self) -> usize {
        self.short.len() + self.whole.len()
    }

    /// Whether one of this hash was given out, or of another one that is like it in short.
    pub(crate) fn has(&self, hash: &[u8; 20]) -> bool {
        self.short.contains_key(&short(hash)) || self.whole.contains_key(hash)
    }

    /// Forgets them: by_key has them now.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Claims the alternate ids of a new profile, whose ranges are those of `texts`; the refusal, when one of them belongs to another. Then
    /// none is claimed.
    pub(crate) fn claim(
        &mut self,
        tx: &Tx<'_>,
        no: AccountNo,
        claims: &[Claim],
        texts: &str,
        id: ProfileId,
    ) -> Result<Option<Refusal>, StoreError> {
        for claim in claims {
            let [kind, id] = [&claim.kind, &claim.id].map(|at| texts.get(at.clone()).unwrap_or_default());
            if let Some(owner) = self.owner(tx, no, &claim.hash, kind, id)? {
                return Ok(Some(taken(place(claim.place), kind, id, owner)));
            }
        }
        for claim in claims {
            match (self.short.entry(short(&claim.hash)), u32::try_from(id.0)) {
                (Entry::Vacant(free), Ok(number)) => _ = free.insert(number),
                _ => _ = self.whole.insert(claim.hash, id),
            }
        }
        Ok(None)
    }

    fn owner(
        &self,
        tx: &Tx<'_>,
        no: AccountNo,
        hash: &[u8; 20],
        kind: &str,
        id: &str,
    ) -> Result<Option<ProfileId>, StoreError> {
        let wanted = || Wanted::of(&Key::AlternateId { kind: Some(kind.to_owned()), id: id.to_owned() });
        let (dbs, txn) = tx.read();
        let in_short = self.short.get(&short(hash)).map(|number| ProfileId(u64::from(*number)));
        for owner in in_short.into_iter().chain(self.whole.get(hash).copied()) {
            // Another value may have the same hash in short; the row says whether it is this one.
            let row = rows::get(dbs, txn, no, owner)?;
            if let Some(row) = row
                && wanted().is_in(&row)?
            {
                return Ok(Some(owner));
            }
        }
        let mut owner = None;
        if index::may_have(dbs, txn, &keys::claimed(no, Kind::AlternateId, hash))? {
            index::find(dbs, txn, no, &wanted(), &mut |profile| owner = Some(profile.profile_id))?;
        }
        Ok(owner)
    }
}

/// A hash in short: of the value, and of its type.
fn short(hash: &[u8; 20]) -> [u8; 8] {
    let value = hash.first_chunk().map_or(0, |first| u64::from_le_bytes(*first));
    let kind = hash.last_chunk().map_or(0, |last| u32::from_le_bytes(*last));
    (value ^ u64::from(kind)).to_le_bytes()
}

/// Keys that are hashes themselves need no other.
#[derive(Default)]
struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 ^= u64::from_le_bytes(*first);
        }
    }
}
