//! The input structs, member by member as in profile.md.

use serde::Deserialize;

/// A profile in a call's body.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct ProfileInput {}
