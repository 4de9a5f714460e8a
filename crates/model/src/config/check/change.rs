//! What may no longer change: rendered rows carry it (configuration.md, Segments).

use std::collections::HashMap;

use super::Checker;
use crate::{
    config::{Config, Configuration},
    id::fold,
    refusal::Refusal,
    segment::FieldKind,
};

impl Checker<'_> {
    /// Refuses changes of what is known by its name and still there. A name that is gone is another thing:
    /// [`super::check_use`].
    pub(super) fn unchangeable(&mut self, current: &Config) {
        self.filters_stay(current);
        self.fields_stay(current);
        self.names_stay(&current.source);
    }

    fn filters_stay(&mut self, current: &Config) {
        for (p, program) in self.new.programs.iter().enumerate() {
            for (f, filter) in program.filters.iter().enumerate() {
                let Some((was_program, was)) = current.filter(&filter.id) else { continue };
                let at = |member: &str| format!("Programs[{p}].Filters[{f}].{member}");
                if fold(&was_program.id) != fold(&program.id) {
                    let why = format!(
                        "the filter {} belongs to the program {}; rendered rows carry it, so it stays there: give the new one another ID",
                        filter.id, was_program.id
                    );
                    self.refusals.push(Refusal::conflict(at("ID"), why));
                }
                if was.channel_id != filter.channel_id {
                    let why = format!(
                        "the filter {} is of the channel {}; rendered rows carry it, so it stays: give the new one another ID",
                        filter.id,
                        was.channel_id.word()
                    );
                    self.refusals.push(Refusal::conflict(at("ChannelID"), why));
                }
            }
        }
    }

    fn fields_stay(&mut self, current: &Config) {
        for (i, field) in self.new.custom_fields.iter().enumerate() {
            let was = current.custom_field(&field.name);
            if was.is_some_and(|was| FieldKind::of(&was.kind) != FieldKind::of(&field.kind)) {
                let why = format!(
                    "the custom field {} holds another kind of value, which profiles may carry: give the new one another name",
                    field.name
                );
                self.refusals.push(Refusal::conflict(format!("CustomFields[{i}].Kind"), why));
            }
        }
    }

    /// The same name in other letters: rows show it as it was.
    fn names_stay(&mut self, current: &Configuration) {
        let before: HashMap<_, _> =
            names(current).into_iter().map(|n| ((n.kind, n.within, fold(n.name)), n.name)).collect();
        for Named { kind, within, path, name } in names(self.new) {
            if let Some(was) = before.get(&(kind, within, fold(name))).filter(|was| **was != name) {
                let why = format!("{name} is written {was}; rendered rows carry it, so it stays as it is");
                self.refusals.push(Refusal::conflict(path, why));
            }
        }
    }
}

/// A name that rows carry as it is written.
pub(super) struct Named<'c> {
    pub(super) kind: &'static str,
    /// The picklist of a value, folded.
    pub(super) within: String,
    pub(super) path: String,
    pub(super) name: &'c str,
}

pub(super) fn names(c: &Configuration) -> Vec<Named<'_>> {
    let mut names = Vec::new();
    let mut add = |kind, within: &str, path, name| names.push(Named { kind, within: within.to_owned(), path, name });
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
            add(kind, "", format!("{kind}[{i}].TypeName"), t.type_name.as_str());
        }
    }
    for (i, t) in c.consent_types.iter().enumerate() {
        add("ConsentTypes", "", format!("ConsentTypes[{i}].TypeName"), &t.type_name);
    }
    for (i, f) in c.custom_fields.iter().enumerate() {
        add("CustomFields", "", format!("CustomFields[{i}].Name"), &f.name);
    }
    for (i, list) in c.picklists.iter().enumerate() {
        for (v, value) in list.values.iter().enumerate() {
            add("Picklists", &fold(&list.name), format!("Picklists[{i}].Values[{v}]"), value);
        }
    }
    for (p, program) in c.programs.iter().enumerate() {
        add("Programs", "", format!("Programs[{p}].ID"), &program.id);
        for (f, filter) in program.filters.iter().enumerate() {
            add("Filters", "", format!("Programs[{p}].Filters[{f}].ID"), &filter.id);
        }
    }
    names
}
