//! The names in a configuration that profiles carry as they are written.

use crate::{config::Configuration, id::fold};

/// One of them.
pub(super) struct Named<'c> {
    /// The list it stands in; a picklist's values are of the kind `Picklists`.
    pub kind: &'static str,
    /// The names of what it stands in, from the outside, folded: the picklist of a value, the type of a version.
    pub within: Vec<String>,
    pub path: String,
    pub name: &'c str,
}

/// What tells one name from another, without regard to case.
pub(super) type Key = (&'static str, Vec<String>, String);

impl Named<'_> {
    pub fn key(&self) -> Key {
        (self.kind, self.within.clone(), fold(self.name))
    }

    /// The key of what it is a part of, when that is a name of its own.
    pub fn part_of(&self) -> Option<Key> {
        let whole = match self.kind {
            "Versions" => "ConsentTypes",
            "Locales" => "Versions",
            "Frequencies" => "Filters",
            _ => return None,
        };
        let (name, within) = self.within.split_last()?;
        Some((whole, within.to_vec(), name.clone()))
    }

    /// Whether it has an `IsActive`.
    pub fn can_be_retired(&self) -> bool {
        !matches!(self.kind, "Picklists" | "Programs" | "Frequencies" | "Locales")
    }
}

/// All of them.
pub(super) fn names(c: &Configuration) -> Vec<Named<'_>> {
    let mut names = Vec::new();
    let mut add = |kind, within: &[&str], path, name| {
        names.push(Named { kind, within: within.iter().map(|w| fold(w)).collect(), path, name });
    };
    let types = [
        ("EmailTypes", &c.email_types),
        ("PhoneTypes", &c.phone_types),
        ("AddressTypes", &c.address_types),
        ("CustomerTypes", &c.customer_types),
        ("AlternateIdTypes", &c.alternate_id_types),
        ("GroupTypes", &c.group_types),
    ];
    for (kind, types) in types {
        for (i, t) in types.iter().enumerate() {
            add(kind, &[], format!("{kind}[{i}].TypeName"), t.type_name.as_str());
        }
    }
    for (i, consent) in c.consent_types.iter().enumerate() {
        let of = consent.type_name.as_str();
        add("ConsentTypes", &[], format!("ConsentTypes[{i}].TypeName"), of);
        for (v, version) in consent.versions.iter().enumerate() {
            let path = format!("ConsentTypes[{i}].Versions[{v}]");
            add("Versions", &[of], format!("{path}.ConsentVersion"), &version.consent_version);
            for (l, localized) in version.localized_fields.iter().enumerate() {
                let within = [of, &version.consent_version];
                add("Locales", &within, format!("{path}.LocalizedFields[{l}].Locale"), &localized.locale);
            }
        }
    }
    for (i, f) in c.custom_fields.iter().enumerate() {
        add("CustomFields", &[], format!("CustomFields[{i}].Name"), &f.name);
    }
    for (i, list) in c.picklists.iter().enumerate() {
        for (v, value) in list.values.iter().enumerate() {
            add("Picklists", &[&list.name], format!("Picklists[{i}].Values[{v}]"), value);
        }
    }
    for (p, program) in c.programs.iter().enumerate() {
        add("Programs", &[], format!("Programs[{p}].ID"), &program.id);
        for (f, filter) in program.filters.iter().enumerate() {
            let path = format!("Programs[{p}].Filters[{f}]");
            add("Filters", &[], format!("{path}.ID"), &filter.id);
            for (q, frequency) in filter.frequencies.iter().enumerate() {
                add("Frequencies", &[&filter.id], format!("{path}.Frequencies[{q}].ID"), &frequency.id);
            }
        }
    }
    names
}
