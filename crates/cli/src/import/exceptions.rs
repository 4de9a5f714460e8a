//! The file of what wasn't imported: one JSON object a line, with file and line, the reasons, and the record; of a record that is in but for
//! members that a profile doesn't have, those. Written aside, renamed when it is whole; nothing of it is left of a run in which everything
//! went in.

use std::{
    collections::btree_map,
    fs::{self, File},
    io::{BufWriter, Write},
    iter::Peekable,
    path::{Path, PathBuf},
};

use anyhow::Context;
use sayso_client::{Client, Error, UnknownMember};
use serde_json::{Value, json};

use super::{pieces::Rejected, staged::StagedPieces};
use crate::{journal::beside, private};

/// Exceptions asked for at once.
const PAGE: u64 = 1_000;

/// The file under way.
pub(super) struct Exceptions {
    path: PathBuf,
    aside: PathBuf,
    out: BufWriter<File>,
    /// Records and lines that aren't in.
    refused: u64,
    is_empty: bool,
    broken: Option<std::io::Error>,
}

/// What was passed over in each record, in the order of their numbers.
type Unknown<'s> = Peekable<btree_map::Iter<'s, u64, Vec<UnknownMember>>>;

impl Exceptions {
    /// Begins a new one.
    pub(super) fn begin(path: &Path) -> anyhow::Result<Self> {
        let aside = beside(path, "part");
        let file = private::create(&aside).with_context(|| format!("{} can't be written", aside.display()))?;
        Ok(Self { path: path.to_owned(), aside, out: BufWriter::new(file), refused: 0, is_empty: true, broken: None })
    }

    /// How many records and lines aren't in.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    /// Adds a line that is no record.
    pub(super) fn add_local(&mut self, files: &[PathBuf], rejected: &Rejected) -> anyhow::Result<()> {
        let reasons = json!([{ "Path": "", "Message": rejected.why }]);
        self.refused += 1;
        self.add(&json!({
            "File": files.get(rejected.file), "Line": rejected.line, "SequenceNumber": null, "Exceptions": reasons, "Warnings": [],
            "UserProfile": null,
        }));
        self.fine()
    }

    /// Reads what the server refused, and adds what it passed over unless nobody wants to know; ascending by the records' numbers.
    pub(super) async fn read(
        &mut self,
        client: &Client,
        token: u64,
        staged: &StagedPieces,
        files: &[PathBuf],
        with_unknown: bool,
    ) -> Result<(), Error> {
        let nothing = StagedPieces::default();
        let passed_over = if with_unknown { staged } else { &nothing };
        let mut unknown = passed_over.unknown().peekable();
        let mut offset = 1;
        loop {
            let page = client.import_exceptions(token, PAGE, offset).await?;
            offset += page.exceptions.len() as u64;
            for exception in &page.exceptions {
                self.add_unknown(&mut unknown, |sequence| sequence < exception.sequence, staged, files);
                let passed = unknown.next_if(|(sequence, _)| **sequence == exception.sequence);
                let reasons: Vec<Value> = exception
                    .reasons
                    .iter()
                    .map(|(path, message)| json!({ "Path": path, "Message": message }))
                    .collect();
                let (file, line) = place(staged, files, exception.sequence);
                self.refused += 1;
                self.add(&json!({
                    "File": file, "Line": line, "SequenceNumber": exception.sequence, "Exceptions": reasons,
                    "Warnings": warnings(passed.map(|(_, members)| members.as_slice()).unwrap_or_default()),
                    "UserProfile": exception.profile,
                }));
            }
            if !page.has_more || page.exceptions.is_empty() {
                break;
            }
        }
        self.add_unknown(&mut unknown, |_| true, staged, files);
        for member in passed_over.unnumbered() {
            self.add(&json!({
                "File": null, "Line": null, "SequenceNumber": null, "Exceptions": [],
                "Warnings": warnings(std::slice::from_ref(member)), "UserProfile": null,
            }));
        }
        Ok(())
    }

    /// Adds records that are in but for what was passed over, as far as their numbers are wanted.
    fn add_unknown(
        &mut self,
        unknown: &mut Unknown<'_>,
        is_wanted: impl Fn(u64) -> bool,
        staged: &StagedPieces,
        files: &[PathBuf],
    ) {
        while let Some((sequence, members)) = unknown.next_if(|(sequence, _)| is_wanted(**sequence)) {
            let (file, line) = place(staged, files, *sequence);
            self.add(&json!({
                "File": file, "Line": line, "SequenceNumber": sequence, "Exceptions": [], "Warnings": warnings(members),
                "UserProfile": null,
            }));
        }
    }

    fn add(&mut self, line: &Value) {
        self.is_empty = false;
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
        if self.is_empty {
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

/// File and line of a record, as far as they are known.
fn place<'f>(staged: &StagedPieces, files: &'f [PathBuf], sequence: u64) -> (Option<&'f PathBuf>, Option<u64>) {
    let place = staged.place(sequence);
    (place.and_then(|(file, _)| files.get(file)), place.map(|(_, line)| line))
}

fn warnings(members: &[UnknownMember]) -> Vec<Value> {
    members.iter().map(|member| json!({ "Path": member.path, "Message": member.message })).collect()
}
