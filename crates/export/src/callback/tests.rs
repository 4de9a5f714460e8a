//! A callback is put in the commit that ends its job, over the real store.

use sayso_model::id::AccessToken;

use super::*;
use crate::{
    Engine, Settings,
    job::{Request, State},
    testing::*,
};

const URL: &str = "https://hooks.example/sayso?key=1";

fn wanting(sandbox: &Sandbox) -> Request {
    Request { callback_url: Some(URL.into()), ..sandbox.request("Everyone") }
}

fn waiting(engine: &Engine) -> Vec<Queued> {
    let mut all = Vec::new();
    engine.callbacks().0.each(|queued| all.push(queued)).unwrap();
    all
}

fn the_one(engine: &Engine) -> Callback {
    let [queued] = &waiting(engine)[..] else { panic!("{:?}", waiting(engine)) };
    engine.callbacks().0.get(queued.account, queued.id).unwrap().unwrap()
}

async fn ended(sandbox: &Sandbox, engine: &Engine) -> AccessToken {
    let token = engine.initiate(wanting(sandbox)).await.unwrap();
    done(engine, &sandbox.caller(), token).await;
    token
}

#[tokio::test]
async fn it_waits_from_the_moment_the_export_is_complete_and_tells_its_status() {
    let sandbox = Sandbox::new();
    sandbox.create(person("ann", "GA", None)).await;
    let engine = sandbox.engine();
    let (_, mut heard) = engine.callbacks();
    let token = ended(&sandbox, &engine).await;
    let callback = the_one(&engine);
    let status = engine.status(&sandbox.caller(), token).await.unwrap();
    let (rows, bytes) = (status.row_count.unwrap(), status.byte_count.unwrap());
    let expected = format!(r#"{{"AccessToken":{token},"Status":"Complete","RowCount":{rows},"ByteCount":{bytes}}}"#);
    assert_eq!((&callback.body, callback.url.as_str(), callback.attempts), (&expected, URL, 0));
    assert_eq!((callback.next, callback.deadline()), (Moment(START), Moment(START + DAY)));
    assert_eq!(heard.try_recv().unwrap().id, callback.id);
    assert!(callback.id.to_string().starts_with("msg_") && callback.id.to_string().len() == 36);
}

#[tokio::test]
async fn one_whose_user_may_not_have_it_any_more_tells_that_it_failed() {
    let sandbox = Sandbox::new();
    sandbox.permitted.store(false, std::sync::atomic::Ordering::SeqCst);
    let engine = sandbox.engine();
    let token = ended(&sandbox, &engine).await;
    let callback = the_one(&engine);
    let expected = format!(r#"{{"AccessToken":{token},"Status":"Failed","RowCount":null,"ByteCount":null}}"#);
    assert_eq!((callback.state, callback.body), (State::Failed, expected));
}

#[tokio::test]
async fn reading_an_export_or_the_end_of_its_life_calls_nobody_and_damage_does() {
    let sandbox = Sandbox::new();
    sandbox.create(person("ann", "GA", None)).await;
    let engine = sandbox.engine();
    let (taken, over, damaged) =
        (ended(&sandbox, &engine).await, ended(&sandbox, &engine).await, ended(&sandbox, &engine).await);
    assert_eq!(waiting(&engine).len(), 3);
    engine.commit(&sandbox.caller(), taken, false).await.unwrap();
    engine.commit(&sandbox.caller(), taken, false).await.unwrap();
    std::fs::remove_file(sandbox.folder(damaged).join("rows")).unwrap();
    engine.page(&sandbox.caller(), damaged, request_page(1, 1, true)).await.map(drop).unwrap_err();
    let told = async {
        while engine.status(&sandbox.caller(), damaged).await.unwrap().state != State::Error {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, told).await.expect("a moment later it has ended in Error");
    sandbox.advance(DAY);
    let failed = aside(|| crate::sweep::sweep(engine.inner(), 1));
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!(engine.status(&sandbox.caller(), over).await.unwrap().state, State::Expired);
    let states: Vec<State> = {
        let (callbacks, _) = engine.callbacks();
        let get = |q: Queued| callbacks.get(q.account, q.id).unwrap().unwrap();
        waiting(&engine).into_iter().map(get).filter(|c| c.token == damaged).map(|c| c.state).collect()
    };
    assert_eq!(waiting(&engine).len(), 4);
    assert!(states.contains(&State::Complete) && states.contains(&State::Error), "{states:?}");
}

#[tokio::test]
async fn it_waits_through_a_restart_until_it_was_delivered() {
    let sandbox = Sandbox::new();
    let engine = sandbox.engine();
    ended(&sandbox, &engine).await;
    let first = the_one(&engine);
    let failed = first.after(Outcome::Failed { retry_after_s: None }, Moment(START), 0);
    engine.callbacks().0.write_down(&first, failed).await.unwrap();
    aside(|| engine.stop());

    let engine = sandbox.engine_with(Settings::default());
    let again = the_one(&engine);
    assert_eq!((again.id, again.attempts, again.next), (first.id, 1, Moment(START + 5_000)));
    assert_eq!(crate::check(&sandbox.store).unwrap().problems, [""; 0]);
    engine.callbacks().0.write_down(&again, Step::Delivered).await.unwrap();
    assert_eq!(waiting(&engine), []);
}

#[tokio::test]
async fn the_audit_trail_tells_which_were_delivered_and_which_given_up_and_not_where_to() {
    let sandbox = Sandbox::new();
    let engine = sandbox.engine();
    let mut expected = Vec::new();
    for (step, told) in [
        (Step::Delivered, "CallbackDelivered"),
        (Step::Dead(Dead::Gone), "CallbackDead"),
        (Step::Dead(Dead::TriedLongEnough), "CallbackDead"),
    ] {
        let token = ended(&sandbox, &engine).await;
        let callback = the_one(&engine);
        let failed = callback.after(Outcome::Failed { retry_after_s: None }, Moment(START), 0);
        engine.callbacks().0.write_down(&callback, failed).await.unwrap();
        engine.callbacks().0.write_down(&callback, step).await.unwrap();
        expected.push((told.to_owned(), token.0, format!("callback \"{}\"", callback.id)));
    }
    let lines = sandbox.store.audit_page(sandbox.account.no, (None, None), u64::MAX, 0).unwrap().lines;
    assert!(!lines.iter().any(|line| line.contains("hooks.example")));
    let records = lines.iter().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let told = records.filter(|record| record["Action"].as_str().unwrap().starts_with("Callback"));
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let told: Vec<_> =
        told.map(|r| (text(&r["Action"]), r["AccessToken"].as_u64().unwrap(), text(&r["Subject"]))).collect();
    assert_eq!(told, expected);
}

#[tokio::test]
async fn nobody_is_called_who_did_not_ask() {
    let sandbox = Sandbox::new();
    let engine = sandbox.engine();
    let token = engine.initiate(sandbox.request("Everyone")).await.unwrap();
    done(&engine, &sandbox.caller(), token).await;
    assert_eq!(waiting(&engine), []);
}

#[test]
fn a_record_of_a_newer_program_is_refused_not_misread() {
    let newer = String::from_utf8(callback().encode().unwrap()).unwrap().replace("\"version\":1", "\"version\":2");
    assert!(matches!(Callback::decode(newer.as_bytes()), Err(StoreError::Version(_))));
    assert!(matches!(Callback::decode(b"{}"), Err(StoreError::Damaged(_))));
    assert_eq!(Callback::decode(&callback().encode().unwrap()).unwrap().body, callback().body);
}
