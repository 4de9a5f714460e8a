//! Parquet: typed and nested as the record is. Every column may be null, since a segment's output settings leave parts out; dates are
//! timestamps of milliseconds in UTC.

use std::{fs::File, io::Write, sync::Arc};

use arrow_array::{
    ArrayRef,
    builder::{BooleanBuilder, Int64Builder, StringBuilder},
};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    column::writer::ColumnCloseResult,
    file::{
        metadata::ParquetMetaDataReader,
        properties::{EnabledStatistics, WriterProperties},
        writer::SerializedFileWriter,
    },
};

use crate::{
    Error, Shape,
    column::Column,
    json::{Json, Wrong},
    record::{Contact, Deletions, Holder, Preference, Preferences, Profiles},
};

/// The columns of a shape.
pub fn schema(shape: Shape) -> SchemaRef {
    Arc::new(match shape {
        Shape::Profiles => Schema::new(Profiles::fields()),
        Shape::Deleted => Schema::new(Deletions::fields()),
        Shape::Preferences => {
            let mut fields = vec![Field::new("ProfileId", DataType::Int64, true)];
            fields.extend(["ContactKind", "ContactType", "Contact"].map(|n| Field::new(n, DataType::Utf8, true)));
            fields.push(Field::new("ContactIsActive", DataType::Boolean, true));
            fields.extend(Preferences::fields().iter().map(|field| (**field).clone()));
            fields.push(Field::new("ProfileIsActive", DataType::Boolean, true));
            Schema::new(fields)
        }
    })
}

/// Some rows as columns.
pub use arrow_array::RecordBatch as Columns;

/// Records of an export, given as JSON, as columns.
///
/// # Errors
/// [`Error::Record`] for one that is no profile.
pub fn columns<'r>(shape: Shape, records: impl IntoIterator<Item = &'r str>) -> Result<Columns, Error> {
    fn read<'r, C: Column>(records: impl IntoIterator<Item = &'r str>) -> Result<C, Error> {
        let mut columns = C::default();
        for record in records {
            let mut json = Json::new(record);
            // As an item of a list it may be null; here it is somebody.
            let is_there = if json.null() { Err(json.wrong("a profile")) } else { Ok(()) };
            let read = is_there.and_then(|()| columns.read(&mut json)).and_then(|()| json.end());
            read.map_err(|Wrong(cause)| Error::record(record, cause))?;
        }
        Ok(columns)
    }
    let columns = match shape {
        Shape::Profiles => read::<Profiles>(records)?.parts().0,
        Shape::Deleted => read::<Deletions>(records)?.parts().0,
        Shape::Preferences => {
            let mut columns = Flat::default();
            for record in records {
                let profile: Holder<'_> =
                    serde_json::from_str(record).map_err(|cause| Error::unread(record, &cause))?;
                profile.each_preference(|contact, preference| columns.push(&profile, contact, preference));
            }
            columns.arrays()
        }
    };
    Ok(Columns::try_new(schema(shape), columns)?)
}

/// Columns of preferences with what they belong to.
#[derive(Default)]
struct Flat {
    profile_id: Int64Builder,
    kind: StringBuilder,
    kind_name: StringBuilder,
    value: StringBuilder,
    is_active: BooleanBuilder,
    preferences: Preferences,
    profile_is_active: BooleanBuilder,
}

impl Flat {
    fn push(&mut self, profile: &Holder<'_>, contact: Contact<'_>, preference: &Preference<'_>) {
        self.profile_id.append_option(profile.profile_id);
        self.kind.append_value(contact.kind);
        self.kind_name.append_option(contact.kind_name);
        self.value.append_option(contact.value);
        self.is_active.append_option(contact.is_active);
        self.preferences.push(Some(preference));
        self.profile_is_active.append_option(profile.is_active);
    }

    fn arrays(mut self) -> Vec<ArrayRef> {
        let mut arrays: Vec<ArrayRef> = vec![
            Arc::new(self.profile_id.finish()),
            Arc::new(self.kind.finish()),
            Arc::new(self.kind_name.finish()),
            Arc::new(self.value.finish()),
            Arc::new(self.is_active.finish()),
        ];
        arrays.extend(self.preferences.parts().0);
        arrays.push(Arc::new(self.profile_is_active.finish()));
        arrays
    }
}

/// A Parquet file under construction.
pub struct Writer<W: Write + Send> {
    inner: ArrowWriter<W>,
    rows: u64,
}

impl<W: Write + Send> Writer<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn new(out: W, shape: Shape) -> Result<Self, Error> {
        Ok(Self { inner: ArrowWriter::try_new(out, schema(shape), Some(properties()))?, rows: 0 })
    }

    /// Adds rows.
    ///
    /// # Errors
    /// When they can't be written.
    pub fn write(&mut self, batch: &Columns) -> Result<(), Error> {
        self.rows += batch.num_rows() as u64;
        Ok(self.inner.write(batch)?)
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Bytes of memory that it holds.
    pub fn memory(&self) -> usize {
        self.inner.memory_size()
    }

    /// Ends the file; gives what it was written into.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn finish(self) -> Result<W, Error> {
        Ok(self.inner.into_inner()?)
    }
}

fn properties() -> WriterProperties {
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).unwrap_or_default()))
        // Smallest and largest of each row group let a reader skip groups, where rows are in an order: by id, nearly by date of creation. Of the
        // others, and of each page, they would cost more than they save.
        .set_statistics_enabled(EnabledStatistics::None)
        .set_column_statistics_enabled("ProfileId".into(), EnabledStatistics::Chunk)
        .set_column_statistics_enabled(
            vec!["Edited".to_owned(), "CreateDate".to_owned()].into(),
            EnabledStatistics::Chunk,
        )
        .set_offset_index_disabled(true)
        .set_max_row_group_row_count(Some(ROWS_IN_GROUP))
        // Each of some two hundred columns keeps a page's values and levels until the page is full, and a dictionary until it is.
        .set_data_page_row_count_limit(ROWS_IN_PAGE)
        .set_data_page_size_limit(BYTES_IN_PAGE)
        .set_dictionary_page_size_limit(BYTES_IN_DICTIONARY)
        .set_created_by(concat!("sayso ", env!("CARGO_PKG_VERSION")).to_owned())
        .build()
}

/// What DuckDB reads well, and few enough for memory.
const ROWS_IN_GROUP: usize = 50_000;
const ROWS_IN_PAGE: usize = 2_500;
const BYTES_IN_PAGE: usize = 256 << 10;
/// Room for some thousands of names. What has more of them differs from row to row, and a dictionary only makes it larger.
const BYTES_IN_DICTIONARY: usize = 64 << 10;

/// Puts the row groups of several files one behind the other into one, without reading the values in them.
///
/// # Errors
/// When one is no Parquet file, when they have different columns, or the new one can't be written.
pub fn join(parts: &[File], out: File) -> Result<File, Error> {
    let general = |words: &str| Error::Parquet(parquet::errors::ParquetError::General(words.to_owned()));
    let read = |file: &File| ParquetMetaDataReader::new().parse_and_finish(file);
    let first = parts.first().ok_or_else(|| general("there is nothing to join"))?;
    let first = read(first)?;
    let schema = first.file_metadata().schema_descr().root_schema_ptr();
    let mut writer = SerializedFileWriter::new(out, schema, Arc::new(properties()))?;
    for part in parts {
        let metadata = read(part)?;
        if metadata.file_metadata().schema() != first.file_metadata().schema() {
            return Err(general("the parts have different columns"));
        }
        for group in metadata.row_groups() {
            let mut to = writer.next_row_group()?;
            for column in group.columns() {
                let close = ColumnCloseResult {
                    bytes_written: u64::try_from(column.compressed_size()).unwrap_or_default(),
                    rows_written: u64::try_from(group.num_rows()).unwrap_or_default(),
                    metadata: column.clone(),
                    bloom_filter: None,
                    column_index: None,
                    offset_index: None,
                };
                to.append_column(part, close)?;
            }
            to.close()?;
        }
    }
    // Among them the description of the columns by which Arrow's readers know time zones.
    for pair in first.file_metadata().key_value_metadata().into_iter().flatten() {
        writer.append_key_value_metadata(pair.clone());
    }
    Ok(writer.into_inner()?)
}

#[cfg(test)]
mod tests;
