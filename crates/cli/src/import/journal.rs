//! How far an import is, beside its first file: one JSON object a line, so that a kill in the middle of writing costs the last line at most.
//! Whoever imports holds the journal's lock.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions, TryLockError},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

/// A line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Line {
    /// A run with these files and options began; the key makes its calls repeatable.
    Begun { options: String, key: String },
    /// The server has this import.
    Token(u64),
    /// A piece is about to be staged, and so many records were staged before it: how it is known whether it was, from a server that
    /// doesn't recognise repetitions.
    Sending { piece: u64, before: u64 },
    /// A piece is staged: the number of its first record, and how many it has.
    Staged { piece: u64, first: u64, records: u64 },
    /// Everything is staged, and is executed or about to be.
    Executed,
}

/// What the journal tells of a run that was broken off.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) options: Option<String>,
    pub(super) key: String,
    pub(super) token: Option<u64>,
    /// A piece of which nobody knows whether it is staged, and how many records were before it.
    pub(super) sending: Option<(u64, u64)>,
    /// First number and records of each staged piece.
    pub(super) staged: HashMap<u64, (u64, u64)>,
    pub(super) executed: bool,
}

/// An open journal.
pub(super) struct Journal {
    path: PathBuf,
    file: Mutex<File>,
}

impl Journal {
    /// Opens the journal of a file, for this process alone; tells what is in it.
    pub(super) fn open(of: &Path) -> anyhow::Result<(Journal, Told)> {
        let path = beside(of, "import");
        let open = OpenOptions::new().read(true).append(true).create(true).open(&path);
        let file =
            open.with_context(|| format!("{} can't be written; it tells how far the import is", path.display()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!("another sayso import is importing {}; wait for it", of.display()),
            Err(TryLockError::Error(e)) => {
                return Err(e).with_context(|| format!("{} can't be locked", path.display()));
            }
        }
        let told = read(&file).with_context(|| format!("{} can't be read", path.display()))?;
        Ok((Journal { path, file: Mutex::new(file) }, told))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a line; it is on disk when this returns.
    pub(super) fn add(&self, line: &Line) -> anyhow::Result<()> {
        let text = serde_json::to_string(line).context("a line of the journal is no JSON")?;
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // A torn line of before must not swallow this one.
        let write = file.write_all(format!("\n{text}\n").as_bytes()).and_then(|()| file.sync_data());
        write.with_context(|| format!("{} can't be written", self.path.display()))
    }

    /// Forgets everything, for a new run.
    pub(super) fn clear(&self) -> anyhow::Result<()> {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.set_len(0).with_context(|| format!("{} can't be emptied", self.path.display()))
    }

    /// Removes it: the import is over.
    pub(super) fn remove(self) -> anyhow::Result<()> {
        fs::remove_file(&self.path).with_context(|| format!("{} can't be removed", self.path.display()))
    }
}

/// `.NAME.what` in the same directory.
pub(super) fn beside(of: &Path, what: &str) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(of.file_name().unwrap_or_default());
    name.push(".");
    name.push(what);
    of.with_file_name(name)
}

fn read(file: &File) -> std::io::Result<Told> {
    let mut told = Told::default();
    for line in BufReader::new(file).split(b'\n') {
        // What can't be read was torn by a kill: what it would have told is found out again.
        let Ok(line) = serde_json::from_slice(&line?) else { continue };
        match line {
            Line::Begun { options, key } => told = Told { options: Some(options), key, ..Told::default() },
            Line::Token(token) => told.token = Some(token),
            Line::Sending { piece, before } => told.sending = Some((piece, before)),
            Line::Staged { piece, first, records } => {
                told.sending = told.sending.filter(|(sending, _)| *sending != piece);
                told.staged.insert(piece, (first, records));
            }
            Line::Executed => told.executed = true,
        }
    }
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_tells_what_is_staged_and_forgets_a_torn_line() {
        let dir = tempfile::tempdir().unwrap();
        let of = dir.path().join("people.csv");
        let (journal, told) = Journal::open(&of).unwrap();
        assert_eq!(told, Told::default());
        journal.add(&Line::Begun { options: "o".into(), key: "k".into() }).unwrap();
        journal.add(&Line::Token(7)).unwrap();
        journal.add(&Line::Sending { piece: 0, before: 0 }).unwrap();
        journal.add(&Line::Staged { piece: 0, first: 1, records: 10 }).unwrap();
        journal.add(&Line::Sending { piece: 1, before: 10 }).unwrap();
        journal.file.lock().unwrap().write_all(br#"{"Staged":{"pie"#).unwrap();
        assert!(Journal::open(&of).err().unwrap().to_string().contains("another sayso import"));
        drop(journal);
        let (journal, told) = Journal::open(&of).unwrap();
        assert_eq!((told.token, told.sending, told.executed), (Some(7), Some((1, 10)), false));
        assert_eq!(told.staged, HashMap::from([(0, (1, 10))]));
        journal.add(&Line::Executed).unwrap();
        drop(journal);
        let (journal, told) = Journal::open(&of).unwrap();
        assert!(told.executed, "the line after a torn one counts");
        journal.remove().unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
