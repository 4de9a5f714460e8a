//! Who may have a data directory open at the same time, as locked files in it. A lock ends with its process, however that ends.
//!
//! | file | held by | how |
//! |---|---|---|
//! | `server.lock` | the server | alone: a second one is refused, and a bulk load knows to make room |
//! | `open.lock` | every process that has the directory open | together; who exchanges the data file holds it alone |

use std::{
    fs::{File, TryLockError},
    path::Path,
    time::Duration,
};

use crate::StoreError;

const SERVER: &str = "server.lock";
/// Everybody's.
pub(crate) const OPEN: &str = "open.lock";

/// A lock, held as long as this lives.
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// The server's. [`StoreError::Locked`] when another server has it.
    pub(crate) fn server(dir: &Path) -> Result<Self, StoreError> {
        let file = open(dir, SERVER)?;
        // A command that asks whether a server is running holds a shared lock for a moment; that is no other server.
        for pause in [10, 40, 150] {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(pause)),
                Err(TryLockError::Error(e)) => return Err(failed(dir, SERVER, &e)),
            }
        }
        Err(StoreError::Locked(format!(
            "another server is using {}; stop it, or give this one a --data directory of its own",
            dir.display()
        )))
    }

    /// Of one process among others. [`StoreError::Locked`] while one has the directory alone.
    pub(crate) fn beside_others(dir: &Path) -> Result<Self, StoreError> {
        let file = open(dir, OPEN)?;
        match file.try_lock_shared() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked(format!(
                "{} is being compacted by another process; try again when that has ended",
                dir.display()
            ))),
            Err(TryLockError::Error(e)) => Err(failed(dir, OPEN, &e)),
        }
    }

    /// Of the only process. [`StoreError::Locked`] while any other has the directory open; the text says which kind.
    pub(crate) fn alone(dir: &Path) -> Result<Self, StoreError> {
        let file = open(dir, OPEN)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked(format!(
                "{} is in use by {}; this needs the directory for itself",
                dir.display(),
                if is_held(dir)? { "a server: stop it first" } else { "another command: wait until that has ended" }
            ))),
            Err(TryLockError::Error(e)) => Err(failed(dir, OPEN, &e)),
        }
    }
}

/// Whether a server holds the lock of a directory.
pub(crate) fn is_held(dir: &Path) -> Result<bool, StoreError> {
    match open(dir, SERVER)?.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(e)) => Err(failed(dir, SERVER, &e)),
    }
}

fn open(dir: &Path, name: &str) -> Result<File, StoreError> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    options.open(dir.join(name)).map_err(|e| failed(dir, name, &e))
}

fn failed(dir: &Path, name: &str, e: &std::io::Error) -> StoreError {
    StoreError::Engine(format!("{} can't be locked: {e}", dir.join(name).display()))
}
