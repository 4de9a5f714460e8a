//! How a profile stands in `rows`: a header, the cut list, the wire JSON that the Data API and exports copy, and what is kept
//! beside it. The header lets an export copy the bytes without parsing them.
//!
//! ```text
//! 0   CRC-32C of everything after it
//! 4   format (1)
//! 5   render version, 2 bytes
//! 7   modified, 8 bytes
//! 15  next expiry, 8 bytes (i64::MAX: none)
//! 23  number of cuts
//! 27  bytes of JSON
//! 31  cuts: part, start, end (9 bytes each) · JSON · extras as JSON (nothing when there are none)
//! ```
//! Integers are little-endian, 4 bytes where nothing is said.

use sayso_model::{
    change::Kept,
    id::ProfileId,
    moment::Moment,
    profile::{Extras, Profile},
    render::{Cut, Part, RENDER_VERSION, Row},
};

use crate::{StoreError, profiles::StoredRow, snapshot::RowBytes};

const FORMAT: u8 = 1;
const NEVER: i64 = i64::MAX;
const HEAD: usize = 31;
const CUT: usize = 9;

/// Encodes a row; adds it to `out`.
pub(crate) fn encode(
    row: &Row,
    extras: &Extras,
    modified: Moment,
    next_expiry: Option<Moment>,
    out: &mut Vec<u8>,
) -> Result<(), StoreError> {
    let start = out.len();
    encode_unsummed(row, extras, modified, next_expiry, out)?;
    sum(out, start);
    Ok(())
}

/// The same without the checksum: a row that gets its [`number`] later gets that, too.
pub(crate) fn encode_unsummed(
    row: &Row,
    extras: &Extras,
    modified: Moment,
    next_expiry: Option<Moment>,
    out: &mut Vec<u8>,
) -> Result<(), StoreError> {
    let too_large = |_| StoreError::Engine("a profile of more than 4 GiB can't be kept".into());
    out.reserve(HEAD + row.cuts.len() * CUT + row.json.len());
    out.extend([0; 4]);
    out.push(FORMAT);
    out.extend(RENDER_VERSION.to_le_bytes());
    out.extend(modified.0.to_le_bytes());
    out.extend(next_expiry.map_or(NEVER, |m| m.0).to_le_bytes());
    out.extend(u32::try_from(row.cuts.len()).map_err(too_large)?.to_le_bytes());
    out.extend(u32::try_from(row.json.len()).map_err(too_large)?.to_le_bytes());
    for cut in &row.cuts {
        out.push(cut.part as u8);
        out.extend(cut.start.to_le_bytes());
        out.extend(cut.end.to_le_bytes());
    }
    out.extend_from_slice(&row.json);
    if *extras != Extras::default() {
        serde_json::to_writer(&mut *out, extras)
            .map_err(|e| StoreError::Engine(format!("what is kept beside a row can't be written: {e}")))?;
    }
    Ok(())
}

/// Writes the checksum of the row that begins at `start` and ends with the buffer.
fn sum(out: &mut [u8], start: usize) {
    if let Some((crc, body)) = out.get_mut(start..).and_then(|row| row.split_first_chunk_mut()) {
        *crc = crc32c::crc32c(body).to_le_bytes();
    }
}

/// The beginning of the JSON of a profile that has no number yet.
const UNNUMBERED: &[u8] = br#"{"ProfileId":0"#;

/// Makes the encoded row of profile 0 into that of `id`, in place of what `out` holds; gives the bytes by which its JSON is longer.
pub(crate) fn number(encoded: &[u8], id: ProfileId, out: &mut Vec<u8>) -> Result<u32, StoreError> {
    let unexpected = || StoreError::Engine("a prepared row isn't as rows without a number are".into());
    let digits = id.to_string();
    let longer = u32::try_from(digits.len() - 1).map_err(|_| unexpected())?;
    let integer = |at: usize| encoded.get(at..).and_then(|b| b.first_chunk()).map(|b| u32::from_le_bytes(*b));
    let (cuts, json) = integer(23).zip(integer(27)).ok_or_else(unexpected)?;
    let body = encoded.get(HEAD..).and_then(|rest| rest.split_at_checked(cuts as usize * CUT));
    let (cuts, rest) = body.ok_or_else(unexpected)?;
    let rest = rest.strip_prefix(UNNUMBERED).ok_or_else(unexpected)?;

    out.clear();
    out.reserve(encoded.len() + digits.len());
    out.extend_from_slice(encoded.get(..27).ok_or_else(unexpected)?);
    out.extend((json + longer).to_le_bytes());
    let start = out.len();
    out.extend_from_slice(cuts);
    let (cuts, _) = out.get_mut(start..).unwrap_or_default().as_chunks_mut::<CUT>();
    for [_, a, b, c, d, e, f, g, h] in cuts {
        let longer = |n: [u8; 4]| (u32::from_le_bytes(n) + longer).to_le_bytes();
        [*a, *b, *c, *d] = longer([*a, *b, *c, *d]);
        [*e, *f, *g, *h] = longer([*e, *f, *g, *h]);
    }
    out.extend_from_slice(UNNUMBERED.strip_suffix(b"0").unwrap_or(UNNUMBERED));
    out.extend_from_slice(digits.as_bytes());
    out.extend_from_slice(rest);
    sum(out, 0);
    Ok(longer)
}

/// A row read in place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stored<'a> {
    pub id: ProfileId,
    pub modified: Moment,
    pub next_expiry: Option<Moment>,
    render_version: u16,
    cuts: &'a [u8],
    json: &'a [u8],
    extras: &'a [u8],
}

impl<'a> Stored<'a> {
    /// Reads a row and verifies its checksum.
    pub(crate) fn decode(id: ProfileId, bytes: &'a [u8]) -> Result<Self, StoreError> {
        let damaged = |why: &str| StoreError::Damaged(format!("the row of profile {id} {why}; restore a backup"));
        let (crc, body) = bytes.split_first_chunk().ok_or_else(|| damaged("is too short"))?;
        if u32::from_le_bytes(*crc) != crc32c::crc32c(body) {
            return Err(damaged("doesn't have its checksum"));
        }
        // The checksum was right: what follows is as it was written, by this program or by another.
        let mut rest = body;
        let format = take(&mut rest).map(u8::from_le_bytes).ok_or_else(|| damaged("is too short"))?;
        if format != FORMAT {
            return Err(damaged(&format!("has the format {format}, this program knows {FORMAT}")));
        }
        let head = (|| {
            let render_version = u16::from_le_bytes(take(&mut rest)?);
            let modified = Moment(i64::from_le_bytes(take(&mut rest)?));
            let next_expiry = Some(Moment(i64::from_le_bytes(take(&mut rest)?))).filter(|m| m.0 != NEVER);
            let cuts = u32::from_le_bytes(take(&mut rest)?) as usize;
            let json = u32::from_le_bytes(take(&mut rest)?) as usize;
            let (cuts, rest) = rest.split_at_checked(cuts * CUT)?;
            let (json, extras) = rest.split_at_checked(json)?;
            Some(Stored { id, modified, next_expiry, render_version, cuts, json, extras })
        })();
        head.ok_or_else(|| damaged("is shorter than its header says"))
    }

    /// The bytes as an export copies them.
    pub(crate) fn bytes(&self) -> RowBytes<'a> {
        RowBytes {
            id: self.id,
            next_expiry: self.next_expiry,
            render_version: self.render_version,
            json: self.json,
            cut_bytes: self.cuts,
        }
    }

    /// The typed profile, parsed.
    pub(crate) fn profile(&self) -> Result<Profile, StoreError> {
        serde_json::from_slice(self.json)
            .map_err(|e| StoreError::Damaged(format!("the JSON of profile {} can't be read: {e}", self.id)))
    }

    /// The profile and what is kept beside it, parsed.
    pub(crate) fn kept(&self) -> Result<Kept, StoreError> {
        let extras = if self.extras.is_empty() {
            Extras::default()
        } else {
            serde_json::from_slice(self.extras).map_err(|e| {
                StoreError::Damaged(format!("what is kept beside the row of profile {} can't be read: {e}", self.id))
            })?
        };
        Ok(Kept { profile: self.profile()?, extras })
    }

    /// All of it, owned.
    pub(crate) fn to_owned(self) -> Result<StoredRow, StoreError> {
        Ok(StoredRow {
            id: self.id,
            modified: self.modified,
            next_expiry: self.next_expiry,
            row: Row { json: self.json.to_vec(), cuts: decode_cuts(self.cuts) },
            kept: self.kept()?,
        })
    }

    /// The render version the bytes were made with.
    pub(crate) fn render_version(&self) -> u16 {
        self.render_version
    }
}

/// Decodes a cut list that was written by [`encode`].
pub(crate) fn decode_cuts(bytes: &[u8]) -> Vec<Cut> {
    let (cuts, _) = bytes.as_chunks::<CUT>();
    let cut = |[part, a, b, c, d, e, f, g, h]: [u8; CUT]| {
        let part = match part {
            1 => Part::Preferences,
            2 => Part::Consents,
            3 => Part::CustomFields,
            _ => return None,
        };
        Some(Cut { part, start: u32::from_le_bytes([a, b, c, d]), end: u32::from_le_bytes([e, f, g, h]) })
    };
    cuts.iter().filter_map(|bytes| cut(*bytes)).collect()
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cuts() -> impl Strategy<Value = Vec<Cut>> {
        let part = prop::sample::select(vec![Part::Preferences, Part::Consents, Part::CustomFields]);
        prop::collection::vec((part, any::<u32>(), any::<u32>()), 0..5)
            .prop_map(|cuts| cuts.into_iter().map(|(part, start, end)| Cut { part, start, end }).collect())
    }

    proptest! {
        #[test]
        fn a_row_comes_back_as_it_was_and_a_flipped_bit_is_noticed(
            json: Vec<u8>, cuts in cuts(), modified: i64, expiry in prop::option::of(..i64::MAX), at: prop::sample::Index,
        ) {
            let row = Row { json, cuts };
            let expiry = expiry.map(Moment);
            let mut bytes = Vec::new();
            encode(&row, &Extras::default(), Moment(modified), expiry, &mut bytes).unwrap();
            let stored = Stored::decode(ProfileId(7), &bytes).unwrap();
            prop_assert_eq!(stored.modified, Moment(modified));
            prop_assert_eq!(stored.next_expiry, expiry);
            prop_assert_eq!(stored.bytes().json, &row.json[..]);
            prop_assert_eq!(stored.bytes().cuts(), row.cuts);
            prop_assert_eq!(stored.render_version(), RENDER_VERSION);
            let bit = at.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(Stored::decode(ProfileId(7), &bytes).is_err());
        }
    }
}
