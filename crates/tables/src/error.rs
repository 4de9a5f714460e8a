//! The one error type of this crate.

use serde_json::error::Category;

/// Why records did not become a table.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A record is not what profile.md describes.
    #[error("record {profile} can't be put into a table: {cause}")]
    Record {
        /// Its ProfileId, as far as it could be found.
        profile: String,
        /// What is wrong with it, and where; nothing of what stands there.
        cause: String,
    },
    /// A row could not be written.
    #[error("a row of CSV can't be written: {0}")]
    Csv(#[from] ::csv::Error),
    /// A Parquet file could not be written.
    #[cfg(feature = "parquet")]
    #[error("the Parquet file can't be written: {0}")]
    Parquet(#[from] ::parquet::errors::ParquetError),
    /// Columns don't fit together: a mistake of this crate.
    #[cfg(feature = "parquet")]
    #[error("the columns don't fit together: {0}")]
    Arrow(#[from] arrow_schema::ArrowError),
    /// A file could not be read or written.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

impl Error {
    /// A record that `serde_json` could not read. Its own words may hold a value, and that is about a person.
    pub(crate) fn unread(text: &str, cause: &serde_json::Error) -> Self {
        let wrong = match cause.classify() {
            Category::Data => "stands something that no profile has there",
            Category::Syntax | Category::Eof | Category::Io => "it is no JSON any more",
        };
        Self::record(text, format!("at line {}, column {} {wrong}", cause.line(), cause.column()))
    }

    /// A record that could not be read; what is told of it is its id alone, since the rest is about a person.
    pub(crate) fn record(text: &str, cause: String) -> Self {
        let id = text.split_once("\"ProfileId\":").map(|(_, rest)| rest.trim_start());
        let id: String = id.into_iter().flat_map(|rest| rest.chars().take_while(char::is_ascii_digit)).collect();
        Error::Record { profile: if id.is_empty() { "without ProfileId".to_owned() } else { id }, cause }
    }
}
