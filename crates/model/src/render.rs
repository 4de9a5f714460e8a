//! Profile → wire JSON: members in profile.md's order, dates in UTC with milliseconds, absent strings `null`, empty lists
//! `[]`; and the cut list, so that an export leaves parts out by copying around them (house.md, Output settings).

use crate::{
    config::Output,
    profile::{Profile, Tombstone},
};

/// Raised whenever the rendered bytes of an unchanged profile would differ from a former build's: rows with another version
/// are rendered anew when they are exported.
pub const RENDER_VERSION: u16 = 1;

/// Which optional part a cut removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Part {
    Preferences = 1,
    Consents = 2,
    CustomFields = 3,
}

/// One removable range of a row's JSON: bytes `start..end`, one adjacent comma included, so that what remains is JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Cut {
    pub part: Part,
    pub start: u32,
    pub end: u32,
}

/// A rendered row: the JSON and its cuts, sorted by start; a consent cut may lie inside a preference cut.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Row {
    pub json: Vec<u8>,
    pub cuts: Vec<Cut>,
}

/// Renders a profile with all its parts, as given: status and `Expired` stand as they are in `profile`.
pub fn render(_profile: &Profile) -> Row {
    todo!()
}

/// Renders a deleted profile's row.
pub fn render_tombstone(_tombstone: &Tombstone) -> Vec<u8> {
    todo!()
}

/// How many bytes `cuts` leave of a row of `len` bytes under these settings. Equals the length of what [`copy`] writes.
pub fn length(_len: u32, _cuts: &[Cut], _output: &Output) -> u32 {
    todo!()
}

/// The ranges of the row's JSON that these settings leave, in order, for copying.
pub fn kept_ranges<'a>(
    _len: u32,
    _cuts: &'a [Cut],
    _output: &Output,
) -> impl Iterator<Item = std::ops::Range<usize>> + 'a {
    std::iter::empty()
}
