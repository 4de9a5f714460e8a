//! A configuration indexed for look-up by folded name ([`crate::id::fold`]).

use std::collections::{HashMap, hash_map::Entry};

use foldhash::quality::RandomState;
use regex::Regex;

use super::*;
use crate::id::fold;

/// A [`Configuration`] with look-ups by name. Cheap to share (`Arc`), made once per configuration version.
#[derive(Debug, Default)]
pub struct Config {
    /// What it was made from.
    pub source: Configuration,
    types: [Names<usize>; 6],
    fields: Names<usize>,
    picklists: Names<usize>,
    /// Of each picklist, where its values are in it.
    choices: Vec<Names<usize>>,
    consents: Names<usize>,
    programs: Names<usize>,
    filters: Names<(usize, usize)>,
    segments: Names<usize>,
    groups: Names<usize>,
    users: Names<usize>,
    patterns: HashMap<String, Regex>,
}

/// Where things are, by their names: folded, and as the configuration spells them, which is how nearly everybody does. Folding costs more than
/// looking, and a profile names some thirty things.
#[derive(Debug)]
struct Names<P>(HashMap<String, P, RandomState>);

impl<P> Default for Names<P> {
    fn default() -> Self {
        Self(HashMap::default())
    }
}

impl<P: Copy> Names<P> {
    /// Of two equal names the first counts.
    fn put(&mut self, name: &str, place: P) {
        if let Entry::Vacant(free) = self.0.entry(fold(name)) {
            free.insert(place);
            // It folds to the same, so that it can't be another one's.
            self.0.insert(name.to_owned(), place);
        }
    }

    fn get(&self, name: &str) -> Option<P> {
        self.0.get(name).or_else(|| self.0.get(&fold(name))).copied()
    }
}

/// The six kinds of contact and identity types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum TypeKind {
    Email,
    Phone,
    Address,
    Customer,
    AlternateId,
    Group,
}

impl Config {
    /// Indexes a configuration; of two equal names the first counts (a checked configuration has none).
    pub fn new(source: Configuration) -> Self {
        fn by<T>(items: &[T], name: impl Fn(&T) -> &str) -> Names<usize> {
            let mut names = Names::default();
            items.iter().enumerate().for_each(|(i, item)| names.put(name(item), i));
            names
        }
        let t = |items: &[TypeDef]| by(items, |t| &t.type_name);
        let mut filters = Names::default();
        for (p, program) in source.programs.iter().enumerate() {
            for (f, filter) in program.filters.iter().enumerate() {
                filters.put(&filter.id, (p, f));
            }
        }
        Self {
            types: [
                t(&source.email_types),
                t(&source.phone_types),
                t(&source.address_types),
                t(&source.customer_types),
                t(&source.alternate_id_types),
                t(&source.group_types),
            ],
            fields: by(&source.custom_fields, |f| &f.name),
            picklists: by(&source.picklists, |p| &p.name),
            choices: source.picklists.iter().map(|p| by(&p.values, |value| value)).collect(),
            consents: by(&source.consent_types, |c| &c.type_name),
            programs: by(&source.programs, |p| &p.id),
            segments: by(&source.segments, |s| &s.name),
            groups: by(&source.segment_groups, |s| &s.name),
            users: by(&source.users, |u| &u.user_id),
            patterns: (source.custom_fields.iter())
                .filter_map(|f| Some((f.name.clone(), whole_match(f.regular_expression()?).ok()?)))
                .collect(),
            filters,
            source,
        }
    }

    fn types_of(&self, kind: TypeKind) -> (&[TypeDef], &Names<usize>) {
        let list = match kind {
            TypeKind::Email => &self.source.email_types,
            TypeKind::Phone => &self.source.phone_types,
            TypeKind::Address => &self.source.address_types,
            TypeKind::Customer => &self.source.customer_types,
            TypeKind::AlternateId => &self.source.alternate_id_types,
            TypeKind::Group => &self.source.group_types,
        };
        (list, &self.types[kind as usize])
    }

    /// The types of this kind, with what one is called in messages.
    pub fn types(&self, kind: TypeKind) -> (&'static str, &[TypeDef]) {
        let what = match kind {
            TypeKind::Email => "email type",
            TypeKind::Phone => "phone type",
            TypeKind::Address => "address type",
            TypeKind::Customer => "customer type",
            TypeKind::AlternateId => "alternate id type",
            TypeKind::Group => "group type",
        };
        (what, self.types_of(kind).0)
    }
    /// The type of this kind and name.
    pub fn type_def(&self, kind: TypeKind, name: &str) -> Option<&TypeDef> {
        let (list, map) = self.types_of(kind);
        map.get(name).map(|i| &list[i])
    }
    /// The account's default type of this kind.
    pub fn default_type(&self, kind: TypeKind) -> Option<&TypeDef> {
        self.types_of(kind).0.iter().find(|t| t.is_default && t.is_active)
    }
    /// The custom field of this name.
    pub fn custom_field(&self, name: &str) -> Option<&CustomField> {
        self.fields.get(name).map(|i| &self.source.custom_fields[i])
    }
    /// The regular expression that the values of a text field must match from end to end.
    pub fn pattern(&self, field: &CustomField) -> Option<&Regex> {
        self.patterns.get(&field.name)
    }
    /// The picklist of this name.
    pub fn picklist(&self, name: &str) -> Option<&Picklist> {
        self.picklists.get(name).map(|i| &self.source.picklists[i])
    }
    /// The value of the picklist of this name that a choice is, as the configuration spells it.
    pub fn choice(&self, picklist: &str, choice: &str) -> Option<&str> {
        let list = self.picklists.get(picklist)?;
        self.choices[list].get(choice).map(|value| self.source.picklists[list].values[value].as_str())
    }
    /// The consent type of this name.
    pub fn consent_type(&self, name: &str) -> Option<&ConsentType> {
        self.consents.get(name).map(|i| &self.source.consent_types[i])
    }
    /// The filter of this id, with its program.
    pub fn filter(&self, id: &str) -> Option<(&Program, &Filter)> {
        self.filters.get(id).map(|(p, f)| {
            let program = &self.source.programs[p];
            (program, &program.filters[f])
        })
    }
    /// The program of this id.
    pub fn program(&self, id: &str) -> Option<&Program> {
        self.programs.get(id).map(|i| &self.source.programs[i])
    }
    /// The segment of this name.
    pub fn segment(&self, name: &str) -> Option<&Segment> {
        self.segments.get(name).map(|i| &self.source.segments[i])
    }
    /// The names of the segments whose definition asks for a tag.
    pub fn segments_with_tag(&self, tag: &str) -> Vec<&str> {
        fn asks(value: &serde_json::Value, tag: &str) -> bool {
            use serde_json::Value;
            match value {
                Value::Object(row) => {
                    row.get("Tag").and_then(Value::as_str).is_some_and(|name| fold(name) == fold(tag))
                        || row.values().any(|inner| asks(inner, tag))
                }
                Value::Array(rows) => rows.iter().any(|row| asks(row, tag)),
                _ => false,
            }
        }
        let segments = self.source.segments.iter();
        segments.filter(|s| s.criteria.as_ref().is_some_and(|c| asks(c, tag))).map(|s| s.name.as_str()).collect()
    }
    /// The segment group of this name.
    pub fn segment_group(&self, name: &str) -> Option<&SegmentGroup> {
        self.groups.get(name).map(|i| &self.source.segment_groups[i])
    }
    /// The user of this id.
    pub fn user(&self, id: &str) -> Option<&User> {
        self.users.get(id).map(|i| &self.source.users[i])
    }
    /// Whether the user is a member of `Administrators`.
    pub fn is_administrator(&self, user: &User) -> bool {
        user.user_groups.iter().any(|g| fold(g) == fold(ADMINISTRATORS))
    }
    /// Whether a user may execute what carries these permissions: by one of the groups, or as an administrator.
    pub fn can_execute(&self, user: &User, permissions: &[SegmentPermission]) -> bool {
        self.can(user, permissions, |p| p.can_execute)
    }
    /// The same of editing.
    pub fn can_edit(&self, user: &User, permissions: &[SegmentPermission]) -> bool {
        self.can(user, permissions, |p| p.can_edit)
    }
    /// The same of seeing. Who may edit a thing may see it.
    pub fn can_view(&self, user: &User, permissions: &[SegmentPermission]) -> bool {
        self.can(user, permissions, |p| p.can_view || p.can_edit)
    }
    fn can(&self, user: &User, permissions: &[SegmentPermission], right: impl Fn(&SegmentPermission) -> bool) -> bool {
        let mine = |p: &SegmentPermission| user.user_groups.iter().any(|g| fold(g) == fold(&p.user_group));
        self.is_administrator(user) || permissions.iter().any(|p| right(p) && mine(p))
    }
}

/// A pattern that matches whole values only: `[0-9]{5}` means five digits, not a text with five digits somewhere in it.
pub fn whole_match(pattern: &str) -> Result<Regex, regex::Error> {
    // By itself first: `a)(b` is no pattern, and would become one between our brackets.
    Regex::new(pattern)?;
    Regex::new(&format!(r"\A(?:{pattern})\z"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_name_finds_the_first_thing_that_folds_to_the_same(
            things in prop::collection::vec("[aAbBΣσς ]{1,3}", 0..6), asked in "[aAbBΣσς ]{1,3}",
        ) {
            let mut names = Names::default();
            things.iter().enumerate().for_each(|(place, name)| names.put(name, place));
            for asked in things.iter().chain([&asked]) {
                let wanted = things.iter().position(|name| fold(name) == fold(asked));
                prop_assert_eq!(names.get(asked), wanted, "{:?} in {:?}", asked, &things);
            }
        }
    }
}
