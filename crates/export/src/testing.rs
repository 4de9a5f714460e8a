//! A data directory of its own for each test: the real store, a clock that the test moves, the sample account.

use std::{
    num::NonZeroU64,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering::SeqCst},
    },
    time::Duration,
};

use sayso_model::{
    config::{Config, Configuration},
    id::{AccessToken, AccountNo, Author, ProfileId},
    input::parse_profile,
    moment::Moment,
    selection::{Conditions, Selection},
};
use sayso_store::{
    Clock, Role, Store,
    account::Account,
    audit::{Credential, Origin},
    profiles::{Change as Write, Target},
};
use serde_json::{Value, json, value::RawValue};

use crate::{
    Engine, ExportError, Settings,
    callback::Callback,
    engine::Caller,
    job::{Exported, Request, State, Status, Subject},
    page::{Page, PageRequest},
    record::{Change, Job},
    registry::{Progress, Running},
};

/// 2026-11-24T10:00:00Z.
pub const START: i64 = 1_795_514_400_000;
pub const DAY: i64 = 86_400_000;
/// How long a test waits for what must come.
pub const LONG: Duration = Duration::from_secs(20);

/// Stands still until it is moved.
pub struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Moment {
        Moment(self.0.load(SeqCst))
    }
}

pub struct Sandbox {
    pub store: Store,
    pub account: Account,
    pub clock: Arc<TestClock>,
    /// What the permission check answers.
    pub permitted: Arc<AtomicBool>,
    // Dropped after the store.
    pub dir: tempfile::TempDir,
}

impl Sandbox {
    pub fn new() -> Sandbox {
        Self::with(|_| {})
    }

    /// The sample account, changed.
    pub fn with(change: impl FnOnce(&mut Configuration)) -> Sandbox {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock(AtomicI64::new(START)));
        let store = Store::open(dir.path(), Role::Server, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        let mut configuration: Configuration = toml::from_str(sayso_sample::ACCOUNT_TOML).unwrap();
        change(&mut configuration);
        let account = aside(|| store.create_account("DEMO", configuration)).unwrap();
        Sandbox { store, account, clock, permitted: Arc::new(AtomicBool::new(true)), dir }
    }

    pub fn advance(&self, ms: i64) {
        self.clock.0.fetch_add(ms, SeqCst);
    }

    pub fn author() -> Author {
        Author { user_id: "Admin".into(), source_id: None }
    }

    /// Loads the first `count` sample profiles.
    pub fn load_sample(&self, count: u64) {
        let sampler = sayso_sample::Sampler::new(7);
        let line = |i| {
            let mut line = Vec::new();
            sampler.profile(i, &mut line);
            parse_profile(&line).unwrap()
        };
        let lines = (0..count).map(line).collect();
        let loaded = aside(|| self.store.load(self.account.no, &Self::author(), lines)).unwrap();
        loaded.into_iter().for_each(|one| assert!(one.is_ok(), "{one:?}"));
    }

    pub async fn create(&self, profile: Value) -> ProfileId {
        self.write(Write::Create(Box::new(parse_profile(profile.to_string().as_bytes()).unwrap()))).await
    }

    pub async fn update(&self, id: ProfileId, profile: Value) {
        let input = Box::new(parse_profile(profile.to_string().as_bytes()).unwrap());
        self.write(Write::Update(Target::Id(id), input)).await;
    }

    pub async fn delete(&self, id: ProfileId, reason: Option<&str>) {
        self.write(Write::Delete(Target::Id(id), reason.map(str::to_owned))).await;
    }

    async fn write(&self, change: Write) -> ProfileId {
        self.store.write(self.account.no, Self::author(), change).await.unwrap().id
    }

    pub fn engine(&self) -> Engine {
        self.engine_with(Settings::default())
    }

    /// An engine whose sweeper only runs when a test calls it.
    pub fn engine_with(&self, settings: Settings) -> Engine {
        let permitted = Arc::clone(&self.permitted);
        let settings = Settings { sweep_every_ms: 1 << 40, workers: 2, ..settings };
        Engine::start(self.store.clone(), settings, Arc::new(move |_, _, _, _| permitted.load(SeqCst))).unwrap()
    }

    pub fn caller(&self) -> Caller {
        Caller {
            account: self.account.no,
            user_id: "nightly.export".into(),
            user_no: Some(2),
            is_administrator: false,
            origin: Self::origin(),
        }
    }

    /// Where the calls come from.
    pub fn origin() -> Origin {
        let peer = Some("192.0.2.7".parse().unwrap());
        Origin { peer, ..Origin::of(Credential::Client("client".into())).for_user("Nightly.Export") }
    }

    pub fn request(&self, segment: &str) -> Request {
        Request {
            account: self.account.no,
            user_id: "Nightly.Export".into(),
            user_no: Some(2),
            client_id: Some("client".into()),
            origin: Self::origin(),
            exported: Exported { subject: Subject::Segment(segment.into()), no: Some(1) },
            selection: Selection::of_segment(&self.account.config, segment).unwrap(),
            conditions: Conditions::default(),
            callback_url: None,
            idempotency: None,
        }
    }

    /// A job that no worker has, to which more room is promised than there is.
    pub fn promised(&self, engine: &Engine, token: u64) -> Arc<Running> {
        let (job, _) = Job::new(self.request("Everyone"), AccessToken(token), Moment(START));
        let running = Arc::new(Running { job, progress: Progress::default() });
        running.progress.promise(u64::MAX / 2);
        engine.inner().running.lock().insert(running.job.key(), Arc::clone(&running));
        running
    }

    pub fn folder(&self, token: AccessToken) -> PathBuf {
        self.dir.path().join("exports").join(self.account.no.to_string()).join(token.to_string())
    }
}

/// Runs what blocks on a thread that isn't the runtime's.
pub fn aside<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(f).join().unwrap())
}

/// A file that holds jobs back while it exists, and the settings that name it.
pub fn hold(sandbox: &Sandbox) -> (PathBuf, Settings) {
    let file = sandbox.dir.path().join("hold");
    std::fs::write(&file, "").unwrap();
    (file.clone(), Settings { hold_file: Some(file), ..Settings::default() })
}

/// The status once the job is not Processing any more.
pub async fn done(engine: &Engine, caller: &Caller, token: AccessToken) -> Status {
    let mut finished = engine.finished();
    loop {
        let status = engine.status(caller, token).await.unwrap();
        if status.state != State::Processing {
            return status;
        }
        finished.changed().await.unwrap();
    }
}

pub fn request_page(limit: u64, offset: u64, keep_alive: bool) -> PageRequest {
    PageRequest { limit: NonZeroU64::new(limit).unwrap(), offset: NonZeroU64::new(offset).unwrap(), keep_alive }
}

/// The body of a page, read to its end.
pub fn read(page: &mut Page) -> Result<Vec<u8>, ExportError> {
    let mut body = Vec::new();
    while let Some(piece) = page.body.next_piece() {
        body.extend_from_slice(&piece?);
    }
    assert_eq!(body.len() as u64, page.length);
    Ok(body)
}

/// The rows of an export, byte for byte, read in pages of `limit`.
pub async fn rows(engine: &Engine, caller: &Caller, token: AccessToken, limit: u64) -> Vec<String> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Wire {
        has_more: bool,
        user_profile_preferences: Vec<Box<RawValue>>,
    }
    let mut rows = Vec::new();
    loop {
        let request = request_page(limit, rows.len() as u64 + 1, true);
        let mut page = engine.page(caller, token, request).await.unwrap();
        let body = read(&mut page).unwrap();
        let wire: Wire = serde_json::from_slice(&body).unwrap();
        rows.extend(wire.user_profile_preferences.into_iter().map(|row| row.get().to_owned()));
        if !wire.has_more {
            return rows;
        }
    }
}

/// Runs an export to its end and gives its rows; the counts of Status must agree.
pub async fn export(engine: &Engine, sandbox: &Sandbox, request: Request) -> Vec<String> {
    let caller = sandbox.caller();
    let token = engine.initiate(request).await.unwrap();
    let status = done(engine, &caller, token).await;
    assert_eq!(status.state, State::Complete);
    let rows = rows(engine, &caller, token, 7).await;
    assert_eq!(status.row_count, Some(rows.len() as u64));
    assert_eq!(status.byte_count, Some(rows.iter().map(|row| row.len() as u64).sum()));
    rows
}

/// The ids of rows.
pub fn ids(rows: &[String]) -> Vec<u64> {
    let id = |row: &String| serde_json::from_str::<Value>(row).unwrap()["ProfileId"].as_u64().unwrap();
    rows.iter().map(id).collect()
}

/// A callback that was just put.
pub fn callback() -> Callback {
    let request = Request {
        account: AccountNo(1),
        user_id: "Nightly.Export".into(),
        user_no: Some(2),
        origin: Sandbox::origin(),
        client_id: None,
        exported: Exported { subject: Subject::Segment("Everyone".into()), no: Some(1) },
        selection: Selection::of_segment(&Config::new(toml::from_str(sayso_sample::ACCOUNT_TOML).unwrap()), "Everyone")
            .unwrap(),
        conditions: Conditions::default(),
        callback_url: Some("https://hooks.example/sayso?key=1".into()),
        idempotency: None,
    };
    let (mut job, _) = Job::new(request, AccessToken(7), Moment(START));
    let completed = Change::Completed { row_count: 2, byte_count: 30, snapshot: Moment(START) };
    job.advance(&completed, Moment(START), &Settings::default()).unwrap();
    Callback::of(&job, Moment(START)).unwrap().unwrap()
}

/// A small profile with an email; `opted` is what was said of the newsletter, if anything.
pub fn person(name: &str, state: &str, opted: Option<&str>) -> Value {
    let preferences: Vec<Value> =
        opted.iter().map(|said| json!({"FilterId": "NEWS-EMAIL", "PreferenceType": said})).collect();
    json!({
        "CustomerName": {"FirstName": name, "LastName": "Doe"},
        "AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": format!("crm-{name}")}],
        "Emails": [{"EmailAddressType": "Home", "EmailAddress": format!("{name}@example.com"), "EmailPreferences": preferences}],
        "Addresses": [{"AddressType": "Home", "Address1": "1 Main St", "City": "Macon", "StateProvince": state, "PostalCode": "31201"}],
    })
}
