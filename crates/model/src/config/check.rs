//! The checks of a configuration as a whole: names unique, references met, segments well formed, and what may no longer change.

mod names;
mod people;
mod programs;
mod segments;
#[cfg(test)]
mod tests;
mod things;
mod used;

pub use used::check_use;

use std::collections::HashMap;

use super::{Config, Configuration};
use crate::{
    id::fold,
    refusal::{Refusal, shown},
};

/// Checks a new configuration against itself and against the one it replaces (configuration.md: names unique without
/// regard to case; every reference configured; segment definitions well formed; what the rest of the configuration uses can't go).
/// All refusals are given, not only the first. Whether profiles use what goes or changes is [`check_use`]'s to say.
pub fn check(new: &Configuration, current: Option<&Configuration>) -> Result<(), Vec<Refusal>> {
    let config = Config::new(new.clone());
    let current = current.map(|current| Config::new(current.clone()));
    let mut checker = Checker { new, config: &config, current: current.as_ref(), refusals: Vec::new() };
    if let Some(locale) = &new.default_locale {
        checker.name("DefaultLocale", locale, LOCALE);
    }
    if let Some(minutes) = new.signed_header_minutes
        && !(1..=60).contains(&minutes)
    {
        checker.invalid("SignedHeaderMinutes", format!("is {minutes}; 1 to 60 are accepted, 15 when it is left out"));
    }
    checker.types();
    checker.picklists();
    checker.custom_fields();
    checker.consent_types();
    checker.program_groups();
    checker.programs();
    checker.implied();
    checker.source_and_user_groups();
    checker.users();
    checker.segments();
    checker.segment_groups();
    if checker.refusals.is_empty() { Ok(()) } else { Err(checker.refusals) }
}

/// The longest names, in code points (configuration.md and profile.md, where the names go).
const NAME: usize = 100;
const FIELD_NAME: usize = 94;
const ID: usize = 50;
const VERSION: usize = 50;
const FREQUENCY: usize = 20;
const LOCALE: usize = 15;
/// The most filters that imply a preference on one contact, of those that a profile may have
/// [a hundred](crate::change::MAX_CONTACTS) of. Ours, so that what a profile reads with stays bounded.
const IMPLIED: usize = 500;
/// The longest value of a custom field or property, in code points (profile.md).
const VALUE: usize = 4000;
/// The longest free text, in code points: descriptions and the language of a consent. Ours, so that a configuration stays one record.
const TEXT: usize = 100_000;

struct Checker<'a> {
    new: &'a Configuration,
    config: &'a Config,
    /// What it replaces.
    current: Option<&'a Config>,
    refusals: Vec<Refusal>,
}

/// A reference within a configuration.
struct Reference<'r> {
    /// Where it stands.
    path: String,
    /// Who makes it: `the custom field Colour`.
    user: String,
    /// To what: `picklist`.
    what: &'static str,
    name: &'r str,
}

impl Checker<'_> {
    fn invalid(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.refusals.push(Refusal::invalid(path, message));
    }

    /// A name: not blank, not longer than `longest` code points, no control character, no space at its ends.
    fn name(&mut self, path: &str, name: &str, longest: usize) {
        let length = name.chars().count();
        if name.trim().is_empty() {
            self.invalid(path, format!("is blank; 1 to {longest} characters are accepted"));
        } else if length > longest {
            self.invalid(path, format!("{} has {length} characters; at most {longest} are accepted", shown(name)));
        } else if name.chars().any(char::is_control) {
            self.invalid(path, format!("{} has a control character in it; leave it out", shown(name)));
        } else if name.trim() != name {
            self.invalid(path, format!("{} begins or ends with a space; leave it out", shown(name)));
        }
    }

    /// Names of one kind, each with its path: well formed, and unique without regard to case.
    fn names<'n>(&mut self, longest: usize, names: impl Iterator<Item = (String, &'n str)>) {
        let mut seen: HashMap<String, String> = HashMap::new();
        for (path, name) in names {
            self.name(&path, name, longest);
            if let Some(first) = seen.get(&fold(name)) {
                let why = format!("{} stands at {first} already; names are unique without regard to case", shown(name));
                self.invalid(path, why);
            } else {
                seen.insert(fold(name), path);
            }
        }
    }

    fn at_most_one_default(&mut self, defaults: impl Iterator<Item = (String, bool)>) {
        for (path, _) in defaults.filter(|(_, is_default)| *is_default).skip(1) {
            self.invalid(path, "another one is the default already; there is at most one");
        }
    }

    fn localized(&mut self, path: &str, fields: &[super::Localized]) {
        let locale = |(i, field): (usize, &'_ super::Localized)| {
            (format!("{path}.LocalizedFields[{i}].Locale"), i, field.locale.clone())
        };
        let locales: Vec<_> = fields.iter().enumerate().map(locale).collect();
        self.names(LOCALE, locales.iter().map(|(path, _, locale)| (path.clone(), locale.as_str())));
        for (i, field) in fields.iter().enumerate() {
            let texts = [
                ("Name", &field.name),
                ("Description", &field.description),
                ("ConsentLanguage", &field.consent_language),
            ];
            for (member, text) in texts {
                self.text(&format!("{path}.LocalizedFields[{i}].{member}"), text.as_deref().unwrap_or_default(), TEXT);
            }
        }
    }
}

impl Checker<'_> {
    /// Checks a reference: `names` gives what can be referred to. A thing that is there before the change and not after it is in the
    /// way of the change; one that never was is a mistake.
    fn reference(&mut self, reference: Reference<'_>, names: impl Fn(&Configuration) -> Vec<&str>) {
        let Reference { path, user, what, name } = reference;
        let has = |c: &Configuration| names(c).iter().any(|n| fold(n) == fold(name));
        if has(self.new) {
            return;
        }
        self.refusals.push(if self.current.is_some_and(|current| has(&current.source)) {
            Refusal::conflict(path, format!("{user} uses the {what} {name}, which would go; take it out there first"))
        } else {
            missing(path, what, name, names(self.new).into_iter().map(str::to_owned))
        });
    }

    /// Names and values free for the account's use.
    fn properties(&mut self, path: &str, properties: &[super::Property]) {
        let at = |i: usize, member: &str| format!("{path}.CustomProperties[{i}].{member}");
        self.names(NAME, properties.iter().enumerate().map(|(i, p)| (at(i, "Name"), p.name.as_str())));
        for (i, property) in properties.iter().enumerate() {
            self.text(&at(i, "Value"), &property.value, VALUE);
        }
    }

    /// Free text, which may be empty.
    fn text(&mut self, path: &str, text: &str, longest: usize) {
        let length = text.chars().count();
        if length > longest {
            self.invalid(path, format!("has {length} characters; at most {longest} are accepted"));
        }
    }
}

/// The refusal of a reference to something that isn't configured.
fn missing(path: String, what: &str, name: &str, accepted: impl Iterator<Item = String>) -> Refusal {
    let accepted: Vec<String> = accepted.collect();
    let accepted =
        if accepted.is_empty() { "there is none".to_owned() } else { format!("there are: {}", accepted.join(", ")) };
    Refusal::invalid(path, format!("{} is no configured {what}; {accepted}", shown(name)))
}
