//! Who may have a data directory open at the same time, as locked files in it. A lock ends with its process, however that ends.
//!
//! | file | held by | how |
//! |---|---|---|
//! | `server.lock` | the server | alone: a second one is refused, and a bulk load knows to make room |
//! | `open.lock` | every process that has the directory open | together; who exchanges the data file holds it alone |

use std::{
    fs::{File, TryLockError},
    io::ErrorKind,
    os::unix::fs::MetadataExt as _,
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
        Self::server_after(dir, std::thread::sleep)
    }

    /// The server's, looked for again after each pause.
    fn server_after(dir: &Path, mut pause: impl FnMut(Duration)) -> Result<Self, StoreError> {
        let file = open(dir, SERVER)?;
        // A command that asks whether a server is running holds a shared lock for a moment; that is no other server.
        for ms in [0, 10, 40, 150] {
            pause(Duration::from_millis(ms));
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) => {}
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
    let file = dir.join(name);
    StoreError::Unopened(format!("{} can't be locked: {e}{}", file.display(), owner(&file, e)))
}

/// Of a file that this user may not use: whose it is, if it is another's.
pub(crate) fn owner(file: &Path, e: &std::io::Error) -> String {
    if e.kind() != ErrorKind::PermissionDenied {
        return String::new();
    }
    // What isn't there can't be made: its directory is another's.
    let found = file.metadata().or_else(|e| file.parent().map_or(Err(e), Path::metadata));
    found.map_or_else(|_| String::new(), |found| of_another(found.uid(), rustix::process::geteuid().as_raw()))
}

fn of_another(owner: u32, me: u32) -> String {
    if owner == me { String::new() } else { format!("; it belongs to user id {owner}: run this as that user") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_let_go_in_the_last_pause_is_no_other_server() {
        let dir = tempfile::tempdir().unwrap();
        let asking = open(dir.path(), SERVER).unwrap();
        asking.lock_shared().unwrap();
        let mut asking = Some(asking);
        let in_the_last = |pause| drop(if pause == Duration::from_millis(150) { asking.take() } else { None });
        let server = Lock::server_after(dir.path(), in_the_last).unwrap();
        assert!(matches!(Lock::server_after(dir.path(), |_| {}), Err(StoreError::Locked(_))));
        drop(server);
    }

    #[test]
    fn whose_file_it_is_is_told_where_it_is_anothers() {
        assert_eq!(of_another(998, 1000), "; it belongs to user id 998: run this as that user");
        assert_eq!(of_another(1000, 1000), "");
        let dir = tempfile::tempdir().unwrap();
        let denied = std::io::Error::from(ErrorKind::PermissionDenied);
        assert_eq!(failed(dir.path(), OPEN, &denied).to_string().split("; ").count(), 1, "it is this user's own");
        assert_eq!(owner(dir.path(), &std::io::Error::from(ErrorKind::NotFound)), "");
    }
}
