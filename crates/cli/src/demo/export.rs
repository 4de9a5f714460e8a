//! The export over HTTP: Initiate, Status, pages, last block; into a file that is there whole or not at all.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use sayso_client::{Client, InitiateRequest, Source};

use super::PAGE;
use crate::progress::Progress;

/// What came of it.
pub(super) struct Exported {
    pub(super) rows: u64,
    /// Of the records' JSON.
    pub(super) bytes: u64,
    pub(super) pages: u64,
    pub(super) snapshot: Option<String>,
    /// Initiate to Complete.
    pub(super) generated: Duration,
    /// First page to the file's place.
    pub(super) retrieved: Duration,
    pub(super) first: Option<String>,
}

/// Exports a segment into `file`.
///
/// # Errors
/// When a call fails, the file can't be written, or its lines are not as many as the rows that Status told.
pub(super) async fn run(client: &Client, segment: &str, file: &Path) -> anyhow::Result<Exported> {
    let asked = Instant::now();
    let token = client.initiate(&Source::segment(segment), &InitiateRequest::default()).await?;
    let status = client.wait(token).await?;
    let generated = asked.elapsed();
    let rows = status.row_count.context("the server did not tell the RowCount of a complete export")?;

    let complete = Instant::now();
    let mut aside = Aside::new(file)?;
    let (mut pages, mut read, mut bytes, mut first) = (0, 0, 0, None);
    let mut progress = Progress::start("retrieving", Some(rows));
    loop {
        // The last page goes without keepAlive: it is the last block and ends the token.
        let is_last = read + PAGE >= rows;
        let page = client.page(token, PAGE, read + 1, !is_last).await?;
        pages += 1;
        read += page.records.len() as u64;
        for record in page.records.bytes() {
            aside.out.write_all(record).and_then(|()| aside.out.write_all(b"\n")).with_context(|| aside.words())?;
        }
        bytes += page.records.byte_len();
        if first.is_none() {
            first = page.records.iter().next().map(str::to_owned);
        }
        progress.at(read, read, "records");
        if is_last == page.has_more || (page.records.is_empty() && !is_last) {
            bail!(
                "export {token}: page {pages} says HasMore {}, but {read} of {rows} records have been read",
                page.has_more
            );
        }
        if is_last {
            break;
        }
    }
    progress.finish();
    aside.into_place(rows)?;
    Ok(Exported { rows, bytes, pages, snapshot: status.snapshot, generated, retrieved: complete.elapsed(), first })
}

/// A file that is written beside its place and takes it when it is whole.
struct Aside {
    out: BufWriter<File>,
    aside: PathBuf,
    place: PathBuf,
}

impl Aside {
    fn new(place: &Path) -> anyhow::Result<Self> {
        let mut name = place.file_name().context("--out names no file")?.to_owned();
        name.push(format!(".{}.partial", std::process::id()));
        let aside = place.with_file_name(name);
        if let Some(dir) = place.parent() {
            fs::create_dir_all(dir).with_context(|| format!("the directory {} can't be made", dir.display()))?;
        }
        let out = File::create(&aside)
            .with_context(|| format!("{} can't be written; name another file with --out", place.display()))?;
        Ok(Self { out: BufWriter::with_capacity(1 << 20, out), aside, place: place.to_owned() })
    }

    fn words(&self) -> String {
        format!("{} can't be written", self.place.display())
    }

    /// Counts the lines as they stand in the file and puts it in its place.
    fn into_place(mut self, rows: u64) -> anyhow::Result<()> {
        self.out.flush().and_then(|()| self.out.get_ref().sync_all()).with_context(|| self.words())?;
        let lines = count_lines(&self.aside).with_context(|| format!("{} can't be read back", self.aside.display()))?;
        if lines != rows {
            bail!(
                "{} would have {lines} lines, but the export has {rows} rows: it is not written",
                self.place.display()
            );
        }
        fs::rename(&self.aside, &self.place).with_context(|| self.words())
    }
}

/// What is not whole goes; after the rename there is nothing to remove.
impl Drop for Aside {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.aside);
    }
}

fn count_lines(path: &Path) -> io::Result<u64> {
    let mut input = BufReader::with_capacity(1 << 20, File::open(path)?);
    let mut lines = 0;
    loop {
        let piece = input.fill_buf()?;
        if piece.is_empty() {
            return Ok(lines);
        }
        lines += piece.iter().filter(|&&byte| byte == b'\n').count() as u64;
        let used = piece.len();
        input.consume(used);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_takes_its_place_only_when_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("new/export.ndjson");
        let mut aside = Aside::new(&place).unwrap();
        aside.out.write_all(b"{}\n{}\n").unwrap();
        assert!(aside.into_place(3).unwrap_err().to_string().contains("2 lines, but the export has 3 rows"));
        assert_eq!(fs::read_dir(place.parent().unwrap()).unwrap().count(), 0, "nothing is left behind");

        let mut aside = Aside::new(&place).unwrap();
        aside.out.write_all(b"{}\n{}\n").unwrap();
        aside.into_place(2).unwrap();
        assert_eq!(fs::read_to_string(&place).unwrap(), "{}\n{}\n");
        assert_eq!(fs::read_dir(place.parent().unwrap()).unwrap().count(), 1);
    }
}
