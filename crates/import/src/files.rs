//! Where the files of imports live, `imports/{account}/{token}/{file}` of the data directory, and how they go.

use std::{
    collections::HashSet,
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use sayso_store::imports::Key;

use crate::ImportError;

/// The folder of all imports.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    root: PathBuf,
}

impl Files {
    pub fn new(store_directory: &Path) -> Self {
        Self { root: store_directory.join("imports") }
    }

    /// Whether there is a folder of imports at all: in a backup there is none.
    pub fn exist(&self) -> bool {
        self.root.is_dir()
    }

    fn folder(&self, (account, token): Key) -> PathBuf {
        self.root.join(account.to_string()).join(token.to_string())
    }

    /// The file of a stage call.
    pub fn file(&self, key: Key, file: u64) -> PathBuf {
        self.folder(key).join(file.to_string())
    }

    /// Makes the folder of an import, and makes that last.
    pub fn begin(&self, key: Key) -> Result<(), ImportError> {
        let folder = self.folder(key);
        if folder.is_dir() {
            return Ok(());
        }
        // What is staged is as private as the store's own file.
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(during("making the folder", &folder))?;
        folder.ancestors().skip(1).take(3).try_for_each(sync_folder)
    }

    /// Removes the file of a stage call.
    pub fn remove_file(&self, key: Key, file: u64) -> Result<(), ImportError> {
        remove(&self.file(key, file))
    }

    /// Removes everything of an import.
    pub fn remove(&self, key: Key) -> Result<(), ImportError> {
        remove(&self.folder(key))
    }

    /// What lies there of an import.
    pub fn of(&self, key: Key) -> Result<Vec<PathBuf>, ImportError> {
        entries(&self.folder(key))
    }

    /// Removes what isn't one of these files; gives how many went.
    pub fn remove_all_but(&self, named: &HashSet<PathBuf>) -> Result<u64, ImportError> {
        let mut removed = 0;
        for account in entries(&self.root)? {
            for import in entries(&account)? {
                let files = entries(&import)?;
                let mut left = files.len();
                for file in files {
                    if !named.contains(&file) {
                        remove(&file)?;
                        removed += 1;
                        left -= 1;
                    }
                }
                if left == 0 {
                    remove(&import)?;
                }
            }
        }
        Ok(removed)
    }
}

/// The error of a file operation, with what was being done. A full disk is one of its own.
pub(crate) fn during<'a>(doing: &'a str, path: &'a Path) -> impl Fn(io::Error) -> ImportError + 'a {
    move |source| match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ImportError::NoRoom,
        _ => ImportError::Io { context: format!("{doing} {}", path.display()), source },
    }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, ImportError> {
    let listed = match fs::read_dir(folder) {
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(Vec::new()),
        listed => listed,
    };
    let read = |entry: io::Result<fs::DirEntry>| entry.map(|e| e.path());
    listed.and_then(|list| list.map(read).collect()).map_err(during("listing", folder))
}

fn remove(path: &Path) -> Result<(), ImportError> {
    let removed = match fs::remove_dir_all(path) {
        Err(e) if e.kind() == io::ErrorKind::NotADirectory => fs::remove_file(path),
        removed => removed,
    };
    match removed {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(during("removing", path)),
    }
}

/// Makes names in a folder last.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), ImportError> {
    File::open(folder).and_then(|f| f.sync_all()).map_err(during("syncing the folder", folder))
}
