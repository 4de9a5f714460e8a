//! The workers: take jobs from the queue and make their files. A job is whole or not there: whatever stops it, its folder goes.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use sayso_store::{StoreError, audit::About, text_of};

use crate::{
    audit,
    block_on::block_on,
    copy::{copy, needed},
    finish::Outcome,
    job::State,
    layout::Manifest,
    parallel::Halt,
    plan::{Task, plan},
    record::{Change, Inputs, Key, decode, decode_inputs},
    registry::{Inner, Running, Stop},
    scan::Wanted,
};

/// Between two looks at the hold file.
const HOLD_EVERY: Duration = Duration::from_millis(20);
/// Between two attempts to take a snapshot or to write down how a job ended, while the store keeps nothing (disk full).
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// A worker's thread.
pub(crate) fn run(inner: &Arc<Inner>) {
    while let Some(key) = inner.queue.next(&inner.stop) {
        let running = inner.running.lock().get(&key).cloned();
        if let Some(running) = running {
            run_job(inner, &running);
        }
    }
}

fn run_job(inner: &Arc<Inner>, running: &Running) {
    let job = &running.job;
    let key = job.key();
    let started = Instant::now();
    let made = catch_unwind(AssertUnwindSafe(|| make(inner, key, running)));
    let change = made.unwrap_or_else(|panic| {
        Some(Change::GenerationFailed { error: format!("a fault in the program: {}", text_of(&*panic)) })
    });
    if !matches!(change, Some(Change::Completed { .. })) {
        remove(inner, running);
    }
    let Some(change) = change else { return };
    if let Change::GenerationFailed { error } = &change {
        tracing::error!(token = %key.1, subject = ?job.subject, %error, "an export failed");
    }
    write_down(inner, key, &change);
    inner.running.lock().remove(&key);
    inner.finished.send_modify(|count| *count += 1);
    if let Change::Completed { row_count, byte_count, .. } = change {
        metrics::counter!("sayso_exported_rows_total").increment(row_count);
        metrics::counter!("sayso_exported_bytes_total").increment(byte_count);
        metrics::histogram!("sayso_export_seconds").record(started.elapsed().as_secs_f64());
        tracing::info!(token = %key.1, rows = row_count, bytes = byte_count, ms = started.elapsed().as_millis() as u64, "an export is complete");
    }
}

/// Makes the files and asks whether the user may still have them; `None` when the engine is being stopped.
fn make(inner: &Inner, key: Key, running: &Running) -> Option<Change> {
    let job = &running.job;
    match generate(inner, key, running) {
        Ok(manifest) => {
            let allowed = (inner.permission)(job.account, &job.user_id, job.client_id.as_deref(), &job.exported());
            if allowed { complete(inner, key, &manifest) } else { Some(Change::PermissionLost) }
        }
        Err(Halt::Failed(error)) => Some(Change::GenerationFailed { error: error.to_string() }),
        // A plan that looks at versions meets no row of another build.
        Err(Halt::OldRender) => {
            Some(Change::GenerationFailed { error: "a fault in the program: rows of two builds".into() })
        }
        Err(Halt::Stopping) => None,
    }
}

/// Gives the finished files their name.
fn complete(inner: &Inner, key: Key, manifest: &Manifest) -> Option<Change> {
    Some(match inner.exports.finish(key) {
        Ok(()) => Change::Completed {
            row_count: manifest.row_count,
            byte_count: manifest.byte_count,
            snapshot: manifest.snapshot,
        },
        Err(error) => Change::GenerationFailed { error: error.to_string() },
    })
}

/// Writes the new state down; tries again until it is kept or the engine is stopped (the job then starts again).
fn write_down(inner: &Inner, key: Key, change: &Change) {
    loop {
        match inner.apply(vec![(key, change.clone())]) {
            Ok(outcomes) => {
                if let [Outcome::Refused(state)] = outcomes.as_slice() {
                    tracing::error!(token = %key.1, state = state.word(), "a finished job was not Processing any more");
                }
                return;
            }
            Err(error) => tracing::error!(token = %key.1, %error, "how an export ended could not be written down"),
        }
        if inner.stop.wait(RETRY_EVERY) {
            return;
        }
    }
}

/// What `take` gives, once the store keeps what is written. A snapshot shares its commit with others' writes: that one of them broke
/// it, or that the disk is full for a while, is no reason for an export to end in Error.
fn once_kept<T>(stop: &Stop, every: Duration, mut take: impl FnMut() -> Result<T, StoreError>) -> Result<T, Halt> {
    loop {
        match take() {
            Err(StoreError::NotKept(why)) => tracing::warn!(%why, "a snapshot was not kept; it is tried again"),
            taken => return Ok(taken?),
        }
        if stop.wait(every) {
            return Err(Halt::Stopping);
        }
    }
}

/// Removes the files of an export that isn't complete, and gives back the room that was promised to it: others may have that from now on,
/// however long the store takes to keep how it ended.
fn remove(inner: &Inner, running: &Running) {
    // From before that: the files still take the room, and who looks for some is to wait for it rather than to be refused.
    let _leaving = inner.room.leaving();
    running.progress.written();
    let key = running.job.key();
    if let Err(error) = inner.remove_files(key) {
        tracing::error!(token = %key.1, %error, "the files of an unfinished export could not be removed");
    }
}

/// Makes the files under their temporary name.
fn generate(inner: &Inner, key: Key, running: &Running) -> Result<Manifest, Halt> {
    while inner.hold_file().is_some_and(|file| file.exists()) {
        if inner.stop.wait(HOLD_EVERY) {
            return Err(Halt::Stopping);
        }
    }
    let record = inner.store.export_record(key.0, key.1)?;
    let record = record.ok_or_else(|| StoreError::Damaged("the record of a running export is gone".into()))?;
    if decode(&record)?.state != State::Processing {
        return Err(StoreError::Damaged("a queued export is not Processing any more".into()).into());
    }
    let inputs = decode_inputs(&record)?;
    drop(record);
    let _permit = inner.permits.take();
    if inner.stop.is_set() {
        return Err(Halt::Stopping);
    }
    inner.store.note(About::Account(key.0), audit::started(&running.job));
    running.progress.begin();
    match attempt(inner, key, running, &inputs, false) {
        Err(Halt::OldRender) => {
            running.progress.begin();
            attempt(inner, key, running, &inputs, true)
        }
        made => made,
    }
}

fn attempt(
    inner: &Inner,
    key: Key,
    running: &Running,
    inputs: &Inputs,
    check_versions: bool,
) -> Result<Manifest, Halt> {
    let folder = inner.exports.begin(key)?;
    let snapshot = once_kept(&inner.stop, RETRY_EVERY, || block_on(inner.store.snapshot(key.0)))?;
    let find_room = |bytes| inner.find_room(bytes);
    let task = Task {
        snapshot: &snapshot,
        inputs,
        folder: &folder,
        threads: inner.threads(),
        wanted: Wanted::of_job(inner.stop.flag()),
        abort: AtomicBool::new(false),
        progress: &running.progress,
        opened: AtomicU64::new(0),
        check_versions,
        keep_rows: None,
        find_room: &find_room,
    };
    let copied = plan(&task).and_then(|parts| {
        // Known before a byte moves: what doesn't fit fails now, and doesn't take the room that writes need.
        inner.promise_room(running, needed(&parts))?;
        copy(&task, &parts)
    });
    let opened = task.opened.into_inner();
    inner.rows_opened.fetch_add(opened, Relaxed);
    metrics::counter!("sayso_rows_opened_total").increment(opened);
    // Syncing takes longest and needs no snapshot, which keeps old pages of the store alive.
    drop(snapshot);
    Ok(copied?.seal(&folder)?)
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc::channel, thread};

    use super::*;
    use crate::testing::{LONG, Sandbox};

    #[test]
    fn the_room_of_an_export_that_failed_is_free_before_the_store_keeps_how_it_ended() {
        let sandbox = Sandbox::new();
        let engine = sandbox.engine();
        let inner = engine.inner();
        let (go, wait) = channel();
        let _busy = sandbox.store.export_records(move |_| {
            wait.recv_timeout(LONG).ok();
            Ok(())
        });
        // It fails, since the store has no record of it.
        let failing = sandbox.promised(&engine, 1);
        let folder = inner.exports.begin(failing.job.key()).unwrap();
        let found = thread::scope(|scope| {
            scope.spawn(|| run_job(inner, &failing));
            while folder.exists() {
                thread::yield_now();
            }
            let found = inner.find_room(1);
            assert_eq!(inner.running.lock().len(), 1, "the store doesn't know yet");
            go.send(()).unwrap();
            found
        });
        assert!(found.is_ok(), "{found:?}");
        assert!(inner.running.lock().is_empty());
    }

    #[test]
    fn a_snapshot_that_is_not_kept_is_taken_again_until_the_engine_stops() {
        fn full<T>() -> Result<T, StoreError> {
            Err(StoreError::NotKept("the disk is full".into()))
        }
        let stop = Stop::default();
        let mut attempts = 0;
        let taken = once_kept(&stop, Duration::ZERO, || {
            attempts += 1;
            if attempts < 3 { full() } else { Ok("snapshot") }
        });
        assert!(matches!(taken, Ok("snapshot")));
        let damaged = once_kept::<()>(&stop, Duration::ZERO, || Err(StoreError::Damaged("a row".into())));
        assert!(matches!(damaged, Err(Halt::Failed(_))), "what time doesn't heal isn't tried again");
        let stopped = once_kept::<()>(&stop, Duration::ZERO, || {
            stop.set();
            full()
        });
        assert!(matches!(stopped, Err(Halt::Stopping)));
    }
}
