//! Checks of texts and keys that every part of a profile shares.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{Hash, Hasher},
};

use super::path::Path;
use crate::{
    id::{fold, same},
    refusal::{Refusal, shown},
};

/// A required text that something is found by: there, not blank, at most `max` code points, no control characters (they are
/// invisible, and two values that look the same would not be).
pub(super) fn required<'i>(path: &Path<'_>, value: &'i Option<String>, max: usize) -> Result<&'i str, Refusal> {
    let Some(value) = value else {
        return Err(path.invalid(format!("is required: a text of 1 to {max} characters")));
    };
    // Most texts are plain ASCII, which a glance at the bytes tells.
    let is_plain = value.bytes().all(|b| (b' '..=b'~').contains(&b)) && value.bytes().any(|b| b != b' ');
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

/// A name as [`fold`] compares it. Only who hashes it folds it: most lists are short.
pub(in crate::change) struct Name<'a>(pub &'a str);

impl PartialEq for Name<'_> {
    fn eq(&self, other: &Self) -> bool {
        same(self.0, other.0)
    }
}

impl Eq for Name<'_> {}

impl Hash for Name<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        fold(self.0).hash(state);
    }
}

/// So few are sooner compared one with the other than hashed.
const FEW: usize = 8;

/// For each new key where the same one stands among the current ones. New keys come with their place in the input's list; two
/// equal ones are refused: which of the two is meant can't be known.
pub(super) fn matched<K: Eq + Hash>(
    list: &Path<'_>,
    what: &str,
    current: impl Iterator<Item = K>,
    new: impl ExactSizeIterator<Item = (usize, K)>,
) -> Result<Vec<Option<usize>>, Refusal> {
    let twice = |i: usize, first: usize| {
        list.item(i).invalid(format!("is the same {what} as {}; send it once", list.item(first)))
    };
    let mut current = current.peekable();
    if new.len() <= 1 && current.peek().is_none() {
        return Ok(vec![None; new.len()]);
    }
    let current: Vec<K> = current.collect();
    let mut found = Vec::with_capacity(new.len());
    if new.len() + current.len() <= FEW {
        let mut seen: Vec<(usize, K)> = Vec::with_capacity(new.len());
        for (i, key) in new {
            found.push(current.iter().rposition(|there| *there == key));
            if let Some((first, _)) = seen.iter().find(|(_, other)| *other == key) {
                return Err(twice(i, *first));
            }
            seen.push((i, key));
        }
        return Ok(found);
    }
    let current: HashMap<K, usize> = current.into_iter().enumerate().map(|(i, k)| (k, i)).collect();
    let mut seen = HashMap::with_capacity(new.len());
    for (i, key) in new {
        found.push(current.get(&key).copied());
        match seen.entry(key) {
            Entry::Occupied(first) => return Err(twice(i, *first.get())),
            Entry::Vacant(free) => free.insert(i),
        };
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn few_are_matched_as_many_are(current in prop::collection::vec(0..9u8, 0..6), new in prop::collection::vec(0..9u8, 0..6)) {
            let path = Path::Root.member("Emails");
            let matched = |current: &[u8], new: &[u8]| {
                let new = new.iter().copied().enumerate();
                matched(&path, "email", current.iter().copied(), new.collect::<Vec<_>>().into_iter())
            };
            // With so many others it is done the other way.
            let many: Vec<u8> = (100..100 + FEW as u8).chain(current.iter().copied()).collect();
            let shifted = matched(&many, &new).map(|found| found.into_iter().map(|at| at.map(|at| at - FEW)).collect());
            prop_assert_eq!(matched(&current, &new), shifted);
        }
    }
}
