//! The value of a row: a header, the cut list, the wire JSON, and what is kept beside it, under one checksum.
//!
//! ```text
//! format u8 | render version u16 | modified i64 | next expiry i64 | cuts u32 | JSON bytes u32 | CRC-32C u32
//! cuts: (part u8, start u32, end u32)…  | wire JSON | extras as JSON, nothing when there are none
//! ```
//! Numbers are little-endian. The checksum covers everything but itself.

use sayso_model::{
    change::Kept,
    id::ProfileId,
    moment::Moment,
    profile::{Extras, Profile},
    render::{Cut, Part, RENDER_VERSION, Row},
};

use crate::{StoreError, profiles::StoredRow};

/// The layout above.
const FORMAT: u8 = 1;
const HEADER: usize = 31;
const CRC_AT: usize = 27;
const CUT: usize = 9;
/// No expiry: later than every moment.
const NEVER: i64 = i64::MAX;

/// The value of a rendered profile.
pub(crate) fn encode(kept: &Kept, row: &Row, next_expiry: Option<Moment>) -> Result<Vec<u8>, StoreError> {
    let too_large = |_| StoreError::Engine("a row over 4 GiB".into());
    let mut out = Vec::with_capacity(HEADER + row.cuts.len() * CUT + row.json.len());
    out.push(FORMAT);
    out.extend(RENDER_VERSION.to_le_bytes());
    out.extend(kept.profile.edited.last_modified_date.0.to_le_bytes());
    out.extend(next_expiry.map_or(NEVER, |m| m.0).to_le_bytes());
    out.extend(u32::try_from(row.cuts.len()).map_err(too_large)?.to_le_bytes());
    out.extend(u32::try_from(row.json.len()).map_err(too_large)?.to_le_bytes());
    out.extend([0; 4]);
    for cut in &row.cuts {
        out.push(cut.part as u8);
        out.extend(cut.start.to_le_bytes());
        out.extend(cut.end.to_le_bytes());
    }
    out.extend(&row.json);
    if kept.extras != Extras::default() {
        serde_json::to_writer(&mut out, &kept.extras)
            .map_err(|e| StoreError::Engine(format!("a row's extras can't be written: {e}")))?;
    }
    let crc = checksum(&out);
    out[CRC_AT..HEADER].copy_from_slice(&crc.to_le_bytes());
    Ok(out)
}

fn checksum(value: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&value[..CRC_AT]), &value[HEADER..])
}

/// A row's value, read in place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowView<'a> {
    pub render_version: u16,
    pub modified: Moment,
    pub next_expiry: Option<Moment>,
    pub cut_bytes: &'a [u8],
    pub json: &'a [u8],
    extras: &'a [u8],
}

impl<'a> RowView<'a> {
    /// Reads the value of a profile's row and verifies its checksum.
    pub(crate) fn open(id: ProfileId, value: &'a [u8]) -> Result<Self, StoreError> {
        let damaged = |why: &str| StoreError::Damaged(format!("the row of profile {id} {why}"));
        if value.len() < HEADER || value[0] != FORMAT {
            return Err(damaged("has no header that this program knows"));
        }
        let number = |at: usize| -> [u8; 4] { [value[at], value[at + 1], value[at + 2], value[at + 3]] };
        let long = |at: usize| {
            let (a, b) = (number(at), number(at + 4));
            i64::from_le_bytes([a[0], a[1], a[2], a[3], b[0], b[1], b[2], b[3]])
        };
        if u32::from_le_bytes(number(CRC_AT)) != checksum(value) {
            return Err(damaged("doesn't have its checksum"));
        }
        let cuts = (u32::from_le_bytes(number(19)) as usize).saturating_mul(CUT);
        let json = u32::from_le_bytes(number(23)) as usize;
        let rest = &value[HEADER..];
        let (Some(cut_bytes), Some(json_bytes), Some(extras)) =
            (rest.get(..cuts), rest.get(cuts..cuts.saturating_add(json)), rest.get(cuts.saturating_add(json)..))
        else {
            return Err(damaged("is shorter than its header says"));
        };
        let next = long(11);
        Ok(Self {
            render_version: u16::from_le_bytes([value[1], value[2]]),
            modified: Moment(long(3)),
            next_expiry: (next != NEVER).then_some(Moment(next)),
            cut_bytes,
            json: json_bytes,
            extras,
        })
    }

    /// The profile, parsed.
    pub(crate) fn kept(&self, id: ProfileId) -> Result<Kept, StoreError> {
        let damaged = |e: serde_json::Error| StoreError::Damaged(format!("the row of profile {id} can't be read: {e}"));
        let profile: Profile = serde_json::from_slice(self.json).map_err(damaged)?;
        let extras = if self.extras.is_empty() {
            Extras::default()
        } else {
            serde_json::from_slice(self.extras).map_err(damaged)?
        };
        Ok(Kept { profile, extras })
    }

    /// Everything, owned.
    pub(crate) fn stored(&self, id: ProfileId) -> Result<StoredRow, StoreError> {
        Ok(StoredRow {
            id,
            modified: self.modified,
            next_expiry: self.next_expiry,
            row: Row { json: self.json.to_vec(), cuts: cuts(self.cut_bytes) },
            kept: self.kept(id)?,
        })
    }
}

/// Decodes a cut list; what is no cut is left out (the checksum has been verified, so there is none).
pub(crate) fn cuts(bytes: &[u8]) -> Vec<Cut> {
    let number = |b: &[u8]| b.first_chunk().map_or(0, |b| u32::from_le_bytes(*b));
    let cut = |c: &[u8]| {
        let part = match c.first()? {
            1 => Part::Preferences,
            2 => Part::Consents,
            3 => Part::CustomFields,
            _ => return None,
        };
        Some(Cut { part, start: number(&c[1..]), end: number(&c[5..]) })
    };
    bytes.chunks_exact(CUT).filter_map(cut).collect()
}
