//! How far an export is, beside its unfinished file ([`crate::journal`]).

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Line {
    /// A run with these options began, at this server and account; the key makes its Initiate repeatable.
    Begun {
        options: String,
        key: String,
        began: String,
        #[serde(default)]
        at: String,
    },
    /// The export is complete on the server.
    Complete(Complete),
    /// So much is on disk.
    Mark(Mark),
    /// All of it is on disk, as `part`, and has only to be renamed to `file`.
    Whole { part: PathBuf, file: PathBuf, bytes: u64 },
}

/// An export that is complete on the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Complete {
    pub(super) token: u64,
    pub(super) rows: u64,
    /// Its moment, if the server tells it.
    pub(super) snapshot: Option<String>,
    /// By how much this machine's clock was ahead of the server's, ms.
    #[serde(default)]
    pub(super) ahead_ms: i64,
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
    /// The server and account of its token.
    pub(super) at: String,
    pub(super) complete: Option<Complete>,
    pub(super) mark: Mark,
    /// The whole file, its place, its bytes before compression.
    pub(super) whole: Option<(PathBuf, PathBuf, u64)>,
}

impl Told {
    fn take(&mut self, line: Line) {
        match line {
            Line::Begun { options, key, began, at } => {
                *self = Told { options: Some(options), key, began, at, ..Told::default() };
            }
            Line::Complete(complete) => self.complete = Some(complete),
            Line::Mark(mark) => self.mark = mark,
            Line::Whole { part, file, bytes } => self.whole = Some((part, file, bytes)),
        }
    }
}

/// An open journal.
pub(super) type Journal = crate::journal::Journal<Line>;

/// Opens the journal of a file, for this process alone; tells what is in it.
pub(super) fn open(of: &Path) -> anyhow::Result<(Journal, Told)> {
    let busy = format!("another sayso export is writing {}; wait for it, or give another --out", of.display());
    let mut told = Told::default();
    let journal = Journal::open(of, WHAT, &busy, |line| told.take(line))?;
    Ok((journal, told))
}

/// What the journal of a file tells, whoever works on it; makes none.
pub(super) fn look(of: &Path) -> anyhow::Result<Told> {
    let mut told = Told::default();
    Journal::look(of, WHAT, |line| told.take(line))?;
    Ok(told)
}

const WHAT: &str = "journal";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_tells_what_was_on_disk() {
        let dir = tempfile::tempdir().unwrap();
        let of = dir.path().join("people.ndjson");
        let (journal, told) = open(&of).unwrap();
        assert_eq!(told, Told::default());
        journal.add(&Line::Begun { options: "o".into(), key: "k".into(), began: "b".into(), at: "a".into() }).unwrap();
        let complete = Complete { token: 7, rows: 9, snapshot: Some("s".into()), ahead_ms: 5 };
        journal.add(&Line::Complete(complete.clone())).unwrap();
        let mark = Mark { rows: 4, part: 0, bytes: 40, plain: 80 };
        journal.add(&Line::Mark(mark)).unwrap();
        drop(journal);

        let (journal, told) = open(&of).unwrap();
        assert_eq!(told.complete, Some(complete));
        assert_eq!((told.options.as_deref(), told.mark, told.whole), (Some("o"), mark, None));
        let more = Mark { rows: 9, ..mark };
        journal.add(&Line::Mark(more)).unwrap();
        drop(journal);
        let (journal, told) = open(&of).unwrap();
        assert_eq!(told.mark, more, "the last one counts");
        journal.remove().unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn one_process_writes_a_file_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let of = dir.path().join("people.ndjson");
        let first = open(&of).unwrap();
        let error = open(&of).err().unwrap().to_string();
        assert!(error.contains("another sayso export is writing"), "{error}");
        drop(first);
        assert!(open(&of).is_ok());
    }
}
