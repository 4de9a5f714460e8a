//! Where the files of exports live, and how they come and go: written to a temporary name, synced, renamed; removed with
//! everything in them; swept at start-up when no job names them.

use std::{
    collections::HashSet,
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use sayso_model::id::{AccessToken, AccountNo};

use crate::{ExportError, record::Key};

const TEMPORARY: &str = ".tmp";
/// The extension of what a start has found and nobody needs: nothing is made under such a name.
const LEFT: &str = "left";

/// The folder of all exports: `{account}/{token}/` below it, `{account}/{token}.tmp/` while one is being made.
#[derive(Debug, Clone)]
pub(crate) struct Exports {
    root: PathBuf,
}

impl Exports {
    pub fn new(store_directory: &Path) -> Self {
        Self { root: store_directory.join("exports") }
    }

    /// Whether there is a folder of exports at all: in a backup there is none.
    pub fn exist(&self) -> bool {
        self.root.is_dir()
    }

    fn account(&self, account: AccountNo) -> PathBuf {
        self.root.join(account.to_string())
    }

    /// Where a finished export's files are.
    pub fn folder(&self, (account, token): Key) -> PathBuf {
        self.account(account).join(token.to_string())
    }

    fn temporary(&self, (account, token): Key) -> PathBuf {
        self.account(account).join(format!("{token}{TEMPORARY}"))
    }

    /// An empty folder to make an export in; what a former attempt left there is gone.
    pub fn begin(&self, key: Key) -> Result<PathBuf, ExportError> {
        let folder = self.temporary(key);
        remove(&folder)?;
        // The files hold what the store's own file holds, which nobody but its owner may read.
        let mut builder = DirBuilder::new();
        builder.mode(0o700);
        match builder.create(&self.root) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            made => {
                made.map_err(during("making the folder", &self.root))?;
                self.root.parent().map_or(Ok(()), sync_folder)?;
            }
        }
        let made = builder.recursive(true).create(&folder);
        made.map_err(during("making the folder", &folder))?;
        Ok(folder)
    }

    /// Gives the finished folder its name and makes that last; every file in it has been synced before.
    pub fn finish(&self, key: Key) -> Result<(), ExportError> {
        let (from, to) = (self.temporary(key), self.folder(key));
        sync_folder(&from)?;
        remove(&to)?;
        fs::rename(&from, &to).map_err(during("renaming to", &to))?;
        sync_folder(&self.account(key.0))?;
        // The account's folder may be as new as the export in it.
        sync_folder(&self.root)
    }

    /// Removes whatever there is of an export. Pages that are being sent keep their open files.
    pub fn remove(&self, key: Key) -> Result<(), ExportError> {
        remove(&self.temporary(key))?;
        remove(&self.folder(key))
    }

    /// Takes the name from a finished export, which takes no time however large it is; gives its files, if there are any. They are those of an
    /// unfinished one then, to be [removed](remove) by who has the time.
    pub fn put_away(&self, key: Key) -> Result<Option<PathBuf>, ExportError> {
        let (from, to) = (self.folder(key), self.temporary(key));
        remove(&to)?;
        match fs::rename(&from, &to) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            renamed => renamed.map(|()| Some(to)).map_err(during("renaming", &from)),
        }
    }

    /// Removes what no live job names; gives how many entries went.
    pub fn remove_all_but(&self, live: &HashSet<Key>) -> Result<u64, ExportError> {
        let left = self.all_but(live)?;
        left.iter().try_for_each(|entry| remove(entry))?;
        Ok(left.len() as u64)
    }

    /// Takes the names from what no live job names, so that interrupted exports can be made anew under theirs; gives what is to be
    /// [removed](remove) by who has the time.
    pub fn put_away_all_but(&self, live: &HashSet<Key>) -> Result<Vec<PathBuf>, ExportError> {
        let mut left = Vec::new();
        for entry in self.all_but(live)? {
            let was_left = entry.extension().is_some_and(|extension| extension == LEFT);
            match if was_left { Ok(entry.clone()) } else { put_aside(&entry) } {
                Ok(entry) => left.push(entry),
                // As on a disk that has no room for a longer name: then what it makes room of goes at once.
                Err(error) => {
                    tracing::warn!(%error, "{} is removed before anybody is served", entry.display());
                    remove(&entry)?;
                }
            }
        }
        Ok(left)
    }

    /// What no live job names.
    fn all_but(&self, live: &HashSet<Key>) -> Result<Vec<PathBuf>, ExportError> {
        let mut left = Vec::new();
        for account in entries(&self.root)? {
            let number = name_of(&account).and_then(|n| n.parse().ok()).map(AccountNo);
            for export in entries(&account)? {
                let token = name_of(&export).and_then(|n| n.parse().ok()).map(AccessToken);
                let key = number.zip(token);
                if !key.is_some_and(|key| live.contains(&key) && self.folder(key) == export) {
                    left.push(export);
                }
            }
        }
        Ok(left)
    }
}

/// Gives it a name that nothing has.
fn put_aside(entry: &Path) -> io::Result<PathBuf> {
    let mut number = 0u64;
    loop {
        let to = entry.with_added_extension(format!("{number}.{LEFT}"));
        if !to.try_exists()? {
            return fs::rename(entry, &to).map(|()| to);
        }
        // What a former start had no time for.
        number += 1;
    }
}

fn name_of(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

/// The error of a file operation, with what was being done.
pub(crate) fn during<'a>(doing: &'a str, path: &'a Path) -> impl Fn(io::Error) -> ExportError + 'a {
    move |source| ExportError::Io { context: format!("{doing} {}", path.display()), source }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, ExportError> {
    let listed = match fs::read_dir(folder) {
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(Vec::new()),
        listed => listed,
    };
    let read = |entry: io::Result<fs::DirEntry>| entry.map(|e| e.path());
    listed.and_then(|list| list.map(read).collect()).map_err(during("listing", folder))
}

/// Removes a file or a folder with everything in it, should it be there.
pub(crate) fn remove(path: &Path) -> Result<(), ExportError> {
    let removed = match fs::remove_dir_all(path) {
        Err(e) if e.kind() == io::ErrorKind::NotADirectory => fs::remove_file(path),
        removed => removed,
    };
    match removed {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(during("removing", path)),
    }
}

fn sync_folder(folder: &Path) -> Result<(), ExportError> {
    File::open(folder).and_then(|f| f.sync_all()).map_err(during("syncing the folder", folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(account: u32, token: u64) -> Key {
        (AccountNo(account), AccessToken(token))
    }

    #[test]
    fn only_what_a_live_job_names_survives_the_start() {
        let dir = tempfile::tempdir().unwrap();
        let exports = Exports::new(dir.path());
        for token in [5, 6, 7] {
            let folder = exports.begin(key(1, token)).unwrap();
            fs::write(folder.join("rows"), "x").unwrap();
            if token != 7 {
                exports.finish(key(1, token)).unwrap();
            }
        }
        fs::write(dir.path().join("exports/1/what"), "x").unwrap();
        let removed = exports.remove_all_but(&HashSet::from([key(1, 5), key(1, 7)])).unwrap();
        assert_eq!(removed, 3, "the unnamed 6, the unfinished 7, the stray file");
        assert_eq!(entries(&dir.path().join("exports/1")).unwrap(), [exports.folder(key(1, 5))]);
    }

    #[test]
    fn what_a_start_finds_leaves_its_names_at_once_and_is_found_again_until_it_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let exports = Exports::new(dir.path());
        for token in [5, 6] {
            fs::write(exports.begin(key(1, token)).unwrap().join("rows"), "x").unwrap();
        }
        exports.finish(key(1, 5)).unwrap();
        let live = HashSet::from([key(1, 5), key(1, 6)]);
        let left = exports.put_away_all_but(&live).unwrap();
        assert_eq!(exports.put_away_all_but(&live).unwrap(), left);
        assert!(left.len() == 1 && left[0].join("rows").exists(), "{left:?}");
        let anew = exports.begin(key(1, 6)).unwrap();
        assert!(left[0].exists(), "it is in nobody's way");
        remove(&left[0]).unwrap();
        assert!(anew.exists() && exports.folder(key(1, 5)).exists());

        // Interrupted twice, and nothing was removed in between.
        for times in 1..=2 {
            fs::write(exports.begin(key(1, 6)).unwrap().join("rows"), "x").unwrap();
            let left: HashSet<_> = exports.put_away_all_but(&live).unwrap().into_iter().collect();
            assert!(left.len() == times && left.iter().all(|left| left.exists()), "{left:?}");
        }
        // A name that can't be longer.
        let stray = dir.path().join("exports/1").join("x".repeat(255));
        fs::write(&stray, "x").unwrap();
        assert_eq!(exports.put_away_all_but(&live).unwrap().len(), 2);
        assert!(!stray.exists());
    }

    #[test]
    fn what_was_put_away_has_no_name_and_is_removed_by_whoever_comes_first() {
        let dir = tempfile::tempdir().unwrap();
        let exports = Exports::new(dir.path());
        for token in [5, 6] {
            fs::write(exports.begin(key(1, token)).unwrap().join("rows"), "x").unwrap();
            exports.finish(key(1, token)).unwrap();
            assert!(exports.put_away(key(1, token)).unwrap().is_some_and(|files| files.join("rows").exists()));
            assert!(!exports.folder(key(1, token)).exists());
        }
        exports.remove(key(1, 5)).unwrap();
        assert_eq!(exports.remove_all_but(&HashSet::from([key(1, 5), key(1, 6)])).unwrap(), 1, "the start removes 6");
        assert_eq!(entries(&dir.path().join("exports/1")).unwrap(), [] as [PathBuf; 0]);
    }

    #[test]
    fn removing_what_is_not_there_is_no_error() {
        let dir = tempfile::tempdir().unwrap();
        Exports::new(dir.path()).remove(key(1, 1)).unwrap();
        assert_eq!(Exports::new(dir.path()).put_away(key(1, 1)).unwrap(), None);
        assert_eq!(Exports::new(dir.path()).put_away_all_but(&HashSet::new()).unwrap(), [] as [PathBuf; 0]);
        assert_eq!(Exports::new(dir.path()).remove_all_but(&HashSet::new()).unwrap(), 0);
    }
}
