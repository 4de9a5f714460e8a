//! Records of an export as tables: CSV and Parquet, readable as they are by DuckDB, pandas, PostgreSQL and a spreadsheet. `docs/tables.md`
//! has the columns. Parquet is a feature, `parquet`, of this crate and by default one of the program, for who wants to build without its libraries.
//!
//! It knows a record's JSON (profile.md, as any server of this API writes it) and nothing of HTTP or of files in general. A member that it
//! doesn't know is left out; one that is missing (a segment's output settings leave parts out) is null.
//!
//! ```
//! use sayso_tables::{Shape, csv::Csv};
//!
//! let csv = Csv { shape: Shape::Deleted, spreadsheet: false };
//! let record = r#"{"ProfileId":7,"DeletedDate":"2026-11-24T10:00:00.000Z","ReasonCode":null}"#;
//! let mut text = csv.head();
//! text.extend(csv.rows([record])?);
//! assert_eq!(text, b"ProfileId,DeletedDate,ReasonCode\r\n7,2026-11-24T10:00:00.000Z,\r\n");
//! # Ok::<(), sayso_tables::Error>(())
//! ```

mod column;
pub mod csv;
mod error;
#[cfg(feature = "parquet")]
mod json;
#[cfg(feature = "parquet")]
pub mod parquet;
mod record;

pub use error::Error;

/// What a row of a table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A profile.
    Profiles,
    /// A preference, with the profile and the contact that it belongs to; a profile without preferences has no row.
    Preferences,
    /// A deleted profile.
    Deleted,
}
