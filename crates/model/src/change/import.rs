//! How an import writes (docs/import.md): as a partial update does, but that it may remove what it doesn't name, a kind at a time, and looks
//! at the versions of consents.

use super::{Changed, Kept, Mode, Part, Write, new, part, write};
use crate::{
    config::Config,
    id::{Author, ProfileId, fold},
    input::ProfileInput,
    moment::Moment,
    refusal::Refusal,
};

/// The kinds of things of which those that an input doesn't name are removed (docs/import.md, What changes).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs)]
pub struct Refresh {
    pub alternate_ids: bool,
    /// Emails, phones and addresses.
    pub contacts: bool,
    pub custom_fields: bool,
    pub groups: bool,
    pub tags: bool,
}

impl Refresh {
    pub(super) const ALL: Self =
        Self { alternate_ids: true, contacts: true, custom_fields: true, groups: true, tags: true };

    /// Whether anything is removed.
    pub fn is_any(self) -> bool {
        self != Self::default()
    }
}

/// How an import wants its records written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Manner {
    /// What is removed where a record doesn't name it.
    pub refresh: Refresh,
    /// Whether an opt-in may be tied to an older consent version than the profile has.
    pub allow_prior_consents: bool,
}

impl Manner {
    fn write<'a>(&self, mode: Mode, config: &'a Config, author: &'a Author, now: Moment) -> Write<'a> {
        let mut write = Write::new(mode, config, author, now);
        write.removes = self.refresh;
        write.refuses_prior = !self.allow_prior_consents;
        write
    }
}

/// As [`super::update`], in this manner.
///
/// # Errors
/// What the record is refused for.
pub fn import(
    current: Kept,
    input: &ProfileInput,
    manner: &Manner,
    config: &Config,
    author: &Author,
    now: Moment,
) -> Result<Changed, Refusal> {
    write(manner.write(Mode::Update, config, author, now), current, input)
}

/// As [`super::create`]; it counts as made at `created`, the one create date of all new profiles of an import.
///
/// # Errors
/// What the record is refused for.
pub fn import_new(
    input: &ProfileInput,
    id: ProfileId,
    manner: &Manner,
    config: &Config,
    author: &Author,
    now: Moment,
    created: Moment,
) -> Result<Kept, Refusal> {
    let mut write = manner.write(Mode::Create, config, author, now);
    write.created = created;
    new(write, id, input)
}

/// As [`super::update_part`], in this manner, which removes nothing then.
///
/// # Errors
/// What the record is refused for.
pub fn import_part(
    current: Kept,
    part: Part,
    input: &ProfileInput,
    manner: &Manner,
    config: &Config,
    author: &Author,
    now: Moment,
) -> Result<Changed, Refusal> {
    part::only(input, part)?;
    let manner = Manner { refresh: Refresh::default(), ..*manner };
    write(manner.write(Mode::Part, config, author, now), current, input)
}

/// Whether a record can be taken as far as it decides that itself: `current` is the profile that it matches as things stand. A consent that an
/// opt-in needs may still be given by a record before it, and whether a version is an older one isn't known before that either.
///
/// # Errors
/// What the record is refused for, whatever other records do.
pub fn check(
    current: Option<Kept>,
    input: &ProfileInput,
    manner: &Manner,
    config: &Config,
    author: &Author,
    now: Moment,
) -> Result<(), Refusal> {
    let mode = if current.is_some() { Mode::Update } else { Mode::Create };
    let mut w = manner.write(mode, config, author, now);
    w.refuses_prior = false;
    w.others_may_come = true;
    match current {
        Some(current) => write(w, current, input).map(drop),
        None => new(w, ProfileId(0), input).map(drop),
    }
}

/// Whether a version of a consent type stands before another in the type's list, which is in the order of their coming.
pub(super) fn is_older(config: &Config, consent_type: &str, version: &str, than: &str) -> bool {
    let Some(kind) = config.consent_type(consent_type) else { return false };
    let place = |name: &str| kind.versions.iter().position(|v| fold(&v.consent_version) == fold(name));
    place(version).zip(place(than)).is_some_and(|(version, than)| version < than)
}
