//! Custom fields: their kinds and their update rules.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    config::{Config, Field},
    dates,
    json::{fold, list, same, text},
    model::{How, Write},
    person::once,
};

/// Writes the custom fields of a body into a profile's.
pub fn write(w: &mut Write<'_>, fields: &mut Vec<Value>, body: &Value) {
    let mut seen = BTreeSet::new();
    let mut sent: Vec<(Field, Option<String>)> = Vec::new();
    for item in list(body, "CustomFields") {
        let Some(name) = text(item, "Name").filter(|name| !name.trim().is_empty()) else {
            w.refuse(400);
            continue;
        };
        once(w, &mut seen, fold(name));
        let Some(field) = w.config.field(name) else {
            w.refuse(404);
            continue;
        };
        let value = text(item, "Value").filter(|value| !value.trim().is_empty());
        match value.map(|value| taken(w.config, field, value)).transpose() {
            Ok(value) => sent.push((field.clone(), value)),
            Err(status) => w.refuse(status),
        }
    }
    // In a replaced profile what isn't sent is blank; the update rule has its say all the same.
    if w.how == How::Replace {
        for there in fields.iter() {
            let field = w.config.field(there["Name"].as_str().unwrap()).unwrap();
            if !seen.contains(&fold(&field.name)) {
                sent.push((field.clone(), None));
            }
        }
    }
    for (field, value) in sent {
        let at = fields.iter().position(|f| same(f["Name"].as_str().unwrap(), &field.name));
        let current = at.and_then(|at| fields[at]["Value"].as_str().map(str::to_owned));
        let declined = w.how != How::Create
            && match field.update_rule.as_str() {
                "Always" => false,
                "IfCurrentBlank" => current.is_some(),
                "IfNewNotBlank" => value.is_none(),
                "Never" => true,
                other => unreachable!("{other}"),
            };
        if declined || value == current {
            continue;
        }
        if value.is_some() && !field.is_active {
            w.refuse(404);
        }
        if let Some(at) = at {
            fields.remove(at);
        }
        if let Some(value) = value {
            fields.push(json!({"Name": field.name, "Value": value}));
        }
    }
}

/// The value as it is kept, or the status of the refusal.
fn taken(config: &Config, field: &Field, value: &str) -> Result<String, u16> {
    let right = |fits: bool| if fits { Ok(value.to_owned()) } else { Err(400) };
    let (kind, rules) = field.kind.as_object().unwrap().iter().next().unwrap();
    match kind.as_str() {
        "Text" => {
            let length = value.chars().count() as u64;
            right(
                length >= rules["MinLength"].as_u64().unwrap_or(0)
                    && length <= rules["MaxLength"].as_u64().unwrap_or(4000),
            )
        }
        "Numeric" => {
            let decimals = value.split_once('.').map_or(0, |(_, decimals)| decimals.len() as u64);
            right(value.parse::<f64>().is_ok_and(|n| {
                n >= rules["Min"].as_f64().unwrap_or(f64::MIN)
                    && n <= rules["Max"].as_f64().unwrap_or(f64::MAX)
                    && decimals <= rules["DecimalPlaces"].as_u64().unwrap_or(99)
            }))
        }
        "DateTime" => right(dates::read(value, false).is_some()),
        "SelectList" => {
            let list = config.picklists.iter().find(|p| same(&p.name, rules["Picklist"].as_str().unwrap())).unwrap();
            let several = rules["Multiple"] == true;
            let parts: Vec<&str> = if several { value.split("::").collect() } else { vec![value] };
            let mut chosen: Vec<String> = Vec::new();
            for part in parts {
                let found = list.values.iter().find(|choice| same(choice, part)).ok_or(404_u16)?;
                if chosen.contains(found) {
                    return Err(400);
                }
                chosen.push(found.clone());
            }
            Ok(chosen.join("::"))
        }
        other => unreachable!("{other}"),
    }
}
