//! The unfinished Parquet file: one whole file for each mark, since a Parquet file without its end can't be read. In the end their row
//! groups are put one behind the other.

use std::{
    fs::File,
    io::{self, BufWriter},
    path::{Path, PathBuf},
};

use sayso_tables::{
    Shape,
    parquet::{self, Columns, Writer},
};

use super::{journal::Mark, part::place};
use crate::private;

/// An unfinished Parquet file.
pub(super) struct ColumnPart {
    of: PathBuf,
    shape: Shape,
    writer: Option<Writer<BufWriter<File>>>,
    /// The number of the file that is written, or will be.
    number: u64,
    /// Bytes of the last whole one.
    bytes: u64,
    /// Bytes of the records that are in all of them.
    plain: u64,
}

impl ColumnPart {
    /// An empty one.
    pub(super) fn begin(of: &Path, shape: Shape) -> ColumnPart {
        ColumnPart { of: of.to_owned(), shape, writer: None, number: 0, bytes: 0, plain: 0 }
    }

    /// The one that a mark tells of; `None` when what is on disk isn't what the mark says.
    pub(super) fn go_on(of: &Path, mark: Mark, shape: Shape) -> io::Result<Option<ColumnPart>> {
        for number in 0..=mark.part {
            let length = match std::fs::metadata(place(of, number)) {
                Ok(metadata) => metadata.len(),
                Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(e) => return Err(e),
            };
            if number == mark.part && length != mark.bytes {
                return Ok(None);
            }
        }
        let (number, bytes, plain) = (mark.part + 1, mark.bytes, mark.plain);
        Ok(Some(ColumnPart { of: of.to_owned(), shape, writer: None, number, bytes, plain }))
    }

    /// Adds rows, made of so many bytes.
    pub(super) fn write(&mut self, columns: &Columns, bytes: u64) -> io::Result<()> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => {
                let out = BufWriter::with_capacity(1 << 20, private::create(&place(&self.of, self.number))?);
                self.writer.insert(Writer::new(out, self.shape).map_err(to_io)?)
            }
        };
        self.plain += bytes;
        writer.write(columns).map_err(to_io)
    }

    /// Ends the file that is being written, if one is. The mark holds once that file is on disk, too.
    pub(super) fn pause(&mut self, rows: u64) -> io::Result<(Mark, Option<File>)> {
        let mut ended = None;
        if let Some(writer) = self.writer.take() {
            let file = writer.finish().map_err(to_io)?.into_inner()?;
            self.bytes = file.metadata()?.len();
            self.number += 1;
            ended = Some(file);
        }
        Ok((Mark { rows, part: self.number.saturating_sub(1), bytes: self.bytes, plain: self.plain }, ended))
    }

    /// Bytes of the records that are in it.
    pub(super) fn plain(&self) -> u64 {
        self.plain
    }

    /// Joins everything to one file, whole and on disk; gives its name.
    pub(super) fn finish(mut self) -> io::Result<PathBuf> {
        if self.number == 0 && self.writer.is_none() {
            // No rows are a table, too.
            let out = BufWriter::new(private::create(&place(&self.of, 0))?);
            self.writer = Some(Writer::new(out, self.shape).map_err(to_io)?);
        }
        self.pause(0)?;
        if self.number == 1 {
            let whole = place(&self.of, 0);
            File::open(&whole)?.sync_all()?;
            return Ok(whole);
        }
        let parts: Vec<File> = (0..self.number).map(|n| File::open(place(&self.of, n))).collect::<io::Result<_>>()?;
        let whole = place(&self.of, self.number);
        parquet::join(&parts, private::create(&whole)?).map_err(to_io)?.sync_all()?;
        Ok(whole)
    }
}

/// The disk's own error, where there is one inside.
fn to_io(error: sayso_tables::Error) -> io::Error {
    io::Error::other(error)
}
