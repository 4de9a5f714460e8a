//! Work on all profiles that is no job, such as a preview: few at once, in threads of its own, and given up when whoever asked is gone.
//! A request's future ends wherever its caller disconnects; the thread would go on, so what limits the threads belongs to the thread.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use sayso_model::id::AccountNo;
use sayso_store::{StoreError, snapshot::Snapshot};

use crate::{Engine, ExportError, parallel::Halt, registry::Inner};

/// How many go on at once: each holds a snapshot, which keeps old pages of the store alive, and works on all cores.
pub(crate) const SCANS: usize = 2;
/// How long a caller waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);
/// When a caller who had no turn may try again, in seconds.
const RETRY_AFTER_S: u32 = 5;

/// Whether work is still wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    stopping: &'a AtomicBool,
    /// Set when whoever asked is gone; a job is made for whoever comes for it.
    gone: Option<&'a AtomicBool>,
}

impl<'a> Wanted<'a> {
    /// Of a job: until the engine is being stopped.
    pub fn of_job(stopping: &'a AtomicBool) -> Self {
        Self { stopping, gone: None }
    }

    /// Fails once the engine is being stopped or whoever asked is gone.
    pub fn go_on(&self) -> Result<(), Halt> {
        let is_set = |flag: &AtomicBool| flag.load(Relaxed);
        if is_set(self.stopping) || self.gone.is_some_and(is_set) { Err(Halt::Stopping) } else { Ok(()) }
    }
}

/// Lies in the future of a call and tells the thread when that ends.
struct Asking(Arc<AtomicBool>);

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

impl Engine {
    /// Does work over one snapshot in a thread of its own, when there is a turn.
    pub(crate) async fn scan<T: Send + 'static>(
        &self,
        account: AccountNo,
        work: impl FnOnce(&Inner, &Snapshot, Wanted<'_>) -> Result<T, Halt> + Send + 'static,
    ) -> Result<T, ExportError> {
        self.scan_within(PATIENCE, account, work).await
    }

    async fn scan_within<T: Send + 'static>(
        &self,
        patience: Duration,
        account: AccountNo,
        work: impl FnOnce(&Inner, &Snapshot, Wanted<'_>) -> Result<T, Halt> + Send + 'static,
    ) -> Result<T, ExportError> {
        let inner = Arc::clone(self.inner());
        let turn = tokio::time::timeout(patience, Arc::clone(&inner.scans).acquire_owned()).await;
        let turn = turn.map_err(|_| ExportError::Busy { retry_after_s: RETRY_AFTER_S })?;
        let turn = turn.map_err(|_| StoreError::Closing)?;
        let snapshot = inner.store.snapshot(account).await?;
        let gone = Arc::new(AtomicBool::new(false));
        let _asking = Asking(Arc::clone(&gone));
        let done = tokio::task::spawn_blocking(move || {
            let done = work(&inner, &snapshot, Wanted { stopping: inner.stop.flag(), gone: Some(&gone) });
            drop(snapshot);
            drop(turn);
            done.map_err(stopped)
        });
        done.await.unwrap_or_else(|e| Err(StoreError::Engine(format!("work on all profiles broke off: {e}")).into()))
    }
}

/// Why such work stopped, as its caller is told.
fn stopped(halt: Halt) -> ExportError {
    match halt {
        Halt::Failed(error) => error,
        Halt::Stopping | Halt::OldRender => StoreError::Closing.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::testing::{LONG, Sandbox};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_scan_whose_caller_is_gone_is_told_so_and_keeps_its_turn_until_it_ends() {
        let sandbox = Sandbox::new();
        let engine = Arc::new(sandbox.engine());
        let (started, has_started) = channel();
        let (told, was_told) = channel();
        let (release, released) = channel::<()>();
        let asking = tokio::spawn({
            let (engine, no) = (Arc::clone(&engine), sandbox.account.no);
            async move {
                let work = move |_: &Inner, _: &Snapshot, wanted: Wanted<'_>| {
                    started.send(()).unwrap();
                    while wanted.go_on().is_ok() {
                        std::thread::yield_now();
                    }
                    told.send(()).unwrap();
                    released.recv_timeout(LONG).unwrap();
                    Ok(())
                };
                engine.scan(no, work).await
            }
        });
        tokio::task::block_in_place(|| has_started.recv_timeout(LONG)).unwrap();
        asking.abort();
        assert!(asking.await.unwrap_err().is_cancelled());
        tokio::task::block_in_place(|| was_told.recv_timeout(LONG)).unwrap();
        assert_eq!(engine.inner().scans.available_permits(), SCANS - 1);
        release.send(()).unwrap();
        let all = engine.inner().scans.acquire_many(SCANS as u32);
        drop(tokio::time::timeout(LONG, all).await.expect("its turn comes back").unwrap());
    }

    #[tokio::test]
    async fn who_waits_too_long_for_a_turn_is_told_when_to_come_back() {
        let sandbox = Sandbox::new();
        let engine = sandbox.engine();
        let others = engine.inner().scans.acquire_many(SCANS as u32).await.unwrap();
        let no = sandbox.account.no;
        let busy = engine.scan_within(Duration::from_millis(1), no, |_, _, _| Ok(())).await.unwrap_err();
        assert!(matches!(busy, ExportError::Busy { retry_after_s: 5 }), "{busy}");
        drop(others);
        engine.scan(no, |_, _, _| Ok(())).await.unwrap();
    }
}
