//! The files of an import, cut into pieces that are the same in every run: a piece is what one stage call takes, and where each of its
//! records stands, so that an exception can be told with its line.

use std::{
    io::BufRead,
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde_json::value::RawValue;

use super::mapping::{Mapping, Table};
use crate::{
    load::lines::{self, BytesRead, LineSource, Source},
    settings::Usage,
};

/// The largest record that is sent, bytes: larger ones are refused by every server of this API.
const LARGEST: usize = 1 << 20;

/// Of a piece's size so much is reserved at most, and so much more for its last record.
const MOST_RESERVED: usize = 32 << 20;
const SPARE: usize = 64 << 10;

/// Spreadsheets begin a file with it.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Looks whether the tables have what the mapping names, before anything is sent.
pub(super) fn check(files: &[PathBuf], mapping: &Mapping) -> anyhow::Result<()> {
    files.iter().try_for_each(|file| Reading::open(file, Some(mapping)).map(drop))
}

/// The records of one stage call.
#[derive(Debug, Default)]
pub(super) struct Piece {
    /// Its number, from 0.
    pub(super) number: u64,
    /// `{"UserProfiles": […]}`.
    pub(super) body: Vec<u8>,
    /// Where its records stand.
    pub(super) lines: Lines,
    /// Lines that are no records.
    pub(super) rejected: Vec<Rejected>,
    /// Bytes of all files read so far.
    pub(super) position: u64,
}

impl Piece {
    fn is_empty(&self) -> bool {
        self.lines.len() == 0 && self.rejected.is_empty()
    }
}

/// A line that is no record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rejected {
    pub(super) file: usize,
    pub(super) line: u64,
    pub(super) why: String,
}

/// Files and lines of records, kept short: lines that follow one another are one entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Lines {
    /// File, first line, how many.
    runs: Vec<(usize, u64, u64)>,
    count: u64,
}

impl Lines {
    pub(super) fn push(&mut self, file: usize, line: u64) {
        self.count += 1;
        match self.runs.last_mut() {
            Some((of, first, many)) if *of == file && *first + *many == line => *many += 1,
            _ => self.runs.push((file, line, 1)),
        }
    }

    /// How many.
    pub(super) fn len(&self) -> u64 {
        self.count
    }

    /// File and line of the record at this place, from 0.
    pub(super) fn at(&self, mut place: u64) -> Option<(usize, u64)> {
        for (file, first, many) in &self.runs {
            if place < *many {
                return Some((*file, first + place));
            }
            place -= many;
        }
        None
    }
}

/// Cuts the files.
pub(super) struct Pieces<'m> {
    files: Vec<PathBuf>,
    mapping: Option<&'m Mapping>,
    most_bytes: usize,
    next_file: usize,
    reading: Option<Reading<'m>>,
    number: u64,
    read_before: u64,
}

enum Reading<'m> {
    Lines { source: LineSource, read: BytesRead, chunk: lines::Chunk, at: usize },
    Table { rows: Box<csv::Reader<Box<dyn BufRead + Send>>>, table: Table<'m>, read: BytesRead },
}

impl<'m> Pieces<'m> {
    /// Of these files; with a mapping they are tables.
    pub(super) fn new(files: &[PathBuf], mapping: Option<&'m Mapping>, most_bytes: usize) -> Self {
        Self { files: files.to_vec(), mapping, most_bytes, next_file: 0, reading: None, number: 0, read_before: 0 }
    }

    /// The next piece; `None` behind the last.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<Piece>> {
        // A buffer that grows by doubling would take twice as much, for each of the pieces under way.
        let mut body = Vec::with_capacity(self.most_bytes.min(MOST_RESERVED) + SPARE);
        body.extend_from_slice(b"{\"UserProfiles\":[");
        let mut piece = Piece { number: self.number, body, ..Piece::default() };
        // One at least, however large it is.
        while (piece.is_empty() || piece.body.len() < self.most_bytes) && self.one(&mut piece)? {}
        if piece.is_empty() {
            return Ok(None);
        }
        piece.body.extend_from_slice(b"]}");
        piece.position = self.read_before + self.reading.as_ref().map_or(0, Reading::position);
        self.number += 1;
        Ok(Some(piece))
    }

    /// Adds one record, or the reason for which a line is none; `false` at the end of all files.
    fn one(&mut self, piece: &mut Piece) -> anyhow::Result<bool> {
        loop {
            let file = self.next_file.wrapping_sub(1);
            let name = |files: &[PathBuf]| files.get(file).map(|f| f.display().to_string()).unwrap_or_default();
            match &mut self.reading {
                Some(Reading::Lines { source, chunk, at, .. }) => {
                    if let Some(line) = chunk.lines.get(*at) {
                        *at += 1;
                        let text = chunk.text(line).trim_ascii();
                        if line.overlong || text.len() > LARGEST {
                            let why = format!("the record has more than {LARGEST} bytes, which is the most");
                            piece.rejected.push(Rejected { file, line: line.number, why });
                        } else if let Err(error) = serde_json::from_slice::<&RawValue>(text) {
                            let why = format!("the line is no JSON: {error}");
                            piece.rejected.push(Rejected { file, line: line.number, why });
                        } else {
                            add(piece, text, file, line.number);
                        }
                        return Ok(true);
                    }
                    if let Some(next) = source.next().with_context(|| format!("{} can't be read", name(&self.files)))? {
                        (*chunk, *at) = (next, 0);
                        continue;
                    }
                }
                Some(Reading::Table { rows, table, .. }) => {
                    let mut row = csv::StringRecord::new();
                    let is_row = rows.read_record(&mut row);
                    let line = row.position().map_or(0, csv::Position::line);
                    match is_row {
                        Ok(true) => {
                            match table.profile(row.iter()) {
                                Ok(profile) => add(piece, profile.to_string().as_bytes(), file, line),
                                Err(why) => piece.rejected.push(Rejected { file, line, why }),
                            }
                            return Ok(true);
                        }
                        Ok(false) => {}
                        Err(error) if error.is_io_error() => {
                            return Err(error).with_context(|| format!("{} can't be read", name(&self.files)));
                        }
                        Err(error) => {
                            let line = error.position().map_or(line, csv::Position::line);
                            piece.rejected.push(Rejected { file, line, why: error.to_string() });
                            return Ok(true);
                        }
                    }
                }
                None => {}
            }
            self.read_before += self.reading.take().map_or(0, |reading| reading.position());
            let Some(path) = self.files.get(self.next_file) else { return Ok(false) };
            self.reading = Some(Reading::open(path, self.mapping)?);
            self.next_file += 1;
        }
    }
}

fn add(piece: &mut Piece, json: &[u8], file: usize, line: u64) {
    if piece.lines.len() > 0 {
        piece.body.push(b',');
    }
    piece.body.extend_from_slice(json);
    piece.lines.push(file, line);
}

impl<'m> Reading<'m> {
    fn open(path: &Path, mapping: Option<&'m Mapping>) -> anyhow::Result<Self> {
        let unread = || format!("{} can't be read", path.display());
        let Some(mapping) = mapping else {
            let (source, read) = LineSource::open(path, 1).with_context(unread)?;
            return Ok(Self::Lines { source, read, chunk: lines::Chunk::default(), at: 0 });
        };
        let (mut input, read) = lines::open(path).with_context(unread)?;
        let head = input.fill_buf().with_context(unread)?;
        if head.strip_prefix(BYTE_ORDER_MARK).unwrap_or(head).trim_ascii_start().starts_with(b"{") {
            let words = "begins with {: it is NDJSON, which needs no mapping; import it without --map";
            return Err(Usage(format!("{} {words}", path.display())).into());
        }
        let mut rows = csv::ReaderBuilder::new().flexible(false).from_reader(input);
        let header = rows.headers().with_context(unread)?.iter();
        let header: Vec<String> = header.map(|name| name.trim_start_matches('\u{feff}').trim().to_owned()).collect();
        let table = mapping.table(path, &header)?;
        Ok(Self::Table { rows: Box::new(rows), table, read })
    }

    fn position(&self) -> u64 {
        match self {
            Self::Lines { read, .. } | Self::Table { read, .. } => read.position(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(files: &[PathBuf], mapping: Option<&Mapping>, most: usize) -> Vec<Piece> {
        let mut pieces = Pieces::new(files, mapping, most);
        std::iter::from_fn(|| pieces.next().unwrap()).collect()
    }

    #[test]
    fn pieces_hold_the_records_of_all_files_and_know_their_lines() {
        let dir = tempfile::tempdir().unwrap();
        let files = [dir.path().join("a"), dir.path().join("b")];
        std::fs::write(&files[0], "{\"n\":1}\n\n{\"n\":2}\nnonsense\n{\"n\":3}\n").unwrap();
        std::fs::write(&files[1], "{\"n\":4}").unwrap();
        let pieces = all(&files, None, 1000);
        assert_eq!(pieces.len(), 1);
        assert_eq!(pieces[0].body, br#"{"UserProfiles":[{"n":1},{"n":2},{"n":3},{"n":4}]}"#);
        let places: Vec<_> = (0..5).map(|n| pieces[0].lines.at(n)).collect();
        assert_eq!(places, [Some((0, 1)), Some((0, 3)), Some((0, 5)), Some((1, 1)), None]);
        assert_eq!((pieces[0].rejected[0].file, pieces[0].rejected[0].line), (0, 4));
        for least in [0, 1, 20] {
            let small: Vec<u64> = all(&files, None, least).iter().map(|piece| piece.lines.len()).collect();
            assert_eq!(small.iter().sum::<u64>(), 4, "{least}");
            assert!(small.len() > 1);
        }
    }

    #[test]
    fn what_is_ndjson_is_no_table() {
        let dir = tempfile::tempdir().unwrap();
        let map = dir.path().join("map.toml");
        std::fs::write(&map, "[Columns]\n\"First\" = \"CustomerName.FirstName\"\n").unwrap();
        let mapping = Mapping::read(&map).unwrap().0;
        let file = dir.path().join("p");
        let text = "\u{feff}\n {\"CustomerName\": {\"FirstName\": \"Ann\"}}\n";
        for bytes in [text.as_bytes().to_vec(), zstd::encode_all(text.as_bytes(), 1).unwrap()] {
            std::fs::write(&file, bytes).unwrap();
            let error = check(std::slice::from_ref(&file), &mapping).unwrap_err();
            assert!(error.is::<Usage>() && error.to_string().contains("p begins with {: it is NDJSON"), "{error}");
            assert!(!error.to_string().contains("Ann"), "{error}");
        }
        for table in ["First\nAnn\n", ""] {
            std::fs::write(&file, table).unwrap();
            assert_eq!(check(std::slice::from_ref(&file), &mapping).is_ok(), !table.is_empty());
        }
    }

    #[test]
    fn rows_of_a_table_know_the_line_they_begin_at() {
        let dir = tempfile::tempdir().unwrap();
        let map = dir.path().join("map.toml");
        std::fs::write(&map, "[Columns]\n\"First\" = \"CustomerName.FirstName\"\n").unwrap();
        let mapping = Mapping::read(&map).unwrap().0;
        let file = dir.path().join("t.csv");
        std::fs::write(&file, "\u{feff}First,Other\n\"Ann\nMary\",1\nBen,2,3\nCem,4\n").unwrap();
        let pieces = all(&[file], Some(&mapping), 1000);
        let text = String::from_utf8(pieces[0].body.clone()).unwrap();
        assert_eq!(
            text,
            r#"{"UserProfiles":[{"CustomerName":{"FirstName":"Ann\nMary"}},{"CustomerName":{"FirstName":"Cem"}}]}"#
        );
        assert_eq!((pieces[0].lines.at(0), pieces[0].lines.at(1)), (Some((0, 2)), Some((0, 5))));
        assert_eq!(pieces[0].rejected[0].line, 4, "a row of another length is told");
    }
}
