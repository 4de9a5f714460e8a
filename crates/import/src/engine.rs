//! The engine: takes jobs and records, executes what is queued, tells how far it is, sweeps what time has ended.

use std::{
    collections::HashSet,
    sync::{Arc, mpsc},
    thread::JoinHandle,
};

use parking_lot::Mutex;
use sayso_model::{
    id::{ACCESS_TOKEN_MAX, AccessToken, AccountNo, Author},
    moment::Moment,
};
use sayso_store::{
    Store, StoreError,
    audit::{Action, Entry, Origin},
    imports::Key,
};

use crate::{
    ImportError,
    check_record::Checker,
    files::Files,
    job::{Event, Request, State, Status},
    record::{Chunk, Job, all_jobs, chunks, decode, decode_job, encode},
    stage::{Place, Staged, Staging, staged},
    sweep,
    wishes::May,
    worker,
};

/// What an operator may set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Life of a token from Initiate, ms (12 h).
    pub token_life_ms: i64,
    /// Real time between two runs of the sweeper, ms (30,000).
    pub sweep_every_ms: u64,
    /// For sandboxes and tests: nothing is executed while this file exists (`serve --hold-file`).
    pub hold_file: Option<std::path::PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { token_life_ms: 12 * 3_600_000, sweep_every_ms: 30_000, hold_file: None }
    }
}

/// Who asks: a token is its initiator's, or an administrator's of the same account (docs/import.md, Permissions).
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

/// Whether a user (and the OAuth client, if one was used) may still import: account, user id, client id. The rules are access.md's and the
/// server's; the engine only asks, before each batch. May read the store.
pub type PermissionCheck = Arc<dyn Fn(AccountNo, &str, Option<&str>) -> bool + Send + Sync>;

/// What Stage begins with.
pub enum Begun {
    /// The same call was taken before.
    Before(Box<Staged>),
    /// It is taken now.
    Taking(Box<Staging>),
}

/// What the engine's threads share.
pub(crate) struct Inner {
    pub store: Store,
    pub settings: Settings,
    pub files: Files,
    pub permission: PermissionCheck,
    /// The latest [`Job::queued`].
    last_queued: Mutex<Moment>,
}

impl Inner {
    /// The next [`Job::queued`]: this stamp, or what follows the last one.
    fn next_turn(&self, stamp: Moment) -> Moment {
        let mut last = self.last_queued.lock();
        *last = stamp.max(Moment(last.0.saturating_add(1)));
        *last
    }

    pub fn now(&self) -> Moment {
        self.store.clock().now()
    }

    /// A job, if it is there.
    pub fn job(&self, key: Key) -> Result<Option<Job>, StoreError> {
        self.store.import_record(key)?.map(|bytes| decode_job(&bytes)).transpose()
    }

    /// The stage call that a record came with.
    pub fn chunk_of(&self, key: Key, sequence: u64) -> Result<Option<Chunk>, StoreError> {
        let chunks = self.store.import_chunks(key, sequence, 1)?;
        let chunk = chunks.first().map(|bytes| decode::<Chunk>(bytes)).transpose()?;
        Ok(chunk.filter(|chunk| (chunk.first..chunk.end()).contains(&sequence)))
    }
}

/// The import engine of one data directory. Cheap to clone; the last clone stops it.
#[derive(Clone)]
pub struct Engine {
    threads: Arc<Threads>,
}

struct Threads {
    inner: Arc<Inner>,
    queue: mpsc::Sender<worker::Message>,
    sweeper: Mutex<Option<mpsc::Sender<()>>>,
    running: Mutex<Vec<JoinHandle<()>>>,
}

const NOT_HERE: &str =
    "what was staged for it is not in this data directory (a backup holds none); it has to be imported again";

impl Engine {
    /// Starts the worker and the sweeper; executions that were interrupted go on, staged files that no import names go, and imports whose files
    /// aren't there (the directory is a restored backup) end in Failed. What a run before executed, and was killed before it removed it from the
    /// staged files, is removed from them now.
    ///
    /// # Errors
    /// The records can't be read, or files not be removed.
    pub fn start(store: Store, settings: Settings, permission: PermissionCheck) -> Result<Engine, ImportError> {
        let files = Files::new(store.directory());
        // Those that can't be read are the sweeper's.
        let (mut jobs, _) = all_jobs(&store)?;
        let last = jobs.iter().filter_map(|job| job.queued).max().unwrap_or(Moment(0));
        let inner = Arc::new(Inner { store, settings, files, permission, last_queued: Mutex::new(last) });
        let (mut named, mut executed) = (HashSet::new(), Vec::new());
        for job in &mut jobs {
            let (key, has_ended) = (job.key(), job.state.has_ended());
            let mut lacks = None;
            match chunks(&inner.store, key) {
                Ok(chunks) => {
                    for chunk in chunks {
                        let path = inner.files.file(key, chunk.file);
                        match (chunk.end() <= job.cursor + 1, path.is_file()) {
                            (true, true) => executed.push((key, chunk)),
                            (false, false) => lacks = Some(NOT_HERE.to_owned()),
                            (true, false) | (false, true) => {}
                        }
                        named.insert(path);
                    }
                }
                Err(error @ StoreError::Damaged(_)) if has_ended => {
                    // What was refused is kept in the files, and may still be asked for.
                    tracing::error!(token = %job.token, %error, "what was staged for an import that is over can't all be found");
                    named.extend(inner.files.of(key)?);
                }
                Err(error @ StoreError::Damaged(_)) => {
                    lacks = Some(format!("what was staged for it can't be found: {error}"));
                }
                Err(error) => return Err(error.into()),
            }
            if let Some(error) = lacks.filter(|_| !has_ended) {
                tracing::warn!(token = %job.token, error, "an import ends");
                worker::fail(&inner, key, &error)?;
                job.state = State::Failed;
            }
        }
        let removed = inner.files.remove_all_but(&named)?;
        if removed > 0 {
            tracing::info!(removed, "removed staged files that no import names");
        }
        for (key, chunk) in executed {
            worker::shrink_or_warn(&inner, key, &chunk);
        }
        jobs.retain(|job| matches!(job.state, State::Queued | State::Processing));
        jobs.sort_by_key(|job| job.queued.unwrap_or(job.created));
        let (queue, waiting) = mpsc::channel();
        for job in jobs {
            tracing::info!(token = %job.token, cursor = job.cursor, "an import goes on");
            // The receiver is ours.
            let _ = queue.send(worker::Message::Queued(job.key()));
        }
        let (sweeper, stop) = mpsc::channel();
        let threads =
            Threads { inner: Arc::clone(&inner), queue, sweeper: Mutex::new(Some(sweeper)), running: Mutex::default() };
        threads.spawn("import-worker", move |inner| worker::run(inner, &waiting))?;
        threads.spawn("import-sweep", move |inner| sweep::run(inner, &stop))?;
        Ok(Engine { threads: Arc::new(threads) })
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.threads.inner
    }

    /// Persists a job.
    ///
    /// # Errors
    /// The store doesn't keep it.
    pub async fn initiate(&self, request: Request) -> Result<Status, ImportError> {
        let (now, settings) = (self.inner().now(), self.inner().settings.clone());
        let made = self.inner().store.imports(move |tx| {
            let token = loop {
                let token = random_token().map_err(|e| StoreError::Engine(e.to_string()))?;
                if tx.get((request.account, token))?.is_none() {
                    break token;
                }
            };
            let origin = request.origin.clone();
            let job = Job::new(request, token, now);
            let record = encode(&job)?;
            tx.put(job.key(), &record)?;
            tx.audit(job.account, &job.told(Action::ImportInitiated, origin))?;
            Ok(job.status(&settings))
        });
        Ok(made.await?)
    }

    /// Begins to take the records of one call (blocking: makes a file). `author`: who is said to make the changes.
    ///
    /// # Errors
    /// [`ImportError::UnknownToken`], [`ImportError::NotStaging`], [`ImportError::NoRoom`].
    pub fn stage(
        &self,
        caller: &Caller,
        token: AccessToken,
        idempotency: Option<String>,
    ) -> Result<Begun, ImportError> {
        let inner = self.inner();
        let job = self.job(caller, token)?;
        let key = job.key();
        if let Some(idempotency) = &idempotency
            && let Some(before) = inner.store.import_key(key, idempotency.as_bytes())?
        {
            let before = staged(job.status(&inner.settings), decode(&before)?);
            return Ok(Begun::Before(Box::new(before)));
        }
        if !job.state.is_open() {
            return Err(ImportError::NotStaging(job.state));
        }
        let account = inner.store.account_by_no(job.account)?.ok_or(ImportError::UnknownToken)?;
        let user = account.config.user(&job.user_id).ok_or(ImportError::UnknownToken)?;
        let author = Author { user_id: user.user_id.clone(), source_id: user.source_group.clone() };
        let may = May::of(&account.config, user);
        let checker = Checker { store: inner.store.clone(), account, author, may, terms: job.terms };
        let file =
            getrandom::u64().map_err(|e| StoreError::Engine(format!("the machine gives no random bytes: {e}")))?;
        let (store, files, settings) = (inner.store.clone(), inner.files.clone(), inner.settings.clone());
        let place = Place { store, files, key, file, idempotency, settings };
        Ok(Begun::Taking(Box::new(Staging::begin(checker, place)?)))
    }

    /// Queues a job; one that is queued, under way or over stays as it is.
    ///
    /// # Errors
    /// [`ImportError::UnknownToken`], or the store doesn't keep it.
    pub async fn execute(&self, caller: &Caller, token: AccessToken) -> Result<Status, ImportError> {
        let inner = self.inner();
        let key = self.job(caller, token)?.key();
        let (settings, origin) = (inner.settings.clone(), caller.origin.clone());
        let turns = Arc::clone(inner);
        let queued = inner.store.imports(move |tx| {
            let now = tx.now();
            let job = tx.get(key)?.map(|bytes| decode_job(&bytes)).transpose()?;
            let Some(mut job) = job.filter(|job| !job.is_over(now, &settings)) else { return Ok(None) };
            let is_new = job.state.is_open();
            if is_new {
                let stepped = job.advance(Event::ExecuteAsked, now);
                stepped.map_err(|e| StoreError::Engine(e.to_string()))?;
                job.queued = Some(turns.next_turn(tx.stamp()));
                let record = encode(&job)?;
                tx.put(key, &record)?;
                let executed = job.told(Action::ImportExecuted, origin);
                tx.audit(job.account, &Entry { rows: Some(job.counts.received), ..executed })?;
            }
            Ok(Some((is_new, job.status(&settings))))
        });
        // A caller who hangs up ends what serves them. Between the commit and the queue that must not be: the job would be Queued until
        // the next start.
        let engine = self.clone();
        let done = tokio::spawn(async move {
            let (is_new, status) = queued.await?.ok_or(ImportError::UnknownToken)?;
            if is_new {
                // The worker ends with the engine: then it is found at the next start.
                let _ = engine.threads.queue.send(worker::Message::Queued(key));
            }
            Ok(status)
        });
        done.await.map_err(|_| StoreError::Closing)?
    }

    /// How far it is.
    ///
    /// # Errors
    /// [`ImportError::UnknownToken`].
    pub fn status(&self, caller: &Caller, token: AccessToken) -> Result<Status, ImportError> {
        Ok(self.job(caller, token)?.status(&self.inner().settings))
    }

    /// Jobs by state, for `/metrics`.
    ///
    /// # Errors
    /// The records can't be read.
    pub fn counts(&self) -> Result<Vec<(State, u64)>, ImportError> {
        let mut counts: Vec<(State, u64)> = State::ALL.into_iter().map(|state| (state, 0)).collect();
        for job in all_jobs(&self.inner().store)?.0 {
            counts.iter_mut().filter(|(state, _)| *state == job.state).for_each(|(_, n)| *n += 1);
        }
        Ok(counts)
    }

    /// Stops and waits for the batch under way; what is queued goes on at the next start.
    pub fn stop(&self) {
        self.threads.stop();
    }

    /// The caller's own job; anybody else's is unknown, and so is one that is over.
    pub(crate) fn job(&self, caller: &Caller, token: AccessToken) -> Result<Job, ImportError> {
        let inner = self.inner();
        let job = inner.job((caller.account, token))?.ok_or(ImportError::UnknownToken)?;
        let known = job.belongs_to(caller) && !job.is_over(inner.now(), &inner.settings);
        if known { Ok(job) } else { Err(ImportError::UnknownToken) }
    }
}

impl Threads {
    fn spawn(&self, name: &str, run: impl FnOnce(&Arc<Inner>) + Send + 'static) -> Result<(), ImportError> {
        let inner = Arc::clone(&self.inner);
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || run(&inner));
        let thread = thread.map_err(|e| StoreError::Engine(format!("the thread {name} can't be started: {e}")))?;
        self.running.lock().push(thread);
        Ok(())
    }

    fn stop(&self) {
        let _ = self.queue.send(worker::Message::Stop);
        self.sweeper.lock().take();
        for thread in self.running.lock().drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the import engine ended by a panic");
            }
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A token that nobody can guess, and that every JSON reader keeps exactly.
fn random_token() -> Result<AccessToken, getrandom::Error> {
    loop {
        let token = getrandom::u64()? & ACCESS_TOKEN_MAX;
        if token != 0 {
            return Ok(AccessToken(token));
        }
    }
}

#[cfg(test)]
mod tests;
