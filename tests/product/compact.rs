//! `sayso compact`: after a deletion, the end of the exports and this, nothing in the data directory tells of the person.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};

use crate::harness::*;

const HOUR: i64 = 3_600_000;

/// What somebody would search for, folded.
const TRACES: [&str; 10] = [
    "zebulon",
    "quackenbush",
    "zq@hidden",
    "4045550173",
    "555 0173",
    "zq-4711",
    "elm hollow",
    "likes blue tea",
    "zenobia",
    "zen@hidden",
];

/// Somebody with everything that a person may leave behind.
fn zebulon() -> Value {
    json!({
        "CustomerName": {"FirstName": "Zebulon", "LastName": "Quackenbush"},
        "AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": "ZQ-4711"}],
        "Emails": [{
            "EmailAddressType": "Home", "EmailAddress": "ZQ@hidden.example",
            "EmailPreferences": [{"FilterId": "NEWS-EMAIL", "PreferenceType": 1}],
        }],
        "PhoneNumbers": [{"PhoneType": "Mobile", "PhoneNumber": "+1 404 555 0173"}],
        "Addresses": [{"AddressType": "Home", "Address1": "12 Elm Hollow", "City": "Macon", "StateProvince": "GA", "PostalCode": "31201", "CountryCode_Alpha2": "US"}],
        "Groups": [{"GroupType": "Household", "GroupName": "Quackenbush"}],
        "ProfileTags": [{"Name": "friend of zebulon"}, {"Name": "a"}],
        "CustomFields": [{"Name": "Note", "Value": "likes blue tea"}],
    })
}

/// Somebody who is imported.
fn zenobia() -> Value {
    json!({
        "CustomerName": {"FirstName": "Zenobia", "LastName": "Quackenbush"},
        "Emails": [{"EmailAddressType": "Home", "EmailAddress": "zen@hidden.example"}],
    })
}

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// Every trace in every file of a directory, as `file: trace`.
fn traces(dir: &Path) -> Vec<String> {
    let mut all = Vec::new();
    files(dir, &mut all);
    let mut found = Vec::new();
    for file in all {
        let mut bytes = std::fs::read(&file).unwrap();
        bytes.make_ascii_lowercase();
        let text = String::from_utf8_lossy(&bytes);
        let here = TRACES.iter().filter(|trace| text.contains(**trace));
        found.extend(here.map(|trace| format!("{}: {trace}", file.strip_prefix(dir).unwrap().display())));
    }
    found
}

fn in_file(traces: &[String], file: &str) -> usize {
    traces.iter().filter(|t| t.starts_with(file)).count()
}

#[tokio::test]
async fn after_delete_the_end_of_exports_and_compact_nothing_is_found_of_a_person() {
    let world = World::start().await;
    let mut api = world.nightly().await;
    // Neighbours in the same pages, before and behind.
    for n in 0..20 {
        api.create(person(&format!("Before{n}"), &["a"])).await;
    }
    let id = api.create(zebulon()).await;
    // One comes by an import that has exceptions, whose records and reasons are kept; another import stays staged.
    let admin = world.admin().await;
    let mut bad = zenobia();
    bad["Emails"][0]["EmailAddressType"] = json!("Zenobia's");
    let (imported, status) = admin.import(json!({"RetentionDays": 0}), json!([zenobia(), bad])).await;
    assert_eq!((&status["Processed"], &status["Exceptions"]), (&json!(1), &json!(1)));
    assert!(admin.not_in(imported).await[0].2.contains("Zenobia's"));
    let staged = admin.begin_import(json!({})).await;
    admin.stage(staged, &json!([zenobia()])).await.is(200);
    for n in 0..20 {
        api.create(person(&format!("After{n}"), &["a"])).await;
    }
    api.update(id, json!({"CustomerName": {"MiddleName": "Zebulon"}})).await;
    let by_email = json!({"MatchCriteria": "EmailAddress", "MatchType": "Home", "Values": ["zq@hidden.example"]});
    let matched = api.initiate("Everyone", by_email).await;
    assert_eq!(api.settled(matched).await.json()["RowCount"], 1);
    let ends = api.export("Everyone", json!({})).await;
    let found = traces(&world.data());
    // Rows are packed: what looks like something before it in its row doesn't stand there in full.
    assert!(in_file(&found, "data.mdb") >= TRACES.len() - 3, "it is found while the person is there: {found:?}");
    assert!(in_file(&found, "exports") >= TRACES.len() - 1, "and in the export: {found:?}");
    for (import, why) in [(imported, "with its exceptions"), (staged, "as it was staged")] {
        let kept = |t: &String| t.contains(&format!("/{import}/")) && t.ends_with("zenobia");
        assert!(found.iter().any(kept), "{why}: {found:?}");
    }

    world.advance(11 * HOUR);
    api.sign_in_again().await;
    api.remove(id).await;
    api.remove(id + 1).await;
    let lives = api.export("Everyone", json!({})).await;
    let rows = api.rows(lives).await;
    assert_eq!(rows.len(), 40);
    let before = api.read(id - 1).await;
    // The server is away when the first export ends.
    let world = world.kill();
    world.advance(2 * HOUR);
    let found = traces(&world.data());
    for kept in ["data.mdb", "exports", "imports"] {
        assert!(in_file(&found, kept) > 0, "deleting alone isn't enough: {found:?}");
    }

    let clock = world.path("clock");
    let said = world.sayso(&["compact", "--json", "--clock-file", clock.to_str().unwrap()]);
    let said: Value = serde_json::from_str(&said).unwrap();
    assert!(said["bytes_after"].as_u64().unwrap() < said["bytes_before"].as_u64().unwrap(), "{said}");
    assert_eq!((&said["exports_removed"], &said["imports_removed"]), (&json!(2), &json!(2)), "{said}");
    assert_eq!(traces(&world.data()), Vec::<String>::new());

    world.sayso(&["check"]);
    let world = world.serve(&[]).await;
    api.url = world.url.clone();
    api.sign_in_again().await;
    assert_eq!(api.status(ends).await.json()["Status"], "Expired");
    assert_eq!(api.rows(lives).await, rows, "an export that lives is as it was");
    assert_eq!(api.read(id - 1).await, before);
    assert_eq!(ids(&rows), api.ids("Everyone", json!({})).await);
    assert_eq!(api.ids("Deleted", json!({})).await, [id, id + 1], "what remains of them is the tombstones");
    // Terms that were given away with the person come back under other numbers.
    let again = api.create(zebulon()).await;
    assert!(again > id);
    assert_eq!(api.ids("Newsletter", json!({})).await, [again]);
    world.sayso(&["check"]);
    assert!(!traces(&world.data()).is_empty(), "the search finds what is there");
}

#[tokio::test]
async fn compact_is_refused_beside_a_running_server_and_changes_nothing() {
    let world = World::start().await;
    let api = world.nightly().await;
    let id = api.create(person("Ann", &[])).await;
    let data = std::fs::read(world.path("data/data.mdb")).unwrap();
    let out = world.run(&["compact"]);
    let said = String::from_utf8(out.stderr).unwrap();
    assert!(out.status.code() == Some(1) && said.contains("a server: stop it first"), "{said}");
    assert!(std::fs::read(world.path("data/data.mdb")).unwrap() == data);
    assert_eq!(api.read(id).await["ProfileId"], id);
}

#[tokio::test]
async fn a_compact_killed_at_any_moment_leaves_the_old_data_or_the_new() {
    let world = World::start().await.kill();
    let people: String = (0..2_000).map(|i| format!("{}\n", person(&format!("load{i}"), &["a"]))).collect();
    std::fs::write(world.path("people.ndjson"), people).unwrap();
    world.sayso(&["load", "people.ndjson", "--account", ACCOUNT]);
    let folder = world.path("data/compact.tmp");
    let (mut killed, mut left_over) = (0, 0);
    for wait in 0..12u64 {
        let mut compact = Command::new(SAYSO)
            .args(["compact", "--data"])
            .arg(world.data())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut tick = tokio::time::interval(Duration::from_millis(1));
        while !folder.exists() && compact.try_wait().unwrap().is_none() {
            tick.tick().await;
        }
        for _ in 0..wait * wait {
            tick.tick().await;
        }
        compact.kill().unwrap();
        killed += usize::from(!compact.wait().unwrap().success());
        left_over += usize::from(folder.exists());
        let report: Value = serde_json::from_str(&world.sayso(&["check", "--json"])).unwrap();
        assert_eq!((&report["profiles"], &report["problem_count"]), (&json!(2_000), &json!(0)), "{report}");
        assert!(!folder.exists(), "the next command clears what was left");
    }
    assert!(killed > 0 && left_over > 0, "{killed} were killed, {left_over} left something");
    world.sayso(&["compact"]);
    world.sayso(&["check"]);
}
