//! Where lines come from: files in chunks of whole lines, plain, gzip or zstd, told apart by their first bytes.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    ops::Range,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// The longest line that is taken, bytes; a profile has a few thousand.
pub const LONGEST_LINE: usize = 4 << 20;
/// Of a longer one, this much is kept for the report.
const OVERLONG_KEPT: usize = 1000;
/// A chunk is given out when it holds this much: work for a few milliseconds.
const CHUNK: usize = 256 << 10;
/// The buffer of a chunk: nearly all last lines fit in behind the rest.
const ROOM: usize = CHUNK + (8 << 10);

/// One line of a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// 1-based, in its file.
    pub number: u64,
    /// Where its text stands in the chunk, without the line feed.
    pub range: Range<usize>,
    /// Whether it was longer than [`LONGEST_LINE`]; the range then holds its beginning.
    pub overlong: bool,
}

/// Whole lines, in the order of the source.
#[derive(Debug, Default)]
pub struct Chunk {
    /// 0, 1, 2 …: the chunks' order.
    pub sequence: u64,
    /// The text of the lines.
    pub bytes: Vec<u8>,
    /// The lines, blank ones left out.
    pub lines: Vec<Line>,
    /// The number of the last line read, blank or not.
    pub last_line: u64,
}

impl Chunk {
    /// The text of a line.
    pub fn text(&self, line: &Line) -> &[u8] {
        &self.bytes[line.range.clone()]
    }
}

/// Gives chunks to whichever thread asks; their sequence numbers have no gaps.
pub trait Source: Sync {
    /// The next chunk; `None` at the end, and from then on.
    ///
    /// # Errors
    /// When the source can't be read further.
    fn next(&self) -> io::Result<Option<Chunk>>;

    /// Takes the buffer of a chunk that is done with: whoever fills one for each chunk uses it again, since memory that is given back to
    /// the machine comes back cleared.
    fn take_back(&self, _bytes: Vec<u8>) {}
}

/// How much of a file was read, for the progress bar.
#[derive(Debug, Clone)]
pub struct BytesRead {
    position: Arc<AtomicU64>,
    total: Option<u64>,
}

impl BytesRead {
    /// Bytes read so far, as they stand in the file (compressed).
    pub fn position(&self) -> u64 {
        self.position.load(Relaxed)
    }
    /// The file's size; `None` for a pipe.
    pub fn total(&self) -> Option<u64> {
        self.total
    }
}

struct Counting<R> {
    inner: R,
    position: Arc<AtomicU64>,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.position.fetch_add(n as u64, Relaxed);
        Ok(n)
    }
}

/// The lines of a file or of stdin.
pub struct LineSource {
    state: Mutex<Reading>,
    spare: Mutex<Vec<Vec<u8>>>,
}

struct Reading {
    input: Box<dyn BufRead + Send>,
    from_line: u64,
    sequence: u64,
    line: u64,
    at_end: bool,
}

impl LineSource {
    /// Opens a file (`-` is stdin); lines before `from_line` are passed over.
    ///
    /// # Errors
    /// When it can't be opened.
    pub fn open(path: &Path, from_line: u64) -> io::Result<(Self, BytesRead)> {
        let (input, read) = open(path)?;
        Ok((Self::new(input, from_line), read))
    }

    fn new(input: Box<dyn BufRead + Send>, from_line: u64) -> Self {
        let state = Mutex::new(Reading { input, from_line, sequence: 0, line: 0, at_end: false });
        Self { state, spare: Mutex::default() }
    }

    /// The number of the last line that was read, blank or not; 0 before the first.
    pub fn last_line(&self) -> u64 {
        self.state.lock().map_or(0, |state| state.line)
    }

    /// Whether everything has been read.
    pub fn is_at_end(&self) -> bool {
        self.state.lock().is_ok_and(|state| state.at_end)
    }
}

/// Opens a file (`-` is stdin): plain, gzip or zstd, told apart by its first bytes.
///
/// # Errors
/// When it can't be opened.
pub fn open(path: &Path) -> io::Result<(Box<dyn BufRead + Send>, BytesRead)> {
    let position = Arc::new(AtomicU64::new(0));
    let (raw, total): (Box<dyn Read + Send>, _) = if path.as_os_str() == "-" {
        (Box::new(io::stdin()), None)
    } else {
        let file = File::open(path)?;
        let about = file.metadata()?;
        if about.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory; name the files in it"));
        }
        (Box::new(file), about.is_file().then_some(about.len()))
    };
    let counted = Counting { inner: raw, position: Arc::clone(&position) };
    let input = decompressed(BufReader::with_capacity(CHUNK, counted))?;
    Ok((input, BytesRead { position, total }))
}

/// Neither JSON nor a blank line begins with the first bytes of gzip or zstd, so the name of a file needn't be trusted.
fn decompressed(mut input: impl BufRead + Send + 'static) -> io::Result<Box<dyn BufRead + Send>> {
    let head = input.fill_buf()?;
    Ok(if head.starts_with(&[0x1f, 0x8b]) {
        Box::new(BufReader::with_capacity(CHUNK, flate2::bufread::MultiGzDecoder::new(input)))
    } else if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        Box::new(BufReader::with_capacity(CHUNK, zstd::stream::read::Decoder::with_buffer(input)?))
    } else {
        Box::new(input)
    })
}

impl Source for LineSource {
    fn next(&self) -> io::Result<Option<Chunk>> {
        let mut state = self.state.lock().map_err(|_| io::Error::other("another reader of the file panicked"))?;
        if state.at_end {
            return Ok(None);
        }
        let spare = self.spare.lock().ok().and_then(|mut spare| spare.pop());
        let bytes = spare.unwrap_or_else(|| Vec::with_capacity(ROOM));
        let mut chunk = Chunk { sequence: state.sequence, bytes, ..Chunk::default() };
        while chunk.bytes.len() < CHUNK {
            match state.read_line(&mut chunk) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    // Whoever asks next must not go on behind a hole.
                    state.at_end = true;
                    return Err(error);
                }
            }
        }
        chunk.last_line = state.line;
        state.sequence += 1;
        Ok((!state.at_end || !chunk.lines.is_empty()).then_some(chunk))
    }

    fn take_back(&self, mut bytes: Vec<u8>) {
        // One that a long line has made larger isn't kept.
        if bytes.capacity() <= ROOM
            && let Ok(mut spare) = self.spare.lock()
        {
            bytes.clear();
            spare.push(bytes);
        }
    }
}

impl Reading {
    /// Appends the next line; `false` at the end of the input.
    fn read_line(&mut self, chunk: &mut Chunk) -> io::Result<bool> {
        let start = chunk.bytes.len();
        let most = LONGEST_LINE as u64 + 1;
        let read = Read::take(&mut self.input, most).read_until(b'\n', &mut chunk.bytes)?;
        if read == 0 {
            self.at_end = true;
            return Ok(false);
        }
        self.line += 1;
        let ended = chunk.bytes.last() == Some(&b'\n');
        let mut end = chunk.bytes.len() - usize::from(ended);
        let overlong = end - start > LONGEST_LINE;
        if overlong {
            self.skip_line()?;
            end = start + OVERLONG_KEPT;
            chunk.bytes.truncate(end);
        }
        let mut range = start..end;
        // A byte order mark is no part of the first line's JSON.
        if self.line == 1 && chunk.bytes[range.clone()].starts_with(b"\xef\xbb\xbf") {
            range.start += 3;
        }
        if self.line < self.from_line || chunk.bytes[range.clone()].trim_ascii().is_empty() {
            chunk.bytes.truncate(start);
        } else {
            chunk.lines.push(Line { number: self.line, range, overlong });
        }
        Ok(true)
    }

    /// Reads to the line feed without keeping anything.
    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let buffered = self.input.fill_buf()?;
            if buffered.is_empty() {
                return Ok(());
            }
            let line_feed = buffered.iter().position(|&byte| byte == b'\n');
            let used = line_feed.map_or(buffered.len(), |at| at + 1);
            self.input.consume(used);
            if line_feed.is_some() {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn all(input: impl BufRead + Send + 'static, from_line: u64) -> Vec<(u64, String, bool)> {
        let source = LineSource::new(decompressed(input).unwrap(), from_line);
        let mut lines = Vec::new();
        let mut sequence = 0;
        while let Some(chunk) = source.next().unwrap() {
            assert_eq!(chunk.sequence, sequence);
            sequence += 1;
            for line in &chunk.lines {
                lines.push((line.number, String::from_utf8_lossy(chunk.text(line)).into_owned(), line.overlong));
            }
            source.take_back(chunk.bytes);
        }
        assert!(source.is_at_end() && source.next().unwrap().is_none());
        lines
    }

    fn line(number: u64, text: &str) -> (u64, String, bool) {
        (number, text.to_owned(), false)
    }

    #[test]
    fn lines_are_numbered_and_blank_ones_left_out() {
        let text: &[u8] = b"\xef\xbb\xbf{\"a\":1}\r\n\n  \n{\"b\":2}";
        assert_eq!(all(text, 1), [line(1, "{\"a\":1}\r"), line(4, "{\"b\":2}")]);
        assert_eq!(all(text, 2), [line(4, "{\"b\":2}")]);
        assert!(all(&b""[..], 1).is_empty());
    }

    #[test]
    fn many_lines_come_in_order_over_many_chunks() {
        let text: String = (0..50_000).map(|n| format!("{{\"n\":{n}}}\n")).collect();
        let lines = all(io::Cursor::new(text.clone()), 1);
        assert_eq!(lines.len(), 50_000);
        assert!(lines.iter().enumerate().all(|(i, l)| *l == line(i as u64 + 1, &format!("{{\"n\":{i}}}"))));
    }

    #[test]
    fn compressed_input_is_known_by_its_first_bytes() {
        let text = b"{\"a\":1}\n{\"b\":2}\n";
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(text).unwrap();
        // Two members one after the other, as `cat a.gz b.gz` makes them.
        let one = gzip.finish().unwrap();
        let two = [one.clone(), one].concat();
        assert_eq!(all(io::Cursor::new(two), 1).len(), 4);
        let zstd = zstd::encode_all(&text[..], 1).unwrap();
        assert_eq!(all(io::Cursor::new(zstd), 1), [line(1, "{\"a\":1}"), line(2, "{\"b\":2}")]);
    }

    #[test]
    fn a_line_of_any_length_takes_no_more_memory_than_the_longest_allowed() {
        let fits = "x".repeat(LONGEST_LINE);
        let over = "y".repeat(LONGEST_LINE * 2 + 1);
        let lines = all(io::Cursor::new(format!("{fits}\n{over}\n{{}}\n{fits}y")), 1);
        let seen: Vec<_> = lines.iter().map(|(n, text, overlong)| (*n, text.len(), *overlong)).collect();
        assert_eq!(seen, [(1, LONGEST_LINE, false), (2, OVERLONG_KEPT, true), (3, 2, false), (4, OVERLONG_KEPT, true)]);
    }

    #[test]
    fn a_damaged_archive_is_an_error_and_no_end() {
        let mut zstd = zstd::encode_all(&b"{\"a\":1}\n".repeat(10_000)[..], 1).unwrap();
        zstd.truncate(zstd.len() / 2);
        let source = LineSource::new(decompressed(io::Cursor::new(zstd)).unwrap(), 1);
        assert!(std::iter::from_fn(|| source.next().transpose()).any(|chunk| chunk.is_err()));
    }
}
