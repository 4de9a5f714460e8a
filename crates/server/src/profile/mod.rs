//! The Data API of profiles (profile.md): create, read, update in part, replace, patch, delete, the same by alternate id; preferences
//! alone, consents alone, activation; searches, groups, histories.

mod activation;
mod alternate;
mod answer;
mod by_alternate_id;
mod by_id;
mod consents;
mod etag;
mod group;
mod history;
mod place;
mod preferences;
mod read;
mod search;

pub(crate) use activation::*;
pub(crate) use by_alternate_id::*;
pub(crate) use by_id::*;
pub(crate) use consents::*;
pub(crate) use group::*;
pub(crate) use history::*;
pub(crate) use place::PlaceAnswer;
pub(crate) use preferences::*;
pub(crate) use search::*;
