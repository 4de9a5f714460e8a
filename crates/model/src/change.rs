//! Every rule of a write (profile.md, Rules): (current profile, configuration, input) → new profile or refusal.
//!
//! A write goes through its parts in one order, whatever the order of the input: the person, the contacts, the consents, the
//! preferences, then what the opt-outs among them withdraw. So a consent and the opt-in that needs it can come in one call, and
//! the outcome doesn't depend on which of two preferences was named first.

mod activation;
mod archive;
mod check;
mod consents;
mod contacts;
mod country;
mod fields;
mod filter_consent;
mod import;
mod part;
mod patched;
mod path;
mod person;
mod preferences;
mod size;
#[cfg(test)]
mod tests;
mod untag;
mod withdrawal;

use std::{cell::OnceCell, collections::HashSet, sync::Arc};

use serde_json::Value;

use crate::{
    config::{Config, Filter},
    id::{Author, ProfileId},
    input::ProfileInput,
    moment::Moment,
    profile::{CustomerName, EditInfo, Extras, Place, Preference, Profile},
    reading,
    refusal::Refusal,
};
pub use activation::activate;
pub use archive::archive;
use contacts::Keeping;
pub use filter_consent::withdraw_consent;
pub use import::{Manner, Refresh, check, import, import_new, import_part};
pub use part::Part;
pub use patched::patched;
use path::Path;
pub use size::{MAX_BYTES, MAX_CONTACTS};
pub use untag::untag;

/// What happens to history beside the new row: one former value.
#[derive(Debug, Clone, PartialEq)]
pub struct Former {
    /// Which history it belongs to.
    pub kind: HistoryKind,
    /// The former value as wire JSON, with its place: `{"Place": …, "Preference": {…}}`, `{"Place": …, "Consent": {…}}`,
    /// `{"Emails": {…}}` (or another list's name) for a contact, `{"Name": …, "Value": …}` for a custom field, an object of the
    /// changed members for standard fields.
    pub value: Value,
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
    /// How many changes that were asked for a rule has declined: values of custom fields that their update rule keeps out.
    pub declined: usize,
}

/// A new profile with this id, stamped `now`; statuses as they read then.
pub fn create(
    input: &ProfileInput,
    id: ProfileId,
    config: &Config,
    author: &Author,
    now: Moment,
) -> Result<Kept, Refusal> {
    new(Write::new(Mode::Create, config, author, now), id, input)
}

fn new(mut write: Write<'_>, id: ProfileId, input: &ProfileInput) -> Result<Kept, Refusal> {
    let mut kept = Kept { profile: blank(id, write.stamp()), extras: Extras::default() };
    write.apply(&mut kept, input)?;
    size::check(&kept, size::Size::default(), false)?;
    Ok(kept)
}

/// Touches only what is sent; lists are matched by their natural key, added or changed, never removed (profile.md, POST update).
/// Statuses are as they read at `now`. What is sent just as it stands leaves its own stamps and history alone; the profile's
/// `Edited` moves with every write.
pub fn update(
    current: Kept,
    input: &ProfileInput,
    config: &Config,
    author: &Author,
    now: Moment,
) -> Result<Changed, Refusal> {
    write(Write::new(Mode::Update, config, author, now), current, input)
}

/// Makes the profile what is sent (profile.md, PUT): members left out go to their defaults, things left out are removed and go to
/// history. What is sent just as it stands keeps its stamps; what hangs on a removed contact follows `PreservePreferences` and
/// `PreserveConsents` as they are after the call. Custom fields left out are cleared where their update rule lets them be.
pub fn replace(
    current: Kept,
    input: &ProfileInput,
    config: &Config,
    author: &Author,
    now: Moment,
) -> Result<Changed, Refusal> {
    write(Write::new(Mode::Replace, config, author, now), current, input)
}

/// As [`update`], of preferences or consents alone: a member that is neither is refused, and so is a contact that the profile doesn't
/// have.
pub fn update_part(
    current: Kept,
    part: Part,
    input: &ProfileInput,
    config: &Config,
    author: &Author,
    now: Moment,
) -> Result<Changed, Refusal> {
    part::only(input, part)?;
    write(Write::new(Mode::Part, config, author, now), current, input)
}

fn write(mut write: Write<'_>, mut kept: Kept, input: &ProfileInput) -> Result<Changed, Refusal> {
    let before = size::of(&kept);
    write.touch(&mut kept.profile.edited);
    write.apply(&mut kept, input)?;
    size::check(&kept, before, write.withdraws)?;
    Ok(Changed { kept, former: write.former, declined: write.declined })
}

/// What becomes of what an input doesn't name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// A new profile: it has no history, and its custom fields no former value.
    Create,
    /// It stays.
    Update,
    /// It stays, and contacts are only named: they are there and don't change.
    Part,
    /// It is removed, or goes to its default.
    Replace,
}

/// One write under way.
struct Write<'a> {
    config: &'a Config,
    author: &'a Author,
    now: Moment,
    /// When new things count as made: now, but for the profiles of an import, which all have one date.
    created: Moment,
    /// When the profile was made: the date of what is implied on it.
    of_profile: Moment,
    mode: Mode,
    /// What is removed where the input doesn't name it.
    removes: Refresh,
    former: Vec<Former>,
    /// Changes that a rule has declined.
    declined: usize,
    /// The consents that this write gave a new value, by place and type: what becomes of that in the same write has never been.
    consented: HashSet<(Place, String)>,
    /// What this write has archived, as it was: the whole that is sent back holds it still, and doesn't say it anew by that.
    archived: Vec<(Place, Preference)>,
    /// Whether somebody takes something back by it: an opt-out, or a consent that isn't granted any more.
    withdraws: bool,
    /// Whether a preference that is tied to an older version of a consent than the profile has is refused.
    refuses_prior: bool,
    /// Whether another write may come before this one: then nothing is refused for want of what that may bring, as the consents that an opt-in
    /// needs, or that a phone takes texts.
    others_may_come: bool,
    /// The consents that this write sets back to an older version, by place and type.
    set_back: HashSet<(Place, String)>,
    /// [`Write::stamp`], once it was asked for.
    stamp: OnceCell<Arc<EditInfo>>,
}

impl<'a> Write<'a> {
    fn new(mode: Mode, config: &'a Config, author: &'a Author, now: Moment) -> Self {
        Write {
            config,
            author,
            now,
            created: now,
            of_profile: now,
            mode,
            removes: if mode == Mode::Replace { Refresh::ALL } else { Refresh::default() },
            former: Vec::new(),
            declined: 0,
            consented: HashSet::new(),
            archived: Vec::new(),
            withdraws: false,
            refuses_prior: false,
            others_may_come: false,
            set_back: HashSet::new(),
            stamp: OnceCell::new(),
        }
    }

    fn apply(&mut self, kept: &mut Kept, input: &ProfileInput) -> Result<(), Refusal> {
        let Kept { profile, extras } = kept;
        self.of_profile = profile.edited.create_date;
        person::fields(self, profile, input)?;
        person::alternate_ids(self, &mut profile.alternate_ids, input.alternate_ids.as_deref().unwrap_or_default())?;
        person::groups(self, &mut profile.groups, input.groups.as_deref().unwrap_or_default())?;
        person::tags(self, &mut profile.profile_tags, input.profile_tags.as_deref().unwrap_or_default())?;

        let emails = input.emails.as_deref().unwrap_or_default();
        let phones = input.phone_numbers.as_deref().unwrap_or_default();
        let addresses = input.addresses.as_deref().unwrap_or_default();
        let keeping = Keeping { preferences: profile.preserve_preferences, consents: profile.preserve_consents };
        let email_at = contacts::merge(self, &mut profile.emails, emails, extras, keeping)?;
        let phone_at = contacts::merge(self, &mut profile.phone_numbers, phones, extras, keeping)?;
        let address_at = contacts::merge(self, &mut profile.addresses, addresses, extras, keeping)?;
        withdrawal::archive_texts(self, &mut profile.phone_numbers, extras);

        if self.mode == Mode::Replace {
            // Before the consents: what isn't sent is no longer said, and so needs no archiving.
            preferences::remove_of_profile(self, profile, extras, input)?;
            let archived = &extras.archived;
            preferences::remove_of_contacts(self, &mut profile.emails, emails, &email_at, archived)?;
            preferences::remove_of_contacts(self, &mut profile.phone_numbers, phones, &phone_at, archived)?;
            preferences::remove_of_contacts(self, &mut profile.addresses, addresses, &address_at, archived)?;
        }

        let mut refused =
            consents::of_profile(self, &mut profile.consents, input.consents.as_deref().unwrap_or_default())?;
        consents::of_contacts(self, &mut profile.emails, emails, &email_at, &mut refused)?;
        consents::of_contacts(self, &mut profile.phone_numbers, phones, &phone_at, &mut refused)?;
        consents::of_contacts(self, &mut profile.addresses, addresses, &address_at, &mut refused)?;
        self.withdraws |= !refused.is_empty();
        withdrawal::archive_unconsented(self, profile, extras, &refused);
        withdrawal::archive_returned(self, &mut profile.emails, &email_at, &profile.consents, extras);
        withdrawal::archive_returned(self, &mut profile.phone_numbers, &phone_at, &profile.consents, extras);
        withdrawal::archive_returned(self, &mut profile.addresses, &address_at, &profile.consents, extras);

        let mut said = withdrawal::Said::default();
        preferences::of_profile(self, profile, extras, input, &mut said)?;
        let (consents, archived) = (&profile.consents, &extras.archived);
        preferences::of_contacts(self, &mut profile.emails, emails, &email_at, consents, archived, &mut said)?;
        preferences::of_contacts(self, &mut profile.phone_numbers, phones, &phone_at, consents, archived, &mut said)?;
        preferences::of_contacts(self, &mut profile.addresses, addresses, &address_at, consents, archived, &mut said)?;
        withdrawal::revoke(self, profile, extras, said);

        fields::write(self, &mut profile.custom_fields, input.custom_fields.as_deref().unwrap_or_default())?;
        reading::expire(profile, self.now);
        Ok(())
    }

    /// The preference to a filter that this write has archived at a place, as it was.
    fn just_archived(&self, place: &Place, filter: &Filter) -> Option<&Preference> {
        self.archived.iter().find(|(at, p)| at == place && p.filter_id == filter.id).map(|(_, p)| p)
    }

    /// Whether what is not sent stays as it is.
    fn keeps_unsent(&self) -> bool {
        matches!(self.mode, Mode::Update | Mode::Part)
    }

    /// The stamp of a thing made by this write.
    fn stamp(&self) -> Arc<EditInfo> {
        let stamp = self.stamp.get_or_init(|| {
            Arc::new(EditInfo {
                create_date: self.created,
                create_user_id: self.author.user_id.clone(),
                create_source_id: self.author.source_id.clone(),
                last_modified_date: self.now,
                last_modified_user_id: self.author.user_id.clone(),
                last_modified_source_id: self.author.source_id.clone(),
            })
        });
        Arc::clone(stamp)
    }

    /// Stamps a thing that this write changes.
    fn touch(&self, edited: &mut Arc<EditInfo>) {
        let edited = Arc::make_mut(edited);
        edited.last_modified_date = self.now;
        edited.last_modified_user_id.clone_from(&self.author.user_id);
        edited.last_modified_source_id.clone_from(&self.author.source_id);
    }

    /// Keeps a former value for history.
    fn remember(&mut self, kind: HistoryKind, value: impl FnOnce() -> Value) {
        if self.mode != Mode::Create {
            self.former.push(Former { kind, value: value() });
        }
    }
}

/// A value of ours as JSON.
fn json<T: serde::Serialize>(value: &T) -> Value {
    serde_json::to_value(value).expect("names are strings and numbers are whole")
}

fn blank(id: ProfileId, edited: Arc<EditInfo>) -> Profile {
    Profile {
        profile_id: id,
        is_active: true,
        edited,
        registration_confirmed: false,
        customer_type: None,
        preserve_consents: true,
        preserve_preferences: true,
        customer_name: CustomerName::default(),
        default_locale: None,
        consents: Vec::new(),
        profile_preferences: Vec::new(),
        alternate_ids: Vec::new(),
        addresses: Vec::new(),
        phone_numbers: Vec::new(),
        emails: Vec::new(),
        groups: Vec::new(),
        profile_tags: Vec::new(),
        custom_fields: Vec::new(),
    }
}
