use serde_json::Value;

use crate::util::{Place, get};

/// A demo whose temporary files land in the test's own directory.
fn demo(place: &Place, args: &[&str]) -> std::process::Command {
    std::fs::create_dir_all(place.path("tmp")).unwrap();
    let mut command = place.command(&[&["demo", "--profiles", "2000"], args].concat());
    command.env("TMPDIR", place.path("tmp"));
    command
}

fn left_in_tmp(place: &Place) -> usize {
    std::fs::read_dir(place.path("tmp")).unwrap().count()
}

#[test]
fn the_demo_exports_as_many_lines_as_rows() {
    let place = Place::new();
    let ran = crate::util::Ran::from(demo(&place, &["--json"]).output().unwrap()).ok();
    let done = ran.json();
    let text = place.read("export.ndjson");
    let records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(Some(records.len() as u64), done["rows"].as_u64(), "{done}");
    assert!(!records.is_empty() && text.ends_with('\n'));
    let ids: Vec<u64> = records.iter().map(|r| r["ProfileId"].as_u64().unwrap()).collect();
    assert!(ids.is_sorted_by(|a, b| a < b));
    for record in &records {
        assert!(record["Addresses"].as_array().unwrap().iter().any(|a| a["StateProvince"] == "GA"), "{record}");
    }
    assert_eq!(left_in_tmp(&place), 0, "the temporary data directory is removed");
}

#[test]
fn the_story_tells_what_happened_and_how_to_do_it_by_hand() {
    let place = Place::new();
    let ran = crate::util::Ran::from(demo(&place, &["--out", "there/"]).output().unwrap()).ok();
    let lines = place.read("there/export.ndjson").lines().count();
    for words in [
        "2,000 sample profiles",
        &format!(": {lines} row"),
        "The first record:",
        "ProfileId",
        "/oauth/token",
        "/Export/Segment/Georgia%20newsletter",
    ] {
        assert!(ran.out.contains(words), "{words:?} is missing in:\n{}", ran.out);
    }
}

#[test]
fn a_served_demo_prints_one_object_and_goes_on_serving() {
    let place = Place::new();
    let (running, line) = place.start(&mut demo(&place, &["--serve", "--json"]));
    let object: Value = serde_json::from_str(&line).unwrap();
    let names: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["url", "account", "client_id", "client_secret", "scope", "segments", "segment_group"]);
    let segments: Vec<&str> = object["segments"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(segments, ["sample", "all", "deleted"]);
    assert!(get(object["url"].as_str().unwrap(), "/healthz").0.contains(" 200 "));
    let (status, rest) = running.terminate();
    assert!(status.success(), "{status}");
    assert_eq!((rest.as_str(), left_in_tmp(&place)), ("", 0));
}
