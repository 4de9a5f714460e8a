use std::io::Write;

use crate::util::Place;

/// Sample profiles, one a line.
fn people(place: &Place, n: &str, seed: &str) -> String {
    place.run(&["sample", "--profiles", n, "--seed", seed]).ok().out
}

#[test]
fn bad_lines_are_told_with_number_and_reason_and_the_others_are_loaded() {
    let place = Place::with_account();
    let good = people(&place, "6", "1");
    let good: Vec<&str> = good.lines().collect();
    let mut text = Vec::new();
    text.extend([good[0], "{\"ProfileId\": ", good[1], "", "{\"NoSuchMember\":1}", good[2]].join("\n").into_bytes());
    text.extend(b"\n{\"CustomerType\":\"No such type\"}\n\"\xff\"\n");
    // The same alternate ids a second time.
    text.extend(format!("{}\n{}\n", good[0], good[3]).into_bytes());
    text.extend(vec![b'x'; (4 << 20) + 1]);
    text.extend(format!("\n{}\n{}", good[4], good[5]).into_bytes());
    place.write("people.ndjson", text);

    let ran = place.run(&["load", "people.ndjson", "--account", "ACME", "--json"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let summary = ran.json();
    assert_eq!(
        (summary["lines"].as_u64(), summary["loaded"].as_u64(), summary["rejected"].as_u64()),
        (Some(12), Some(6), Some(6))
    );
    assert_eq!(summary["files"][0]["rejected_file"], "people.ndjson.rejected.ndjson");

    let rejected: Vec<serde_json::Value> =
        place.read("people.ndjson.rejected.ndjson").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let numbers: Vec<u64> = rejected.iter().map(|r| r["Line"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [2, 5, 7, 8, 9, 11]);
    assert_eq!(rejected[0]["Record"], "{\"ProfileId\": ", "what is no JSON is kept as text");
    assert_eq!(rejected[1]["Record"]["NoSuchMember"], 1, "what is JSON is kept as it is");
    for (i, words) in [(1, "NoSuchMember"), (2, "No such type"), (3, "UTF-8"), (5, "longer than")] {
        assert!(rejected[i]["Reason"].as_str().unwrap().contains(words), "{}", rejected[i]["Reason"]);
    }
    let records = serde_json::from_str::<serde_json::Value>(good[0]).unwrap();
    assert_eq!(rejected[4]["Record"], records, "the second of two equal alternate ids");
    assert_eq!(place.run(&["check", "--json"]).ok().json()["profiles"], 6);
}

#[test]
fn compressed_files_and_stdin_are_loaded_alike() {
    let place = Place::with_account();
    let all = people(&place, "900", "1");
    let lines: Vec<&str> = all.lines().collect();
    let part = |range: std::ops::Range<usize>| lines[range].join("\n");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(part(0..300).as_bytes()).unwrap();
    place.write("a.ndjson.gz", gzip.finish().unwrap());
    place.write("b.ndjson.zst", zstd::encode_all(part(300..600).as_bytes(), 1).unwrap());

    let args = ["load", "a.ndjson.gz", "b.ndjson.zst", "-", "--account", "ACME", "--user", "Nightly.Export", "--json"];
    let summary = place.run_with(&args, part(600..900).as_bytes()).ok().json();
    let loaded: Vec<u64> = summary["files"].as_array().unwrap().iter().map(|f| f["loaded"].as_u64().unwrap()).collect();
    assert_eq!((loaded, summary["loaded"].as_u64()), (vec![300, 300, 300], Some(900)));
    assert!(!place.path("a.ndjson.gz.rejected.ndjson").exists());
    assert_eq!(place.run(&["check", "--json"]).ok().json()["profiles"], 900);
}

#[test]
fn a_load_that_stops_says_what_is_there_and_can_go_on() {
    let place = Place::with_account();
    let text = people(&place, "2000", "1");
    let mut zstd = zstd::encode_all(text.as_bytes(), 1).unwrap();
    zstd.truncate(zstd.len() / 2);
    place.write("half.zst", zstd);
    place.write("whole.ndjson", &text);

    let ran = place.run(&["load", "half.zst", "--account", "ACME"]).fails(1, &["half.zst", "can't be read further"]);
    let (_, line) = ran.err.split_once("--from-line ").unwrap();
    let next: u64 = line.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap();
    assert!(next > 1, "some lines stood before the damage");
    assert_eq!(place.run(&["check", "--json"]).ok().json()["profiles"].as_u64(), Some(next - 1), "{}", ran.err);

    let from = next.to_string();
    let summary = place.run(&["load", "whole.ndjson", "--account", "ACME", "--from-line", &from, "--json"]).ok().json();
    assert_eq!(summary["loaded"].as_u64(), Some(2000 - (next - 1)));
}

#[test]
fn a_line_to_begin_at_belongs_to_one_file_and_stands_in_it() {
    let place = Place::with_account();
    let text = people(&place, "15", "1");
    let lines: Vec<&str> = text.lines().collect();
    place.write("bad.ndjson", &text);
    place.write("other.ndjson", lines[0]);
    let load = |args: &[&str]| place.run(&[&["load", "--account", "ACME"], args].concat());
    let words = "--from-line belongs to one file; 2 are given: load each by itself";
    load(&["bad.ndjson", "other.ndjson", "--from-line", "3"]).fails(2, &[words]);
    let words = "bad.ndjson has 15 lines; --from-line 99 is behind its end";
    load(&["bad.ndjson", "--from-line", "99"]).fails(1, &[words]);
    load(&["bad.ndjson", "--from-line", "17"]).fails(1, &["behind its end"]);
    // As a load says it that was stopped behind the last line.
    let summary = load(&["bad.ndjson", "--from-line", "16", "--json"]).ok().json();
    assert_eq!(summary["loaded"], 0);
    assert_eq!(place.run(&["check", "--json"]).ok().json()["profiles"], 0);
}

#[test]
fn of_several_files_each_is_told_whether_it_is_loaded() {
    let place = Place::with_account();
    let six = people(&place, "6", "1");
    let lines: Vec<&str> = six.lines().collect();
    place.write("a", lines[..3].join("\n"));
    place.write("c", lines[3..].join("\n"));
    let words = ["missing can't be loaded", "before it a came to the end", "not begun: c; load what is left"];
    place.run(&["load", "a", "missing", "c", "--account", "ACME"]).fails(1, &words);
    assert_eq!(place.run(&["check", "--json"]).ok().json()["profiles"], 3);
    assert_eq!(place.run(&["load", "c", "--account", "ACME", "--json"]).ok().json()["loaded"], 3);
}

#[test]
fn what_can_not_be_loaded_is_told() {
    let place = Place::with_account();
    place.run(&["load", "missing.ndjson", "--account", "ACME"]).fails(1, &["missing.ndjson"]);
    place.run(&["load", ".", "--account", "ACME"]).fails(1, &["directory"]);
    place.run(&["load", "-", "--account", "OTHER"]).fails(1, &["OTHER", "ACME"]);
    place.run(&["load", "--account", "ACME"]).fails(2, &["FILE"]);
    let empty = place.run_with(&["load", "-", "--account", "ACME"], b"").ok().out;
    assert!(empty.contains("loaded 0 profiles"), "{empty}");
}
