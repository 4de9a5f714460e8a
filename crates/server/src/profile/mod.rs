//! The Data API of profiles (profile.md): create, read, update in part, delete, and the same by alternate id.

mod alternate;
mod answer;
mod by_alternate_id;
mod by_id;

pub(crate) use by_alternate_id::*;
pub(crate) use by_id::*;
