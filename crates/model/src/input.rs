//! A profile as a caller sends it: every member optional, read-only ones ignored, unknown ones refused (profile.md).
//!
//! Reading only makes sure of names and JSON types; required members, lengths and references are the business of
//! [`crate::change`], which also knows the profile that is there.

pub(crate) mod object;
#[cfg(test)]
mod tests;
mod value;
mod wire;

pub use value::{Field, Ignored, Said};
pub use wire::*;

use object::Object;

use crate::refusal::Refusal;

/// Reads a profile's JSON. Malformed JSON, a wrong type, a duplicate or unknown member: [`crate::refusal::Why::Invalid`] with
/// the path of the member. Lengths and references are checked later, by [`crate::change`].
pub fn parse_profile(json: &[u8]) -> Result<ProfileInput, Refusal> {
    // RFC 8259 allows a reader to pass over a byte order mark, and some clients write one.
    let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
    match serde_json::from_slice::<Object<ProfileInput>>(json) {
        Ok(Object(profile)) => Ok(profile),
        Err(error) => Err(explain(json, &error)),
    }
}

/// Reads once more, noting the way to the fault: that costs more than reading itself, so only faulty input pays for it.
fn explain(json: &[u8], error: &serde_json::Error) -> Refusal {
    let mut reader = serde_json::Deserializer::from_slice(json);
    match serde_path_to_error::deserialize::<_, Object<ProfileInput>>(&mut reader) {
        Err(fault) => {
            let path = fault.path().to_string();
            Refusal::invalid(if path == "." { String::new() } else { path }, fault.inner().to_string())
        }
        // The profile is whole; something follows it.
        Ok(_) => Refusal::invalid("", error.to_string()),
    }
}
