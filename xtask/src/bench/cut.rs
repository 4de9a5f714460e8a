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

/// Of the alternate ids that profiles are asked for by.
pub(super) const ALTERNATE_ID_TYPE: &str = "CRM";

/// The files.
pub(super) struct Cut {
    /// A row a line.
    pub(super) rows: PathBuf,
    /// ProfileId, state, whether the newsletter is taken, row; separated by the character 2.
    pub(super) columns: PathBuf,
    /// How many rows.
    pub(super) count: u64,
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
    alternate_ids: Vec<AlternateId>,
    addresses: Vec<Address>,
    phone_numbers: Vec<Phone>,
    emails: Vec<Email>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AlternateId {
    alternate_id_type: String,
    alternate_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Phone {
    phone_number: String,
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
        let (mut spans, mut count) = (Vec::new(), 0);
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
            }
            if at % apart == 0 {
                spans.push((first.unwrap_or(0), last));
            }
        }
        to_rows.flush()?;
        to_columns.flush()?;
        ensure!(count == export.rows, "the pages hold {count} of {} rows", export.rows);
        Ok(Self { rows, columns, count, spans })
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

/// What a profile can be asked for by.
pub(super) struct Known {
    pub(super) profile: u64,
    pub(super) alternate_id: String,
    pub(super) email: String,
    pub(super) phone: String,
}

/// What is known of rows that lie evenly spread over an export, a thousand at most; of each row the first of several.
pub(super) fn some(server: &Server, export: &Export) -> anyhow::Result<Vec<Known>> {
    let count = export.rows.min(1_000);
    let mut connection = Connection::open(server.address)?;
    // not every row has all of it: the next one that has
    let mut known = |from: u64, below: u64| -> anyhow::Result<Option<Known>> {
        for offset in from..below {
            let (head, body) = connection.fetch(&server.page(export.token, 1, offset))?;
            ensure!(head.status == 200, "the row at {offset} is {}", head.status);
            let page: Page<'_> = serde_json::from_slice(&body).context("a page is no JSON")?;
            let row = page.user_profile_preferences.first().context("a page of one row is empty")?;
            let person: Person = serde_json::from_str(row.get()).context("a row lacks a member")?;
            let id = person.alternate_ids.into_iter().find(|id| id.alternate_id_type == ALTERNATE_ID_TYPE);
            let (email, phone) = (person.emails.into_iter().next(), person.phone_numbers.into_iter().next());
            if let (Some(id), Some(email), Some(phone)) = (id, email, phone) {
                let (alternate_id, email, phone) = (id.alternate_id, email.email_address, phone.phone_number);
                return Ok(Some(Known { profile: person.profile_id, alternate_id, email, phone }));
            }
        }
        Ok(None)
    };
    let start = |at: u64| 1 + at * export.rows / count;
    let found: anyhow::Result<Vec<_>> =
        (0..count).filter_map(|at| known(start(at), start(at + 1)).transpose()).collect();
    let found = found?;
    ensure!(
        found.len() as u64 * 10 >= count * 9,
        "only {} of {count} rows have an id, an email and a phone",
        found.len()
    );
    Ok(found)
}

/// The file of an export's rows, as the server keeps it: the same bytes for `dd`.
pub(super) fn file_of(data: &Path, export: &Export) -> anyhow::Result<PathBuf> {
    let mut folders = vec![data.join("exports")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|name| name == "rows") && path.metadata()?.len() >= export.bytes {
                return Ok(path);
            }
        }
    }
    anyhow::bail!("no file of {} bytes of rows below {}", export.bytes, data.display())
}

fn writer(path: &Path) -> anyhow::Result<BufWriter<File>> {
    Ok(BufWriter::with_capacity(1 << 20, File::create(path).with_context(|| format!("can't make {}", path.display()))?))
}
