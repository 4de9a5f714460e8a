//! The terms of a profile. One text for each element holds what facts keep of all its members, so that conditions bound to one
//! element are answered from the dictionary alone: `email␟=home␟1␟1␟?␟?␟?`.
//!
//! A member is written as nothing (absent), `=text` (folded), `1` or `0` (flags) or `?` (there, but not told: free text, dates,
//! anything that would make the dictionary large or personal). What is `?` the predicate doesn't know, and the row is opened. Of what is
//! looked for by value, text of custom fields and attributes of preferences, facts hold hashes: they go with the profile, and tell
//! nearly always that a row needn't be opened.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use foldhash::quality::RandomState;

use super::Terms;
use crate::{
    change::Kept,
    config::{Config, CustomFieldKind},
    id::{fold, fold_into, trimmed},
    profile::Profile,
    segment::{Element, Fact, FieldKind, Held, Member, Seen, Thing},
};

/// The longest term in bytes: the store's keys end at 511.
pub const MAX_TERM: usize = 480;

/// Longer values aren't told.
const MAX_VALUE: usize = 120;
/// What a value may be at most when the whole would be longer than [`MAX_TERM`]; nine of these fit.
const MAX_CROWDED: usize = 32;

pub(super) const SEPARATOR: char = '\u{1f}';
pub(super) const PRESENT: &str = "?";
/// The value of a custom field is among the numbers.
pub(super) const NUMBER: &str = "#n";
pub(super) const DATE: &str = "#d";
/// The hash of the value of a text field is.
pub(super) const HASH: &str = "#h";

/// The elements that have terms, with the word that their terms begin with.
const ELEMENTS: [(Element, &str); 9] = [
    (Element::Profile, "profile"),
    (Element::Email, "email"),
    (Element::Phone, "phone"),
    (Element::Address, "address"),
    (Element::AlternateId, "altid"),
    (Element::Group, "group"),
    (Element::Tag, "tag"),
    (Element::Preference, "pref"),
    (Element::Consent, "consent"),
];

/// What the terms of what is kept beside a row begin with. No criterion asks for them: they only tell that the names are in use.
const BESIDE: &str = "beside ";

/// What facts keep of a profile beside its flags, dates and lengths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProfileTerms {
    /// The terms, one behind the other: a profile has some thirty.
    text: String,
    ends: Vec<usize>,
    /// What belongs to the first of them, those of custom fields with a number, a date or text.
    pub(super) numbers: Vec<u64>,
}

impl ProfileTerms {
    /// The terms, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.text[start..end])
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    fn push_field(&mut self, name: &str, told: &[&str]) {
        field_into(name, &mut self.text);
        told.iter().for_each(|part| self.text.push_str(part));
        self.ends.push(self.text.len());
    }

    /// `words`: what the term begins with; `members`: of which it tells.
    fn push_element(&mut self, words: [&str; 2], members: &[&'static Member], thing: Thing<'_>) {
        let start = self.text.len();
        for longest in [MAX_VALUE, MAX_CROWDED] {
            self.text.truncate(start);
            words.iter().for_each(|word| self.text.push_str(word));
            members.iter().for_each(|member| tell(member, thing, longest, &mut self.text));
            if self.text.len() - start <= MAX_TERM {
                break;
            }
        }
        self.ends.push(self.text.len());
    }
}

/// The terms of a profile: one compound text per element (`pref␟=news-email␟…`), so that conditions bound to the same element can be
/// answered from the dictionary; of what is kept beside its row as well (`beside pref␟=news-email␟…`). At most [`MAX_TERM`] bytes each;
/// elements that are told alike have one each. The order is the same for the same profile and configuration: [`super::encode`] takes the
/// ids in it.
pub fn terms(kept: &Kept, config: &Config) -> ProfileTerms {
    let Kept { profile, extras } = kept;
    let fields = custom_fields(profile, config);
    let seen = || fields.iter().flat_map(|(name, kind, seen)| seen.iter().map(move |seen| (name, *kind, seen)));
    // Room for what most profiles have.
    let mut terms =
        ProfileTerms { text: String::with_capacity(2048), ends: Vec::with_capacity(48), numbers: Vec::new() };
    for (name, kind, seen) in seen() {
        let (told, number) = match seen {
            Seen::Number(number) => (NUMBER, number.to_bits()),
            // every moment that the wire can show is exact in an f64
            Seen::Date(date) => (DATE, (date.0 as f64).to_bits()),
            Seen::Text(text) if kind == Some(FieldKind::Text) => (HASH, hash(&[text])),
            _ => continue,
        };
        terms.numbers.push(number);
        terms.push_field(name, &[told]);
    }
    for (element, word) in ELEMENTS {
        let members = told(element);
        element.any(profile, &mut |thing| {
            terms.push_element(["", word], members, thing);
            false
        });
    }
    for (name, kind, seen) in seen() {
        match seen {
            Seen::Absent | Seen::Number(_) | Seen::Date(_) => {}
            Seen::Text(_) if kind == Some(FieldKind::Text) => {}
            Seen::Text(choice) if kind == Some(FieldKind::Choices) && is_choice(config, name, choice) => {
                terms.push_field(name, &["=", choice]);
            }
            _ => terms.push_field(name, &[PRESENT]),
        }
    }
    for (_, preference) in extras.archived.iter().chain(&extras.preserved_preferences) {
        let element = Element::Preference;
        terms.push_element([BESIDE, word(element)], told(element), Thing::Preference(preference));
    }
    for (_, consent) in &extras.preserved_consents {
        let element = Element::Consent;
        terms.push_element([BESIDE, word(element)], told(element), Thing::Consent(consent));
    }
    terms
}

/// What the preferences of a profile have as attributes: a hash for each key, and for each key with its value; ascending, each once.
pub(super) fn attributes(profile: &Profile) -> Vec<u32> {
    let mut hashes = Vec::with_capacity(16);
    let (mut key, mut value) = (String::new(), String::new());
    Element::Preference.any(profile, &mut |thing| {
        if let Thing::Preference(preference) = thing {
            for attribute in &preference.preference_attributes {
                key.clear();
                fold_into(&attribute.key, &mut key);
                let of_key = hash(&[&key]);
                hashes.push(short(of_key));
                if let Some(text) = &attribute.value {
                    value.clear();
                    fold_into(text, &mut value);
                    hashes.push(short(hash_on(of_key, &value)));
                }
            }
        }
        false
    });
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}

/// The hash of an attribute's key (folded), or of the key and its value (folded).
pub(super) fn attribute_hash(key: &str, value: Option<&str>) -> u32 {
    short(match value {
        None => hash(&[key]),
        Some(value) => hash(&[key, value]),
    })
}

fn short(hash: u64) -> u32 {
    (hash ^ (hash >> 32)) as u32
}

/// FNV-1a of the parts, each ended by a byte that UTF-8 hasn't. Part of the format of facts. Who makes two texts meet wins that a row
/// is opened in vain.
pub(super) fn hash(parts: &[&str]) -> u64 {
    parts.iter().fold(0xCBF2_9CE4_8422_2325, |hash, part| hash_on(hash, part))
}

/// The hash of what was hashed before and another part.
fn hash_on(before: u64, part: &str) -> u64 {
    let on = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3);
    on(part.bytes().fold(before, on), 0xFF)
}

/// So few are sooner compared one with the other than hashed.
const FEW: usize = 8;

/// The values of every custom field, by its folded name; of two of the same name the first counts, as it does when read.
fn custom_fields<'p>(profile: &'p Profile, config: &Config) -> Vec<(String, Option<FieldKind>, Vec<Seen<'p>>)> {
    let names: Vec<String> = profile.custom_fields.iter().map(|field| fold(&field.name)).collect();
    let is_first: Vec<bool> = if names.len() <= FEW {
        names.iter().enumerate().map(|(i, name)| !names[..i].contains(name)).collect()
    } else {
        let mut known = HashSet::with_capacity_and_hasher(names.len(), RandomState::default());
        names.iter().map(|name| known.insert(name.as_str())).collect()
    };
    let fields = profile.custom_fields.iter().zip(is_first).zip(names);
    fields
        .filter_map(|((field, is_first), name)| {
            let value = field.value.as_deref().filter(|value| is_first && !value.is_empty())?;
            let kind = config.custom_field(&name).map(|f| FieldKind::of(&f.kind));
            // a field that is no longer configured may be again, as something else: only that it is there is told
            let seen = kind.map_or_else(|| vec![Seen::Unreadable], |kind| kind.read(value));
            Some((name, kind, seen))
        })
        .collect()
}

fn is_choice(config: &Config, field: &str, choice: &str) -> bool {
    let listed = config.custom_field(field).and_then(|f| match &f.kind {
        CustomFieldKind::SelectList { picklist, .. } => config.choice(picklist, choice),
        _ => None,
    });
    listed.is_some() && tellable(choice, MAX_VALUE)
}

/// The members of an element that its terms tell of, in their order.
pub(super) fn told(element: Element) -> &'static [&'static Member] {
    static TOLD: LazyLock<Vec<Vec<&'static Member>>> = LazyLock::new(|| {
        let told = |element: Element| element.members().filter(|m| !matches!(m.fact, Fact::Fixed | Fact::Absent));
        ELEMENTS.iter().map(|(element, _)| told(*element).collect()).collect()
    });
    ELEMENTS.iter().position(|(e, _)| *e == element).map_or(&[], |i| &TOLD[i])
}

/// The terms of the dictionary that are about this kind of element, with what they tell of its members.
pub(super) fn about(terms: &Terms, element: Element) -> impl Iterator<Item = (Vec<&str>, u32)> {
    beginning(terms, word(element).to_owned())
}

/// The terms that begin with this word, with what they tell of the members.
fn beginning(terms: &Terms, word: String) -> impl Iterator<Item = (Vec<&str>, u32)> {
    starting_with(terms, format!("{word}{SEPARATOR}")).map(|(rest, id)| (rest.split(SEPARATOR).collect(), id))
}

/// The word that the terms of an element begin with; nothing for one without terms.
fn word(element: Element) -> &'static str {
    ELEMENTS.iter().find(|(e, _)| *e == element).map_or("", |(_, word)| *word)
}

/// Whether a term tells, or may tell, of one element whose members hold these names (member, folded name), also beside a row.
pub(crate) fn tells(terms: &Terms, element: Element, wanted: &[(&str, &str)]) -> bool {
    let members = told(element);
    let beside = beginning(terms, format!("{BESIDE}{}", word(element)));
    about(terms, element).chain(beside).any(|(told, _)| {
        wanted.iter().all(|(member, name)| {
            let at = members.iter().position(|m| m.name == *member);
            at.and_then(|at| told.get(at)).is_some_and(|told| may_tell(told, name))
        })
    })
}

/// The terms that are about tags, by id: the folded name, or `None` where the term doesn't tell it.
pub fn tags(terms: &Terms) -> HashMap<u32, Option<String>> {
    let name = |told: &str| told.strip_prefix('=').map(str::to_owned);
    about(terms, Element::Tag).map(|(told, id)| (id, told.first().and_then(|told| name(told)))).collect()
}

/// Whether what is told is this name, or may be since names of its length aren't always told.
fn may_tell(told: &str, name: &str) -> bool {
    told.strip_prefix('=') == Some(name) || (told == PRESENT && !tellable(name, MAX_CROWDED))
}

/// Whether a term tells of a custom field (by its folded name); or tells, or may tell, of this choice of it.
pub(crate) fn tells_of_field(terms: &Terms, name: &str, choice: Option<&str>) -> bool {
    about_field(terms, name).any(|(told, _)| choice.is_none_or(|choice| may_tell(told, choice)))
}

/// The terms that are about a custom field (by its folded name), with what they tell of its value.
pub(super) fn about_field<'t>(terms: &'t Terms, name: &str) -> impl Iterator<Item = (&'t str, u32)> + use<'t> {
    let mut start = String::new();
    field_into(name, &mut start);
    starting_with(terms, start)
}

fn starting_with(terms: &Terms, start: String) -> impl Iterator<Item = (&str, u32)> {
    let from = terms.range(start.clone()..);
    from.map_while(move |(term, id)| Some((term.strip_prefix(start.as_str())?, *id)))
}

/// What the terms of a custom field begin with.
fn field_into(name: &str, out: &mut String) {
    out.push_str("field");
    out.push(SEPARATOR);
    out.push_str(name);
    out.push(SEPARATOR);
}

/// Adds what is told of a member.
fn tell(member: &Member, thing: Thing<'_>, longest: usize, term: &mut String) {
    term.push(SEPARATOR);
    match member.held(thing) {
        Held::Absent => {}
        Held::Text(text) => {
            let text = trimmed(text);
            if text.is_empty() {
                return;
            }
            let start = term.len();
            if matches!(member.fact, Fact::Value | Fact::Code | Fact::Word) {
                term.push('=');
                fold_into(text, term);
                let folded = &term[start + 1..];
                let is_told = match member.fact {
                    Fact::Value => tellable(folded, longest),
                    Fact::Code => is_code(folded),
                    _ => tellable(folded, longest) && !is_personal(folded),
                };
                if is_told {
                    return;
                }
                term.truncate(start);
            }
            term.push_str(PRESENT);
        }
        Held::Flag(flag) if member.fact == Fact::Value => term.push(if flag { '1' } else { '0' }),
        _ => term.push_str(PRESENT),
    }
}

/// What a term tells of a member; `None` when it only tells that it is there.
pub(super) fn read(told: &str) -> Option<Seen<'_>> {
    match told {
        "" => Some(Seen::Absent),
        "0" => Some(Seen::Flag(false)),
        "1" => Some(Seen::Flag(true)),
        _ => told.strip_prefix('=').map(|text| Seen::Text(text.into())),
    }
}

fn tellable(text: &str, longest: usize) -> bool {
    text.len() <= longest && !text.contains(SEPARATOR)
}

/// Whether a free word may be what a person is reached or known by: an email address, a phone number, a number of a document.
fn is_personal(text: &str) -> bool {
    text.contains('@') || text.chars().filter(|c| c.is_numeric()).nth(5).is_some()
}

/// Whether free text has the shape of a code: `ga`, `nsw`, `us-ga`, `en_us`, `zh-hans-cn`. Anything else might be about a person.
fn is_code(text: &str) -> bool {
    let mut parts = text.split(['_', '-']);
    let part =
        |p: &str, longest: usize| !p.is_empty() && p.len() <= longest && p.bytes().all(|b| b.is_ascii_alphanumeric());
    text.len() <= 15 && parts.next().is_some_and(|first| part(first, 3)) && parts.all(|p| part(p, 4))
}
