//! How a profile stands in `rows`: a header, the cut list, and packed the wire JSON that the Data API and exports give, with what
//! is kept beside it. The header lets an export copy the JSON without parsing it.
//!
//! ```text
//! 0   CRC-32C of the ProfileId (8 bytes) and of everything after this
//! 4   format (2)
//! 5   how the rest is packed: 0 as it is, 1 an LZ4 block
//! 6   render version, 2 bytes
//! 8   modified, 8 bytes
//! 16  next expiry, 8 bytes (i64::MAX: none)
//! 24  number of cuts
//! 28  bytes of JSON after the ProfileId
//! 32  bytes of extras
//! 36  cuts: part, start, end (9 bytes each), counted from the end of the ProfileId
//! …   packed: JSON after the ProfileId · extras as JSON (nothing when there are none)
//! ```
//! Integers are little-endian, 4 bytes where nothing is said.
//!
//! The ProfileId isn't in it: the key says it, and so a row can be made before its profile has a number. Packed, a row of 5 KB has
//! a quarter of that: the engine keeps it in a page with others instead of in two of its own, and a load, whose limit is
//! the disk, writes a fifth. Unpacking it costs an export less than its checksum and its page faults did before.

use std::cell::RefCell;

use lz4_flex::block::{CompressError, CompressTable, compress_into, compress_into_with_table, get_maximum_output_size};
use memchr::memmem;
use sayso_model::{
    change::Kept,
    id::ProfileId,
    moment::Moment,
    profile::{Extras, Profile},
    render::{Cut, Part, RENDER_VERSION, Row},
};
use serde::de::DeserializeOwned;

use crate::{StoreError, profiles::StoredRow, seal::read_json, snapshot::RowBytes, version::Version};

const FORMAT: u8 = 2;
const PLAIN: u8 = 0;
const LZ4: u8 = 1;
const NEVER: i64 = i64::MAX;
const HEAD: usize = 36;
const CUT: usize = 9;
/// Far more than a profile may have: what a header asks for beyond it isn't made.
const LONGEST: usize = 1 << 26;

/// What stands before the ProfileId in the JSON of a row.
const BEFORE: &[u8] = br#"{"ProfileId":"#;

/// Encodes the row of the profile `id` and adds it to `out`, its checksum left open: see [`sum`].
pub(crate) fn encode_unsummed(
    id: ProfileId,
    row: &Row,
    extras: &Extras,
    modified: Moment,
    next_expiry: Option<Moment>,
    out: &mut Vec<u8>,
) -> Result<(), StoreError> {
    let unexpected = |_| StoreError::Engine("a row doesn't begin with its ProfileId, or has more than 4 GiB".into());
    let beginning = beginning(id);
    let rest = row.json.strip_prefix(beginning.as_slice()).ok_or(()).map_err(unexpected)?;
    let extras_json = if *extras == Extras::default() {
        Vec::new()
    } else {
        serde_json::to_vec(extras)
            .map_err(|e| StoreError::Engine(format!("what is kept beside a row can't be written: {e}")))?
    };
    let length = |n: usize| u32::try_from(n).map_err(|_| ()).map_err(unexpected);
    out.extend([0; 4]);
    out.extend([FORMAT, LZ4]);
    let packing = out.len() - 1;
    out.extend(RENDER_VERSION.to_le_bytes());
    out.extend(modified.0.to_le_bytes());
    out.extend(next_expiry.map_or(NEVER, |m| m.0).to_le_bytes());
    out.extend(length(row.cuts.len())?.to_le_bytes());
    out.extend(length(rest.len())?.to_le_bytes());
    out.extend(length(extras_json.len())?.to_le_bytes());
    let number = length(beginning.len())?;
    for cut in &row.cuts {
        out.push(cut.part as u8);
        out.extend(cut.start.wrapping_sub(number).to_le_bytes());
        out.extend(cut.end.wrapping_sub(number).to_le_bytes());
    }
    let joined;
    let plain = if extras_json.is_empty() {
        rest
    } else {
        joined = [rest, &extras_json].concat();
        &joined
    };
    let is_packed = pack(plain, |packed| out.extend_from_slice(packed));
    // Nothing is won, or it didn't go.
    if !is_packed {
        out.extend_from_slice(plain);
        if let Some(packing) = out.get_mut(packing) {
            *packing = PLAIN;
        }
    }
    Ok(())
}

/// Gives `take` what is packed, where that is shorter; whether it is.
fn pack(plain: &[u8], take: impl FnOnce(&[u8])) -> bool {
    thread_local! {
        /// Making a table for each row costs a tenth of packing it, and clearing room for the result another.
        static USED: RefCell<(CompressTable, Vec<u8>)> = RefCell::default();
    }
    let room = get_maximum_output_size(plain.len());
    // A table that has seen more than 64 KiB stays twice as large.
    if plain.len() >= usize::from(u16::MAX) {
        let mut out = vec![0; room];
        return give(compress_into(plain, &mut out), plain, &out, take);
    }
    USED.with_borrow_mut(|(table, out)| {
        if out.len() < room {
            out.resize(room, 0);
        }
        give(compress_into_with_table(plain, out, table), plain, out, take)
    })
}

fn give(packed: Result<usize, CompressError>, plain: &[u8], out: &[u8], take: impl FnOnce(&[u8])) -> bool {
    let packed = packed.ok().filter(|packed| *packed < plain.len()).and_then(|packed| out.get(..packed));
    packed.map(take).is_some()
}

/// The same with its checksum.
pub(crate) fn encode(
    id: ProfileId,
    row: &Row,
    extras: &Extras,
    modified: Moment,
    next_expiry: Option<Moment>,
) -> Result<Vec<u8>, StoreError> {
    let mut out = Vec::with_capacity(HEAD + row.json.len());
    encode_unsummed(id, row, extras, modified, next_expiry, &mut out)?;
    sum(&mut out, id);
    Ok(out)
}

/// Writes the checksum of an encoded row: from here on it is that of the profile `id`.
pub(crate) fn sum(encoded: &mut [u8], id: ProfileId) {
    if let Some((crc, body)) = encoded.split_first_chunk_mut() {
        *crc = checksum(id, body).to_le_bytes();
    }
}

fn checksum(id: ProfileId, body: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&id.0.to_le_bytes()), body)
}

fn beginning(id: ProfileId) -> Vec<u8> {
    [BEFORE, id.to_string().as_bytes()].concat()
}

/// A row as it was written.
#[derive(Debug, Clone)]
pub(crate) struct Stored<'a> {
    pub id: ProfileId,
    pub modified: Moment,
    pub next_expiry: Option<Moment>,
    /// Of the row as it lies there.
    pub checksum: u32,
    render_version: u16,
    cuts: &'a [u8],
    /// Bytes of JSON up to the end of the ProfileId: what the cuts are counted from.
    number: u32,
    /// JSON and extras.
    body: Vec<u8>,
    json: usize,
}

impl<'a> Stored<'a> {
    /// Verifies the checksum of a row and unpacks it.
    pub(crate) fn decode(id: ProfileId, bytes: &'a [u8]) -> Result<Self, StoreError> {
        let damaged = |why: &str| StoreError::Damaged(format!("the row of profile {id} {why}; restore a backup"));
        let (crc, body) = bytes.split_first_chunk().ok_or_else(|| damaged("is too short"))?;
        let checksum = u32::from_le_bytes(*crc);
        if checksum != self::checksum(id, body) {
            return Err(damaged("doesn't have its checksum"));
        }
        // The checksum was right: what follows is as it was written, by this program or by another.
        let mut rest = body;
        let format = take(&mut rest).map(u8::from_le_bytes).ok_or_else(|| damaged("is too short"))?;
        if format != FORMAT {
            return Err(damaged(&format!("has the format {format}, this program knows {FORMAT}")));
        }
        let decoded = (|| {
            let packing = u8::from_le_bytes(take(&mut rest)?);
            let render_version = u16::from_le_bytes(take(&mut rest)?);
            let modified = Moment(i64::from_le_bytes(take(&mut rest)?));
            let next_expiry = Some(Moment(i64::from_le_bytes(take(&mut rest)?))).filter(|m| m.0 != NEVER);
            let cuts = u32::from_le_bytes(take(&mut rest)?) as usize;
            let json = u32::from_le_bytes(take(&mut rest)?) as usize;
            let extras = u32::from_le_bytes(take(&mut rest)?) as usize;
            let (cuts, packed) = rest.split_at_checked(cuts.checked_mul(CUT)?)?;
            let plain = json.checked_add(extras).filter(|plain| *plain <= LONGEST)?;
            let mut body = Vec::with_capacity(64 + plain);
            body.extend_from_slice(BEFORE);
            // Into memory that can't fail.
            std::io::Write::write_fmt(&mut body, format_args!("{id}")).ok()?;
            let number = body.len();
            let unpacked = if packing == LZ4 {
                body.resize(number + plain, 0);
                lz4_flex::block::decompress_into(packed, body.get_mut(number..)?).ok()?
            } else {
                body.extend_from_slice(packed);
                packed.len()
            };
            let json = number + json;
            let number = u32::try_from(number).ok()?;
            let stored = Stored { id, modified, next_expiry, checksum, render_version, cuts, number, body, json };
            (unpacked == plain).then_some(stored)
        })();
        decoded.ok_or_else(|| damaged("isn't as its header says"))
    }

    /// The bytes as an export copies them.
    pub(crate) fn bytes(&self) -> RowBytes<'_> {
        RowBytes {
            id: self.id,
            next_expiry: self.next_expiry,
            render_version: self.render_version,
            json: self.json(),
            encoded_cuts: (self.cuts, self.number),
        }
    }

    fn json(&self) -> &[u8] {
        self.body.get(..self.json).unwrap_or_default()
    }

    /// Whether the profile is active: what stands behind its id.
    pub(crate) fn is_active(&self) -> bool {
        self.json().get(self.number as usize..).unwrap_or_default().starts_with(br#","IsActive":true"#)
    }

    /// One member of the profile, the only part that is parsed. A row has each member, and quotes stand in no text of JSON: what looks
    /// like a member's name is one. Those that are asked for have names that nothing within the profile has.
    pub(crate) fn member<T: DeserializeOwned>(&self, name: &str) -> Result<T, StoreError> {
        let json = self.json();
        let before = format!(",\"{name}\":");
        let value = memmem::find(json, before.as_bytes()).and_then(|at| json.get(at + before.len()..));
        let mut parser = serde_json::Deserializer::from_slice(value.unwrap_or_default());
        T::deserialize(&mut parser)
            .map_err(|e| StoreError::Damaged(format!("the member {name} of profile {} can't be read: {e}", self.id)))
    }

    /// The typed profile, parsed.
    pub(crate) fn profile(&self) -> Result<Profile, StoreError> {
        Ok(parse(self.id, self.json(), &[])?.0)
    }

    /// The profile and what is kept beside it, parsed.
    pub(crate) fn kept(&self) -> Result<Kept, StoreError> {
        let (profile, extras) = parse(self.id, self.json(), self.body.get(self.json..).unwrap_or_default())?;
        Ok(Kept { profile, extras })
    }

    /// Bytes of the JSON in [`Stored::into_body`].
    pub(crate) fn json_length(&self) -> usize {
        self.json
    }

    /// JSON and extras.
    pub(crate) fn into_body(self) -> Vec<u8> {
        self.body
    }

    /// Which state of the profile it is.
    pub(crate) fn version(&self) -> Version {
        Version { modified: self.modified, checksum: self.checksum }
    }

    /// All of it, owned.
    pub(crate) fn into_row(mut self) -> Result<StoredRow, StoreError> {
        let kept = self.kept()?;
        let cuts = decode_cuts(self.cuts, self.number);
        self.body.truncate(self.json);
        let Stored { id, modified, next_expiry, body, .. } = self;
        Ok(StoredRow { id, modified, next_expiry, row: Row { json: body, cuts }, kept })
    }

    /// The render version the bytes were made with.
    pub(crate) fn render_version(&self) -> u16 {
        self.render_version
    }
}

/// Reads a profile and what is kept beside it (nothing: no bytes).
pub(crate) fn parse(id: ProfileId, json: &[u8], extras: &[u8]) -> Result<(Profile, Extras), StoreError> {
    let damaged =
        |what: &str, e: serde_json::Error| StoreError::Damaged(format!("{what} of profile {id} can't be read: {e}"));
    let profile = read_json(json).map_err(|e| damaged("the JSON", e))?;
    let extras = match extras {
        [] => Extras::default(),
        extras => read_json(extras).map_err(|e| damaged("what is kept beside the row", e))?,
    };
    Ok((profile, extras))
}

/// Decodes a cut list that was written by [`encode`], of a row that has `number` bytes up to the end of its ProfileId.
pub(crate) fn decode_cuts(bytes: &[u8], number: u32) -> Vec<Cut> {
    let (cuts, _) = bytes.as_chunks::<CUT>();
    let cut = |[part, a, b, c, d, e, f, g, h]: [u8; CUT]| {
        let part = match part {
            1 => Part::Preferences,
            2 => Part::Consents,
            3 => Part::CustomFields,
            _ => return None,
        };
        let at = |bytes| u32::from_le_bytes(bytes).wrapping_add(number);
        Some(Cut { part, start: at([a, b, c, d]), end: at([e, f, g, h]) })
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

    /// Text that packs well, and bytes that don't.
    fn json() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![any::<Vec<u8>>(), (any::<[u8; 7]>(), 0usize..900).prop_map(|(text, n)| text.repeat(n))]
    }

    proptest! {
        #[test]
        fn a_row_comes_back_as_it_was_and_a_flipped_bit_is_noticed(
            id: u64, json in json(), cuts in cuts(), modified: i64, expiry in prop::option::of(..i64::MAX), at: prop::sample::Index,
        ) {
            let id = ProfileId(id);
            let row = Row { json: [&beginning(id), &json[..]].concat(), cuts };
            let expiry = expiry.map(Moment);
            let mut bytes = encode(id, &row, &Extras::default(), Moment(modified), expiry).unwrap();
            prop_assert!(bytes.len() <= HEAD + row.cuts.len() * CUT + row.json.len());
            let stored = Stored::decode(id, &bytes).unwrap();
            prop_assert_eq!(stored.modified, Moment(modified));
            prop_assert_eq!(stored.next_expiry, expiry);
            prop_assert_eq!(stored.bytes().json, &row.json[..]);
            prop_assert_eq!(stored.bytes().cuts(), row.cuts);
            prop_assert_eq!(stored.render_version(), RENDER_VERSION);
            prop_assert!(Stored::decode(ProfileId(id.0 ^ 1), &bytes).is_err(), "the row of another profile");
            let bit = at.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(Stored::decode(id, &bytes).is_err());
        }

        #[test]
        fn a_row_made_before_its_profile_had_a_number_is_the_same(json in json(), cuts in cuts(), id: u64) {
            let id = ProfileId(id);
            let longer = u32::try_from(id.to_string().len() - 1).unwrap();
            let moved = |cut: &Cut| Cut {
                part: cut.part, start: cut.start.wrapping_add(longer), end: cut.end.wrapping_add(longer),
            };
            let of = |id: ProfileId, cuts: Vec<Cut>| Row { json: [&beginning(id), &json[..]].concat(), cuts };
            let numbered = of(id, cuts.iter().map(moved).collect());
            let mut late = Vec::new();
            encode_unsummed(ProfileId(0), &of(ProfileId(0), cuts), &Extras::default(), Moment(7), None, &mut late).unwrap();
            sum(&mut late, id);
            prop_assert_eq!(late, encode(id, &numbered, &Extras::default(), Moment(7), None).unwrap());
        }
    }

    /// The packer has another table for what is longer than 65,535 bytes, and keeps that for rows of up to that length.
    #[test]
    fn rows_of_any_length_and_kind_come_back_one_after_the_other() {
        let noise = |len: usize| -> Vec<u8> {
            let mut state = len as u64;
            std::iter::repeat_with(|| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 56) as u8
            })
            .take(len)
            .collect()
        };
        let lengths = (65_500..65_560).chain([131_071, 131_072, 1_000_000]);
        for len in lengths.flat_map(|len| [len, 300, 0]) {
            for json in [noise(len), b"an opt-out, ".repeat(len.div_ceil(12))] {
                let id = ProfileId(9);
                let row = Row { json: [&beginning(id), &json[..]].concat(), cuts: Vec::new() };
                let bytes = encode(id, &row, &Extras::default(), Moment(1), None).unwrap();
                assert!(Stored::decode(id, &bytes).unwrap().bytes().json == row.json, "{len}");
            }
        }
    }

    #[test]
    fn a_row_that_does_not_begin_with_its_number_is_refused() {
        let row = Row { json: br#"{"ProfileId":8,"IsActive":true}"#.to_vec(), cuts: Vec::new() };
        assert!(encode(ProfileId(7), &row, &Extras::default(), Moment(0), None).is_err());
        assert!(encode(ProfileId(8), &row, &Extras::default(), Moment(0), None).is_ok());
    }
}
