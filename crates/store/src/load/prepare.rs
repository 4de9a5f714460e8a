//! The model's work for new profiles, without a transaction and on any thread: everything about a profile but its number, which is
//! given when it is put. What a chunk of profiles needs is kept in a few long buffers.

use std::ops::Range;

use sayso_model::{
    change::{self, Kept, Manner},
    facts::{self, ProfileTerms},
    id::{Author, ProfileId},
    input::ProfileInput,
    moment::Moment,
    reading,
    refusal::Refusal,
    render,
};

use crate::{StoreError, account::Account, index, row, terms::Dictionary};

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
    pub(super) buffers: Buffers,
}

/// What the profiles of a chunk are made of, one behind the other. They are put by another thread than the one that prepares them: what
/// each had for itself would be given back there, for which both threads pay.
#[derive(Default)]
pub(super) struct Buffers {
    /// Rows and facts.
    pub bytes: Vec<u8>,
    pub keys: Vec<[u8; 33]>,
    pub expiries: Vec<[u8; 20]>,
    pub claims: Vec<Claim>,
    /// What is claimed.
    pub texts: String,
}

impl Buffers {
    /// Empties them.
    pub(super) fn clear(&mut self) {
        let Self { bytes, keys, expiries, claims, texts } = self;
        bytes.clear();
        keys.clear();
        expiries.clear();
        claims.clear();
        texts.clear();
    }
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
        let of = |p: &Profile| self.buffers.claims.get(p.claims.clone()).unwrap_or_default();
        self.profiles.iter().map(move |profile| profile.iter().flat_map(of).map(|claim| claim.hash).collect())
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
    pub claims: Range<usize>,
}

/// Encoded facts.
pub(super) enum Facts {
    Ready(Range<usize>),
    /// Some of its terms have no id yet.
    NewTerms(Box<(Kept, render::Row, ProfileTerms)>),
}

/// An alternate id that a profile claims.
pub(crate) struct Claim {
    /// What of its index entry stands between account and profile.
    pub hash: [u8; 20],
    /// Its type and itself, among the texts.
    pub kind: Range<usize>,
    pub id: Range<usize>,
    /// Which of the profile's it is, and of the input's, to say where a refused one stands: a new profile has all that were sent, in their order.
    pub place: usize,
}

/// Prepares a chunk; the buffers are empty, new or used before.
pub(super) fn chunk(
    inputs: impl IntoIterator<Item = ProfileInput>,
    basis: &Basis,
    mut buffers: Buffers,
) -> Result<Prepared, StoreError> {
    let inputs = inputs.into_iter();
    let expected = inputs.size_hint().1.unwrap_or(0);
    let mut profiles = Vec::with_capacity(expected);
    buffers.keys.reserve(expected * 8);
    buffers.expiries.reserve(expected * 3);
    for input in inputs {
        let (config, author, stamp) = (&basis.account.config, &basis.author, basis.stamp);
        let made = match &basis.import {
            None => change::create(&input, ProfileId(0), config, author, stamp),
            Some(Import { manner, created }) => {
                change::import_new(&input, ProfileId(0), manner, config, author, stamp, *created)
            }
        };
        profiles.push(match made {
            Ok(kept) => Ok(one(kept, basis, &mut buffers)?),
            Err(refusal) => Err(refusal),
        });
    }
    Ok(Prepared { stamp: basis.stamp, version: basis.account.version, profiles, buffers })
}

fn one(kept: Kept, basis: &Basis, buffers: &mut Buffers) -> Result<Profile, StoreError> {
    let Basis { account, stamp, .. } = basis;
    let rendered = render::render(&kept.profile);
    let next_expiry = reading::next_expiry(&kept.profile, *stamp);
    let start = buffers.bytes.len();
    row::encode_unsummed(ProfileId(0), &rendered, &kept.extras, *stamp, next_expiry, &mut buffers.bytes)?;
    let row = start..buffers.bytes.len();

    let start = buffers.claims.len();
    let alternate_ids = index::alternate_ids(&kept.profile).zip(&kept.profile.alternate_ids);
    for (place, (hash, a)) in alternate_ids.enumerate() {
        let [kind, id] = [&a.alternate_id_type, &a.alternate_id].map(|text| {
            let start = buffers.texts.len();
            buffers.texts.push_str(text);
            start..buffers.texts.len()
        });
        buffers.claims.push(Claim { hash, kind, id, place });
    }
    let claims = start..buffers.claims.len();

    let hashes = buffers.claims.get(claims.clone()).unwrap_or_default().iter().map(|claim| claim.hash);
    let keys = extend(&mut buffers.keys, index::keys_with(account.no, &kept.profile, hashes));
    let expiries = extend(&mut buffers.expiries, index::expiries(account.no, &kept.profile));

    let terms = facts::terms(&kept, &account.config);
    let facts = match basis.dictionary.ids(&terms) {
        Some(ids) => {
            let start = buffers.bytes.len();
            facts::encode(&kept, &terms, &rendered, next_expiry, &ids, &mut buffers.bytes);
            Facts::Ready(start..buffers.bytes.len())
        }
        None => Facts::NewTerms(Box::new((kept, rendered, terms))),
    };
    Ok(Profile { row, facts, keys, expiries, claims })
}

fn extend<T>(all: &mut Vec<T>, more: impl IntoIterator<Item = T>) -> Range<usize> {
    let start = all.len();
    all.extend(more);
    start..all.len()
}
