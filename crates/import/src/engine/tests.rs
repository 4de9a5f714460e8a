//! What callers and operators rely on, over the real store.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use sayso_store::{Role, SystemClock, account::Account};
use serde_json::{Value, json};

use super::*;
use crate::{chunk::Reader, job::Terms};

struct Sandbox {
    store: Store,
    account: Account,
    runtime: tokio::runtime::Runtime,
    // Dropped after the store.
    _dir: tempfile::TempDir,
}

impl Sandbox {
    fn new() -> Sandbox {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Role::Server, Arc::new(SystemClock)).unwrap();
        let account = store.create_account("DEMO", toml::from_str(sayso_sample::ACCOUNT_TOML).unwrap()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Sandbox { store, account, runtime, _dir: dir }
    }

    fn engine(&self) -> Engine {
        self.engine_that_asks(Arc::new(|_, _, _| true))
    }

    /// An engine whose sweeper only runs when a test calls it.
    fn engine_that_asks(&self, permission: PermissionCheck) -> Engine {
        let settings = Settings { sweep_every_ms: 1 << 40, ..Settings::default() };
        Engine::start(self.store.clone(), settings, permission).unwrap()
    }

    fn caller(&self) -> Caller {
        let (account, user_id) = (self.account.no, "Admin".to_owned());
        Caller { account, user_id, user_no: None, is_administrator: true, origin: Origin::program() }
    }

    fn initiate(&self, engine: &Engine, name: &str) -> AccessToken {
        let request = Request {
            account: self.account.no,
            user_id: "Admin".into(),
            user_no: None,
            client_id: Some(name.to_owned()),
            origin: Origin::program(),
            terms: Terms { retention_days: 10, ..Terms::default() },
        };
        self.runtime.block_on(engine.initiate(request)).unwrap().token
    }

    fn stage(&self, engine: &Engine, token: AccessToken, records: &[Value]) {
        let Begun::Taking(mut staging) = engine.stage(&self.caller(), token, None).unwrap() else { panic!() };
        staging.push(json!({ "UserProfiles": records }).to_string().as_bytes()).unwrap();
        staging.finish().unwrap();
    }

    /// Executes it and waits for its end.
    fn execute(&self, engine: &Engine, token: AccessToken) -> Job {
        self.runtime.block_on(engine.execute(&self.caller(), token)).unwrap();
        let begun = Instant::now();
        loop {
            let job = engine.inner().job((self.account.no, token)).unwrap().unwrap();
            if job.state.has_ended() {
                return job;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{job:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The staged files of an import, in the order of the calls.
    fn files(&self, engine: &Engine, token: AccessToken) -> Vec<PathBuf> {
        let key = (self.account.no, token);
        let chunks = chunks(&self.store, key).unwrap();
        chunks.iter().map(|chunk| engine.inner().files.file(key, chunk.file)).collect()
    }

    fn put(&self, token: AccessToken, record: &'static [u8]) {
        let key = (self.account.no, token);
        self.store.imports_blocking(move |tx| tx.put(key, record)).unwrap();
    }
}

fn person(name: &str) -> Value {
    json!({"CustomerName": {"FirstName": name}})
}

fn bad() -> Value {
    json!({"IsActive": 3})
}

fn of_state(engine: &Engine, state: State) -> u64 {
    engine.counts().unwrap().into_iter().find(|(found, _)| *found == state).unwrap().1
}

#[test]
fn a_fault_in_the_program_ends_that_import_alone() {
    let sandbox = Sandbox::new();
    let engine = sandbox.engine_that_asks(Arc::new(|_, _, client| client != Some("faulty") || panic!("a fault")));
    let [faulty, sound] = ["faulty", "sound"].map(|name| {
        let token = sandbox.initiate(&engine, name);
        sandbox.stage(&engine, token, &[person("Ann")]);
        token
    });
    let job = sandbox.execute(&engine, faulty);
    assert_eq!((job.state, job.error.as_deref()), (State::Failed, Some("a fault in the program: a fault")));
    assert_eq!(sandbox.execute(&engine, sound).state, State::Completed, "the others go on");
}

#[test]
fn a_damaged_record_stands_for_itself_alone() {
    let sandbox = Sandbox::new();
    let engine = sandbox.engine();
    let sound = sandbox.initiate(&engine, "sound");
    sandbox.stage(&engine, sound, &[person("Ann")]);
    sandbox.put(AccessToken(1), b"no job");
    drop(engine);
    let problems = crate::check(&sandbox.store).unwrap().problems;
    assert!(problems.len() == 1 && problems[0].starts_with("import 1:"), "{problems:?}");
    let engine = sandbox.engine();
    assert_eq!(of_state(&engine, State::Staging), 1);
    assert_eq!(crate::remove_ended(&sandbox.store).unwrap(), 1, "it is forgotten");
    let unknown = engine.status(&sandbox.caller(), AccessToken(1));
    assert!(matches!(unknown, Err(ImportError::UnknownToken)), "whoever asks for it begins anew");
    assert_eq!(sandbox.execute(&engine, sound).state, State::Completed);
    assert_eq!(crate::check(&sandbox.store).unwrap().problems, [""; 0]);
}

#[test]
fn a_stage_call_whose_record_is_damaged_ends_its_import_alone() {
    let sandbox = Sandbox::new();
    let engine = sandbox.engine();
    let [broken, sound] = ["broken", "sound"].map(|name| {
        let token = sandbox.initiate(&engine, name);
        sandbox.stage(&engine, token, &[person("Ann")]);
        token
    });
    drop(engine);
    let key = (sandbox.account.no, broken);
    sandbox.store.imports_blocking(move |tx| tx.put_chunk(key, 1, b"no call")).unwrap();
    let problems = crate::check(&sandbox.store).unwrap().problems;
    assert!(problems.len() == 1 && problems[0].starts_with(&format!("import {broken}:")), "{problems:?}");
    let engine = sandbox.engine();
    assert_eq!(engine.status(&sandbox.caller(), broken).unwrap().state, State::Failed);
    assert_eq!(sandbox.execute(&engine, sound).state, State::Completed);
}

#[test]
fn what_is_kept_of_an_import_that_is_over_stays_when_the_record_of_a_call_is_damaged() {
    let sandbox = Sandbox::new();
    let engine = sandbox.engine();
    let token = sandbox.initiate(&engine, "over");
    for records in [&[bad(), person("Ann")], &[person("Ben"), bad()]] {
        sandbox.stage(&engine, token, records);
    }
    let files = sandbox.files(&engine, token);
    assert_eq!(sandbox.execute(&engine, token).state, State::Completed);
    drop(engine);
    let key = (sandbox.account.no, token);
    sandbox.store.imports_blocking(move |tx| tx.put_chunk(key, 1, b"no call")).unwrap();
    let engine = sandbox.engine();
    assert_eq!(engine.status(&sandbox.caller(), token).unwrap().state, State::Completed);
    assert!(files.iter().all(|file| file.is_file()), "its refused records are in them");
}

#[test]
fn what_a_kill_left_of_an_executed_call_is_removed_at_the_next_start() {
    let sandbox = Sandbox::new();
    let engine = sandbox.engine();
    let token = sandbox.initiate(&engine, "killed");
    let calls: [&[Value]; 3] =
        [&[bad(), person("Ann"), bad()], &[person("Ben")], &[person("Cid"), person("Dan"), bad()]];
    for records in calls {
        sandbox.stage(&engine, token, records);
    }
    let files = sandbox.files(&engine, token);
    let whole: Vec<_> = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
    assert_eq!(sandbox.execute(&engine, token).state, State::Completed);
    let left =
        || files.iter().map(|file| file.is_file().then(|| Reader::open(file).unwrap().len())).collect::<Vec<_>>();
    // Its last file is written anew after its state says that it is over.
    drop(engine);
    assert_eq!(left(), [Some(2), None, Some(1)]);
    // As a kill between the batch and that leaves them.
    files.iter().zip(whole).for_each(|(file, bytes)| std::fs::write(file, bytes).unwrap());
    assert_eq!(left(), [Some(3), Some(1), Some(3)]);
    let engine = sandbox.engine();
    assert_eq!(left(), [Some(2), None, Some(1)]);
    let page = engine.exceptions(&sandbox.caller(), token, 10, 1).unwrap();
    let told: Vec<_> = page.refused.iter().map(|refused| (refused.sequence, refused.record.is_some())).collect();
    assert_eq!(told, [(1, true), (3, true), (7, true)]);
    assert_eq!(crate::check(&sandbox.store).unwrap().problems, [""; 0]);
}

#[test]
fn a_page_of_exceptions_is_bounded_by_what_they_take() {
    const BAD: usize = 100_000;
    let sandbox = Sandbox::new();
    let engine = sandbox.engine();
    let token = sandbox.initiate(&engine, "none of it is a record");
    let Begun::Taking(mut staging) = engine.stage(&sandbox.caller(), token, None).unwrap() else { panic!() };
    staging.push(format!("{{\"UserProfiles\":[{}]}}", ["3"; BAD].join(",")).as_bytes()).unwrap();
    staging.finish().unwrap();
    let (mut pages, mut told) = (0, 0);
    loop {
        let page = engine.exceptions(&sandbox.caller(), token, u64::MAX, told + 1).unwrap();
        assert!(page.refused.len() < 70_000, "{} in one page", page.refused.len());
        told += page.refused.len() as u64;
        pages += 1;
        if !page.has_more {
            break;
        }
    }
    assert!(pages > 1 && told == BAD as u64, "{told} in {pages} pages");
}
