//! What every product test stands on: the real binary in a directory of its own, a clock that the test sets, and a
//! plain HTTP client that shows status, headers and bytes as they came.

pub mod client;
pub mod disk;
pub mod jwt;
pub mod open_files;
pub mod own;
pub mod random;
pub mod receiver;
pub mod rules;
pub mod sockets;
pub mod tls;
pub mod writers;

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::task::block_in_place;

use disk::Disk;
use random::Random;

/// The program under test.
pub const SAYSO: &str = env!("CARGO_BIN_EXE_sayso");
/// The account that the tests use; tests name it in other letter cases too.
pub const ACCOUNT: &str = "ACME_CORP";
/// Where the clock stands when a test begins.
pub const START: &str = "2026-06-15T12:00:00.000Z";

/// A running server with its data directory.
pub struct World {
    /// The data directory's own, if it has one; unmounted before the directory is removed.
    pub disk: Option<Disk>,
    pub dir: tempfile::TempDir,
    pub url: String,
    /// What callers call with.
    pub http: reqwest::Client,
    /// With its standard output, which stays open as long as it runs.
    process: Option<(Child, BufReader<ChildStdout>)>,
    clock_ms: AtomicI64,
}

impl World {
    /// A fresh server with the test account, at [`START`].
    pub async fn start() -> World {
        Self::start_with(&[]).await
    }

    /// The same with more flags for `serve`.
    pub async fn start_with(flags: &[&str]) -> World {
        Self::start_in(tempfile::tempdir().unwrap(), None, flags).await
    }

    /// The same with the data directory on a disk of its own: so many MiB, so many files. Only in
    /// [`own::with_own_mounts`].
    pub async fn start_on_disk(mib: u64, files: u64, flags: &[&str]) -> World {
        let dir = tempfile::tempdir().unwrap();
        let disk = Disk::mount(&dir.path().join("data"), mib, files);
        Self::start_in(dir, Some(disk), flags).await
    }

    async fn start_in(dir: tempfile::TempDir, disk: Option<Disk>, flags: &[&str]) -> World {
        Self::without_server(dir, disk).serve(flags).await
    }

    /// A fresh data directory with the test account, which nothing serves yet.
    pub fn prepared() -> World {
        Self::without_server(tempfile::tempdir().unwrap(), None)
    }

    fn without_server(dir: tempfile::TempDir, disk: Option<Disk>) -> World {
        let world = World {
            disk,
            dir,
            url: String::new(),
            http: http(),
            process: None,
            clock_ms: AtomicI64::new(millis(START)),
        };
        world.set_clock(world.clock_ms.load(Ordering::Relaxed));
        world.create_account(ACCOUNT);
        world
    }

    /// Starts the server on this world's directory.
    pub async fn serve(self, flags: &[&str]) -> World {
        self.serve_by(Command::new(SAYSO), flags).await
    }

    /// The same by a command that comes to be the program with the arguments that follow.
    pub async fn serve_by(mut self, mut program: Command, flags: &[&str]) -> World {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.path("server.log")).unwrap();
        let mut child = program
            .arg("serve")
            // its clock stands still, and so would a quota that is used up
            .env("SAYSO_REQUEST_LIMIT", "0")
            // whoever asked this one for the way would not find it: callbacks go straight to the address that was checked
            .envs(["http_proxy", "HTTPS_PROXY", "ALL_PROXY"].map(|name| (name, "http://127.0.0.1:9")))
            .arg("--data")
            .arg(self.data())
            .args(["--listen", "127.0.0.1:0", "--sweep-interval", "20ms"])
            .arg("--clock-file")
            .arg(self.path("clock"))
            .arg("--hold-file")
            .arg(self.path("hold"))
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        self.process = Some((child, stdout));
        let Some(url) = line.trim_end().strip_prefix("listening on ") else { panic!("{line:?}: {}", self.log()) };
        self.url = url.to_string();
        self
    }

    /// Ends the server at once, as a crash would; the directory stays.
    pub fn kill(mut self) -> World {
        self.end();
        self
    }

    /// The server's process.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().unwrap().0.id()
    }

    /// Sends the server's process a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.process.as_ref().unwrap().0), signal)
            .unwrap();
    }

    /// Waits for the server's process to end by itself.
    pub fn ended(&mut self) -> std::process::ExitStatus {
        self.process.take().unwrap().0.wait().unwrap()
    }

    fn end(&mut self) {
        if let Some((mut child, _stdout)) = self.process.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
    pub fn data(&self) -> PathBuf {
        self.path("data")
    }
    pub fn disk(&self) -> &Disk {
        self.disk.as_ref().unwrap()
    }
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("server.log")).unwrap_or_default()
    }

    /// Makes an account from the test configuration.
    pub fn create_account(&self, name: &str) {
        std::fs::write(self.path("account.toml"), include_str!("../account.toml")).unwrap();
        self.sayso(&["account", "create", name, "--from", "account.toml"]);
    }

    /// Applies the configuration with one text replaced.
    pub fn apply(&self, from: &str, to: &str) {
        let path = self.path("account.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from} stands in the configuration");
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
        self.sayso(&["account", "apply", ACCOUNT, "--from", "account.toml"]);
    }

    /// Takes CanExecute away from Exporters on one segment or group.
    pub fn lock(&self, name: &str) {
        let text = std::fs::read_to_string(self.path("account.toml")).unwrap();
        let at = text.find(&format!("Name = \"{name}\"\n")).unwrap();
        let allowed = "Permissions = [{ UserGroup = \"Exporters\", CanExecute = true }]\n";
        let end = at + text[at..].find(allowed).unwrap();
        let text = format!("{}{}", &text[..end], &text[end + allowed.len()..]);
        std::fs::write(self.path("account.toml"), text).unwrap();
        self.sayso(&["account", "apply", ACCOUNT, "--from", "account.toml"]);
    }

    /// Runs a command on this data directory; it must succeed.
    pub fn sayso(&self, args: &[&str]) -> String {
        let out = self.run(args);
        let said = |bytes| String::from_utf8_lossy(bytes).into_owned();
        assert!(out.status.success(), "sayso {args:?}: {}{}", said(&out.stdout), said(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }

    /// Runs a command on this data directory.
    pub fn run(&self, args: &[&str]) -> Output {
        Command::new(SAYSO).args(args).arg("--data").arg(self.data()).current_dir(self.dir.path()).output().unwrap()
    }

    /// Puts the clock at a moment, ms.
    pub fn set_clock(&self, ms: i64) {
        self.clock_ms.store(ms, Ordering::Relaxed);
        let aside = self.path("clock.new");
        std::fs::write(&aside, iso(ms)).unwrap();
        std::fs::rename(aside, self.path("clock")).unwrap();
    }
    pub fn set(&self, date: &str) {
        self.set_clock(millis(date));
    }
    pub fn advance(&self, ms: i64) {
        self.set_clock(self.now() + ms);
    }
    pub fn now(&self) -> i64 {
        self.clock_ms.load(Ordering::Relaxed)
    }

    /// While held, jobs stay in Processing.
    pub fn hold(&self) {
        std::fs::write(self.path("hold"), "").unwrap();
    }
    pub fn release(&self) {
        std::fs::remove_file(self.path("hold")).unwrap();
    }

    /// Writes `n` people whose first names begin so, a line each, for `sayso load`.
    pub fn write_people(&self, file: &str, names: &str, n: usize) {
        let lines: String = (0..n).map(|i| format!("{}\n", person(&format!("{names}{i}"), &["a"]))).collect();
        std::fs::write(self.path(file), lines).unwrap();
    }

    /// Loads so many people with notes of some 12 KB that can't be compressed to nothing.
    pub fn load_notes(&self, people: usize) {
        let mut random = Random::new(1);
        let mut note =
            || (0..4_000).map(|_| char::from_u32(0x4E00 + random.below(20_000) as u32).unwrap()).collect::<String>();
        let mut line = |n: usize| {
            let mut profile = person(&format!("p{n}"), &[]);
            profile["CustomFields"] = json!([{"Name": "Note", "Value": note()}]);
            format!("{profile}\n")
        };
        std::fs::write(self.path("people.ndjson"), (0..people).map(&mut line).collect::<String>()).unwrap();
        block_in_place(|| self.sayso(&["load", "people.ndjson", "--account", ACCOUNT]));
    }

    /// Starts a command on this data directory, which goes on by itself.
    pub fn spawn(&self, args: &[&str]) -> Child {
        let mut command = Command::new(SAYSO);
        command.args(args).arg("--data").arg(self.data()).current_dir(self.dir.path());
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// What `sayso check` finds wrong: nothing, or this panics.
    #[track_caller]
    pub fn check(&self) -> Value {
        let out = self.run(&["check", "--json"]);
        let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert!(out.status.success(), "sayso check: {said}");
        serde_json::from_slice(&out.stdout).unwrap()
    }

    /// Tokens of which there are files, or which nobody knows.
    pub fn tokens_with_files(&self) -> Vec<String> {
        let accounts = std::fs::read_dir(self.data().join("exports")).into_iter().flatten().flatten();
        let folders = accounts.flat_map(|account| std::fs::read_dir(account.path()).into_iter().flatten().flatten());
        folders.map(|folder| folder.file_name().into_string().unwrap()).collect()
    }

    /// What lies in the data directory, or in its folders of exports and imports, and has no name that belongs there.
    pub fn strays(&self) -> Vec<String> {
        let names = |folder: &str| -> Vec<String> {
            let entries = std::fs::read_dir(self.data().join(folder)).into_iter().flatten().flatten();
            entries.map(|entry| format!("{folder}{}", entry.file_name().display())).collect()
        };
        let is_known = |name: &String| {
            ["data.mdb", "lock.mdb", "server.lock", "open.lock", "exports", "imports"].contains(&name.as_str())
        };
        let is_account = |name: &String| name.split('/').nth(1).is_some_and(|name| name.parse::<u32>().is_ok());
        let mut found: Vec<String> = names("").into_iter().filter(|name| !is_known(name)).collect();
        for folder in ["exports/", "imports/"] {
            found.extend(names(folder).into_iter().filter(|name| !is_account(name)));
        }
        found
    }

    /// Makes an OAuth client for a user of an account and signs in.
    pub async fn sign_in(&self, account: &str, user: &str) -> Api {
        let out = self.sayso(&["credentials", "create", "--account", account, "--user", user, "--json"]);
        let credentials: Value = serde_json::from_str(&out).unwrap();
        let mut api = Api {
            http: self.http.clone(),
            url: self.url.clone(),
            account: account.to_string(),
            token: String::new(),
            client_id: credentials["client_id"].as_str().unwrap().to_string(),
            client_secret: credentials["client_secret"].as_str().unwrap().to_string(),
            scope: credentials["scope"].as_str().unwrap().to_string(),
        };
        api.sign_in_again().await;
        api
    }
    pub async fn admin(&self) -> Api {
        self.sign_in(ACCOUNT, "Admin").await
    }
    pub async fn nightly(&self) -> Api {
        self.sign_in(ACCOUNT, "Nightly").await
    }

    /// The files of an export, wherever they lie.
    pub fn files(&self, token: u64) -> Vec<PathBuf> {
        fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
            for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
                if entry.path().is_dir() { walk(&entry.path(), found) } else { found.push(entry.path()) }
            }
        }
        let mut found = Vec::new();
        walk(&self.data().join("exports"), &mut found);
        found.retain(|p| p.to_string_lossy().contains(&token.to_string()));
        found
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.end();
        if std::thread::panicking() {
            eprintln!("--- server log\n{}", self.log());
        }
    }
}

/// A client signed in as one user.
#[derive(Clone)]
pub struct Api {
    pub http: reqwest::Client,
    pub url: String,
    pub account: String,
    pub token: String,
    pub client_id: String,
    pub client_secret: String,
    pub scope: String,
}

/// An answer, read whole.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|v| v.to_str().unwrap())
    }
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e}: {} {}", self.status, String::from_utf8_lossy(&self.body)))
    }
    #[track_caller]
    pub fn message(&self) -> String {
        self.json()["Message"].as_str().unwrap_or_default().to_string()
    }
    /// Asserts the status and gives the answer on.
    #[track_caller]
    pub fn is(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self
    }
    /// Asserts the status and that the Message names all of these.
    #[track_caller]
    pub fn refuses(self, status: u16, words: &[&str]) -> Answer {
        let answer = self.is(status);
        let message = answer.message();
        for word in words {
            assert!(message.contains(word), "the Message names {word}: {message}");
        }
        answer
    }
}

impl Api {
    pub async fn sign_in_again(&mut self) {
        let answer = self.oauth(&[("grant_type", "client_credentials"), ("scope", &self.scope)]).await.is(200);
        self.token = answer.json()["access_token"].as_str().unwrap().to_string();
    }
    /// `POST /oauth/token` with Basic credentials.
    pub async fn oauth(&self, form: &[(&str, &str)]) -> Answer {
        let call = self.http.post(format!("{}/oauth/token", self.url)).form(form);
        read(call.basic_auth(&self.client_id, Some(&self.client_secret))).await
    }
    pub fn call(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token)
    }
    pub async fn get(&self, path: &str) -> Answer {
        read(self.call("GET", path)).await
    }
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        read(self.call("POST", path).json(body)).await
    }
    pub async fn post_text(&self, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        read(self.call("POST", path).header("content-type", "application/json").body(body)).await
    }
    pub async fn delete(&self, path: &str) -> Answer {
        read(self.call("DELETE", path)).await
    }

    pub fn profile_path(&self, rest: &str) -> String {
        format!("/Profiles/v4/{}/Profile{rest}", self.account)
    }
    pub fn segment_path(&self, segment: &str) -> String {
        format!("/Profiles/v4/Async/{}/Export/Segment/{}", self.account, encoded(segment))
    }
    pub fn group_path(&self, group: &str) -> String {
        format!("/Profiles/v4/Async/{}/Export/SegmentGroup/{}", self.account, encoded(group))
    }
    pub fn token_path(&self, token: u64, rest: &str) -> String {
        format!("/Profiles/v4/Async/{}/Export/{token}{rest}", self.account)
    }

    /// Creates a profile and gives its id.
    pub async fn create(&self, profile: Value) -> u64 {
        self.post(&self.profile_path(""), &profile).await.is(201).json()["ProfileId"].as_u64().unwrap()
    }
    pub async fn update(&self, id: u64, profile: Value) {
        self.post(&self.profile_path(&format!("/{id}")), &profile).await.is(200);
    }
    pub async fn remove(&self, id: u64) {
        self.delete(&self.profile_path(&format!("/{id}"))).await.is(204);
    }
    pub async fn read(&self, id: u64) -> Value {
        self.get(&self.profile_path(&format!("/{id}"))).await.is(200).json()
    }

    /// Initiates an export of a segment.
    pub async fn initiate(&self, segment: &str, body: Value) -> u64 {
        token_of(&self.post(&self.segment_path(segment), &body).await)
    }
    pub async fn initiate_group(&self, group: &str) -> u64 {
        token_of(&self.post(&self.group_path(group), &json!({})).await)
    }
    pub async fn status(&self, token: u64) -> Answer {
        self.get(&self.token_path(token, "/Status")).await
    }
    pub async fn page(&self, token: u64, query: &str) -> Answer {
        self.get(&self.token_path(token, &format!("?{query}"))).await
    }
    pub async fn commit(&self, token: u64, query: &str) -> Answer {
        read(self.call("POST", &self.token_path(token, &format!("/Commit?{query}")))).await
    }
    /// Waits until the export is no longer Processing and gives its Status.
    pub async fn settled(&self, token: u64) -> Answer {
        let mut tick = tokio::time::interval(Duration::from_millis(5));
        for _ in 0..12_000 {
            let answer = self.status(token).await.is(200);
            if answer.json()["Status"] != "Processing" {
                return answer;
            }
            tick.tick().await;
        }
        panic!("the export stays in Processing");
    }
    /// Waits until Complete.
    pub async fn complete(&self, token: u64) -> Answer {
        let answer = self.settled(token).await;
        assert_eq!(answer.json()["Status"], "Complete");
        answer
    }
    /// Exports and waits.
    pub async fn export(&self, segment: &str, body: Value) -> u64 {
        let token = self.initiate(segment, body).await;
        self.complete(token).await;
        token
    }
    /// All records of a complete export, read with keepAlive.
    pub async fn rows(&self, token: u64) -> Vec<Value> {
        let page = self.page(token, "limit=1000000&keepAlive=true").await.is(200).json();
        page["UserProfilePreferences"].as_array().unwrap().clone()
    }
    /// The ProfileIds that an export of this segment gives.
    pub async fn ids(&self, segment: &str, body: Value) -> Vec<u64> {
        let token = self.export(segment, body).await;
        ids(&self.rows(token).await)
    }
    pub async fn group_ids(&self, group: &str) -> Vec<u64> {
        let token = self.initiate_group(group).await;
        self.complete(token).await;
        ids(&self.rows(token).await)
    }
}

/// A client without proxies or retries.
pub fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// Sends and reads whole.
pub async fn read(call: reqwest::RequestBuilder) -> Answer {
    try_read(call).await.unwrap()
}

/// The same from a server that may die meanwhile.
pub async fn try_read(call: reqwest::RequestBuilder) -> reqwest::Result<Answer> {
    let response = call.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Answer { status, headers, body: response.bytes().await?.to_vec() })
}

/// Waits for something that happens by itself soon, such as the sweeper's next round.
pub async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let mut tick = tokio::time::interval(Duration::from_millis(5));
    for _ in 0..6_000 {
        if holds() {
            return;
        }
        tick.tick().await;
    }
    panic!("never came: {what}");
}

pub fn ids(rows: &[Value]) -> Vec<u64> {
    rows.iter().map(|r| r["ProfileId"].as_u64().unwrap()).collect()
}

#[track_caller]
pub fn token_of(answer: &Answer) -> u64 {
    answer.clone().is(200).json()["AccessToken"].as_u64().unwrap()
}

/// A name as one path segment.
pub fn encoded(name: &str) -> String {
    name.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

/// A person with a name, an email and tags.
pub fn person(name: &str, tags: &[&str]) -> Value {
    json!({
        "CustomerName": {"FirstName": name},
        "Emails": [{"EmailAddressType": "Home", "EmailAddress": format!("{}@example.com", name.to_lowercase())}],
        "ProfileTags": tags.iter().map(|t| json!({"Name": t})).collect::<Vec<_>>(),
    })
}

/// A date of the wire as ms.
pub fn millis(date: &str) -> i64 {
    date.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}
/// ms as a date of the wire.
pub fn iso(ms: i64) -> String {
    format!("{:.3}", jiff::Timestamp::from_millisecond(ms).unwrap())
}
