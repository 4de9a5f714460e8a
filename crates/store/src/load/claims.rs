//! Which alternate ids a load has given out that by_key doesn't have yet. An alternate id belongs to one profile of its type
//! (profile.md, Rules).

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use sayso_model::{
    id::{AccountNo, ProfileId},
    refusal::Refusal,
};

use super::prepare::{Claim, Profile};
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
pub(crate) struct Claims(HashMap<[u8; 20], ProfileId, BuildHasherDefault<FirstBytes>>);

impl Claims {
    /// How many.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether one of this hash was given out.
    pub(crate) fn has(&self, hash: &[u8; 20]) -> bool {
        self.0.contains_key(hash)
    }

    /// Forgets them: by_key has them now.
    pub(super) fn clear(&mut self) {
        self.0 = HashMap::default();
    }

    /// Claims the alternate ids of a new profile; the refusal, when one of them belongs to another. Then none is claimed.
    pub(super) fn claim(
        &mut self,
        tx: &Tx<'_>,
        no: AccountNo,
        profile: &Profile,
        id: ProfileId,
    ) -> Result<Option<Refusal>, StoreError> {
        for claim in &profile.claims {
            if let Some(owner) = self.owner(tx, no, claim)? {
                return Ok(Some(taken(place(&profile.asked, &claim.kind, &claim.id), &claim.kind, &claim.id, owner)));
            }
        }
        self.0.extend(profile.claims.iter().map(|claim| (claim.hash, id)));
        Ok(None)
    }

    fn owner(&self, tx: &Tx<'_>, no: AccountNo, claim: &Claim) -> Result<Option<ProfileId>, StoreError> {
        let wanted = || Wanted::of(&Key::AlternateId { kind: Some(claim.kind.clone()), id: claim.id.clone() });
        let (dbs, txn) = tx.read();
        if let Some(owner) = self.0.get(&claim.hash) {
            // Two values of one hash are nearly impossible; the row says whether it is the same one.
            let row = rows::get(dbs, txn, no, *owner)?;
            if let Some(row) = row
                && wanted().is_in(&row)?
            {
                return Ok(Some(*owner));
            }
        }
        let mut owner = None;
        if index::may_have(dbs, txn, &keys::claimed(no, Kind::AlternateId, &claim.hash))? {
            index::find(dbs, txn, no, &wanted(), &mut |profile| owner = Some(profile.profile_id))?;
        }
        Ok(owner)
    }
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
