//! The files of a finished export, damaged or made by somebody who means harm: what is served is right, or refused as damage.
//!
//! The first byte says what the rest is: edits of a good export's files (every page that is served whole must be the right one, and
//! what came before a break must have been right), the same of an export with pages so long that they lie in the mapped file, where
//! a second byte may put the edits off until a page is under way (it then has no end), or an index and rows with a manifest that is true to
//! them.

use std::{cell::LazyCell, fs, io::Read, num::NonZeroU64, path::Path, time::SystemTime};

use sayso_export::{
    ExportError, Finished,
    page::{Page, PageBody, PageRequest},
};
use tempfile::TempDir;

/// Bytes that share a checksum.
const BLOCK: usize = 64 * 1024;
/// Records of a good export: three gzip pieces.
const RECORDS: usize = 230;
/// How often the text of a record is repeated: for two blocks of rows, and for two pieces of a mapped page.
const SHORT: usize = 1;
const LONG: usize = 13;

thread_local! {
    static FOLDER: LazyCell<TempDir> = LazyCell::new(|| {
        // nothing here has to last: memory, where there is such a folder
        let memory = Path::new("/dev/shm");
        let made = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
        made.expect("a temporary folder can be made")
    });
    static GOOD: LazyCell<Good> = LazyCell::new(|| Good::make(SHORT));
    static GOOD_AND_LONG: LazyCell<Good> = LazyCell::new(|| Good::make(LONG));
}

/// Edits of a good export, or files of one's own.
pub fn check(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    FOLDER.with(|folder| match kind % 4 {
        0 => GOOD.with(|good| damaged(folder.path(), good, rest)),
        2 => GOOD_AND_LONG.with(|good| match rest.split_first() {
            Some((when, edits)) if when % 2 == 1 => {
                changed_under_way(folder.path(), good, usize::from(when / 2), edits)
            }
            _ => damaged(folder.path(), good, rest.get(1..).unwrap_or_default()),
        }),
        _ => sealed(folder.path(), rest),
    });
}

/// How a page is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    /// As it is sent over TLS.
    Copied,
    /// As it is sent over a plain socket: a long one lies in the mapped file.
    Unread,
    Gzip,
}

/// The three files as their format is described (`export/src/layout.rs`), written anew here.
#[derive(Clone, PartialEq)]
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

    /// The same after edits of five bytes: which file and how, where, with what.
    fn edited(&self, edits: &[u8]) -> Files {
        let mut files = self.clone();
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
        files
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
    fn make(repeated: usize) -> Self {
        let name = |i: usize| "Zoë, ]}".repeat(repeated * (i * 7919 % 100));
        let record = |i: usize| format!(r#"{{"ProfileId":{i},"Name":"{}"}}"#, name(i));
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

/// Edits of the files before they are opened.
fn damaged(folder: &Path, good: &Good, edits: &[u8]) {
    let files = good.files.edited(edits);
    files.write(folder);
    let is_good = files == good.files;
    let export = match Finished::open(folder) {
        Ok(export) => export,
        Err(error) => return refused(&error, is_good),
    };
    // the largest first: every block of it is verified, and of a small page only some
    for (limit, offset) in [(1000, 1), (100, 101), (3, 99), (40, 180), (5, 1000)] {
        let right = good.page(limit, offset);
        for way in [Way::Copied, Way::Unread, Way::Gzip] {
            match read(&export, limit as u64, offset as u64, way) {
                Ok((body, None)) => assert!(body == right, "a wrong page {limit} {offset} {way:?} was served as right"),
                Ok((body, Some(error))) => {
                    refused(&error, is_good);
                    assert!(way == Way::Gzip || right.starts_with(&body), "what came before the break was wrong");
                }
                Err(error) => refused(&error, is_good),
            }
        }
    }
}

/// Edits of the rows when so many pieces of a page have been taken that isn't copied: what is taken afterwards is right, and the page has no end,
/// even where somebody has put everything back.
fn changed_under_way(folder: &Path, good: &Good, taken: usize, edits: &[u8]) {
    good.files.write(folder);
    let export = Finished::open(folder).expect("it is good");
    let page = page(&export, 1000, 1).expect("it is good").into_unread();
    let (length, mut body, mut bytes) = (page.length, page.body, Vec::new());
    // a head, two pieces of rows, the last rows with the tail
    let broken = take(&mut body, &mut bytes, taken % 4);
    assert!(broken.is_none(), "a good page broke: {broken:?}");
    let rows = folder.join("rows");
    fs::write(&rows, &good.files.edited(edits).rows).expect("a temporary file can be written");
    // as if a moment had passed: the clock of files has steps of milliseconds
    let file = fs::File::options().write(true).open(&rows).expect("it is there");
    file.set_modified(SystemTime::UNIX_EPOCH).expect("it is ours");
    let broken = take(&mut body, &mut bytes, usize::MAX).expect("a page whose file was changed has no end");
    assert!(matches!(broken, ExportError::Damaged(_) | ExportError::Io { .. }), "{broken}");
    assert!((bytes.len() as u64) < length && good.page(1000, 1).starts_with(&bytes), "what was taken was wrong");
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
        for way in [Way::Copied, Way::Unread, Way::Gzip] {
            match read(&export, limit, offset, way) {
                Ok((_, Some(error))) | Err(error) => assert!(matches!(error, ExportError::Damaged(_)), "{error}"),
                Ok((_, None)) => {}
            }
        }
    }
}

/// A page's body as the client has it, and what broke it off.
fn read(export: &Finished, limit: u64, offset: u64, way: Way) -> Result<(Vec<u8>, Option<ExportError>), ExportError> {
    let page = page(export, limit, offset)?;
    let Page { length, mut body, .. } = match way {
        Way::Copied => page,
        Way::Unread => page.into_unread(),
        Way::Gzip => page.into_gzip()?,
    };
    let mut bytes = Vec::new();
    if let Some(error) = take(&mut body, &mut bytes, usize::MAX) {
        return Ok((bytes, Some(error)));
    }
    assert_eq!(bytes.len() as u64, length, "the length is exact");
    Ok((if way == Way::Gzip { gunzip(&bytes) } else { bytes }, None))
}

fn page(export: &Finished, limit: u64, offset: u64) -> Result<Page, ExportError> {
    let number = |n: u64| NonZeroU64::new(n).expect("pages are asked for from 1");
    export.page(PageRequest { limit: number(limit), offset: number(offset), keep_alive: true })
}

/// Takes so many pieces, at most; what broke the body off.
fn take(body: &mut PageBody, bytes: &mut Vec<u8>, most: usize) -> Option<ExportError> {
    for piece in std::iter::from_fn(|| body.next_piece()).take(most) {
        match piece {
            Ok(piece) => bytes.extend_from_slice(&piece),
            Err(error) => return Some(error),
        }
    }
    None
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut decoder = flate2::bufread::GzDecoder::new(bytes);
    let mut out = Vec::new();
    decoder.read_to_end(&mut out).expect("it is gzip, and its checksum is right");
    assert!(decoder.into_inner().is_empty(), "it is one member");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_pages_lie_in_the_mapped_file_but_for_their_last_rows_and_short_ones_are_copied() {
        let folder = TempDir::new().expect("a temporary folder can be made");
        let pieces = |good: &Good| {
            good.files.write(folder.path());
            let mut body = page(&Finished::open(folder.path()).unwrap(), 1000, 1).unwrap().into_unread().body;
            std::iter::from_fn(move || body.next_piece()).map(Result::unwrap).collect::<Vec<_>>()
        };
        let long = pieces(&Good::make(LONG));
        assert_eq!(long.len(), 4, "a head, two pieces of rows, the last rows with the tail");
        assert!(long[0].ends_with(b"[") && long[3].ends_with(b"]}"), "nothing of the rows is copied to the head");
        assert!(long[1].len() + long[2].len() > 10 * long[3].len(), "{} of the rows are copied", long[3].len());
        assert_eq!(pieces(&Good::make(SHORT)).len(), 1);
    }

    #[test]
    fn a_page_that_is_changed_under_way_has_no_end_whenever_that_is() {
        for taken in 0..4u8 {
            let flip = |at: u32| [&[2, 2 * taken + 1, 0][..], &at.to_le_bytes()[..3], &[1]].concat();
            for at in [0, 70_000, 1_100_000] {
                check(&flip(at));
            }
            check(&[2, 2 * taken + 1]);
            check(&[2, 2 * taken + 1, 3, 0, 0, 0, 0]);
        }
    }
}
