//! Definition (JSON) → [`Criterion`], with the path of what is wrong.

mod leaf;
mod operand;

use serde_json::{Map, Value};

use super::Criterion;
use crate::{
    config::{Config, Population},
    refusal::{Refusal, shown},
};

/// How deep rows may nest. People write three or four levels; the limit keeps a hostile definition from the stack's end.
pub const MAX_DEPTH: usize = 32;

/// How many rows and values a definition may have altogether.
pub const MAX_PARTS: usize = 10_000;

/// The longest text that a definition may compare with, in code points: the longest that a profile can hold (profile.md).
const MAX_TEXT: usize = 4000;

/// Checks a segment's `Criteria` against the configuration. `path` is where the definition stands (`Criteria`); every refusal
/// names the place in it (`Criteria.All[3].Any[0].CustomField`). Over deleted profiles only ProfileId, DeletedDate and
/// ReasonCode may be used. No definition is met by every profile.
pub fn parse(
    definition: Option<&Value>,
    population: Population,
    config: &Config,
    path: &str,
) -> Result<Criterion, Refusal> {
    match definition {
        None | Some(Value::Null) => Ok(Criterion::All(Vec::new())),
        Some(value) => {
            Parser { config, deleted: population == Population::Deleted, parts: 0 }.criterion(value, path, 1)
        }
    }
}

/// What a row may be about, in the order of configuration.md's table.
const SUBJECTS: [&str; 15] = [
    "All",
    "Any",
    "Not",
    "Field",
    "CustomField",
    "Preference",
    "Program",
    "Channel",
    "Consent",
    "Tag",
    "Group",
    "AlternateIdType",
    "Address",
    "Email",
    "Phone",
];
/// The one subject beyond the table: a bound alternate id.
const ALTERNATE_ID: &str = "AlternateId";

struct Parser<'a> {
    config: &'a Config,
    deleted: bool,
    parts: usize,
}

impl Parser<'_> {
    fn criterion(&mut self, value: &Value, path: &str, depth: usize) -> Result<Criterion, Refusal> {
        let row = object(value, path)?;
        self.count(path)?;
        if depth > MAX_DEPTH {
            return Err(Refusal::invalid(path, format!("is nested deeper than {MAX_DEPTH} levels")));
        }
        let subject = self.subject(row, path)?;
        let at = format!("{path}.{subject}");
        let value = &row[subject];
        match subject {
            "All" => Ok(Criterion::All(self.list(row, subject, &at, depth)?)),
            "Any" => Ok(Criterion::Any(self.list(row, subject, &at, depth)?)),
            "Not" => {
                only(row, &[subject], path)?;
                Ok(Criterion::Not(Box::new(self.criterion(value, &at, depth + 1)?)))
            }
            "Field" => self.field(row, path),
            _ if self.deleted => Err(Refusal::invalid(
                at,
                "isn't kept of deleted profiles: Field with ProfileId, DeletedDate or ReasonCode is accepted, within All, Any and Not",
            )),
            "CustomField" => self.custom_field(row, path),
            "Preference" | "Program" | "Channel" => self.preference(row, path),
            "Consent" => self.consent(row, path),
            "Tag" => self.tag(row, path),
            "Group" => self.group(row, path),
            "AlternateIdType" => self.alternate_id_type(row, path),
            _ => self.bound(subject, row, path),
        }
    }

    /// The one subject of a row; of Preference, Program and Channel several may stand together.
    fn subject<'r>(&self, row: &'r Map<String, Value>, path: &str) -> Result<&'r str, Refusal> {
        let of_preference = ["Preference", "Program", "Channel"];
        // Address, Email, Phone: members of other rows never bear these names, so that they are subjects wherever they stand
        let mut found = row.keys().map(String::as_str).filter(|k| SUBJECTS.contains(k) || *k == ALTERNATE_ID);
        let Some(first) = found.next() else {
            let accepted = format!("{}, {ALTERNATE_ID}", SUBJECTS.join(", "));
            return Err(match row.keys().next() {
                Some(key) => Refusal::invalid(
                    format!("{path}.{key}"),
                    format!("{} isn't what a row can be about; accepted: {accepted}", shown(key)),
                ),
                None => Refusal::invalid(path, format!("the row is empty; accepted: {accepted}")),
            });
        };
        match found.find(|other| !(of_preference.contains(&first) && of_preference.contains(other))) {
            None => Ok(first),
            Some(second) => Err(Refusal::invalid(
                format!("{path}.{second}"),
                format!(
                    "a row is about one thing, and this one already about {first}; write two rows within All or Any"
                ),
            )),
        }
    }

    fn list(
        &mut self,
        row: &Map<String, Value>,
        key: &str,
        path: &str,
        depth: usize,
    ) -> Result<Vec<Criterion>, Refusal> {
        only(row, &[key], path.strip_suffix(key).and_then(|p| p.strip_suffix('.')).unwrap_or(path))?;
        let Value::Array(parts) = &row[key] else {
            return Err(wrong(path, "an array of rows", &row[key]));
        };
        (parts.iter().enumerate()).map(|(i, part)| self.criterion(part, &format!("{path}[{i}]"), depth + 1)).collect()
    }

    /// Counts a row or value against the size that a definition may have.
    fn count(&mut self, path: &str) -> Result<(), Refusal> {
        self.parts += 1;
        if self.parts > MAX_PARTS {
            let why = format!(
                "the definition has more than {MAX_PARTS} rows and values; select many profiles by MatchCriteria and Values"
            );
            return Err(Refusal::invalid(path, why));
        }
        Ok(())
    }
}

fn object<'v>(value: &'v Value, path: &str) -> Result<&'v Map<String, Value>, Refusal> {
    value.as_object().ok_or_else(|| wrong(path, "an object", value))
}

/// Refuses members of a row that aren't among the accepted.
fn only(row: &Map<String, Value>, accepted: &[&str], path: &str) -> Result<(), Refusal> {
    match row.keys().find(|k| !accepted.contains(&k.as_str())) {
        None => Ok(()),
        Some(key) => Err(Refusal::invalid(
            format!("{path}.{key}"),
            format!("{} isn't known here; accepted: {}", shown(key), accepted.join(", ")),
        )),
    }
}

/// A value of the wrong JSON type.
fn wrong(path: &str, expected: &str, seen: &Value) -> Refusal {
    let seen = match seen {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the text {}", shown(text)),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    };
    Refusal::invalid(path, format!("expected {expected}, got {seen}"))
}

fn text<'v>(value: &'v Value, path: &str, expected: &str) -> Result<&'v str, Refusal> {
    let text = value.as_str().ok_or_else(|| wrong(path, expected, value))?;
    if text.trim().is_empty() {
        return Err(Refusal::invalid(path, "the text is empty; what is absent is found by \"Exists\": false"));
    }
    if text.chars().count() > MAX_TEXT {
        return Err(Refusal::invalid(path, format!("the text {} is longer than {MAX_TEXT} characters", shown(text))));
    }
    Ok(text)
}

fn flag(value: &Value, path: &str) -> Result<bool, Refusal> {
    value.as_bool().ok_or_else(|| wrong(path, "true or false", value))
}
