//! The server under test: the released program on a data directory, and the few calls of its API that are measured.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use serde_json::Value;

use super::{
    client::{self, Connection, Head},
    data::ACCOUNT,
    memory::Watch,
    program::{self, Service},
};

const BASE: &str = "/Profiles/v4";

/// A running server with a valid OAuth token.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    /// Its memory.
    pub(super) memory: Watch,
    authorization: String,
    /// Its data directory.
    pub(super) data: PathBuf,
    // dropped after the watch, which looks at it; its stdout stays open
    service: Service,
    _stdout: BufReader<ChildStdout>,
}

/// A complete export.
#[derive(Clone)]
pub(super) struct Export {
    pub(super) token: u64,
    pub(super) rows: u64,
    /// Of the records' JSON.
    pub(super) bytes: u64,
    pub(super) snapshot: String,
    /// Initiate to Complete, as the caller sees it.
    pub(super) took: Duration,
}

impl Server {
    /// Starts it on a free port and gets a token.
    pub(super) fn start(sayso: &Path, data: &Path) -> anyhow::Result<Self> {
        let mut make = Command::new(sayso);
        make.args(["credentials", "create", "--user", "Admin", "--json", "--account", ACCOUNT]).arg("--data").arg(data);
        let told = program::run(&mut make)?;
        let credentials: Value = serde_json::from_str(&told)?;
        fs::write(data.with_extension("credentials"), told)?;

        let mut serve = Command::new(sayso);
        serve.args(["serve", "--listen", "127.0.0.1:0", "--request-limit", "0"]).arg("--data").arg(data);
        let log = File::create(data.with_extension("log"))?;
        let mut service = Service::start(serve.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log))?;
        let mut line = String::new();
        let mut stdout = BufReader::new(service.child().stdout.take().expect("it was piped"));
        stdout.read_line(&mut line)?;
        let address = line.trim().strip_prefix("listening on http://").with_context(|| {
            format!("`sayso serve` said {line:?} in place of its address; see {}", data.with_extension("log").display())
        })?;
        let address = address.parse()?;
        let memory = Watch::start(service.pid());
        let authorization = authorize(address, &credentials)?;
        Ok(Self { address, memory, authorization, data: data.to_owned(), service, _stdout: stdout })
    }

    fn headers(&self) -> String {
        format!("Authorization: {}\r\nContent-Type: application/json\r\n", self.authorization)
    }

    /// The request of a page that ends nothing.
    pub(super) fn page(&self, token: u64, limit: u64, offset: u64) -> Vec<u8> {
        client::get(&page_path(token, limit, offset), &self.headers())
    }

    /// The requests of all pages of an export.
    pub(super) fn pages(&self, export: &Export, limit: u64) -> Vec<Vec<u8>> {
        self.page_paths(export, limit).iter().map(|path| client::get(path, &self.headers())).collect()
    }

    /// The paths of them.
    pub(super) fn page_paths(&self, export: &Export, limit: u64) -> Vec<String> {
        let last = export.rows.div_ceil(limit);
        (0..last).map(|page| page_path(export.token, limit, page * limit + 1)).collect()
    }

    /// The same, compressed.
    pub(super) fn gzip_pages(&self, export: &Export, limit: u64) -> Vec<Vec<u8>> {
        let accept = b"Accept-Encoding: gzip\r\n\r\n";
        let compressed = |page: Vec<u8>| [&page[..page.len() - 2], accept].concat();
        self.pages(export, limit).into_iter().map(compressed).collect()
    }

    /// What its requests carry to be let in.
    pub(super) fn authorization(&self) -> &str {
        &self.authorization
    }

    /// A path within the account.
    pub(super) fn path(&self, of: &str) -> String {
        format!("{BASE}/{ACCOUNT}/{of}")
    }

    /// The request that reads a path.
    pub(super) fn get(&self, path: &str) -> Vec<u8> {
        client::get(path, &self.headers())
    }

    /// A file with the credentials that it is called with.
    pub(super) fn credentials(&self) -> PathBuf {
        self.data.with_extension("credentials")
    }

    /// Its process id.
    pub(super) fn pid(&self) -> u32 {
        self.service.pid()
    }

    /// The request that writes a part of a profile.
    pub(super) fn update(&self, profile: u64, body: &str) -> Vec<u8> {
        client::post(&format!("{BASE}/{ACCOUNT}/Profile/{profile}"), &self.headers(), body)
    }

    /// The request that makes a profile.
    pub(super) fn create(&self, body: &str) -> Vec<u8> {
        client::post(&format!("{BASE}/{ACCOUNT}/Profile"), &self.headers(), body)
    }

    /// Exports a segment: Initiate, then Status every 2 ms until it is Complete.
    pub(super) fn export(&self, segment: &str, body: &Value) -> anyhow::Result<Export> {
        let mut connection = Connection::open(self.address)?;
        let path = format!("{BASE}/Async/{ACCOUNT}/Export/Segment/{segment}");
        let started = Instant::now();
        let initiate = client::post(&path, &self.headers(), &body.to_string());
        let (head, answer) = connection.fetch(&initiate)?;
        let token = json(&head, &answer)?["AccessToken"].as_u64().context("Initiate gave no AccessToken")?;
        let path = format!("{BASE}/Async/{ACCOUNT}/Export/{token}/Status");
        let ask = client::get(&path, &self.headers());
        loop {
            let (head, answer) = connection.fetch(&ask)?;
            let status = json(&head, &answer)?;
            match status["Status"].as_str() {
                Some("Processing") => thread::sleep(Duration::from_millis(2)),
                Some("Complete") => {
                    let took = started.elapsed();
                    let rows = status["RowCount"].as_u64().context("no RowCount")?;
                    let bytes = status["ByteCount"].as_u64().context("no ByteCount")?;
                    let snapshot = head.header("sayso-snapshot").context("no Sayso-Snapshot")?.to_owned();
                    return Ok(Export { token, rows, bytes, snapshot, took });
                }
                other => bail!("the export of {segment} ended as {other:?}"),
            }
        }
    }

    /// A counter of its own, as `/metrics` tells it.
    pub(super) fn counter(&self, name: &str) -> anyhow::Result<f64> {
        let (_, answer) = Connection::open(self.address)?.fetch(&client::get("/metrics", ""))?;
        let told = String::from_utf8(answer)?;
        let value = told.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(value.with_context(|| format!("/metrics tells no {name}"))?.parse()?)
    }

    /// Ends an export and frees its files.
    pub(super) fn commit(&self, export: &Export) -> anyhow::Result<()> {
        let path = format!("{BASE}/Async/{ACCOUNT}/Export/{}/Commit", export.token);
        Connection::open(self.address)?.discard(&client::post(&path, &self.headers(), ""), 200)?;
        Ok(())
    }
}

fn page_path(token: u64, limit: u64, offset: u64) -> String {
    format!("{BASE}/Async/{ACCOUNT}/Export/{token}?limit={limit}&offset={offset}&keepAlive=true")
}

fn authorize(address: SocketAddr, credentials: &Value) -> anyhow::Result<String> {
    let word = |name: &str| credentials[name].as_str().map(str::to_owned).with_context(|| format!("no {name}"));
    let (client, secret, scope) = (word("client_id")?, word("client_secret")?, word("scope")?);
    let scope = scope.replace('/', "%2F");
    let body = format!("grant_type=client_credentials&client_id={client}&client_secret={secret}&scope={scope}");
    let request = client::post("/oauth/token", "Content-Type: application/x-www-form-urlencoded\r\n", &body);
    let (head, answer) = Connection::open(address)?.fetch(&request)?;
    let token = json(&head, &answer)?;
    Ok(format!("Bearer {}", token["access_token"].as_str().context("no access_token")?))
}

fn json(head: &Head, body: &[u8]) -> anyhow::Result<Value> {
    if head.status != 200 {
        bail!("the server answered {}: {}", head.status, String::from_utf8_lossy(body));
    }
    Ok(serde_json::from_slice(body)?)
}
