//! The engine: takes requests, runs jobs on its workers, hands out pages, sweeps what has ended.

use std::{
    collections::{HashMap, HashSet},
    num::NonZeroU64,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc,
    },
    thread::JoinHandle,
    time::Duration,
};

use parking_lot::Mutex;
use sayso_model::id::{ACCESS_TOKEN_MAX, AccessToken, AccountNo};
use sayso_store::{Store, StoreError, audit::Origin, cores};
use tokio::sync::{oneshot, watch};

use crate::{
    ExportError, audit,
    buffers::Buffers,
    callback::{Bell, Callbacks, Queued},
    files::Exports,
    finish::{self, Message, Outcome},
    job::{Exported, Request, State, Status},
    open::{Ending, OpenExport},
    page::{Page, PageRequest, report_damage},
    record::{Change, Job, Key, KeyRecord, Replay, all_jobs, decode, encode, key_bytes},
    registry::{Inner, Permits, Queue, Stop},
    removal::{self, Removal},
    room::Room,
    scan::SCANS,
    sweep, worker,
};

/// Jobs that copy at once, at most (house.md, Store).
const COPYING: usize = 2;
/// How long Status and Retrieve wait for what becomes of a last block that is being sent.
const LAST_BLOCK_WAIT: Duration = Duration::from_millis(100);
/// How long they wait for the store to keep that one was flushed.
const STORE_WAIT: Duration = Duration::from_secs(10);

/// What an operator may set.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Settings {
    /// Life of a token from completion, ms (12 h).
    pub token_life_ms: i64,
    /// How long Status answers after the end, ms (7 days).
    pub status_life_ms: i64,
    /// How long kept files stay after Commit with keepFiles, ms (7 days).
    pub kept_files_life_ms: i64,
    /// Real time between two runs of the sweeper, ms (30,000).
    pub sweep_every_ms: u64,
    /// Worker threads; one per core.
    pub workers: usize,
    /// Largest page, records; none by default.
    pub max_limit: Option<u64>,
    /// How long the identical request for the last block is answered again, ms (0).
    pub last_block_replay_ms: i64,
    /// For sandboxes and tests: jobs wait while this file exists, so that Processing can be seen (`serve --hold-file`).
    pub hold_file: Option<std::path::PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        const HOUR: i64 = 3_600_000;
        Self {
            token_life_ms: 12 * HOUR,
            status_life_ms: 7 * 24 * HOUR,
            kept_files_life_ms: 7 * 24 * HOUR,
            sweep_every_ms: 30_000,
            workers: cores(),
            max_limit: None,
            last_block_replay_ms: 0,
            hold_file: None,
        }
    }
}

/// Who asks: a token is its initiator's, or an administrator's of the same account (export.md, Who may use a token).
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Caller {
    pub account: AccountNo,
    pub user_id: String,
    /// The user's number in the account's ledger: somebody else who later has the same id has another.
    pub user_no: Option<u64>,
    pub is_administrator: bool,
    /// Where the call came from, for the audit trail.
    pub origin: Origin,
}

/// Whether a user (and the OAuth client, if one was used) may still execute what is exported: account, user id, client id,
/// and that. The rules are access.md's and the server's; the engine only asks. Called on a worker's thread; may read the store.
pub type PermissionCheck = Arc<dyn Fn(AccountNo, &str, Option<&str>, &Exported) -> bool + Send + Sync>;

/// The export engine of one data directory. Cheap to clone; the last clone stops it.
#[derive(Clone)]
pub struct Engine {
    threads: Arc<Threads>,
}

/// The engine's threads, which end with it.
struct Threads {
    inner: Arc<Inner>,
    running: Mutex<Vec<JoinHandle<()>>>,
}

impl Engine {
    /// Starts the workers and the sweeper; interrupted jobs start again under their own tokens, files that no live job names are removed beside it, and
    /// complete exports whose files aren't there (the directory is a restored backup) end in Error, so that nobody waits for them.
    /// `permission` is asked when a job's files are ready: a user who may not execute what is exported any more gets Failed, not rows.
    pub fn start(store: Store, settings: Settings, permission: PermissionCheck) -> Result<Engine, ExportError> {
        let exports = Exports::new(store.directory());
        // Those that can't be read are the sweeper's.
        let (jobs, _) = all_jobs(&store)?;
        let live: HashSet<Key> = jobs.iter().filter(|job| job.has_files()).map(Job::key).collect();
        let left = exports.put_away_all_but(&live)?;
        if !left.is_empty() {
            tracing::info!(count = left.len(), "removing export files that no live job names");
        }
        let (finisher, messages) = mpsc::channel();
        let (remover, removals) = mpsc::channel();
        let inner = Arc::new(Inner {
            store,
            permission,
            exports,
            running: Mutex::new(HashMap::new()),
            queue: Queue::default(),
            permits: Permits::new(COPYING),
            scans: Arc::new(tokio::sync::Semaphore::new(SCANS)),
            compressing: Arc::new(tokio::sync::Semaphore::new(cores())),
            open: Mutex::new(HashMap::new()),
            buffers: Arc::new(Buffers::default()),
            finisher,
            remover,
            room: Room::default(),
            stop: Stop::default(),
            round: AtomicU64::new(0),
            rows_opened: AtomicU64::new(0),
            finished: watch::Sender::new(0),
            callbacks: Bell::default(),
            settings,
        });
        for files in left {
            // Beside what is served: removing them takes a third of a second for each gigabyte. It fails only when the remover has ended.
            let _ = inner.remover.send(Removal::Files(files, inner.room.leaving()));
        }
        inner.end_without_files(&jobs);
        let mut interrupted: Vec<Job> = jobs.into_iter().filter(|job| job.state == State::Processing).collect();
        interrupted.sort_by_key(|job| job.created);
        for job in interrupted {
            tracing::info!(token = %job.token, "starting an interrupted export again");
            inner.enqueue(job);
        }
        let threads = Threads { inner: Arc::clone(&inner), running: Mutex::new(Vec::new()) };
        threads.spawn("export-finish", move |inner| finish::run(inner, &messages))?;
        threads.spawn("export-remove", move |inner| removal::run(inner, &removals))?;
        threads.spawn("export-sweep", sweep::run)?;
        for _ in 0..inner.settings.workers.max(1) {
            threads.spawn("export-worker", worker::run)?;
        }
        Ok(Engine { threads: Arc::new(threads) })
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.threads.inner
    }

    /// Persists a job and gives its token (or, for an idempotency key seen before, the first one's).
    pub async fn initiate(&self, request: Request) -> Result<AccessToken, ExportError> {
        // A caller who hangs up ends what serves them. Between the commit and the queue that must not be: the job would be Processing
        // until the next start.
        let engine = self.clone();
        let taken = tokio::spawn(async move { engine.take(request).await });
        taken.await.map_err(|_| StoreError::Closing)?
    }

    async fn take(&self, request: Request) -> Result<AccessToken, ExportError> {
        let inner = self.inner();
        let now = inner.now();
        let key = request.idempotency.clone().map(|(key, body)| (key_bytes(&request, &key), body));
        let taken = inner.store.export_records(move |records| {
            let account = request.account;
            if let Some((key, body)) = &key
                && let Some(record) = records.get_key(account, key)?
            {
                let first: KeyRecord = serde_json::from_slice(&record)
                    .map_err(|e| StoreError::Damaged(format!("the record of an Idempotency-Key: {e}")))?;
                if !first.is_old(now) {
                    return Ok(if first.body == *body { Taken::Before(first.token) } else { Taken::OtherBody });
                }
            }
            let token = loop {
                let token = random_token().map_err(|e| StoreError::Engine(e.to_string()))?;
                if records.get(account, token)?.is_none() {
                    break token;
                }
            };
            let started = audit::initiated(&request, token);
            let (job, inputs) = Job::new(request, token, now);
            let record = encode(&job, Some(&inputs))?;
            let key_record = key.map(|(key, body)| {
                let record = KeyRecord { created: now, token, body };
                serde_json::to_vec(&record).map(|r| (key, r)).map_err(|e| StoreError::Engine(e.to_string()))
            });
            let key_record = key_record.transpose()?;
            records.put(account, token, &record)?;
            if let Some((key, record)) = key_record {
                records.put_key(account, &key, &record)?;
            }
            records.audit(account, &started)?;
            Ok(Taken::New(Box::new(job)))
        });
        match taken.await? {
            Taken::New(job) => {
                let token = job.token;
                inner.enqueue(*job);
                Ok(token)
            }
            Taken::Before(token) => Ok(token),
            Taken::OtherBody => Err(ExportError::KeyReused),
        }
    }

    /// What it is an export of, so that the permission on it can be checked; `UnknownToken` for a token that isn't this caller's.
    pub fn exported(&self, caller: &Caller, token: AccessToken) -> Result<Exported, ExportError> {
        Ok(self.job(caller, token)?.exported())
    }

    /// The status.
    pub async fn status(&self, caller: &Caller, token: AccessToken) -> Result<Status, ExportError> {
        let inner = self.inner();
        self.settle((caller.account, token)).await;
        let running = inner.running.lock().get(&(caller.account, token)).cloned();
        let job = self.job(caller, token)?;
        let mut status = job.status(inner.now());
        if status.state == State::Processing {
            let progress = running.as_ref().map(|r| &r.progress);
            status.progress = Some(progress.map_or(0, |p| p.percent()));
            status.retry_after_s = Some(progress.map_or(1, |p| p.retry_after_s()));
        }
        Ok(status)
    }

    /// A page. Refused in this order: a token that isn't this caller's, one still Processing, one that has ended.
    pub async fn page(&self, caller: &Caller, token: AccessToken, page: PageRequest) -> Result<Page, ExportError> {
        let inner = self.inner();
        let key = (caller.account, token);
        self.settle(key).await;
        let job = self.job(caller, token)?;
        let now = inner.now();
        let limit = inner.settings.max_limit.and_then(NonZeroU64::new).map_or(page.limit, |most| most.min(page.limit));
        let request = Replay { limit: page.limit.get(), offset: page.offset.get() };
        let mut replayed = false;
        match job.state_at(now) {
            State::Complete => {}
            State::Processing => return Err(self.processing(key)),
            State::Retrieved if !page.keep_alive && job.may_replay(request, now) => replayed = true,
            ended => {
                if job.state == State::Complete {
                    // Its life is over and the sweeper hasn't been there; if this isn't written, the next reader tries again.
                    let _ = inner.finisher.send(Message::Change(key, Change::LifeOver, None));
                }
                return Err(ExportError::Ended(ended));
            }
        }
        let export = match self.open(key) {
            Err(error) => return Err(self.why_not_open(caller, token, error)),
            Ok(export) => export,
        };
        let (buffers, finisher) = (Arc::clone(&inner.buffers), inner.finisher.clone());
        let mut made = Page::new(export, limit, page, buffers, finisher);
        match &mut made {
            Ok(made) if replayed => made.last_block = None,
            Ok(Page { last_block: Some(last_block), .. }) => last_block.origin = caller.origin.clone(),
            Ok(_) => {}
            Err(error @ ExportError::Damaged(_)) => report_damage(&inner.finisher, key, error),
            Err(_) => {}
        }
        metrics::counter!("sayso_export_pages_total").increment(1);
        made
    }

    /// Marks the export Retrieved and ends the token; again: the same answer.
    pub async fn commit(&self, caller: &Caller, token: AccessToken, keep_files: bool) -> Result<(), ExportError> {
        let inner = self.inner();
        let key = (caller.account, token);
        self.settle(key).await;
        match self.job(caller, token)?.state_at(inner.now()) {
            State::Processing => return Err(self.processing(key)),
            State::Retrieved => return Ok(()),
            _ => {}
        }
        let (reply, answer) = oneshot::channel();
        let closing = |()| ExportError::Store(StoreError::Closing);
        let message =
            Message::Change(key, Change::Committed { keep_files, origin: caller.origin.clone() }, Some(reply));
        inner.finisher.send(message).map_err(|_| closing(()))?;
        match answer.await.map_err(|_| closing(()))?? {
            Outcome::Now(job) if job.state == State::Retrieved => Ok(()),
            Outcome::Now(job) => Err(ExportError::Ended(job.state)),
            Outcome::Refused(state) => Err(ExportError::Ended(state)),
            Outcome::Gone => Err(ExportError::UnknownToken),
        }
    }

    /// Jobs by state, for `/metrics`: every state, in the order of export.md.
    pub fn counts(&self) -> Result<Vec<(State, u64)>, ExportError> {
        let now = self.inner().now();
        let mut counts: Vec<(State, u64)> = State::ALL.into_iter().map(|state| (state, 0)).collect();
        for job in all_jobs(&self.inner().store)?.0 {
            let state = job.state_at(now);
            counts.iter_mut().filter(|(s, _)| *s == state).for_each(|(_, n)| *n += 1);
        }
        Ok(counts)
    }

    /// How often a row had to be opened since the start, because facts could not answer or the row reads otherwise now: what a
    /// segment costs beyond the scan of the facts (house.md, Segments).
    pub fn rows_opened(&self) -> u64 {
        self.inner().rows_opened.load(Relaxed)
    }

    /// The callbacks that wait, and from now on each one that is put, for the one who delivers them. Who listens before looking at
    /// those that wait misses none, and may see one twice.
    pub fn callbacks(&self) -> (Callbacks, tokio::sync::mpsc::UnboundedReceiver<Queued>) {
        (Callbacks::new(self.inner().store.clone()), self.inner().callbacks.listen())
    }

    /// Counts the jobs that have left Processing since the start: when it changes, the status of some token is worth a look. For
    /// who waits here rather than over HTTP.
    pub fn finished(&self) -> watch::Receiver<u64> {
        self.inner().finished.subscribe()
    }

    /// Stops taking jobs and waits for workers to come to rest (a running job is left to be restarted).
    pub fn stop(&self) {
        self.threads.stop();
    }

    /// The caller's own job; anybody else's is unknown, and so is one that was forgotten.
    fn job(&self, caller: &Caller, token: AccessToken) -> Result<Job, ExportError> {
        let inner = self.inner();
        let record = inner.store.export_record(caller.account, token)?.ok_or(ExportError::UnknownToken)?;
        let job = decode(&record)?;
        let known = job.belongs_to(caller) && !job.is_forgotten(inner.now(), &inner.settings);
        if known { Ok(job) } else { Err(ExportError::UnknownToken) }
    }

    fn processing(&self, key: Key) -> ExportError {
        let running = self.inner().running.lock().get(&key).cloned();
        ExportError::Processing { retry_after_s: running.map_or(1, |r| r.progress.retry_after_s()) }
    }

    /// Waits for a last block that has been handed to a connection (a moment), and for the store to hear of one that was flushed.
    async fn settle(&self, key: Key) {
        // Not the files themselves: who waits here would close them last.
        let last_block = self.inner().open.lock().get(&key).map(|open| open.last_block.subscribe());
        let Some(mut last_block) = last_block else { return };
        let decided = last_block.wait_for(|state| state.sending == 0 || state.ending != Ending::No);
        // A connection that neither flushes nor breaks in this time is slow; the caller gets the state as it is.
        let _ = tokio::time::timeout(LAST_BLOCK_WAIT, decided).await;
        let written = last_block.wait_for(|state| state.ending != Ending::Writing);
        // The store answers within milliseconds; one that hangs must not hang every reader of the token.
        let _ = tokio::time::timeout(STORE_WAIT, written).await;
    }

    fn open(&self, key: Key) -> Result<Arc<OpenExport>, ExportError> {
        let inner = self.inner();
        let round = inner.round.load(Relaxed);
        let mut all = inner.open.lock();
        let open = match all.get(&key) {
            Some(open) => Arc::clone(open),
            None => {
                // The engine keeps what is open: it would never end if that kept the engine.
                let engine = Arc::downgrade(inner);
                let has_room = move |bytes| engine.upgrade().is_some_and(|inner| inner.has_room(bytes));
                let open = Arc::new(OpenExport::open(key, &inner.exports.folder(key), Box::new(has_room))?);
                all.insert(key, Arc::clone(&open));
                open
            }
        };
        open.touch(round);
        Ok(open)
    }

    /// Files that can't be opened: gone because the export ended this moment, or damaged.
    fn why_not_open(&self, caller: &Caller, token: AccessToken, error: ExportError) -> ExportError {
        let missing = matches!(&error, ExportError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound);
        match self.job(caller, token) {
            Err(error) => return error,
            Ok(job) if job.state != State::Complete => return ExportError::Ended(job.state),
            Ok(_) => {}
        }
        let error = if missing { ExportError::Damaged(error.to_string()) } else { error };
        if let ExportError::Damaged(_) = &error {
            report_damage(&self.inner().finisher, (caller.account, token), &error);
        }
        error
    }
}

/// What became of an Initiate.
enum Taken {
    New(Box<Job>),
    Before(AccessToken),
    OtherBody,
}

/// A token from the system's random numbers: 1 … 2^53−1, each as likely as any other.
fn random_token() -> Result<AccessToken, getrandom::Error> {
    loop {
        // 53 bits; only 0 is not a token.
        let token = getrandom::u64()? & ACCESS_TOKEN_MAX;
        if token != 0 {
            return Ok(AccessToken(token));
        }
    }
}

impl Threads {
    fn spawn(&self, name: &str, run: impl FnOnce(&Arc<Inner>) + Send + 'static) -> Result<(), ExportError> {
        let inner = Arc::clone(&self.inner);
        let thread = std::thread::Builder::new().name(name.into()).spawn(move || run(&inner));
        let thread =
            thread.map_err(|source| ExportError::Io { context: format!("starting the thread {name}"), source })?;
        self.running.lock().push(thread);
        Ok(())
    }

    fn stop(&self) {
        self.inner.stop.set();
        self.inner.queue.wake_all();
        // Takes what came before it; fails only when that thread has ended.
        let _ = self.inner.finisher.send(Message::Stop);
        let _ = self.inner.remover.send(Removal::Stop);
        for thread in self.running.lock().drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the export engine had ended by a fault in the program");
            }
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests;
