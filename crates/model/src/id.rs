//! Ids, each a type of its own so that one can't be taken for another.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The number of a profile: ascending within an account, never used twice (profile.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProfileId(pub u64);

/// The small integer that an account's keys in the store begin with. Never shown to a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountNo(pub u32);

/// What names an export to its caller: a random integer in 1 … 2^53−1 (export.md, Initiate).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccessToken(pub u64);

/// The largest access token: every JSON reader keeps it exactly.
pub const ACCESS_TOKEN_MAX: u64 = (1 << 53) - 1;

/// Who made a change: the user, and the source group it is said to come from (access.md).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Author {
    /// The acting user, as configured.
    pub user_id: String,
    /// The user's source group; `None` when the user has none.
    pub source_id: Option<String>,
}

macro_rules! shown {
    ($($t:ty),*) => {$(impl fmt::Display for $t {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.fmt(f)
        }
    })*};
}
shown!(ProfileId, AccountNo, AccessToken);

/// The form in which names are compared: account ids, segments, types, users, tags (access.md, configuration.md: without
/// regard to case). Outer white space removed, then [`fold_case`].
pub fn fold(name: &str) -> String {
    fold_case(trimmed(name))
}

/// Adds the folded form ([`fold`]) to a text.
pub fn fold_into(name: &str, out: &mut String) {
    let name = trimmed(name);
    if name.is_ascii() {
        let start = out.len();
        out.push_str(name);
        out[start..].make_ascii_lowercase();
    } else {
        out.push_str(&fold_case(name));
    }
}

/// Whether two names are the same without regard to case: fold to the same ([`fold`]).
pub fn same(a: &str, b: &str) -> bool {
    // Nearly everybody writes a name as it is configured.
    a == b || {
        let (a, b) = (trimmed(a), trimmed(b));
        if a.is_ascii() && b.is_ascii() { a.eq_ignore_ascii_case(b) } else { fold_case(a) == fold_case(b) }
    }
}

/// What `str::trim` gives, seen at a glance where there is nothing to trim.
pub(crate) fn trimmed(text: &str) -> &str {
    match text.as_bytes() {
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        _ => text.trim(),
    }
}

/// Lower case, letter by letter: what a text becomes doesn't depend on what stands beside it, so that a part of a text folds to
/// a part of the folded text. (`str::to_lowercase` makes the last Σ of a word ς and the others σ; here all three are σ.)
pub fn fold_case(text: &str) -> String {
    // the same, and several times faster for what most names are
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars().flat_map(char::to_lowercase).map(|c| if c == 'ς' { 'σ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn letter_case_makes_no_difference_wherever_a_letter_stands() {
        for (a, b) in [("ΟΔΟΣ", "οδοσ"), ("ΟΔΟΣ", "οδος"), ("Ångström", "ÅNGSTRÖM"), ("STRAẞE", "straße"), ("Ⱥ", "ⱥ")]
        {
            assert_eq!(fold(a), fold(b), "{a} {b}");
        }
    }

    proptest! {
        #[test]
        fn parts_fold_to_parts_and_folding_twice_changes_nothing(
            a in "[A-Za-zΣσςİıßẞÅK ]{0,8}", b in "[A-Za-zΣσςİıßẞÅK ]{0,8}",
        ) {
            prop_assert_eq!(fold_case(&(a.clone() + &b)), fold_case(&a) + &fold_case(&b));
            prop_assert_eq!(fold(&fold(&a)), fold(&a));
        }

        #[test]
        fn names_are_the_same_when_they_fold_to_the_same(
            a in "[\u{2003}\t ]{0,2}[abABΣσςİ]{0,3}[\u{2003} ]{0,2}", b in "[\t ]{0,2}[abABΣσςİ]{0,3}[\u{2003} ]{0,2}",
        ) {
            prop_assert_eq!(same(&a, &b), fold(&a) == fold(&b));
            prop_assert!(same(&a, &a.to_lowercase().replace('ς', "σ")));
            prop_assert_eq!(fold(&a), fold_case(a.trim()));
            let mut folded = "before".to_owned();
            fold_into(&a, &mut folded);
            prop_assert_eq!(folded, format!("before{}", fold(&a)));
        }
    }
}
