//! Keeps profiles and configuration in LMDB, finds them, and gives consistent snapshots. The face of this crate is in the
//! domain's words; no key or transaction of the engine leaks.
//!
//! Write path: [`Store::write`] and its siblings hand a function to the one writer thread, which puts as many as are
//! waiting into one transaction, syncs once, and answers them all: an answered write is on disk.
//! Read path: [`Store::profile`] and its siblings open a short read transaction each; [`Store::snapshot`] gives a view that
//! stays as it is, with its moment given by the writer, so that nothing stamped before it is missing.

pub mod access;
pub mod account;
mod check;
pub mod clock;
mod engine;
pub mod error;
pub mod exports;
mod index;
mod keys;
mod load;
mod meta;
pub mod profiles;
mod row;
mod seal;
pub mod snapshot;
mod terms;
mod write;
mod writer;

pub use clock::{Clock, FileClock, SystemClock};
pub use error::StoreError;

use std::{
    fs::{File, TryLockError},
    future::Future,
    path::{Path, PathBuf},
    sync::Arc,
};

use account::Accounts;
use engine::Engine;
use writer::{Work, Writer};

/// An open data directory. Cheap to clone; the last clone closes it. One per process (LMDB).
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    // The writer is dropped first: it finishes what waits while everything else is still there.
    writer: Writer,
    pub engine: Arc<Engine>,
    pub accounts: Arc<Accounts>,
    pub live: Arc<snapshot::Live>,
    clock: Arc<dyn Clock>,
    dir: PathBuf,
    /// Held by a server as long as it lives; the system lets go of it however the process ends.
    lock: File,
    role: Role,
}

/// How a directory is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The server: holds the directory's server lock, so that a second one is refused.
    Server,
    /// A command beside (or without) a server.
    Command,
}

impl Store {
    /// Opens (makes, if it isn't there) a data directory: the environment, the writer thread, the lock file.
    pub fn open(dir: &Path, role: Role, clock: Arc<dyn Clock>) -> Result<Store, StoreError> {
        let io = |what: &str, e: std::io::Error| StoreError::Engine(format!("{what} {} failed: {e}", dir.display()));
        std::fs::create_dir_all(dir).map_err(|e| io("making the data directory", e))?;
        let dir = dir.canonicalize().map_err(|e| io("opening the data directory", e))?;
        let options = File::options().create(true).truncate(false).read(true).write(true).open(dir.join("server.lock"));
        let lock = options.map_err(|e| io("opening server.lock in", e))?;
        if role == Role::Server {
            match lock.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(StoreError::Locked(dir.display().to_string())),
                Err(TryLockError::Error(e)) => return Err(io("locking server.lock in", e)),
            }
        }
        let engine = Arc::new(Engine::open(&dir)?);
        let accounts = Arc::new(Accounts::default());
        let writer = Writer::start(engine.clone(), clock.clone(), accounts.clone())?;
        let live = Arc::default();
        Ok(Store { inner: Arc::new(Inner { writer, engine, accounts, live, clock, dir, lock, role }) })
    }
    /// Where it lives; export files live in `exports/` below it.
    pub fn directory(&self) -> &Path {
        &self.inner.dir
    }
    /// The clock that stamps.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }
    /// Whether a server holds the directory (bulk loading then commits in small steps).
    pub fn server_is_running(&self) -> bool {
        if self.inner.role == Role::Server {
            return true;
        }
        match self.inner.lock.try_lock_shared() {
            Ok(()) => {
                // Not letting go of it would keep a server from starting while a command runs.
                let _ = self.inner.lock.unlock();
                false
            }
            Err(_) => true,
        }
    }
    /// Sizes for `/metrics`: bytes of the file, bytes in free pages, age of the oldest reader in ms (this process's snapshots).
    pub fn sizes(&self) -> Result<Sizes, StoreError> {
        let (file_bytes, free_bytes) = self.inner.engine.file_and_free_bytes()?;
        Ok(Sizes { file_bytes, free_bytes, oldest_snapshot_ms: self.inner.oldest_snapshot_ms() })
    }

    /// Hands a function to the writer.
    pub(crate) fn submit<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Work<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> impl Future<Output = Result<T, StoreError>> + Send + 'static {
        let answer = self.inner.writer.submit(f);
        async move { answer.await.unwrap_or(Err(StoreError::Closing)) }
    }

    /// The same in a transaction of its own.
    pub(crate) fn submit_alone<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Work<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> impl Future<Output = Result<T, StoreError>> + Send + 'static {
        let answer = self.inner.writer.submit_alone(f);
        async move { answer.await.unwrap_or(Err(StoreError::Closing)) }
    }

    /// Hands a function to the writer and waits. Not for async code.
    pub(crate) fn submit_and_wait<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Work<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.inner.writer.submit_and_wait(f)
    }
}

/// What `sayso check` found.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
#[allow(missing_docs)]
pub struct CheckReport {
    pub accounts: u64,
    pub profiles: u64,
    pub tombstones: u64,
    pub index_entries: u64,
    /// One line each, at most 1,000; `problem_count` has them all.
    pub problems: Vec<String>,
    pub problem_count: u64,
}

/// What the store occupies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Sizes {
    pub file_bytes: u64,
    pub free_bytes: u64,
    pub oldest_snapshot_ms: u64,
}
