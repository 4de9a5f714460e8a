//! The files of a finished export, damaged or made by somebody who means harm: what is served is right, or refused as damage.
//!
//! The first byte says what the rest is: edits of a good export's files (every page that is served whole must be the right one, and
//! what came before a break must have been right), or an index and rows with a manifest that is true to them.

use std::{cell::LazyCell, fs, io::Read, num::NonZeroU64, path::Path};

use sayso_export::{
    ExportError, Finished,
    page::{Page, PageRequest},
};
use tempfile::TempDir;

/// Bytes that share a checksum.
const BLOCK: usize = 64 * 1024;
/// Records of the good export: two blocks of rows, three gzip pieces.
const RECORDS: usize = 230;

thread_local! {
    static FOLDER: LazyCell<TempDir> = LazyCell::new(|| {
        // nothing here has to last: memory, where there is such a folder
        let memory = Path::new("/dev/shm");
        let made = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
        made.expect("a temporary folder can be made")
    });
    static GOOD: LazyCell<Good> = LazyCell::new(Good::make);
}

/// Edits of a good export, or files of one's own.
pub fn check(data: &[u8]) {
    FOLDER.with(|folder| match data.split_first() {
        None => {}
        Some((kind, rest)) if kind % 2 == 0 => GOOD.with(|good| damaged(folder.path(), good, rest)),
        Some((_, rest)) => sealed(folder.path(), rest),
    });
}

/// The three files as their format is described (`export/src/layout.rs`), written anew here.
struct Files {
    rows: Vec<u8>,
    index: Vec<u8>,
    manifest: Vec<u8>,
}

impl Files {
    fn write(&self, folder: &Path) {
        for (name, bytes) in [("rows", &self.rows), ("index", &self.index), ("manifest", &self.manifest)] {
            fs::write(folder.join(name), bytes).expect("a temporary file can be written");
        }
    }
}

fn manifest(row_count: u64, rows: &[u8], index: &[u8]) -> Vec<u8> {
    let mut out = b"SAYSOEXP\x01\0\0\0\0\0\x01\0".to_vec();
    for number in [0xABCD, 1_795_514_400_000, row_count, 0, rows.len() as u64, index.len() as u64] {
        out.extend(number.to_le_bytes());
    }
    for block in rows.chunks(BLOCK).chain(index.chunks(BLOCK)) {
        out.extend(crc32c::crc32c(block).to_le_bytes());
    }
    let sum = crc32c::crc32c(&out);
    out.extend(sum.to_le_bytes());
    out
}

struct Good {
    records: Vec<String>,
    files: Files,
}

impl Good {
    fn make() -> Self {
        let record = |i: usize| format!(r#"{{"ProfileId":{i},"Name":"{}"}}"#, "Zoë, ]}".repeat(i * 7919 % 100));
        let records: Vec<String> = (1..=RECORDS).map(record).collect();
        let starts = records.iter().scan(0, |at, record| {
            let start = *at;
            *at += record.len() as u64 + 1;
            Some(start)
        });
        let mut index: Vec<u8> = starts.flat_map(u64::to_le_bytes).collect();
        let rows = records.join(",").into_bytes();
        index.extend((rows.len() as u64 + 1).to_le_bytes());
        let manifest = manifest(RECORDS as u64, &rows, &index);
        Self { files: Files { rows, index, manifest }, records }
    }

    /// The body of a page, as export.md has it.
    fn page(&self, limit: usize, offset: usize) -> Vec<u8> {
        let held: Vec<&str> = self.records.iter().skip(offset - 1).take(limit).map(String::as_str).collect();
        let (count, more) = (held.len(), !held.is_empty() && offset - 1 + held.len() < RECORDS);
        let held = held.join(",");
        format!(
            r#"{{"Count":{count},"HasMore":{more},"Limit":{limit},"Offset":{offset},"TotalResults":{RECORDS},"UserProfilePreferences":[{held}]}}"#
        )
        .into_bytes()
    }
}

/// Edits of five bytes: which file and how, where, with what.
fn damaged(folder: &Path, good: &Good, edits: &[u8]) {
    let Files { rows, index, manifest } = &good.files;
    let mut files = Files { rows: rows.clone(), index: index.clone(), manifest: manifest.clone() };
    for edit in edits.chunks_exact(5).take(8) {
        let file = match edit[0] % 3 {
            0 => &mut files.rows,
            1 => &mut files.index,
            _ => &mut files.manifest,
        };
        let at = u32::from_le_bytes([edit[1], edit[2], edit[3], 0]) as usize % (file.len() + 1);
        match (edit[0] / 3 % 4, file.get_mut(at)) {
            (0, Some(byte)) => *byte ^= edit[4],
            (1, _) => file.truncate(at),
            (2, _) => file.extend(std::iter::repeat_n(edit[4], at % 100)),
            (_, Some(byte)) => *byte = edit[4],
            (_, None) => {}
        }
    }
    files.write(folder);
    let is_good = (&files.rows, &files.index, &files.manifest) == (rows, index, manifest);
    let export = match Finished::open(folder) {
        Ok(export) => export,
        Err(error) => return refused(&error, is_good),
    };
    // the largest first: every block of it is verified, and of a small page only some
    for (limit, offset) in [(1000, 1), (100, 101), (3, 99), (40, 180), (5, 1000)] {
        for gzip in [false, true] {
            let right = good.page(limit, offset);
            match read(&export, limit as u64, offset as u64, gzip) {
                Ok((body, None)) => assert!(body == right, "a wrong page {limit} {offset} {gzip} was served as right"),
                Ok((body, Some(error))) => {
                    refused(&error, is_good);
                    assert!(gzip || right.starts_with(&body), "what came before the break was wrong");
                }
                Err(error) => refused(&error, is_good),
            }
        }
    }
}

fn refused(error: &ExportError, is_good: bool) {
    assert!(!is_good, "a good export was refused: {error}");
    assert!(matches!(error, ExportError::Damaged(_)), "damage is not told as such: {error}");
}

/// A manifest that is true to what it describes: how many records it says (or as many as the index has), how many starts the index
/// has, those, and the rows.
fn sealed(folder: &Path, data: &[u8]) {
    let Some((&[flags, starts, count], rest)) = data.split_first_chunk::<3>() else { return };
    let (starts, rows) = rest.split_at((2 * starts as usize).min(rest.len()));
    let start = |pair: &[u8]| match u16::from_le_bytes([pair[0], pair[1]]) {
        u16::MAX => u64::MAX,
        other => u64::from(other),
    };
    let index: Vec<u8> = starts.chunks_exact(2).flat_map(|pair| start(pair).to_le_bytes()).collect();
    let true_count = (index.len() as u64 / 8).saturating_sub(1);
    let count = match flags % 8 {
        0 => u64::from(count),
        1 => u64::MAX - u64::from(count),
        _ => true_count,
    };
    let manifest = manifest(count, rows, &index);
    let rows = rows.to_vec();
    Files { rows, index, manifest }.write(folder);
    let Ok(export) = Finished::open(folder) else { return };
    assert_eq!(count, true_count, "the index is as long as the count says");
    for (limit, offset) in [(1, 1), (2, 2), (1000, 1), (7, 3), (i64::MAX as u64, i64::MAX as u64)] {
        for gzip in [false, true] {
            match read(&export, limit, offset, gzip) {
                Ok((_, Some(error))) | Err(error) => assert!(matches!(error, ExportError::Damaged(_)), "{error}"),
                Ok((_, None)) => {}
            }
        }
    }
}

/// A page's body as the client has it, and what broke it off.
fn read(export: &Finished, limit: u64, offset: u64, gzip: bool) -> Result<(Vec<u8>, Option<ExportError>), ExportError> {
    let number = |n: u64| NonZeroU64::new(n).expect("pages are asked for from 1");
    let page = export.page(PageRequest { limit: number(limit), offset: number(offset), keep_alive: true })?;
    let Page { length, mut body, .. } = if gzip { page.into_gzip()? } else { page };
    let mut bytes = Vec::new();
    while let Some(piece) = body.next_piece() {
        match piece {
            Ok(piece) => bytes.extend_from_slice(&piece),
            Err(error) => return Ok((bytes, Some(error))),
        }
    }
    assert_eq!(bytes.len() as u64, length, "the length is exact");
    Ok((if gzip { gunzip(&bytes) } else { bytes }, None))
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut decoder = flate2::bufread::GzDecoder::new(bytes);
    let mut out = Vec::new();
    decoder.read_to_end(&mut out).expect("it is gzip, and its checksum is right");
    assert!(decoder.into_inner().is_empty(), "it is one member");
    out
}
