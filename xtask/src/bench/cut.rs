//! The rows of Sayso's own export as files: what the peers are given, so that all move the same bytes.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    client::Connection,
    server::{Export, Server},
};

/// Records of a page.
pub(super) const PAGE: u64 = 1_000;

/// The files.
pub(super) struct Cut {
    /// A row a line.
    pub(super) rows: PathBuf,
    /// ProfileId, state, whether the newsletter is taken, row; separated by the character 2.
    pub(super) columns: PathBuf,
    /// How many rows.
    pub(super) count: u64,
    /// The first rows' ids and email addresses, a thousand at most.
    pub(super) some: Vec<(u64, String)>,
    /// The first and last id of a hundred pages, evenly spread.
    pub(super) spans: Vec<(u64, u64)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page<'a> {
    #[serde(borrow)]
    user_profile_preferences: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Person {
    profile_id: u64,
    addresses: Vec<Address>,
    emails: Vec<Email>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Address {
    state_province: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Email {
    email_address: String,
    email_preferences: Vec<Preference>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Preference {
    filter_id: String,
    preference_type: u8,
    preference_status: String,
}

impl Person {
    fn takes_newsletter(&self) -> bool {
        let all = self.emails.iter().flat_map(|email| &email.email_preferences);
        all.into_iter()
            .any(|p| p.filter_id == "NEWS-EMAIL" && p.preference_type == 1 && p.preference_status == "Active")
    }
}

impl Cut {
    /// Reads every page of an export of all rows and writes the files to `dir`.
    pub(super) fn make(server: &Server, export: &Export, dir: &Path) -> anyhow::Result<Self> {
        eprintln!("writing the rows for the peers");
        let (rows, columns) = (dir.join("rows.ndjson"), dir.join("columns.csv"));
        let (mut to_rows, mut to_columns) = (writer(&rows)?, writer(&columns)?);
        let (mut some, mut spans, mut count) = (Vec::new(), Vec::new(), 0);
        let requests = server.pages(export, PAGE);
        // a hundred pages, evenly spread, stand for all where all would take too long
        let apart = requests.len().div_ceil(100).max(1);
        let mut connection = Connection::open(server.address)?;
        for (at, request) in requests.iter().enumerate() {
            let (head, body) = connection.fetch(request)?;
            ensure!(head.status == 200, "page {at} is {}", head.status);
            let page: Page<'_> = serde_json::from_slice(&body).context("a page is no JSON")?;
            let (mut first, mut last) = (None, 0);
            for record in page.user_profile_preferences {
                let record = record.get();
                let person: Person = serde_json::from_str(record).context("a row lacks a member")?;
                let state = person.addresses.first().map_or("", |address| &address.state_province);
                let news = person.takes_newsletter();
                writeln!(to_rows, "{record}")?;
                writeln!(to_columns, "{}\x02{state}\x02{news}\x02{record}", person.profile_id)?;
                first.get_or_insert(person.profile_id);
                last = person.profile_id;
                count += 1;
                if some.len() < 1000
                    && let Some(email) = person.emails.into_iter().next()
                {
                    some.push((person.profile_id, email.email_address));
                }
            }
            if at % apart == 0 {
                spans.push((first.unwrap_or(0), last));
            }
        }
        to_rows.flush()?;
        to_columns.flush()?;
        ensure!(count == export.rows, "the pages hold {count} of {} rows", export.rows);
        Ok(Self { rows, columns, count, some, spans })
    }
}

/// Writes each page of an export to a file of its own in `dir/pages`; the files' names, in order.
pub(super) fn pages(server: &Server, export: &Export, dir: &Path) -> anyhow::Result<Vec<String>> {
    let folder = dir.join("pages");
    fs::create_dir_all(&folder)?;
    let mut connection = Connection::open(server.address)?;
    let requests = server.pages(export, PAGE);
    let names = requests.iter().enumerate().map(|(at, request)| {
        let (head, body) = connection.fetch(request)?;
        ensure!(head.status == 200, "page {at} is {}", head.status);
        let name = format!("{at}.json");
        fs::write(folder.join(&name), &body)?;
        Ok(name)
    });
    names.collect()
}

/// Writes an export's rows to a file: the bytes for `dd`.
pub(super) fn bytes(server: &Server, export: &Export, file: &Path) -> anyhow::Result<()> {
    let mut to = writer(file)?;
    let mut written = Ok(());
    let request = server.page(export.token, u64::MAX >> 1, 1);
    Connection::open(server.address)?.send(&request, |piece| {
        if written.is_ok() {
            written = to.write_all(piece);
        }
    })?;
    written?;
    Ok(to.flush()?)
}

fn writer(path: &Path) -> anyhow::Result<BufWriter<File>> {
    Ok(BufWriter::with_capacity(1 << 20, File::create(path).with_context(|| format!("can't make {}", path.display()))?))
}
