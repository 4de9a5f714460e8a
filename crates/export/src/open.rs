//! An export whose files are open: shared by all its pages, so that the index and the manifest are not read again for each.

use std::{
    fs::{self, File},
    ops::Range,
    path::Path,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use tokio::sync::watch;

use crate::{
    ExportError,
    audit::Readers,
    blocks::Verified,
    files::during,
    gzip::{GzipPieces, HasRoom},
    layout::{INDEX, MANIFEST, Manifest, ROWS},
    record::Key,
};

/// What has become of the last block.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LastBlockState {
    /// Connections that have been handed a last frame and have not flushed it.
    pub sending: u32,
    pub ending: Ending,
}

/// How far the end has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The token lives.
    #[default]
    No,
    /// A last block was flushed; the store is being told.
    Writing,
    /// The store knows.
    Done,
}

/// The open files of one complete export.
pub(crate) struct OpenExport {
    pub key: Key,
    /// Without the checksums, which the two files below keep.
    pub manifest: Manifest,
    pub rows: Verified,
    pub index: Verified,
    pub last_block: watch::Sender<LastBlockState>,
    /// The compressed pieces made so far.
    pub gzip: GzipPieces,
    /// Who has had a page while it was open, as far as the audit trail keeps them apart.
    pub readers: Readers,
    /// The sweeper's round in which it was last used.
    pub used: AtomicU64,
}

impl OpenExport {
    /// Opens the files in `folder`; what doesn't fit together is damage.
    pub fn open(key: Key, folder: &Path, has_room: HasRoom) -> Result<OpenExport, ExportError> {
        let path = folder.join(MANIFEST);
        let bytes = fs::read(&path).map_err(during("reading", &path))?;
        let mut manifest = Manifest::decode(&bytes).map_err(|error| match error {
            ExportError::Damaged(what) => ExportError::Damaged(format!("{MANIFEST} of export {}: {what}", key.1)),
            error => error,
        })?;
        let file = |name: &str, len: u64, sums: Vec<u32>| {
            let path = folder.join(name);
            let file = File::open(&path).map_err(during("opening", &path))?;
            Verified::new(file, format!("{name} of export {}", key.1), len, sums)
        };
        let rows = file(ROWS, manifest.rows_len, std::mem::take(&mut manifest.rows_sums))?;
        let index = file(INDEX, manifest.index_len, std::mem::take(&mut manifest.index_sums))?;
        if manifest.row_count.checked_add(1).and_then(|n| n.checked_mul(8)) != Some(manifest.index_len) {
            return Err(ExportError::Damaged(format!("{INDEX} of export {}: its length doesn't fit the count", key.1)));
        }
        let last_block = watch::Sender::default();
        let gzip = GzipPieces::new(folder.join("rows.gz"), has_room);
        let readers = Readers::default();
        Ok(OpenExport { key, manifest, rows, index, last_block, gzip, readers, used: AtomicU64::new(0) })
    }

    /// Where record `n` (from 0; the count itself is the end) starts in `rows`.
    fn start(&self, n: u64) -> Result<u64, ExportError> {
        let mut bytes = [0; 8];
        self.index.read(8 * n, &mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Where these records are in `rows`: from the first one's start to the last one's end, without the comma that follows.
    pub fn range(&self, records: &Range<u64>) -> Result<Range<u64>, ExportError> {
        if records.is_empty() {
            return Ok(0..0);
        }
        let (start, next) = (self.start(records.start)?, self.start(records.end)?);
        // The byte before the next record's start is the comma between them.
        let end = next.checked_sub(1).filter(|end| start < *end && *end <= self.manifest.rows_len);
        let end =
            end.ok_or_else(|| ExportError::Damaged(format!("the index of export {} is out of order", self.key.1)))?;
        Ok(start..end)
    }

    /// Notes that somebody uses it in this round of the sweeper.
    pub fn touch(&self, round: u64) {
        self.used.store(round, Relaxed);
    }
}
