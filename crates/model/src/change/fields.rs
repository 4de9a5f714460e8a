//! Custom fields: their kinds, their checks and when a new value may take the place of the one there.

use std::collections::HashSet;

use super::{
    HistoryKind, Mode, Path, Write, check,
    check::{Name, required},
    json,
};
use crate::{
    config::{CustomField, CustomFieldKind, UpdateRule},
    id::{fold, same},
    input::CustomFieldInput,
    moment::{Choice, parse_customer_date},
    profile::CustomFieldValue,
    refusal::{Refusal, shown},
};

/// Writes custom fields. A blank value clears the field, which then is not in the list; a value that the update rule declines
/// is passed over silently. The rules speak of updates: a new profile's first values are always taken. To a replacing write, a field
/// that isn't sent is one sent blank.
pub(super) fn write(
    w: &mut Write<'_>,
    list: &mut Vec<CustomFieldValue>,
    input: &[CustomFieldInput],
) -> Result<(), Refusal> {
    let path = Path::Root.member("CustomFields");
    let mut new = Vec::with_capacity(input.len());
    for (i, input) in input.iter().enumerate() {
        let item = path.item(i);
        let at = item.member("Name");
        let name = required(&at, &input.name, 94)?;
        let Some(field) = w.config.custom_field(name) else {
            return Err(at.unknown(format!("custom field {} is not configured in this account", shown(name))));
        };
        let value = input.value.as_deref().filter(|v| !v.trim().is_empty());
        let is_as_read = |value: &str| list.iter().any(|f| same(&f.name, name) && f.value.as_deref() == Some(value));
        let value = match value {
            // Sent back as it was read, it needn't be what would be taken now.
            Some(value) if is_as_read(value) => Some(value.to_owned()),
            Some(value) => Some(checked(w, &item.member("Value"), field, value)?),
            None => None,
        };
        new.push((field, value));
    }
    if w.removes.custom_fields {
        let sent: HashSet<String> = new.iter().map(|(field, _)| fold(&field.name)).collect();
        let unsent = list.iter().filter(|f| !sent.contains(&fold(&f.name)));
        new.extend(unsent.filter_map(|f| w.config.custom_field(&f.name)).map(|field| (field, None)));
    }
    let current = list.iter().map(|f| Name(&f.name));
    let found = check::matched(&path, "custom field", current, new.iter().map(|(f, _)| Name(&f.name)).enumerate())?;
    let mut cleared = Vec::new();
    for (i, ((field, value), found)) in new.into_iter().zip(found).enumerate() {
        let current = found.and_then(|at| list[at].value.as_deref());
        let declined = w.mode != Mode::Create
            && match field.update_rule {
                UpdateRule::Always => false,
                UpdateRule::IfCurrentBlank => current.is_some(),
                UpdateRule::IfNewNotBlank => value.is_none(),
                UpdateRule::Never => true,
            };
        if current == value.as_deref() {
            continue;
        }
        if declined {
            w.declined += 1;
            continue;
        }
        if !field.is_active && value.is_some() {
            let message = format!("custom field {} is switched off: it takes no values", shown(&field.name));
            return Err(path.item(i).member("Name").unknown(message));
        }
        match found {
            Some(at) => {
                let old = std::mem::replace(&mut list[at].value, value);
                let former = CustomFieldValue { name: field.name.clone(), value: old };
                w.remember(HistoryKind::CustomFields, || json(&former));
                if list[at].value.is_none() {
                    cleared.push(at);
                }
            }
            None => list.push(CustomFieldValue { name: field.name.clone(), value }),
        }
    }
    cleared.sort_unstable();
    for at in cleared.into_iter().rev() {
        list.remove(at);
    }
    Ok(())
}

/// The value as it is kept: as given, but choices in their configured spelling.
fn checked(w: &Write<'_>, path: &Path<'_>, field: &CustomField, value: &str) -> Result<String, Refusal> {
    check::within(path, value, 4000)?;
    match &field.kind {
        CustomFieldKind::Text { min_length, max_length, .. } => {
            let n = value.chars().count();
            let (min, max) = (min_length.unwrap_or(0) as usize, max_length.unwrap_or(4000) as usize);
            if n < min || n > max {
                let message = format!("has {n} characters, {min} to {max} are accepted: {}", shown(value));
                return Err(path.invalid(message));
            }
            match w.config.pattern(field) {
                Some(pattern) if !pattern.is_match(value) => {
                    let pattern = field.regular_expression().unwrap_or_default();
                    Err(path.invalid(format!("{} does not match the regular expression {pattern}", shown(value))))
                }
                _ => Ok(value.to_owned()),
            }
        }
        CustomFieldKind::Numeric { min, max, decimal_places } => {
            number(value, *min, *max, *decimal_places).map_err(|message| path.invalid(message))?;
            Ok(value.to_owned())
        }
        CustomFieldKind::DateTime {} => match parse_customer_date(value, Choice::In) {
            Ok(_) => Ok(value.to_owned()),
            Err(error) => Err(path.invalid(error.to_string())),
        },
        CustomFieldKind::SelectList { picklist, multiple } => choices(w, path, picklist, *multiple, value),
    }
}

/// A decimal number in digits: no exponent, no thousands' separators, which one reader takes for another thing than the next.
fn number(text: &str, min: Option<f64>, max: Option<f64>, places: Option<u32>) -> Result<(), String> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let value = text.parse::<f64>().ok().filter(|v| v.is_finite() && all_digits(whole) && all_digits(decimals));
    let Some(value) = value else {
        return Err(format!(
            "{} is no number; digits are accepted, with a sign before and decimals after a point",
            shown(text)
        ));
    };
    if let Some(min) = min.filter(|min| value < *min) {
        return Err(format!("{} is too small: {min} is the least that is accepted", shown(text)));
    }
    if let Some(max) = max.filter(|max| value > *max) {
        return Err(format!("{} is too large: {max} is the most that is accepted", shown(text)));
    }
    let given = digits.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    match places {
        Some(places) if given > places as usize => {
            Err(format!("{} has {given} decimals, at most {places} are accepted", shown(text)))
        }
        _ => Ok(()),
    }
}

/// One or several values of a picklist, joined by `::`.
fn choices(w: &Write<'_>, path: &Path<'_>, picklist: &str, multiple: bool, value: &str) -> Result<String, Refusal> {
    let find = |choice: &str| w.config.choice(picklist, choice);
    // A value may have :: in it, so the whole is looked for first.
    if let Some(whole) = find(value) {
        return Ok(whole.to_owned());
    }
    let parts: Vec<&str> = if multiple { value.split("::").collect() } else { vec![value] };
    let mut chosen = Vec::with_capacity(parts.len());
    for part in parts {
        let Some(choice) = find(part) else {
            return Err(path.unknown(format!("{} is not in the picklist {}", shown(part), shown(picklist))));
        };
        if chosen.contains(&choice) {
            return Err(path.invalid(format!("{} is chosen twice in {}", shown(part), shown(value))));
        }
        chosen.push(choice);
    }
    Ok(chosen.join("::"))
}
