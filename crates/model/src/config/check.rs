//! The checks of a configuration as a whole: names unique, references met, segments well formed, and what may no longer change.

use super::Configuration;
use crate::refusal::Refusal;

/// Checks a new configuration against itself and against the one it replaces (configuration.md: names unique without
/// regard to case; every reference configured; segment definitions well formed; what is in use can't change or go).
/// All refusals are given, not only the first.
pub fn check(_new: &Configuration, _current: Option<&Configuration>) -> Result<(), Vec<Refusal>> {
    todo!()
}
