//! `FILE.rejected.ndjson`: the lines that were not taken, each with its number and the reason, so that they can be mended and
//! loaded alone.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::PathBuf,
};

use anyhow::Context;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::private;

/// A line that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected<'a> {
    /// 1-based.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
    /// The line itself.
    pub text: &'a [u8],
}

/// As it is written: the record as it came where that is JSON, else as text.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Written<'a> {
    line: u64,
    reason: &'a str,
    record: Record<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Record<'a> {
    Json(&'a RawValue),
    Text(std::borrow::Cow<'a, str>),
}

/// The file, made at the first rejected line.
pub struct RejectedFile {
    path: PathBuf,
    file: Option<BufWriter<File>>,
}

impl RejectedFile {
    /// A file of this name. Nothing is made yet.
    pub fn beside(path: PathBuf) -> Self {
        Self { path, file: None }
    }

    /// Writes a line.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn put(&mut self, rejected: Rejected<'_>) -> anyhow::Result<()> {
        let path = &self.path;
        let words = || format!("the rejected lines can't be written to {}", path.display());
        if self.file.is_none() {
            self.file = Some(BufWriter::new(private::create(path).with_context(words)?));
        }
        let file = self.file.as_mut().expect("it was made just now");
        write(file, &rejected).with_context(words)
    }

    /// Ends the file; gives its path when there is one. One that a former load left is removed when this load rejected nothing:
    /// it would speak of lines that are no longer so.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn finish(self) -> anyhow::Result<Option<PathBuf>> {
        let Self { path, file } = self;
        match file {
            Some(mut file) => {
                file.flush().with_context(|| format!("the rejected lines can't be written to {}", path.display()))?;
                Ok(Some(path))
            }
            None => {
                if path.is_file() {
                    fs::remove_file(&path)
                        .with_context(|| format!("the former {} can't be removed", path.display()))?;
                }
                Ok(None)
            }
        }
    }
}

fn write(out: &mut impl Write, rejected: &Rejected<'_>) -> std::io::Result<()> {
    let record = match serde_json::from_slice::<&RawValue>(rejected.text) {
        Ok(json) => Record::Json(json),
        Err(_) => Record::Text(String::from_utf8_lossy(rejected.text)),
    };
    serde_json::to_writer(&mut *out, &Written { line: rejected.line, reason: &rejected.reason, record })?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(line: u64, text: &[u8]) -> Rejected<'_> {
        Rejected { line, reason: "no \"good\"".to_owned(), text }
    }

    #[test]
    fn the_record_is_kept_as_it_came_and_every_line_is_json() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.rejected.ndjson");
        let mut file = RejectedFile::beside(path.clone());
        file.put(rejected(3, br#"{"a": 1.10}"#)).unwrap();
        file.put(rejected(9, b"not json")).unwrap();
        file.put(rejected(10, b"\"\xff\"")).unwrap();
        assert_eq!(file.finish().unwrap(), Some(path.clone()));
        let text = fs::read_to_string(path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], r#"{"Line":3,"Reason":"no \"good\"","Record":{"a": 1.10}}"#);
        assert_eq!(lines[1], r#"{"Line":9,"Reason":"no \"good\"","Record":"not json"}"#);
        assert_eq!(lines[2], "{\"Line\":10,\"Reason\":\"no \\\"good\\\"\",\"Record\":\"\\\"\u{fffd}\\\"\"}");
    }

    #[test]
    fn without_rejected_lines_there_is_no_file_and_a_former_one_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.rejected.ndjson");
        assert_eq!(RejectedFile::beside(path.clone()).finish().unwrap(), None);
        fs::write(&path, "former").unwrap();
        assert_eq!(RejectedFile::beside(path.clone()).finish().unwrap(), None);
        assert!(!path.exists());
    }
}
