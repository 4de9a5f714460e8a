//! The file of what wasn't imported: one JSON object a line, with file and line, the reasons, and the record. Written aside, renamed when it
//! is whole; nothing of it is left of a run in which everything went in.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;
use sayso_client::{Client, Error};
use serde_json::{Value, json};

use super::{StagedPieces, pieces::Rejected};
use crate::journal::beside;

/// Exceptions asked for at once.
const PAGE: u64 = 1_000;

/// The file under way.
pub(super) struct Exceptions {
    path: PathBuf,
    aside: PathBuf,
    out: BufWriter<File>,
    count: u64,
    broken: Option<std::io::Error>,
}

impl Exceptions {
    /// Begins a new one.
    pub(super) fn begin(path: &Path) -> anyhow::Result<Self> {
        let aside = beside(path, "part");
        let file = File::create(&aside).with_context(|| format!("{} can't be written", aside.display()))?;
        Ok(Self { path: path.to_owned(), aside, out: BufWriter::new(file), count: 0, broken: None })
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Adds a line that is no record.
    pub(super) fn add_local(&mut self, files: &[PathBuf], rejected: &Rejected) -> anyhow::Result<()> {
        let reasons = json!([{ "Path": "", "Message": rejected.why }]);
        self.add(&json!({
            "File": files.get(rejected.file), "Line": rejected.line, "SequenceNumber": null, "Exceptions": reasons, "UserProfile": null,
        }));
        self.fine()
    }

    /// Reads what the server refused.
    pub(super) async fn read(
        &mut self,
        client: &Client,
        token: u64,
        staged: &StagedPieces,
        files: &[PathBuf],
    ) -> Result<(), Error> {
        let mut pieces: Vec<_> = staged.values().collect();
        pieces.sort_by_key(|(first, _)| *first);
        let mut offset = 1;
        loop {
            let page = client.import_exceptions(token, PAGE, offset).await?;
            offset += page.exceptions.len() as u64;
            for exception in &page.exceptions {
                let at = pieces.partition_point(|(first, _)| *first <= exception.sequence);
                let piece = at.checked_sub(1).and_then(|at| pieces.get(at));
                let place = piece.and_then(|(first, lines)| lines.at(exception.sequence - first));
                let reasons: Vec<Value> = exception
                    .reasons
                    .iter()
                    .map(|(path, message)| json!({ "Path": path, "Message": message }))
                    .collect();
                self.add(&json!({
                    "File": place.and_then(|(file, _)| files.get(file)), "Line": place.map(|(_, line)| line),
                    "SequenceNumber": exception.sequence, "Exceptions": reasons, "UserProfile": exception.profile,
                }));
            }
            if !page.has_more || page.exceptions.is_empty() {
                return Ok(());
            }
        }
    }

    fn add(&mut self, line: &Value) {
        self.count += 1;
        if self.broken.is_none() {
            self.broken = writeln!(self.out, "{line}").err();
        }
    }

    fn fine(&mut self) -> anyhow::Result<()> {
        match self.broken.take() {
            None => Ok(()),
            Some(error) => Err(error).with_context(|| format!("{} can't be written", self.aside.display())),
        }
    }

    /// Gives it its name; none when there is nothing in it.
    pub(super) fn finish(mut self) -> anyhow::Result<Option<PathBuf>> {
        self.fine()?;
        if self.count == 0 {
            fs::remove_file(&self.aside).with_context(|| format!("{} can't be removed", self.aside.display()))?;
            return Ok(None);
        }
        let written = self.out.flush().and_then(|()| self.out.get_ref().sync_all());
        written
            .and_then(|()| fs::rename(&self.aside, &self.path))
            .with_context(|| format!("{} can't be written", self.path.display()))?;
        Ok(Some(self.path))
    }
}
