//! What user groups let their members do (access.md, Permissions), taken together, so that two sets of groups can be compared: nobody gives
//! what they haven't got.

use std::collections::{BTreeMap, BTreeSet};

use super::{ADMINISTRATORS, Area, Configuration, Level, SegmentPermission};
use crate::id::fold;

/// Everything that the members of some user groups may do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    everything: bool,
    levels: BTreeMap<Area, Level>,
    on_segments: BTreeSet<OnSegment>,
}

/// A right on one segment or segment group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct OnSegment {
    is_group: bool,
    folded_name: String,
    right: &'static str,
}

impl Rights {
    /// Those of the members of these groups. A group that isn't configured gives none, but for Administrators, which is always there.
    pub fn of<'n>(c: &Configuration, groups: impl IntoIterator<Item = &'n str>) -> Self {
        let names: BTreeSet<String> = groups.into_iter().map(fold).collect();
        let mut rights = Rights { everything: names.contains(&fold(ADMINISTRATORS)), ..Rights::default() };
        for group in c.user_groups.iter().filter(|group| names.contains(&fold(&group.name))) {
            for (area, level) in &group.permissions {
                let so_far = rights.levels.entry(*area).or_insert(Level::None);
                *so_far = (*so_far).max(*level);
            }
        }
        let segments = c.segments.iter().map(|s| (false, &s.name, &s.permissions));
        let groups = c.segment_groups.iter().map(|g| (true, &g.name, &g.permissions));
        for (is_group, name, permissions) in segments.chain(groups) {
            for permission in permissions.iter().filter(|p| names.contains(&fold(&p.user_group))) {
                let given = given(permission).into_iter().filter(|(has, _)| *has);
                rights.on_segments.extend(given.map(|(_, right)| OnSegment {
                    is_group,
                    folded_name: fold(name),
                    right,
                }));
            }
        }
        rights
    }

    /// How far they reach in an area.
    pub fn level(&self, area: Area) -> Level {
        if self.everything {
            return Level::Edit;
        }
        self.levels.get(&area).copied().unwrap_or(Level::None)
    }

    /// The first right that the other has not, as a message names it: an area with its level, or what may be done with a segment (not
    /// with which, since that may be hidden).
    pub fn beyond(&self, other: &Rights) -> Option<String> {
        if other.everything {
            return None;
        }
        if self.everything {
            return Some(format!("the membership of {ADMINISTRATORS}"));
        }
        let more = self.levels.iter().find(|(area, level)| **level > other.covers(**area));
        if let Some((area, level)) = more {
            return Some(format!("the permission {area:?} ({level:?})"));
        }
        let more = self.on_segments.difference(&other.on_segments).next()?;
        let what = if more.is_group { "a segment group" } else { "a segment" };
        Some(format!("{} on {what}", more.right))
    }

    /// The level of an area, or of that which covers it: a profile's preferences and consents are part of it.
    fn covers(&self, area: Area) -> Level {
        let own = self.level(area);
        match area {
            Area::Preferences | Area::Consents => own.max(self.level(Area::Profiles)),
            _ => own,
        }
    }
}

/// Who may edit a thing may see it.
fn given(p: &SegmentPermission) -> [(bool, &'static str); 3] {
    [(p.can_view || p.can_edit, "CanView"), (p.can_edit, "CanEdit"), (p.can_execute, "CanExecute")]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Segment, UserGroup};

    fn configuration() -> Configuration {
        let group = |name: &str, permissions: &[(Area, Level)]| UserGroup {
            name: name.into(),
            description: None,
            permissions: permissions.iter().copied().collect(),
        };
        let permission =
            SegmentPermission { user_group: "exporters".into(), can_view: false, can_edit: false, can_execute: true };
        Configuration {
            user_groups: vec![
                group("Readers", &[(Area::Profiles, Level::View)]),
                group("Writers", &[(Area::Profiles, Level::Edit)]),
                group("Choosers", &[(Area::Preferences, Level::Edit)]),
                group("Exporters", &[]),
            ],
            segments: vec![Segment {
                name: "Everyone".into(),
                description: None,
                profiles: Default::default(),
                criteria: None,
                output: Default::default(),
                permissions: vec![permission],
            }],
            ..Configuration::default()
        }
    }

    #[test]
    fn what_one_set_of_groups_may_beyond_another_is_named() {
        let c = configuration();
        let beyond = |groups: &[&str], others: &[&str]| {
            Rights::of(&c, groups.iter().copied()).beyond(&Rights::of(&c, others.iter().copied()))
        };
        assert_eq!(beyond(&["READERS"], &["Writers"]), None);
        assert_eq!(beyond(&["Writers"], &["Readers"]), Some("the permission Profiles (Edit)".into()));
        assert_eq!(beyond(&["Choosers"], &["Writers"]), None, "preferences are part of a profile");
        assert_eq!(beyond(&["Writers"], &["Choosers"]), Some("the permission Profiles (Edit)".into()));
        assert_eq!(beyond(&["Readers", "Exporters"], &["Readers"]), Some("CanExecute on a segment".into()));
        assert_eq!(beyond(&["Exporters"], &["Readers", "Exporters"]), None);
        assert_eq!(beyond(&["administrators"], &["Writers"]), Some("the membership of Administrators".into()));
        assert_eq!(beyond(&["Writers", "Exporters"], &["Administrators"]), None);
        assert_eq!(beyond(&["Nobody"], &[]), None);
    }
}
