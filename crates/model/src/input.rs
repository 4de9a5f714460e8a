//! A profile as a caller sends it: every member optional, read-only ones ignored, unknown ones refused (profile.md).
//!
//! Reading only makes sure of names and JSON types; required members, lengths and references are the business of
//! [`crate::change`], which also knows the profile that is there.

mod calls;
mod fault;
pub mod object;
pub mod once;
mod passing;
#[cfg(test)]
mod tests;
mod value;
mod wire;

pub use calls::*;
pub use fault::{trailing, unreadable};
pub use passing::parse_record;
pub use value::{Field, Ignored, Said, SentId, TiedTo};
pub use wire::*;

use object::Object;
use serde::de::DeserializeOwned;

use crate::refusal::Refusal;

/// Reads a profile's JSON. Malformed JSON, a wrong type, a duplicate or unknown member: [`crate::refusal::Why::Invalid`] with
/// the path of the member. Lengths and references are checked later, by [`crate::change`].
pub fn parse_profile(json: &[u8]) -> Result<ProfileInput, Refusal> {
    // As text it is seen once that all of it is UTF-8, as bytes for each string in it.
    let text = std::str::from_utf8(json).ok();
    match text.and_then(|text| serde_json::from_str(text).ok()) {
        Some(Object(input)) => Ok(input),
        None => parse(json),
    }
}

/// The same for the body of any call.
pub fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T, Refusal> {
    // RFC 8259 allows a reader to pass over a byte order mark, and some clients write one.
    let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
    match serde_json::from_slice::<Object<T>>(json) {
        Ok(Object(input)) => Ok(input),
        Err(error) => Err(explain::<T>(json, error)),
    }
}

/// Reads once more, noting the way to the fault: that costs more than reading itself, so only faulty input pays for it.
fn explain<T: DeserializeOwned>(json: &[u8], error: serde_json::Error) -> Refusal {
    let mut reader = serde_json::Deserializer::from_slice(json);
    match serde_path_to_error::deserialize::<_, Object<T>>(&mut reader) {
        Err(ended) => unreadable(ended),
        // The input is whole; something follows it.
        Ok(_) => trailing(error),
    }
}
