//! Bodies and headers of Initiate, for a segment and for a group.

use super::{
    profiles::deep,
    written::{Row, Watched, names_its_problem},
};
use crate::harness::*;

#[tokio::test]
async fn malformed_initiates_are_refused_with_their_problem_and_start_nothing() {
    let watched = Watched::start().await;
    let api = watched.world.nightly().await;
    let before = watched.written().await;
    let rows = bodies();
    for path in [api.segment_path("Everyone"), api.group_path("A or B and C")] {
        watched.refuses(&api, "POST", &path, &rows).await;
        let large = vec![b' '; (32 << 20) + 1];
        watched.refuses(&api, "POST", &path, &[("oversized", large, 413, &["larger than 33554432 bytes"])]).await;
        for (what, name, value, status, words) in [
            ("key with a blank", "Idempotency-Key", "a b", 400, ["Idempotency-Key", "visible ASCII"]),
            ("key too long", "Idempotency-Key", &"x".repeat(256), 400, ["Idempotency-Key", "1 to 255"]),
            ("not JSON by its own word", "Content-Type", "text/csv", 415, ["content type", "application/json"]),
            ("compressed", "Content-Encoding", "gzip", 415, ["\"gzip\"", "uncompressed"]),
            ("no JSON wanted", "Accept", "text/csv", 406, ["application/json", "accept"]),
        ] {
            let answer = read(api.call("POST", &path).header(name, value).body("{}")).await;
            names_its_problem(&format!("{path}, {what}"), answer.status, &answer.body, status, &words);
        }
    }
    let unknown: [(String, &[&str]); 2] = [
        (api.segment_path("A or B and C"), &["no segment \"A or B and C\""]),
        (api.group_path("Everyone"), &["no segment group \"Everyone\""]),
    ];
    for (path, words) in unknown {
        watched.refuses(&api, "POST", &path, &[("of the other kind", b"{}".to_vec(), 404, words)]).await;
    }
    watched.nothing_was_written_since(&before).await;
}

fn bodies() -> Vec<Row<'static>> {
    let matching = |more: &str| format!(r#"{{"MatchCriteria":"ProfileId","Values":{more}}}"#);
    let since = |date: &str| format!(r#"{{"LastDateTime":"{date}"}}"#);
    let callback = |url: &str| format!(r#"{{"CallbackURL":"{url}"}}"#);
    let by_id = |kind: &str| format!(r#"{{"MatchCriteria":"AlternateId","MatchType":{kind},"Values":["1"]}}"#);
    const FORM: &str = "YYYY-MM-DDTHH:mm:ss";
    let rows: Vec<(&str, String, u16, &[&str])> = vec![
        ("list", "[]".into(), 400, &["sequence", "expected an object, null or an empty body"]),
        ("string", "\"a\"".into(), 400, &["string \"a\"", "expected an object"]),
        ("number", "7".into(), 400, &["integer `7`", "expected an object"]),
        ("half", "{".into(), 400, &["the body can't be read as JSON", "EOF"]),
        ("something behind", "{}x".into(), 400, &["the body can't be read as JSON", "trailing characters"]),
        ("control character", "\u{1}".into(), 400, &["the body can't be read as JSON", "expected value"]),
        ("deep", deep("[", "]"), 400, &["sequence", "expected an object"]),
        ("moment as number", r#"{"LastDateTime":5}"#.into(), 400, &["LastDateTime is 5", "a string or null"]),
        ("moment as object", r#"{"lastdatetime":{}}"#.into(), 400, &["LastDateTime is an object", "a string or null"]),
        ("empty moment", since(""), 400, &["LastDateTime: \"\"", FORM]),
        ("moment in words", since("yesterday"), 400, &["LastDateTime: \"yesterday\"", FORM]),
        ("day alone", since("2026-11-24"), 400, &["LastDateTime: \"2026-11-24\"", "a time is missing", FORM]),
        (
            "day that isn't there",
            since("2026-02-30T00:00:00Z"),
            400,
            &["LastDateTime: \"2026-02-30T00:00:00Z\"", "no such day"],
        ),
        (
            "hour that isn't there",
            since("2026-01-01T25:00:00Z"),
            400,
            &["LastDateTime: \"2026-01-01T25:00:00Z\"", "23:59:59"],
        ),
        (
            "NUL behind a moment",
            since("2026-01-01T00:00:00Z\\u0000"),
            400,
            &["LastDateTime: \"2026-01-01T00:00:00Z\\0\"", "neither Z nor an offset"],
        ),
        (
            "criteria as number",
            r#"{"MatchCriteria":5,"Values":["1"]}"#.into(),
            400,
            &["MatchCriteria is 5", "a string or null"],
        ),
        (
            "unknown criteria",
            r#"{"MatchCriteria":"Name","Values":["1"]}"#.into(),
            400,
            &["MatchCriteria: \"Name\"", "ProfileId, AlternateId"],
        ),
        (
            "empty criteria",
            r#"{"MatchCriteria":"","Values":["1"]}"#.into(),
            400,
            &["MatchCriteria: \"\"", "ProfileId, AlternateId"],
        ),
        (
            "criteria without values",
            r#"{"MatchCriteria":"ProfileId"}"#.into(),
            400,
            &["Values: is required with MatchCriteria"],
        ),
        ("no values", matching("[]"), 400, &["Values: is required with MatchCriteria", "1 to 100000"]),
        ("values without criteria", r#"{"Values":["1"]}"#.into(), 400, &["Values: needs MatchCriteria"]),
        ("values as string", matching("\"1\""), 400, &["Values is 1", "an array of strings or numbers"]),
        ("values as object", matching("{}"), 400, &["Values is an object", "an array of strings or numbers"]),
        ("value null", matching("[null]"), 400, &["Values[0] is null", "a string or a number"]),
        ("value a list", matching("[1,[1]]"), 400, &["Values[1] is an array", "a string or a number"]),
        ("value an object", matching("[{}]"), 400, &["Values[0] is an object", "a string or a number"]),
        ("value true", matching("[true]"), 400, &["Values[0] is true", "a string or a number"]),
        ("value huge", matching("[1e300]"), 400, &["Values[0] is 1e300", "a string or a number"]),
        ("value that is no id", matching("[\"abc\"]"), 400, &["Values[0]: \"abc\"", "whole numbers"]),
        (
            "too many values",
            matching(&format!("[{}]", vec!["1"; 100_001].join(","))),
            400,
            &["Values has more than 100000"],
        ),
        (
            "half a list of values",
            r#"{"Values":[1,2"#.into(),
            400,
            &["the body can't be read as JSON", "EOF while parsing a list"],
        ),
        (
            "id without its type",
            r#"{"MatchCriteria":"AlternateId","Values":["1"]}"#.into(),
            400,
            &["MatchType: is required with AlternateId", "CRM, Loyalty"],
        ),
        ("id type as number", by_id("5"), 400, &["MatchType is 5", "a string or null"]),
        ("unknown id type", by_id("\"Fax\""), 404, &["MatchType: \"Fax\"", "CRM, Loyalty"]),
        ("type without criteria", r#"{"MatchType":"CRM"}"#.into(), 400, &["MatchType: needs MatchCriteria"]),
        ("callback as number", r#"{"CallbackURL":5}"#.into(), 400, &["CallbackURL is 5", "a string or null"]),
        ("callback that is no URL", callback("nonsense"), 400, &["CallbackURL is \"nonsense\"", "https://"]),
        (
            "callback without TLS",
            callback("http://hooks.example.org"),
            400,
            &["CallbackURL is \"http://hooks.example.org\"", "https://"],
        ),
        (
            "callback to ourselves",
            callback("https://127.0.0.1/x"),
            400,
            &["CallbackURL is \"https://127.0.0.1/x\"", "loopback"],
        ),
        (
            "callback too long",
            callback(&format!("https://hooks.example.org/{}", "x".repeat(2100))),
            400,
            &["CallbackURL", "at most 2048 characters"],
        ),
    ];
    let invalid_text = (
        "invalid UTF-8",
        b"{\"MatchType\":\"\xff\"}".to_vec(),
        400,
        &["the body can't be read as JSON", "unicode"] as &[&str],
    );
    let rows = rows.into_iter().map(|(what, body, status, words)| (what, body.into_bytes(), status, words));
    rows.chain([invalid_text]).collect()
}
