//! Nobody rises by changing who may do what (access.md, Permissions): who edits users and groups gives no right that they haven't got,
//! neither to others nor to themselves, and touches nobody who may do more than they.

use std::collections::HashMap;

use sayso_model::{
    config::{ADMINISTRATORS, Configuration, Rights, User, UserGroup},
    id::fold,
    refusal::Refusal,
};

use super::Caller;
use crate::error::ApiError;

/// Whether the caller may make the users and groups what they are in `new`. Looks at nothing but the difference, so that it holds for
/// every call that changes the configuration.
pub(super) fn check(caller: &Caller, new: &Configuration) -> Result<(), ApiError> {
    let present = &caller.account.config.source;
    let is_there = |c: &Configuration| c.user_groups.iter().any(|g| fold(&g.name) == fold(ADMINISTRATORS));
    if is_there(present) && !is_there(new) {
        let why = format!("the group {ADMINISTRATORS} can be neither removed nor renamed");
        return Err(Refusal::conflict("Name", why).into());
    }
    if caller.is_administrator() {
        return Ok(());
    }
    let own = caller.rights();
    let groups = (by_name(&present.user_groups, |g| &g.name), by_name(&new.user_groups, |g| &g.name));
    for group in differing(&groups.0, &groups.1) {
        let as_it_was = groups.0.get(&group).map(|g| of_group(present, g));
        let as_it_will_be = groups.1.get(&group).map(|g| of_group(new, g));
        within(&own, as_it_was.as_ref(), as_it_will_be.as_ref())?;
    }
    let users = (by_name(&present.users, |u| &u.user_id), by_name(&new.users, |u| &u.user_id));
    for user in differing(&users.0, &users.1) {
        let as_it_was = users.0.get(&user).map(|u| of_user(present, u));
        let as_it_will_be = users.1.get(&user).map(|u| of_user(new, u));
        within(&own, as_it_was.as_ref(), as_it_will_be.as_ref())?;
    }
    Ok(())
}

/// Whether the caller may make and end the credentials of a user: whoever holds one acts as that user.
pub(crate) fn may_touch(caller: &Caller, user: &User) -> Result<(), ApiError> {
    if caller.is_administrator() {
        return Ok(());
    }
    within(&caller.rights(), Some(&of_user(&caller.account.config.source, user)), None)
}

fn within(own: &Rights, was: Option<&Rights>, will_be: Option<&Rights>) -> Result<(), ApiError> {
    if let Some(right) = was.and_then(|rights| rights.beyond(own)) {
        return Err(ApiError::MayNotTouch(right));
    }
    match will_be.and_then(|rights| rights.beyond(own)) {
        Some(right) => Err(ApiError::MayNotGive(right)),
        None => Ok(()),
    }
}

fn of_group(c: &Configuration, group: &UserGroup) -> Rights {
    Rights::of(c, [group.name.as_str()])
}

/// Of a user who is switched off, too: switched on, they have them.
fn of_user(c: &Configuration, user: &User) -> Rights {
    Rights::of(c, user.user_groups.iter().map(String::as_str))
}

fn by_name<T>(things: &[T], name: impl Fn(&T) -> &str) -> HashMap<String, &T> {
    things.iter().map(|thing| (fold(name(thing)), thing)).collect()
}

/// The names of what is made, changed or gone, in order.
fn differing<T: PartialEq>(was: &HashMap<String, &T>, will_be: &HashMap<String, &T>) -> Vec<String> {
    let mut names: Vec<String> = was.keys().chain(will_be.keys()).cloned().collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| was.get(name) != will_be.get(name));
    names
}
