//! What time ends: imports whose token is over and whose retention has passed go with everything that was staged for them.

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use sayso_store::{Store, imports::Key};

use crate::{
    ImportError, Settings,
    engine::Inner,
    files::Files,
    record::{Job, all_jobs, decode_job},
};

/// Entries that are removed in one transaction, at most.
const TOGETHER: usize = 5_000;

/// The sweeper's thread; ends when the other side is dropped.
pub(crate) fn run(inner: &Arc<Inner>, stop: &mpsc::Receiver<()>) {
    let every = Duration::from_millis(inner.settings.sweep_every_ms.max(1));
    while let Err(mpsc::RecvTimeoutError::Timeout) = stop.recv_timeout(every) {
        if let Err(error) = sweep(&inner.store, &inner.files, &inner.settings) {
            tracing::error!(%error, "sweeping ended imports failed; it is tried again");
        }
    }
}

fn sweep(store: &Store, files: &Files, settings: &Settings) -> Result<u64, ImportError> {
    let now = store.clock().now();
    let (jobs, damaged) = all_jobs(store)?;
    let mut over: Vec<Key> = jobs.iter().filter(|job| job.is_over(now, settings)).map(Job::key).collect();
    for (key, problem) in damaged {
        tracing::error!(problem, "an import can't be read and is forgotten; it has to be initiated again");
        over.push(key);
    }
    let mut went = 0;
    for key in over {
        if !is_over_for_good(store, key, settings)? {
            continue;
        }
        // The files first: an import that is still there is found again.
        files.remove(key)?;
        while store.imports_upkeep(move |tx| tx.remove(key, TOGETHER))? {}
        went += 1;
    }
    Ok(went)
}

/// Whether an import is over as the writer has it, to whom nothing comes in between: it may have been executed since it was looked at. What is over
/// there can't be staged or executed any more. One that can't be read is over, too.
fn is_over_for_good(store: &Store, key: Key, settings: &Settings) -> Result<bool, ImportError> {
    let settings = settings.clone();
    Ok(store.imports_upkeep(move |tx| {
        let job = tx.get(key)?.map(|bytes| decode_job(&bytes));
        Ok(!matches!(job, Some(Ok(job)) if !job.is_over(tx.now(), &settings)))
    })?)
}

/// Removes the imports that are over or can't be read, with their files; gives how many went. For a command that has the directory to
/// itself: a server does it all the time, but one that was stopped left what has ended since.
///
/// # Errors
/// The records can't be read, or a file not be removed.
pub fn remove_ended(store: &Store) -> Result<u64, ImportError> {
    sweep(store, &Files::new(store.directory()), &Settings::default())
}
