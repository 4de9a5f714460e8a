//! What a person says of filters: on a contact, or as a whole.

use std::collections::HashSet;

use super::{
    HistoryKind, Mode, Path, Write, check,
    check::{Name, optional, required},
    contacts::{Contact, Merged},
    import, json,
    withdrawal::Said,
};
use crate::{
    config::{Filter, Program},
    id::{fold, same},
    input::{PreferenceInput, ProfileInput},
    moment::{Choice, parse_customer_date},
    profile::{
        Attribute, Channel, Consent, ConsentStatus, ConsentVersion, Extras, MatchType, Place, Preference,
        PreferenceStatus, PreferenceType, Profile,
    },
    refusal::{Refusal, shown},
};

/// The attribute that gives a preference its `ReasonCode`. It is reserved for that, and stays among the attributes, so that a
/// preference that is read and sent back keeps its reason.
const REASON_CODE: &str = "$Reason_Code";

/// The place that preferences are written to.
struct At<'a> {
    /// Where it is, in words.
    what: &'static str,
    key: Place,
    channels: &'static [Channel],
    takes_texts: bool,
    /// The contact's own consents; none for the profile.
    own: &'a [Consent],
    profile: &'a [Consent],
    archived: &'a [(Place, Preference)],
}

impl<'a> At<'a> {
    fn profile(consents: &'a [Consent], archived: &'a [(Place, Preference)]) -> Self {
        At {
            what: "ProfilePreferences",
            key: Place::Profile,
            channels: &[Channel::Solicit],
            takes_texts: false,
            own: &[],
            profile: consents,
            archived,
        }
    }

    /// A contact, and its preferences to be changed.
    fn contact<C: Contact>(
        contact: &'a mut C,
        profile: &'a [Consent],
        archived: &'a [(Place, Preference)],
    ) -> (Self, &'a mut Vec<Preference>) {
        let (key, takes_texts) = (contact.natural_key(), contact.takes_texts());
        let (own, list) = contact.consents_and_preferences();
        (At { what: C::PREFERENCES, key, channels: C::CHANNELS, takes_texts, own, profile, archived }, list)
    }

    /// The preference to a filter that was archived here before.
    fn archived(&self, filter: &Filter) -> Option<&'a Preference> {
        let here = |(place, p): &&(Place, Preference)| *place == self.key && p.filter_id == filter.id;
        self.archived.iter().find(here).map(|(_, p)| p)
    }

    /// The consent of a type that counts here, and whose it is: the contact's own, else the person's.
    fn consent(&self, consent_type: &str) -> Option<(&'a Consent, &Place)> {
        let of = |list: &'a [Consent]| list.iter().find(|c| same(&c.consent_type, consent_type));
        of(self.own).map(|c| (c, &self.key)).or_else(|| of(self.profile).map(|c| (c, &Place::Profile)))
    }
}

/// Writes `ProfilePreferences`.
pub(super) fn of_profile(
    w: &mut Write<'_>,
    profile: &mut Profile,
    extras: &Extras,
    input: &ProfileInput,
    said: &mut Said,
) -> Result<(), Refusal> {
    let at = At::profile(&profile.consents, &extras.archived);
    let input = input.profile_preferences.as_deref().unwrap_or_default();
    write(w, &Path::Root.member("ProfilePreferences"), &at, &mut profile.profile_preferences, input, said)
}

/// Writes the preferences of contacts.
pub(super) fn of_contacts<C: Contact>(
    w: &mut Write<'_>,
    list: &mut [C],
    inputs: &[C::Input],
    merged: &Merged,
    profile_consents: &[Consent],
    archived: &[(Place, Preference)],
    said: &mut Said,
) -> Result<(), Refusal> {
    let path = Path::Root.member(C::LIST);
    for (i, (input, &at)) in inputs.iter().zip(&merged.places).enumerate() {
        let preferences = C::input_preferences(input);
        if preferences.is_empty() {
            continue;
        }
        let (at, list) = At::contact(&mut list[at], profile_consents, archived);
        let path = path.item(i);
        write(w, &path.member(C::PREFERENCES), &at, list, preferences, said)?;
    }
    Ok(())
}

/// Removes from `ProfilePreferences` what a replacing write doesn't say.
pub(super) fn remove_of_profile(
    w: &mut Write<'_>,
    profile: &mut Profile,
    extras: &Extras,
    input: &ProfileInput,
) -> Result<(), Refusal> {
    let at = At::profile(&profile.consents, &extras.archived);
    let input = input.profile_preferences.as_deref().unwrap_or_default();
    remove_unsent(w, &Path::Root.member("ProfilePreferences"), &at, &mut profile.profile_preferences, input)
}

/// The same for contacts. One that has just come back with its preferences keeps them.
pub(super) fn remove_of_contacts<C: Contact>(
    w: &mut Write<'_>,
    list: &mut [C],
    inputs: &[C::Input],
    merged: &Merged,
    archived: &[(Place, Preference)],
) -> Result<(), Refusal> {
    let path = Path::Root.member(C::LIST);
    for (i, (input, &at)) in inputs.iter().zip(&merged.places).enumerate() {
        if !merged.returned.contains(&at) {
            let (at, list) = At::contact(&mut list[at], &[], archived);
            let path = path.item(i);
            remove_unsent(w, &path.member(C::PREFERENCES), &at, list, C::input_preferences(input))?;
        }
    }
    Ok(())
}

fn remove_unsent(
    w: &mut Write<'_>,
    path: &Path<'_>,
    at: &At<'_>,
    list: &mut Vec<Preference>,
    input: &[PreferenceInput],
) -> Result<(), Refusal> {
    if list.is_empty() {
        return Ok(());
    }
    let mut sent = HashSet::with_capacity(input.len());
    for (i, input) in input.iter().enumerate() {
        let path = path.item(i);
        let (program, filter) = filter(w, &path, at, input)?;
        let new = preference(w, &path, program, filter, (current(w, at, list, filter), at.archived(filter)), input)?;
        // An implied one says nothing of its filter, so not that what was said meanwhile should go.
        if is_implied(input) || !is_echo(at, filter, input, &new) {
            sent.insert(fold(&filter.id));
        }
    }
    for old in list.extract_if(.., |old| !sent.contains(&fold(&old.filter_id))) {
        remember(w, &at.key, &old);
    }
    Ok(())
}

fn write(
    w: &mut Write<'_>,
    path: &Path<'_>,
    at: &At<'_>,
    list: &mut Vec<Preference>,
    input: &[PreferenceInput],
    said: &mut Said,
) -> Result<(), Refusal> {
    let mut written = Vec::with_capacity(input.len());
    for (i, input) in input.iter().enumerate() {
        let path = path.item(i);
        let (program, filter) = filter(w, &path, at, input)?;
        let new = preference(w, &path, program, filter, (current(w, at, list, filter), at.archived(filter)), input)?;
        if is_echo(at, filter, input, &new)
            || w.just_archived(&at.key, filter).is_some_and(|p| is_as_read(p, &new, input))
        {
            continue;
        }
        if filter.channel_id == Channel::Text && !at.takes_texts && !w.others_may_come {
            let message =
                format!("filter {} has the channel Text, which needs a phone with IsMobile true", shown(&filter.id));
            return Err(path.member("FilterId").invalid(message));
        }
        written.push((i, filter, new));
    }
    let current = list.iter().map(|p| Name(&p.filter_id));
    let found = check::matched(path, "filter", current, written.iter().map(|(i, filter, _)| (*i, Name(&filter.id))))?;
    list.reserve_exact(written.len());
    for ((i, filter, mut new), found) in written.into_iter().zip(found) {
        let path = path.item(i);
        let old = found.map(|at| &mut list[at]);
        if old.as_ref().is_some_and(|old| is_as_read(old, &new, &input[i])) {
            continue;
        }
        match new.preference_type {
            PreferenceType::OptIn => {
                // An opt-out agrees to no text, and a withdrawal mustn't be lost to the order of texts.
                if w.refuses_prior {
                    refuse_prior(w, &path, at, filter, &input[i])?;
                }
                // A new profile has nothing yet that could be withdrawn.
                if w.mode != Mode::Create {
                    said.opted_in(filter.required_consents.iter().filter_map(|c| at.consent(c)));
                }
                if !filter.is_active {
                    let message = format!("filter {} is switched off: it takes opt-outs only", shown(&filter.id));
                    return Err(path.member("FilterId").unknown(message));
                }
                new.consents = carried(w, &path, at, filter)?;
            }
            // An opt-out stands on no consent: it carries none, and withdraws what the former preference carried.
            PreferenceType::OptOut => {
                w.withdraws = true;
                // It may have been archived by this write: another consent that it needs was revoked in it.
                let former = old.as_deref().or_else(|| w.just_archived(&at.key, filter));
                let former = former.into_iter().flat_map(|old| &old.consents);
                said.opted_out(former.filter_map(|c| at.consent(&c.consent_type)), new.customer_date);
            }
        }
        match old {
            Some(old) => remember(w, &at.key, &std::mem::replace(old, new)),
            None => list.push(new),
        }
    }
    Ok(())
}

/// Keeps a former preference for history.
pub(super) fn remember(w: &mut Write<'_>, place: &Place, old: &Preference) {
    w.remember(HistoryKind::Preferences, || serde_json::json!({ "Place": place, "Preference": json(old) }));
}

/// The filter that the input names, which must be one that can hang here.
fn filter<'c>(
    w: &Write<'c>,
    path: &Path<'_>,
    at: &At<'_>,
    input: &PreferenceInput,
) -> Result<(&'c Program, &'c Filter), Refusal> {
    let member = path.member("FilterId");
    let id = required(&member, &input.filter_id, 50)?;
    let Some((program, filter)) = w.config.filter(id) else {
        return Err(member.unknown(format!("filter {} is not configured in this account", shown(id))));
    };
    if !at.channels.contains(&filter.channel_id) {
        let belongs = match filter.channel_id {
            Channel::Email => "EmailPreferences",
            Channel::Mail => "AddressPreferences",
            Channel::Phone | Channel::Text | Channel::Fax => "PhoneNumberPreferences",
            Channel::Solicit => "ProfilePreferences",
        };
        let channel = filter.channel_id.word();
        let message =
            format!("filter {} has the channel {channel}: it belongs to {belongs}, not to {}", shown(id), at.what);
        return Err(member.invalid(message));
    }
    Ok((program, filter))
}

/// The preference that an input to a filter may be read from: the one that is there, or that this write has just archived.
fn current<'p>(w: &'p Write<'_>, at: &At<'_>, list: &'p [Preference], filter: &Filter) -> Option<&'p Preference> {
    list.iter().find(|p| p.filter_id == filter.id).or_else(|| w.just_archived(&at.key, filter))
}

/// The preference of the input, checked, without the consents that it carries. Its `CustomerDate` is the one that is sent, else now. Where
/// a read preference is sent back with another type, its date is still that of the former one, and what the person says now would be
/// older than it is: then it is now, too. So it is in a replacing write (PUT, PATCH), and where `MatchType` stands, which only reads give;
/// and of an opt-out also where what was read had been archived, or was implied and had the date of the profile.
fn preference(
    w: &Write<'_>,
    path: &Path<'_>,
    program: &Program,
    filter: &Filter,
    (old, archived): (Option<&Preference>, Option<&Preference>),
    input: &PreferenceInput,
) -> Result<Preference, Refusal> {
    let Some(preference_type) = input.preference_type else {
        return Err(path.member("PreferenceType").invalid("is required: 1 (\"OptIn\") or 2 (\"OptOut\")"));
    };
    let (choice, days) = match preference_type {
        PreferenceType::OptIn => (Choice::In, filter.opt_in_expiration_in_days),
        PreferenceType::OptOut => (Choice::Out, filter.opt_out_expiration_in_days),
    };
    let mut customer_date = match &input.customer_date {
        None => w.now,
        Some(text) => {
            parse_customer_date(text, choice).map_err(|error| path.member("CustomerDate").invalid(error.to_string()))?
        }
    };
    let was_read = w.mode == Mode::Replace || input.match_type.0.is_some();
    let turned = |old: &Preference| old.customer_date == customer_date && old.preference_type != preference_type;
    let is_turned = match preference_type {
        _ if !is_archived(input) && was_read && old.is_some_and(turned) => true,
        PreferenceType::OptIn => false,
        PreferenceType::OptOut if is_archived(input) => archived.is_some_and(turned),
        PreferenceType::OptOut => is_implied(input) && customer_date == w.of_profile,
    };
    if is_turned {
        customer_date = w.now;
    }
    let preference_attributes = attributes(&path.member("PreferenceAttributes"), input)?;
    let reason = preference_attributes.iter().find(|a| a.key.eq_ignore_ascii_case(REASON_CODE));
    Ok(Preference {
        program_id: program.id.clone(),
        channel_id: filter.channel_id,
        consents: Vec::new(),
        match_type: MatchType::Expressed,
        reason_code: reason.and_then(|a| a.value.clone()),
        expiration_date: days.map(|days| customer_date.plus_days(days)),
        preference_status: PreferenceStatus::Active,
        last_modified_date: w.now,
        user_id: w.author.user_id.clone(),
        source_id: w.author.source_id.clone(),
        filter_id: filter.id.clone(),
        preference_type,
        frequency_id: frequency(&path.member("FrequencyId"), filter, old, input)?,
        preference_attributes,
        customer_date,
    })
}

fn frequency(
    path: &Path<'_>,
    filter: &Filter,
    old: Option<&Preference>,
    input: &PreferenceInput,
) -> Result<Option<String>, Refusal> {
    let Some(id) = input.frequency_id.as_deref().filter(|id| !id.is_empty()) else {
        return Ok(filter.default_frequency().map(|f| f.id.clone()));
    };
    check::within(path, id, 20)?;
    let had = old.and_then(|old| old.frequency_id.as_ref()).filter(|had| same(had, id));
    match filter.frequencies.iter().find(|f| same(&f.id, id)) {
        Some(f) => Ok(Some(f.id.clone())),
        // One that the filter has no more, sent back as it was read.
        None if had.is_some() => Ok(had.cloned()),
        None => Err(path.unknown(format!("filter {} has no frequency {}", shown(&filter.id), shown(id)))),
    }
}

fn attributes(path: &Path<'_>, input: &PreferenceInput) -> Result<Vec<Attribute>, Refusal> {
    let input = input.preference_attributes.as_deref().unwrap_or_default();
    let mut attributes = Vec::with_capacity(input.len());
    for (i, input) in input.iter().enumerate() {
        let item = path.item(i);
        attributes.push(Attribute {
            key: required(&item.member("Key"), &input.key, 100)?.to_owned(),
            value: optional(&item.member("Value"), &input.value, 4000)?,
        });
    }
    check::matched(path, "key", std::iter::empty(), attributes.iter().map(|a| Name(&a.key)).enumerate())?;
    Ok(attributes)
}

/// The consents that an opt-in to this filter carries. An opt-in without a required consent is refused: it would look like a
/// permission that the person has not given. One that was granted and has expired still counts, so that old data can be
/// loaded; the consent itself shows that it has expired.
fn carried(w: &Write<'_>, path: &Path<'_>, at: &At<'_>, filter: &Filter) -> Result<Vec<ConsentVersion>, Refusal> {
    let mut carried = Vec::with_capacity(filter.required_consents.len());
    for name in &filter.required_consents {
        match at.consent(name) {
            Some((c, _)) if c.consent_status == ConsentStatus::Granted => carried.push(ConsentVersion {
                consent_type: c.consent_type.clone(),
                consent_version: c.consent_version.clone(),
                locale: c.locale.clone(),
                consent_status: c.consent_status,
            }),
            _ if w.others_may_come => {}
            found => {
                let state = found.map_or("is not there", |(c, _)| match c.consent_status {
                    ConsentStatus::Denied => "is denied",
                    ConsentStatus::Revoked => "is revoked",
                    _ => "is not set",
                });
                return Err(path.invalid(format!(
                    "an opt-in to filter {} requires the consent {}, which {state}; send it as granted in the same call",
                    shown(&filter.id),
                    shown(name)
                )));
            }
        }
    }
    Ok(carried)
}

/// Refuses an opt-in that stands on an older version of a consent than the profile has (docs/import.md, AllowPriorConsents): a person who
/// agreed to a former text hasn't agreed to the present one.
fn refuse_prior(
    w: &Write<'_>,
    path: &Path<'_>,
    at: &At<'_>,
    filter: &Filter,
    input: &PreferenceInput,
) -> Result<(), Refusal> {
    let prior = "the profile has a later one; set AllowPriorConsents if it is to be taken all the same";
    let tied = path.member("Consents");
    for (i, (kind, version)) in input.consents.0.iter().enumerate() {
        if let Some((has, _)) = at.consent(kind)
            && import::is_older(w.config, kind, version, &has.consent_version)
        {
            let message =
                format!("the preference is tied to version {} of consent {}: {prior}", shown(version), shown(kind));
            return Err(tied.item(i).member("ConsentVersion").invalid(message));
        }
    }
    for kind in &filter.required_consents {
        if let Some((has, place)) = at.consent(kind)
            && w.set_back.contains(&(place.clone(), has.consent_type.clone()))
        {
            let version = shown(&has.consent_version);
            return Err(path.invalid(format!("is sent with version {version} of consent {}: {prior}", shown(kind))));
        }
    }
    Ok(())
}

/// Whether an input only repeats what was read and was never said by the person so: an implied preference, or an archived one. Taking
/// it for a new statement would make a permission of a default, over an opt-out that was said since it was read, or bring back one that
/// a rule has ended. So an opt-in marked as either says nothing. An opt-out that is marked as implied counts where it isn't the default
/// (then the caller changed it), one that is marked as archived where it isn't exactly the archived one.
fn is_echo(at: &At<'_>, filter: &Filter, input: &PreferenceInput, new: &Preference) -> bool {
    let is_opt_in = new.preference_type == PreferenceType::OptIn;
    let is_default = filter.default_preference.is_some_and(|d| PreferenceType::from(d) == new.preference_type);
    if is_implied(input) && (is_opt_in || is_default) {
        return true;
    }
    is_archived(input)
        && (is_opt_in
            || at.archived(filter).is_some_and(|old| {
                old.customer_date == new.customer_date && old.preference_type == new.preference_type
            }))
}

fn is_implied(input: &PreferenceInput) -> bool {
    input.match_type.is(MatchType::Implied.word())
}

fn is_archived(input: &PreferenceInput) -> bool {
    input.preference_status.is(PreferenceStatus::Archived.word())
}

/// Whether an input is a preference sent back as it was read: nothing new was said.
fn is_as_read(old: &Preference, new: &Preference, input: &PreferenceInput) -> bool {
    input.customer_date.is_some() && says_the_same(old, new, input)
}

fn says_the_same(old: &Preference, new: &Preference, input: &PreferenceInput) -> bool {
    // Where there was no default then, none was read; sent back, it doesn't ask for the one that is there now.
    let read_none = old.frequency_id.is_none() && input.frequency_id.as_deref().is_none_or(str::is_empty);
    old.preference_type == new.preference_type
        && old.customer_date == new.customer_date
        && (old.frequency_id == new.frequency_id || read_none)
        && old.preference_attributes == new.preference_attributes
}
