//! Profile → wire JSON: members in profile.md's order, dates in UTC with milliseconds, absent strings `null`, empty lists
//! `[]`; and the cut list, so that an export leaves parts out by copying around them (house.md, Output settings).

mod cuts;
#[cfg(test)]
mod tests;
mod writer;

use crate::profile::{
    Address, AlternateId, Attribute, Consent, ConsentVersion, CustomFieldValue, CustomerName, EditInfo, Email, Group,
    Phone, Preference, Profile, Tag, Tombstone,
};

pub use cuts::{kept_ranges, length};
use writer::Writer;

/// Raised whenever the rendered bytes of an unchanged profile would differ from a former build's: rows with another version
/// are rendered anew when they are exported.
pub const RENDER_VERSION: u16 = 1;

/// Which optional part a cut removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Part {
    Preferences = 1,
    Consents = 2,
    CustomFields = 3,
}

/// One removable range of a row's JSON: bytes `start..end`, one adjacent comma included, so that what remains is JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Cut {
    pub part: Part,
    pub start: u32,
    pub end: u32,
}

/// A rendered row: the JSON and its cuts, sorted by start; a consent cut may lie inside a preference cut.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Row {
    pub json: Vec<u8>,
    pub cuts: Vec<Cut>,
}

/// Renders a profile with all its parts, as given: status and `Expired` stand as they are in `profile`.
///
/// The bytes equal what `serde_json` makes of the profile; written by hand because the cuts need the positions.
pub fn render(p: &Profile) -> Row {
    let mut w = Writer::new();
    w.raw("{\"ProfileId\":").number(p.profile_id.0);
    w.raw(",\"IsActive\":").bool(p.is_active);
    edited(&mut w, &p.edited);
    w.raw(",\"RegistrationConfirmed\":").bool(p.registration_confirmed);
    w.raw(",\"CustomerType\":").optional(&p.customer_type);
    w.raw(",\"PreserveConsents\":").bool(p.preserve_consents);
    w.raw(",\"PreservePreferences\":").bool(p.preserve_preferences);
    customer_name(&mut w, &p.customer_name);
    w.raw(",\"DefaultLocale\":").optional(&p.default_locale);
    consents(&mut w, &p.consents);
    w.cut(Part::Preferences, |w| w.raw(",\"ProfilePreferences\":").list(&p.profile_preferences, preference));
    w.raw(",\"AlternateIds\":").list(&p.alternate_ids, alternate_id);
    w.raw(",\"Addresses\":").list(&p.addresses, address);
    w.raw(",\"PhoneNumbers\":").list(&p.phone_numbers, phone);
    w.raw(",\"Emails\":").list(&p.emails, email);
    w.raw(",\"Groups\":").list(&p.groups, group);
    w.raw(",\"ProfileTags\":").list(&p.profile_tags, tag);
    w.cut(Part::CustomFields, |w| w.raw(",\"CustomFields\":").list(&p.custom_fields, custom_field));
    w.raw("}");
    w.row
}

/// Renders a deleted profile's row.
pub fn render_tombstone(t: &Tombstone) -> Vec<u8> {
    let mut w = Writer::new();
    w.raw("{\"ProfileId\":").number(t.profile_id.0);
    w.raw(",\"DeletedDate\":").moment(t.deleted_date);
    w.raw(",\"ReasonCode\":").optional(&t.reason_code);
    w.raw("}");
    w.row.json
}

fn edited<'p>(w: &mut Writer<'p>, e: &'p EditInfo) {
    if let Some((_, written)) = w.stamp.as_ref().filter(|(last, _)| std::ptr::eq(*last, e) || *last == e) {
        w.row.json.extend_from_within(written.clone());
        return;
    }
    let start = w.row.json.len();
    w.raw(",\"Edited\":{\"CreateDate\":").moment(e.create_date);
    w.raw(",\"CreateUserId\":").text(&e.create_user_id);
    w.raw(",\"CreateSourceId\":").optional(&e.create_source_id);
    w.raw(",\"LastModifiedDate\":").moment(e.last_modified_date);
    w.raw(",\"LastModifiedUserId\":").text(&e.last_modified_user_id);
    w.raw(",\"LastModifiedSourceId\":").optional(&e.last_modified_source_id);
    w.raw("}");
    w.stamp = Some((e, start..w.row.json.len()));
}

fn customer_name<'p>(w: &mut Writer<'p>, n: &'p CustomerName) {
    w.raw(",\"CustomerName\":{\"Prefix\":").optional(&n.prefix);
    w.raw(",\"FirstName\":").optional(&n.first_name);
    w.raw(",\"MiddleName\":").optional(&n.middle_name);
    w.raw(",\"LastName\":").optional(&n.last_name);
    w.raw(",\"Suffix\":").optional(&n.suffix);
    w.raw("}");
}

/// The `Consents` member of a profile or contact with the comma before it: it never stands first.
fn consents<'p>(w: &mut Writer<'p>, list: &'p [Consent]) {
    w.cut(Part::Consents, |w| w.raw(",\"Consents\":").list(list, consent));
}

fn consent<'p>(w: &mut Writer<'p>, c: &'p Consent) {
    w.raw("{\"ConsentType\":").text(&c.consent_type);
    w.raw(",\"ConsentVersion\":").text(&c.consent_version);
    w.raw(",\"Locale\":").text(&c.locale);
    w.raw(",\"ConsentStatus\":").number(u8::from(c.consent_status).into());
    w.raw(",\"ConsentDate\":").moment(c.consent_date);
    w.raw(",\"ExpirationDate\":");
    match c.expiration_date {
        Some(m) => w.moment(m),
        None => w.raw("null"),
    };
    w.raw(",\"Expired\":").bool(c.expired);
    edited(w, &c.edited);
    w.raw("}");
}

fn consent_version<'p>(w: &mut Writer<'p>, c: &'p ConsentVersion) {
    w.raw("{\"ConsentType\":").text(&c.consent_type);
    w.raw(",\"ConsentVersion\":").text(&c.consent_version);
    w.raw(",\"Locale\":").text(&c.locale);
    w.raw(",\"ConsentStatus\":").number(u8::from(c.consent_status).into());
    w.raw("}");
}

/// The first member of a contact, with the comma after it: the preferences are cut without touching what follows.
fn contact_preferences<'p>(w: &mut Writer<'p>, member: &str, list: &'p [Preference]) {
    w.cut(Part::Preferences, |w| w.raw(member).list(list, preference).raw(","));
}

fn preference<'p>(w: &mut Writer<'p>, p: &'p Preference) {
    w.raw("{\"ProgramId\":").text(&p.program_id);
    w.raw(",\"ChannelId\":\"").raw(p.channel_id.word()).raw("\"");
    w.cut(Part::Consents, |w| w.raw(",\"Consents\":").list(&p.consents, consent_version));
    w.raw(",\"MatchType\":\"").raw(p.match_type.word()).raw("\"");
    w.raw(",\"ReasonCode\":").optional(&p.reason_code);
    w.raw(",\"ExpirationDate\":");
    match p.expiration_date {
        Some(m) => w.moment(m),
        None => w.raw("\"\""),
    };
    w.raw(",\"PreferenceStatus\":\"").raw(p.preference_status.word()).raw("\"");
    w.raw(",\"LastModifiedDate\":").moment(p.last_modified_date);
    w.raw(",\"UserId\":").text(&p.user_id);
    w.raw(",\"SourceId\":").optional(&p.source_id);
    w.raw(",\"FilterId\":").text(&p.filter_id);
    w.raw(",\"PreferenceType\":").number(u8::from(p.preference_type).into());
    w.raw(",\"FrequencyId\":").optional(&p.frequency_id);
    w.raw(",\"PreferenceAttributes\":").list(&p.preference_attributes, attribute);
    w.raw(",\"CustomerDate\":").moment(p.customer_date);
    w.raw("}");
}

fn attribute<'p>(w: &mut Writer<'p>, a: &'p Attribute) {
    w.raw("{\"Key\":").text(&a.key);
    w.raw(",\"Value\":").optional(&a.value).raw("}");
}

fn alternate_id<'p>(w: &mut Writer<'p>, a: &'p AlternateId) {
    w.raw("{\"AlternateIdType\":").text(&a.alternate_id_type);
    w.raw(",\"AlternateId\":").text(&a.alternate_id);
    w.raw(",\"IsActive\":").bool(a.is_active);
    edited(w, &a.edited);
    w.raw("}");
}

fn address<'p>(w: &mut Writer<'p>, a: &'p Address) {
    w.raw("{");
    contact_preferences(w, "\"AddressPreferences\":", &a.preferences);
    w.raw("\"AddressType\":").text(&a.address_type);
    w.raw(",\"IsDefault\":").bool(a.is_default);
    w.raw(",\"Address1\":").text(&a.address1);
    w.raw(",\"Address2\":").optional(&a.address2);
    w.raw(",\"City\":").text(&a.city);
    w.raw(",\"StateProvince\":").text(&a.state_province);
    w.raw(",\"PostalCode\":").text(&a.postal_code);
    w.raw(",\"CountryCode_Alpha2\":").optional(&a.country_code_alpha2);
    w.raw(",\"CountryCode_Alpha3\":").optional(&a.country_code_alpha3);
    w.raw(",\"CountryCode_Numeric\":").optional(&a.country_code_numeric);
    w.raw(",\"Country\":").optional(&a.country);
    w.raw(",\"IsActive\":").bool(a.is_active);
    edited(w, &a.edited);
    consents(w, &a.consents);
    w.raw("}");
}

fn phone<'p>(w: &mut Writer<'p>, p: &'p Phone) {
    w.raw("{");
    contact_preferences(w, "\"PhoneNumberPreferences\":", &p.preferences);
    w.raw("\"PhoneType\":").text(&p.phone_type);
    w.raw(",\"PhoneNumber\":").text(&p.phone_number);
    w.raw(",\"PhoneNumberNumeric\":").text(&p.phone_number_numeric);
    w.raw(",\"IsMobile\":").bool(p.is_mobile);
    w.raw(",\"IsDefault\":").bool(p.is_default);
    w.raw(",\"IsActive\":").bool(p.is_active);
    edited(w, &p.edited);
    consents(w, &p.consents);
    w.raw("}");
}

fn email<'p>(w: &mut Writer<'p>, e: &'p Email) {
    w.raw("{");
    contact_preferences(w, "\"EmailPreferences\":", &e.preferences);
    w.raw("\"EmailAddressType\":").text(&e.email_address_type);
    w.raw(",\"EmailAddress\":").text(&e.email_address);
    w.raw(",\"IsDefault\":").bool(e.is_default);
    w.raw(",\"IsActive\":").bool(e.is_active);
    edited(w, &e.edited);
    consents(w, &e.consents);
    w.raw("}");
}

fn group<'p>(w: &mut Writer<'p>, g: &'p Group) {
    w.raw("{\"GroupType\":").text(&g.group_type);
    w.raw(",\"GroupName\":").text(&g.group_name);
    w.raw(",\"IsPrimary\":").bool(g.is_primary).raw("}");
}

fn tag<'p>(w: &mut Writer<'p>, t: &'p Tag) {
    w.raw("{\"Name\":").text(&t.name).raw("}");
}

fn custom_field<'p>(w: &mut Writer<'p>, f: &'p CustomFieldValue) {
    w.raw("{\"Name\":").text(&f.name);
    w.raw(",\"Value\":").optional(&f.value).raw("}");
}
