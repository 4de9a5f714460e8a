//! sample, credentials, check, wrong usage.

use crate::util::{Place, Ran};

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let place = Place::new();
    let first = place.run(&["sample", "--profiles", "200", "--seed", "7"]).ok().out;
    assert_eq!(first.lines().count(), 200);
    place.run(&["sample", "--profiles", "200", "--seed", "7", "--out", "people.ndjson"]).ok();
    assert_eq!(place.read("people.ndjson"), first);
    assert_ne!(place.run(&["sample", "--profiles", "200", "--seed", "8"]).ok().out, first);
}

#[test]
fn a_reader_who_has_enough_of_a_sample_is_no_error() {
    use std::io::Read;
    let place = Place::new();
    let mut child =
        place.command(&["sample", "--profiles", "100000"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut some = [0; 100];
    child.stdout.take().unwrap().read_exact(&mut some).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn credentials_are_made_listed_rotated_and_revoked() {
    let place = Place::with_account();
    let create = place.run(&["credentials", "create", "--account", "acme", "--user", "admin", "--json"]).ok();
    let made = create.json();
    let names: Vec<&str> = made.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["client_id", "client_secret", "scope"]);
    let (id, secret) = (made["client_id"].as_str().unwrap(), made["client_secret"].as_str().unwrap());
    assert_eq!((id.len(), secret.len(), &made["scope"]), (48, 64, &"ACME/Admin".into()));

    let list = place.run(&["credentials", "list", "--account", "ACME", "--json"]).ok();
    assert_eq!((list.json()[0]["client_id"].as_str(), list.json()[0]["secrets"].as_u64()), (Some(id), Some(1)));
    assert!(!list.out.contains(secret));
    let rotated = place.run(&["credentials", "rotate", id, "--account", "ACME", "--json"]).ok().json();
    assert_eq!(rotated["client_id"], *id);
    assert_ne!(rotated["client_secret"], *secret);
    let text = place.run(&["credentials", "list", "--account", "ACME"]).ok().out;
    assert!(text.contains(id) && text.contains("  2  "), "{text}");

    place.run(&["credentials", "rotate", id, "--account", "ACME", "--end-former", "--json"]).ok();
    assert_eq!(place.run(&["credentials", "list", "--account", "ACME", "--json"]).ok().json()[0]["secrets"], 1);

    place.run(&["credentials", "revoke", id, "--account", "ACME"]).ok();
    place.run(&["credentials", "revoke", id, "--account", "ACME"]).fails(1, &["no client"]);
    assert_eq!(place.run(&["credentials", "list", "--account", "ACME", "--json"]).ok().out, "[]\n");
    place
        .run(&["credentials", "create", "--account", "ACME", "--user", "Nobody"])
        .fails(1, &["no user \"Nobody\"", "Admin"]);
}

#[test]
fn a_shared_key_is_made_exchanged_and_ended_and_lies_nowhere_in_the_clear() {
    let place = Place::with_account();
    let key = |flags: &[&str]| place.run(&[&["credentials", "key", "admin", "--account", "acme"], flags].concat());
    let made = key(&["--json"]).ok().json();
    let names: Vec<&str> = made.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!((names, &made["user"]), (vec!["account", "user", "key"], &"Admin".into()));
    let first = made["key"].as_str().unwrap().to_owned();
    assert_eq!(first.len(), 64);
    key(&[]).fails(1, &["has a shared key", "--rotate"]);
    let second = key(&["--rotate", "--json"]).ok().json()["key"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    let data = std::fs::read(place.path("sayso-data/data.mdb")).unwrap();
    for key in [&first, &second] {
        assert!(!data.windows(key.len()).any(|bytes| bytes == key.as_bytes()));
    }
    place.run(&["check"]).ok();
    key(&["--revoke"]).ok();
    key(&["--revoke"]).fails(1, &["has no shared key"]);
    let brought = "b".repeat(40);
    let flags = ["credentials", "key", "Admin", "--account", "ACME", "--stdin", "--json"];
    assert_eq!(place.run_with(&flags, format!("{brought}\n").as_bytes()).ok().json()["key"], brought.as_str());
    let short = place.run_with(&[&flags[..], &["--rotate"]].concat(), b"tooshorttooshort");
    assert!(!short.fails(1, &["16 bytes", "32 to 256"]).err.contains("tooshort"));
    let rotate = ["credentials", "key", "Admin", "--account", "ACME", "--rotate"];
    let refused: Ran = place.command(&rotate).env("SAYSO_KEY", "c2VjcmV0").output().unwrap().into();
    assert!(!refused.fails(2, &["SAYSO_KEY", "6 bytes"]).err.contains("c2VjcmV0"));
}

#[test]
fn a_sound_directory_passes_the_check() {
    let place = Place::with_account();
    let people = place.run(&["sample", "--profiles", "300"]).ok().out;
    place.run_with(&["load", "-", "--account", "ACME"], people.as_bytes()).ok();
    let report = place.run(&["check", "--json"]).ok().json();
    assert_eq!((report["profiles"].as_u64(), report["problem_count"].as_u64()), (Some(300), Some(0)), "{report}");
    assert!(place.run(&["check"]).ok().out.contains("300 profiles"));
}

#[test]
fn wrong_usage_ends_with_2() {
    let place = Place::new();
    place.run(&["serve", "--workers", "many"]).fails(2, &["--workers"]);
    place.run(&["serve", "--workers", "0"]).fails(2, &["workers is 0"]);
    place.run(&["sample"]).fails(2, &["--profiles"]);
    place.run(&["sample", "--profiles", "1", "--log", "=="]).fails(2, &["--log"]);
    place.write("sayso.toml", "listne = \"127.0.0.1:0\"");
    place.run(&["serve", "--config", "sayso.toml"]).fails(2, &["sayso.toml", "listne"]);
    place.run(&["nonsense"]).fails(2, &["nonsense"]);
    assert!(place.run(&["--version"]).ok().out.starts_with("sayso "));
}

#[test]
fn what_is_missing_to_reach_a_server_is_named_with_where_it_may_stand() {
    let place = Place::new();
    let export = |args: &[&str]| place.run(&[&["export", "--segment", "S", "--out", "s"], args].concat());
    let url = ["--url", "http://127.0.0.1:1", "--patience", "0s"];
    let with = |args: &[&str]| export(&[&url[..], args].concat());
    export(&[]).fails(2, &["no server; give its address with --url", "\"url\" in the file of --credentials"]);
    with(&[]).fails(2, &["no credentials; give a file with --credentials, or --client-id and its secret"]);
    with(&["--client-id", "c"]).fails(2, &["no account; give it with --account"]);
    place.write("f", r#"{"client_id": "c", "client_secret": "s", "scope": "ACME_CORP"}"#);
    let words = "scope is \"ACME_CORP\"; accepted: ACCOUNT/USER such as ACME_CORP/Nightly";
    with(&["--credentials", "f"]).fails(2, &[words]);
    with(&["--credentials", "f", "--account", "ACME_CORP"]).fails(1, &["can't be reached"]);
    let words =
        ["--user (SAYSO_USER) signs calls in place of OAuth", "--credentials isn't used: leave one of the two out"];
    with(&["--credentials", "f", "--account", "A", "--user", "X"]).fails(2, &words);
}

#[test]
fn each_example_that_reaches_a_server_names_it() {
    for command in ["export", "import"] {
        let help = Place::new().run(&[command, "--help"]).ok().out;
        // Lines are folded as wide as the terminal is.
        let text = help.split_whitespace().collect::<Vec<_>>().join(" ");
        let examples: Vec<&str> = text
            .split(&format!("sayso {command} "))
            .skip(1)
            .filter(|e| e.contains("--credentials ") && !e.starts_with("[OPTIONS]"))
            .collect();
        assert!(examples.len() >= 3, "{help}");
        for example in examples {
            assert!(example.contains("--url https://"), "{example}");
        }
    }
}

#[test]
fn a_data_directory_that_is_none_is_told() {
    let place = Place::with_account();
    let words = ["account.toml is a file; --data (SAYSO_DATA) takes a directory"];
    for args in
        [&["account", "list"][..], &["check"], &["serve", "--listen", "127.0.0.1:0"], &["account", "create", "B"]]
    {
        place.run(&[args, &["--data", "account.toml"]].concat()).fails(2, &words);
    }
    let words = ["\"localhost:8080\" is no address to listen on", "127.0.0.1:8080 or [::1]:8080"];
    place.run(&["serve", "--listen", "localhost:8080"]).fails(2, &words);
    place.write("sayso.toml", "listen = \"localhost:8080\"");
    place.run(&["serve", "--config", "sayso.toml"]).fails(2, &words);

    std::fs::create_dir(place.path("other")).unwrap();
    place.write("other/data.mdb", vec![7; 100_000]);
    let ran = place.run(&["account", "list", "--data", "other"]);
    let ran = ran.fails(1, &["other/data.mdb is no data file of Sayso, or damaged; name another --data"]);
    assert!(!ran.err.contains("engine failed") && !ran.err.contains("MDB_"), "{}", ran.err);
}
