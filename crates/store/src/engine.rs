//! The engine: one LMDB environment and its databases. Everything below this crate's face reads and writes through here; the
//! rest of the crate says *what* is kept, this module *how the file is opened*.
//!
//! Which databases there are, and what is in each: docs/architecture.md, "What LMDB holds". Their keys: [`crate::keys`].

use std::{
    fs::{File, OpenOptions},
    io::ErrorKind,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use heed::{CommitOrAbort, Database, Env, EnvOpenOptions, MdbError, RoTxn, RwTxn, WithoutTls, types::Bytes};
use rustix::fs::FallocateFlags;

use crate::{StoreError, lock, meta};

/// A database of raw bytes; the codecs are in [`crate::keys`], [`crate::row`] and [`crate::seal`].
pub(crate) type Db = Database<'static, Bytes, Bytes>;

/// A transaction that can be read from; a write transaction lends itself as one.
pub(crate) type Read<'t> = RoTxn<'t, WithoutTls>;

/// The file of the environment in its directory.
pub(crate) const DATA_FILE: &str = "data.mdb";

/// Readers at once, over all processes: a snapshot takes two for each core and a few more.
const READERS: u32 = 4096;

/// Bytes of a reader's slot in LMDB's lock file, and of what stands before the slots, at most.
const READER: u64 = 64;
const READER_HEAD: u64 = 4096;

/// The map sizes that are tried, largest first. The map is sparse: its size is a promise of address space, not of disk. It
/// is never changed while open, since that would need every reader of every process to stop.
const MAP_SIZES: [usize; 6] = [1 << 40, 1 << 38, 1 << 36, 1 << 34, 1 << 32, 1 << 30];

macro_rules! databases {
    ($($name:ident),+ $(,)?) => {
        /// The databases of the environment.
        #[derive(Clone, Copy)]
        pub(crate) struct Databases {
            $(pub $name: Db,)+
        }

        impl Databases {
            /// Makes those that aren't there yet, all in one transaction.
            pub(crate) fn create(env: &Env<WithoutTls>, wtxn: RwTxn<'_>) -> Result<Self, StoreError> {
                let made = env
                    .create_databases_and_commit(wtxn, |opener, wtxn| -> Result<_, heed::Error> {
                        let all = [$(opener.create_database::<Bytes, Bytes>(wtxn, Some(stringify!($name)))?),+];
                        Ok(CommitOrAbort::<_, ()>::Commit(all))
                    })
                    .or_engine()?;
                let CommitOrAbort::Commit([$($name),+]) = made else {
                    return Err(StoreError::Engine("the databases could not be made".into()));
                };
                Ok(Self { $($name),+ })
            }

            /// Each with its name, for checks and sizes.
            pub(crate) fn all(&self) -> Vec<(&'static str, Db)> {
                vec![$((stringify!($name), self.$name)),+]
            }
        }
    };
}
databases!(
    rows,
    facts,
    terms,
    by_key,
    by_modified,
    by_expiry,
    pending,
    history,
    tombstones,
    config,
    access,
    exports,
    audit,
    imports,
    meta,
);

/// The open environment.
pub(crate) struct Engine {
    pub env: Env<WithoutTls>,
    pub dbs: Databases,
    dir: PathBuf,
}

impl Engine {
    /// Opens the environment in `dir`, makes what isn't there, refuses a newer format, clears readers that died.
    pub(crate) fn open(dir: &Path) -> Result<Self, StoreError> {
        let env = open_environment(dir)?;
        env.clear_stale_readers().or_engine()?;
        // The format is looked at before any database of ours is touched: a newer program may have made them otherwise.
        let seen = env_format(&env)?;
        if seen.is_some_and(|seen| seen > meta::FORMAT) {
            return Err(StoreError::Version(format!(
                "{} was written by a newer Sayso (format {}, this program knows up to {}); use that program, or restore a \
                 backup made by this one",
                dir.display(),
                seen.unwrap_or_default(),
                meta::FORMAT
            )));
        }
        if let Some(seen) = seen.filter(|seen| *seen < meta::FORMAT) {
            return Err(StoreError::Version(format!(
                "{} was written by an earlier Sayso (format {seen}, this program reads {}); export its profiles with that \
                 program and load them into a new directory",
                dir.display(),
                meta::FORMAT
            )));
        }
        // Beside a running server this commits nothing: every database is there and no page becomes dirty.
        let dbs = Databases::create(&env, env.write_txn().or_engine()?)?;
        if seen.is_none() {
            let mut wtxn = env.write_txn().or_engine()?;
            meta::put_format(&dbs, &mut wtxn)?;
            wtxn.commit().or_engine()?;
            // The engine syncs what is in its file; that the directory names the file is for us to make last.
            let synced = File::open(dir).and_then(|dir| dir.sync_all());
            synced.map_err(|e| StoreError::Engine(format!("{} can't be synced: {e}", dir.display())))?;
        }
        Ok(Self { env, dbs, dir: dir.to_owned() })
    }

    /// A read transaction, tied to no thread.
    pub(crate) fn read(&self) -> Result<Read<'_>, StoreError> {
        self.env.read_txn().or_engine()
    }

    /// A read transaction that holds the environment open by itself, for snapshots.
    pub(crate) fn lasting_read(&self) -> Result<Read<'static>, StoreError> {
        self.env.clone().static_read_txn().or_engine()
    }

    /// The directory of the environment.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// How many databases the file has, whether this program knows them or not.
    pub(crate) fn database_count(&self) -> Result<u64, StoreError> {
        let opened = self
            .env
            .open_databases_and_commit(self.read()?, |opener, rtxn| -> Result<_, heed::Error> {
                opener.open_database::<Bytes, Bytes>(rtxn, None).map(CommitOrAbort::<_, ()>::Commit)
            })
            .or_engine()?;
        let txn = self.read()?;
        match opened {
            CommitOrAbort::Commit(Some(names)) => names.len(&txn).or_engine(),
            _ => Ok(0),
        }
    }

    /// Bytes of the file, and of those the ones in pages that hold nothing any more.
    pub(crate) fn file_and_free_bytes(&self) -> Result<(u64, u64), StoreError> {
        let file = self.env.real_disk_size().or_engine()?;
        let txn = self.read()?;
        let main = self.env.unnamed_database_stat();
        let pages = |s: &heed::DatabaseStat| (s.branch_pages + s.leaf_pages + s.overflow_pages) as u64;
        let mut used = pages(&main);
        for (_, db) in self.dbs.all() {
            used += pages(&db.stat(&txn).or_engine()?);
        }
        let all = self.env.info().last_page_number as u64 + 1;
        Ok((file, all.saturating_sub(used).saturating_mul(u64::from(main.page_size))))
    }
}

/// Bytes that somebody without privileges may still write to the disk of a directory.
pub(crate) fn free_disk(dir: &Path) -> Result<u64, StoreError> {
    let fs = rustix::fs::statvfs(dir)
        .map_err(|e| StoreError::Engine(format!("the free space of {} is unknown: {e}", dir.display())))?;
    Ok(fs.f_bavail.saturating_mul(fs.f_frsize))
}

/// The format that the directory says it has; `None` for a new one.
fn env_format(env: &Env<WithoutTls>) -> Result<Option<u32>, StoreError> {
    let rtxn = env.read_txn().or_engine()?;
    let opened = env
        .open_databases_and_commit(rtxn, |opener, rtxn| -> Result<_, heed::Error> {
            opener.open_database::<Bytes, Bytes>(rtxn, Some("meta")).map(CommitOrAbort::<_, ()>::Commit)
        })
        .or_engine()?;
    match opened {
        CommitOrAbort::Commit(Some(db)) => meta::format(db, &env.read_txn().or_engine()?),
        _ => Ok(None),
    }
}

/// Opens the environment with the largest map that the machine grants.
pub(crate) fn open_environment(dir: &Path) -> Result<Env<WithoutTls>, StoreError> {
    take_reader_table(dir);
    let mut refused = None;
    for size in MAP_SIZES {
        let mut options = EnvOpenOptions::new().read_txn_without_tls();
        options.map_size(size).max_readers(READERS).max_dbs(32);
        match sayso_mapped::open(&options, dir) {
            Ok(env) => {
                if size != MAP_SIZES[0] {
                    tracing::warn!(
                        map_bytes = size,
                        "the machine refused a map of {} bytes; the data can grow to {size} bytes only (see ulimit -v)",
                        MAP_SIZES[0]
                    );
                }
                return Ok(env);
            }
            Err(heed::Error::Io(e)) if is_about_memory(&e) => refused = Some(e),
            Err(heed::Error::EnvAlreadyOpened) => {
                return Err(StoreError::Engine(format!(
                    "{} is open in this process already; clone the open store instead",
                    dir.display()
                )));
            }
            Err(heed::Error::Mdb(MdbError::Invalid | MdbError::VersionMismatch)) => {
                return Err(StoreError::Unopened(format!(
                    "{} is no data file of Sayso, or damaged; name another --data, or restore a backup (docs/operating.md)",
                    dir.join(DATA_FILE).display()
                )));
            }
            Err(heed::Error::Io(e)) if e.kind() == ErrorKind::PermissionDenied => {
                let (file, whose) = (dir.join(DATA_FILE), lock::owner(&dir.join(DATA_FILE), &e));
                return Err(StoreError::Unopened(format!("{} can't be opened: {e}{whose}", file.display())));
            }
            Err(e) => return Err(StoreError::Engine(format!("{} can't be opened: {e}", dir.display()))),
        }
    }
    let why = refused.map_or_else(String::new, |e| e.to_string());
    Err(StoreError::Engine(format!("{} can't be mapped into memory, not even 1 GiB of it: {why}", dir.display())))
}

/// Takes the disk for the table of readers before it is needed. LMDB maps it as a sparse file, and a page of it that is written to first
/// on a full disk ends the process (SIGBUS). Done before the environment is open here, since closing a second handle of the
/// file would let go of the locks that LMDB has on it; its size stays, since other processes may have it mapped.
fn take_reader_table(dir: &Path) {
    if heed::env_closing_event(dir).is_some() {
        return;
    }
    let taken = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(dir.join("lock.mdb"));
    let taken = taken.and_then(|file| {
        let size = file.metadata()?.len().max(u64::from(READERS) * READER + READER_HEAD);
        Ok(rustix::fs::fallocate(&file, FallocateFlags::KEEP_SIZE, 0, size)?)
    });
    // Not every filesystem can, and LMDB itself says it better when the directory can't be written.
    if let Err(error) = taken {
        tracing::debug!(%error, "the table of readers could not be given room beforehand");
    }
}

fn is_about_memory(e: &std::io::Error) -> bool {
    use rustix::io::Errno;
    [Errno::NOMEM, Errno::INVAL, Errno::FBIG, Errno::OVERFLOW]
        .iter()
        .any(|n| e.raw_os_error() == Some(n.raw_os_error()))
}

fn is_about_room(e: &std::io::Error) -> bool {
    use rustix::io::Errno;
    [Errno::NOSPC, Errno::DQUOT].iter().any(|n| e.raw_os_error() == Some(n.raw_os_error()))
}

/// Turns the engine's errors into ours where they arise, so that no type of the engine leaks.
pub(crate) trait OrEngine<T> {
    /// The value, or [`StoreError::Engine`] ([`StoreError::NotKept`] when there was no room for a write).
    fn or_engine(self) -> Result<T, StoreError>;
}

impl<T> OrEngine<T> for heed::Result<T> {
    fn or_engine(self) -> Result<T, StoreError> {
        self.map_err(|e| match e {
            heed::Error::Mdb(MdbError::MapFull) => {
                StoreError::NotKept("the data file has reached its largest size".into())
            }
            // A large transaction writes pages before its commit: the disk may fill up in the middle of it.
            heed::Error::Io(e) if is_about_room(&e) => {
                StoreError::NotKept(format!("there is no room on the disk: {e}"))
            }
            heed::Error::Mdb(MdbError::ReadersFull) => {
                StoreError::Engine(format!("more than {READERS} readers at once; try again when some have ended"))
            }
            heed::Error::Mdb(e @ (MdbError::Corrupted | MdbError::PageNotFound | MdbError::Invalid)) => {
                StoreError::Damaged(format!("{e}; restore a backup"))
            }
            e => StoreError::Engine(e.to_string()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_fills_up_in_a_write_is_no_fault_of_the_engine() {
        for errno in [rustix::io::Errno::NOSPC, rustix::io::Errno::DQUOT] {
            let failed: heed::Result<()> = Err(heed::Error::Io(errno.into()));
            assert!(matches!(failed.or_engine(), Err(StoreError::NotKept(_))), "{errno}");
        }
        let failed: heed::Result<()> = Err(heed::Error::Io(rustix::io::Errno::IO.into()));
        assert!(matches!(failed.or_engine(), Err(StoreError::Engine(_))));
    }
}
