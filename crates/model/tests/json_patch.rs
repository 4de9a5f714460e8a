//! The public test suite of JSON Patch, through what the API applies patches with: at the root of a document, and inside of a
//! profile.

#![allow(clippy::unwrap_used)] // a test that can't go on says so by panicking

use sayso_model::{
    change,
    config::{Config, Configuration},
    id::{Author, ProfileId},
    input::parse_profile,
    moment::Moment,
    patch::parse_patch,
    refusal::{Refusal, Why},
    render::render,
};
use serde_json::{Value, json};

const SUITES: [&str; 2] = [include_str!("json-patch/tests.json"), include_str!("json-patch/spec_tests.json")];

fn cases() -> Vec<Value> {
    let suites = SUITES.iter().flat_map(|suite| serde_json::from_str::<Vec<Value>>(suite).unwrap());
    suites.filter(|case| case["patch"].is_array() && case["disabled"] != true).collect()
}

fn patched(mut document: Value, patch: &Value) -> Result<Value, Refusal> {
    parse_patch(patch.to_string().as_bytes())?.apply(&mut document)?;
    Ok(document)
}

fn uses_what_is_not_offered(case: &Value) -> bool {
    case["patch"].as_array().unwrap().iter().any(|operation| operation["op"] == "move" || operation["op"] == "copy")
}

/// What the suite expects; `None`: a refusal. A case with neither result nor error leaves its document as it is.
fn expected(case: &Value) -> Option<&Value> {
    match case.get("error") {
        Some(_) => None,
        None => Some(case.get("expected").unwrap_or(&case["doc"])),
    }
}

#[test]
fn every_case_of_the_four_operations_passes() {
    let mut run = 0;
    for case in cases().iter().filter(|case| !uses_what_is_not_offered(case)) {
        let outcome = patched(case["doc"].clone(), &case["patch"]);
        assert_eq!(outcome.as_ref().ok(), expected(case), "{case}: {outcome:?}");
        run += 1;
    }
    assert_eq!(run, 79, "the suite has as many");
}

#[test]
fn every_case_passes_inside_of_a_profile_and_leaves_the_rest_of_it_alone() {
    let author = Author { user_id: "ann".into(), source_id: None };
    let input = parse_profile(br#"{"CustomerName":{"FirstName":"Ann"},"ProfileTags":[{"Name":"vip"}]}"#).unwrap();
    let config = Config::new(Configuration::default());
    let kept = change::create(&input, ProfileId(1), &config, &author, Moment(0)).unwrap();
    let profile: Value = serde_json::from_slice(&render(&kept.profile).json).unwrap();
    let with = |document: &Value| {
        let mut profile = profile.clone();
        profile["CustomFields"] = json!([{ "Name": "case", "Value": document }]);
        profile
    };
    for case in cases().iter().filter(|case| !uses_what_is_not_offered(case)) {
        let mut patch = case["patch"].clone();
        for operation in patch.as_array_mut().unwrap() {
            if let Some(path) = operation["path"].as_str() {
                operation["path"] = format!("/CustomFields/0/Value{path}").into();
            }
        }
        let outcome = patched(with(&case["doc"]), &patch);
        assert_eq!(outcome.as_ref().ok(), expected(case).map(with).as_ref(), "{case}: {outcome:?}");
    }
}

#[test]
fn cases_with_move_or_copy_are_refused() {
    let cases = cases();
    let refused: Vec<_> = cases.iter().filter(|case| uses_what_is_not_offered(case)).collect();
    assert!(refused.len() > 10);
    for case in refused {
        assert_eq!(patched(case["doc"].clone(), &case["patch"]).unwrap_err().why, Why::Invalid, "{case}");
    }
}
