//! The second pass: moves the rows into the export's files. Every length is known, so every thread knows where its part begins, and
//! nobody waits for anybody.

use std::{fs::File, io::Read as _, os::unix::fs::FileExt as _, path::Path};

use sayso_model::{
    config::Output,
    render::{RENDER_VERSION, kept_ranges},
};
use sayso_store::{StoreError, snapshot::RowBytes};

use crate::{
    ExportError,
    blocks::RangeSums,
    files::during,
    layout::{INDEX, MANIFEST, Manifest, ROWS},
    parallel::{Halt, parallel},
    plan::{Entry, Part, Task},
};

/// Bytes gathered before they are written: few system calls, and small enough to stay in the cache for the checksum.
const BUFFER: usize = 1024 * 1024;
/// Bytes of a record's start in `index`.
const INDEX_ENTRY: u64 = 8;
/// Rows between two looks at whether the engine is being stopped.
const LOOK_UP_EVERY: u64 = 256;

/// The files of an export, written but not yet on disk for sure.
pub(crate) struct Copied {
    rows: File,
    index: File,
    manifest: Manifest,
}

/// Where a part begins.
struct Place<'a> {
    part: &'a Part<'a>,
    record: u64,
    offset: u64,
}

/// Bytes of disk that [`copy`] will take.
pub(crate) fn needed(parts: &[Part<'_>]) -> u64 {
    parts.iter().map(|part| part.bytes + part.count * (1 + INDEX_ENTRY)).sum::<u64>() + INDEX_ENTRY
}

/// Writes `rows` and `index`.
pub(crate) fn copy(task: &Task<'_>, parts: &[Part<'_>]) -> Result<Copied, Halt> {
    let mut places = Vec::with_capacity(parts.len());
    let (mut record, mut offset) = (0, 0);
    for part in parts.iter().filter(|p| p.count > 0) {
        places.push(Place { part, record, offset });
        record += part.count;
        offset += part.bytes + part.count;
    }
    let (row_count, end) = (record, offset);
    let (rows_path, index_path) = (task.folder.join(ROWS), task.folder.join(INDEX));
    let rows = File::create_new(&rows_path).map_err(during("making", &rows_path))?;
    let index = File::create_new(&index_path).map_err(during("making", &index_path))?;
    let rows_len = end.saturating_sub(1);
    task.progress.planned(end - row_count);

    let copy_part = |_: usize, place: &Place<'_>| {
        let mut out = Writers {
            task,
            begun: 0,
            rows: RangeWriter::new(&rows, &rows_path, place.offset),
            index: RangeWriter::new(&index, &index_path, INDEX_ENTRY * place.record),
            next: place.offset,
            rows_len,
        };
        copy_rows(task, place.part, &mut out)?;
        Ok((out.rows.finish()?, out.index.finish()?))
    };
    let sums = parallel(task.threads, &places, &task.abort, copy_part)?;

    let (rows_sums, mut index_sums): (Vec<_>, Vec<_>) = sums.into_iter().unzip();
    let mut sentinel = RangeWriter::new(&index, &index_path, INDEX_ENTRY * row_count);
    sentinel.write(&end.to_le_bytes())?;
    index_sums.push(sentinel.finish()?);
    task.progress.written();
    let export_id = getrandom::u64().map_err(|e| random_failed(&e))?;
    let manifest = Manifest {
        export_id,
        snapshot: task.snapshot.moment(),
        row_count,
        byte_count: end - row_count,
        rows_len,
        index_len: INDEX_ENTRY * (row_count + 1),
        rows_sums: RangeSums::join(rows_sums),
        index_sums: RangeSums::join(index_sums),
    };
    Ok(Copied { rows, index, manifest })
}

/// The machine gives no random numbers: nothing can be named safely.
pub(crate) fn random_failed(e: &getrandom::Error) -> ExportError {
    ExportError::Io {
        context: "asking the system for random numbers".into(),
        source: std::io::Error::other(e.to_string()),
    }
}

impl Copied {
    /// Makes the files last and writes the manifest beside them. The snapshot isn't needed any more.
    pub fn seal(self, folder: &Path) -> Result<Manifest, ExportError> {
        self.rows.sync_all().map_err(during("syncing", &folder.join(ROWS)))?;
        self.index.sync_all().map_err(during("syncing", &folder.join(INDEX)))?;
        let path = folder.join(MANIFEST);
        let written = File::create_new(&path).and_then(|file| {
            file.write_all_at(&self.manifest.encode(), 0)?;
            file.sync_all()
        });
        written.map_err(during("writing", &path))?;
        Ok(self.manifest)
    }
}

/// Where the records of one part go.
struct Writers<'a> {
    task: &'a Task<'a>,
    /// Records that were begun.
    begun: u64,
    rows: RangeWriter<'a>,
    index: RangeWriter<'a>,
    /// Where the next record starts.
    next: u64,
    rows_len: u64,
}

impl Writers<'_> {
    /// Begins a record, whether stored or rendered anew: a part may have only one kind, and be long. Looks up now and then whether the job is
    /// still wanted, and tells how far it is.
    fn begin(&mut self) -> Result<(), Halt> {
        self.begun += 1;
        if self.begun.is_multiple_of(LOOK_UP_EVERY) {
            self.task.go_on()?;
            self.task.progress.copied(self.rows.take_written());
        }
        Ok(self.index.write(&self.next.to_le_bytes())?)
    }

    /// Closes a record of `len` bytes, with a comma unless it is the last of all.
    fn end(&mut self, len: u64) -> Result<(), ExportError> {
        self.next += len + 1;
        if self.next <= self.rows_len { self.rows.write(b",") } else { Ok(()) }
    }
}

fn copy_rows(task: &Task<'_>, part: &Part<'_>, out: &mut Writers<'_>) -> Result<(), Halt> {
    let output = task.output();
    let mut plan_failed = None;
    let mut stored = part.entries().map_while(|entry| entry.map_err(|e| plan_failed = Some(e)).ok());
    let mut stored_ids = stored.by_ref().filter(|e| !e.spilled).map(|e| e.id);
    let mut entries = part.entries();
    let mut spill = part.spill.reader();
    let mut buffer = Vec::new();

    // The rows rendered anew that stand before the next stored one; that one, if there is one.
    let mut spilled = |out: &mut Writers<'_>| -> Result<Option<Entry>, Halt> {
        for entry in entries.by_ref() {
            let entry = entry?;
            if !entry.spilled {
                return Ok(Some(entry));
            }
            buffer.resize(entry.len as usize, 0);
            spill
                .read_exact(&mut buffer)
                .map_err(|source| ExportError::Io { context: "reading rendered rows back".into(), source })?;
            out.begin()?;
            out.rows.write(&buffer)?;
            out.end(u64::from(entry.len))?;
        }
        Ok(None)
    };
    task.snapshot.for_each_row(&mut stored_ids, &mut |row| {
        let entry = spilled(out)?.filter(|e| e.id == row.id);
        let entry =
            entry.ok_or_else(|| StoreError::Damaged(format!("the row of profile {} came out of turn", row.id)))?;
        if row.render_version != RENDER_VERSION {
            return Err(Halt::OldRender);
        }
        out.begin()?;
        let len = copy_row(&row, &output, &mut out.rows)?;
        if len != u64::from(entry.len) {
            return Err(StoreError::Damaged(format!(
                "the row of profile {} has {len} bytes, its facts say {}; run `sayso check`",
                row.id, entry.len
            ))
            .into());
        }
        out.end(len)?;
        Ok(())
    })?;
    if let Some(entry) = spilled(out)? {
        return Err(StoreError::Damaged(format!("profile {} has facts and no row; run `sayso check`", entry.id)).into());
    }
    task.progress.copied(out.rows.take_written());
    drop(stored_ids);
    drop(stored);
    plan_failed.map_or(Ok(()), |e| Err(e.into()))
}

fn copy_row(row: &RowBytes<'_>, output: &Output, rows: &mut RangeWriter<'_>) -> Result<u64, ExportError> {
    if output.preferences && output.consents && output.custom_fields {
        rows.write(row.json)?;
        return Ok(row.json.len() as u64);
    }
    let mut len = 0;
    for range in kept_ranges(u32::try_from(row.json.len()).unwrap_or(u32::MAX), &row.cuts(), output) {
        len += range.len() as u64;
        rows.write(&row.json[range])?;
    }
    Ok(len)
}

/// Writes one range of a file through a buffer and sums it up on the way.
struct RangeWriter<'a> {
    file: &'a File,
    path: &'a Path,
    at: u64,
    buffer: Vec<u8>,
    sums: RangeSums,
    written: u64,
}

impl<'a> RangeWriter<'a> {
    fn new(file: &'a File, path: &'a Path, at: u64) -> Self {
        Self { file, path, at, buffer: Vec::new(), sums: RangeSums::new(at), written: 0 }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), ExportError> {
        if self.buffer.len() + bytes.len() > BUFFER {
            self.flush()?;
        }
        if bytes.len() > BUFFER {
            return self.put(bytes);
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ExportError> {
        let mut buffer = std::mem::take(&mut self.buffer);
        self.put(&buffer)?;
        buffer.clear();
        self.buffer = buffer;
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), ExportError> {
        self.sums.update(bytes);
        self.file.write_all_at(bytes, self.at).map_err(during("writing", self.path))?;
        self.at += bytes.len() as u64;
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// Bytes written since it was last asked.
    fn take_written(&mut self) -> u64 {
        std::mem::take(&mut self.written)
    }

    fn finish(mut self) -> Result<RangeSums, ExportError> {
        self.flush()?;
        Ok(self.sums)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    use sayso_model::selection::Conditions;

    use super::*;
    use crate::{
        plan::{
            plan,
            tests::{imply, select, task},
        },
        record::Inputs,
        registry::Progress,
        testing::Sandbox,
    };

    #[test]
    fn rows_of_any_size_are_written_and_summed_and_take_no_memory() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rows");
        let file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
        let bytes: Vec<u8> = (0..6_000_000u32).map(|i| (i / 251) as u8).collect();
        let (mut writer, mut at) = (RangeWriter::new(&file, &path, 0), 0);
        for row in [5, BUFFER + 1, 7, 3 * BUFFER, BUFFER, bytes.len()] {
            let row = &bytes[at..bytes.len().min(at + row)];
            writer.write(row).unwrap();
            at += row.len();
            assert!(writer.buffer.capacity() <= BUFFER);
        }
        let sums = RangeSums::join([writer.finish().unwrap()]);
        assert!(std::fs::read(&path).unwrap() == bytes);
        let mut expected = RangeSums::new(0);
        expected.update(&bytes);
        assert_eq!(sums, RangeSums::join([expected]));
    }

    #[tokio::test]
    async fn who_is_not_wanted_any_more_stops_within_a_part_also_where_rows_are_rendered_anew() {
        let sandbox = Sandbox::with(imply);
        sandbox.load_sample(1_200);
        let output = Output { implied: true, ..Output::default() };
        let request = select(&sandbox, "Everybody", output, Conditions::default());
        let inputs = Inputs { selection: request.selection, conditions: request.conditions };
        let snapshot = sandbox.store.snapshot(sandbox.account.no).await.unwrap();
        let (progress, stopping) = (Progress::default(), AtomicBool::new(false));
        let task = || Task { threads: 1, ..task((&snapshot, &inputs, sandbox.dir.path(), &progress), &stopping) };

        let job = task();
        let parts = plan(&job).unwrap();
        let first = &parts[0];
        assert!(first.count > LOOK_UP_EVERY && first.entries().all(|entry| entry.unwrap().spilled));
        stopping.store(true, Relaxed);
        let copied = copy(&job, &parts).map(drop);
        assert!(matches!(copied, Err(Halt::Stopping)), "{copied:?}");
        let planned = plan(&task()).map(drop);
        assert!(matches!(planned, Err(Halt::Stopping)), "rows that are opened take long: {planned:?}");
    }
}
