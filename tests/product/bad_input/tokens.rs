//! What is sent to /oauth/token and /oauth/revoke. Its refusals have the form of RFC 6749, 5.2: a code, and in `error_description` what our other
//! errors say in their Message.

use super::written::{Watched, names_its_problem};
use crate::harness::*;

const FORM: &str = "application/x-www-form-urlencoded";

type Words = &'static [&'static str];

#[tokio::test]
async fn malformed_token_calls_are_refused_with_their_problem_and_no_token_is_issued() {
    let watched = Watched::start().await;
    let api = watched.world.nightly().await;
    let before = watched.written().await;
    let good = "grant_type=client_credentials";
    let with = |more: &str| format!("{good}&{more}");
    let large = with(&format!("x={}", "y".repeat(20_000)));
    let lines: Vec<(&str, &str, Vec<u8>, &str, Words)> = vec![
        ("empty", FORM, vec![], "invalid_request", &["grant_type is missing", "client_credentials"]),
        ("empty grant", FORM, b"grant_type=".to_vec(), "invalid_request", &["grant_type is missing"]),
        (
            "grant in another case",
            FORM,
            b"Grant_Type=client_credentials".to_vec(),
            "invalid_request",
            &["grant_type is missing"],
        ),
        (
            "unknown grant",
            FORM,
            b"grant_type=password".to_vec(),
            "unsupported_grant_type",
            &["grant_type is not known", "client_credentials"],
        ),
        ("grant twice", FORM, with(good).into_bytes(), "invalid_request", &["grant_type was sent twice"]),
        ("half an escape", FORM, b"grant_type=%zz".to_vec(), "invalid_request", &["% must begin an escape"]),
        (
            "escape of no text",
            FORM,
            with("scope=%ff").into_bytes(),
            "invalid_request",
            &["what is escaped must be UTF-8"],
        ),
        (
            "invalid UTF-8",
            FORM,
            b"grant_type=client_credentials&scope=\xff".to_vec(),
            "invalid_request",
            &["the form is not UTF-8"],
        ),
        (
            "JSON",
            "application/json",
            br#"{"grant_type":"client_credentials"}"#.to_vec(),
            "invalid_request",
            &["content type", FORM],
        ),
        ("oversized", FORM, large.into_bytes(), "invalid_request", &["larger than 16384 bytes"]),
        (
            "foreign scope",
            FORM,
            with("scope=OTHER/User").into_bytes(),
            "invalid_scope",
            &["another account or user", "scope"],
        ),
        (
            "secret in two places",
            FORM,
            with("client_secret=x").into_bytes(),
            "invalid_request",
            &["more than one way", "client_secret"],
        ),
        (
            "two clients",
            FORM,
            with("client_id=other").into_bytes(),
            "invalid_request",
            &["client_id is one in the Authorization header and another"],
        ),
    ];
    for (what, kind, body, code, words) in lines {
        let call = api.http.post(format!("{}/oauth/token", api.url)).header("content-type", kind).body(body);
        let answer = read(call.basic_auth(&api.client_id, Some(&api.client_secret))).await;
        names_its_problem(what, answer.status, &answer.body, 400, words);
        assert_eq!(answer.json()["error"], code, "{what}");
    }
    let unshown: [(&str, Option<&str>, &str, u16, Words); 6] = [
        ("nobody", None, good, 401, &["does not show itself", "client_secret"]),
        ("bearer", Some("Bearer x"), good, 401, &["takes Basic alone"]),
        ("no base64", Some("Basic !!!"), good, 401, &["not base64 of client_id:client_secret"]),
        ("no colon", Some("Basic bm9jb2xvbg=="), good, 401, &["not base64 of client_id:client_secret"]),
        (
            "assertion without its type",
            None,
            &with("client_assertion=x"),
            400,
            &["client_assertion_type", "one is missing"],
        ),
        (
            "unknown assertion",
            None,
            &with("client_assertion=x&client_assertion_type=y"),
            401,
            &["client_assertion_type is not known", "jwt-bearer"],
        ),
    ];
    for (what, shown, body, status, words) in unshown {
        let call = api.http.post(format!("{}/oauth/token", api.url)).header("content-type", FORM).body(body.to_owned());
        let answer = read(shown.iter().fold(call, |call, shown| call.header("authorization", *shown))).await;
        names_its_problem(what, answer.status, &answer.body, status, words);
    }
    let twice = format!("token={0}&token={0}", api.token);
    for (what, body, words) in [
        ("no token", "", "token is missing"),
        ("token twice", &twice, "token was sent twice"),
        ("half an escape", "token=%z", "% must begin an escape"),
    ] {
        let call =
            api.http.post(format!("{}/oauth/revoke", api.url)).header("content-type", FORM).body(body.to_owned());
        let answer = read(call.basic_auth(&api.client_id, Some(&api.client_secret))).await;
        names_its_problem(&format!("revoke, {what}"), answer.status, &answer.body, 400, &[words]);
    }
    api.get(&api.profile_path("/1")).await.is(200);
    watched.nothing_was_written_since(&before).await;
}
