//! Keeps profiles and configuration in LMDB, finds them, and gives consistent snapshots. The face of this crate is in the
//! domain's words; no key or transaction of the engine leaks.
//!
//! Write path: [`Store::write`] and its siblings hand a function to the one writer thread, which puts as many as are
//! waiting into one transaction, syncs once, and answers them all: an answered write is on disk.
//! Read path: [`Store::profile`] and its siblings open a short read transaction each; [`Store::snapshot`] gives a view that
//! stays as it is, with its moment given by the writer, so that nothing stamped before it is missing.

//! | room | what is in it |
//! |---|---|
//! | `engine`, `keys`, `row`, `seal` | the file: how it is opened, every key, every value |
//! | `shared`, `writer`, `tx`, `lock` | the writer thread, its transactions, what they share, the server's lock |
//! | `meta`, `terms`, `index`, `rows`, `history` | what is kept beside rows, and how it is found |
//! | [`profiles`], `ready`, `version`, `write` | reading and changing profiles |
//! | [`search`], `wanted` | finding the few that have a key, a name, an address, or meet a criterion |
//! | [`load`], `pending` | loading many, and the index entries that wait meanwhile |
//! | [`snapshot`] | a view that stays as it is |
//! | [`account`], [`access`], [`exports`], [`imports`] | configuration, OAuth clients, the records of export and import jobs; how records of an import are written |
//! | [`vault`] | secrets that must be readable to be used, sealed under a key outside of the directory |
//! | [`audit`] | the trail of who exported and changed what, and who was refused |
//! | [`check`] | verifies all of it |
//! | `backup`, `compact` | a copy beside everybody; the data file written anew |

pub mod access;
pub mod account;
pub mod audit;
mod backup;
pub mod check;
pub mod clock;
mod compact;
mod cores;
mod engine;
pub mod error;
pub mod exports;
mod history;
mod ids;
pub mod imports;
mod index;
mod keys;
pub mod load;
mod lock;
mod meta;
mod pending;
pub mod profiles;
mod ready;
mod row;
mod rows;
mod seal;
pub mod search;
mod shared;
pub mod snapshot;
mod terms;
mod tx;
pub mod vault;
mod version;
mod wanted;
mod write;
mod writer;

#[cfg(test)]
mod tests;

pub use check::CheckReport;
pub use clock::{Clock, FileClock, SystemClock};
pub use compact::Compacted;
pub use cores::{cores, on_all_cores, text_of};
pub use error::StoreError;
pub use ids::{Marks, ProfileIds};

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use lock::Lock;
use shared::Shared;
use vault::{KeySource, Vault};
use writer::Writer;

/// An open data directory. Cheap to clone; the last clone writes what is waiting and closes it. One per process (LMDB).
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    dir: PathBuf,
    role: Role,
    // The fields are dropped in this order: the writer ends before the locks are given back.
    writer: Writer,
    shared: Arc<Shared>,
    server_lock: Option<Lock>,
    _open_lock: Lock,
}

/// How a directory is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The server: holds the directory's server lock, so that a second one is refused.
    Server,
    /// A command beside (or without) a server.
    Command,
    /// A command that needs the directory for itself ([`Store::compact`]): refused while anybody else has it open, and everybody else
    /// is refused as long as it has.
    Alone,
}

/// What an operator may set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Bytes of disk that are kept free: a commit that would begin below them is not kept, unless it ends or removes
    /// something. 64 MiB.
    pub disk_reserve: u64,
    /// Where the key of sealed secrets comes from.
    pub key: KeySource,
}

impl Default for Settings {
    fn default() -> Self {
        Self { disk_reserve: 64 << 20, key: KeySource::default() }
    }
}

impl Store {
    /// Opens (makes, if it isn't there) a data directory: the environment, the writer thread, the lock file.
    pub fn open(dir: &Path, role: Role, clock: Arc<dyn Clock>) -> Result<Store, StoreError> {
        Self::open_with(dir, role, clock, Settings::default())
    }
    /// The same with settings.
    pub fn open_with(dir: &Path, role: Role, clock: Arc<dyn Clock>, settings: Settings) -> Result<Store, StoreError> {
        let dir = make_directory(dir)
            .and_then(|()| dir.canonicalize())
            .map_err(|e| StoreError::Unopened(format!("the directory {} can't be made: {e}", dir.display())))?;
        let server_lock = match role {
            Role::Server => Some(Lock::server(&dir)?),
            Role::Command | Role::Alone => None,
        };
        let open_lock = match role {
            Role::Server | Role::Command => Lock::beside_others(&dir)?,
            Role::Alone => Lock::alone(&dir)?,
        };
        compact::remove_leftover(&dir)?;
        let shared = Arc::new(Shared {
            engine: engine::Engine::open(&dir)?,
            clock,
            accounts: account::Accounts::default(),
            dictionaries: terms::Dictionaries::default(),
            ages: shared::Ages::default(),
            disk_reserve: settings.disk_reserve,
            vault: Vault::new(&dir, settings.key),
            notes: audit::Notes::default(),
            live: parking_lot::Mutex::new(imports::Live::new()?),
        });
        match pending::settle(&shared) {
            Ok(()) => {}
            // A full disk gets room again by what a server ends and removes. Readers look at what waits, and writers merge it before.
            Err(StoreError::NotKept(why)) => tracing::warn!("index entries wait to be merged: {why}"),
            Err(error) => return Err(error),
        }
        let writer = Writer::start(Arc::clone(&shared))?;
        Ok(Store { inner: Arc::new(Inner { dir, role, writer, shared, server_lock, _open_lock: open_lock }) })
    }
    /// Where it lives; export files live in `exports/` below it.
    pub fn directory(&self) -> &Path {
        &self.inner.dir
    }
    /// The clock that stamps.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.shared.clock
    }
    /// Whether a server holds the directory (bulk loading then commits in small steps). When that can't be told, small steps are
    /// the safe answer.
    pub fn server_is_running(&self) -> bool {
        self.inner.server_lock.is_some() || lock::is_held(&self.inner.dir).unwrap_or(true)
    }
    /// Sizes for `/metrics`: bytes of the file, bytes in free pages, age of the oldest reader in ms (this process's snapshots).
    pub fn sizes(&self) -> Result<Sizes, StoreError> {
        let (file_bytes, free_bytes) = self.inner.shared.engine.file_and_free_bytes()?;
        Ok(Sizes { file_bytes, free_bytes, oldest_snapshot_ms: self.inner.shared.ages.oldest_ms() })
    }

    /// Bytes of disk that may be taken without touching what is kept free, now.
    pub fn room(&self) -> Result<u64, StoreError> {
        let shared = self.shared();
        Ok(engine::free_disk(shared.engine.dir())?.saturating_sub(shared.disk_reserve))
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.inner.shared
    }

    pub(crate) fn writer(&self) -> &Writer {
        &self.inner.writer
    }
}

/// Makes a directory, and those above it that aren't there, and makes their names last: an answered write is on disk only when what leads to
/// it is.
fn make_directory(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    let parent = dir.parent().map_or(dir, |parent| if parent == Path::new("") { Path::new(".") } else { parent });
    if parent != dir {
        make_directory(parent)?;
    }
    match std::fs::create_dir(dir) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => return Ok(()),
        made => made?,
    }
    match File::open(parent) {
        // Who may make a directory there may still not be allowed to list what else there is; the system writes it down in its own time.
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        opened => opened?.sync_all(),
    }
}

/// What the store occupies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Sizes {
    pub file_bytes: u64,
    pub free_bytes: u64,
    pub oldest_snapshot_ms: u64,
}
