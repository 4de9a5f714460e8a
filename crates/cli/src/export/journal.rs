//! How far an export is, beside its unfinished file: one JSON object a line, so that a kill in the middle of writing costs the last line
//! at most. Whoever writes a file holds its journal's lock.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

/// A line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Line {
    /// A run with these options began; the key makes its Initiate repeatable.
    Begun { options: String, key: String, began: String },
    /// The export is complete on the server.
    Complete { token: u64, rows: u64, snapshot: Option<String> },
    /// So much is on disk.
    Mark(Mark),
    /// All of it is on disk, as `part`, and has only to be renamed to `file`.
    Whole { part: PathBuf, file: PathBuf, bytes: u64 },
}

/// What is on disk for certain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// Records, from the first one on.
    pub(super) rows: u64,
    /// The number in the unfinished file's name.
    pub(super) part: u64,
    /// Bytes of that file that count.
    pub(super) bytes: u64,
    /// The same before compression.
    pub(super) plain: u64,
}

/// What the journal tells of a run that was broken off.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) options: Option<String>,
    pub(super) key: String,
    /// When that run began, by this machine's clock.
    pub(super) began: String,
    /// Token, rows, snapshot.
    pub(super) complete: Option<(u64, u64, Option<String>)>,
    pub(super) mark: Mark,
    /// The whole file, its place, its bytes before compression.
    pub(super) whole: Option<(PathBuf, PathBuf, u64)>,
}

/// An open journal.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Opens the journal of a file, for this process alone; tells what is in it.
    pub(super) fn open(of: &Path) -> anyhow::Result<(Journal, Told)> {
        let path = beside(of, "journal");
        loop {
            let open = OpenOptions::new().read(true).append(true).create(true).open(&path);
            let file = open.with_context(|| format!("{} can't be written", path.display()))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    bail!("another sayso export is writing {}; wait for it, or give another --out", of.display())
                }
                Err(TryLockError::Error(e)) => {
                    return Err(e).with_context(|| format!("{} can't be locked", path.display()));
                }
            }
            // Another run may have finished, and removed the file, between the two.
            if is_still(&path, &file) {
                let told = read(&file).with_context(|| format!("{} can't be read", path.display()))?;
                return Ok((Journal { path, file }, told));
            }
        }
    }

    /// Adds a line; it is on disk when this returns.
    pub(super) fn add(&mut self, line: &Line) -> anyhow::Result<()> {
        let text = serde_json::to_string(line).context("a line of the journal is no JSON")?;
        // A torn line of before must not swallow this one.
        let write = self.file.write_all(format!("\n{text}\n").as_bytes()).and_then(|()| self.file.sync_data());
        write.with_context(|| format!("{} can't be written", self.path.display()))
    }

    /// Forgets everything, for a new run.
    pub(super) fn clear(&mut self) -> anyhow::Result<()> {
        self.file.set_len(0).with_context(|| format!("{} can't be emptied", self.path.display()))
    }

    /// Removes it: the run is over.
    pub(super) fn remove(self) -> anyhow::Result<()> {
        fs::remove_file(&self.path).with_context(|| format!("{} can't be removed", self.path.display()))
    }
}

/// `.NAME.what` in the same directory: hidden, so that nobody takes what isn't finished.
pub(super) fn beside(of: &Path, what: &str) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(of.file_name().unwrap_or_default());
    name.push(".");
    name.push(what);
    of.with_file_name(name)
}

#[cfg(unix)]
fn is_still(path: &Path, file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    let inode = |m: io::Result<fs::Metadata>| m.map(|m| (m.dev(), m.ino())).ok();
    inode(fs::metadata(path)) == inode(file.metadata())
}

#[cfg(not(unix))]
fn is_still(path: &Path, _: &File) -> bool {
    path.exists()
}

fn read(file: &File) -> io::Result<Told> {
    let mut told = Told::default();
    for line in BufReader::new(file).split(b'\n') {
        // What can't be read was torn by a kill: what it would have told is done again.
        let Ok(line) = serde_json::from_slice(&line?) else { continue };
        match line {
            Line::Begun { options, key, began } => {
                told = Told { options: Some(options), key, began, ..Told::default() };
            }
            Line::Complete { token, rows, snapshot } => told.complete = Some((token, rows, snapshot)),
            Line::Mark(mark) => told.mark = mark,
            Line::Whole { part, file, bytes } => told.whole = Some((part, file, bytes)),
        }
    }
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_tells_what_was_on_disk_and_forgets_a_torn_line() {
        let dir = tempfile::tempdir().unwrap();
        let of = dir.path().join("people.ndjson");
        let (mut journal, told) = Journal::open(&of).unwrap();
        assert_eq!(told, Told::default());
        journal.add(&Line::Begun { options: "o".into(), key: "k".into(), began: "b".into() }).unwrap();
        journal.add(&Line::Complete { token: 7, rows: 9, snapshot: Some("s".into()) }).unwrap();
        let mark = Mark { rows: 4, part: 0, bytes: 40, plain: 80 };
        journal.add(&Line::Mark(mark)).unwrap();
        journal.file.write_all(br#"{"Mark":{"rows":8,"pa"#).unwrap();
        drop(journal);

        let (mut journal, told) = Journal::open(&of).unwrap();
        assert_eq!(told.complete, Some((7, 9, Some("s".into()))));
        assert_eq!((told.options.as_deref(), told.mark, told.whole), (Some("o"), mark, None));
        let more = Mark { rows: 9, ..mark };
        journal.add(&Line::Mark(more)).unwrap();
        drop(journal);
        let (journal, told) = Journal::open(&of).unwrap();
        assert_eq!(told.mark, more, "the line after a torn one counts");
        journal.remove().unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn one_process_writes_a_file_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let of = dir.path().join("people.ndjson");
        let first = Journal::open(&of).unwrap();
        let error = Journal::open(&of).err().unwrap().to_string();
        assert!(error.contains("another sayso export is writing"), "{error}");
        drop(first);
        assert!(Journal::open(&of).is_ok());
    }
}
