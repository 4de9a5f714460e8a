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
/// regard to case). Lower case by Unicode's simple rules, outer white space removed.
pub fn fold(name: &str) -> String {
    let name = name.trim();
    // the same, and several times faster for what most names are
    if name.is_ascii() { name.to_ascii_lowercase() } else { name.to_lowercase() }
}
