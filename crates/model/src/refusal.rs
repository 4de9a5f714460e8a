//! Why a caller's data can't be taken. Below HTTP nothing knows a status code; the server maps [`Why`] in one place.

use std::fmt;

/// The kind of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    /// Malformed, too long, or against a rule (400).
    Invalid,
    /// Names a thing that the account has not configured, or a profile that isn't there (404).
    Unknown,
    /// Collides with what is there: an alternate id that another profile has (409).
    Conflict,
    /// The state that the caller expected is not the state there is (412).
    Stale,
}

/// One refused value: where it stands, what was wrong and what is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The kind.
    pub why: Why,
    /// Where the value stands in the input: `Emails[1].EmailAddress`; empty when it is the input as a whole.
    pub path: String,
    /// One sentence for the caller: what was wrong, the value seen (shortened), what is accepted. Lower case, no full stop.
    pub message: String,
}

impl Refusal {
    /// A refusal of kind `why` at `path`.
    pub fn new(why: Why, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { why, path: path.into(), message: message.into() }
    }
    /// Malformed or against a rule.
    pub fn invalid(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Why::Invalid, path, message)
    }
    /// Not configured, or not there.
    pub fn unknown(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Why::Unknown, path, message)
    }
    /// Taken by another.
    pub fn conflict(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Why::Conflict, path, message)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() { f.write_str(&self.message) } else { write!(f, "{}: {}", self.path, self.message) }
    }
}

impl std::error::Error for Refusal {}

/// A value as a message shows it: in quotes, control characters escaped, cut after 60 characters.
pub fn shown(value: &str) -> String {
    match value.char_indices().nth(60) {
        Some((end, _)) => format!("{:?}…", &value[..end]),
        None => format!("{value:?}"),
    }
}
