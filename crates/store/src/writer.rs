//! The one thread that writes. It takes functions, runs as many as are waiting in one transaction, syncs once and answers them
//! all (house.md: group commit): an answered write is on disk, and while one commit waits for the disk the next gathers.
//!
//! A function makes all its checks before its first write; then a refusal leaves nothing in the commit that it shares with others.
//! One that fails nevertheless after it wrote (the engine broke, or it panicked) spoils the transaction: nothing of it is
//! kept, and whoever was in it before is told so.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use crate::{StoreError, engine::OrEngine, pending, shared::Shared, tx::Tx};

/// Functions in one transaction at most, and how long they may run in all: others wait for the lock, too.
const MOST: usize = 2_000;
const LONGEST: Duration = Duration::from_millis(50);

/// Readers whose process died hold old pages until somebody clears them.
const CLEAR_READERS_EVERY: Duration = Duration::from_secs(60);

/// Told whether the transaction was kept, or why not.
type Answer = Box<dyn FnOnce(Result<(), String>) + Send>;

/// A function with somebody who waits for what it gives.
trait Task: Send {
    fn run(self: Box<Self>, tx: &mut Tx<'_>) -> Answer;
    /// It can't be run.
    fn fail(self: Box<Self>, why: StoreError);
    fn kind(&self) -> Kind;
}

/// What a function is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Somebody's data: kept only while more than the reserve of the disk is free.
    Write,
    /// The same, and it changes profiles: the index entries that wait are merged before.
    Profiles,
    /// A snapshot: comes before everything that is written in the same transaction, and writes a stamp at most.
    Snapshot,
    /// Ends or removes something: kept from the reserve, too, since it is how a full disk gets room again.
    Upkeep,
}

impl Kind {
    fn is_data(self) -> bool {
        matches!(self, Kind::Write | Kind::Profiles)
    }
}

struct Job<T, F> {
    f: F,
    reply: Box<dyn FnOnce(Result<T, StoreError>) + Send>,
    kind: Kind,
}

impl<T, F> Task for Job<T, F>
where
    T: Send + 'static,
    F: FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send,
{
    fn run(self: Box<Self>, tx: &mut Tx<'_>) -> Answer {
        let Job { f, reply, .. } = *self;
        let before = tx.writes();
        // What a panic leaves behind is the transaction, and that is dropped whole if anything was written to it.
        let result = catch_unwind(AssertUnwindSafe(|| f(tx))).unwrap_or_else(|_| {
            Err(StoreError::Engine("a write broke off inside the program; the log says where, please report it".into()))
        });
        if let Err(e) = &result
            && tx.writes() != before
        {
            tx.spoil(format!("another write of the same commit failed: {e}"));
        }
        Box::new(move |committed| {
            reply(result.and_then(|value| committed.map(|()| value).map_err(StoreError::NotKept)));
        })
    }

    fn fail(self: Box<Self>, why: StoreError) {
        (self.reply)(Err(why));
    }

    fn kind(&self) -> Kind {
        self.kind
    }
}

/// Does nothing: whoever waits for a task goes on.
struct Wake;

impl Task for Wake {
    fn run(self: Box<Self>, _: &mut Tx<'_>) -> Answer {
        Box::new(|_| ())
    }

    fn fail(self: Box<Self>, _: StoreError) {}

    fn kind(&self) -> Kind {
        Kind::Snapshot
    }
}

/// The writer thread and the way to it. Dropped, it writes what is waiting and ends.
pub(crate) struct Writer {
    tasks: Option<Sender<Box<dyn Task>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start(shared: Arc<Shared>) -> Result<Self, StoreError> {
        let (tasks, waiting) = channel();
        let thread = std::thread::Builder::new()
            .name("sayso-writer".into())
            .spawn(move || work(&shared, &waiting))
            .map_err(|e| StoreError::Engine(format!("the writer thread can't be started: {e}")))?;
        Ok(Self { tasks: Some(tasks), thread: Some(thread) })
    }

    /// Hands over a function at once; the future gives what it gave, when that is on disk. Dropping the future doesn't take it back.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> impl Future<Output = Result<T, StoreError>> + Send + 'static {
        self.submit(f, Kind::Write)
    }

    /// The same for a snapshot: before everything that is written in the same transaction, and also while the disk is full.
    pub(crate) fn run_first<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> impl Future<Output = Result<T, StoreError>> + Send + 'static {
        self.submit(f, Kind::Snapshot)
    }

    /// The same for a function that ends or removes something: it may use the reserve of a full disk.
    pub(crate) fn run_upkeep<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> impl Future<Output = Result<T, StoreError>> + Send + 'static {
        self.submit(f, Kind::Upkeep)
    }

    /// The same for a function that changes profiles.
    pub(crate) fn run_on_profiles<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> impl Future<Output = Result<T, StoreError>> + Send + 'static {
        self.submit(f, Kind::Profiles)
    }

    /// The same, waited for.
    pub(crate) fn run_on_profiles_blocking<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.submit_blocking(f, Kind::Profiles)
    }

    /// Hands over a function and waits.
    pub(crate) fn run_blocking<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.submit_blocking(f, Kind::Write)
    }

    /// The same for a function that ends or removes something.
    pub(crate) fn run_upkeep_blocking<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.submit_blocking(f, Kind::Upkeep)
    }

    fn submit_blocking<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
        kind: Kind,
    ) -> Result<T, StoreError> {
        let (answer, answered) = std::sync::mpsc::sync_channel(1);
        self.send(Box::new(Job { f, reply: Box::new(move |r| drop(answer.send(r))), kind }));
        answered.recv().unwrap_or(Err(StoreError::Closing))
    }

    fn submit<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
        kind: Kind,
    ) -> impl Future<Output = Result<T, StoreError>> + Send + 'static {
        let (answer, answered) = oneshot::channel();
        self.send(Box::new(Job { f, reply: Box::new(move |r| drop(answer.send(r))), kind }));
        async move { answered.await.unwrap_or(Err(StoreError::Closing)) }
    }

    /// Lets the thread look at how long audit records may wait.
    pub(crate) fn wake(&self) {
        self.send(Box::new(Wake));
    }

    fn send(&self, task: Box<dyn Task>) {
        let refused = match &self.tasks {
            Some(tasks) => tasks.send(task).err().map(|e| e.0),
            None => Some(task),
        };
        if let Some(task) = refused {
            task.fail(StoreError::Closing);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.tasks = None;
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
            && thread.join().is_err()
        {
            tracing::error!("the writer thread ended by a panic");
        }
    }
}

fn work(shared: &Shared, waiting: &Receiver<Box<dyn Task>>) {
    let mut cleared = Instant::now();
    let mut tasks: Vec<Box<dyn Task>> = Vec::new();
    loop {
        if tasks.is_empty() {
            let clear_in = CLEAR_READERS_EVERY.saturating_sub(cleared.elapsed());
            match waiting.recv_timeout(shared.notes.due_in().map_or(clear_in, |due| due.min(clear_in))) {
                Ok(task) => tasks.push(task),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return write_last_notes(shared),
            }
        }
        if cleared.elapsed() >= CLEAR_READERS_EVERY {
            cleared = Instant::now();
            match shared.engine.env.clear_stale_readers().or_engine() {
                Ok(0) => {}
                Ok(dead) => tracing::warn!(dead, "cleared readers whose process had died"),
                Err(e) => tracing::warn!("dead readers can't be cleared: {e}"),
            }
        }
        if !tasks.is_empty() || shared.notes.due_in().is_some_and(|due| due.is_zero()) {
            // A panic outside of what was asked for would end all writing: whoever waits for that commit yet is told that the store gives no
            // answer.
            let commit = AssertUnwindSafe(|| commit_together(shared, std::mem::take(&mut tasks), waiting));
            tasks = catch_unwind(commit).unwrap_or_else(|_| {
                tracing::error!("a commit broke off inside the program; please report it");
                Vec::new()
            });
        }
    }
}

/// Runs what is waiting in one transaction and answers it; gives back what is left for the next.
fn commit_together(
    shared: &Shared,
    mut tasks: Vec<Box<dyn Task>>,
    waiting: &Receiver<Box<dyn Task>>,
) -> Vec<Box<dyn Task>> {
    // Waiting for the lock first: what comes meanwhile goes into the same commit.
    let changes_profiles = |tasks: &[Box<dyn Task>]| tasks.iter().any(|task| task.kind() == Kind::Profiles);
    let begun = match changes_profiles(&tasks).then(|| Tx::begin(shared)) {
        // Merging found no room. Others need none of it, and may be what makes room.
        Some(Err(StoreError::NotKept(why))) => {
            let (refused, others): (Vec<_>, Vec<_>) = tasks.into_iter().partition(|task| task.kind() == Kind::Profiles);
            refused.into_iter().for_each(|task| task.fail(StoreError::NotKept(why.clone())));
            tasks = others;
            Tx::begin_unsettled(shared)
        }
        Some(begun) => begun,
        None => Tx::begin_unsettled(shared),
    };
    let begun = begun.and_then(|tx| {
        let (dbs, txn) = tx.read();
        let is_settled = pending::is_empty(dbs, txn)?;
        Ok((tx, is_settled))
    });
    let (mut tx, is_settled) = match begun {
        Ok(begun) => begun,
        Err(error) => {
            for task in tasks {
                task.fail(StoreError::Engine(error.to_string()));
            }
            shared.notes.postpone();
            return Vec::new();
        }
    };
    tasks.extend(waiting.try_iter().take(MOST.saturating_sub(tasks.len())));
    let (mut later, mut uses_reserve) = (Vec::new(), false);
    if !is_settled {
        // What came meanwhile and needs what waits merged.
        (later, tasks) = tasks.into_iter().partition(|task| task.kind() == Kind::Profiles);
    }
    if changes_profiles(&tasks) {
        tx.shared().live.lock().profiles_change();
    } else {
        tx.may_leave_runs();
    }
    // On a full disk what may use the reserve goes alone, so that it isn't refused together with others' data.
    if shared.leave_room().is_err() {
        let (from_reserve, others): (Vec<_>, Vec<_>) = tasks.into_iter().partition(|task| !task.kind().is_data());
        if from_reserve.is_empty() {
            tasks = others;
        } else {
            tx.use_reserve();
            uses_reserve = true;
            tasks = from_reserve;
            later.extend(others);
        }
    }
    let (first, rest): (Vec<_>, Vec<_>) = tasks.into_iter().partition(|task| task.kind() == Kind::Snapshot);
    let mut tasks = first.into_iter().chain(rest);

    let started = Instant::now();
    let mut answers = Vec::new();
    while !tx.is_spoiled() && started.elapsed() < LONGEST {
        let Some(task) = tasks.next() else { break };
        answers.push(task.run(&mut tx));
    }
    let left = tasks.chain(later).collect();
    // Somebody's commit takes along what waits; what only the reserve of the disk has room for, waits on.
    if !uses_reserve && let Err(e) = tx.write_notes(false) {
        tx.spoil(format!("what was noted for the audit trail can't be written: {e}"));
    }

    let syncing = Instant::now();
    let committed = tx.commit();
    match &committed {
        Ok(false) => {}
        Ok(true) => {
            metrics::histogram!("sayso_commit_seconds").record(syncing.elapsed().as_secs_f64());
            metrics::histogram!("sayso_commit_writes").record(answers.len() as f64);
            metrics::counter!("sayso_commits_total").increment(1);
        }
        Err(why) => tracing::error!(writes = answers.len(), "a commit was not kept: {why}"),
    }
    let committed = committed.map(|_| ());
    answers.into_iter().for_each(|answer| answer(committed.clone()));
    left
}

/// The store is being closed: what waits is written now.
fn write_last_notes(shared: &Shared) {
    let written = Tx::begin_unsettled(shared).map_err(|e| e.to_string()).and_then(|mut tx| {
        tx.write_notes(true).map_err(|e| e.to_string())?;
        tx.commit()
    });
    if let Err(why) = written {
        tracing::error!("what was noted last for the audit trail is lost: {why}");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Role, Store, SystemClock};

    #[test]
    fn a_panic_in_the_middle_of_a_commit_ends_nothing_but_that_commit() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Role::Command, Arc::new(SystemClock)).unwrap();
        let reply = Box::new(|_: Result<(), StoreError>| panic!("as a merge would that gets no thread"));
        store.writer().send(Box::new(Job { f: |_: &mut Tx<'_>| Ok(()), reply, kind: Kind::Write }));
        // This one may have been in that commit.
        let _ = store.writer().run_blocking(|_| Ok(6));
        assert_eq!(store.writer().run_blocking(|_| Ok(7)).unwrap(), 7);
    }
}
