//! The file of a stage call: its records, each with the reasons for which it failed, if it did, and an index behind them.
//!
//! ```text
//! "SAYSOIM1"
//! for each record: JSON's length u32, reasons' length u32, CRC-32C of both u32, JSON, reasons (JSON; none: it is valid)
//! index: for each record its number in the call u32 (the highest bit: it failed), where it stands u32
//! records u32, CRC-32C of the index u32, "SAYSOEND"
//! ```
//!
//! All numbers are little-endian. A call has at most 28 MB, so that 32 bits are enough. When all of a call is executed its file is written
//! anew with the records that there are exceptions of alone; so records carry their numbers.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use crate::{
    ImportError,
    files::{during, sync_folder},
    record::Reason,
};

const MAGIC: &[u8; 8] = b"SAYSOIM1";
const END: &[u8; 8] = b"SAYSOEND";
const FRAME: u64 = 12;
const ENTRY: u64 = 8;
const TRAILER: u64 = 16;
const FAILED: u32 = 1 << 31;

/// A file under way. Dropped unfinished, it is removed.
pub(crate) struct Writer {
    out: BufWriter<File>,
    temporary: PathBuf,
    target: PathBuf,
    at: u64,
    index: Vec<(u32, u32)>,
    is_finished: bool,
}

impl Writer {
    /// Begins a file that will be called `target`; its folder is there.
    pub fn begin(target: PathBuf) -> Result<Self, ImportError> {
        let temporary = target.with_extension("tmp");
        let file = File::create(&temporary).map_err(during("making", &temporary))?;
        let mut out = BufWriter::with_capacity(256 << 10, file);
        out.write_all(MAGIC).map_err(during("writing", &temporary))?;
        Ok(Self { out, temporary, target, at: MAGIC.len() as u64, index: Vec::new(), is_finished: false })
    }

    /// Adds a record: its number in the call, its JSON, and why it failed.
    pub fn put(&mut self, number: u32, json: &[u8], reasons: &[u8]) -> Result<(), ImportError> {
        let too_long = || ImportError::Malformed("the call has more bytes than a staged file can hold".to_owned());
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).map_err(|_| too_long());
        let at = u32::try_from(self.at).map_err(|_| too_long())?;
        let crc = crc32c::crc32c_append(crc32c::crc32c(json), reasons);
        let mut put = |bytes: &[u8]| self.out.write_all(bytes).map_err(during("writing", &self.temporary));
        put(&length(json)?.to_le_bytes())?;
        put(&length(reasons)?.to_le_bytes())?;
        put(&crc.to_le_bytes())?;
        put(json)?;
        put(reasons)?;
        self.index.push((if reasons.is_empty() { number } else { number | FAILED }, at));
        self.at += FRAME + (json.len() + reasons.len()) as u64;
        Ok(())
    }

    /// Bytes so far.
    pub fn len(&self) -> u64 {
        self.at
    }

    /// Gives it its name and makes it last.
    pub fn finish(mut self) -> Result<(), ImportError> {
        let mut index = Vec::with_capacity(self.index.len() * 8 + 16);
        for (number, at) in &self.index {
            index.extend_from_slice(&number.to_le_bytes());
            index.extend_from_slice(&at.to_le_bytes());
        }
        let crc = crc32c::crc32c(&index);
        index.extend_from_slice(&u32::try_from(self.index.len()).unwrap_or(u32::MAX).to_le_bytes());
        index.extend_from_slice(&crc.to_le_bytes());
        index.extend_from_slice(END);
        let written = self.out.write_all(&index).and_then(|()| self.out.flush());
        written.and_then(|()| self.out.get_ref().sync_all()).map_err(during("writing", &self.temporary))?;
        std::fs::rename(&self.temporary, &self.target).map_err(during("renaming to", &self.target))?;
        self.is_finished = true;
        self.target.parent().map_or(Ok(()), sync_folder)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.is_finished {
            // What stays is removed at the next start.
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

/// A record as it lies in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// Its number in the call, from 0.
    pub number: u32,
    pub json: Vec<u8>,
    /// Why it failed, as JSON; empty: it is valid.
    pub reasons: Vec<u8>,
}

impl Record {
    /// The reasons.
    pub fn reasons(&self) -> Result<Vec<Reason>, ImportError> {
        Ok(crate::record::decode(&self.reasons)?)
    }
}

/// A finished file.
pub(crate) struct Reader {
    file: File,
    path: PathBuf,
    index: Vec<(u32, u32)>,
}

impl Reader {
    /// Opens a file and reads its index.
    pub fn open(path: &Path) -> Result<Self, ImportError> {
        let file = File::open(path).map_err(during("opening", path))?;
        let length = file.metadata().map_err(during("reading", path))?.len();
        let damaged = |what: &str| ImportError::Damaged(format!("{}: {what}", path.display()));
        let end = length.checked_sub(TRAILER).ok_or_else(|| damaged("it is too short"))?;
        let mut trailer = [0; TRAILER as usize];
        file.read_exact_at(&mut trailer, end).map_err(during("reading", path))?;
        let (numbers, magic) = trailer.split_at(8);
        let number =
            |at: usize| numbers.get(at..at + 4).and_then(|b| b.first_chunk()).map_or(0, |b| u32::from_le_bytes(*b));
        let start = end.checked_sub(u64::from(number(0)) * ENTRY).filter(|_| magic == END);
        let start = start.ok_or_else(|| damaged("it doesn't end as it should"))?;
        let mut bytes = vec![0; usize::try_from(end - start).unwrap_or_default()];
        file.read_exact_at(&mut bytes, start).map_err(during("reading", path))?;
        if crc32c::crc32c(&bytes) != number(4) {
            return Err(damaged("its index doesn't have its checksum"));
        }
        let index = bytes.chunks_exact(8).filter_map(|entry| {
            let (number, at) = (entry.first_chunk()?, entry.last_chunk()?);
            Some((u32::from_le_bytes(*number), u32::from_le_bytes(*at)))
        });
        Ok(Self { file, path: path.to_owned(), index: index.collect() })
    }

    /// How many records it has.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// The numbers of those that failed when they were staged.
    pub fn failed(&self) -> impl Iterator<Item = u32> {
        self.index.iter().filter(|(number, _)| number & FAILED != 0).map(|(number, _)| number & !FAILED)
    }

    /// The place of a record in the file, by its number in the call.
    pub fn find(&self, number: u32) -> Option<usize> {
        self.index.binary_search_by_key(&number, |(n, _)| n & !FAILED).ok()
    }

    /// The record at a place.
    pub fn record(&self, place: usize) -> Result<Record, ImportError> {
        let damaged = |what: &str| ImportError::Damaged(format!("{}: {what}", self.path.display()));
        let (number, at) = *self.index.get(place).ok_or_else(|| damaged("it has fewer records"))?;
        let mut head = [0; FRAME as usize];
        self.file.read_exact_at(&mut head, u64::from(at)).map_err(during("reading", &self.path))?;
        let word = |at: usize| head.get(at..at + 4).and_then(|b| b.first_chunk()).map_or(0, |b| u32::from_le_bytes(*b));
        let (json, reasons) = (word(0) as usize, word(4) as usize);
        if json + reasons > MOST {
            return Err(damaged("a record has an impossible length"));
        }
        let mut bytes = vec![0; json + reasons];
        self.file.read_exact_at(&mut bytes, u64::from(at) + FRAME).map_err(during("reading", &self.path))?;
        if crc32c::crc32c(&bytes) != word(8) {
            return Err(damaged(&format!("record {} doesn't have its checksum", number & !FAILED)));
        }
        let reasons = bytes.split_off(json);
        Ok(Record { number: number & !FAILED, json: bytes, reasons })
    }
}

/// More than any record and its reasons have.
const MOST: usize = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn written(dir: &Path, records: &[(u32, &[u8], &[u8])]) -> PathBuf {
        let path = dir.join("7");
        let mut writer = Writer::begin(path.clone()).unwrap();
        for (number, json, reasons) in records {
            writer.put(*number, json, reasons).unwrap();
        }
        writer.finish().unwrap();
        path
    }

    #[test]
    fn records_come_back_by_place_and_by_number() {
        let dir = tempfile::tempdir().unwrap();
        let path = written(dir.path(), &[(0, b"{}", b""), (3, b"", b"[1]"), (9, b"{\"a\": 1}", b"")]);
        let reader = Reader::open(&path).unwrap();
        assert_eq!((reader.len(), reader.failed().collect::<Vec<_>>()), (3, vec![3]));
        assert_eq!((reader.find(9), reader.find(4)), (Some(2), None));
        let record = reader.record(1).unwrap();
        assert_eq!((record.number, &*record.json, &*record.reasons), (3, &b""[..], &b"[1]"[..]));
        assert_eq!(reader.record(2).unwrap().json, b"{\"a\": 1}");
        assert!(reader.record(3).is_err());
    }

    #[test]
    fn any_flipped_byte_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = written(dir.path(), &[(0, b"{\"b\": 2}", b""), (1, b"{}", b"[]")]);
        let good = std::fs::read(&path).unwrap();
        for at in MAGIC.len()..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            std::fs::write(&path, bad).unwrap();
            let read = || -> Result<(), ImportError> {
                let reader = Reader::open(&path)?;
                (0..reader.len()).try_for_each(|place| reader.record(place).map(drop))
            };
            assert!(read().is_err(), "byte {at}");
        }
    }

    #[test]
    fn one_that_is_given_up_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::begin(dir.path().join("7")).unwrap();
        writer.put(0, b"{}", b"").unwrap();
        drop(writer);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
