//! Segments and segment groups, and what they use.

use super::{Checker, NAME, missing};
use crate::{
    config::{Config, Population, Segment, SegmentGroup, SegmentPermission},
    id::fold,
    refusal::Refusal,
    segment,
};

/// The most members of a segment group. Each stands one level deeper in the criterion that they are folded into, and nothing that
/// recurses over it may come to the end of a thread's stack.
const MAX_MEMBERS: usize = 256;

impl Checker<'_> {
    pub(super) fn segments(&mut self) {
        let (segments, current) = (&self.new.segments, self.current);
        self.names(NAME, segments.iter().enumerate().map(|(i, s)| (format!("Segments[{i}].Name"), s.name.as_str())));
        for (i, new) in segments.iter().enumerate() {
            self.permissions(&format!("Segments[{i}]"), &format!("the segment {}", new.name), &new.permissions);
            let path = format!("Segments[{i}].Criteria");
            let parse = |config: &Config| segment::parse(new.criteria.as_ref(), new.profiles, config, &path);
            let Err(refusal) = parse(self.config) else { continue };
            // a definition that stood before and was well formed then: what it uses was taken away
            let stood = |config: &Config| {
                let before = config.segment(&new.name);
                before.is_some_and(|b| (b.profiles, &b.criteria) == (new.profiles, &new.criteria))
                    && parse(config).is_ok()
            };
            self.refusals.push(if current.is_some_and(stood) {
                let why = format!("the segment {} uses what would go: {}", new.name, refusal.message);
                Refusal::conflict(refusal.path, why)
            } else {
                refusal
            });
        }
    }

    pub(super) fn segment_groups(&mut self) {
        let (groups, current) = (&self.new.segment_groups, self.current);
        self.names(NAME, groups.iter().enumerate().map(|(i, g)| (format!("SegmentGroups[{i}].Name"), g.name.as_str())));
        for (i, group) in groups.iter().enumerate() {
            let path = format!("SegmentGroups[{i}]");
            self.permissions(&path, &format!("the segment group {}", group.name), &group.permissions);
            if group.members.is_empty() {
                self.invalid(format!("{path}.Members"), "is empty; a segment group has at least one member");
            }
            if group.members.len() > MAX_MEMBERS {
                let n = group.members.len();
                let why =
                    format!("has {n} members; at most {MAX_MEMBERS} are accepted: join conditions within a segment");
                self.invalid(format!("{path}.Members"), why);
            }
            let before = current.and_then(|c| Some((c, c.segment_group(&group.name)?)));
            self.members(&path, group, before);
        }
    }

    /// Every member is there, and all are over live profiles or all over deleted ones. What was so before this change is a
    /// conflict: the member was changed, not the group.
    fn members(&mut self, path: &str, group: &SegmentGroup, before: Option<(&Config, &SegmentGroup)>) {
        let at = |m: usize| format!("{path}.Members[{m}].Segment");
        let was_member =
            |name: &str| before.filter(|(_, group)| group.members.iter().any(|m| fold(&m.segment) == fold(name)));
        let mut first: Option<&Segment> = None;
        for (m, member) in group.members.iter().enumerate() {
            let Some(segment) = self.config.segment(&member.segment) else {
                self.refusals.push(match was_member(&member.segment) {
                    Some(_) => {
                        let why = format!(
                            "the segment group {} uses the segment {}; take it out of the group first",
                            group.name, member.segment
                        );
                        Refusal::conflict(at(m), why)
                    }
                    None => {
                        missing(at(m), "segment", &member.segment, self.new.segments.iter().map(|s| s.name.clone()))
                    }
                });
                continue;
            };
            let first = *first.get_or_insert(segment);
            let deleted = |s: &Segment| s.profiles == Population::Deleted;
            if deleted(first) == deleted(segment) {
                continue;
            }
            let why = format!(
                "the segment group {} would join {} and {}: members are all over live profiles or all over deleted ones",
                group.name, first.name, segment.name
            );
            let changed = [first, segment].into_iter().any(|s| {
                was_member(&s.name).and_then(|(c, _)| c.segment(&s.name)).is_some_and(|b| deleted(b) != deleted(s))
            });
            self.refusals.push(if changed { Refusal::conflict(at(m), why) } else { Refusal::invalid(at(m), why) });
        }
    }

    fn permissions(&mut self, path: &str, user: &str, permissions: &[SegmentPermission]) {
        let at = |i: usize| format!("{path}.Permissions[{i}].UserGroup");
        self.names(NAME, permissions.iter().enumerate().map(|(i, p)| (at(i), p.user_group.as_str())));
        for (i, permission) in permissions.iter().enumerate() {
            self.user_group(at(i), user.to_owned(), &permission.user_group);
        }
    }
}
