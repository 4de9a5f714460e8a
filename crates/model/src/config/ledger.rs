//! What is kept beside a configuration: which number each thing has, who made it and who changed it last. The configuration itself
//! has none of it, so that an account file reads the same before and after it was applied.
//!
//! There is one way in which a ledger changes, [`Ledger::follow`], and it looks at nothing but the former and the new configuration: an
//! applied file and a call of the API are stamped alike.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::{Configuration, Filter, Program};
use crate::{
    id::{Author, fold},
    moment::Moment,
    profile::EditInfo,
};

/// The kinds of things that an account sets up; names are unique within one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Kind {
    EmailTypes,
    PhoneTypes,
    AddressTypes,
    CustomerTypes,
    AlternateIdTypes,
    GroupTypes,
    Picklists,
    CustomFields,
    ConsentTypes,
    ProgramGroups,
    Programs,
    Filters,
    SourceGroups,
    UserGroups,
    Users,
    Segments,
    SegmentGroups,
}

/// One thing's number and history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Assigned ascending per account and kind, never reused, kept when the thing is renamed.
    pub id: u64,
    /// Who made it and who changed it last.
    pub edited: EditInfo,
}

/// A thing that goes on under another name. Without it a new name is a new thing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Renamed {
    pub kind: Kind,
    pub from: String,
    pub to: String,
}

/// What became of one thing in a change of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Changed {
    pub kind: Kind,
    /// As the new configuration writes it; of what is gone, as the former did.
    pub name: String,
    pub how: How,
}

/// How a thing changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum How {
    Added,
    Changed,
    /// It goes on under its new name; with the former one.
    Renamed(String),
    Removed,
}

/// The entries of every configured thing, by kind and name without regard to case.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ledger {
    kinds: BTreeMap<Kind, Numbered>,
}

/// The entries of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Numbered {
    /// The last number that was given.
    last: u64,
    by_name: BTreeMap<String, Entry>,
}

impl Ledger {
    /// The entry of a thing.
    pub fn entry(&self, kind: Kind, name: &str) -> Option<&Entry> {
        self.kinds.get(&kind)?.by_name.get(&fold(name))
    }

    /// The name, in lower case, of the thing that has this number.
    pub fn name_of(&self, kind: Kind, id: u64) -> Option<&str> {
        let mut all = self.kinds.get(&kind)?.by_name.iter();
        all.find(|(_, entry)| entry.id == id).map(|(name, _)| name.as_str())
    }

    /// Takes over a change of the configuration: what is new gets the next number of its kind, what differs is stamped, what is gone
    /// loses its entry. Another order of the same things is no change. Gives what changed, by kind.
    pub fn follow(
        &mut self,
        former: &Configuration,
        new: &Configuration,
        renamed: Option<&Renamed>,
        author: &Author,
        now: Moment,
    ) -> Vec<Changed> {
        let mut change = Change { ledger: self, renamed, author, now, told: Vec::new() };
        let types = [
            (Kind::EmailTypes, &former.email_types, &new.email_types),
            (Kind::PhoneTypes, &former.phone_types, &new.phone_types),
            (Kind::AddressTypes, &former.address_types, &new.address_types),
            (Kind::CustomerTypes, &former.customer_types, &new.customer_types),
            (Kind::AlternateIdTypes, &former.alternate_id_types, &new.alternate_id_types),
            (Kind::GroupTypes, &former.group_types, &new.group_types),
        ];
        for (kind, former, new) in types {
            change.list(kind, former, new, |t| &t.type_name, PartialEq::eq);
        }
        change.list(Kind::Picklists, &former.picklists, &new.picklists, |l| &l.name, PartialEq::eq);
        change.list(Kind::CustomFields, &former.custom_fields, &new.custom_fields, |f| &f.name, PartialEq::eq);
        change.list(Kind::ConsentTypes, &former.consent_types, &new.consent_types, |c| &c.type_name, PartialEq::eq);
        change.list(Kind::ProgramGroups, &former.program_groups, &new.program_groups, |g| &g.id, PartialEq::eq);
        change.list(Kind::Programs, &former.programs, &new.programs, |p| &p.id, same_but_filters);
        change.list(Kind::Filters, &filters(former), &filters(new), |f| &f.1.id, PartialEq::eq);
        change.list(Kind::SourceGroups, &former.source_groups, &new.source_groups, |g| &g.name, PartialEq::eq);
        change.list(Kind::UserGroups, &former.user_groups, &new.user_groups, |g| &g.name, PartialEq::eq);
        change.list(Kind::Users, &former.users, &new.users, |u| &u.user_id, PartialEq::eq);
        change.list(Kind::Segments, &former.segments, &new.segments, |s| &s.name, PartialEq::eq);
        change.list(Kind::SegmentGroups, &former.segment_groups, &new.segment_groups, |g| &g.name, PartialEq::eq);
        change.told
    }
}

/// Every filter with the program it belongs to: one that moves has changed.
fn filters(c: &Configuration) -> Vec<(&str, &Filter)> {
    c.programs.iter().flat_map(|p| p.filters.iter().map(|f| (p.id.as_str(), f))).collect()
}

/// A program's own members: its filters have entries of their own.
fn same_but_filters(a: &Program, b: &Program) -> bool {
    let own = |p: &Program| Program { filters: Vec::new(), ..p.clone() };
    own(a) == own(b)
}

struct Change<'a> {
    ledger: &'a mut Ledger,
    renamed: Option<&'a Renamed>,
    author: &'a Author,
    now: Moment,
    told: Vec<Changed>,
}

impl Change<'_> {
    fn list<T>(
        &mut self,
        kind: Kind,
        former: &[T],
        new: &[T],
        name: impl Fn(&T) -> &str,
        same: impl Fn(&T, &T) -> bool,
    ) {
        let numbered = self.ledger.kinds.entry(kind).or_default();
        let renamed = self.renamed.filter(|r| r.kind == kind).map(|r| (fold(&r.from), fold(&r.to)));
        if let Some((from, to)) = &renamed
            && from != to
            && let Some(entry) = numbered.by_name.remove(from)
        {
            numbered.by_name.insert(to.clone(), entry);
        }
        let before: HashMap<String, &T> = former.iter().map(|thing| (fold(name(thing)), thing)).collect();
        let mut left = BTreeSet::new();
        let mut tell = |name: &str, how| self.told.push(Changed { kind, name: name.to_owned(), how });
        for thing in new {
            let key = fold(name(thing));
            let was = match &renamed {
                Some((from, to)) if *to == key => before.get(from),
                _ => before.get(&key),
            };
            match numbered.by_name.get_mut(&key) {
                Some(_) if was.is_some_and(|was| same(was, thing)) => {}
                Some(entry) => {
                    tell(
                        name(thing),
                        match &renamed {
                            Some((from, to)) if *to == key && from != to => {
                                How::Renamed(was.map_or_else(String::new, |was| name(was).to_owned()))
                            }
                            _ => How::Changed,
                        },
                    );
                    entry.edited.last_modified_date = self.now;
                    entry.edited.last_modified_user_id.clone_from(&self.author.user_id);
                    entry.edited.last_modified_source_id.clone_from(&self.author.source_id);
                }
                None => {
                    tell(name(thing), How::Added);
                    numbered.last += 1;
                    let edited = EditInfo {
                        create_date: self.now,
                        create_user_id: self.author.user_id.clone(),
                        create_source_id: self.author.source_id.clone(),
                        last_modified_date: self.now,
                        last_modified_user_id: self.author.user_id.clone(),
                        last_modified_source_id: self.author.source_id.clone(),
                    };
                    numbered.by_name.insert(key.clone(), Entry { id: numbered.last, edited });
                }
            }
            left.insert(key);
        }
        for thing in former {
            let key = fold(name(thing));
            if !left.contains(&key) && renamed.as_ref().is_none_or(|(from, _)| *from != key) {
                tell(name(thing), How::Removed);
            }
        }
        numbered.by_name.retain(|name, _| left.contains(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::account::configuration;

    fn author(user_id: &str) -> Author {
        Author { user_id: user_id.into(), source_id: None }
    }

    /// The ledger of the test account, made at 1 by Maker.
    fn ledger() -> Ledger {
        let mut ledger = Ledger::default();
        ledger.follow(&Configuration::default(), &configuration(), None, &author("Maker"), Moment(1));
        ledger
    }

    fn changed(ledger: &mut Ledger, renamed: Option<(Kind, &str, &str)>, change: impl FnOnce(&mut Configuration)) {
        let mut new = configuration();
        change(&mut new);
        let renamed = renamed.map(|(kind, from, to)| Renamed { kind, from: from.into(), to: to.into() });
        ledger.follow(&configuration(), &new, renamed.as_ref(), &author("Changer"), Moment(2));
    }

    #[test]
    fn numbers_ascend_and_are_never_used_again() {
        let mut ledger = ledger();
        let id = |ledger: &Ledger, name| ledger.entry(Kind::EmailTypes, name).map(|e| e.id);
        assert_eq!((id(&ledger, "HOME"), id(&ledger, "Work")), (Some(1), Some(2)));
        changed(&mut ledger, None, |c| drop(c.email_types.remove(1)));
        assert_eq!(id(&ledger, "Work"), None);
        changed(&mut ledger, None, |_| {});
        assert_eq!(id(&ledger, "Work"), Some(3));
        let named = [2, 3].map(|id| ledger.name_of(Kind::EmailTypes, id));
        assert_eq!(named, [None, Some("work")], "a number finds what it was given to, or nothing");
    }

    #[test]
    fn what_changes_is_stamped_and_nothing_else() {
        let mut ledger = ledger();
        changed(&mut ledger, None, |c| {
            c.email_types.reverse();
            c.programs[0].filters[0].opt_in_expiration_in_days = Some(1);
        });
        let modified = |kind, name| {
            let edited = &ledger.entry(kind, name).unwrap().edited;
            (edited.create_date.0, edited.last_modified_date.0, edited.last_modified_user_id.as_str())
        };
        assert_eq!(modified(Kind::Filters, "NEWS-EMAIL"), (1, 2, "Changer"));
        assert_eq!(modified(Kind::Filters, "NEWS-MAIL"), (1, 1, "Maker"));
        assert_eq!(modified(Kind::Programs, "NEWS"), (1, 1, "Maker"));
        assert_eq!(modified(Kind::EmailTypes, "Home"), (1, 1, "Maker"));
    }

    #[test]
    fn a_thing_that_is_renamed_keeps_its_number_and_maker() {
        let mut ledger = ledger();
        let before = ledger.entry(Kind::EmailTypes, "Work").unwrap().clone();
        let rename = Some((Kind::EmailTypes, "Work", "Office"));
        changed(&mut ledger, rename, |c| c.email_types[1].type_name = "Office".into());
        let after = ledger.entry(Kind::EmailTypes, "office").unwrap();
        assert_eq!((after.id, after.edited.create_date), (before.id, before.edited.create_date));
        assert_eq!(after.edited.last_modified_user_id, "Changer");
        assert_eq!(ledger.entry(Kind::EmailTypes, "Work"), None);
        assert_eq!(ledger.name_of(Kind::EmailTypes, before.id), Some("office"));
        // another kind's thing of that name is not meant
        assert!(ledger.entry(Kind::PhoneTypes, "Home").is_some());
    }

    #[test]
    fn a_filter_that_moves_to_another_program_has_changed() {
        let mut ledger = ledger();
        changed(&mut ledger, None, |c| {
            let filter = c.programs[0].filters.remove(1);
            c.programs[1].filters.push(filter);
        });
        assert_eq!(ledger.entry(Kind::Filters, "NEWS-MAIL").unwrap().edited.last_modified_date, Moment(2));
    }

    #[test]
    fn a_ledger_is_kept_as_it_was() {
        let kept = serde_json::to_string(&ledger()).unwrap();
        assert_eq!(serde_json::from_str::<Ledger>(&kept).unwrap(), ledger());
    }
}
