//! `sayso import`: files into an account, over HTTP.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Command, Output, Stdio},
    time::Duration,
};

use super::*;
use crate::harness::own::with_own_mounts;

impl World {
    /// A credentials file for `sayso import`.
    pub fn import_credentials(&self) -> PathBuf {
        let out = self.sayso(&["credentials", "create", "--account", ACCOUNT, "--user", "Admin", "--json"]);
        let path = self.path("credentials.json");
        std::fs::write(&path, out).unwrap();
        path
    }

    pub fn import_command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(SAYSO);
        command.arg("import").args(args).args(["--url", &self.url, "--credentials", "credentials.json"]);
        command.current_dir(self.dir.path());
        command
    }

    pub fn run_import(&self, args: &[&str]) -> Output {
        self.import_command(args).output().unwrap()
    }
}

pub fn said(out: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

pub fn lines(path: PathBuf) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_that_are_not_taken_are_told_with_their_numbers_and_the_rest_is_in() {
    let world = World::start().await;
    world.import_credentials();
    // Each is more than a piece has.
    let large = |mut person: Value| {
        person["Padding"] = "x".repeat(1_100).into();
        person
    };
    let text = format!(
        "{}\n\nnonsense\n{}\n{}\n{}\n",
        large(person("Ann", &[])),
        large(person("Ben", &[])),
        large(json!({"Emails": [{"EmailAddressType": "Boat", "EmailAddress": "a@b.c"}]})),
        large(person("Cem", &[]))
    );
    std::fs::write(world.path("people.ndjson"), text).unwrap();
    let out = world.run_import(&["people.ndjson", "--piece-size", "1KiB", "--ignore-unknown"]);
    assert_eq!(out.status.code(), Some(1), "{}", said(&out));
    let told = ["imported 3 of 5 records", "2 not imported"];
    assert!(told.iter().all(|words| said(&out).contains(words)), "the line that is none counts: {}", said(&out));
    assert!(said(&out).contains("people.ndjson.exceptions.ndjson"), "{}", said(&out));
    let mode = std::fs::metadata(world.path("people.ndjson.exceptions.ndjson")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "its owner alone reads it");
    let refused = lines(world.path("people.ndjson.exceptions.ndjson"));
    let told: Vec<(u64, &str)> =
        refused.iter().map(|r| (r["Line"].as_u64().unwrap(), r["Exceptions"][0]["Path"].as_str().unwrap())).collect();
    assert_eq!(told, [(3, ""), (5, "Emails[0].EmailAddressType")]);
    let names = ["Ann", "Ben", "Cem"];
    let export = world.admin().await.export("Everyone", json!({})).await;
    let rows = world.admin().await.rows(export).await;
    assert_eq!(rows.iter().map(|row| row["CustomerName"]["FirstName"].clone()).collect::<Vec<_>>(), names);
    let left = std::fs::read_dir(world.dir.path())
        .unwrap()
        .flatten()
        .filter(|f| f.file_name().to_string_lossy().starts_with(".people"));
    assert_eq!(left.count(), 0, "no journal stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_that_no_profile_has_fail_the_command_and_are_told_with_line_and_path() {
    let world = World::start().await;
    world.import_credentials();
    let mut misspelled = person("Ben", &[]);
    misspelled["Emails"][0]["EmailPreference"] = json!([{"FilterId": "NEWS-EMAIL", "PreferenceType": 2}]);
    let mut taken_twice = known("Cem", "C-1");
    taken_twice["Shoe"] = json!(9);
    let people = [known("Ann", "C-1"), misspelled, taken_twice, json!({"Foo": 1, "Bar": 2})];
    let text = people.map(|person| format!("{person}\n")).join("\n");
    std::fs::write(world.path("people.ndjson"), text).unwrap();
    let exceptions = world.path("people.ndjson.exceptions.ndjson");

    let out = world.run_import(&["people.ndjson"]);
    assert_eq!(out.status.code(), Some(1), "{}", said(&out));
    let words = "3 records have members that no profile has (first: people.ndjson line 3, Emails[0].EmailPreference); \
                 what stands in them was NOT taken: lines and paths are in people.ndjson.exceptions.ndjson";
    let errors = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(errors.contains(words), "{errors}");
    assert!(errors.contains("1 not imported"), "what was passed over is in all the same: {errors}");
    let told = lines(exceptions.clone());
    let paths = |line: &Value, list: &str| {
        let all = line[list].as_array().unwrap().iter();
        all.map(|reason| reason["Path"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    let told: Vec<_> = told
        .iter()
        .map(|line| (line["Line"].as_u64().unwrap(), paths(line, "Warnings"), !paths(line, "Exceptions").is_empty()))
        .collect();
    let expected = [(3, "Emails[0].EmailPreference", false), (5, "Shoe", true), (7, "Foo Bar", false)];
    assert_eq!(told, expected.map(|(line, paths, refused)| (line, paths.to_owned(), refused)));

    std::fs::remove_file(&exceptions).unwrap();
    let good_but_for_members = format!("{}\n", json!({"ProfileId": 1, "Foo": 1}));
    std::fs::write(world.path("people.ndjson"), good_but_for_members).unwrap();
    let json = |args: &[&str], code: i32| {
        let out = world.run_import(&[&["people.ndjson", "--json"], args].concat());
        assert_eq!(out.status.code(), Some(code), "{args:?} {}", said(&out));
        let told: Value = serde_json::from_slice(&out.stdout).unwrap();
        assert_eq!((&told["imported"], &told["warnings"]), (&json!(1), &json!(1)), "{args:?}");
        exceptions.exists()
    };
    assert!(!json(&["--ignore-unknown"], 0), "nothing is left of what is meant");
    assert!(json(&[], 1));
    std::fs::remove_file(&exceptions).unwrap();
    assert!(!json(&["--delete"], 0), "of a record that is deleted nothing else counts");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_is_imported_by_its_mapping() {
    let world = World::start().await;
    world.import_credentials();
    let api = world.admin().await;
    api.create(known("Ann", "C-1")).await;
    std::fs::write(
        world.path("map.toml"),
        "[Columns]\n\"No\" = \"AlternateIds[CRM]\"\n\"Mail\" = \"Emails[Work].EmailAddress\"\n\
         \"News\" = \"Emails[Work].EmailPreferences[NEWS-EMAIL]\"\n\"Age\" = \"CustomFields[Age]\"\n\"Tags\" = \"ProfileTags\"\n",
    )
    .unwrap();
    let table = "No,Name,Mail,News,Age,Tags\nC-1,x,ann@work.example,yes,41,a;b\nC-2,y,\"ben@work.example\",no,,\nC-3,z,,,old,\n";
    std::fs::write(world.path("crm.csv"), table).unwrap();
    let out = world.run_import(&["crm.csv"]);
    assert_eq!(out.status.code(), Some(2), "a table needs a mapping: {}", said(&out));
    let mapping = std::fs::read_to_string(world.path("map.toml")).unwrap();
    std::fs::write(world.path("map.toml"), mapping.replace("\"Tags\" =", "\"Tagz\" =")).unwrap();
    let args = ["crm.csv", "--map", "map.toml", "--match-alternate-id", "CRM", "--json"];
    let out = world.run_import(&args);
    assert!(out.status.code() == Some(1) && said(&out).contains("names the column \"Tagz\""), "{}", said(&out));
    assert!(!world.path(".crm.csv.import").exists(), "nothing was begun that would stand in the way of the mended one");
    // What an import with other options left that had staged nothing yet doesn't stand in the way, and isn't gone on with.
    let token = api.begin_import(json!({"ImportAction": "Delete"})).await;
    let left = format!("{{\"Begun\":{{\"options\":\"other\",\"key\":\"k\"}}}}\n{{\"Token\":{token}}}\n");
    std::fs::write(world.path(".crm.csv.import"), left).unwrap();
    std::fs::write(world.path("map.toml"), mapping).unwrap();
    let out = world.run_import(&args);
    assert_eq!(out.status.code(), Some(1), "{}", said(&out));
    let told: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!((&told["records"], &told["imported"], &told["rejected"]), (&json!(3), &json!(2), &json!(1)));
    let ann = api.read(1).await;
    assert_eq!((ann["Emails"].as_array().unwrap().len(), ann["ProfileTags"].as_array().unwrap().len()), (2, 2));
    assert_eq!(ann["CustomFields"][0], json!({"Name": "Age", "Value": "41"}));
    assert_eq!(api.read(2).await["Emails"][0]["EmailPreferences"][0]["PreferenceType"], 2);
    assert_eq!(lines(world.path("crm.csv.exceptions.ndjson"))[0]["Line"], 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_is_killed_goes_on_where_it_was_and_imports_every_record_once() {
    const RECORDS: usize = 3_000;
    let mut world = World::start().await;
    world.import_credentials();
    let mut first = person("p0", &[]);
    first["Shoe"] = json!(9);
    let others = (1..RECORDS).map(|n| format!("{}\n", person(&format!("p{n}"), &[])));
    let people: String = std::iter::once(format!("{first}\n")).chain(others).collect();
    std::fs::write(world.path("people.ndjson"), people).unwrap();
    let args = ["people.ndjson", "--piece-size", "10KiB", "--parallel", "4", "--json"];
    for kill in 1..=4 {
        let mut command = world.import_command(&args);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let staged = || {
            let journal = std::fs::read_to_string(world.path(".people.ndjson.import")).unwrap_or_default();
            journal.matches("Staged").count()
        };
        while staged() < kill * 8 {
            assert!(child.try_wait().unwrap().is_none(), "it is killed while it stages");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        if kill % 2 == 1 {
            world = world.kill().serve(&[]).await;
        }
    }
    let out = world.run_import(&args);
    assert_eq!(out.status.code(), Some(1), "a member was passed over: {}", said(&out));
    let told: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!((&told["records"], &told["imported"]), (&json!(RECORDS), &json!(RECORDS)));
    let passed = &lines(world.path("people.ndjson.exceptions.ndjson"))[..];
    assert!(told["warnings"] == 1 && passed.len() == 1, "{told} {passed:?}");
    let first = (&passed[0]["Line"], &passed[0]["Warnings"][0]["Path"]);
    assert_eq!(first, (&json!(1), &json!("Shoe")), "the first of the runs was told it");
    let api = world.admin().await;
    let export = api.export("Everyone", json!({})).await;
    let rows = api.rows(export).await;
    let names: Vec<&str> = rows.iter().map(|row| row["CustomerName"]["FirstName"].as_str().unwrap()).collect();
    let wanted: Vec<String> = (0..RECORDS).map(|n| format!("p{n}")).collect();
    assert_eq!(names, wanted, "each once, in the order of the file");
    world.check();
}

/// The first piece is a megabyte and the others are small: side by side and without an order these would be staged before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_file_says_of_a_person_in_several_pieces_counts_in_the_order_of_its_lines() {
    const SMALL: usize = 6;
    let world = World::start().await;
    world.import_credentials();
    let api = world.admin().await;
    let mut first = known("v0", "C-1");
    first["Padding"] = "x".repeat(1_000_000).into();
    let mut text = format!("{first}\n");
    for n in 1..=SMALL {
        let crm = if n == 5 { "C-5" } else { "C-1" };
        let mut next = known(&format!("v{n}"), crm);
        next["Padding"] = "x".repeat(1_100).into();
        if n == 5 {
            next["Emails"][0]["EmailAddressType"] = "Boat".into();
        }
        text += &format!("{next}\n");
    }
    std::fs::write(world.path("people.ndjson"), text).unwrap();
    for _ in 0..3 {
        let mut args = vec!["people.ndjson", "--piece-size", "1KiB", "--parallel", "8", "--ignore-unknown"];
        args.extend(["--match-alternate-id", "CRM"]);
        let out = world.run_import(&args);
        assert_eq!(out.status.code(), Some(1), "{}", said(&out));
        assert_eq!(api.read(1).await["CustomerName"]["FirstName"], format!("v{SMALL}"), "the last line counts");
        let refused = &lines(world.path("people.ndjson.exceptions.ndjson"))[0];
        assert_eq!((&refused["Line"], &refused["SequenceNumber"]), (&json!(6), &json!(6)));
    }
    let history = api.get(&api.profile_path("/1/History/StandardFields")).await.is(200).json();
    let changes = history.to_string().matches("FirstName").count();
    assert_eq!(changes, 3 * (SMALL - 1) + 2, "each state once in each run, in order: {history}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_wrong_is_said_in_one_line_and_the_command_can_be_run_again() {
    let world = World::start().await;
    world.import_credentials();
    std::fs::write(world.path("people.ndjson"), format!("{}\n", person("Ann", &[]))).unwrap();
    let wrong = |out: Output, words: &[&str]| {
        let text = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(1), "{text}");
        assert!(text.lines().count() == 1 && words.iter().all(|word| text.contains(word)), "{text}");
    };
    wrong(world.run_import(&["people.ndjson", "--match-alternate-id", "ERP"]), &["ERP", "404"]);
    let mut command = Command::new(SAYSO);
    command.args([
        "import",
        "people.ndjson",
        "--url",
        "http://127.0.0.1:9",
        "--credentials",
        "credentials.json",
        "--patience",
        "0s",
    ]);
    wrong(command.current_dir(world.dir.path()).output().unwrap(), &["can't be reached", "check the address"]);
    let bad = r#"{"client_id": "x", "client_secret": "y", "scope": "ACME_CORP/Admin"}"#;
    std::fs::write(world.path("bad.json"), bad).unwrap();
    let mut command = Command::new(SAYSO);
    command.args(["import", "people.ndjson", "--url", &world.url, "--credentials", "bad.json"]);
    wrong(command.current_dir(world.dir.path()).output().unwrap(), &["invalid_client", "check the client id"]);
    wrong(world.run_import(&["nothing.ndjson"]), &["nothing.ndjson"]);
    let out = world.run_import(&["people.ndjson"]);
    assert!(out.status.success(), "{}", said(&out));
}

#[test]
fn a_disk_that_is_full_midway_keeps_what_is_staged_and_the_next_run_goes_on() {
    const RECORDS: usize = 300;
    with_own_mounts(async || {
        let world = World::start_on_disk(160, 1_000, &[]).await;
        world.import_credentials();
        let people = (0..RECORDS).map(|n| {
            let mut person = person(&format!("p{n}"), &[]);
            person["Padding"] = "x".repeat(100_000).into();
            format!("{person}\n")
        });
        std::fs::write(world.path("people.ndjson"), people.collect::<String>()).unwrap();
        let args = ["people.ndjson", "--piece-size", "1MiB", "--patience", "0s", "--ignore-unknown", "--json"];
        // 64 MiB of it are the reserve.
        world.disk().fill(76 << 20);
        let out = world.run_import(&args);
        let text = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.code() == Some(1) && text.lines().count() == 1 && text.contains("503"), "{text}");
        let api = world.admin().await;
        let journal = std::fs::read_to_string(world.path(".people.ndjson.import")).unwrap();
        let token = journal.lines().find_map(|line| line.strip_prefix("{\"Token\":")?.strip_suffix("}")).unwrap();
        let received = api.import_status(token.parse().unwrap()).await.is(200).json()["TotalRecordsReceived"].clone();
        assert!((1..RECORDS as u64).contains(&received.as_u64().unwrap()), "{received} before the disk was full");
        world.disk().make_room();
        let out = world.run_import(&args);
        assert!(out.status.success(), "{}", said(&out));
        let told: Value = serde_json::from_slice(&out.stdout).unwrap();
        assert_eq!((&told["records"], &told["imported"]), (&json!(RECORDS), &json!(RECORDS)));
        let export = api.export("Everyone", json!({})).await;
        let rows = api.rows(export).await;
        let names: Vec<&str> = rows.iter().map(|row| row["CustomerName"]["FirstName"].as_str().unwrap()).collect();
        let wanted: Vec<String> = (0..RECORDS).map(|n| format!("p{n}")).collect();
        assert_eq!(names, wanted, "each once, in the order of the file");
        world.check();
    });
}
