//! The unfinished file: written beside its place, flushed to disk at each mark, and gone on with after a kill.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, BufWriter, ErrorKind, IoSlice, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use flate2::{read::GzDecoder, write::GzEncoder};

use super::journal::Mark;
use crate::{args::Compress, journal::beside, private};

/// An unfinished file of lines.
pub(super) struct Part {
    of: PathBuf,
    number: u64,
    out: Packer,
    /// Bytes before compression.
    plain: u64,
}

enum Packer {
    Plain(BufWriter<File>),
    Gzip(Box<GzEncoder<BufWriter<File>>>),
    Zstd(zstd::Encoder<'static, BufWriter<File>>),
}

/// Where the unfinished file of this number lies.
pub(super) fn place(of: &Path, number: u64) -> PathBuf {
    beside(of, &format!("{number}.part"))
}

/// Removes the unfinished files of a run, but those whose number is to be kept.
pub(super) fn sweep(of: &Path, keep: impl Fn(u64) -> bool) -> io::Result<()> {
    let folder = of.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = beside(of, "").file_name().unwrap_or_default().to_string_lossy().into_owned();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let found = entry.file_name().to_string_lossy().into_owned();
        let number = found.strip_prefix(&name).and_then(|rest| rest.strip_suffix(".part")?.parse::<u64>().ok());
        if number.is_some_and(|number| !keep(number)) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

impl Part {
    /// An empty one.
    pub(super) fn begin(of: &Path, compress: Option<Compress>) -> io::Result<Part> {
        Self::create(of, 0, compress)
    }

    fn create(of: &Path, number: u64, compress: Option<Compress>) -> io::Result<Part> {
        let file = private::create(&place(of, number))?;
        Ok(Part { of: of.to_owned(), number, out: Packer::new(file, compress)?, plain: 0 })
    }

    /// The one that a mark tells of. `None` when what is on disk isn't what the mark says; then nothing of it is of use.
    ///
    /// A compressed stream can't be gone on with, and several of them in one file are more than some readers know how to read: so what
    /// was good is unpacked and packed again, into a file of the next number, which counts from its first mark on.
    pub(super) fn go_on(of: &Path, mark: Mark, compress: Option<Compress>) -> io::Result<Option<Part>> {
        let path = place(of, mark.part);
        let mut file = match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        if file.metadata()?.len() < mark.bytes {
            return Ok(None);
        }
        let good = (&file).take(mark.bytes);
        let mut unpacked: Box<dyn Read + '_> = match compress {
            None => {
                file.set_len(mark.bytes)?;
                file.seek(SeekFrom::End(0))?;
                let out = Packer::new(file, None)?;
                return Ok(Some(Part { of: of.to_owned(), number: mark.part, out, plain: mark.plain }));
            }
            Some(Compress::Gzip) => Box::new(GzDecoder::new(BufReader::new(good))),
            Some(Compress::Zstd) => Box::new(zstd::Decoder::new(good)?),
        };
        let mut part = Self::create(of, mark.part + 1, compress)?;
        let mut piece = vec![0; 1 << 16];
        loop {
            match unpacked.read(&mut piece) {
                Ok(0) => break,
                Ok(n) => part.write(&piece[..n])?,
                // The stream was flushed where the mark is, not ended.
                Err(e) if e.kind() == ErrorKind::UnexpectedEof => break,
                Err(e) if matches!(e.kind(), ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::Other) => {
                    return Ok(None);
                }
                Err(e) => return Err(e),
            }
            if part.plain >= mark.plain {
                break;
            }
        }
        Ok((part.plain == mark.plain).then_some(part))
    }

    /// Adds bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.plain += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    /// Adds these with an end of line behind each. They go to the system from where they lie: copying them together first would
    /// cost as much as reading them.
    pub(super) fn write_lines<'l>(&mut self, mut lines: impl Iterator<Item = &'l [u8]>) -> io::Result<()> {
        let Packer::Plain(out) = &mut self.out else {
            return lines.try_for_each(|line| self.write(line).and_then(|()| self.write(b"\n")));
        };
        out.flush()?;
        let mut slices = Vec::with_capacity(AT_ONCE);
        for line in lines {
            self.plain += line.len() as u64 + 1;
            slices.extend([IoSlice::new(line), IoSlice::new(b"\n")]);
            if slices.len() == AT_ONCE {
                write_all(out.get_mut(), &mut slices)?;
                slices.clear();
            }
        }
        write_all(out.get_mut(), &mut slices)
    }

    /// Hands everything to the system. The mark holds once the file, too, is on disk.
    pub(super) fn pause(&mut self, rows: u64) -> io::Result<(Mark, File)> {
        self.out.flush()?;
        let file = self.out.file();
        let bytes = (&*file).stream_position()?;
        Ok((Mark { rows, part: self.number, bytes, plain: self.plain }, file.try_clone()?))
    }

    /// Bytes before compression.
    pub(super) fn plain(&self) -> u64 {
        self.plain
    }

    /// Ends it, whole and on disk; gives its name.
    pub(super) fn finish(self) -> io::Result<PathBuf> {
        let file = match self.out {
            Packer::Plain(out) => out,
            Packer::Gzip(out) => out.finish()?,
            Packer::Zstd(out) => out.finish()?,
        };
        file.into_inner()?.sync_all()?;
        Ok(place(&self.of, self.number))
    }
}

/// Pieces that the system takes at once: Linux takes no more than 1,024 (`IOV_MAX`).
const AT_ONCE: usize = 1024;

/// Writes all of these, one behind the other.
fn write_all(mut out: impl Write, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
    while !slices.is_empty() {
        match out.write_vectored(slices) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut slices, written),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

impl Packer {
    fn new(file: File, compress: Option<Compress>) -> io::Result<Packer> {
        let out = BufWriter::with_capacity(1 << 20, file);
        Ok(match compress {
            None => Packer::Plain(out),
            Some(Compress::Gzip) => Packer::Gzip(Box::new(GzEncoder::new(out, flate2::Compression::new(4)))),
            Some(Compress::Zstd) => Packer::Zstd(zstd::Encoder::new(out, 3)?),
        })
    }

    fn file(&self) -> &File {
        match self {
            Packer::Plain(out) => out.get_ref(),
            Packer::Gzip(out) => out.get_ref().get_ref(),
            Packer::Zstd(out) => out.get_ref().get_ref(),
        }
    }
}

impl Write for Packer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Packer::Plain(out) => out.write(bytes),
            Packer::Gzip(out) => out.write(bytes),
            Packer::Zstd(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Packer::Plain(out) => out.flush(),
            Packer::Gzip(out) => out.flush(),
            Packer::Zstd(out) => out.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpack(path: &Path, compress: Option<Compress>) -> String {
        let bytes = fs::read(path).unwrap();
        let mut text = String::new();
        match compress {
            None => return String::from_utf8(bytes).unwrap(),
            Some(Compress::Gzip) => GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap(),
            Some(Compress::Zstd) => {
                zstd::Decoder::new(&bytes[..]).unwrap().single_frame().read_to_string(&mut text).unwrap()
            }
        };
        text
    }

    impl Part {
        fn mark(&mut self, rows: u64) -> io::Result<Mark> {
            let (mark, file) = self.pause(rows)?;
            file.sync_data().map(|()| mark)
        }
    }

    #[test]
    fn a_part_goes_on_from_its_mark_and_is_one_stream_in_the_end() {
        for compress in [None, Some(Compress::Gzip), Some(Compress::Zstd)] {
            let dir = tempfile::tempdir().unwrap();
            let of = dir.path().join("x");
            let line = |n: u64| format!("{n} {}\n", "word ".repeat((n % 7) as usize)).into_bytes();
            let mut part = Part::begin(&of, compress).unwrap();
            (0..1000).for_each(|n| part.write(&line(n)).unwrap());
            let mark = part.mark(1000).unwrap();
            (1000..1500).for_each(|n| part.write(&line(n)).unwrap());
            part.out.flush().unwrap();
            drop(part); // as a kill leaves it: with more than the mark tells

            let mut part = Part::go_on(&of, mark, compress).unwrap().expect("the mark fits");
            (1000..2000).for_each(|n| part.write(&line(n)).unwrap());
            let mark = part.mark(2000).unwrap();
            sweep(&of, |number| number == mark.part).unwrap();
            let whole = part.finish().unwrap();
            let wanted: Vec<u8> = (0..2000).flat_map(line).collect();
            assert!(unpack(&whole, compress).as_bytes() == wanted, "{compress:?}");
            assert_eq!(mark.plain, wanted.len() as u64);
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        }
    }

    /// Takes at most three bytes at a time, and is interrupted before each.
    #[derive(Default)]
    struct Slow {
        took: Vec<u8>,
        interrupted: bool,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.interrupted = !self.interrupted;
            if self.interrupted {
                return Err(ErrorKind::Interrupted.into());
            }
            let now = bytes.len().min(3);
            self.took.extend_from_slice(&bytes[..now]);
            Ok(now)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_are_written_whole_however_little_is_taken_at_once() {
        let mut slow = Slow::default();
        let mut slices = [&b"one line"[..], b"\n", b"", b"another", b"\n"].map(IoSlice::new);
        write_all(&mut slow, &mut slices).unwrap();
        assert_eq!(slow.took, b"one line\nanother\n");
    }

    #[test]
    fn lines_follow_what_was_written_before_them() {
        for compress in [None, Some(Compress::Gzip), Some(Compress::Zstd)] {
            let dir = tempfile::tempdir().unwrap();
            let of = dir.path().join("x");
            let mut part = Part::begin(&of, compress).unwrap();
            let lines: Vec<Vec<u8>> = (0..1500_u32).map(|n| n.to_string().into_bytes()).collect();
            part.write(b"head\n").unwrap();
            part.write_lines(lines.iter().map(Vec::as_slice)).unwrap();
            part.write(b"end\n").unwrap();
            let wanted = format!("head\n{}\nend\n", (0..1500).map(|n| n.to_string()).collect::<Vec<_>>().join("\n"));
            let (mark, _) = part.pause(1500).unwrap();
            assert_eq!(mark.plain, wanted.len() as u64);
            assert_eq!(unpack(&part.finish().unwrap(), compress), wanted, "{compress:?}");
        }
    }

    #[test]
    fn a_part_that_is_not_what_its_mark_says_is_of_no_use() {
        for compress in [None, Some(Compress::Gzip), Some(Compress::Zstd)] {
            let dir = tempfile::tempdir().unwrap();
            let of = dir.path().join("x");
            let mut part = Part::begin(&of, compress).unwrap();
            part.write(b"some lines\n").unwrap();
            let mark = part.mark(1).unwrap();
            drop(part);
            // As a kill leaves it: letting an encoder go writes the end of its stream.
            OpenOptions::new().write(true).open(place(&of, 0)).unwrap().set_len(mark.bytes).unwrap();
            assert!(Part::go_on(&of, Mark { bytes: mark.bytes + 1, ..mark }, compress).unwrap().is_none());
            assert!(Part::go_on(&of, Mark { part: 3, ..mark }, compress).unwrap().is_none());
            if compress.is_some() {
                fs::write(place(&of, 0), vec![b'x'; mark.bytes as usize]).unwrap();
                assert!(Part::go_on(&of, mark, compress).unwrap().is_none());
            }
        }
    }
}
