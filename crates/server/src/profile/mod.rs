//! The Data API of profiles (profile.md): create, read, update in part, delete, the same by alternate id; searches, groups, histories.

mod alternate;
mod answer;
mod by_alternate_id;
mod by_id;
mod group;
mod history;
mod place;
mod read;
mod search;

pub(crate) use by_alternate_id::*;
pub(crate) use by_id::*;
pub(crate) use group::*;
pub(crate) use history::*;
pub(crate) use place::PlaceAnswer;
pub(crate) use search::*;
