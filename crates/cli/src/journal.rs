//! How far a command is that may be killed at any moment, beside the file that it is about: one JSON object a line, so that a kill in the
//! middle of writing costs the last line at most. Whoever works on the file holds its journal's lock.

use std::{
    fs::{self, File, TryLockError},
    io::{self, BufRead, BufReader, Write},
    marker::PhantomData,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use serde::{Serialize, de::DeserializeOwned};

use crate::private;

/// An open journal with lines of this kind.
pub(crate) struct Journal<L> {
    path: PathBuf,
    file: File,
    lines: PhantomData<fn(L)>,
}

impl<L: Serialize + DeserializeOwned> Journal<L> {
    /// Opens `.NAME.what` of a file, for this process alone, and tells each line that is in it; `busy` says what another process does
    /// that has it.
    ///
    /// # Errors
    /// Another process has it, or it can't be written.
    pub(crate) fn open(of: &Path, what: &str, busy: &str, mut tell: impl FnMut(L)) -> anyhow::Result<Self> {
        let path = beside(of, what);
        loop {
            let open = private::options().read(true).append(true).open(&path);
            let file = open.with_context(|| format!("{} can't be written", path.display()))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => bail!("{busy}"),
                Err(TryLockError::Error(e)) => {
                    return Err(e).with_context(|| format!("{} can't be locked", path.display()));
                }
            }
            // Another run may have finished, and removed the file, between the two.
            if is_still(&path, &file) {
                tell_lines(&path, &file, &mut tell)?;
                return Ok(Self { path, file, lines: PhantomData });
            }
        }
    }

    /// Tells each line of the journal of a file, if there is one, whoever works on it; makes none.
    ///
    /// # Errors
    /// It can't be read.
    pub(crate) fn look(of: &Path, what: &str, tell: impl FnMut(L)) -> anyhow::Result<()> {
        let path = beside(of, what);
        match File::open(&path) {
            Ok(file) => tell_lines(&path, &file, tell),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(e).with_context(|| format!("{} can't be read", path.display())),
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a line; it is on disk when this returns.
    pub(crate) fn add(&self, line: &L) -> anyhow::Result<()> {
        let text = serde_json::to_string(line).context("a line of the journal is no JSON")?;
        // A torn line of before must not swallow this one.
        let write = (&self.file).write_all(format!("\n{text}\n").as_bytes()).and_then(|()| self.file.sync_data());
        write.with_context(|| format!("{} can't be written", self.path.display()))
    }

    /// Forgets everything, for a new run.
    pub(crate) fn clear(&self) -> anyhow::Result<()> {
        self.file.set_len(0).with_context(|| format!("{} can't be emptied", self.path.display()))
    }

    /// Removes it: the run is over.
    pub(crate) fn remove(self) -> anyhow::Result<()> {
        fs::remove_file(&self.path).with_context(|| format!("{} can't be removed", self.path.display()))
    }
}

fn tell_lines<L: DeserializeOwned>(path: &Path, file: &File, mut tell: impl FnMut(L)) -> anyhow::Result<()> {
    for line in BufReader::new(file).split(b'\n') {
        let line = line.with_context(|| format!("{} can't be read", path.display()))?;
        // What can't be read was torn by a kill: what it would have told is found out again.
        serde_json::from_slice(&line).into_iter().for_each(&mut tell);
    }
    Ok(())
}

/// A key that makes calls of a run repeatable, and that no other run has.
///
/// # Errors
/// The system gives no random bytes.
pub(crate) fn random_key() -> anyhow::Result<String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).context("the system gives no random bytes")?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

/// `.NAME.what` in the same directory: hidden, so that nobody takes what isn't finished.
pub(crate) fn beside(of: &Path, what: &str) -> PathBuf {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_key_is_another_one_each_time_and_can_be_a_header() {
        let (one, other) = (random_key().unwrap(), random_key().unwrap());
        assert!(one != other && one.len() == 32 && one.bytes().all(|byte| byte.is_ascii_hexdigit()), "{one} {other}");
    }

    #[test]
    fn a_torn_line_is_forgotten_and_the_line_after_it_counts() {
        let dir = tempfile::tempdir().unwrap();
        let of = dir.path().join("people.ndjson");
        let open = || {
            let mut lines = Vec::new();
            let journal = Journal::<(u32, String)>::open(&of, "what", "busy", |line| lines.push(line.0));
            journal.map(|journal| (journal, lines))
        };
        let (journal, lines) = open().unwrap();
        assert_eq!(lines, [0; 0]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(journal.file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        journal.add(&(1, "a\nb".into())).unwrap();
        (&journal.file).write_all(br#"[2,"tor"#).unwrap();
        assert_eq!(open().err().unwrap().to_string(), "busy", "one process has it at a time");
        drop(journal);
        let (journal, lines) = open().unwrap();
        assert_eq!(lines, [1]);
        journal.add(&(3, String::new())).unwrap();
        drop(journal);
        let (journal, lines) = open().unwrap();
        assert_eq!(lines, [1, 3]);
        let mut seen = Vec::new();
        Journal::<(u32, String)>::look(&of, "what", |line| seen.push(line.0)).unwrap();
        assert_eq!(seen, [1, 3], "also while another has it");
        journal.clear().unwrap();
        drop(journal);
        let (journal, lines) = open().unwrap();
        assert_eq!(lines, [0; 0]);
        journal.remove().unwrap();
        Journal::<(u32, String)>::look(&of, "what", |_| panic!("there is none")).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
