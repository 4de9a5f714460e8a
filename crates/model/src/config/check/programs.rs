//! Program groups, programs and their filters.

use std::collections::{HashMap, HashSet};

use super::{Checker, FREQUENCY, ID, IMPLIED, NAME, Reference};
use crate::{
    config::{Configuration, Filter, Program},
    id::fold,
    profile::Channel,
};

/// Which channels' filters imply a preference on one and the same thing (`crate::reading`).
const TOGETHER: [(&str, &[Channel]); 5] = [
    ("an email", &[Channel::Email]),
    ("an address", &[Channel::Mail]),
    ("a mobile phone", &[Channel::Phone, Channel::Text]),
    ("another phone", &[Channel::Phone, Channel::Fax]),
    ("a profile", &[Channel::Solicit]),
];

/// The places of the filters that imply a preference, of these channels.
fn implying(configuration: &Configuration, channels: &[Channel]) -> Vec<(usize, usize)> {
    let all = configuration.programs.iter().enumerate().flat_map(|(p, program)| {
        let filters = program.filters.iter().enumerate();
        filters.map(move |(f, filter)| ((p, f), filter))
    });
    let implies = |filter: &Filter| {
        filter.is_active && filter.default_preference.is_some() && channels.contains(&filter.channel_id)
    };
    all.filter(|(_, filter)| configuration.implied_preferences && implies(filter)).map(|(place, _)| place).collect()
}

impl Checker<'_> {
    pub(super) fn program_groups(&mut self) {
        let groups = &self.new.program_groups;
        self.names(ID, groups.iter().enumerate().map(|(i, g)| (format!("ProgramGroups[{i}].ID"), g.id.as_str())));
        let parents: HashMap<String, Option<String>> =
            groups.iter().map(|g| (fold(&g.id), g.parent_id.as_deref().map(fold))).collect();
        for (i, group) in groups.iter().enumerate() {
            if let Some(kind) = &group.group_type {
                self.name(&format!("ProgramGroups[{i}].Type"), kind, NAME);
            }
            self.properties(&format!("ProgramGroups[{i}]"), &group.custom_properties);
            let Some(parent) = &group.parent_id else { continue };
            let path = format!("ProgramGroups[{i}].ParentID");
            if !parents.contains_key(&fold(parent)) {
                self.program_group(path, format!("the program group {}", group.id), parent);
                continue;
            }
            let mut above = HashSet::new();
            let mut next = Some(fold(parent));
            while let Some(id) = next.filter(|id| above.insert(id.clone())) {
                next = parents.get(&id).cloned().flatten();
            }
            if above.contains(&fold(&group.id)) {
                self.invalid(path, format!("{} would stand within itself; groups nest without circles", group.id));
            }
        }
    }

    pub(super) fn programs(&mut self) {
        let programs = &self.new.programs;
        self.names(ID, programs.iter().enumerate().map(|(i, p)| (format!("Programs[{i}].ID"), p.id.as_str())));
        let filters = programs.iter().enumerate().flat_map(|(p, program)| {
            let filters = program.filters.iter().enumerate();
            filters.map(move |(f, filter)| (format!("Programs[{p}].Filters[{f}].ID"), filter.id.as_str()))
        });
        // one name space for all filters: a preference names its filter alone
        self.names(ID, filters);
        for (p, program) in programs.iter().enumerate() {
            self.program(&format!("Programs[{p}]"), program);
            for (f, filter) in program.filters.iter().enumerate() {
                self.filter(&format!("Programs[{p}].Filters[{f}]"), filter);
            }
        }
    }

    /// No more implied preferences on one contact than may be; where there are more already, none on top.
    pub(super) fn implied(&mut self) {
        for (what, channels) in TOGETHER {
            let places = implying(self.new, channels);
            let id =
                |configuration: &Configuration, (p, f): (usize, usize)| fold(&configuration.programs[p].filters[f].id);
            let before: HashSet<String> = self.current.map_or_else(HashSet::new, |current| {
                implying(&current.source, channels).into_iter().map(|place| id(&current.source, place)).collect()
            });
            let new = places.iter().rev().find(|place| !before.contains(&id(self.new, **place)));
            if places.len() > IMPLIED.max(before.len())
                && let Some((p, f)) = new
            {
                let why = format!(
                    "{} active filters would imply a preference on {what}; at most {IMPLIED} may: leave the default \
                     out, or make a filter inactive",
                    places.len()
                );
                self.invalid(format!("Programs[{p}].Filters[{f}].DefaultPreference"), why);
                return; // one filter may stand in two of them
            }
        }
    }

    fn program(&mut self, path: &str, program: &Program) {
        self.properties(path, &program.custom_properties);
        if let Some(group) = &program.program_group_id {
            self.program_group(format!("{path}.ProgramGroupID"), format!("the program {}", program.id), group);
        }
    }

    fn program_group(&mut self, path: String, user: String, name: &str) {
        let reference = Reference { path, user, what: "program group", name };
        self.reference(reference, |c| c.program_groups.iter().map(|g| g.id.as_str()).collect());
    }

    fn filter(&mut self, path: &str, filter: &Filter) {
        let at = |i: usize, member: &str| format!("{path}.Frequencies[{i}].{member}");
        let frequencies = filter.frequencies.iter().enumerate();
        self.names(FREQUENCY, frequencies.clone().map(|(i, f)| (at(i, "ID"), f.id.as_str())));
        self.at_most_one_default(frequencies.map(|(i, f)| (at(i, "IsDefault"), f.is_default)));
        for (i, consent) in filter.required_consents.iter().enumerate() {
            let reference = Reference {
                path: format!("{path}.RequiredConsents[{i}]"),
                user: format!("the filter {}", filter.id),
                what: "consent type",
                name: consent,
            };
            self.reference(reference, |c| c.consent_types.iter().map(|t| t.type_name.as_str()).collect());
        }
        self.properties(path, &filter.custom_properties);
    }
}
