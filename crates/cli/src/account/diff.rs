//! What a new configuration changes, by kind and name, for people to read before they say yes.
//!
//! Both configurations are compared in their written form, so a kind that is added to the model is seen here at once.

use std::fmt;

use sayso_model::{config::Configuration, id::fold};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::out::{Table, counted};

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// As in the file: `Segments`, `EmailTypes`, `DefaultLocale`.
    pub kind: String,
    /// The thing's name; empty for a setting of the account itself.
    pub name: String,
    /// Added, removed or changed.
    pub change: What,
    /// Which members changed: `Criteria`, `Filters (+NEWS-FAX)`, and for a setting the values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<String>,
    /// Of a user who is removed: what ends with the user, for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends: Option<Ends>,
}

/// The credentials of a user, which nobody has any more when the user is gone, also not a later one of the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Ends {
    /// OAuth clients.
    pub oauth_clients: u64,
    /// Shared keys.
    pub shared_keys: u64,
}

impl fmt::Display for Ends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (clients, keys) = (counted(self.oauth_clients, "OAuth client"), counted(self.shared_keys, "shared key"));
        write!(f, "removing this user ends {clients} and {keys}")
    }
}

/// What happens to a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum What {
    Added,
    Removed,
    Changed,
}

impl What {
    fn sign(self) -> &'static str {
        match self {
            What::Added => "+",
            What::Removed => "-",
            What::Changed => "~",
        }
    }
}

/// The changes that lead from one configuration to the other. Another order of the same things is no change.
///
/// # Errors
/// When a configuration can't be written as JSON, which none that was read can be.
pub fn changes(current: &Configuration, new: &Configuration) -> anyhow::Result<Vec<Change>> {
    let (current, new) = (serde_json::to_value(current)?, serde_json::to_value(new)?);
    let mut changes = Vec::new();
    for kind in names(&current, &new) {
        let (before, after) = (&current[&kind], &new[&kind]);
        if named_list(before) && named_list(after) {
            changes.extend(list_changes(before, after).into_iter().map(|(name, change, members)| Change {
                kind: kind.clone(),
                name,
                change,
                members,
                ends: None,
            }));
        } else if before != after {
            let members = vec![format!("{} -> {}", plain(before), plain(after))];
            changes.push(Change { kind, name: String::new(), change: What::Changed, members, ends: None });
        }
    }
    Ok(changes)
}

/// The names of both objects' members, in the order of the first.
fn names(a: &Value, b: &Value) -> Vec<String> {
    let empty = Map::new();
    let (a, b) = (a.as_object().unwrap_or(&empty), b.as_object().unwrap_or(&empty));
    a.keys().chain(b.keys().filter(|name| !a.contains_key(*name))).cloned().collect()
}

/// The member by which a thing is known. Users and texts of a locale have a name for people, too, which may change or be there twice.
fn name_of(item: &Value) -> Option<&str> {
    ["UserId", "TypeName", "Locale", "Name", "ConsentVersion", "UserGroup"]
        .iter()
        .find_map(|key| item.get(key)?.as_str())
}

/// Programs, filters and frequencies have names for people too; they are known by their id.
fn key_of(item: &Value) -> Option<&str> {
    item.get("ID").and_then(Value::as_str).or_else(|| name_of(item))
}

/// Whether a value is a list of things with names that differ.
fn named_list(value: &Value) -> bool {
    let items = match value {
        Value::Array(items) => items,
        Value::Null => return true,
        _ => return false,
    };
    let keys: Option<std::collections::HashSet<String>> = items.iter().map(|item| key_of(item).map(fold)).collect();
    keys.is_some_and(|keys| keys.len() == items.len())
}

fn list_changes(before: &Value, after: &Value) -> Vec<(String, What, Vec<String>)> {
    let none = Vec::new();
    let (before, after) = (before.as_array().unwrap_or(&none), after.as_array().unwrap_or(&none));
    let find = |items: &'_ [Value], key: &str| items.iter().find(|i| key_of(i).map(fold) == Some(fold(key))).cloned();
    let mut changes = Vec::new();
    for old in before {
        let key = key_of(old).unwrap_or_default();
        match find(after, key) {
            None => changes.push((key.to_owned(), What::Removed, Vec::new())),
            Some(new) if new != *old => {
                let members = member_changes(old, &new);
                if !members.is_empty() {
                    changes.push((key.to_owned(), What::Changed, members));
                }
            }
            Some(_) => {}
        }
    }
    for new in after {
        let key = key_of(new).unwrap_or_default();
        if find(before, key).is_none() {
            changes.push((key.to_owned(), What::Added, Vec::new()));
        }
    }
    changes
}

/// Which members of a thing differ; of a list of named things, which of these.
fn member_changes(old: &Value, new: &Value) -> Vec<String> {
    let mut members = Vec::new();
    for member in names(old, new) {
        let (before, after) = (&old[&member], &new[&member]);
        if before == after {
            continue;
        }
        let is_list = before.is_array() || after.is_array();
        if is_list && named_list(before) && named_list(after) {
            let inner: Vec<String> = list_changes(before, after)
                .into_iter()
                .map(|(name, change, _)| format!("{}{name}", change.sign()))
                .collect();
            if !inner.is_empty() {
                members.push(format!("{member} ({})", inner.join(" ")));
            }
        } else {
            members.push(member);
        }
    }
    members
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Changes as lines: `+` added, `-` removed, `~` changed.
pub struct Shown<'a>(pub &'a [Change]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::default();
        for change in self.0 {
            let kind = format!("{} {}", change.change.sign(), change.kind);
            let members = change.members.join(", ");
            let ends = change.ends.as_ref().map(Ends::to_string).unwrap_or_default();
            let words =
                [change.name.as_str(), &members, &ends].into_iter().filter(|w| !w.is_empty()).collect::<Vec<_>>();
            table.row(vec![kind, words.join(": ")]);
        }
        table.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::file::parse;

    const BEFORE: &str = r#"
DefaultLocale = "en_US"
EmailTypes = [{ TypeName = "Home" }, { TypeName = "Work" }]
[[Programs]]
ID = "NEWS"
Name = "News"
Filters = [{ ID = "NEWS-EMAIL", ChannelID = "Email" }]
[[Segments]]
Name = "Georgia"
Criteria = { Field = "Address.StateProvince", Is = "GA" }
[[Users]]
UserId = "Admin"
UserGroups = ["Administrators"]
"#;

    fn shown(before: &str, after: &str) -> String {
        Shown(&changes(&parse(before).unwrap(), &parse(after).unwrap()).unwrap()).to_string()
    }

    #[test]
    fn the_same_configuration_is_no_change_in_whatever_order() {
        assert_eq!(shown(BEFORE, BEFORE), "");
        let turned = BEFORE.replace(
            r#"{ TypeName = "Home" }, { TypeName = "Work" }"#,
            r#"{ TypeName = "Work" }, { TypeName = "Home" }"#,
        );
        assert_ne!(turned, BEFORE);
        assert_eq!(shown(BEFORE, &turned), "");
    }

    #[test]
    fn what_is_added_removed_and_changed_is_named() {
        let after = BEFORE
            .replace("en_US", "de_DE")
            .replace(r#"{ TypeName = "Work" }"#, r#"{ TypeName = "Office" }"#)
            .replace(r#"ChannelID = "Email" }"#, r#"ChannelID = "Email" }, { ID = "NEWS-FAX", ChannelID = "Fax" }"#)
            .replace("\"GA\"", "\"AL\"")
            .replace("Name = \"News\"", "Name = \"The news\"");
        let wanted = "~ DefaultLocale  en_US -> de_DE\n\
                      - EmailTypes     Work\n\
                      + EmailTypes     Office\n\
                      ~ Programs       NEWS: Name, Filters (+NEWS-FAX)\n\
                      ~ Segments       Georgia: Criteria";
        assert_eq!(shown(BEFORE, &after), wanted);
    }

    #[test]
    fn a_user_is_known_by_the_id_whatever_name_stands_beside_it() {
        let user = |id: &str, name: &str| {
            BEFORE.replace("UserId = \"Admin\"", &format!("UserId = \"{id}\"\nName = \"{name}\""))
        };
        assert_eq!(shown(&user("Jane", "Boss"), &user("Jane", "Chief")), "~ Users  Jane: Name");
        assert_eq!(shown(&user("Jane", "Boss"), &user("John", "Boss")), "- Users  Jane\n+ Users  John");
        let text = |locale: &str, name: &str| {
            let localized =
                format!("TypeName = \"Home\", LocalizedFields = [{{ Locale = \"{locale}\", Name = \"{name}\" }}]");
            BEFORE.replace("TypeName = \"Home\"", &localized)
        };
        let wanted = "~ EmailTypes  Home: LocalizedFields (~de_DE)";
        assert_eq!(shown(&text("de_DE", "Privat"), &text("de_DE", "Zuhause")), wanted);
    }

    #[test]
    fn what_ends_with_a_user_stands_beside_the_user() {
        let mut changes =
            changes(&parse(BEFORE).unwrap(), &parse(&BEFORE.replace("\"Admin\"", "\"Other\"")).unwrap()).unwrap();
        changes[0].ends = Some(Ends { oauth_clients: 2, shared_keys: 1 });
        let wanted = "- Users  Admin: removing this user ends 2 OAuth clients and 1 shared key\n+ Users  Other";
        assert_eq!(Shown(&changes).to_string(), wanted);
    }

    #[test]
    fn a_name_in_other_letters_is_a_change_of_that_thing() {
        assert_eq!(shown(BEFORE, &BEFORE.replace("Georgia", "GEORGIA")), "~ Segments  Georgia: Name");
    }
}
