//! The server lock: a file that the server holds locked, so that a second one is refused and a bulk load knows to make room.

use std::{
    fs::{File, TryLockError},
    path::Path,
    time::Duration,
};

use crate::StoreError;

const NAME: &str = "server.lock";

/// The lock, held as long as this lives.
pub(crate) struct ServerLock {
    _file: File,
}

impl ServerLock {
    /// Takes the lock of a directory. [`StoreError::Locked`] when another server has it.
    pub(crate) fn take(dir: &Path) -> Result<Self, StoreError> {
        let file = open(dir)?;
        // A command that asks whether a server is running holds a shared lock for a moment; that is no other server.
        for pause in [10, 40, 150] {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(pause)),
                Err(TryLockError::Error(e)) => return Err(failed(dir, &e)),
            }
        }
        Err(StoreError::Locked(dir.display().to_string()))
    }
}

/// Whether a server holds the lock of a directory.
pub(crate) fn is_held(dir: &Path) -> Result<bool, StoreError> {
    match open(dir)?.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(e)) => Err(failed(dir, &e)),
    }
}

fn open(dir: &Path) -> Result<File, StoreError> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    options.open(dir.join(NAME)).map_err(|e| failed(dir, &e))
}

fn failed(dir: &Path, e: &std::io::Error) -> StoreError {
    StoreError::Engine(format!("{} can't be locked: {e}", dir.join(NAME).display()))
}
