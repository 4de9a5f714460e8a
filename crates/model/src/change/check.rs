//! Checks of texts and keys that every part of a profile shares.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::Hash,
};

use foldhash::quality::RandomState;

use super::path::Path;
use crate::refusal::{Refusal, shown};

/// A required text that something is found by: there, not blank, at most `max` code points, no control characters (they are
/// invisible, and two values that look the same would not be).
pub(super) fn required<'i>(path: &Path<'_>, value: &'i Option<String>, max: usize) -> Result<&'i str, Refusal> {
    let Some(value) = value else {
        return Err(path.invalid(format!("is required: a text of 1 to {max} characters")));
    };
    let is_plain = !value.is_empty() && value.bytes().all(|b| b.is_ascii_graphic());
    if !is_plain && value.chars().all(char::is_whitespace) {
        return Err(path.invalid(format!("is required: a text of 1 to {max} characters; {} is blank", shown(value))));
    }
    within(path, value, max)?;
    if is_plain {
        return Ok(value);
    }
    match value.chars().find(|c| c.is_control()) {
        Some(c) => {
            Err(path.invalid(format!("{} has the control character U+{:04X} in it", shown(value), u32::from(c))))
        }
        None => Ok(value),
    }
}

/// At most `max` code points.
pub(super) fn within(path: &Path<'_>, value: &str, max: usize) -> Result<(), Refusal> {
    // A text has no more code points than bytes: most need no counting.
    if value.len() <= max {
        return Ok(());
    }
    match value.chars().count() {
        n if n > max => Err(path.invalid(format!("has {n} characters, at most {max} are accepted: {}", shown(value)))),
        _ => Ok(()),
    }
}

/// An optional text, checked and copied.
pub(super) fn optional(path: &Path<'_>, value: &Option<String>, max: usize) -> Result<Option<String>, Refusal> {
    if let Some(value) = value {
        within(path, value, max)?;
    }
    Ok(value.clone())
}

/// For each new key where the same one stands among the current ones. New keys come with their place in the input's list; two
/// equal ones are refused: which of the two is meant can't be known.
pub(super) fn matched<K: Eq + Hash>(
    list: &Path<'_>,
    what: &str,
    current: impl Iterator<Item = K>,
    new: impl ExactSizeIterator<Item = (usize, K)>,
) -> Result<Vec<Option<usize>>, Refusal> {
    let mut current = current.enumerate().map(|(i, k)| (k, i)).peekable();
    if new.len() <= 1 && current.peek().is_none() {
        return Ok(vec![None; new.len()]);
    }
    let current: HashMap<K, usize, RandomState> = current.collect();
    let mut seen = HashMap::with_capacity_and_hasher(new.len(), RandomState::default());
    let mut found = Vec::with_capacity(new.len());
    for (i, key) in new {
        found.push(current.get(&key).copied());
        match seen.entry(key) {
            Entry::Occupied(first) => {
                return Err(list
                    .item(i)
                    .invalid(format!("is the same {what} as {}; send it once", list.item(*first.get()))));
            }
            Entry::Vacant(free) => free.insert(i),
        };
    }
    Ok(found)
}
