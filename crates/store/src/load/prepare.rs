//! The model's work for new profiles, without a transaction and on any thread: everything about a profile but its number, which is
//! given when it is put. What a chunk of profiles needs is kept in a few long buffers.

use std::ops::Range;

use sayso_model::{
    change::{self, Kept, Manner},
    facts::{self, ProfileTerms},
    id::{Author, ProfileId},
    input::{AlternateIdInput, ProfileInput},
    moment::Moment,
    reading,
    refusal::Refusal,
    render,
};

use crate::{
    StoreError,
    account::Account,
    index::{self, Entries},
    row,
    terms::Dictionary,
};

/// By what profiles are prepared.
#[derive(Clone)]
pub(super) struct Basis {
    pub account: Account,
    pub author: Author,
    /// May lack terms; what they are called is then kept until their ids are given.
    pub dictionary: Dictionary,
    /// The moment of the change.
    pub stamp: Moment,
    /// The import that they are records of.
    pub import: Option<Import>,
}

/// What an import has to say of its new profiles.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Import {
    pub manner: Manner,
    /// The create date of all of them.
    pub created: Moment,
}

/// Profiles on which all work is done that needs no transaction, in the order of their inputs.
pub struct Prepared {
    pub(super) stamp: Moment,
    /// The version of the configuration they were made by.
    pub(super) version: u64,
    pub(super) profiles: Vec<Result<Profile, Refusal>>,
    pub(super) bytes: Vec<u8>,
    pub(super) keys: Vec<[u8; 33]>,
    pub(super) expiries: Vec<[u8; 20]>,
}

impl Prepared {
    /// How many profiles, refused ones among them.
    pub fn len(&self) -> usize {
        self.profiles.len()
    }
    /// The moment of the change, and the version of the configuration that it was made by.
    pub(crate) fn basis(&self) -> (Moment, u64) {
        (self.stamp, self.version)
    }
    /// For each profile the hashes of the alternate ids that it claims; a refused one claims none.
    pub(crate) fn claims(&self) -> impl Iterator<Item = Vec<[u8; 20]>> {
        self.profiles.iter().map(|profile| profile.iter().flat_map(|p| &p.claims).map(|claim| claim.hash).collect())
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.profiles.is_empty()
    }
}

/// A profile without its number; the ranges are those of the buffers of its [`Prepared`].
pub(super) struct Profile {
    pub row: Range<usize>,
    pub facts: Facts,
    pub keys: Range<usize>,
    pub expiries: Range<usize>,
    pub claims: Vec<Claim>,
    /// Needed to say where a refused alternate id stands.
    pub asked: Vec<AlternateIdInput>,
}

/// Encoded facts.
pub(super) enum Facts {
    Ready(Range<usize>),
    /// Some of its terms have no id yet.
    NewTerms(Box<(Kept, render::Row, ProfileTerms)>),
}

/// An alternate id that a profile claims.
pub(super) struct Claim {
    /// What of its index entry stands between account and profile.
    pub hash: [u8; 20],
    pub kind: String,
    pub id: String,
}

/// Prepares a chunk; `bytes` is an empty buffer, new or used before.
pub(super) fn chunk(
    inputs: impl IntoIterator<Item = ProfileInput>,
    basis: &Basis,
    bytes: Vec<u8>,
) -> Result<Prepared, StoreError> {
    let inputs = inputs.into_iter();
    let expected = inputs.size_hint().1.unwrap_or(0);
    let mut prepared = Prepared {
        stamp: basis.stamp,
        version: basis.account.version,
        profiles: Vec::with_capacity(expected),
        bytes,
        keys: Vec::with_capacity(expected * 8),
        expiries: Vec::with_capacity(expected * 3),
    };
    for input in inputs {
        let (config, author, stamp) = (&basis.account.config, &basis.author, basis.stamp);
        let made = match &basis.import {
            None => change::create(&input, ProfileId(0), config, author, stamp),
            Some(Import { manner, created }) => {
                change::import_new(&input, ProfileId(0), manner, config, author, stamp, *created)
            }
        };
        let profile = match made {
            Ok(kept) => Ok(one(kept, input.alternate_ids.unwrap_or_default(), basis, &mut prepared)?),
            Err(refusal) => Err(refusal),
        };
        prepared.profiles.push(profile);
    }
    Ok(prepared)
}

fn one(kept: Kept, asked: Vec<AlternateIdInput>, basis: &Basis, buffers: &mut Prepared) -> Result<Profile, StoreError> {
    let Basis { account, stamp, .. } = basis;
    let rendered = render::render(&kept.profile);
    let next_expiry = reading::next_expiry(&kept.profile, *stamp);
    let start = buffers.bytes.len();
    row::encode_unsummed(ProfileId(0), &rendered, &kept.extras, *stamp, next_expiry, &mut buffers.bytes)?;
    let row = start..buffers.bytes.len();

    let hashes: Vec<_> = index::alternate_ids(&kept.profile).collect();
    let entries = Entries::with(account.no, &kept.profile, hashes.iter().copied(), *stamp);
    let keys = extend(&mut buffers.keys, entries.keys);
    let expiries = extend(&mut buffers.expiries, entries.expiries);

    let terms = facts::terms(&kept, &account.config);
    let (facts, alternate_ids) = match basis.dictionary.ids(&terms) {
        Some(ids) => {
            let start = buffers.bytes.len();
            facts::encode(&kept, &terms, &rendered, next_expiry, &ids, &mut buffers.bytes);
            (Facts::Ready(start..buffers.bytes.len()), kept.profile.alternate_ids)
        }
        None => {
            let alternate_ids = kept.profile.alternate_ids.clone();
            (Facts::NewTerms(Box::new((kept, rendered, terms))), alternate_ids)
        }
    };
    let claims = hashes.into_iter().zip(alternate_ids);
    let claims = claims.map(|(hash, a)| Claim { hash, kind: a.alternate_id_type, id: a.alternate_id }).collect();
    Ok(Profile { row, facts, keys, expiries, claims, asked })
}

fn extend<T>(all: &mut Vec<T>, more: Vec<T>) -> Range<usize> {
    let start = all.len();
    all.extend(more);
    start..all.len()
}
