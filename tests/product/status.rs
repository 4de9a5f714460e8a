//! Status: the states, the counts, and how long it answers.

use serde_json::{Value, json};

use crate::harness::*;

const HOUR: i64 = 3_600_000;

#[tokio::test]
async fn while_processing_the_counts_are_null_and_headers_say_when_to_come_back() {
    let world = World::start().await;
    let api = world.nightly().await;
    world.hold();
    let token = api.initiate("Everyone", json!({})).await;
    let answer = api.status(token).await.is(200);
    assert_eq!(
        String::from_utf8(answer.body.clone()).unwrap(),
        format!(r#"{{"AccessToken":{token},"Status":"Processing","RowCount":null,"ByteCount":null}}"#)
    );
    assert!(answer.header("retry-after").unwrap().parse::<u32>().unwrap() >= 1);
    let progress = answer.header("x-progress").unwrap();
    assert!(progress.strip_suffix('%').unwrap().parse::<u8>().unwrap() <= 100);
    assert_eq!(answer.header("sayso-snapshot"), None);
}

#[tokio::test]
async fn complete_counts_the_records_and_their_bytes() {
    let world = World::start().await;
    let api = world.nightly().await;
    for name in ["Ann", "Bób", "Çem"] {
        api.create(person(name, &["a"])).await;
    }
    world.advance(5_000);
    let token = api.initiate("Everyone", json!({})).await;
    let answer = api.complete(token).await;
    let status = answer.json();
    assert_eq!(status["RowCount"], 3);
    assert_eq!(answer.header("sayso-snapshot"), Some(iso(world.now()).as_str()));
    assert_eq!(answer.header("retry-after"), None);
    let text = String::from_utf8(api.page(token, "keepAlive=true").await.body).unwrap();
    let records = text.split_once('[').unwrap().1.strip_suffix("]}").unwrap();
    assert_eq!(
        status["ByteCount"].as_u64().unwrap(),
        records.len() as u64 - 2,
        "the records without the commas between"
    );
}

#[tokio::test]
async fn retrieved_after_the_last_block_and_after_commit() {
    let world = World::start().await;
    let api = world.nightly().await;
    api.create(person("Ann", &[])).await;
    let read_out = api.export("Everyone", json!({})).await;
    api.page(read_out, "").await.is(200);
    let committed = api.export("Everyone", json!({})).await;
    api.commit(committed, "").await.is(200);
    for token in [read_out, committed] {
        let status = api.status(token).await.is(200).json();
        assert_eq!(status["Status"], "Retrieved");
        assert_eq!(status["RowCount"], 1);
    }
}

#[tokio::test]
async fn a_token_lives_twelve_hours_from_completion_and_its_files_with_it() {
    let world = World::start().await;
    let mut api = world.nightly().await;
    api.create(person("Ann", &[])).await;
    world.hold();
    let token = api.initiate("Everyone", json!({})).await;
    world.advance(HOUR / 2);
    world.release();
    api.complete(token).await;
    world.advance(12 * HOUR - 1);
    api.sign_in_again().await;
    assert_eq!(api.status(token).await.json()["Status"], "Complete");
    api.page(token, "keepAlive=true").await.is(200);
    assert!(!world.files(token).is_empty());
    world.advance(1);
    assert_eq!(api.status(token).await.json()["Status"], "Expired");
    api.page(token, "keepAlive=true").await.refuses(404, &["Expired"]);
    eventually("the sweeper removes the files", || world.files(token).is_empty()).await;
}

#[tokio::test]
async fn status_answers_for_seven_days_after_the_end_and_then_not() {
    let world = World::start().await;
    let mut api = world.nightly().await;
    let token = api.export("Everyone", json!({})).await;
    api.commit(token, "").await.is(200);
    world.advance(7 * 24 * HOUR - 1);
    api.sign_in_again().await;
    assert_eq!(api.status(token).await.is(200).json()["Status"], "Retrieved");
    world.advance(1);
    let gone = api.status(token).await.is(404);
    assert_eq!(gone.body, api.status(1).await.is(404).body, "as if it had never been");
}

#[tokio::test]
async fn an_export_that_cannot_be_written_is_error_and_the_log_says_why() {
    let world = World::start().await;
    let api = world.nightly().await;
    api.create(person("Ann", &[])).await;
    let exports = world.data().join("exports");
    let _ = std::fs::remove_dir_all(&exports);
    std::fs::write(&exports, "in the way").unwrap();
    let token = api.initiate("Everyone", json!({})).await;
    let status = api.settled(token).await.json();
    assert_eq!(status["Status"], "Error");
    assert_eq!(status["RowCount"], Value::Null);
    api.page(token, "").await.refuses(404, &["Error"]);
    assert!(world.log().contains(&token.to_string()), "the log names the export: {}", world.log());
}

#[tokio::test]
async fn a_permission_lost_while_generating_makes_it_failed() {
    let world = World::start().await;
    let api = world.nightly().await;
    let admin = world.admin().await;
    let fails = async |lose: &dyn Fn(), names: &[&str]| {
        world.hold();
        let token = api.initiate("Everyone", json!({})).await;
        lose();
        world.release();
        assert_eq!(admin.settled(token).await.json()["Status"], "Failed");
        admin.page(token, "").await.refuses(404, &["Failed"]);
        api.status(token).await.refuses(403, names);
    };
    fails(&|| world.apply(r#", Exports = "Edit""#, ""), &["Exports (View)"]).await;
    world.apply(r#"{ Profiles = "Edit" }"#, r#"{ Profiles = "Edit", Exports = "Edit" }"#);
    fails(&|| world.lock("Everyone"), &["CanExecute", "Everyone"]).await;
}

#[tokio::test]
async fn an_export_interrupted_by_a_crash_completes_under_its_own_token_with_a_new_snapshot() {
    let world = World::start().await;
    let api = world.nightly().await;
    let before = api.create(person("Ann", &[])).await;
    world.hold();
    let token = api.initiate("Everyone", json!({})).await;
    let world = world.kill().serve(&[]).await;
    let api = Api { url: world.url.clone(), ..api };
    assert_eq!(api.status(token).await.json()["Status"], "Processing");
    let after = api.create(person("Bob", &[])).await;
    world.release();
    api.complete(token).await;
    assert_eq!(ids(&api.rows(token).await), [before, after]);
}

#[tokio::test]
async fn a_complete_export_outlives_a_crash() {
    let world = World::start().await;
    let api = world.nightly().await;
    let id = api.create(person("Ann", &[])).await;
    let token = api.export("Everyone", json!({})).await;
    let stray = world.data().join("exports/1/123456.tmp");
    std::fs::create_dir_all(&stray).unwrap();
    std::fs::write(stray.join("rows"), "half").unwrap();
    let world = world.kill().serve(&[]).await;
    let api = Api { url: world.url.clone(), ..api };
    assert_eq!(ids(&api.rows(token).await), [id]);
    eventually("files that no job names are removed", || !stray.exists()).await;
}
