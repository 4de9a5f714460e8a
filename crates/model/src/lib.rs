//! What the words of Sayso mean: the profile and everything in it, an account's configuration, segments, and the
//! rules of dates, phones and expiry. Pure functions over plain data: no IO, no clock, no async, so that the HTTP
//! calls, the bulk load and the export share one truth, and property tests can run it a million times.
//!
//! | room | what is in it |
//! |---|---|
//! | [`id`] | the ids: profile, account, user, access token |
//! | [`moment`] | instants in milliseconds, the dates of the wire, US Eastern time, the vendor's rounding |
//! | [`normal`] | the forms in which emails, phones and addresses are compared |
//! | [`profile`] | the typed profile, as it is stored and as it goes over the wire |
//! | [`input`] | a profile as a caller sends it: every member optional, unknown ones refused |
//! | [`patch`] | JSON Patch (RFC 6902): add, replace, remove, test |
//! | [`change`] | (current profile, configuration, input) → new profile or refusal: every rule of a write |
//! | [`render`] | profile → wire JSON and the cut list for output settings |
//! | [`reading`] | how a stored profile reads at a moment: expiry, archived and implied preferences |
//! | [`config`] | what an account sets up |
//! | [`segment`] | the segment language: definition, checks, exact evaluator |
//! | [`facts`] | the hundred bytes a profile is filtered by, and the compiled predicate over them |
//! | [`secret`] | text that nobody may see |
//! | [`selection`] | what an export selects: segment or group, changed since, matching values |

pub mod change;
pub mod config;
pub mod facts;
pub mod id;
pub mod input;
pub mod moment;
pub mod normal;
pub mod patch;
pub mod profile;
pub mod reading;
pub mod refusal;
pub mod render;
pub mod secret;
pub mod segment;
pub mod selection;
#[cfg(test)]
mod testing;
mod text;
