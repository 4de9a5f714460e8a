//! Bodies of bulk imports: of Initiate, and of Stage, where a body that isn't a list of records stages none. What is wrong within a record is
//! an exception of that record (`imports`), and refuses no call.

use serde_json::json;

use super::{
    profiles::deep,
    written::{Row, Watched},
};

#[tokio::test]
async fn malformed_imports_are_refused_with_their_problem_and_nothing_is_started_or_staged() {
    let watched = Watched::start().await;
    let api = &watched.admin;
    let token = api.begin_import(json!({})).await;
    let status = api.import_status(token).await.is(200).json();
    let before = watched.written().await;
    watched.refuses(api, "POST", &api.imports_path(""), &initiates()).await;
    watched.refuses(api, "POST", &api.imports_path(&format!("/{token}")), &stages()).await;
    for (query, value) in [("limit=0", "\"0\""), ("limit=x", "\"x\""), ("offset=-1", "\"-1\"")] {
        api.exceptions(token, query)
            .await
            .refuses(400, &[query.split('=').next().unwrap(), value, "an integer from 1"]);
    }
    assert_eq!(api.import_status(token).await.is(200).json(), status);
    watched.nothing_was_written_since(&before).await;
}

fn initiates() -> Vec<Row<'static>> {
    const DAYS: &str = "a whole number from 0 to 10";
    let long = format!(r#"{{"Name":"{}"}}"#, "x".repeat(101));
    let nested = format!("{{\"Name\":{}}}", deep("[", "]"));
    let large = format!("{{\"Name\":\"{}\"}}", "x".repeat(2 << 20));
    let rows: Vec<(&str, &str, u16, &[&str])> = vec![
        ("list", "[]", 400, &["the body is no object"]),
        ("number", "5", 400, &["the body is no object"]),
        ("half", "{", 400, &["the body can't be read as JSON", "EOF"]),
        ("deep", &nested, 400, &["the body can't be read as JSON", "recursion limit"]),
        ("name as object", r#"{"Name":{}}"#, 400, &["Name is an object", "a string or null"]),
        ("name too long", &long, 400, &["Name has 101 characters", "at most 100"]),
        ("eleven days", r#"{"RetentionDays":11}"#, 400, &["RetentionDays is 11", DAYS]),
        ("negative days", r#"{"RetentionDays":-1}"#, 400, &["RetentionDays is -1", DAYS]),
        ("days as string", r#"{"RetentionDays":"3"}"#, 400, &["RetentionDays is \"3\"", DAYS]),
        ("half a day", r#"{"RetentionDays":1.5}"#, 400, &["RetentionDays is 1.5", DAYS]),
        ("unknown action", r#"{"ImportAction":"Merge"}"#, 400, &["ImportAction is \"Merge\"", "Add or Delete"]),
        ("action as number", r#"{"ImportAction":5}"#, 400, &["ImportAction is 5", "a string or null"]),
        ("action twice", r#"{"ImportAction":"Add","ImportAction":"Delete"}"#, 400, &["duplicate field `ImportAction`"]),
        (
            "unknown criteria",
            r#"{"MatchCriteria":"Email","MatchValue":"CRM"}"#,
            400,
            &["MatchCriteria is \"Email\"", "AlternateIdType"],
        ),
        (
            "criteria alone",
            r#"{"MatchCriteria":"AlternateIdType"}"#,
            400,
            &["MatchValue is required with MatchCriteria"],
        ),
        ("value alone", r#"{"MatchValue":"CRM"}"#, 400, &["MatchValue needs MatchCriteria"]),
        (
            "unknown type",
            r#"{"MatchCriteria":"AlternateIdType","MatchValue":"ERP"}"#,
            404,
            &["alternate id type \"ERP\""],
        ),
        ("flag in words", r#"{"RefreshTags":"yes"}"#, 400, &["RefreshTags is \"yes\"", "true, false or null"]),
        (
            "flag of what is deleted",
            r#"{"ImportAction":"Delete","RefreshTags":true}"#,
            400,
            &["Refresh flags", "Delete"],
        ),
        ("oversized", &large, 413, &["larger than 1048576 bytes"]),
    ];
    rows.into_iter().map(|(what, body, status, words)| (what, body.as_bytes().to_vec(), status, words)).collect()
}

fn stages() -> Vec<Row<'static>> {
    const ANN: &str = r#"{"CustomerName":{"FirstName":"Ann"}}"#;
    let all = |records: &str| format!("{{\"UserProfiles\":{records}");
    let rows: Vec<(&str, String, &[&str])> = vec![
        ("empty", String::new(), &["the body is empty", "UserProfiles"]),
        ("not JSON", "hello".into(), &["after 0 bytes: 'h'", "an object"]),
        ("list", format!("[{ANN}]"), &["after 0 bytes: '['", "an object"]),
        ("null", "null".into(), &["after 0 bytes: 'n'", "an object"]),
        ("no records", "{}".into(), &["no UserProfiles"]),
        ("number", all("5}"), &["after 16 bytes: '5'", "an array of profiles in UserProfiles"]),
        ("object", all("{}}"), &["after 16 bytes: '{'", "an array of profiles in UserProfiles"]),
        ("broken off", all(&format!("[{ANN}")), &["ends after 53 bytes", "not JSON"]),
        ("a bracket too many", all(&format!("[{ANN}]]}}")), &["after 54 bytes: ']'", "a comma or the end"]),
        ("something behind", all(&format!("[{ANN}]}}x")), &["after 55 bytes: 'x'", "nothing behind"]),
        ("no comma", all(&format!("[{ANN} {ANN}]}}")), &["after 54 bytes: '{'", "a comma or the end of UserProfiles"]),
        ("trailing comma", all(&format!("[{ANN},]}}")), &["']'", "not JSON"]),
        ("deep", all(&format!("{}}}", deep("[", "]"))), &["more than 128 brackets"]),
        ("deep in a record", all(&format!("[{{\"CustomFields\":{}}}]}}", deep("[", "]"))), &["more than 128 brackets"]),
    ];
    rows.into_iter().map(|(what, body, words)| (what, body.into_bytes(), 400, words)).collect()
}
