//! What `sayso check` asks of imports: that every staged file that is still needed is there, and has its checksums.

use std::path::Path;

use sayso_store::{Store, StoreError};

pub use crate::sweep::remove_ended;
use crate::{
    ImportError, Settings,
    chunk::Reader,
    files::Files,
    record::{Chunk, Job, all_jobs, chunks, decode_job},
};

/// What [`check`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckedImports {
    /// Staged files that were read.
    pub files: u64,
    /// What is wrong, a line each, with the file's name and the import's token.
    pub problems: Vec<String>,
}

/// Reads every staged file of every import, beside a running server too: one that goes meanwhile is no problem. A directory without the folder
/// of imports is a backup.
///
/// # Errors
/// The records can't be read.
pub fn check(store: &Store) -> Result<CheckedImports, ImportError> {
    let files = Files::new(store.directory());
    let mut found = CheckedImports::default();
    if !files.exist() {
        return Ok(found);
    }
    let (jobs, damaged) = all_jobs(store)?;
    found.problems.extend(damaged.into_iter().map(|(_, problem)| problem));
    for job in jobs {
        let chunks = match chunks(store, job.key()) {
            Ok(chunks) => chunks,
            Err(error @ StoreError::Damaged(_)) => {
                found.problems.push(format!("import {}: {error}", job.token));
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        for chunk in chunks {
            let path = files.file(job.key(), chunk.file);
            let is_done = |job: &Job| chunk.end() <= job.cursor + 1 || job.state.has_ended();
            if is_done(&job) && !path.is_file() {
                continue;
            }
            found.files += 1;
            if let Err(error) = read(&path, &chunk, &job) {
                // It may have gone, or been written anew, while it was read.
                let now = store.import_record(job.key())?.map(|bytes| decode_job(&bytes)).transpose()?;
                let ends = |job: &Job| is_done(job) || job.is_over(store.clock().now(), &Settings::default());
                if now.is_some_and(|job| !(ends(&job) && (!path.is_file() || read(&path, &chunk, &job).is_ok()))) {
                    found.problems.push(format!("import {}: {error}", job.token));
                }
            }
        }
    }
    Ok(found)
}

/// Reads a file to its end; one that waits to be executed must have all its records.
fn read(path: &Path, chunk: &Chunk, job: &Job) -> Result<(), ImportError> {
    let reader = Reader::open(path)?;
    let waits = chunk.end() > job.cursor + 1 && !job.state.has_ended();
    if waits && reader.len() as u64 != chunk.records {
        return Err(ImportError::Damaged(format!("{}: it has other records than were staged", path.display())));
    }
    (0..reader.len()).try_for_each(|place| reader.record(place).map(drop))
}
