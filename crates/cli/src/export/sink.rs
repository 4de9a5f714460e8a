//! Where chunks go until they are a whole file.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use sayso_client::Records;

#[cfg(feature = "parquet")]
use super::columns::ColumnPart;
use super::{
    form::{Chunk, Form, What},
    journal::Mark,
    part::{self, Part},
};
use crate::args::Compress;

/// An unfinished file of either kind.
pub(super) enum Sink {
    Text(Part),
    #[cfg(feature = "parquet")]
    Columns(Box<ColumnPart>),
}

impl Sink {
    /// An empty one, with its head.
    pub(super) fn begin(base: &Path, form: Form, compress: Option<Compress>) -> io::Result<Sink> {
        #[cfg(feature = "parquet")]
        if let Form::Parquet(shape) = form {
            return Ok(Sink::Columns(Box::new(ColumnPart::begin(base, shape))));
        }
        let mut part = Part::begin(base, compress)?;
        part.write(&form.head())?;
        Ok(Sink::Text(part))
    }

    /// The one that a mark tells of, if it is there.
    pub(super) fn go_on(base: &Path, mark: Mark, form: Form, compress: Option<Compress>) -> io::Result<Option<Sink>> {
        match form {
            _ if mark.rows == 0 => Ok(None),
            #[cfg(feature = "parquet")]
            Form::Parquet(shape) => Ok(ColumnPart::go_on(base, mark, shape)?.map(Box::new).map(Sink::Columns)),
            Form::Ndjson | Form::Csv(_) => Ok(Part::go_on(base, mark, compress)?.map(Sink::Text)),
        }
    }

    /// Adds a chunk of its form.
    pub(super) fn take(&mut self, chunk: &Chunk) -> anyhow::Result<()> {
        match self {
            Sink::Text(part) => match &chunk.what {
                What::Records(pages) => Ok(part.write_lines(pages.iter().flat_map(Records::bytes))?),
                What::Text(text) => Ok(part.write(text)?),
                #[cfg(feature = "parquet")]
                What::Columns(_) => anyhow::bail!("columns can't stand in a file of text"),
            },
            #[cfg(feature = "parquet")]
            Sink::Columns(part) => match &chunk.what {
                What::Columns(columns) => Ok(part.write(columns, chunk.bytes)?),
                What::Records(_) | What::Text(_) => anyhow::bail!("text can't stand in a file of columns"),
            },
        }
    }

    /// Hands everything to the system. The mark holds once the file that comes with it is on disk, too.
    pub(super) fn pause(&mut self, rows: u64) -> io::Result<(Mark, Option<File>)> {
        match self {
            Sink::Text(part) => part.pause(rows).map(|(mark, file)| (mark, Some(file))),
            #[cfg(feature = "parquet")]
            Sink::Columns(part) => part.pause(rows),
        }
    }

    /// Puts everything on disk.
    pub(super) fn mark(&mut self, rows: u64) -> io::Result<Mark> {
        let (mark, file) = self.pause(rows)?;
        file.map_or(Ok(()), |file| file.sync_data())?;
        Ok(mark)
    }

    /// Removes what this mark doesn't count.
    pub(super) fn sweep(&self, base: &Path, mark: Mark) -> io::Result<()> {
        match self {
            Sink::Text(_) => part::sweep(base, |number| number == mark.part),
            #[cfg(feature = "parquet")]
            Sink::Columns(_) => part::sweep(base, |number| number <= mark.part),
        }
    }

    /// How many times the bytes between two marks: a Parquet file of few rows is large and slow.
    pub(super) fn patience(&self) -> u64 {
        match self {
            Sink::Text(_) => 1,
            #[cfg(feature = "parquet")]
            Sink::Columns(_) => 4,
        }
    }

    /// Bytes before compression; of columns, of the records in them.
    pub(super) fn plain(&self) -> u64 {
        match self {
            Sink::Text(part) => part.plain(),
            #[cfg(feature = "parquet")]
            Sink::Columns(part) => part.plain(),
        }
    }

    /// Ends it, whole and on disk; gives its name.
    pub(super) fn finish(self) -> io::Result<PathBuf> {
        match self {
            Sink::Text(part) => part.finish(),
            #[cfg(feature = "parquet")]
            Sink::Columns(part) => part.finish(),
        }
    }
}
