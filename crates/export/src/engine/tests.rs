//! What callers and operators rely on, over the real store.

use std::{fs, sync::atomic::Ordering::SeqCst};

use sayso_model::moment::Moment;

use super::*;
use crate::{job::Subject, testing::*};

fn is<T>(result: Result<T, ExportError>, state: State) -> bool {
    matches!(result, Err(ExportError::Ended(found)) if found == state)
}

fn unknown<T>(result: Result<T, ExportError>) -> bool {
    matches!(result, Err(ExportError::UnknownToken))
}

/// A round of the sweeper.
fn sweep(engine: &Engine, round: u64) {
    let failed = aside(|| sweep::sweep(engine.inner(), round));
    assert!(failed.is_empty(), "{failed:?}");
}

async fn made(sandbox: &Sandbox, engine: &Engine) -> AccessToken {
    let token = engine.initiate(sandbox.request("Everyone")).await.unwrap();
    assert_eq!(done(engine, &sandbox.caller(), token).await.state, State::Complete);
    token
}

async fn one_profile() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.create(person("ann", "GA", Some("OptIn"))).await;
    sandbox
}

#[tokio::test]
async fn an_export_is_processing_then_complete_then_retrieved_by_its_last_block() {
    let sandbox = one_profile().await;
    let (file, settings) = hold(&sandbox);
    let (engine, caller) = (sandbox.engine_with(settings), sandbox.caller());
    let token = engine.initiate(sandbox.request("Everyone")).await.unwrap();
    let status = engine.status(&caller, token).await.unwrap();
    assert_eq!((status.state, status.row_count, status.snapshot), (State::Processing, None, None));
    assert_eq!((status.progress, status.retry_after_s), (Some(0), Some(1)));
    let page = engine.page(&caller, token, request_page(10, 1, false)).await;
    assert!(matches!(page, Err(ExportError::Processing { retry_after_s: 1 })));
    assert!(matches!(engine.commit(&caller, token, false).await, Err(ExportError::Processing { .. })));

    fs::remove_file(file).unwrap();
    let status = done(&engine, &caller, token).await;
    assert_eq!((status.state, status.row_count), (State::Complete, Some(1)));
    assert!(status.snapshot.is_some_and(|s| s >= Moment(START)));
    let mut page = engine.page(&caller, token, request_page(10, 1, false)).await.unwrap();
    read(&mut page).unwrap();
    let last_block = page.last_block.take().unwrap();
    last_block.sending();
    last_block.flushed();
    assert_eq!(engine.status(&caller, token).await.unwrap().state, State::Retrieved);
    assert!(is(engine.page(&caller, token, request_page(10, 1, false)).await, State::Retrieved));
    assert!(!sandbox.folder(token).exists());
}

#[tokio::test]
async fn a_broken_connection_leaves_the_export_complete() {
    let sandbox = one_profile().await;
    let (engine, caller) = (sandbox.engine(), sandbox.caller());
    let token = made(&sandbox, &engine).await;
    let page = engine.page(&caller, token, request_page(10, 1, false)).await.unwrap();
    page.last_block.as_ref().unwrap().sending();
    drop(page);
    assert_eq!(engine.status(&caller, token).await.unwrap().state, State::Complete);
    assert_eq!(rows(&engine, &caller, token, 10).await.len(), 1);
}

#[tokio::test]
async fn who_asks_while_the_last_frame_is_on_its_way_hears_of_its_end() {
    let sandbox = one_profile().await;
    let (engine, caller) = (sandbox.engine(), sandbox.caller());
    let token = made(&sandbox, &engine).await;
    let page = engine.page(&caller, token, request_page(10, 1, false)).await.unwrap();
    let last_block = page.last_block.unwrap();
    last_block.sending();
    let asked = {
        let (engine, caller) = (engine.clone(), caller.clone());
        tokio::spawn(async move { engine.status(&caller, token).await })
    };
    tokio::task::yield_now().await;
    last_block.flushed();
    assert_eq!(asked.await.unwrap().unwrap().state, State::Retrieved);
}

#[tokio::test]
async fn pages_that_are_being_sent_outlive_the_end_of_their_export() {
    let sandbox = Sandbox::new();
    sandbox.load_sample(300);
    let (engine, caller) = (sandbox.engine(), sandbox.caller());
    let token = made(&sandbox, &engine).await;
    let mut reading = engine.page(&caller, token, request_page(1000, 1, true)).await.unwrap();
    let first = reading.body.next_piece().unwrap().unwrap();
    engine.commit(&caller, token, false).await.unwrap();
    assert!(!sandbox.folder(token).exists());
    let rest: usize = std::iter::from_fn(|| reading.body.next_piece()).map(|piece| piece.unwrap().len()).sum();
    assert_eq!((first.len() + rest) as u64, reading.length);
}

#[tokio::test]
async fn commit_ends_the_token_and_may_be_repeated_and_keeps_files_only_if_asked() {
    let sandbox = one_profile().await;
    let (engine, caller) = (sandbox.engine(), sandbox.caller());
    let (dropped, kept) = (made(&sandbox, &engine).await, made(&sandbox, &engine).await);
    for _ in 0..2 {
        engine.commit(&caller, dropped, false).await.unwrap();
        engine.commit(&caller, kept, true).await.unwrap();
    }
    assert!(!sandbox.folder(dropped).exists());
    let removed = async {
        while sandbox.folder(dropped).with_extension("tmp").exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), removed).await.expect("a moment later its files are removed, too");
    assert!(sandbox.folder(kept).join("rows").exists(), "left for the operator");
    assert!(is(engine.page(&caller, kept, request_page(1, 1, true)).await, State::Retrieved), "not for the API");
    assert!(unknown(engine.commit(&caller, AccessToken(1), false).await));

    sandbox.advance(7 * DAY - 1);
    sweep(&engine, 1);
    assert!(sandbox.folder(kept).exists());
    sandbox.advance(1);
    // Its files and its record end at the same moment with the default settings; both go.
    sweep(&engine, 2);
    assert!(!sandbox.folder(kept).exists());
    assert!(unknown(engine.status(&caller, kept).await));
}

#[tokio::test]
async fn an_export_whose_last_block_is_being_written_down_stays_open() {
    let sandbox = one_profile().await;
    let (engine, caller) = (sandbox.engine(), sandbox.caller());
    let token = made(&sandbox, &engine).await;
    drop(engine.page(&caller, token, request_page(1, 1, true)).await.unwrap());
    let is_open = || engine.inner().open.lock().values().next().map(|open| open.last_block.borrow().ending);
    let set = |ending| {
        engine.inner().open.lock().values().for_each(|open| open.last_block.send_modify(|state| state.ending = ending))
    };
    set(Ending::Writing);
    sweep(&engine, 5);
    assert_eq!(is_open(), Some(Ending::Writing), "who asks for its state waits for that");
    set(Ending::No);
    sweep(&engine, 6);
    assert_eq!(is_open(), None);
}

#[tokio::test]
async fn files_may_be_kept_for_longer_than_status_answers() {
    let sandbox = one_profile().await;
    let settings = Settings { kept_files_life_ms: 30 * DAY, ..Settings::default() };
    let (engine, caller) = (sandbox.engine_with(settings), sandbox.caller());
    let token = made(&sandbox, &engine).await;
    engine.commit(&caller, token, true).await.unwrap();
    sandbox.advance(8 * DAY);
    sweep(&engine, 1);
    assert!(unknown(engine.status(&caller, token).await));
    assert!(sandbox.folder(token).join("rows").exists());
    sandbox.advance(22 * DAY);
    sweep(&engine, 2);
    assert!(!sandbox.folder(token).exists());
    assert!(sandbox.store.all_export_records(|_, _, _| ()).unwrap().is_empty());
}

#[tokio::test]
async fn a_token_is_its_users_and_an_administrators_and_nobody_elses() {
    let sandbox = one_profile().await;
    let engine = sandbox.engine();
    let token = made(&sandbox, &engine).await;
    let other = aside(|| sandbox.store.create_account("OTHER", sayso_model::config::Configuration::default())).unwrap();
    let owner = sandbox.caller();
    let admin = Caller { user_id: "Admin".into(), is_administrator: true, ..owner.clone() };
    let stranger = Caller { user_id: "Somebody".into(), ..owner.clone() };
    let namesake = Caller { user_no: Some(7), ..owner.clone() };
    let foreign = Caller { account: other.no, is_administrator: true, ..owner.clone() };
    for caller in [&owner, &admin] {
        let expected = Exported { subject: Subject::Segment("Everyone".into()), no: Some(1) };
        assert_eq!(engine.exported(caller, token).unwrap(), expected);
        assert!(engine.page(caller, token, request_page(1, 1, true)).await.is_ok());
    }
    // a later user of the same id is somebody else
    for caller in [&stranger, &namesake, &foreign] {
        assert!(unknown(engine.exported(caller, token)));
        assert!(unknown(engine.status(caller, token).await));
        assert!(unknown(engine.page(caller, token, request_page(1, 1, true)).await));
        assert!(unknown(engine.commit(caller, token, false).await));
    }
}

#[tokio::test]
async fn a_token_expires_on_time_and_is_forgotten_a_week_later() {
    let sandbox = one_profile().await;
    let (engine, caller) = (sandbox.engine(), sandbox.caller());
    let (swept, met) = (made(&sandbox, &engine).await, made(&sandbox, &engine).await);
    sandbox.advance(DAY / 2 - 1);
    assert_eq!(engine.status(&caller, swept).await.unwrap().state, State::Complete);
    sandbox.advance(1);
    assert_eq!(engine.status(&caller, swept).await.unwrap().state, State::Expired, "before any sweeper ran");
    assert!(is(engine.page(&caller, met, request_page(1, 1, true)).await, State::Expired));
    assert!(is(engine.commit(&caller, met, false).await, State::Expired));
    assert!(!sandbox.folder(met).exists(), "who met it had it written down");
    assert!(sandbox.folder(swept).exists());
    sweep(&engine, 1);
    assert!(!sandbox.folder(swept).exists());
    sandbox.advance(7 * DAY - 1);
    assert_eq!(engine.status(&caller, swept).await.unwrap().state, State::Expired);
    sandbox.advance(1);
    assert!(unknown(engine.status(&caller, swept).await), "whether or not a sweeper ran");
    sweep(&engine, 2);
    assert!(sandbox.store.all_export_records(|_, _, _| ()).unwrap().is_empty());
}

#[tokio::test]
async fn a_record_from_before_the_number_of_what_is_exported_was_kept_is_read() {
    let sandbox = one_profile().await;
    let engine = sandbox.engine();
    let token = made(&sandbox, &engine).await;
    let record = sandbox.store.export_record(sandbox.account.no, token).unwrap().unwrap();
    let record = String::from_utf8(record.to_vec()).unwrap();
    let older = record.replace(r#""subject_no":1,"#, "");
    assert_ne!(older, record);
    let job = decode(older.as_bytes()).unwrap();
    assert_eq!(job.exported(), Exported { subject: Subject::Segment("Everyone".into()), no: None });
}

#[tokio::test]
async fn a_damaged_record_stands_for_itself_alone() {
    let sandbox = one_profile().await;
    let (engine, caller) = (sandbox.engine(), sandbox.caller());
    let good = made(&sandbox, &engine).await;
    let account = sandbox.account.no;
    sandbox.store.export_records(move |records| records.put(account, AccessToken(1), b"no job")).await.unwrap();
    drop(engine);
    let problems = crate::check(&sandbox.store).unwrap().problems;
    assert!(problems.len() == 1 && problems[0].contains("export 1:"), "{problems:?}");
    let engine = sandbox.engine();
    assert_eq!(engine.counts().unwrap().into_iter().find(|(state, _)| *state == State::Complete).unwrap().1, 1);
    sweep(&engine, 1);
    assert!(unknown(engine.status(&caller, AccessToken(1)).await), "whoever asks for it begins anew");
    assert!(engine.page(&caller, good, request_page(1, 1, true)).await.is_ok());
    assert_eq!(crate::check(&sandbox.store).unwrap().problems, [""; 0]);
}

#[tokio::test]
async fn the_same_idempotency_key_gets_the_first_token_for_a_day() {
    let sandbox = one_profile().await;
    let (engine, caller) = (sandbox.engine(), sandbox.caller());
    let with = |user: &str, segment: &str, body: u8| {
        let idempotency = Some(("key".to_owned(), [body; 32]));
        Request { user_id: user.into(), idempotency, ..sandbox.request(segment) }
    };
    let first = engine.initiate(with("Nightly.Export", "Everyone", 1)).await.unwrap();
    assert_eq!(engine.initiate(with("NIGHTLY.EXPORT", "everyone", 1)).await.unwrap(), first);
    let other_body = engine.initiate(with("Nightly.Export", "Everyone", 2)).await;
    assert!(matches!(other_body, Err(ExportError::KeyReused)));
    let other_user = engine.initiate(with("Admin", "Everyone", 2)).await.unwrap();
    let other_route = engine.initiate(with("Nightly.Export", "Georgia newsletter", 2)).await.unwrap();
    let of = |subject: Subject, no| Request {
        exported: Exported { subject, no: Some(no) },
        ..with("Nightly.Export", "Everyone", 2)
    };
    let other_kind = engine.initiate(of(Subject::SegmentGroup("Everyone".into()), 1)).await.unwrap();
    let namesake = engine.initiate(of(Subject::Segment("Everyone".into()), 2)).await.unwrap();
    assert_eq!(HashSet::from([first, other_user, other_route, other_kind, namesake]).len(), 5);

    done(&engine, &caller, first).await;
    engine.commit(&caller, first, false).await.unwrap();
    sandbox.advance(DAY - 1);
    sweep(&engine, 1);
    assert_eq!(engine.initiate(with("Nightly.Export", "Everyone", 1)).await.unwrap(), first, "also when it has ended");
    sandbox.advance(1);
    assert_ne!(engine.initiate(with("Nightly.Export", "Everyone", 1)).await.unwrap(), first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_at_once_with_one_key_get_one_token() {
    let sandbox = one_profile().await;
    let engine = sandbox.engine();
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let request = Request { idempotency: Some(("k".into(), [9; 32])), ..sandbox.request("Everyone") };
            let engine = engine.clone();
            tokio::spawn(async move { engine.initiate(request).await.unwrap() })
        })
        .collect();
    let mut tokens = HashSet::new();
    for task in tasks {
        tokens.insert(task.await.unwrap());
    }
    assert_eq!(tokens.len(), 1);
    assert_eq!(sandbox.store.all_export_records(|_, _, _| ()).unwrap().len(), 1);
}

#[tokio::test]
async fn an_interrupted_job_starts_again_under_its_token_and_strange_files_go() {
    let sandbox = one_profile().await;
    let caller = sandbox.caller();
    let (file, settings) = hold(&sandbox);
    let engine = sandbox.engine_with(settings);
    let token = engine.initiate(sandbox.request("Everyone")).await.unwrap();
    engine.stop();
    assert_eq!(engine.status(&caller, token).await.unwrap().state, State::Processing);
    drop(engine);
    fs::remove_file(file).unwrap();
    // What a crash in the middle of it, and one between the rename and the commit, would have left.
    let folder = sandbox.folder(token);
    for name in [folder.with_extension("tmp"), folder.clone(), folder.with_file_name("77")] {
        fs::create_dir_all(&name).unwrap();
        fs::write(name.join("rows"), "half").unwrap();
    }
    sandbox.create(person("bob", "GA", None)).await;
    let engine = sandbox.engine();
    assert_eq!(done(&engine, &caller, token).await.row_count, Some(2), "a new snapshot");
    let left = || fs::read_dir(folder.parent().unwrap()).unwrap().map(|e| e.unwrap().path()).collect::<Vec<_>>();
    let removed = async {
        while left().len() > 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, removed).await.expect("strange files are removed beside it");
    assert_eq!(left(), std::slice::from_ref(&folder));
    drop(engine);

    let engine = sandbox.engine();
    assert_eq!(rows(&engine, &caller, token, 1).await.len(), 2, "a complete export stays usable");
}

#[tokio::test]
async fn a_job_that_fails_says_error_and_leaves_nothing() {
    let sandbox = one_profile().await;
    let (engine, caller) = (sandbox.engine(), sandbox.caller());
    let folder = sandbox.folder(AccessToken(1));
    fs::create_dir_all(folder.parent().unwrap().parent().unwrap()).unwrap();
    fs::write(folder.parent().unwrap(), "a file where the account's folder should be").unwrap();
    let token = engine.initiate(sandbox.request("Everyone")).await.unwrap();
    assert_eq!(done(&engine, &caller, token).await.state, State::Error);
    assert!(is(engine.page(&caller, token, request_page(1, 1, true)).await, State::Error));
    let record = sandbox.store.export_record(caller.account, token).unwrap().unwrap();
    assert!(decode(&record).unwrap().error.is_some_and(|text| text.contains("Not a directory")), "the record says why");
}

#[tokio::test]
async fn a_user_who_lost_the_permission_meanwhile_gets_failed_and_no_rows() {
    let sandbox = one_profile().await;
    let (engine, caller) = (sandbox.engine(), sandbox.caller());
    sandbox.permitted.store(false, SeqCst);
    let token = engine.initiate(sandbox.request("Everyone")).await.unwrap();
    assert_eq!(done(&engine, &caller, token).await.state, State::Failed);
    assert!(is(engine.page(&caller, token, request_page(1, 1, true)).await, State::Failed));
    assert_eq!(fs::read_dir(sandbox.folder(token).parent().unwrap()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_fault_in_the_program_is_an_error_of_that_job_alone() {
    let sandbox = one_profile().await;
    let faulty: PermissionCheck = Arc::new(|_, _, _, exported| match &exported.subject {
        Subject::Segment(name) => name != "Georgia newsletter" || panic!("a fault"),
        Subject::SegmentGroup(_) => true,
    });
    let settings = Settings { workers: 1, sweep_every_ms: 1 << 40, ..Settings::default() };
    let engine = Engine::start(sandbox.store.clone(), settings, faulty).unwrap();
    let bad = engine.initiate(sandbox.request("Georgia newsletter")).await.unwrap();
    assert_eq!(done(&engine, &sandbox.caller(), bad).await.state, State::Error);
    made(&sandbox, &engine).await;
}

#[tokio::test]
async fn damage_found_while_reading_ends_the_export_with_error() {
    let sandbox = Sandbox::new();
    sandbox.load_sample(200);
    let (engine, caller) = (sandbox.engine(), sandbox.caller());
    let token = made(&sandbox, &engine).await;
    let path = sandbox.folder(token).join("rows");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    let mut page = engine.page(&caller, token, request_page(1000, 1, true)).await.unwrap();
    assert!(matches!(read(&mut page), Err(ExportError::Damaged(_))));
    // A commit is taken after the damage was reported, in the same thread's order.
    assert!(is(engine.commit(&caller, token, false).await, State::Error));
    assert_eq!(engine.status(&caller, token).await.unwrap().state, State::Error);
}

#[tokio::test]
async fn files_that_vanished_end_the_export_with_error() {
    let sandbox = one_profile().await;
    let (engine, caller) = (sandbox.engine(), sandbox.caller());
    let token = made(&sandbox, &engine).await;
    fs::remove_dir_all(sandbox.folder(token)).unwrap();
    assert!(matches!(engine.page(&caller, token, request_page(1, 1, true)).await, Err(ExportError::Damaged(_))));
    assert!(is(engine.commit(&caller, token, false).await, State::Error));
}

#[tokio::test]
async fn the_last_block_may_be_asked_again_where_the_operator_allows_it() {
    let sandbox = one_profile().await;
    let settings = Settings { last_block_replay_ms: 1000, ..Settings::default() };
    let (engine, caller) = (sandbox.engine_with(settings), sandbox.caller());
    let token = made(&sandbox, &engine).await;
    let page = engine.page(&caller, token, request_page(10, 1, false)).await.unwrap();
    page.last_block.unwrap().flushed();
    assert_eq!(engine.status(&caller, token).await.unwrap().state, State::Retrieved);
    sandbox.advance(999);
    let mut again = engine.page(&caller, token, request_page(10, 1, false)).await.unwrap();
    assert!(again.last_block.is_none());
    read(&mut again).unwrap();
    for other in [request_page(9, 1, false), request_page(10, 1, true)] {
        assert!(is(engine.page(&caller, token, other).await, State::Retrieved), "only the identical request");
    }
    sandbox.advance(1);
    assert!(is(engine.page(&caller, token, request_page(10, 1, false)).await, State::Retrieved));
    sweep(&engine, 1);
    assert!(!sandbox.folder(token).exists());
}

#[tokio::test]
async fn an_operators_largest_page_shows_as_the_limit() {
    let sandbox = one_profile().await;
    sandbox.create(person("bob", "GA", None)).await;
    let settings = Settings { max_limit: Some(1), ..Settings::default() };
    let (engine, caller) = (sandbox.engine_with(settings), sandbox.caller());
    let token = made(&sandbox, &engine).await;
    let mut page = engine.page(&caller, token, request_page(500, 1, false)).await.unwrap();
    assert!(page.last_block.is_none(), "a record follows");
    let body = String::from_utf8(read(&mut page).unwrap()).unwrap();
    assert!(body.starts_with(r#"{"Count":1,"HasMore":true,"Limit":1,"Offset":1,"TotalResults":2,"#), "{body}");
}

#[tokio::test]
async fn no_values_outlive_the_job() {
    let sandbox = one_profile().await;
    let engine = sandbox.engine();
    let mut request = sandbox.request("Everyone");
    let values = vec!["secret@example.com".to_owned()];
    request.conditions.matching = Some(sayso_model::selection::Matching {
        criteria: sayso_model::selection::MatchCriteria::EmailAddress,
        match_type: None,
        values,
    });
    let token = engine.initiate(request).await.unwrap();
    done(&engine, &sandbox.caller(), token).await;
    let record = sandbox.store.export_record(sandbox.account.no, token).unwrap().unwrap();
    assert!(!String::from_utf8(record).unwrap().contains("secret"));
}

#[tokio::test]
async fn counts_tell_jobs_by_state() {
    let sandbox = one_profile().await;
    let (engine, caller) = (sandbox.engine(), sandbox.caller());
    let token = made(&sandbox, &engine).await;
    made(&sandbox, &engine).await;
    engine.commit(&caller, token, false).await.unwrap();
    let counts: HashMap<State, u64> = engine.counts().unwrap().into_iter().collect();
    assert_eq!((counts[&State::Complete], counts[&State::Retrieved], counts[&State::Error]), (1, 1, 0));
}

#[test]
fn tokens_are_whole_numbers_that_every_json_reader_keeps() {
    let tokens: HashSet<u64> = (0..1000).map(|_| random_token().unwrap().0).collect();
    assert_eq!(tokens.len(), 1000);
    assert!(tokens.iter().all(|t| (1..=ACCESS_TOKEN_MAX).contains(t)));
    assert!(tokens.iter().any(|t| *t > 1 << 51), "the whole range is used");
}
