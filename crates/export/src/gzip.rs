//! Pages as gzip, compressed once and not per request. Several members in one answer break real clients (curl, reqwest, httpx), so a
//! page is one member made of ready pieces: the header, the page's head as a stored block, a full-flushed deflate piece for every
//! hundred records, the comma between two pieces as a stored block, the tail, and a trailer whose CRC-32 is combined from the
//! pieces'. Records at the edges of a page that doesn't begin or end where pieces do are compressed anew.
//!
//! The pieces lie in a file without a name that lives as long as the export is open here: nothing of it is left behind. When the disk has
//! no room for it, pages are sent as they are.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File, OpenOptions},
    ops::Range,
    os::unix::fs::FileExt as _,
    path::PathBuf,
    sync::Arc,
    time::Instant,
};

use bytes::Bytes;
use crc32fast::Hasher;
use flate2::{Compress, CompressError, Compression, FlushCompress, Status};
use parking_lot::{Condvar, Mutex};

use crate::{ExportError, blocks::BLOCK, buffers::Buffers, files::during, open::OpenExport, page::TAIL};

/// Records of a piece: few enough to find edges cheap, many enough to keep the ratio (measured: almost that of the whole).
const RECORDS: u64 = 100;
/// Bytes of disk that must be there for one. What everybody's writes need isn't spent on what saves only time.
const PIECE_ROOM: u64 = 1 << 20;
/// Bytes of rows that are read at once to be compressed.
const COMPRESSED_AT_ONCE: u64 = 1 << 20;
/// Magic, deflate, no flags, no time, fastest, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255];

/// Compressed records, without the comma after them.
#[derive(Debug, Clone)]
struct Piece {
    crc: u32,
    /// Bytes before compression.
    raw: u64,
    deflated: Deflated,
}

#[derive(Debug, Clone)]
enum Deflated {
    /// In this file, from here, with this CRC-32C. The file is that of [`Made`] until damage is found in it.
    Kept { file: Arc<File>, at: u64, len: u32, sum: u32 },
    /// An edge, for one page.
    Edge(Arc<Vec<u8>>),
}

impl Piece {
    fn len(&self) -> usize {
        match &self.deflated {
            Deflated::Kept { len, .. } => *len as usize,
            Deflated::Edge(bytes) => bytes.len(),
        }
    }
}

/// Whether so many bytes may be written for what could also do without.
pub(crate) type HasRoom = Box<dyn Fn(u64) -> bool + Send + Sync>;

/// The pieces of one open export that were made so far.
pub(crate) struct GzipPieces {
    path: PathBuf,
    has_room: HasRoom,
    /// Held by the one who writes to the file, which may take as long as the disk does. Taken before the other.
    writing: Mutex<()>,
    /// Held for moments: whoever needs a ready piece takes it, also on the runtime's threads.
    made: Mutex<Made>,
    /// A piece was made, or couldn't be.
    changed: Condvar,
}

/// The file, and what is in it.
#[derive(Debug, Default)]
struct Made {
    file: Option<Arc<File>>,
    end: u64,
    pieces: HashMap<u64, Piece>,
    /// Being made now.
    under_way: HashSet<u64>,
}

impl Made {
    /// Forgets a file that is damaged, unless somebody else has. Pieces under way are left to those who make them: they go to the next file.
    fn forget(&mut self, damaged: &Arc<File>) {
        if self.file.as_ref().is_some_and(|file| Arc::ptr_eq(file, damaged)) {
            self.file = None;
            self.end = 0;
            self.pieces.clear();
        }
    }
}

impl GzipPieces {
    /// None yet; `path` names the file while it is made.
    pub fn new(path: PathBuf, has_room: HasRoom) -> Self {
        Self { path, has_room, writing: Mutex::default(), made: Mutex::default(), changed: Condvar::new() }
    }

    /// Piece number `n`, if it is made.
    fn ready(&self, n: u64) -> Option<Piece> {
        self.made.lock().pieces.get(&n).cloned()
    }

    /// Piece number `n`; made now if nobody needed it before. Of several who need it at once one makes it, and the others wait.
    fn piece(&self, export: &OpenExport, n: u64) -> Result<Piece, ExportError> {
        let mut made = self.made.lock();
        loop {
            if let Some(piece) = made.pieces.get(&n) {
                return Ok(piece.clone());
            }
            if made.under_way.insert(n) {
                break;
            }
            self.changed.wait(&mut made);
        }
        drop(made);
        // when it fails, the next of those who wait tries
        let _turn = Turn { pieces: self, n };
        self.make(export, n)
    }

    fn make(&self, export: &OpenExport, n: u64) -> Result<Piece, ExportError> {
        if !(self.has_room)(PIECE_ROOM) {
            return Err(during("keeping compressed pieces in", &self.path)(std::io::ErrorKind::StorageFull.into()));
        }
        let (bytes, crc, raw) = compress(export, &(n * RECORDS..((n + 1) * RECORDS).min(export.manifest.row_count)))?;
        metrics::counter!("sayso_gzip_pieces_total").increment(1);
        let len = u32::try_from(bytes.len()).map_err(|_| ExportError::Io {
            context: "compressing".into(),
            source: std::io::Error::other("a hundred records have more than 4 GiB"),
        })?;
        let sum = crc32c::crc32c(&bytes);
        let _writing = self.writing.lock();
        let (file, at) = self.place()?;
        file.write_all_at(&bytes, at).map_err(during("writing", &self.path))?;
        let deflated = Deflated::Kept { file: Arc::clone(&file), at, len, sum };
        let piece = Piece { crc, raw, deflated };
        let mut made = self.made.lock();
        // Where damage was found in the file meanwhile, the piece is for who asked alone.
        if made.file.as_ref().is_some_and(|now| Arc::ptr_eq(now, &file)) {
            made.end = at + u64::from(len);
            made.pieces.insert(n, piece.clone());
        }
        Ok(piece)
    }

    /// Where the next piece goes, for who is the one that writes.
    fn place(&self) -> Result<(Arc<File>, u64), ExportError> {
        let made = self.made.lock();
        if let Some(file) = &made.file {
            return Ok((Arc::clone(file), made.end));
        }
        drop(made);
        let file = Arc::new(self.unnamed().map_err(during("making", &self.path))?);
        self.made.lock().file = Some(Arc::clone(&file));
        Ok((file, 0))
    }

    fn unnamed(&self) -> std::io::Result<File> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&self.path)?;
        fs::remove_file(&self.path)?;
        Ok(file)
    }

    fn read(&self, piece: &Piece, out: &mut [u8]) -> Result<(), ExportError> {
        match &piece.deflated {
            Deflated::Edge(bytes) => out.copy_from_slice(bytes),
            Deflated::Kept { file, at, sum, .. } => {
                file.read_exact_at(out, *at).map_err(during("reading", &self.path))?;
                if crc32c::crc32c(out) != *sum {
                    // The rows themselves are sound: who asks again gets pieces that are made anew.
                    self.made.lock().forget(file);
                    let damage = std::io::Error::other("compressed pieces are damaged; they are made anew");
                    return Err(during("reading", &self.path)(damage));
                }
            }
        }
        Ok(())
    }
}

/// The making of one piece; over when it is dropped.
struct Turn<'a> {
    pieces: &'a GzipPieces,
    n: u64,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.pieces.made.lock().under_way.remove(&self.n);
        self.pieces.changed.notify_all();
    }
}

/// Deflates records to a full flush; gives their CRC-32 and length too.
fn compress(export: &OpenExport, records: &Range<u64>) -> Result<(Vec<u8>, u32, u64), ExportError> {
    let range = export.range(records)?;
    let length = range.end - range.start;
    let mut deflate = Compress::new(Compression::fast(), false);
    let mut out = Vec::with_capacity(length.min(4 * COMPRESSED_AT_ONCE) as usize / 4 + 64);
    let (mut raw, mut crc, mut at) = (Vec::new(), Hasher::new(), range.start);
    loop {
        // To the end of a block, which is then verified as it is read.
        let to = range.end.min((at + COMPRESSED_AT_ONCE) / BLOCK * BLOCK);
        raw.resize((to - at) as usize, 0);
        export.rows.read(at, &mut raw)?;
        crc.update(&raw);
        at += raw.len() as u64;
        let is_last = at == range.end;
        deflated(&mut deflate, &raw, &mut out, if is_last { FlushCompress::Full } else { FlushCompress::None })
            .map_err(|e| ExportError::Io { context: "compressing".into(), source: e.into() })?;
        if is_last {
            return Ok((out, crc.finalize(), length));
        }
    }
}

/// Deflates these bytes behind what was deflated before.
fn deflated(
    deflate: &mut Compress,
    bytes: &[u8],
    out: &mut Vec<u8>,
    flush: FlushCompress,
) -> Result<(), CompressError> {
    let begun = deflate.total_in();
    loop {
        let taken = (deflate.total_in() - begun) as usize;
        let status = deflate.compress_vec(&bytes[taken..], out, flush)?;
        let is_taken = (deflate.total_in() - begun) as usize == bytes.len();
        // Room left over, or nothing left to write, means that a flush is whole.
        let is_flushed = flush == FlushCompress::None || status == Status::BufError || out.len() < out.capacity();
        if is_taken && is_flushed {
            return Ok(());
        }
        out.reserve(out.capacity().max(64));
    }
}

/// Bytes as they are, in a deflate block (at most 65,535 of them).
fn stored(bytes: &[u8], is_last: bool) -> Vec<u8> {
    let len = u16::try_from(bytes.len()).expect("heads, commas and tails are short");
    let mut out = vec![u8::from(is_last)];
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&(!len).to_le_bytes());
    out.extend_from_slice(bytes);
    out
}

/// A page being sent as gzip.
pub(crate) struct GzipPage {
    length: u64,
    /// Header and head; empty once sent.
    begin: Vec<u8>,
    /// Records still to be sent.
    rest: Range<u64>,
    /// The pieces at the page's edges, by their first record.
    edges: Vec<(u64, Piece)>,
    is_first: bool,
    /// Tail and trailer; empty once sent.
    end: Vec<u8>,
}

/// A page whose missing pieces are being made, so that its length is known.
pub(crate) struct Making {
    page: GzipPage,
    /// The record that the next piece begins with.
    at: u64,
    crc: Hasher,
    /// Bytes before compression.
    raw: u64,
}

impl Making {
    /// Of a page with this head and these records; none is made yet.
    pub fn new(head: &[u8], records: Range<u64>) -> Self {
        let mut begin = HEADER.to_vec();
        begin.extend_from_slice(&stored(head, false));
        let mut crc = Hasher::new();
        crc.update(head);
        let (at, length) = (records.start, begin.len() as u64);
        let page = GzipPage { length, begin, rest: records, edges: Vec::new(), is_first: true, end: Vec::new() };
        Self { page, at, crc, raw: head.len() as u64 }
    }

    /// Goes on with pieces that are ready until this moment; says whether all are made.
    pub fn take_ready(&mut self, export: &OpenExport, until: Instant) -> bool {
        let end = self.page.rest.end;
        while self.at < end {
            let to = next_edge(export, self.at, end);
            if !is_whole(export, self.at, to) || Instant::now() >= until {
                return false;
            }
            let Some(piece) = export.gzip.ready(self.at / RECORDS) else { return false };
            self.add(&piece, to);
        }
        true
    }

    /// Makes one after the other until this moment, one at least; says whether all are made.
    pub fn go_on(&mut self, export: &OpenExport, until: Instant) -> Result<bool, ExportError> {
        let end = self.page.rest.end;
        while self.at < end {
            let (at, to) = (self.at, next_edge(export, self.at, end));
            let piece = if is_whole(export, at, to) {
                export.gzip.piece(export, at / RECORDS)?
            } else {
                let (bytes, crc, raw) = compress(export, &(at..to))?;
                let piece = Piece { crc, raw, deflated: Deflated::Edge(Arc::new(bytes)) };
                self.page.edges.push((at, piece.clone()));
                piece
            };
            self.add(&piece, to);
            if to < end && Instant::now() >= until {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Counts the next piece, behind which `to` comes.
    fn add(&mut self, piece: &Piece, to: u64) {
        if self.at > self.page.rest.start {
            self.crc.update(b",");
            self.page.length += stored(b",", false).len() as u64;
            self.raw += 1;
        }
        self.crc.combine(&Hasher::new_with_initial_len(piece.crc, piece.raw));
        self.page.length += piece.len() as u64;
        self.raw += piece.raw;
        self.at = to;
    }

    /// The page, once all are made.
    pub fn end(mut self) -> GzipPage {
        self.crc.update(TAIL);
        self.raw += TAIL.len() as u64;
        let end = &mut self.page.end;
        *end = stored(TAIL, true);
        end.extend_from_slice(&self.crc.finalize().to_le_bytes());
        // The format keeps the length modulo 2^32.
        end.extend_from_slice(&(self.raw as u32).to_le_bytes());
        self.page.length += end.len() as u64;
        self.page
    }
}

impl GzipPage {
    pub fn length(&self) -> u64 {
        self.length
    }

    pub fn is_done(&self) -> bool {
        self.end.is_empty()
    }

    /// The next bytes, about `most` of them.
    pub fn next_piece(
        &mut self,
        export: &OpenExport,
        buffers: &Arc<Buffers>,
        most: usize,
    ) -> Result<Bytes, ExportError> {
        let begin = std::mem::take(&mut self.begin);
        let comma = stored(b",", false);
        let mut parts = Vec::new();
        let mut len = begin.len();
        while !self.rest.is_empty() {
            let (at, to) = (self.rest.start, next_edge(export, self.rest.start, self.rest.end));
            let edge = self.edges.iter().find(|(first, _)| *first == at).map(|(_, piece)| piece.clone());
            let piece = edge.map_or_else(|| export.gzip.piece(export, at / RECORDS), Ok)?;
            let between: &[u8] = if self.is_first { &[] } else { &comma };
            if !parts.is_empty() && len + between.len() + piece.len() > most {
                break;
            }
            len += between.len() + piece.len();
            parts.push((between, piece));
            self.is_first = false;
            self.rest.start = to;
        }
        let end = if self.rest.is_empty() { std::mem::take(&mut self.end) } else { Vec::new() };
        buffers.filled(len + end.len(), |out| {
            let (first, mut out) = out.split_at_mut(begin.len());
            first.copy_from_slice(&begin);
            for (between, piece) in &parts {
                let (comma, rest) = out.split_at_mut(between.len());
                comma.copy_from_slice(between);
                let (bytes, rest) = rest.split_at_mut(piece.len());
                export.gzip.read(piece, bytes)?;
                out = rest;
            }
            out.copy_from_slice(&end);
            Ok(())
        })
    }
}

/// Where the piece that begins with record `at` ends.
fn next_edge(export: &OpenExport, at: u64, end: u64) -> u64 {
    ((at / RECORDS + 1) * RECORDS).min(end).min(export.manifest.row_count)
}

/// Whether these records are one of the export's own pieces.
fn is_whole(export: &OpenExport, at: u64, to: u64) -> bool {
    at.is_multiple_of(RECORDS) && (to - at == RECORDS || to == export.manifest.row_count)
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc::channel, thread};

    use sayso_model::id::{AccessToken, AccountNo};

    use super::*;
    use crate::{
        page::tests::{make, record},
        testing::LONG,
    };

    /// An export of 300 records, open, and its folder.
    fn opened() -> (OpenExport, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path(), &(0..300).map(|i| record(i, 5)).collect::<Vec<_>>());
        let key = (AccountNo(1), AccessToken(2));
        (OpenExport::open(key, folder.path(), Box::new(|_| true)).unwrap(), folder)
    }

    #[test]
    fn ready_pieces_are_to_be_had_while_another_one_is_written() {
        let (export, _folder) = opened();
        let piece = |n| export.gzip.piece(&export, n).unwrap();
        piece(0);
        // As one does whose disk is slow; everything that others may do meanwhile they do.
        let writing = export.gzip.writing.lock();
        let (told, is_served) = channel();
        let served = thread::scope(|scope| {
            scope.spawn(|| piece(1));
            scope.spawn(|| {
                let is_begun = |made: &Made| made.under_way.contains(&1) || made.pieces.contains_key(&1);
                while !is_begun(&export.gzip.made.lock()) {
                    thread::yield_now();
                }
                (0..100_000).for_each(|_| drop(piece(0)));
                told.send(()).unwrap();
            });
            let served = is_served.recv_timeout(LONG);
            drop(writing);
            served
        });
        served.expect("it waits for nobody's disk");
        assert_eq!(export.gzip.made.lock().pieces.len(), 2);
    }

    #[test]
    fn pieces_that_are_damaged_are_made_anew_once_however_many_readers_hold_them() {
        let (export, _folder) = opened();
        let read = |piece: &Piece| {
            let mut bytes = vec![0; piece.len()];
            export.gzip.read(piece, &mut bytes).map(|()| bytes)
        };
        let piece = |n| export.gzip.piece(&export, n).unwrap();
        let damaged = |piece: &Piece| read(piece).unwrap_err().to_string().contains("made anew");

        let (first, second) = (piece(0), piece(1));
        let sound = [read(&first).unwrap(), read(&second).unwrap()];
        for (held, sound) in [&first, &second].into_iter().zip(&sound) {
            let Deflated::Kept { file, at, .. } = &held.deflated else { panic!("{held:?}") };
            file.write_all_at(&[!sound[0]], *at).unwrap();
        }
        // somebody makes another one meanwhile
        export.gzip.made.lock().under_way.insert(2);
        assert!(damaged(&first));
        assert!(export.gzip.made.lock().under_way.contains(&2), "nobody else begins that one");
        let anew = piece(0);
        assert_eq!(read(&anew).unwrap(), sound[0]);
        assert!(damaged(&second), "who holds a piece of the old file finds the same");
        assert_eq!(export.gzip.made.lock().pieces.len(), 1, "and leaves the new file alone");
        assert_eq!((read(&anew).unwrap(), read(&piece(1)).unwrap()), (sound[0].clone(), sound[1].clone()));
    }
}
