//! What profiles use can neither go nor change (configuration.md, Segments: rendered rows carry it).

use std::collections::{HashMap, HashSet};

use super::names::{Named, names};
use crate::{
    config::{Config, Configuration, CustomFieldKind},
    facts::{Terms, tells, tells_of_field},
    id::fold,
    refusal::Refusal,
    segment::{Element, FieldKind},
};

/// Refuses that what a profile carries, or carried once, goes or changes in a way that rendered rows would show: a name, a filter's
/// program or channel, the kind of a custom field. `terms` is the account's dictionary, which remembers. Beside [`super::check`], which knows no
/// profiles. A name in use is retired by `IsActive` instead.
pub fn check_use(new: &Configuration, current: &Configuration, terms: &Terms) -> Result<(), Vec<Refusal>> {
    let mut use_of = UseOf { current, terms, refusals: Vec::new() };
    use_of.names_stay(new);
    use_of.filters_stay(new);
    use_of.fields_stay(new);
    if use_of.refusals.is_empty() { Ok(()) } else { Err(use_of.refusals) }
}

struct UseOf<'a> {
    current: &'a Configuration,
    terms: &'a Terms,
    refusals: Vec<Refusal>,
}

impl UseOf<'_> {
    /// Names that go, and names in other letters: rows show them as they were.
    fn names_stay(&mut self, new: &Configuration) {
        let left: HashMap<_, _> = names(new).into_iter().map(|n| (n.key(), n)).collect();
        let of_gone: HashSet<_> =
            names(self.current).into_iter().map(|n| n.key()).filter(|key| !left.contains_key(key)).collect();
        for was in names(self.current) {
            match left.get(&was.key()) {
                Some(now) if now.name == was.name => {}
                // that the whole goes is said once
                None if was.part_of().is_some_and(|whole| of_gone.contains(&whole)) => {}
                now if self.carried(&was) => {
                    self.refusals.push(match now {
                        Some(now) => {
                            let why = format!(
                                "{} is written {}; rendered rows carry it, so it stays as it is",
                                now.name, was.name
                            );
                            Refusal::conflict(now.path.clone(), why)
                        }
                        None => {
                            let retire = if was.can_be_retired() { ", or set its IsActive to false" } else { "" };
                            let (name, whole) = (was.name, self.whole(&was));
                            let why = format!("profiles carry {name}{whole}, which would go; leave it{retire}");
                            Refusal::conflict(was.kind, why)
                        }
                    });
                }
                _ => {}
            }
        }
    }

    /// What a name is a part of, for messages: ` of the version v1 of the consent type Marketing`.
    fn whole(&self, part: &Named<'_>) -> String {
        let of = part.part_of().and_then(|key| names(self.current).into_iter().find(|named| named.key() == key));
        let Some(whole) = of else { return String::new() };
        let what = match whole.kind {
            "ConsentTypes" => "consent type",
            "Versions" => "version",
            _ => "filter",
        };
        format!(" of the {what} {}{}", whole.name, self.whole(&whole))
    }

    fn filters_stay(&mut self, new: &Configuration) {
        let current = Config::new(self.current.clone());
        for (p, program) in new.programs.iter().enumerate() {
            for (f, filter) in program.filters.iter().enumerate() {
                let Some((was_program, was)) = current.filter(&filter.id) else { continue };
                let moved = fold(&was_program.id) != fold(&program.id);
                let turned = was.channel_id != filter.channel_id;
                if !(moved || turned) || !tells(self.terms, Element::Preference, &[("FilterId", &fold(&filter.id))]) {
                    continue;
                }
                let at = |member: &str| format!("Programs[{p}].Filters[{f}].{member}");
                if moved {
                    let why = format!(
                        "profiles carry the filter {} of the program {}, so it stays there: give the new one another ID",
                        filter.id, was_program.id
                    );
                    self.refusals.push(Refusal::conflict(at("ProgramID"), why));
                }
                if turned {
                    let why = format!(
                        "profiles carry the filter {} of the channel {}, so it stays: give the new one another ID",
                        filter.id,
                        was.channel_id.word()
                    );
                    self.refusals.push(Refusal::conflict(at("ChannelID"), why));
                }
            }
        }
    }

    fn fields_stay(&mut self, new: &Configuration) {
        for (i, field) in new.custom_fields.iter().enumerate() {
            let was = self.current.custom_fields.iter().find(|f| fold(&f.name) == fold(&field.name));
            if was.is_some_and(|was| FieldKind::of(&was.kind) != FieldKind::of(&field.kind))
                && tells_of_field(self.terms, &fold(&field.name), None)
            {
                let why = format!(
                    "the custom field {} holds another kind of value, which profiles carry: give the new one another name",
                    field.name
                );
                self.refusals.push(Refusal::conflict(format!("CustomFields[{i}].Kind"), why));
            }
        }
    }

    fn carried(&self, named: &Named<'_>) -> bool {
        let name = fold(named.name);
        let within = |i: usize| named.within.get(i).map_or("", String::as_str);
        let tells = |element, told: &[(&str, &str)]| tells(self.terms, element, told);
        match named.kind {
            "EmailTypes" => tells(Element::Email, &[("EmailAddressType", &name)]),
            "PhoneTypes" => tells(Element::Phone, &[("PhoneType", &name)]),
            "AddressTypes" => tells(Element::Address, &[("AddressType", &name)]),
            "CustomerTypes" => tells(Element::Profile, &[("CustomerType", &name)]),
            "AlternateIdTypes" => tells(Element::AlternateId, &[("AlternateIdType", &name)]),
            "GroupTypes" => tells(Element::Group, &[("GroupType", &name)]),
            "ConsentTypes" => tells(Element::Consent, &[("ConsentType", &name)]),
            "Versions" => tells(Element::Consent, &[("ConsentType", within(0)), ("ConsentVersion", &name)]),
            "Locales" => {
                let of_version = [("ConsentType", within(0)), ("ConsentVersion", within(1)), ("Locale", &name)];
                tells(Element::Consent, &of_version)
            }
            "Programs" => tells(Element::Preference, &[("ProgramId", &name)]),
            "Filters" => tells(Element::Preference, &[("FilterId", &name)]),
            "Frequencies" => tells(Element::Preference, &[("FilterId", within(0)), ("FrequencyId", &name)]),
            "CustomFields" => tells_of_field(self.terms, &name, None),
            _ => self.current.custom_fields.iter().any(|field| match &field.kind {
                CustomFieldKind::SelectList { picklist, .. } => {
                    fold(picklist) == within(0) && tells_of_field(self.terms, &fold(&field.name), Some(&name))
                }
                _ => false,
            }),
        }
    }
}
