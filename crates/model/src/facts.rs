//! The hundred bytes a profile is filtered by (house.md, facts), and the predicate that a criterion compiles to.
//!
//! ```text
//! 0   version
//! 1   flags
//! 2   created, modified, next expiry (i64::MAX: none): milliseconds, 8 bytes each
//! 26  row length; bytes in it of consents outside preferences, consents inside preferences, preferences, custom fields
//! 46  bytes of the term ids
//! 50  term ids, ascending: differences as variable-length integers, seven bits a byte
//! …   how many hashes of attributes of preferences, as such an integer; the hashes, 4 bytes each
//! …   numbers, dates and texts of custom fields: the id of the field's term, then an f64, for text a hash
//! ```
//! Fixed integers are little-endian, 4 bytes where nothing is said.

mod predicate;
mod terms;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use predicate::{Answer, Predicate};
pub use terms::tags;
pub use terms::{MAX_TERM, ProfileTerms, terms};
pub(crate) use terms::{tells, tells_of_field};

use crate::{
    change::Kept,
    config::Output,
    moment::Moment,
    render::{Part, Row},
};

/// The format of encoded facts and of terms. Facts of another version are not read: whoever raises this writes the step that makes the
/// facts of a former store anew from its rows (everything in them comes from there), and raises the store's format with it.
pub const FACTS_VERSION: u8 = 3;

/// The dictionary of one account: text → id, as the store keeps it (configured names and short closed sets only).
pub type Terms = BTreeMap<String, u32>;

const HEAD: usize = 50;
const ROW_LENGTH: usize = 26;
const NEVER: i64 = i64::MAX;

const ACTIVE: u8 = 1;
const REGISTRATION_CONFIRMED: u8 = 2;
const PRESERVE_CONSENTS: u8 = 4;
const PRESERVE_PREFERENCES: u8 = 8;
const EXTRAS: u8 = 16;

/// Encodes the facts of a profile: its flags and dates, the row's length and the lengths of its parts, the ids of its terms,
/// its numbers. `row` is the rendered `kept.profile`; `terms` are those of `kept` ([`terms()`]), `term_ids` their ids in that order,
/// unsorted. Adds to `out`.
pub fn encode(
    kept: &Kept,
    terms: &ProfileTerms,
    row: &Row,
    next_expiry: Option<Moment>,
    term_ids: &[u32],
    out: &mut Vec<u8>,
) {
    let profile = &kept.profile;
    let flags = [
        (profile.is_active, ACTIVE),
        (profile.registration_confirmed, REGISTRATION_CONFIRMED),
        (profile.preserve_consents, PRESERVE_CONSENTS),
        (profile.preserve_preferences, PRESERVE_PREFERENCES),
        (!kept.extras.archived.is_empty(), EXTRAS),
    ];
    out.push(FACTS_VERSION);
    out.push(flags.iter().filter(|(set, _)| *set).map(|(_, bit)| bit).sum());
    for moment in [profile.edited.create_date, profile.edited.last_modified_date, next_expiry.unwrap_or(Moment(NEVER))]
    {
        out.extend(moment.0.to_le_bytes());
    }
    out.extend(u32::try_from(row.json.len()).unwrap_or(u32::MAX).to_le_bytes());
    for length in part_lengths(row) {
        out.extend(length.to_le_bytes());
    }

    let mut ids = term_ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    let at = out.len();
    out.extend([0; 4]);
    let mut last = 0;
    for id in ids {
        put_integer(id - last, out);
        last = id;
    }
    let length = u32::try_from(out.len() - at - 4).unwrap_or(u32::MAX);
    out[at..at + 4].copy_from_slice(&length.to_le_bytes());

    let attributes = terms::attributes(profile);
    put_integer(u32::try_from(attributes.len()).unwrap_or(u32::MAX), out);
    out.extend(attributes.into_iter().flat_map(u32::to_le_bytes));

    // the terms of numbers come first
    for (number, id) in terms.numbers.iter().zip(term_ids) {
        put_integer(*id, out);
        out.extend(number.to_le_bytes());
    }
}

/// Adds to the row length of encoded facts: for a row whose number was given after they were made.
pub fn lengthen_row(encoded: &mut [u8], by: u32) {
    if let Some(length) = encoded.get_mut(ROW_LENGTH..).and_then(|rest| rest.first_chunk_mut()) {
        *length = u32::from_le_bytes(*length).saturating_add(by).to_le_bytes();
    }
}

/// Bytes of consents outside preferences, of consents inside them, of preferences (with those consents), of custom fields.
fn part_lengths(row: &Row) -> [u32; 4] {
    let mut lengths = [0; 4];
    let mut preferences_end = 0;
    for cut in &row.cuts {
        let length = cut.end - cut.start;
        match cut.part {
            Part::Consents if cut.end <= preferences_end => lengths[1] += length,
            Part::Consents => lengths[0] += length,
            Part::Preferences => {
                lengths[2] += length;
                preferences_end = cut.end;
            }
            Part::CustomFields => lengths[3] += length,
        }
    }
    lengths
}

/// Encoded facts, read in place.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a>(&'a [u8]);

impl<'a> Facts<'a> {
    /// `None` when the bytes are no facts of this version.
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        let facts = Facts(bytes);
        let sound = bytes.len() >= HEAD && bytes[0] == FACTS_VERSION && facts.terms_end() <= bytes.len();
        sound.then_some(facts)
    }
    /// When the profile was last written.
    pub fn modified(&self) -> Moment {
        self.moment(10)
    }
    /// When it was created.
    pub fn created(&self) -> Moment {
        self.moment(2)
    }
    /// The next moment, from when it was written, at which something in it expires.
    pub fn next_expiry(&self) -> Option<Moment> {
        Some(self.moment(18)).filter(|m| m.0 != NEVER)
    }
    /// Whether the profile is active.
    pub fn is_active(&self) -> bool {
        self.flag(ACTIVE)
    }
    /// Whether something is kept beside the row ([`crate::profile::Extras`]) that output settings may ask for.
    pub fn has_extras(&self) -> bool {
        self.flag(EXTRAS)
    }
    /// Bytes of the stored row under these output settings ([`crate::render::length`]), without opening it. Not of a row that has
    /// to be rendered anew: one with something expired, archived or implied in it.
    pub fn row_length(&self, output: &Output) -> u32 {
        let [outside, inside, preferences, custom_fields] = [30, 34, 38, 42].map(|at| self.integer(at));
        let mut cut = 0;
        if !output.preferences {
            cut += preferences;
        }
        if !output.consents {
            cut += outside + if output.preferences { inside } else { 0 };
        }
        if !output.custom_fields {
            cut += custom_fields;
        }
        self.integer(ROW_LENGTH).saturating_sub(cut)
    }
    /// The ids of its terms, ascending.
    pub fn term_ids(&self) -> impl Iterator<Item = u32> + 'a {
        let mut rest = &self.0[HEAD..self.terms_end()];
        let mut id = 0u32;
        std::iter::from_fn(move || {
            id = id.wrapping_add(take_integer(&mut rest)?);
            Some(id)
        })
    }
    /// The number or date (milliseconds) of the custom field whose term has this id.
    fn number(&self, term: u32) -> Option<f64> {
        self.bits(term).map(f64::from_bits)
    }
    /// The same as its bits; of a text field the hash.
    fn bits(&self, term: u32) -> Option<u64> {
        let (_, mut rest) = self.attributes_and_rest();
        loop {
            let id = take_integer(&mut rest)?;
            let (bits, after) = rest.split_first_chunk::<8>()?;
            if id == term {
                return Some(u64::from_le_bytes(*bits));
            }
            rest = after;
        }
    }
    /// Whether its preferences may have all of these attributes ([`terms::attribute_hash`]).
    fn may_have(&self, attributes: &[u32]) -> bool {
        let (hashes, _) = self.attributes_and_rest();
        attributes.iter().all(|wanted| hashes.contains(&wanted.to_le_bytes()))
    }
    fn attributes_and_rest(&self) -> (&'a [[u8; 4]], &'a [u8]) {
        let mut rest = &self.0[self.terms_end()..];
        let count = take_integer(&mut rest).unwrap_or(0) as usize;
        let (hashes, rest) = rest.split_at_checked(count.saturating_mul(4)).unwrap_or_default();
        (hashes.as_chunks().0, rest)
    }

    fn terms_end(&self) -> usize {
        HEAD.saturating_add(self.integer(46) as usize)
    }
    fn flag(&self, bit: u8) -> bool {
        self.0[1] & bit != 0
    }
    fn moment(&self, at: usize) -> Moment {
        let bytes = self.0[at..].first_chunk().expect("facts are at least as long as their head");
        Moment(i64::from_le_bytes(*bytes))
    }
    fn integer(&self, at: usize) -> u32 {
        let bytes = self.0[at..].first_chunk().expect("facts are at least as long as their head");
        u32::from_le_bytes(*bytes)
    }
}

fn put_integer(mut n: u32, out: &mut Vec<u8>) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// The next integer; `None` at the end.
fn take_integer(bytes: &mut &[u8]) -> Option<u32> {
    let (mut n, mut shift) = (0u32, 0);
    loop {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        n |= u32::from(byte & 0x7F).checked_shl(shift)?;
        if byte < 0x80 {
            return Some(n);
        }
        shift += 7;
    }
}
