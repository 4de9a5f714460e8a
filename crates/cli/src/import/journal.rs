//! How far an import is, beside its first file ([`crate::journal`]).

use std::{collections::HashMap, path::Path};

use sayso_client::UnknownMember;
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
    /// A piece is staged: the number of its first record, how many it has, and what the server passed over in them, which it tells once.
    Staged {
        piece: u64,
        first: u64,
        records: u64,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unknown: Vec<UnknownMember>,
    },
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
    /// Each staged piece by its number.
    pub(super) staged: HashMap<u64, Before>,
    pub(super) executed: bool,
}

impl Told {
    /// Whether something is staged, or may be.
    pub(super) fn has_staged(&self) -> bool {
        !self.staged.is_empty() || self.sending.is_some() || self.executed
    }
}

/// A piece that a run before has staged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Before {
    /// The number of its first record.
    pub(super) first: u64,
    /// How many it has.
    pub(super) records: u64,
    /// What was passed over in them.
    pub(super) unknown: Vec<UnknownMember>,
}

/// An open journal.
pub(super) type Journal = crate::journal::Journal<Line>;

/// Opens the journal of a file, for this process alone; tells what is in it.
pub(super) fn open(of: &Path) -> anyhow::Result<(Journal, Told)> {
    let busy = format!("another sayso import is importing {}; wait for it", of.display());
    let mut told = Told::default();
    let journal = Journal::open(of, "import", &busy, |line| match line {
        Line::Begun { options, key } => told = Told { options: Some(options), key, ..Told::default() },
        Line::Token(token) => told.token = Some(token),
        Line::Sending { piece, before } => told.sending = Some((piece, before)),
        Line::Staged { piece, first, records, unknown } => {
            told.sending = told.sending.filter(|(sending, _)| *sending != piece);
            told.staged.insert(piece, Before { first, records, unknown });
        }
        Line::Executed => told.executed = true,
    })?;
    Ok((journal, told))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_tells_what_is_staged() {
        let dir = tempfile::tempdir().unwrap();
        let of = dir.path().join("people.csv");
        let (journal, told) = open(&of).unwrap();
        assert_eq!(told, Told::default());
        journal.add(&Line::Begun { options: "o".into(), key: "k".into() }).unwrap();
        journal.add(&Line::Token(7)).unwrap();
        drop(journal);
        let (journal, told) = open(&of).unwrap();
        assert!(told.token.is_some() && !told.has_staged());
        journal.add(&Line::Sending { piece: 0, before: 0 }).unwrap();
        let unknown = vec![UnknownMember { sequence: Some(4), path: "Shoe".into(), message: "was passed over".into() }];
        journal.add(&Line::Staged { piece: 0, first: 1, records: 10, unknown: unknown.clone() }).unwrap();
        journal.add(&Line::Sending { piece: 1, before: 10 }).unwrap();
        assert!(open(&of).err().unwrap().to_string().contains("another sayso import"));
        drop(journal);
        let (journal, told) = open(&of).unwrap();
        assert!(told.has_staged());
        assert_eq!((told.token, told.sending, told.executed), (Some(7), Some((1, 10)), false));
        assert_eq!(told.staged, HashMap::from([(0, Before { first: 1, records: 10, unknown })]));
        let of_before = r#"{"Staged":{"piece":1,"first":11,"records":2}}"#;
        let line: Line = serde_json::from_str(of_before).unwrap();
        assert_eq!(line, Line::Staged { piece: 1, first: 11, records: 2, unknown: Vec::new() });
        assert_eq!(serde_json::to_string(&line).unwrap(), of_before);
        journal.add(&Line::Executed).unwrap();
        drop(journal);
        let (journal, told) = open(&of).unwrap();
        assert!(told.executed);
        journal.remove().unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
