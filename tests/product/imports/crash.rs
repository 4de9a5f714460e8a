//! kill -9 while records are staged and while they are executed, and a full disk: nothing that was answered is lost, nothing is done twice.

use std::{collections::BTreeMap, time::Duration};

use super::*;
use crate::harness::{own::with_own_mounts, random::Random};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stage_call_that_was_answered_survives_kill_9_and_any_other_is_not_there_at_all() {
    let mut random = Random::new(7);
    let mut world = World::start().await;
    let token = world.admin().await.begin_import(json!({})).await;
    let mut answered: BTreeMap<String, u64> = BTreeMap::new();
    let mut next = 0;
    for _ in 0..4 {
        let api = world.admin().await;
        let kill_after = Duration::from_millis(random.below(200));
        let staging = tokio::spawn(async move {
            let mut staged = Vec::new();
            for n in next.. {
                let records: Vec<Value> = (0..50).map(|i| person(&format!("p{n}x{i}"), &[])).collect();
                let path = api.imports_path(&format!("/{token}"));
                let call = api.call("POST", &path).header("Idempotency-Key", format!("k{n}"));
                let Ok(answer) = try_read(call.json(&json!({ "UserProfiles": records }))).await else { break };
                staged.push((format!("p{n}x0"), answer.is(200).json()["FirstSequenceNumber"].as_u64().unwrap()));
            }
            staged
        });
        tokio::time::sleep(kill_after).await;
        world = world.kill();
        let staged = staging.await.unwrap();
        next += staged.len() as u64 + 1;
        answered.extend(staged);
        world = world.serve(&[]).await;
        let admin = world.admin().await;
        let received = admin.import_status(token).await.is(200).json()["TotalRecordsReceived"].as_u64().unwrap();
        let least = answered.len() as u64 * 50;
        assert_eq!(received % 50, 0, "a call is staged whole or not at all");
        assert!((least..=least + 50 * 4).contains(&received), "{received} after {least} were answered");
        // The call that wasn't answered is sent again under its key: whether or not it was taken, its records are there once.
        let path = admin.imports_path(&format!("/{token}"));
        let n = next - 1;
        let records: Vec<Value> = (0..50).map(|i| person(&format!("p{n}x{i}"), &[])).collect();
        let call = admin.call("POST", &path).header("Idempotency-Key", format!("k{n}"));
        let again = read(call.json(&json!({ "UserProfiles": records }))).await.is(200).json();
        answered.insert(format!("p{n}x0"), again["FirstSequenceNumber"].as_u64().unwrap());
        let files = calls::walk(&world.data().join("imports"));
        assert_eq!(files, answered.len(), "what a crash left unnamed is gone");
    }
    let api = world.admin().await;
    api.execute(token).await.is(200);
    let status = api.import_ended(token).await;
    assert_eq!(counts(&status)[0], answered.len() as u64 * 50);
    let export = api.export("Everyone", json!({})).await;
    let rows = api.rows(export).await;
    assert_eq!(rows.len(), answered.len() * 50);
    for (name, sequence) in &answered {
        let id = usize::try_from(*sequence).unwrap() - 1;
        assert_eq!(rows[id]["CustomerName"]["FirstName"], **name, "records are executed in the order of their numbers");
    }
    world.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_execution_that_is_killed_goes_on_where_it_was_and_does_every_record_once() {
    const RECORDS: u64 = 6_000;
    let mut random = Random::new(11);
    let mut world = World::start().await;
    let api = world.admin().await;
    let token = api.begin_import(by_crm(json!({}))).await;
    // One in ten is a second opinion on somebody; one in a hundred is bad.
    let record = |n: u64| match n % 100 {
        50 => json!({"AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": format!("C-{n}")}], "IsActive": 3}),
        _ if n % 10 == 9 => known("Again", &format!("C-{}", n - 5)),
        _ => known(&format!("p{n}"), &format!("C-{n}")),
    };
    for first in (1..=RECORDS).step_by(1_500) {
        let records: Vec<Value> = (first..first + 1_500).map(record).collect();
        api.stage(token, &json!(records)).await.is(200);
    }
    api.execute(token).await.is(200);
    let mut seen = 0;
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(random.below(250))).await;
        world = world.kill().serve(&[]).await;
        let status = world.admin().await.import_status(token).await.is(200).json();
        let processed = counts(&status)[3];
        assert!(processed >= seen, "nothing is undone: {processed} after {seen}");
        seen = processed;
    }
    let api = world.admin().await;
    let status = api.import_ended(token).await;
    let bad = RECORDS / 100;
    assert_eq!(counts(&status), [RECORDS, RECORDS - bad, bad, RECORDS - bad, 0, bad, 0]);
    assert_eq!(api.not_in(token).await.len() as u64, bad);
    let export = api.export("Everyone", json!({})).await;
    let rows = api.rows(export).await;
    let again = RECORDS / 10;
    assert_eq!(rows.len() as u64, RECORDS - bad - again, "each new one once");
    let changed: Vec<&Value> = rows.iter().filter(|row| row["CustomerName"]["FirstName"] == "Again").collect();
    assert_eq!(changed.len() as u64, again);
    let path = api.profile_path(&format!("/{}/History/StandardFields", changed[0]["ProfileId"]));
    let history = api.get(&path).await.is(200).json();
    assert_eq!(history.to_string().matches("FirstName").count(), 1, "each change once: {history}");
    world.check();
}

#[test]
fn on_a_full_disk_stage_answers_503_and_an_execution_waits_for_room() {
    with_own_mounts(async || {
        let world = World::start_on_disk(128, 1_000, &[]).await;
        let api = world.admin().await;
        let token = api.begin_import(json!({})).await;
        let people: Vec<Value> = (0..500).map(|n| person(&format!("p{n}"), &[])).collect();
        api.stage(token, &json!(people)).await.is(200);
        world.hold();
        api.execute(token).await.is(200);
        let other = api.begin_import(json!({})).await;
        world.disk().fill(32 << 20);
        world.release();
        let refused = api.stage(other, &json!(people)).await.is(503);
        assert!(refused.header("retry-after").is_some());
        let files = calls::walk(&world.data().join("imports"));
        assert_eq!(files, 1, "nothing of the refused call is left");
        eventually("a batch is tried", || world.log().contains("a batch of an import was not kept")).await;
        let status = api.import_status(token).await.is(200).json();
        assert_eq!((&status["Status"], &status["Processed"]), (&json!("Queued"), &json!(0)));
        world.disk().make_room();
        assert_eq!(counts(&api.import_ended(token).await)[3], 500);
        api.stage(other, &json!(people)).await.is(200);
        world.check();
    });
}

#[tokio::test]
async fn a_restored_backup_ends_imports_whose_records_it_does_not_hold() {
    let world = World::start().await;
    let api = world.admin().await;
    let token = api.begin_import(json!({})).await;
    api.stage(token, &json!([person("Ann", &[])])).await.is(200);
    let world = world.kill();
    std::fs::remove_dir_all(world.data().join("imports")).unwrap();
    world.check();
    let world = world.serve(&[]).await;
    let status = world.admin().await.import_status(token).await.is(200).json();
    assert_eq!(status["Status"], "Failed");
}

#[tokio::test]
async fn check_finds_a_staged_file_that_is_damaged_or_gone() {
    let world = World::start().await;
    let api = world.admin().await;
    let token = api.begin_import(json!({})).await;
    api.stage(token, &json!([person("Ann", &[])])).await.is(200);
    assert_eq!(world.check()["staged_files"], 1);
    let folder = std::fs::read_dir(world.data().join("imports")).unwrap().next().unwrap().unwrap().path();
    let file = std::fs::read_dir(folder.join(token.to_string())).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[40] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let told = world.run(&["check"]);
    let text = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(!told.status.success() && text.contains(&token.to_string()) && text.contains("checksum"), "{text}");
    api.execute(token).await.is(200);
    assert_eq!(api.import_ended(token).await["Status"], "Failed", "damaged records are not executed");
}
