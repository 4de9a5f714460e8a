//! The files of one export and their format.
//!
//! - `rows`: the records' JSON, joined by commas.
//! - `index`: where each record starts in `rows`, 8 bytes little endian each, and a last one as if another record followed; record
//!   `i` is the bytes from `start[i]` to `start[i + 1] - 1`, the last byte being the comma.
//! - `manifest`: counts, sizes, the checksum of every 64 KiB of the other two, and its own; written last.

use sayso_model::moment::Moment;

use crate::{ExportError, blocks::BLOCK};

pub(crate) const ROWS: &str = "rows";
pub(crate) const INDEX: &str = "index";
pub(crate) const MANIFEST: &str = "manifest";

const MAGIC: &[u8; 8] = b"SAYSOEXP";
const VERSION: u32 = 1;
/// Magic, version, block size, and six numbers of eight bytes.
const HEAD: usize = 8 + 4 + 4 + 6 * 8;

/// What is written last, so that a folder with a good one is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// Random: pages of an export made anew have other ETags.
    pub export_id: u64,
    pub snapshot: Moment,
    pub row_count: u64,
    /// Bytes of the records alone.
    pub byte_count: u64,
    /// Bytes of `rows`: the records and the commas between them.
    pub rows_len: u64,
    /// Bytes of `index`.
    pub index_len: u64,
    pub rows_sums: Vec<u32>,
    pub index_sums: Vec<u32>,
}

impl Manifest {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEAD + 4 * (self.rows_sums.len() + self.index_sums.len() + 1));
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&(BLOCK as u32).to_le_bytes());
        let snapshot = self.snapshot.0.cast_unsigned();
        for n in [self.export_id, snapshot, self.row_count, self.byte_count, self.rows_len, self.index_len] {
            out.extend_from_slice(&n.to_le_bytes());
        }
        for crc in self.rows_sums.iter().chain(&self.index_sums) {
            out.extend_from_slice(&crc.to_le_bytes());
        }
        out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
        out
    }

    /// Reads it back; anything that doesn't fit together is damage, a newer version says so. The caller names the file.
    pub fn decode(bytes: &[u8]) -> Result<Manifest, ExportError> {
        let damaged = ExportError::Damaged;
        let Some((body, crc)) = bytes.split_last_chunk::<4>().filter(|(body, _)| body.len() >= HEAD) else {
            return Err(damaged(format!("{} bytes are too few", bytes.len())));
        };
        if &body[..8] != MAGIC {
            return Err(damaged("it doesn't begin like one".into()));
        }
        let word = |at: usize| u32::from_le_bytes(body[at..at + 4].try_into().expect("four bytes"));
        let number = |n: usize| u64::from_le_bytes(body[16 + 8 * n..24 + 8 * n].try_into().expect("eight bytes"));
        if word(8) != VERSION || u64::from(word(12)) != BLOCK {
            return Err(damaged(format!("version {} is not the {VERSION} that this program reads", word(8))));
        }
        if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
            return Err(damaged("its checksum is wrong".into()));
        }
        let (rows_len, index_len) = (number(4), number(5));
        let (rows_blocks, index_blocks) = (rows_len.div_ceil(BLOCK), index_len.div_ceil(BLOCK));
        if (body.len() - HEAD) as u64 != 4 * (rows_blocks + index_blocks) {
            return Err(damaged("the number of its checksums is wrong".into()));
        }
        let mut sums = body[HEAD..].chunks_exact(4).map(|c| u32::from_le_bytes(c.try_into().expect("four bytes")));
        Ok(Manifest {
            export_id: number(0),
            snapshot: Moment(number(1).cast_signed()),
            row_count: number(2),
            byte_count: number(3),
            rows_len,
            index_len,
            rows_sums: sums.by_ref().take(rows_blocks as usize).collect(),
            index_sums: sums.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Manifest {
        Manifest {
            export_id: u64::MAX - 7,
            snapshot: Moment(-5),
            row_count: 9_000,
            byte_count: 100_000,
            rows_len: 108_999,
            index_len: 72_008,
            rows_sums: vec![1, 2],
            index_sums: vec![3, 4],
        }
    }

    #[test]
    fn reads_back_what_was_written() {
        assert_eq!(Manifest::decode(&sample().encode()).unwrap(), sample());
    }

    #[test]
    fn every_flipped_bit_and_every_missing_end_is_found() {
        let good = sample().encode();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            assert!(matches!(Manifest::decode(&bad), Err(ExportError::Damaged(_))), "byte {at}");
            assert!(Manifest::decode(&good[..at]).is_err(), "{at} bytes");
        }
    }
}
