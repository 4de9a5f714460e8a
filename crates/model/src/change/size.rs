//! How large a profile may grow. Lists have no longest length of their own, and a partial update only ever adds to them: without
//! a bound a caller who means harm, or a loop that went wrong, makes a row that every export has to copy.
//!
//! Its contacts are counted, too: what the configuration implies is made for each of them whenever the profile is read, and that
//! is nowhere among its own bytes.

use crate::{
    change::Kept,
    profile::{Consent, ConsentStatus, Extras, Preference, PreferenceType, Profile},
    refusal::Refusal,
    render::render,
};

/// The most bytes that a profile may have as JSON, what is kept beside its row included: 1 MiB, as much as a call's body may have.
/// An ordinary row has about 2 KB.
pub const MAX_BYTES: usize = 1 << 20;

/// What withdrawals may have beyond that: nobody's opt-out is refused since so much was said before it.
const RESERVE: usize = 64 << 10;

/// By how much one such write may grow a profile in the reserve.
const A_LITTLE: usize = 16 << 10;

/// The most emails, phone numbers and addresses that a profile may have, together. One with an opt-out, or a consent that was denied or revoked,
/// doesn't count: a person's no may be the first thing that is heard of an address.
pub const MAX_CONTACTS: usize = 100;

/// So many elements can't reach the bound, whatever stands in them: the largest is the value of an attribute or custom field,
/// 4,000 characters, each of at most six bytes (`\u0001`), with its name.
const FEW: usize = 40;

/// How large a profile is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Size {
    bytes: usize,
    contacts: usize,
}

/// How large a profile is before a write.
pub(super) fn of(kept: &Kept) -> Size {
    Size { bytes: bytes(kept), contacts: contacts(&kept.profile) }
}

/// Refuses a profile that is too large, after a write that found it so large before. One that takes something back may use the
/// reserve; one that is too large already may go on as long as it doesn't grow.
pub(super) fn check(kept: &Kept, before: Size, withdraws: bool) -> Result<(), Refusal> {
    let contacts = contacts(&kept.profile);
    if contacts > MAX_CONTACTS && contacts > before.contacts {
        let message = format!(
            "the profile would have {contacts} emails, phone numbers and addresses that aren't opted out of; at most \
             {MAX_CONTACTS} are kept: send fewer, or take some away first"
        );
        return Err(Refusal::invalid("", message));
    }
    let bytes = bytes(kept);
    let spared = withdraws && bytes <= MAX_BYTES + RESERVE && bytes <= before.bytes.saturating_add(A_LITTLE);
    if bytes <= MAX_BYTES.max(before.bytes) || spared {
        return Ok(());
    }
    let message =
        format!("the profile would have {bytes} bytes as JSON; at most {MAX_BYTES} are kept: send less of it");
    Err(Refusal::invalid("", message))
}

/// The contacts that count.
fn contacts(profile: &Profile) -> usize {
    let counts = |preferences: &[Preference], consents: &[Consent]| {
        preferences.iter().all(|p| p.preference_type != PreferenceType::OptOut)
            && consents.iter().all(|c| !matches!(c.consent_status, ConsentStatus::Denied | ConsentStatus::Revoked))
    };
    profile.emails.iter().filter(|c| counts(&c.preferences, &c.consents)).count()
        + profile.phone_numbers.iter().filter(|c| counts(&c.preferences, &c.consents)).count()
        + profile.addresses.iter().filter(|c| counts(&c.preferences, &c.consents)).count()
}

/// The bytes of a profile as JSON with what is kept beside it; 0 of one that is far from the bound. Rendering it to find out is left to
/// the few with long lists.
fn bytes(kept: &Kept) -> usize {
    if elements(kept) <= FEW {
        return 0;
    }
    let beside = &kept.extras;
    let is_empty = *beside == Extras::default();
    let beside = if is_empty { 0 } else { serde_json::to_vec(beside).map_or(usize::MAX, |json| json.len()) };
    render(&kept.profile).json.len().saturating_add(beside)
}

/// How many things the profile has in its lists, and in theirs.
fn elements(kept: &Kept) -> usize {
    let (p, beside) = (&kept.profile, &kept.extras);
    let preference = |p: &Preference| 1 + p.consents.len() + p.preference_attributes.len();
    let preferences = |list: &[Preference]| list.iter().map(preference).sum::<usize>();
    let flat = p.consents.len() + p.alternate_ids.len() + p.groups.len() + p.profile_tags.len() + p.custom_fields.len();
    flat + preferences(&p.profile_preferences)
        + p.emails.iter().map(|c| 1 + c.consents.len() + preferences(&c.preferences)).sum::<usize>()
        + p.phone_numbers.iter().map(|c| 1 + c.consents.len() + preferences(&c.preferences)).sum::<usize>()
        + p.addresses.iter().map(|c| 1 + c.consents.len() + preferences(&c.preferences)).sum::<usize>()
        + beside.archived.iter().chain(&beside.preserved_preferences).map(|(_, p)| 1 + preference(p)).sum::<usize>()
        + beside.preserved_consents.len() * 2
}
