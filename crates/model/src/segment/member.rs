//! The one table of what a profile can be compared by: for each member its element, its kind, how facts keep it, and where
//! it is found in the typed profile.

use std::{borrow::Cow, fmt};

use super::Condition;
use crate::{
    config::TypeKind,
    id::{fold, trimmed},
    moment::Moment,
    profile::{Address, AlternateId, Consent, Email, Group, Phone, Preference, Profile, Tag, Tombstone},
};

/// What has members: the profile itself, what remains of a deleted one, or one of the things in its lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Element {
    Profile,
    Deleted,
    Email,
    Phone,
    Address,
    AlternateId,
    Group,
    Tag,
    Preference,
    Consent,
}

/// What a member holds, which decides the operators it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    Text,
    /// Text that is the name of a configured type.
    Type(TypeKind),
    Flag,
    Number,
    Date,
}

/// How [`crate::facts`] keep a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// In the fixed part.
    Fixed,
    /// By value in the element's term: configured names and short closed sets.
    Value,
    /// By value where it is a code (states, countries, locales: short ASCII), else only that it is there.
    Code,
    /// By value where it reads like a word, not like an address or number of a person; else only that it is there. The
    /// dictionary outlives those who are deleted.
    Word,
    /// Only whether it is there: free text, dates, users.
    Presence,
    /// Not at all: it says nothing that another member doesn't, or isn't worth a bit.
    Absent,
}

/// A member of an element, one row of the table.
pub struct Member {
    /// Whose it is.
    pub element: Element,
    /// Its name within the element: `EmailAddress`, `CustomerName.LastName`.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// How facts keep it.
    pub fact: Fact,
    get: fn(Thing<'_>) -> Held<'_>,
}

/// One element of a profile.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub enum Thing<'a> {
    Profile(&'a Profile),
    Deleted(&'a Tombstone),
    Email(&'a Email),
    Phone(&'a Phone),
    Address(&'a Address),
    AlternateId(&'a AlternateId),
    Group(&'a Group),
    Tag(&'a Tag),
    Preference(&'a Preference),
    Consent(&'a Consent),
}

/// What a member holds in one element.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen<'a> {
    /// Nothing: every comparison is false.
    Absent,
    /// Folded text.
    Text(Cow<'a, str>),
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number(f64),
    /// An instant.
    Date(Moment),
    /// Something that can't be read as what its definition says: it exists, and no comparison with it is true.
    Unreadable,
}

impl<'a> Seen<'a> {
    /// Text as it is compared ([`fold`]); empty text is absent. Borrowed where it is folded already, as most is.
    pub fn text(text: &'a str) -> Seen<'a> {
        let text = trimmed(text);
        if text.is_empty() {
            Seen::Absent
        } else if text.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase()) {
            Seen::Text(text.into())
        } else {
            Seen::Text(fold(text).into())
        }
    }
}

/// What a member holds in one element, as it stands there.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Held<'a> {
    /// Nothing.
    Absent,
    /// Text as it was given; blank text is nothing.
    Text(&'a str),
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number(f64),
    /// An instant.
    Date(Moment),
}

fn optional(text: &Option<String>) -> Held<'_> {
    text.as_deref().map_or(Held::Absent, Held::Text)
}

macro_rules! members {
    ($($element:ident { $($name:literal: $kind:expr, $fact:ident, |$x:ident| $get:expr;)+ })+) => {
        /// Every member, element by element, in the order in which terms write them.
        static MEMBERS: &[Member] = &[$($(
            Member {
                element: Element::$element,
                name: $name,
                kind: $kind,
                fact: Fact::$fact,
                get: |thing| match thing { Thing::$element($x) => $get, _ => Held::Absent },
            },
        )+)+];
    };
}

use Kind::{Date, Flag, Number, Text, Type};

members! {
    Profile {
        "ProfileId": Number, Fixed, |p| Held::Number(p.profile_id.0 as f64);
        "IsActive": Flag, Fixed, |p| Held::Flag(p.is_active);
        "RegistrationConfirmed": Flag, Fixed, |p| Held::Flag(p.registration_confirmed);
        "PreserveConsents": Flag, Fixed, |p| Held::Flag(p.preserve_consents);
        "PreservePreferences": Flag, Fixed, |p| Held::Flag(p.preserve_preferences);
        "CreateDate": Date, Fixed, |p| Held::Date(p.edited.create_date);
        "LastModifiedDate": Date, Fixed, |p| Held::Date(p.edited.last_modified_date);
        "CustomerType": Type(TypeKind::Customer), Value, |p| optional(&p.customer_type);
        "DefaultLocale": Text, Code, |p| optional(&p.default_locale);
        "CustomerName.Prefix": Text, Presence, |p| optional(&p.customer_name.prefix);
        "CustomerName.FirstName": Text, Presence, |p| optional(&p.customer_name.first_name);
        "CustomerName.MiddleName": Text, Presence, |p| optional(&p.customer_name.middle_name);
        "CustomerName.LastName": Text, Presence, |p| optional(&p.customer_name.last_name);
        "CustomerName.Suffix": Text, Presence, |p| optional(&p.customer_name.suffix);
        "CreateUserId": Text, Presence, |p| Held::Text(&p.edited.create_user_id);
        "CreateSourceId": Text, Presence, |p| optional(&p.edited.create_source_id);
        "LastModifiedUserId": Text, Presence, |p| Held::Text(&p.edited.last_modified_user_id);
        "LastModifiedSourceId": Text, Presence, |p| optional(&p.edited.last_modified_source_id);
    }
    Deleted {
        "ProfileId": Number, Absent, |t| Held::Number(t.profile_id.0 as f64);
        "DeletedDate": Date, Absent, |t| Held::Date(t.deleted_date);
        "ReasonCode": Text, Absent, |t| optional(&t.reason_code);
    }
    Email {
        "EmailAddressType": Type(TypeKind::Email), Value, |e| Held::Text(&e.email_address_type);
        "IsDefault": Flag, Value, |e| Held::Flag(e.is_default);
        "IsActive": Flag, Value, |e| Held::Flag(e.is_active);
        "EmailAddress": Text, Presence, |e| Held::Text(&e.email_address);
        "CreateDate": Date, Presence, |e| Held::Date(e.edited.create_date);
        "LastModifiedDate": Date, Presence, |e| Held::Date(e.edited.last_modified_date);
    }
    Phone {
        "PhoneType": Type(TypeKind::Phone), Value, |p| Held::Text(&p.phone_type);
        "IsMobile": Flag, Value, |p| Held::Flag(p.is_mobile);
        "IsDefault": Flag, Value, |p| Held::Flag(p.is_default);
        "IsActive": Flag, Value, |p| Held::Flag(p.is_active);
        "PhoneNumber": Text, Presence, |p| Held::Text(&p.phone_number);
        "PhoneNumberNumeric": Text, Presence, |p| Held::Text(&p.phone_number_numeric);
        "CreateDate": Date, Presence, |p| Held::Date(p.edited.create_date);
        "LastModifiedDate": Date, Presence, |p| Held::Date(p.edited.last_modified_date);
    }
    Address {
        "AddressType": Type(TypeKind::Address), Value, |a| Held::Text(&a.address_type);
        "IsDefault": Flag, Value, |a| Held::Flag(a.is_default);
        "IsActive": Flag, Value, |a| Held::Flag(a.is_active);
        "StateProvince": Text, Code, |a| Held::Text(&a.state_province);
        "CountryCode_Alpha2": Text, Code, |a| optional(&a.country_code_alpha2);
        "CountryCode_Alpha3": Text, Code, |a| optional(&a.country_code_alpha3);
        "CountryCode_Numeric": Text, Code, |a| optional(&a.country_code_numeric);
        "Country": Text, Presence, |a| optional(&a.country);
        "Address1": Text, Presence, |a| Held::Text(&a.address1);
        "Address2": Text, Presence, |a| optional(&a.address2);
        "City": Text, Presence, |a| Held::Text(&a.city);
        "PostalCode": Text, Presence, |a| Held::Text(&a.postal_code);
        "CreateDate": Date, Presence, |a| Held::Date(a.edited.create_date);
        "LastModifiedDate": Date, Presence, |a| Held::Date(a.edited.last_modified_date);
    }
    AlternateId {
        "AlternateIdType": Type(TypeKind::AlternateId), Value, |a| Held::Text(&a.alternate_id_type);
        "IsActive": Flag, Value, |a| Held::Flag(a.is_active);
        "AlternateId": Text, Presence, |a| Held::Text(&a.alternate_id);
        "CreateDate": Date, Presence, |a| Held::Date(a.edited.create_date);
        "LastModifiedDate": Date, Presence, |a| Held::Date(a.edited.last_modified_date);
    }
    Group {
        "GroupType": Type(TypeKind::Group), Value, |g| Held::Text(&g.group_type);
        "IsPrimary": Flag, Value, |g| Held::Flag(g.is_primary);
        "GroupName": Text, Presence, |g| Held::Text(&g.group_name);
    }
    Tag {
        "Name": Text, Word, |t| Held::Text(&t.name);
    }
    Preference {
        "FilterId": Text, Value, |p| Held::Text(&p.filter_id);
        "ProgramId": Text, Value, |p| Held::Text(&p.program_id);
        "ChannelId": Text, Value, |p| Held::Text(p.channel_id.word());
        "PreferenceType": Text, Value, |p| Held::Text(p.preference_type.word());
        "PreferenceStatus": Text, Value, |p| Held::Text(p.preference_status.word());
        "FrequencyId": Text, Value, |p| optional(&p.frequency_id);
        "MatchType": Text, Value, |p| Held::Text(p.match_type.word());
        "CustomerDate": Date, Presence, |p| Held::Date(p.customer_date);
    }
    Consent {
        "ConsentType": Text, Value, |c| Held::Text(&c.consent_type);
        "ConsentVersion": Text, Value, |c| Held::Text(&c.consent_version);
        "Locale": Text, Value, |c| Held::Text(&c.locale);
        "ConsentStatus": Text, Value, |c| Held::Text(c.consent_status.word());
        "Expired": Flag, Value, |c| Held::Flag(c.expired);
        "ConsentDate": Date, Presence, |c| Held::Date(c.consent_date);
    }
}

impl Element {
    /// The word for it in paths: `Email` of `Email.EmailAddress`; `None` for the profile itself and a deleted one.
    fn word(self) -> Option<&'static str> {
        match self {
            Element::Profile | Element::Deleted => None,
            Element::Email => Some("Email"),
            Element::Phone => Some("Phone"),
            Element::Address => Some("Address"),
            Element::AlternateId => Some("AlternateId"),
            Element::Group => Some("Group"),
            Element::Tag => Some("Tag"),
            Element::Preference => Some("Preference"),
            Element::Consent => Some("Consent"),
        }
    }

    /// Its members, in the table's order.
    pub fn members(self) -> impl Iterator<Item = &'static Member> {
        MEMBERS.iter().filter(move |m| m.element == self)
    }

    /// Its member of this name (`Edited.` before a stamp may be written or left out).
    pub fn member(self, name: &str) -> Option<&'static Member> {
        let name = name.strip_prefix("Edited.").unwrap_or(name);
        self.members().find(|m| m.name.eq_ignore_ascii_case(name))
    }

    /// Calls `f` with every such element of a live profile until it says yes; whether it did.
    pub fn any<'a>(self, profile: &'a Profile, f: &mut dyn FnMut(Thing<'a>) -> bool) -> bool {
        let p = profile;
        match self {
            Element::Profile => f(Thing::Profile(p)),
            Element::Deleted => false,
            Element::Email => p.emails.iter().any(|e| f(Thing::Email(e))),
            Element::Phone => p.phone_numbers.iter().any(|e| f(Thing::Phone(e))),
            Element::Address => p.addresses.iter().any(|e| f(Thing::Address(e))),
            Element::AlternateId => p.alternate_ids.iter().any(|e| f(Thing::AlternateId(e))),
            Element::Group => p.groups.iter().any(|e| f(Thing::Group(e))),
            Element::Tag => p.profile_tags.iter().any(|e| f(Thing::Tag(e))),
            Element::Preference => (p.profile_preferences.iter())
                .chain(p.emails.iter().flat_map(|e| &e.preferences))
                .chain(p.phone_numbers.iter().flat_map(|e| &e.preferences))
                .chain(p.addresses.iter().flat_map(|e| &e.preferences))
                .any(|e| f(Thing::Preference(e))),
            Element::Consent => (p.consents.iter())
                .chain(p.emails.iter().flat_map(|e| &e.consents))
                .chain(p.phone_numbers.iter().flat_map(|e| &e.consents))
                .chain(p.addresses.iter().flat_map(|e| &e.consents))
                .any(|e| f(Thing::Consent(e))),
        }
    }
}

/// The elements whose members a `Field` may name over live profiles.
const LIVE: [Element; 7] = [
    Element::Profile,
    Element::Email,
    Element::Phone,
    Element::Address,
    Element::AlternateId,
    Element::Group,
    Element::Tag,
];

impl Member {
    /// The member that a `Field` names: `CustomerName.LastName`, `Email.EmailAddress`; over deleted profiles one of their three.
    pub fn by_path(path: &str, deleted: bool) -> Option<&'static Member> {
        if deleted {
            return Element::Deleted.member(path);
        }
        if let Some(member) = Element::Profile.member(path) {
            return Some(member);
        }
        let (element, name) = path.split_once('.')?;
        let element = LIVE.into_iter().find(|e| e.word().is_some_and(|w| w.eq_ignore_ascii_case(element)))?;
        element.member(name)
    }

    /// The paths that a `Field` may name, for the message of a refusal.
    pub fn paths(deleted: bool) -> String {
        let elements: &[Element] = if deleted { &[Element::Deleted] } else { &LIVE };
        let paths: Vec<String> = elements.iter().flat_map(|e| e.members()).map(|m| m.to_string()).collect();
        paths.join(", ")
    }

    /// What it holds in this element.
    pub fn of<'a>(&self, thing: Thing<'a>) -> Seen<'a> {
        match (self.get)(thing) {
            Held::Absent => Seen::Absent,
            Held::Text(text) => Seen::text(text),
            Held::Flag(flag) => Seen::Flag(flag),
            Held::Number(number) => Seen::Number(number),
            Held::Date(date) => Seen::Date(date),
        }
    }

    /// The same, not yet in the form in which it is compared.
    pub(crate) fn held<'a>(&self, thing: Thing<'a>) -> Held<'a> {
        (self.get)(thing)
    }
}

impl Condition {
    /// Whether this element meets it at `at`.
    pub fn holds(&self, thing: Thing<'_>, at: Moment) -> bool {
        match self {
            Condition::Member(member, test) => test.holds(&member.of(thing), at),
            Condition::Attribute { key, value } => match thing {
                Thing::Preference(p) => p.preference_attributes.iter().any(|a| {
                    fold(&a.key) == *key
                        && value.as_ref().is_none_or(|v| a.value.as_deref().is_some_and(|seen| fold(seen) == *v))
                }),
                _ => false,
            },
        }
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.element.word() {
            Some(element) => write!(f, "{element}.{}", self.name),
            None => f.write_str(self.name),
        }
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq for Member {
    /// There is one row for each element and name.
    fn eq(&self, other: &Self) -> bool {
        self.element == other.element && self.name == other.name
    }
}
