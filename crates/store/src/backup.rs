//! A copy of the data while everybody goes on: the engine's own, from one read transaction (house.md: never `cp` of the live file).
//!
//! A backup holds the data file and nothing else. Export files stay behind: they hold people's data for hours only, and whoever starts a
//! server on a copy finds exports that were being made started again, and complete ones ended (`sayso_export`).

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::mpsc::{RecvTimeoutError, sync_channel},
    time::Duration,
};

use heed::CompactionOption;

use crate::{
    Store, StoreError,
    engine::{DATA_FILE, OrEngine, free_disk},
    lock::{self, Lock},
};

/// Between two reports of progress.
const REPORT_EVERY: Duration = Duration::from_millis(100);

impl Store {
    /// Copies the data to a directory that isn't there yet or is empty; gives the bytes of the copy. It is written under another name
    /// beside it (`….partial`), synced, and only then gets its own: whatever stops it, there is a whole backup of that name or none.
    /// `progress` is told the bytes written so far, and about how many there will be.
    ///
    /// # Errors
    /// [`StoreError::NotCopied`] when the place won't do, or there is no room: the text says what to do.
    pub fn backup(&self, target: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<u64, StoreError> {
        let (parent, target) = place(target, self.directory())?;
        let engine = &self.shared().engine;
        let (file, free) = engine.file_and_free_bytes()?;
        let needed = file.saturating_sub(free);
        room_for(&parent, needed, self.shared().disk_reserve)?;

        let partial = beside(&target);
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&partial);
        made.map_err(during("making the folder", &partial))?;
        let _lock = Lock::alone(&partial).map_err(|e| match e {
            StoreError::Locked(_) => StoreError::NotCopied(format!("another backup is writing {}", partial.display())),
            e => e,
        })?;
        clear(&partial)?;
        let copied = self.copy_into(&partial, needed, progress).and_then(|bytes| {
            // Onto an empty directory, or no directory; anything else the system refuses.
            fs::rename(&partial, &target).map_err(during("renaming the finished copy to", &target))?;
            sync_folder(&parent)?;
            Ok(bytes)
        });
        if copied.is_err()
            && let Err(e) = fs::remove_dir_all(&partial)
            && e.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!("{} can't be removed: {e}; it is part of a backup, and of no use", partial.display());
        }
        copied
    }

    fn copy_into(&self, dir: &Path, about: u64, progress: &mut dyn FnMut(u64, u64)) -> Result<u64, StoreError> {
        let path = dir.join(DATA_FILE);
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let mut file = made.map_err(during("making", &path))?;
        let written = || fs::metadata(&path).map_or(0, |m| m.len());
        let (done, ended) = sync_channel::<()>(1);
        std::thread::scope(|scope| {
            let copying = scope.spawn(|| {
                // Dropped when the copy has ended, however it ended.
                let _done = done;
                self.shared().engine.env.copy_to_file(&mut file, CompactionOption::Enabled).or_engine()
            });
            while ended.recv_timeout(REPORT_EVERY) == Err(RecvTimeoutError::Timeout) {
                progress(written(), about);
            }
            copying.join().unwrap_or_else(|_| Err(StoreError::Engine("the copy broke off inside the program".into())))
        })
        .map_err(|e| not_copied(e, &path))?;
        file.sync_all().map_err(during("syncing", &path))?;
        sync_folder(dir)?;
        Ok(written())
    }
}

/// Where the backup goes: the folder that it will lie in, and its own path there.
fn place(target: &Path, data: &Path) -> Result<(PathBuf, PathBuf), StoreError> {
    let refused = |why: String| Err(StoreError::NotCopied(format!("no backup can go to {}: {why}", target.display())));
    let Some(name) = target.file_name() else {
        return refused("it has no name of its own; name a new directory, such as /backup/sayso-monday".into());
    };
    let parent = target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let parent = match parent.canonicalize() {
        Ok(parent) => parent,
        // It isn't made: where the disk for backups isn't mounted, that would fill another one.
        Err(e) => return refused(format!("the folder {} can't be used ({e}); make it first", parent.display())),
    };
    let target = parent.join(name);
    if target.starts_with(data) {
        return refused(format!("it lies in the data directory {}; name a place outside it", data.display()));
    }
    match fs::read_dir(&target).map(|mut entries| entries.next().is_some()) {
        Ok(true) => refused("it is there and not empty; name a new one, or remove it".into()),
        Err(e) if e.kind() != io::ErrorKind::NotFound => refused(e.to_string()),
        Ok(false) | Err(_) => Ok((parent, target)),
    }
}

/// The name under which a backup is written.
fn beside(target: &Path) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

/// Takes away what a backup that was broken off has left; anything else in its place is somebody's, and stays.
fn clear(partial: &Path) -> Result<(), StoreError> {
    for entry in fs::read_dir(partial).map_err(during("listing", partial))? {
        let path = entry.map_err(during("listing", partial))?.path();
        if path.ends_with(DATA_FILE) {
            fs::remove_file(&path).map_err(during("removing", &path))?;
        } else if !path.ends_with(lock::OPEN) {
            let text =
                format!("{} is in the way, and not of a backup; move {} away", path.display(), partial.display());
            return Err(StoreError::NotCopied(text));
        }
    }
    Ok(())
}

/// Refuses to begin what the disk has no room for.
pub(crate) fn room_for(dir: &Path, bytes: u64, reserve: u64) -> Result<(), StoreError> {
    let free = free_disk(dir)?;
    if free < bytes.saturating_add(reserve) {
        return Err(StoreError::NotCopied(format!(
            "there is no room: about {bytes} bytes are needed and {reserve} kept free, but the disk of {} has {free}; \
             make room, or name another disk",
            dir.display()
        )));
    }
    Ok(())
}

/// The engine's error in writing a copy: what it says of a write that isn't kept isn't meant for one.
pub(crate) fn not_copied(error: StoreError, path: &Path) -> StoreError {
    match error {
        StoreError::NotKept(why) => StoreError::NotCopied(format!("{} can't be written: {why}", path.display())),
        error => error,
    }
}

/// The error of a file operation, with what was being done.
pub(crate) fn during<'a>(doing: &'a str, path: &'a Path) -> impl Fn(io::Error) -> StoreError + 'a {
    move |e| StoreError::NotCopied(format!("{doing} {}: {e}", path.display()))
}

pub(crate) fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    File::open(folder).and_then(|f| f.sync_all()).map_err(during("syncing the folder", folder))
}
