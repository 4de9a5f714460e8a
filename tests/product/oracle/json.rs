//! Small things about JSON that the model is written with.

use std::collections::BTreeSet;

use serde_json::Value;

/// A list of the input: `null` and absent are empty.
pub fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

/// The list of a row, to be changed.
pub fn list_mut<'v>(value: &'v mut Value, name: &str) -> &'v mut Vec<Value> {
    value[name].as_array_mut().unwrap()
}

/// A text of the input: `null` and absent are none.
pub fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value[name].as_str()
}

/// The form in which names are compared: without regard to case.
pub fn fold(name: &str) -> String {
    name.trim().to_lowercase()
}

pub fn same(a: &str, b: &str) -> bool {
    fold(a) == fold(b)
}

/// The value without some members.
pub fn without(value: &Value, names: &[&str]) -> Value {
    let members = value.as_object().unwrap().iter().filter(|(name, _)| !names.contains(&name.as_str()));
    Value::Object(members.map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// The value with every list in one order, whatever it came in: the specification gives none to the lists of a profile.
pub fn unordered(value: &Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(unordered).collect();
            items.sort_by_cached_key(Value::to_string);
            Value::Array(items)
        }
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort();
            Value::Object(names.into_iter().map(|name| (name.clone(), unordered(&members[name]))).collect())
        }
        other => other.clone(),
    }
}

/// Where two values differ, in words; `None` when they don't.
pub fn difference(want: &Value, got: &Value) -> Option<String> {
    differ(&unordered(want), &unordered(got), "")
}

fn differ(want: &Value, got: &Value, at: &str) -> Option<String> {
    match (want, got) {
        (Value::Object(a), Value::Object(b)) => {
            let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            names.into_iter().find_map(|name| match (a.get(name), b.get(name)) {
                (Some(a), Some(b)) => differ(a, b, &format!("{at}/{name}")),
                (a, b) => Some(format!("{at}/{name}: the model has {}, the product {}", shown(a), shown(b))),
            })
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().find_map(|(i, (a, b))| differ(a, b, &format!("{at}/{i}")))
        }
        (Value::Array(a), Value::Array(b)) => {
            let lack = |these: &[Value], those: &[Value]| -> Value {
                these.iter().filter(|item| !those.contains(item)).cloned().collect()
            };
            Some(format!("{at}: only the model has {}, only the product {}", lack(a, b), lack(b, a)))
        }
        (a, b) => (a != b).then(|| format!("{at}: the model has {a}, the product {b}")),
    }
}

fn shown(value: Option<&Value>) -> String {
    value.map_or("nothing".to_owned(), Value::to_string)
}
