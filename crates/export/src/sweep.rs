//! What time ends: tokens, kept files, records, idempotency keys. Runs on a thread of its own; nothing waits for it, since every
//! reader looks at the clock itself.

use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use sayso_store::{Store, StoreError};

use crate::{
    ExportError,
    block_on::block_on,
    files::Exports,
    job::State,
    open::{Ending, OpenExport},
    record::{Change, Job, Key, KeyRecord, all_jobs, decode},
    registry::Inner,
};

/// The sweeper's thread.
pub(crate) fn run(inner: &Arc<Inner>) {
    let every = Duration::from_millis(inner.settings.sweep_every_ms.max(1));
    let mut round = 0;
    while !inner.stop.wait(every) {
        round += 1;
        for (what, error) in sweep(inner, round) {
            tracing::error!(%error, "{what} failed; it is tried again");
        }
    }
}

/// What could not be done, and why.
type Failure = (&'static str, StoreError);

/// One round; gives what failed of it, which keeps nothing else from being done.
pub(crate) fn sweep(inner: &Inner, round: u64) -> Vec<Failure> {
    // One whose last block is just being written down tells those who ask for its state when that is done.
    let is_unused = |open: &Arc<OpenExport>| {
        let is_ending = open.last_block.borrow().ending != Ending::No;
        Arc::strong_count(open) == 1 && open.used.load(Relaxed) + 1 < round && !is_ending
    };
    let unused: Vec<_> = inner.open.lock().extract_if(|_, open| is_unused(open)).collect();
    drop(unused);
    inner.round.store(round, Relaxed);
    let mut failed = sweep_jobs(inner).unwrap_or_else(|error| vec![("looking for ended exports", error)]);
    let now = inner.now();
    let sweep_keys = inner.store.export_upkeep(move |records| {
        records.sweep_keys(&|record| serde_json::from_slice::<KeyRecord>(record).map_or(true, |key| key.is_old(now)))
    });
    failed.extend(failures([
        ("forgetting old idempotency keys", block_on(sweep_keys).map(drop)),
        ("removing expired tokens", inner.store.sweep_tokens().map(drop)),
    ]));
    failed
}

fn failures<const N: usize>(steps: [(&'static str, Result<(), StoreError>); N]) -> impl Iterator<Item = Failure> {
    steps.into_iter().filter_map(|(what, done)| Some((what, done.err()?)))
}

/// Ends what is over, removes what was kept long enough, forgets what is to be forgotten.
fn sweep_jobs(inner: &Inner) -> Result<Vec<Failure>, StoreError> {
    let now = inner.now();
    let (mut over, mut forgotten, mut stale) = (Vec::new(), Vec::new(), Vec::new());
    let (jobs, damaged) = all_jobs(&inner.store)?;
    for (key, problem) in damaged {
        tracing::error!(problem, "a job can't be read and is forgotten; it has to be initiated again");
        forgotten.push(key);
    }
    for job in jobs {
        // Files may be kept for longer than Status answers.
        if job.has_files_at(now) {
            continue;
        }
        if job.is_forgotten(now, &inner.settings) {
            forgotten.push(job.key());
        } else if job.state == State::Complete && job.state_at(now) == State::Expired {
            over.push((job.key(), Change::LifeOver));
        } else if job.files_until.is_some() {
            stale.push(job);
        }
    }
    let ended = if over.is_empty() { Ok(()) } else { inner.apply(over).map(drop) };
    Ok(failures([
        ("ending exports whose time is over", ended),
        ("removing kept files", remove_stale_files(inner, stale)),
        ("forgetting ended exports", forget(inner, forgotten)),
    ])
    .collect())
}

/// Removes the files of exports that have ended, and what no job names; gives how many exports' went. For a command that has the
/// directory to itself: a server does it all the time, but one that was stopped left what has ended since.
///
/// # Errors
/// When the records can't be read or a file can't be removed.
pub fn remove_ended_files(store: &Store) -> Result<u64, ExportError> {
    let now = store.clock().now();
    let mut live = HashSet::new();
    for job in all_jobs(store)?.0 {
        if job.has_files_at(now) {
            live.insert(job.key());
        }
    }
    Exports::new(store.directory()).remove_all_but(&live)
}

/// Files that were kept for a while: first the files, then the note of them, so that none is ever left behind unnamed.
pub(crate) fn remove_stale_files(inner: &Inner, jobs: Vec<Job>) -> Result<(), StoreError> {
    let mut removed = Vec::new();
    for job in jobs {
        inner.close(job.key());
        match inner.remove_files(job.key()) {
            Ok(()) => removed.push(job.key()),
            Err(error) => tracing::error!(token = %job.token, %error, "kept files could not be removed"),
        }
    }
    if removed.is_empty() {
        return Ok(());
    }
    block_on(inner.store.export_upkeep(move |records| {
        for (account, token) in &removed {
            if let Some(bytes) = records.get(*account, *token)? {
                let mut job = decode(&bytes)?;
                job.files_until = None;
                job.replay = None;
                records.put(*account, *token, &crate::record::encode(&job, None)?)?;
            }
        }
        Ok(())
    }))
}

fn forget(inner: &Inner, keys: Vec<Key>) -> Result<(), StoreError> {
    if keys.is_empty() {
        return Ok(());
    }
    for key in &keys {
        inner.close(*key);
        if let Err(error) = inner.remove_files(*key) {
            tracing::error!(token = %key.1, %error, "the files of a forgotten export could not be removed");
        }
    }
    block_on(
        inner.store.export_upkeep(move |records| {
            keys.iter().try_for_each(|(account, token)| records.remove(*account, *token))
        }),
    )
}

#[cfg(test)]
mod tests {
    use sayso_model::id::AccessToken;

    use super::*;
    use crate::testing::{Sandbox, aside, done, request_page};

    #[tokio::test]
    async fn a_step_that_fails_keeps_no_other_from_being_done() {
        let sandbox = Sandbox::new();
        let (engine, caller) = (sandbox.engine(), sandbox.caller());
        let token = engine.initiate(sandbox.request("Everyone")).await.unwrap();
        done(&engine, &caller, token).await;
        drop(engine.page(&caller, token, request_page(1, 1, true)).await.unwrap());
        let inner = engine.inner();
        assert_eq!(inner.open.lock().len(), 1);
        let account = caller.account;
        let write = sandbox.store.export_records(move |records| {
            records.put(account, AccessToken(5), br#"{"version":2}"#)?;
            records.put_key(account, b"key", b"of another form")
        });
        write.await.unwrap();

        let failed = aside(|| sweep(inner, 2));
        let [("looking for ended exports", StoreError::Version(_))] = &failed[..] else { panic!("{failed:?}") };
        assert_eq!(inner.open.lock().len(), 0, "what nobody uses is closed");
        assert_eq!(inner.round.load(Relaxed), 2);
        let key = sandbox.store.export_records(move |records| records.get_key(account, b"key"));
        assert_eq!(key.await.unwrap(), None, "old keys are forgotten");
    }
}
