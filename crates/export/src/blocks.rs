//! Checksums of a file's blocks: made by several threads while they write disjoint ranges, verified when a block is first
//! read after opening (house.md, Export: manifest).

use std::{
    fs::{File, Metadata},
    ops::Range,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    sync::{
        OnceLock,
        atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use sayso_mapped::Mapping;

use crate::ExportError;

/// Bytes of a block that has a checksum of its own.
pub(crate) const BLOCK: u64 = 64 * 1024;

/// The checksum of the bytes of one range that lie in one block.
#[derive(Debug, Clone, Copy)]
struct Piece {
    block: u64,
    len: usize,
    crc: u32,
}

/// The checksums of one contiguous range, which may begin and end inside blocks.
#[derive(Debug)]
pub(crate) struct RangeSums {
    at: u64,
    pieces: Vec<Piece>,
}

impl RangeSums {
    /// Of a range that begins at this place of the file.
    pub fn new(at: u64) -> Self {
        Self { at, pieces: Vec::new() }
    }

    /// Takes the range's next bytes.
    pub fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let block = self.at / BLOCK;
            let room = (BLOCK - self.at % BLOCK) as usize;
            let (now, rest) = bytes.split_at(room.min(bytes.len()));
            match self.pieces.last_mut().filter(|p| p.block == block) {
                Some(piece) => {
                    piece.crc = crc32c::crc32c_append(piece.crc, now);
                    piece.len += now.len();
                }
                None => self.pieces.push(Piece { block, len: now.len(), crc: crc32c::crc32c(now) }),
            }
            self.at += now.len() as u64;
            bytes = rest;
        }
    }

    /// The checksums of whole blocks from those of the ranges that make up a file, in the file's order.
    pub fn join(ranges: impl IntoIterator<Item = RangeSums>) -> Vec<u32> {
        let mut blocks: Vec<u32> = Vec::new();
        for piece in ranges.into_iter().flat_map(|r| r.pieces) {
            match blocks.get_mut(piece.block as usize) {
                Some(crc) => *crc = crc32c::crc32c_combine(*crc, piece.crc, piece.len),
                None => blocks.push(piece.crc),
            }
        }
        blocks
    }
}

/// A file whose blocks are verified when they are first read.
#[derive(Debug)]
pub(crate) struct Verified {
    file: File,
    name: String,
    len: u64,
    sums: Vec<u32>,
    /// One bit a block: verified since it was opened, or since somebody changed the file.
    seen: Vec<AtomicU64>,
    /// When the file was last changed, as its blocks were verified, ns.
    changed: AtomicI64,
    /// Made when it is first asked for; nothing where the system refuses it.
    mapping: OnceLock<Option<Mapping>>,
}

impl Verified {
    /// A file that should have this length and these checksums. `name` is for messages.
    pub fn new(file: File, name: String, len: u64, sums: Vec<u32>) -> Result<Self, ExportError> {
        let metadata = metadata(&file, &name)?;
        check_length(&metadata, &name, len)?;
        if sums.len() as u64 != len.div_ceil(BLOCK) {
            return Err(ExportError::Damaged(format!("{name} has {} checksums for {len} bytes", sums.len())));
        }
        let seen = (0..sums.len().div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Ok(Self { file, name, len, sums, seen, changed: AtomicI64::new(changed(&metadata)), mapping: OnceLock::new() })
    }

    /// Verifies every block.
    pub fn read_all(&self) -> Result<(), ExportError> {
        let mut block = Vec::new();
        for at in (0..self.len).step_by(BLOCK as usize) {
            block.resize(BLOCK.min(self.len - at) as usize, 0);
            self.read(at, &mut block)?;
        }
        Ok(())
    }

    /// Fills `out` with the bytes from `at` on. The bytes handed out are the ones that were verified, not read again.
    pub fn read(&self, at: u64, out: &mut [u8]) -> Result<(), ExportError> {
        self.read_raw(at, out)?;
        if out.is_empty() {
            return Ok(());
        }
        self.look_for_changes()?;
        let range = at..at + out.len() as u64;
        for block in self.unseen(&range) {
            self.verify(block, &range, out)?;
        }
        Ok(())
    }

    /// The bytes of this range, verified, for somebody who hands them to the kernel without reading them. They aren't copied, so that what is changed in the
    /// file afterwards is changed in them, too: [`Verified::last_changed`] tells whether it was.
    ///
    /// `None` where the file can't be mapped, or not be brought into memory: [`Verified::read`] it.
    pub fn mapped(&self, range: &Range<u64>) -> Result<Option<Bytes>, ExportError> {
        let mapping = self.mapping.get_or_init(|| Mapping::of(&self.file).ok());
        let Some(mapping) = mapping else { return Ok(None) };
        self.look_for_changes()?;
        for block in self.unseen(range) {
            let (start, end) = self.block(block);
            let Some(bytes) = mapping.present(start as usize..end as usize) else { return Ok(None) };
            self.compare(block, crc32c::crc32c(bytes))?;
        }
        Ok(mapping.unread(range.start as usize..range.end as usize))
    }

    /// When the file was last changed, ns.
    pub fn last_changed(&self) -> Result<i64, ExportError> {
        let metadata = metadata(&self.file, &self.name)?;
        check_length(&metadata, &self.name, self.len)?;
        Ok(changed(&metadata))
    }

    /// Nobody writes to a finished export. Somebody who did has made all of it doubtful, which costs one look to find out.
    fn look_for_changes(&self) -> Result<(), ExportError> {
        let changed = self.last_changed()?;
        if self.changed.swap(changed, Relaxed) != changed {
            self.seen.iter().for_each(|word| word.store(0, Relaxed));
        }
        Ok(())
    }

    /// The blocks of a range that haven't been verified.
    fn unseen(&self, range: &Range<u64>) -> impl Iterator<Item = u64> {
        let blocks = range.start / BLOCK..range.end.div_ceil(BLOCK);
        blocks.filter(|block| self.seen[(block / 64) as usize].load(Relaxed) & (1 << (block % 64)) == 0)
    }

    /// Where a block begins and ends.
    fn block(&self, block: u64) -> (u64, u64) {
        (block * BLOCK, ((block + 1) * BLOCK).min(self.len))
    }

    fn verify(&self, block: u64, range: &Range<u64>, out: &[u8]) -> Result<(), ExportError> {
        let (start, end) = self.block(block);
        let (from, to) = (start.max(range.start), end.min(range.end));
        let edge = |range: Range<u64>| -> Result<Vec<u8>, ExportError> {
            let mut bytes = vec![0; (range.end - range.start) as usize];
            self.read_raw(range.start, &mut bytes)?;
            Ok(bytes)
        };
        let mut crc = crc32c::crc32c(&edge(start..from)?);
        crc = crc32c::crc32c_append(crc, &out[(from - range.start) as usize..(to - range.start) as usize]);
        crc = crc32c::crc32c_append(crc, &edge(to..end)?);
        self.compare(block, crc)
    }

    /// Takes a block for verified when this is its checksum.
    fn compare(&self, block: u64, crc: u32) -> Result<(), ExportError> {
        if crc != self.sums[block as usize] {
            let (start, end) = self.block(block);
            return Err(ExportError::Damaged(format!("{}, bytes {start} to {end}: the checksum is wrong", self.name)));
        }
        self.seen[(block / 64) as usize].fetch_or(1 << (block % 64), Relaxed);
        Ok(())
    }

    fn read_raw(&self, at: u64, out: &mut [u8]) -> Result<(), ExportError> {
        self.file.read_exact_at(out, at).map_err(|source| match source.kind() {
            std::io::ErrorKind::UnexpectedEof => {
                ExportError::Damaged(format!("{} ends before byte {}", self.name, at + out.len() as u64))
            }
            _ => ExportError::Io { context: format!("reading {}", self.name), source },
        })
    }
}

fn metadata(file: &File, name: &str) -> Result<Metadata, ExportError> {
    file.metadata().map_err(|source| ExportError::Io { context: format!("looking at {name}"), source })
}

fn check_length(metadata: &Metadata, name: &str, len: u64) -> Result<(), ExportError> {
    match metadata.len() {
        found if found == len => Ok(()),
        found => Err(ExportError::Damaged(format!("{name} has {found} bytes and should have {len}"))),
    }
}

/// When the bytes of a file were last changed, ns.
fn changed(metadata: &Metadata) -> i64 {
    metadata.mtime().wrapping_mul(1_000_000_000).wrapping_add(metadata.mtime_nsec())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file_of(bytes: &[u8]) -> File {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(bytes, 0).unwrap();
        file
    }

    fn sums_of(bytes: &[u8]) -> Vec<u32> {
        bytes.chunks(BLOCK as usize).map(crc32c::crc32c).collect()
    }

    /// The bytes of a file, a range of them, and the place of one that is to be flipped.
    fn files() -> impl Strategy<Value = (Vec<u8>, Range<u64>, usize)> {
        (1usize..300_000, 0usize..300_000, 0usize..300_000, 0usize..300_000).prop_map(|(len, a, b, flipped)| {
            let (a, b) = (a.min(b) % len, a.max(b).min(len));
            (noise(len), a.min(b) as u64..b.max(a) as u64, flipped % len)
        })
    }

    /// A file of these bytes that should have those.
    fn opened(found: &[u8], right: &[u8]) -> Verified {
        Verified::new(file_of(found), "rows".into(), right.len() as u64, sums_of(right)).unwrap()
    }

    /// The same bytes with one flipped, and whether that is in a block of the range.
    fn flip(bytes: &[u8], at: usize, range: &Range<u64>) -> (Vec<u8>, bool) {
        let mut broken = bytes.to_vec();
        broken[at] ^= 1;
        let blocks = range.start / BLOCK..=range.end.saturating_sub(1) / BLOCK;
        (broken, !range.is_empty() && blocks.contains(&(at as u64 / BLOCK)))
    }

    fn noise(len: usize) -> Vec<u8> {
        (0..len as u64).map(|i| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u8).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn ranges_written_apart_have_the_checksums_of_the_whole(len in 0usize..300_000, mut cuts in prop::collection::vec(0usize..300_000, 0..12)) {
            let bytes = noise(len);
            cuts.iter_mut().for_each(|c| *c = (*c).min(len));
            cuts.extend([0, len]);
            cuts.sort_unstable();
            let ranges = cuts.windows(2).map(|w| {
                let mut sums = RangeSums::new(w[0] as u64);
                bytes[w[0]..w[1]].chunks(50_001).for_each(|c| sums.update(c));
                sums
            });
            prop_assert_eq!(RangeSums::join(ranges), sums_of(&bytes));
        }

        #[test]
        fn any_range_reads_right_and_a_flipped_byte_in_its_blocks_is_found((bytes, range, flipped) in files()) {
            let right = &bytes[range.start as usize..range.end as usize];
            let mut out = vec![0; right.len()];
            opened(&bytes, &bytes).read(range.start, &mut out).unwrap();
            prop_assert_eq!(&out, right);

            let (broken, touched) = flip(&bytes, flipped, &range);
            let read = opened(&broken, &bytes).read(range.start, &mut out);
            prop_assert_eq!(matches!(read, Err(ExportError::Damaged(_))), touched);
        }

        #[test]
        fn what_is_mapped_is_what_is_read_and_a_flipped_byte_in_its_blocks_is_found((bytes, range, flipped) in files()) {
            let right = &bytes[range.start as usize..range.end as usize];
            let whole = opened(&bytes, &bytes);
            for _ in 0..2 {
                prop_assert_eq!(&whole.mapped(&range).unwrap().unwrap()[..], right);
            }

            let (broken, touched) = flip(&bytes, flipped, &range);
            let read = opened(&broken, &bytes).mapped(&range);
            prop_assert_eq!(matches!(read, Err(ExportError::Damaged(_))), touched);
        }
    }

    #[test]
    fn what_is_done_to_a_file_after_it_was_mapped_is_found_before_the_next_piece() {
        let bytes = noise(200_000);
        let file = file_of(&bytes);
        let verified =
            Verified::new(file.try_clone().unwrap(), "rows".into(), bytes.len() as u64, sums_of(&bytes)).unwrap();
        assert!(verified.mapped(&(0..200_000)).unwrap().is_some());
        file.write_all_at(&[bytes[70_000] ^ 1], 70_000).unwrap();
        // as if a moment had passed: the clock of files has steps of milliseconds
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        assert!(matches!(verified.mapped(&(0..200_000)), Err(ExportError::Damaged(_))));
        assert_eq!(verified.mapped(&(0..1000)).unwrap().unwrap(), bytes[..1000], "another block is as it was");
        file.set_len(1000).unwrap();
        let cut_short = verified.mapped(&(0..1000)).unwrap_err();
        assert!(cut_short.to_string().contains("rows has 1000 bytes and should have 200000"), "{cut_short}");
    }

    #[test]
    fn a_file_cut_short_is_damaged() {
        let sums = sums_of(&noise(1000));
        assert!(matches!(Verified::new(file_of(&noise(999)), "rows".into(), 1000, sums), Err(ExportError::Damaged(_))));
    }
}
