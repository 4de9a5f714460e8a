//! What becomes of a page's records.

use std::fmt;

use sayso_client::Records;
#[cfg(feature = "parquet")]
use sayso_tables::parquet;
use sayso_tables::{Shape, csv::Csv};

use crate::args::{self, ExportArgs, Format};

/// The form of what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A record a line, byte for byte as it came.
    Ndjson,
    /// A table of text.
    Csv(Csv),
    /// A table of typed columns.
    #[cfg(feature = "parquet")]
    Parquet(Shape),
}

/// The records of a page, or of several, in their form.
pub(super) struct Chunk {
    /// Records of the export in it.
    pub(super) records: u64,
    /// Bytes of them as they came.
    #[cfg_attr(not(feature = "parquet"), allow(dead_code))] // text counts its own
    pub(super) bytes: u64,
    pub(super) what: What,
}

/// What is written of them.
pub(super) enum What {
    /// As they came.
    Records(Vec<Records>),
    /// Text.
    Text(Vec<u8>),
    /// Columns.
    #[cfg(feature = "parquet")]
    Columns(Box<parquet::Columns>),
}

impl Form {
    /// The form that the arguments name, of living or of deleted profiles.
    pub(super) fn of(args: &ExportArgs, deleted: bool) -> Form {
        let shape = match args.shape {
            _ if deleted => Shape::Deleted,
            args::Shape::Profiles => Shape::Profiles,
            args::Shape::Preferences => Shape::Preferences,
        };
        match args.format {
            Format::Ndjson => Form::Ndjson,
            Format::Csv => Form::Csv(Csv { shape, spreadsheet: args.spreadsheet }),
            #[cfg(feature = "parquet")]
            Format::Parquet => Form::Parquet(shape),
        }
    }

    /// What stands before the first row.
    pub(super) fn head(self) -> Vec<u8> {
        match self {
            Form::Csv(csv) => csv.head(),
            Form::Ndjson => Vec::new(),
            #[cfg(feature = "parquet")]
            Form::Parquet(_) => Vec::new(),
        }
    }

    /// The columns, by which the file of one version of the program is told from that of another; nothing where there are none.
    pub(super) fn columns(self) -> String {
        match self {
            Form::Ndjson | Form::Csv(_) => String::from_utf8_lossy(&self.head()).into_owned(),
            #[cfg(feature = "parquet")]
            Form::Parquet(shape) => {
                parquet::schema(shape).fields().iter().map(|field| format!("{field:?}\n")).collect()
            }
        }
    }

    /// Bytes that a page of records should not exceed. A page that becomes columns is in memory several times over: as it came, as builders of
    /// columns that grow by doubling, and as columns that wait to be written.
    pub(super) fn page_bytes(self) -> u64 {
        match self {
            Form::Ndjson => 4 << 20,
            Form::Csv(_) => 2 << 20,
            #[cfg(feature = "parquet")]
            Form::Parquet(_) => 3 << 19,
        }
    }

    /// The ending of a file's name.
    pub(super) fn ending(self) -> &'static str {
        match self {
            Form::Ndjson => "ndjson",
            Form::Csv(_) => "csv",
            #[cfg(feature = "parquet")]
            Form::Parquet(_) => "parquet",
        }
    }

    /// Bytes of records that should become a chunk at once, where pages are smaller. Each of the two hundred columns of a profile costs
    /// something for each chunk: writing chunks of 300 records takes a third longer than chunks of 2,400, which take more memory.
    pub(super) fn chunk_bytes(self) -> u64 {
        match self {
            Form::Ndjson | Form::Csv(_) => 0,
            #[cfg(feature = "parquet")]
            Form::Parquet(_) => 4 << 20,
        }
    }

    /// Brings records of one page after the other into this form.
    pub(super) fn chunk(self, pages: Vec<Records>) -> anyhow::Result<Chunk> {
        let (count, bytes) =
            (pages.iter().map(|page| page.len() as u64).sum(), pages.iter().map(Records::byte_len).sum());
        let records = || pages.iter().flat_map(Records::iter);
        let what = match self {
            Form::Ndjson => What::Records(pages),
            Form::Csv(csv) => What::Text(csv.rows(records())?),
            #[cfg(feature = "parquet")]
            Form::Parquet(shape) => What::Columns(Box::new(parquet::columns(shape, records())?)),
        };
        Ok(Chunk { records: count, bytes, what })
    }
}

/// Tells one form from another.
impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl Chunk {
    /// Hands out its text in pieces; of columns there is none.
    pub(super) fn each_text(&self, take: &mut dyn FnMut(&[u8]) -> anyhow::Result<()>) -> anyhow::Result<()> {
        match &self.what {
            What::Records(pages) => pages.iter().flat_map(Records::bytes).try_for_each(|record| {
                take(record)?;
                take(b"\n")
            }),
            What::Text(text) => take(text),
            #[cfg(feature = "parquet")]
            What::Columns(_) => Ok(()),
        }
    }
}
