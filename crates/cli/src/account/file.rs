//! The account as a TOML file: reading, writing, and the administrator without whom nobody could change it again.

use std::{fs, io::Read, path::Path};

use anyhow::{Context, bail};
use sayso_model::{
    config::{ADMINISTRATORS, Configuration, User, UserGroup},
    id::fold,
};
use serde_json::Value;

/// Reads an account file; `-` is stdin.
///
/// # Errors
/// When it can't be read, or with line and column of what is wrong in it.
pub fn read(path: &Path) -> anyhow::Result<Configuration> {
    let (name, text) = if path.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("stdin can't be read as text")?;
        ("stdin".to_owned(), text)
    } else {
        let text =
            fs::read_to_string(path).with_context(|| format!("the account file {} can't be read", path.display()))?;
        (path.display().to_string(), text)
    };
    parse(&text).with_context(|| format!("the account file {name} can't be taken"))
}

/// Parses an account file.
///
/// # Errors
/// With line and column of what is wrong in it.
pub fn parse(text: &str) -> anyhow::Result<Configuration> {
    let mut configuration: Configuration = toml::from_str(text)?;
    for criteria in configuration.segments.iter_mut().filter_map(|segment| segment.criteria.as_mut()) {
        dates_as_text(criteria);
    }
    Ok(configuration)
}

/// TOML has dates of its own, the segment language (JSON) writes them as text: an unquoted date means the quoted one.
fn dates_as_text(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(date)) = members.get_mut("$__toml_private_datetime") {
                *value = Value::String(std::mem::take(date));
            } else {
                members.values_mut().for_each(dates_as_text);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(dates_as_text),
        _ => {}
    }
}

/// Writes a configuration as the file of an account: applying it is no change. Lists with nothing in them are left out.
///
/// # Errors
/// For a value that TOML can't hold (a null in a segment's criteria).
pub fn write(account: &str, configuration: &Configuration) -> anyhow::Result<String> {
    let mut table = toml::Table::try_from(configuration).context("the configuration can't be written as TOML")?;
    table.retain(|_, value| value.as_array().is_none_or(|items| !items.is_empty()));
    Ok(format!(
        "# The configuration of account {account}; sayso account apply {account} --from FILE\n\n{}",
        toml::to_string(&table)?
    ))
}

fn is_administrators(group: &str) -> bool {
    fold(group) == fold(ADMINISTRATORS)
}

fn is_administrator(user: &User) -> bool {
    user.is_active && user.user_groups.iter().any(|group| is_administrators(group))
}

fn add_group(configuration: &mut Configuration) {
    if !configuration.user_groups.iter().any(|group| is_administrators(&group.name)) {
        configuration.user_groups.push(UserGroup {
            name: ADMINISTRATORS.to_owned(),
            description: Some("May do everything".to_owned()),
            permissions: Default::default(),
        });
    }
}

/// Makes sure that `user_id` is an administrator of a new account; says whether the user had to be added.
///
/// # Errors
/// When the configuration has that user, but not as an active administrator: which of the two is meant can't be told.
pub fn ensure_administrator(configuration: &mut Configuration, user_id: &str) -> anyhow::Result<bool> {
    add_group(configuration);
    match configuration.users.iter().find(|user| fold(&user.user_id) == fold(user_id)) {
        Some(user) if is_administrator(user) => Ok(false),
        Some(user) => bail!(
            "user {} stands in the file, but not as an active member of {ADMINISTRATORS}; correct it there, or name another first administrator with --admin",
            user.user_id
        ),
        None => {
            configuration.users.push(User {
                user_id: user_id.to_owned(),
                name: Some("Administrator".to_owned()),
                is_active: true,
                user_groups: vec![ADMINISTRATORS.to_owned()],
                source_group: None,
            });
            Ok(true)
        }
    }
}

/// When a new configuration has no active administrator, those of the present one stay. Gives their user ids.
pub fn keep_administrators(new: &mut Configuration, current: &Configuration) -> Vec<String> {
    if new.users.iter().any(is_administrator) {
        return Vec::new();
    }
    add_group(new);
    let mut kept = Vec::new();
    for mut user in current.users.iter().filter(|user| is_administrator(user)).cloned() {
        kept.push(user.user_id.clone());
        // A group or source group that the file dropped can't be named any more.
        let known = |name: &String| new.user_groups.iter().any(|group| fold(&group.name) == fold(name));
        user.user_groups.retain(known);
        user.source_group =
            user.source_group.filter(|name| new.source_groups.iter().any(|s| fold(&s.name) == fold(name)));
        match new.users.iter_mut().find(|there| fold(&there.user_id) == fold(&user.user_id)) {
            Some(there) => *there = user,
            None => new.users.push(user),
        }
    }
    kept
}

#[cfg(test)]
mod generated;

#[cfg(test)]
mod tests {
    use super::*;

    const RICH: &str = r#"
DefaultLocale = "en_US"
[[EmailTypes]]
TypeName = "Home"
IsDefault = true
LocalizedFields = [{ Locale = "de_DE", Name = "Privat" }]
[[CustomFields]]
Name = "Born"
Kind = { DateTime = {} }
[[CustomFields]]
Name = "Age"
Kind = { Numeric = { Min = 0.0, Max = 150.0 } }
[[Programs]]
ID = "NEWS"
Filters = [{ ID = "NEWS-EMAIL", ChannelID = "Email", Frequencies = [{ ID = "W", IsDefault = true }] }]
[[UserGroups]]
Name = "Readers"
Permissions = { Profiles = "View" }
[[Segments]]
Name = "Georgia"
[Segments.Criteria]
All = [
  { Any = [ { Field = "Address.StateProvince", Is = "GA" }, { CustomField = "Age", AtLeast = 21.5 } ] },
  { Preference = "NEWS-EMAIL", Type = "OptIn", NotExpired = true },
  { Field = "CreateDate", AtLeast = 2026-01-01T00:00:00Z, Note = 3 },
]
[[SegmentGroups]]
Name = "Both"
Members = [{ Segment = "Georgia" }, { Segment = "Georgia", Operator = "EXCEPT" }]
"#;

    #[test]
    fn what_is_written_reads_as_the_same_configuration() {
        let configuration = parse(RICH).unwrap();
        let text = write("A", &configuration).unwrap();
        assert_eq!(parse(&text).unwrap(), configuration, "{text}");
        assert!(!text.contains("PhoneTypes"), "empty lists are left out: {text}");
        assert_eq!(parse(&write("A", &Configuration::default()).unwrap()).unwrap(), Configuration::default());
    }

    #[test]
    fn a_date_without_quotes_is_taken_as_text() {
        let criteria = parse(RICH).unwrap().segments[0].criteria.clone().unwrap();
        assert_eq!(criteria["All"][2]["AtLeast"], "2026-01-01T00:00:00Z");
    }

    #[test]
    fn a_typo_is_refused_with_its_line() {
        let error = format!("{:#}", parse("\n[[EmailTypes]]\nTypename = \"Home\"").unwrap_err());
        assert!(error.contains("line 3") && error.contains("TypeName"), "{error}");
    }

    #[test]
    fn a_new_account_has_its_administrator() {
        let mut configuration = parse(RICH).unwrap();
        assert!(ensure_administrator(&mut configuration, "Admin").unwrap());
        assert!(!ensure_administrator(&mut configuration, "ADMIN").unwrap(), "the second time nothing is added");
        assert!(is_administrator(&configuration.users[0]));

        configuration.users[0].user_groups = vec!["Readers".to_owned()];
        assert!(ensure_administrator(&mut configuration, "Admin").unwrap_err().to_string().contains("--admin"));
    }

    #[test]
    fn applying_the_file_an_account_was_made_from_keeps_its_administrator() {
        let mut current = parse(RICH).unwrap();
        ensure_administrator(&mut current, "Admin").unwrap();
        let mut again = parse(RICH).unwrap();
        assert_eq!(keep_administrators(&mut again, &current), ["Admin"]);
        assert_eq!(again.users, current.users);
        assert!(keep_administrators(&mut again, &current).is_empty(), "one is there now");
    }
}
