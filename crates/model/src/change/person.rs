//! The person as such: name, type, flags, alternate ids, groups and tags.

use std::{collections::HashSet, hash::Hash};

use serde_json::Map;

use super::{
    HistoryKind, Mode, Path, Write,
    check::{Name, matched, required, within},
    json,
};
use crate::{
    config::TypeKind,
    id::fold,
    input::{AlternateIdInput, CustomerNameInput, Field, GroupInput, ProfileInput, TagInput},
    profile::{AlternateId, CustomerName, Group, Profile, Tag},
    refusal::{Refusal, shown},
};

impl TypeKind {
    fn words(self) -> &'static str {
        match self {
            TypeKind::Email => "email type",
            TypeKind::Phone => "phone type",
            TypeKind::Address => "address type",
            TypeKind::Customer => "customer type",
            TypeKind::AlternateId => "alternate id type",
            TypeKind::Group => "group type",
        }
    }
}

impl Write<'_> {
    /// The configured spelling of a type.
    pub(super) fn type_name(&self, path: &Path<'_>, kind: TypeKind, name: &str) -> Result<String, Refusal> {
        match self.config.type_def(kind, name) {
            Some(t) => Ok(t.type_name.clone()),
            None => Err(path.unknown(format!("{} {} is not configured in this account", kind.words(), shown(name)))),
        }
    }

    /// Refuses a type that was switched off. For new things only: those that are there keep theirs.
    pub(super) fn type_is_active(&self, path: &Path<'_>, kind: TypeKind, name: &str) -> Result<(), Refusal> {
        if self.config.type_def(kind, name).is_some_and(|t| t.is_active) {
            return Ok(());
        }
        Err(path.unknown(format!(
            "{} {} is switched off in this account: it takes nothing new",
            kind.words(),
            shown(name)
        )))
    }
}

/// The standard fields. A customer type or locale that is cleared, or was never given, is the account's default.
pub(super) fn fields(w: &mut Write<'_>, p: &mut Profile, input: &ProfileInput) -> Result<(), Refusal> {
    // A new profile has no former values.
    let mut former = (w.mode != Mode::Create).then(Map::new);
    let replacing = w.mode == Mode::Replace;
    let flag = |sent: Option<bool>, default: bool| sent.or(replacing.then_some(default));
    set(&mut p.is_active, flag(input.is_active, true), "IsActive", &mut former);
    let confirmed = flag(input.registration_confirmed, false);
    set(&mut p.registration_confirmed, confirmed, "RegistrationConfirmed", &mut former);
    set(&mut p.preserve_consents, flag(input.preserve_consents, true), "PreserveConsents", &mut former);
    set(&mut p.preserve_preferences, flag(input.preserve_preferences, true), "PreservePreferences", &mut former);

    let path = Path::Root.member("CustomerType");
    let customer_type = match &input.customer_type {
        Field::Absent if w.keeps_unsent() => None,
        Field::Set(name) if !name.trim().is_empty() => {
            within(&path, name, 100)?;
            let name = w.type_name(&path, TypeKind::Customer, name)?;
            if p.customer_type.as_ref() != Some(&name) {
                w.type_is_active(&path, TypeKind::Customer, &name)?;
            }
            Some(Some(name))
        }
        _ => Some(w.config.default_type(TypeKind::Customer).map(|t| t.type_name.clone())),
    };
    set(&mut p.customer_type, customer_type, "CustomerType", &mut former);

    let locale = match &input.default_locale {
        Field::Absent if w.keeps_unsent() => None,
        Field::Set(locale) if !locale.trim().is_empty() => {
            within(&Path::Root.member("DefaultLocale"), locale, 15)?;
            Some(Some(locale.clone()))
        }
        _ => Some(w.config.source.default_locale.clone()),
    };
    set(&mut p.default_locale, locale, "DefaultLocale", &mut former);

    let nameless = CustomerName::default();
    let name = match &input.customer_name {
        Some(name) => Some(customer_name(if replacing { &nameless } else { &p.customer_name }, name)?),
        None => replacing.then_some(nameless),
    };
    set(&mut p.customer_name, name, "CustomerName", &mut former);
    if let Some(former) = former.filter(|former| !former.is_empty()) {
        w.remember(HistoryKind::StandardFields, || former.into());
    }
    Ok(())
}

/// Sets a member, noting what it was if it changes.
fn set<T: PartialEq + serde::Serialize>(
    member: &mut T,
    value: Option<T>,
    name: &str,
    former: &mut Option<Map<String, serde_json::Value>>,
) {
    if let Some(value) = value.filter(|value| value != member) {
        if let Some(former) = former {
            former.insert(name.to_owned(), json(member));
        }
        *member = value;
    }
}

fn customer_name(current: &CustomerName, input: &CustomerNameInput) -> Result<CustomerName, Refusal> {
    let path = Path::Root.member("CustomerName");
    let part = |name: &'static str, field: &Field<String>, current: &Option<String>, max| match field {
        Field::Absent => Ok(current.clone()),
        Field::Null => Ok(None),
        Field::Set(text) => within(&path.member(name), text, max).map(|()| Some(text.clone())),
    };
    Ok(CustomerName {
        prefix: part("Prefix", &input.prefix, &current.prefix, 20)?,
        first_name: part("FirstName", &input.first_name, &current.first_name, 100)?,
        middle_name: part("MiddleName", &input.middle_name, &current.middle_name, 100)?,
        last_name: part("LastName", &input.last_name, &current.last_name, 100)?,
        suffix: part("Suffix", &input.suffix, &current.suffix, 20)?,
    })
}

/// Alternate ids; that no other profile has them is seen to by the store, inside its transaction.
pub(super) fn alternate_ids(
    w: &mut Write<'_>,
    list: &mut Vec<AlternateId>,
    input: &[AlternateIdInput],
) -> Result<(), Refusal> {
    let path = Path::Root.member("AlternateIds");
    let mut new = Vec::with_capacity(input.len());
    for (i, input) in input.iter().enumerate() {
        let item = path.item(i);
        let kind = required(&item.member("AlternateIdType"), &input.alternate_id_type, 100)?;
        new.push(AlternateId {
            alternate_id_type: w.type_name(&item.member("AlternateIdType"), TypeKind::AlternateId, kind)?,
            alternate_id: required(&item.member("AlternateId"), &input.alternate_id, 256)?.to_owned(),
            is_active: input.is_active.unwrap_or(true),
            edited: w.stamp(),
        });
    }
    let key = |a: &AlternateId| (fold(&a.alternate_id_type), fold(&a.alternate_id));
    let sent = sent(w.removes.alternate_ids, &new, key);
    fn names(a: &AlternateId) -> (Name<'_>, Name<'_>) {
        (Name(&a.alternate_id_type), Name(&a.alternate_id))
    }
    let found = matched(&path, "alternate id", list.iter().map(names), new.iter().map(names).enumerate())?;
    list.reserve_exact(new.len());
    for (i, (mut new, found)) in new.into_iter().zip(found).enumerate() {
        let Some(at) = found else {
            w.type_is_active(&path.item(i).member("AlternateIdType"), TypeKind::AlternateId, &new.alternate_id_type)?;
            list.push(new);
            continue;
        };
        let old = &mut list[at];
        if w.keeps_unsent() {
            new.is_active = input[i].is_active.unwrap_or(old.is_active);
        }
        new.edited = old.edited.clone();
        if new != *old {
            w.remember(HistoryKind::StandardFields, || serde_json::json!({ "AlternateIds": [json(&*old)] }));
            w.touch(&mut new.edited);
            *old = new;
        }
    }
    remove_unsent(w, w.removes.alternate_ids, "AlternateIds", list, &sent, key);
    Ok(())
}

/// The keys of what is sent, where what isn't is removed.
fn sent<T, K: Eq + Hash>(removes: bool, new: &[T], key: impl Fn(&T) -> K) -> HashSet<K> {
    if removes { new.iter().map(key).collect() } else { HashSet::new() }
}

/// Removes from a list what a write that does so didn't name.
fn remove_unsent<T: serde::Serialize, K: Eq + Hash>(
    w: &mut Write<'_>,
    removes: bool,
    name: &str,
    list: &mut Vec<T>,
    sent: &HashSet<K>,
    key: impl Fn(&T) -> K,
) {
    if removes {
        for old in list.extract_if(.., |item| !sent.contains(&key(item))) {
            w.remember(HistoryKind::StandardFields, || serde_json::json!({ name: [json(&old)] }));
        }
    }
}

/// Groups.
pub(super) fn groups(w: &mut Write<'_>, list: &mut Vec<Group>, input: &[GroupInput]) -> Result<(), Refusal> {
    let path = Path::Root.member("Groups");
    let mut new = Vec::with_capacity(input.len());
    for (i, input) in input.iter().enumerate() {
        let item = path.item(i);
        let kind = required(&item.member("GroupType"), &input.group_type, 100)?;
        new.push(Group {
            group_type: w.type_name(&item.member("GroupType"), TypeKind::Group, kind)?,
            group_name: required(&item.member("GroupName"), &input.group_name, 100)?.to_owned(),
            is_primary: input.is_primary.unwrap_or(false),
        });
    }
    let key = |g: &Group| (fold(&g.group_type), fold(&g.group_name));
    let sent = sent(w.removes.groups, &new, key);
    fn names(g: &Group) -> (Name<'_>, Name<'_>) {
        (Name(&g.group_type), Name(&g.group_name))
    }
    let found = matched(&path, "group", list.iter().map(names), new.iter().map(names).enumerate())?;
    list.reserve_exact(new.len());
    for (i, (mut new, found)) in new.into_iter().zip(found).enumerate() {
        let Some(at) = found else {
            w.type_is_active(&path.item(i).member("GroupType"), TypeKind::Group, &new.group_type)?;
            list.push(new);
            continue;
        };
        let old = &mut list[at];
        if w.keeps_unsent() {
            new.is_primary = input[i].is_primary.unwrap_or(old.is_primary);
        }
        if new != *old {
            w.remember(HistoryKind::StandardFields, || serde_json::json!({ "Groups": [json(&*old)] }));
            *old = new;
        }
    }
    remove_unsent(w, w.removes.groups, "Groups", list, &sent, key);
    Ok(())
}

/// Tags: free words, so one that is there already keeps its spelling.
pub(super) fn tags(w: &mut Write<'_>, list: &mut Vec<Tag>, input: &[TagInput]) -> Result<(), Refusal> {
    let path = Path::Root.member("ProfileTags");
    let mut new = Vec::with_capacity(input.len());
    for (i, input) in input.iter().enumerate() {
        new.push(Tag { name: required(&path.item(i).member("Name"), &input.name, 100)?.to_owned() });
    }
    let key = |t: &Tag| fold(&t.name);
    let sent = sent(w.removes.tags, &new, key);
    fn name(tag: &Tag) -> Name<'_> {
        Name(&tag.name)
    }
    let found = matched(&path, "tag", list.iter().map(name), new.iter().map(name).enumerate())?;
    list.extend(new.into_iter().zip(found).filter(|(_, found)| found.is_none()).map(|(tag, _)| tag));
    remove_unsent(w, w.removes.tags, "ProfileTags", list, &sent, key);
    Ok(())
}
