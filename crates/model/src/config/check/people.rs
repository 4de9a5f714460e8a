//! Source groups, user groups and users.

use super::{Checker, NAME, Reference};
use crate::{
    config::{ADMINISTRATORS, Configuration},
    id::fold,
    refusal::{Refusal, shown},
};

impl Checker<'_> {
    pub(super) fn source_and_user_groups(&mut self) {
        let (sources, groups) = (&self.new.source_groups, &self.new.user_groups);
        self.names(NAME, sources.iter().enumerate().map(|(i, g)| (format!("SourceGroups[{i}].Name"), g.name.as_str())));
        self.names(NAME, groups.iter().enumerate().map(|(i, g)| (format!("UserGroups[{i}].Name"), g.name.as_str())));
    }

    pub(super) fn users(&mut self) {
        let users = &self.new.users;
        self.names(NAME, users.iter().enumerate().map(|(i, u)| (format!("Users[{i}].UserId"), u.user_id.as_str())));
        for (i, user) in users.iter().enumerate() {
            // a scope is ClientId/UserId, and what is signed is joined by colons (access.md)
            if let Some(c) = user.user_id.chars().find(|c| matches!(c, '/' | ':') || c.is_whitespace()) {
                let why = format!(
                    "{} has {c:?} in it; letters, digits and marks but / and : are accepted",
                    shown(&user.user_id)
                );
                self.invalid(format!("Users[{i}].UserId"), why);
            }
            for (g, group) in user.user_groups.iter().enumerate() {
                self.user_group(format!("Users[{i}].UserGroups[{g}]"), format!("the user {}", user.user_id), group);
            }
            if let Some(source) = &user.source_group {
                let reference = Reference {
                    path: format!("Users[{i}].SourceGroup"),
                    user: format!("the user {}", user.user_id),
                    what: "source group",
                    name: source,
                };
                self.reference(reference, |c| c.source_groups.iter().map(|g| g.name.as_str()).collect());
            }
        }
        if self.current.is_some_and(|current| has_administrator(&current.source)) && !has_administrator(self.new) {
            let why = format!(
                "the last active member of {ADMINISTRATORS} would go, and nobody could administer the account; make another first"
            );
            self.refusals.push(Refusal::conflict("Users", why));
        }
    }

    /// A reference to a user group. Administrators is always there, configured or not (access.md).
    pub(super) fn user_group(&mut self, path: String, user: String, name: &str) {
        if fold(name) != fold(ADMINISTRATORS) {
            let reference = Reference { path, user, what: "user group", name };
            self.reference(reference, |c| c.user_groups.iter().map(|g| g.name.as_str()).collect());
        }
    }
}

/// Whether somebody can administer the account.
fn has_administrator(c: &Configuration) -> bool {
    let is = |group: &String| fold(group) == fold(ADMINISTRATORS);
    c.users.iter().any(|user| user.is_active && user.user_groups.iter().any(is))
}
