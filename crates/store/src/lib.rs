//! Keeps profiles and configuration in LMDB, finds them, and gives consistent snapshots. The face of this crate is in the
//! domain's words; no key or transaction of the engine leaks.
//!
//! Write path: [`Store::write`] and its siblings hand a function to the one writer thread, which puts as many as are
//! waiting into one transaction, syncs once, and answers them all: an answered write is on disk.
//! Read path: [`Store::profile`] and its siblings open a short read transaction each; [`Store::snapshot`] gives a view that
//! stays as it is, with its moment given by the writer, so that nothing stamped before it is missing.

pub mod access;
pub mod account;
pub mod clock;
pub mod error;
pub mod exports;
pub mod profiles;
pub mod snapshot;

pub use clock::{Clock, FileClock, SystemClock};
pub use error::StoreError;

use std::{path::Path, sync::Arc};

/// An open data directory. Cheap to clone; the last clone closes it. One per process (LMDB).
#[derive(Clone)]
pub struct Store {
    pub(crate) _inner: Arc<()>,
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
    pub fn open(_dir: &Path, _role: Role, _clock: Arc<dyn Clock>) -> Result<Store, StoreError> {
        todo!()
    }
    /// Where it lives; export files live in `exports/` below it.
    pub fn directory(&self) -> &Path {
        todo!()
    }
    /// The clock that stamps.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        todo!()
    }
    /// Whether a server holds the directory (bulk loading then commits in small steps).
    pub fn server_is_running(&self) -> bool {
        todo!()
    }
    /// Verifies every checksum and every index against the rows; reports what is wrong, an empty list when nothing is.
    pub fn check(&self, _progress: &mut dyn FnMut(u64)) -> Result<CheckReport, StoreError> {
        todo!()
    }
    /// Sizes for `/metrics`: bytes of the file, bytes in free pages, age of the oldest reader in ms (this process's snapshots).
    pub fn sizes(&self) -> Result<Sizes, StoreError> {
        todo!()
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
