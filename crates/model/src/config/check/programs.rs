//! Program groups, programs and their filters.

use std::collections::{HashMap, HashSet};

use super::{Checker, FREQUENCY, ID, NAME, missing};
use crate::{
    config::{Filter, Program},
    id::fold,
};

impl Checker<'_> {
    pub(super) fn program_groups(&mut self) {
        let groups = &self.new.program_groups;
        self.names(ID, groups.iter().enumerate().map(|(i, g)| (format!("ProgramGroups[{i}].ID"), g.id.as_str())));
        let parents: HashMap<String, Option<String>> =
            groups.iter().map(|g| (fold(&g.id), g.parent_id.as_deref().map(fold))).collect();
        for (i, group) in groups.iter().enumerate() {
            let Some(parent) = &group.parent_id else { continue };
            let path = format!("ProgramGroups[{i}].ParentID");
            if !parents.contains_key(&fold(parent)) {
                self.refusals.push(missing(path, "program group", parent, groups.iter().map(|g| g.id.clone())));
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
            self.program_group_of(&format!("Programs[{p}]"), program);
            for (f, filter) in program.filters.iter().enumerate() {
                self.filter(&format!("Programs[{p}].Filters[{f}]"), filter);
            }
        }
    }

    fn program_group_of(&mut self, path: &str, program: &Program) {
        let groups = &self.new.program_groups;
        if let Some(group) = &program.program_group_id
            && !groups.iter().any(|g| fold(&g.id) == fold(group))
        {
            let names = groups.iter().map(|g| g.id.clone());
            self.refusals.push(missing(format!("{path}.ProgramGroupID"), "program group", group, names));
        }
    }

    fn filter(&mut self, path: &str, filter: &Filter) {
        let at = |i: usize, member: &str| format!("{path}.Frequencies[{i}].{member}");
        let frequencies = filter.frequencies.iter().enumerate();
        self.names(FREQUENCY, frequencies.clone().map(|(i, f)| (at(i, "ID"), f.id.as_str())));
        self.at_most_one_default(frequencies.map(|(i, f)| (at(i, "IsDefault"), f.is_default)));
        for (i, consent) in filter.required_consents.iter().enumerate() {
            if self.config.consent_type(consent).is_none() {
                let names = self.new.consent_types.iter().map(|c| c.type_name.clone());
                let at = format!("{path}.RequiredConsents[{i}]");
                self.refusals.push(missing(at, "consent type", consent, names));
            }
        }
        let properties = filter.custom_properties.iter().enumerate();
        let named = properties.map(|(i, p)| (format!("{path}.CustomProperties[{i}].Name"), p.name.as_str()));
        self.names(NAME, named);
    }
}
