//! A profile as a caller sends it: every member optional, read-only ones ignored, unknown ones refused (profile.md).

mod wire;

pub use wire::*;

use crate::refusal::Refusal;

/// Reads a profile's JSON. Malformed JSON, a wrong type, a duplicate or unknown member: [`crate::refusal::Why::Invalid`] with
/// the path of the member. Lengths and references are checked later, by [`crate::change`].
pub fn parse_profile(_json: &[u8]) -> Result<ProfileInput, Refusal> {
    todo!()
}
