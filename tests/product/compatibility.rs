//! docs/compatibility.md against the API's description and the sources of these tests: no call is forgotten, none is promised that isn't
//! there, and every "yes" names a test that there is.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde_json::Value;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// A row: what is promised of one call, or of something that is no call.
struct Row {
    line: usize,
    /// `METHOD /path`, when it is a call.
    call: Option<String>,
    verdict: String,
    remark: String,
    tests: Vec<String>,
}

/// What stands between backticks.
fn code(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

fn rows() -> Vec<Row> {
    let text = fs::read_to_string(format!("{ROOT}/docs/compatibility.md")).unwrap();
    let mut rows = Vec::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [subject, verdict, remark, tests] = cells[..] else {
            panic!("line {}: {} cells, not 4", at + 1, cells.len())
        };
        if verdict.starts_with("--") || verdict == "compatible" {
            continue;
        }
        let is_call = |text: &&str| ["GET ", "POST ", "PUT ", "PATCH ", "DELETE "].iter().any(|m| text.starts_with(m));
        rows.push(Row {
            line: at + 1,
            call: code(subject).find(is_call).map(str::to_owned),
            verdict: verdict.to_owned(),
            remark: remark.to_owned(),
            tests: code(tests).map(str::to_owned).collect(),
        });
    }
    rows
}

/// Every call of the description, without the base of the account's.
fn described() -> BTreeSet<String> {
    let text = fs::read_to_string(format!("{ROOT}/docs/openapi.json")).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let paths = document["paths"].as_object().unwrap().iter();
    let calls = paths.flat_map(|(path, item)| {
        let path = path.strip_prefix("/Profiles/v4").unwrap_or(path);
        item.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    calls.collect()
}

/// Every product test, by its module and name.
fn tests() -> BTreeSet<String> {
    fn walk(folder: &Path, modules: &str, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            if entry.path().is_dir() {
                walk(&entry.path(), &format!("{modules}{name}::"), found);
            } else if let Some(module) = name.strip_suffix(".rs") {
                let module = if module == "mod" { modules.to_owned() } else { format!("{modules}{module}::") };
                let source = fs::read_to_string(entry.path()).unwrap();
                let mut is_test = false;
                for line in source.lines().map(str::trim) {
                    let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
                    match function.and_then(|rest| rest.split('(').next()) {
                        Some(name) if is_test => {
                            found.insert(format!("{module}{name}"));
                            is_test = false;
                        }
                        Some(_) => is_test = false,
                        None => is_test |= line == "#[test]" || line.starts_with("#[tokio::test"),
                    }
                }
            }
        }
    }
    let mut found = BTreeSet::new();
    walk(Path::new(&format!("{ROOT}/tests/product")), "", &mut found);
    found
}

#[test]
fn every_call_has_one_row_and_every_row_that_promises_one_is_true() {
    let described = described();
    let mut seen = BTreeMap::new();
    for row in rows() {
        let line = row.line;
        assert!(["yes", "partly", "no"].contains(&row.verdict.as_str()), "line {line}: {:?}", row.verdict);
        assert!(row.verdict != "partly" || !row.remark.is_empty(), "line {line}: partly, but not what differs");
        let Some(call) = row.call else { continue };
        let there = described.contains(&call);
        assert_eq!(there, row.verdict != "no", "line {line} says {} of {call}", row.verdict);
        if let Some(first) = seen.insert(call.clone(), line) {
            panic!("{call} has two rows: lines {first} and {line}");
        }
    }
    let forgotten: Vec<_> = described.iter().filter(|call| !seen.contains_key(*call)).collect();
    assert!(forgotten.is_empty(), "docs/compatibility.md has no row for {forgotten:#?}");
}

#[test]
fn every_promise_names_a_test_that_there_is() {
    let tests = tests();
    assert!(tests.contains("compatibility::every_promise_names_a_test_that_there_is"));
    for row in rows() {
        let line = row.line;
        assert!(row.verdict == "no" || !row.tests.is_empty(), "line {line} promises without a test");
        for test in &row.tests {
            assert!(tests.contains(test), "line {line}: there is no test {test}");
        }
    }
}
