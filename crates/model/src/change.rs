//! Every rule of a write (profile.md, Rules): (current profile, configuration, input) → new profile or refusal.

use crate::{
    config::Config,
    id::{Author, ProfileId},
    input::ProfileInput,
    moment::Moment,
    profile::{Extras, Profile},
    refusal::Refusal,
};

/// What happens to history beside the new row: one former value.
#[derive(Debug, Clone, PartialEq)]
pub struct Former {
    /// Which history it belongs to.
    pub kind: HistoryKind,
    /// The former value as wire JSON, with its place.
    pub value: serde_json::Value,
}

/// The five histories (profile.md, Data API). The number is part of the store's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum HistoryKind {
    Preferences = 1,
    Consents = 2,
    CustomFields = 3,
    StandardFields = 4,
    Contacts = 5,
}

/// A profile as it stands in the store: the wire part and what is kept beside it.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Kept {
    pub profile: Profile,
    pub extras: Extras,
}

/// The outcome of a change.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Changed {
    pub kept: Kept,
    pub former: Vec<Former>,
}

/// A new profile with this id, stamped `now`.
pub fn create(
    _input: &ProfileInput,
    _id: ProfileId,
    _config: &Config,
    _author: &Author,
    _now: Moment,
) -> Result<Kept, Refusal> {
    todo!()
}

/// Touches only what is sent; lists are matched by their natural key, added or changed, never removed (profile.md, POST update).
pub fn update(
    _current: Kept,
    _input: &ProfileInput,
    _config: &Config,
    _author: &Author,
    _now: Moment,
) -> Result<Changed, Refusal> {
    todo!()
}
