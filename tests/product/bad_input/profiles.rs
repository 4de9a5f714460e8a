//! Bodies of the Data API, each sent to make somebody and to change somebody.

use super::written::{Row, Watched};
use crate::harness::*;

/// So much of a string that a row with it is too long for what it stands in.
const LONG: usize = 300;

pub fn deep(open: &str, close: &str) -> String {
    format!("{}{}", open.repeat(10_000), close.repeat(10_000))
}

#[tokio::test]
async fn malformed_profiles_are_refused_with_their_problem_and_nothing_is_written() {
    let watched = Watched::start().await;
    let api = watched.world.nightly().await;
    let before = watched.written().await;
    let rows = [not_json(), of_the_wrong_type(), against_a_rule()].concat();
    assert!(rows.len() >= 60, "{}", rows.len());
    let ann = format!("/{}", watched.ann);
    for (method, target) in [("POST", ""), ("POST", &ann), ("PUT", &ann)] {
        watched.refuses(&api, method, &api.profile_path(target), &rows).await;
    }
    watched.nothing_was_written_since(&before).await;
}

#[tokio::test]
async fn what_is_passed_over_may_be_as_deep_as_it_likes() {
    let world = World::start().await;
    let api = world.nightly().await;
    let body = format!(r#"{{"CustomerName":{{"FirstName":"Deep"}},"Edited":{}}}"#, deep("[", "]"));
    let call = api.call("POST", &api.profile_path("")).header("content-type", "application/json").body(body);
    let id = read(call).await.is(201).json()["ProfileId"].as_u64().unwrap();
    let there = api.get(&api.profile_path(&format!("/{id}"))).await.is(200).json();
    assert_eq!(there["CustomerName"]["FirstName"], "Deep");
}

#[tokio::test]
async fn malformed_patches_are_refused_with_their_problem_and_nothing_is_written() {
    let watched = Watched::start().await;
    let api = watched.world.nightly().await;
    let before = watched.written().await;
    let far = format!(r#"[{{"op":"add","path":"/CustomFields","value":{}}}]"#, deep("[", "]"));
    let many = format!("[{}]", vec![r#"{"op":"test","path":"/IsActive","value":true}"#; 1001].join(","));
    let rows: &[(&str, &str, &[&str])] = &[
        ("empty", "", &["nothing was sent", "JSON"]),
        ("half", "[{", &["[0]: can't be read as JSON", "EOF"]),
        ("an object", "{}", &["map", "expected a sequence"]),
        ("a list of numbers", "[1]", &["[0]", "`1`", "expected an object"]),
        ("without op", r#"[{"path":"/IsActive","value":true}]"#, &["[0]", "missing field `op`"]),
        (
            "move",
            r#"[{"op":"move","from":"/A","path":"/B"}]"#,
            &["[0].op", "\"move\"", "add, replace, remove and test"],
        ),
        (
            "no pointer",
            r#"[{"op":"add","path":"IsActive","value":true}]"#,
            &["[0].path", "\"IsActive\"", "JSON pointer"],
        ),
        ("without value", r#"[{"op":"add","path":"/IsActive"}]"#, &["[0].value", "is required by add"]),
        ("nowhere", r#"[{"op":"replace","path":"/Nope","value":1}]"#, &["[0]", "/Nope"]),
        ("unknown member", r#"[{"op":"add","path":"/Nope","value":1}]"#, &["Nope"]),
        (
            "wrong type",
            r#"[{"op":"add","path":"/IsActive","value":"yes"}]"#,
            &["IsActive", "\"yes\"", "expected a boolean"],
        ),
        ("deep", &far, &["[0].value", "can't be read as JSON", "recursion limit"]),
        ("too many", &many, &["1001 operations", "at most 1000"]),
    ];
    let rows: Vec<Row> =
        rows.iter().map(|(what, body, words)| (*what, body.as_bytes().to_vec(), 400, *words)).collect();
    watched.refuses(&api, "PATCH", &api.profile_path(&format!("/{}", watched.ann)), &rows).await;
    watched.nothing_was_written_since(&before).await;
}

fn not_json() -> Vec<Row<'static>> {
    let text = |inner: &[u8]| [b"{\"DefaultLocale\":\"", inner, b"\"}"].concat();
    vec![
        ("empty", b"".to_vec(), 400, &["nothing was sent", "JSON"]),
        ("not JSON", b"hello".to_vec(), 400, &["can't be read as JSON", "expected value"]),
        ("half", b"{\"IsActive\":true".to_vec(), 400, &["can't be read as JSON", "EOF while parsing an object"]),
        ("trailing comma", b"{\"IsActive\":true,}".to_vec(), 400, &["can't be read as JSON", "trailing comma"]),
        ("two values", b"{}{}".to_vec(), 400, &["can't be read as JSON", "trailing characters"]),
        ("comment", b"{/* */}".to_vec(), 400, &["can't be read as JSON", "key must be a string"]),
        ("single quotes", b"{'IsActive':true}".to_vec(), 400, &["can't be read as JSON", "key must be a string"]),
        ("bare NaN", b"{\"IsActive\":NaN}".to_vec(), 400, &["IsActive: can't be read as JSON", "expected value"]),
        (
            "byte order mark in the middle",
            b"{\xEF\xBB\xBF\"IsActive\":true}".to_vec(),
            400,
            &["can't be read as JSON", "column 2"],
        ),
        ("invalid UTF-8", text(b"\xFF\xFE"), 400, &["DefaultLocale: can't be read as JSON", "invalid unicode"]),
        ("cut UTF-8", text(b"\xF0\x9F"), 400, &["DefaultLocale: can't be read as JSON", "invalid unicode"]),
        ("overlong UTF-8", text(b"\xC0\x80"), 400, &["DefaultLocale: can't be read as JSON", "invalid unicode"]),
        ("lone surrogate", text(br"\uD800"), 400, &["DefaultLocale: can't be read as JSON", "hex escape"]),
        ("bad escape", text(br"\x41"), 400, &["DefaultLocale: can't be read as JSON", "invalid escape"]),
        ("raw control character", text(b"a\x01"), 400, &["DefaultLocale: can't be read as JSON", "control character"]),
        ("NUL byte", text(b"a\x00"), 400, &["DefaultLocale: can't be read as JSON", "control character"]),
        ("NUL after the end", b"{}\x00".to_vec(), 400, &["can't be read as JSON", "trailing characters", "column 3"]),
        ("oversized", text(&vec![b'x'; 8 << 20]), 413, &["larger than 1048576 bytes"]),
    ]
}

fn of_the_wrong_type() -> Vec<Row<'static>> {
    let rows: Vec<(&str, String, &[&str])> = vec![
        ("null", "null".into(), &["null", "expected an object"]),
        ("list", "[{}]".into(), &["sequence", "expected an object"]),
        ("number", "5".into(), &["integer `5`", "expected an object"]),
        ("string", "\"{}\"".into(), &["string \"{}\"", "expected an object"]),
        ("deep lists", deep("[", "]"), &["sequence", "expected an object"]),
        ("deep objects", deep("{\"a\":", "}"), &["unknown field `a`", "`ProfileId`"]),
        (
            "deep in a member",
            format!("{{\"CustomFields\":{}}}", deep("[", "]")),
            &["CustomFields[0]", "expected an object"],
        ),
        (
            "deep in a word",
            format!(
                r#"{{"Emails":[{{"EmailAddress":"a@example.org","EmailPreferences":[{{"MatchType":{}}}]}}]}}"#,
                deep("[", "]")
            ),
            &["Emails[0].EmailPreferences[0].MatchType", "recursion limit"],
        ),
        ("unknown member", r#"{"Nickname":"A"}"#.into(), &["unknown field `Nickname`", "`CustomerName`"]),
        ("member in another case", r#"{"isactive":true}"#.into(), &["unknown field `isactive`", "`IsActive`"]),
        ("member twice", r#"{"IsActive":true,"IsActive":false}"#.into(), &["duplicate field `IsActive`"]),
        ("boolean as string", r#"{"IsActive":"true"}"#.into(), &["IsActive", "string \"true\"", "expected a boolean"]),
        ("boolean as number", r#"{"IsActive":1}"#.into(), &["IsActive", "`1`", "expected a boolean"]),
        ("name as string", r#"{"CustomerName":"Ann"}"#.into(), &["CustomerName", "\"Ann\"", "expected an object"]),
        ("list as object", r#"{"Emails":{}}"#.into(), &["Emails", "map", "expected a sequence"]),
        (
            "list as string",
            r#"{"Emails":"a@example.com"}"#.into(),
            &["Emails", "\"a@example.com\"", "expected a sequence"],
        ),
        (
            "list of strings",
            r#"{"Emails":["a@example.com"]}"#.into(),
            &["Emails[0]", "\"a@example.com\"", "expected an object"],
        ),
        ("list of null", r#"{"Emails":[null]}"#.into(), &["Emails[0]", "null", "expected an object"]),
        ("string as number", r#"{"DefaultLocale":5}"#.into(), &["DefaultLocale", "`5`", "expected a string"]),
        ("string as object", r#"{"DefaultLocale":{}}"#.into(), &["DefaultLocale", "map", "expected a string"]),
    ];
    rows.into_iter().map(|(what, body, words)| (what, body.into_bytes(), 400, words)).collect()
}

fn against_a_rule() -> Vec<Row<'static>> {
    let long = "x".repeat(LONG);
    let email = |inner: &str| format!(r#"{{"Emails":[{{"EmailAddressType":"Home","EmailAddress":{inner}}}]}}"#);
    let address =
        |more: &str| format!(r#"{{"Addresses":[{{"AddressType":"Home","Address1":"1","PostalCode":"1",{more}}}]}}"#);
    let said = |filter: &str, said: &str| format!(r#"{{"ProfilePreferences":[{{"FilterId":"{filter}",{said}}}]}}"#);
    let solicit = |inner: &str| said("NEWS-SOLICIT", inner);
    let custom = |name: &str, value: &str| format!(r#"{{"CustomFields":[{{"Name":"{name}","Value":"{value}"}}]}}"#);
    let dated = |date: &str| solicit(&format!(r#""PreferenceType":1,"CustomerDate":"{date}""#));
    let consent = |version: &str, status: u8| {
        format!(
            r#"{{"Consents":[{{"ConsentType":"Terms","ConsentVersion":"{version}","Locale":"en_US","ConsentStatus":{status}}}]}}"#
        )
    };
    let phone = |more: &str| format!(r#"{{"PhoneNumbers":[{{"PhoneType":"Home",{more}}}]}}"#);
    const CHOICE: &str = "ProfilePreferences[0].PreferenceType";
    let rows: Vec<(&str, String, u16, &[&str])> = vec![
        (
            "too long locale",
            r#"{"DefaultLocale":"1234567890123456"}"#.into(),
            400,
            &["DefaultLocale", "16 characters", "at most 15"],
        ),
        (
            "too long name",
            format!(r#"{{"CustomerName":{{"FirstName":"{long}"}}}}"#),
            400,
            &["CustomerName.FirstName", "300 characters", "at most 100"],
        ),
        ("email without @", email("\"nobody\""), 400, &["Emails[0].EmailAddress", "\"nobody\"", "one @"]),
        (
            "email with two @",
            email("\"a@b@example.com\""),
            400,
            &["Emails[0].EmailAddress", "\"a@b@example.com\"", "one @"],
        ),
        (
            "email with a blank",
            email("\"a b@example.com\""),
            400,
            &["Emails[0].EmailAddress", "\"a b@example.com\"", "no spaces"],
        ),
        ("empty email", email("\"\""), 400, &["Emails[0].EmailAddress", "is required", "blank"]),
        ("email null", email("null"), 400, &["Emails[0].EmailAddress", "is required"]),
        (
            "email too long",
            email(&format!("\"{long}@example.com\"")),
            400,
            &["Emails[0].EmailAddress", "312 characters", "at most 256"],
        ),
        (
            "email without type",
            r#"{"Emails":[{"EmailAddress":"a@example.com"}]}"#.into(),
            400,
            &["Emails[0].EmailAddressType", "is required"],
        ),
        (
            "unknown email type",
            r#"{"Emails":[{"EmailAddressType":"Nope","EmailAddress":"a@example.com"}]}"#.into(),
            404,
            &["Emails[0].EmailAddressType", "\"Nope\"", "not configured"],
        ),
        (
            "phone without digits",
            phone(r#""PhoneNumber":"call me""#),
            400,
            &["PhoneNumbers[0].PhoneNumber", "\"call me\"", "digit"],
        ),
        (
            "state of one letter",
            address(r#""City":"M","StateProvince":"G""#),
            400,
            &["Addresses[0].StateProvince", "\"G\"", "2 to 50"],
        ),
        ("address without city", address(r#""StateProvince":"GA""#), 400, &["Addresses[0].City", "is required"]),
        ("preference type 3", solicit(r#""PreferenceType":3"#), 400, &[CHOICE, "3 is not accepted", "OptOut"]),
        ("preference type -1", solicit(r#""PreferenceType":-1"#), 400, &[CHOICE, "`-1`", "OptOut"]),
        (
            "preference type huge",
            solicit(r#""PreferenceType":1e400"#),
            400,
            &[CHOICE, "can't be read as JSON", "number out of range"],
        ),
        ("preference type word", solicit(r#""PreferenceType":"Maybe""#), 400, &[CHOICE, "\"Maybe\"", "OptOut"]),
        (
            "unknown filter",
            said("NOPE", r#""PreferenceType":1"#),
            404,
            &["ProfilePreferences[0].FilterId", "\"NOPE\"", "not configured"],
        ),
        (
            "filter of another channel",
            said("NEWS-EMAIL", r#""PreferenceType":1"#),
            400,
            &["ProfilePreferences[0].FilterId", "NEWS-EMAIL", "belongs to EmailPreferences"],
        ),
        ("customer date", dated("soon"), 400, &["ProfilePreferences[0].CustomerDate", "\"soon\"", "YYYY-MM-DD"]),
        (
            "day that isn't there",
            dated("2026-02-30"),
            400,
            &["ProfilePreferences[0].CustomerDate", "2026-02-30", "no such day"],
        ),
        ("consent status 5", consent("v1", 5), 400, &["Consents[0].ConsentStatus", "5 is not accepted", "Granted"]),
        ("unknown consent version", consent("v9", 1), 404, &["Consents[0].ConsentVersion", "\"Terms\"", "\"v9\""]),
        (
            "text to what is no mobile",
            phone(r#""PhoneNumber":"1","PhoneNumberPreferences":[{"FilterId":"NEWS-TEXT","PreferenceType":1}]"#),
            400,
            &["PhoneNumbers[0].PhoneNumberPreferences[0].FilterId", "NEWS-TEXT", "IsMobile"],
        ),
        ("unknown custom field", custom("Nope", "1"), 404, &["CustomFields[0].Name", "\"Nope\"", "not configured"]),
        ("number in powers", custom("Age", "1e300"), 400, &["CustomFields[0].Value", "\"1e300\"", "digits"]),
        ("number too large", custom("Age", "200"), 400, &["CustomFields[0].Value", "\"200\"", "150"]),
        ("value of no list", custom("Colour", "mauve"), 404, &["CustomFields[0].Value", "\"mauve\"", "\"Colours\""]),
        ("blank tag", r#"{"ProfileTags":[{"Name":""}]}"#.into(), 400, &["ProfileTags[0].Name", "is required", "blank"]),
    ];
    rows.into_iter().map(|(what, body, status, words)| (what, body.into_bytes(), status, words)).collect()
}
