//! Malformed requests: each is answered 4xx with a Message that names the problem, the server lives on, and nothing is written.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use serde_json::json;

use crate::harness::*;

#[tokio::test]
async fn a_head_that_cant_be_read_is_refused_in_the_form_of_every_error() {
    let world = World::start_with(&["--log", "debug"]).await;
    let many: String = (0..101).map(|n| format!("X-{n}: a\r\n")).collect();
    let healthz = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    for (sent, status) in [
        ("nonsense\r\n\r\n".to_owned(), "400"),
        ("GET / HTTP/1.1\r\nno colon\r\n\r\n".to_owned(), "400"),
        (format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(70_000)), "414"),
        (format!("GET / HTTP/1.1\r\n{many}\r\n"), "431"),
        (format!("{healthz}G\u{1}T / HTTP/1.1\r\n\r\n"), "400"),
    ] {
        let mut socket = TcpStream::connect(world.url.strip_prefix("http://").unwrap()).unwrap();
        socket.write_all(sent.as_bytes()).unwrap();
        let mut said = String::new();
        socket.read_to_string(&mut said).unwrap();
        let answer = &said[said.rfind("HTTP/1.1 4").unwrap()..];
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{said}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let body: serde_json::Value = serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {said}"));
        assert!(!body["Message"].as_str().unwrap().is_empty());
        let id =
            head.lines().find_map(|line| line.strip_prefix("x-correlation-id: ")).unwrap_or_else(|| panic!("{said}"));
        let log = world.log();
        let told = log.lines().find(|line| line.contains(id)).unwrap_or_else(|| panic!("{id} is in the log: {log}"));
        assert!(told.contains(status), "{told}");
        if status == "431" {
            let message = body["Message"].as_str().unwrap();
            assert!(message.contains("at most 100 header fields, 64 KiB as a whole"), "{message}");
        }
        assert_eq!(said.contains("200 OK"), sent.starts_with("GET /healthz"), "what came before is answered");
    }
}

/// Sends bytes as they are and reads the whole answer.
fn raw(api: &Api, head: &str, body: &[u8]) -> (u16, String) {
    let mut socket = TcpStream::connect(api.url.strip_prefix("http://").unwrap()).unwrap();
    let request = format!(
        "{head}\r\nHost: x\r\nAuthorization: Bearer {}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        api.token,
        body.len()
    );
    socket.write_all(request.as_bytes()).unwrap();
    socket.write_all(body).unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status =
        text.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or_else(|| panic!("no answer to {head}: {text:?}"));
    (status, text)
}

#[tokio::test]
async fn a_member_that_stands_twice_in_a_value_of_any_form_is_refused() {
    let world = World::start().await;
    let api = world.admin().await;
    let id = api.create(json!({})).await;
    let criteria = r#"{"Preference":"NEWS-EMAIL","Type":"OptOut","Type":"OptIn"}"#;
    let segment = format!(r#"{{"Name":"Dup","Criteria":{criteria}}}"#);
    let patch = r#"[{"op":"add","path":"/ProfilePreferences","value":[{"FilterId":"NEWS-SOLICIT","PreferenceType":2,"PreferenceType":1}]}]"#;
    let segments = format!("/Profiles/v4/{ACCOUNT}/Segments");
    for (method, path, body) in [
        ("PATCH", api.profile_path(&format!("/{id}")), patch.to_owned()),
        ("POST", segments.clone(), segment.clone()),
        ("PUT", format!("{segments}/Dup"), segment),
        ("PUT", format!("{segments}/Dup"), r#"{"Profiles":"All","Profiles":"Active"}"#.to_owned()),
        ("POST", format!("{segments}/Preview"), format!(r#"{{"Criteria":{criteria}}}"#)),
    ] {
        let call = api.call(method, &path).header("content-type", "application/json").body(body);
        read(call).await.refuses(400, &["duplicate field"]);
    }
    api.get(&format!("{segments}/Dup")).await.is(404);
}

#[tokio::test]
async fn malformed_bodies_are_refused_with_their_problem_and_nothing_is_written() {
    let world = World::start().await;
    let api = world.nightly().await;
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(10_000), close.repeat(10_000));
    let long = "x".repeat(300);
    let e = |inner: &str| format!(r#"{{"Emails":[{{"EmailAddressType":"Home","EmailAddress":{inner}}}]}}"#);
    let bodies: Vec<(&str, Vec<u8>, u16)> = vec![
        ("empty", b"".to_vec(), 400),
        ("not JSON", b"hello".to_vec(), 400),
        ("half", b"{\"IsActive\":true".to_vec(), 400),
        ("trailing comma", b"{\"IsActive\":true,}".to_vec(), 400),
        ("two values", b"{}{}".to_vec(), 400),
        ("comment", b"{/* */}".to_vec(), 400),
        ("single quotes", b"{'IsActive':true}".to_vec(), 400),
        ("null", b"null".to_vec(), 400),
        ("list", b"[{}]".to_vec(), 400),
        ("number", b"5".to_vec(), 400),
        ("string", b"\"{}\"".to_vec(), 400),
        ("bare NaN", b"{\"IsActive\":NaN}".to_vec(), 400),
        ("byte order mark in the middle", b"{\xEF\xBB\xBF\"IsActive\":true}".to_vec(), 400),
        ("invalid UTF-8", b"{\"DefaultLocale\":\"\xFF\xFE\"}".to_vec(), 400),
        ("cut UTF-8", b"{\"DefaultLocale\":\"\xF0\x9F\"}".to_vec(), 400),
        ("overlong UTF-8", b"{\"DefaultLocale\":\"\xC0\x80\"}".to_vec(), 400),
        ("lone surrogate", br#"{"DefaultLocale":"\uD800"}"#.to_vec(), 400),
        ("bad escape", br#"{"DefaultLocale":"\x41"}"#.to_vec(), 400),
        ("raw control character", b"{\"DefaultLocale\":\"a\x01\"}".to_vec(), 400),
        ("NUL byte", b"{\"DefaultLocale\":\"a\x00\"}".to_vec(), 400),
        ("NUL after the end", b"{}\x00".to_vec(), 400),
        ("deep lists", deep("[", "]").into_bytes(), 400),
        ("deep objects", deep("{\"a\":", "}").into_bytes(), 400),
        ("deep in a member", format!("{{\"CustomFields\":{}}}", deep("[", "]")).into_bytes(), 400),
        ("unknown member", br#"{"Nickname":"A"}"#.to_vec(), 400),
        ("member in another case", br#"{"isactive":true}"#.to_vec(), 400),
        ("member twice", br#"{"IsActive":true,"IsActive":false}"#.to_vec(), 400),
        ("boolean as string", br#"{"IsActive":"true"}"#.to_vec(), 400),
        ("boolean as number", br#"{"IsActive":1}"#.to_vec(), 400),
        ("name as string", br#"{"CustomerName":"Ann"}"#.to_vec(), 400),
        ("list as object", br#"{"Emails":{}}"#.to_vec(), 400),
        ("list as string", br#"{"Emails":"a@example.com"}"#.to_vec(), 400),
        ("list of strings", br#"{"Emails":["a@example.com"]}"#.to_vec(), 400),
        ("list of null", br#"{"Emails":[null]}"#.to_vec(), 400),
        ("string as number", br#"{"DefaultLocale":5}"#.to_vec(), 400),
        ("string as object", br#"{"DefaultLocale":{}}"#.to_vec(), 400),
        ("too long locale", br#"{"DefaultLocale":"1234567890123456"}"#.to_vec(), 400),
        ("too long name", format!(r#"{{"CustomerName":{{"FirstName":"{long}"}}}}"#).into_bytes(), 400),
        ("email without @", e("\"nobody\"").into_bytes(), 400),
        ("email with two @", e("\"a@b@example.com\"").into_bytes(), 400),
        ("email with a blank", e("\"a b@example.com\"").into_bytes(), 400),
        ("empty email", e("\"\"").into_bytes(), 400),
        ("email null", e("null").into_bytes(), 400),
        ("email too long", e(&format!("\"{long}@example.com\"")).into_bytes(), 400),
        ("email without type", br#"{"Emails":[{"EmailAddress":"a@example.com"}]}"#.to_vec(), 400),
        ("unknown email type", br#"{"Emails":[{"EmailAddressType":"Nope","EmailAddress":"a@example.com"}]}"#.to_vec(), 404),
        ("phone without digits", br#"{"PhoneNumbers":[{"PhoneType":"Home","PhoneNumber":"call me"}]}"#.to_vec(), 400),
        ("state of one letter", br#"{"Addresses":[{"AddressType":"Home","Address1":"1","City":"M","StateProvince":"G","PostalCode":"1"}]}"#.to_vec(), 400),
        ("address without city", br#"{"Addresses":[{"AddressType":"Home","Address1":"1","StateProvince":"GA","PostalCode":"1"}]}"#.to_vec(), 400),
        ("preference type 3", br#"{"ProfilePreferences":[{"FilterId":"NEWS-SOLICIT","PreferenceType":3}]}"#.to_vec(), 400),
        ("preference type -1", br#"{"ProfilePreferences":[{"FilterId":"NEWS-SOLICIT","PreferenceType":-1}]}"#.to_vec(), 400),
        ("preference type huge", br#"{"ProfilePreferences":[{"FilterId":"NEWS-SOLICIT","PreferenceType":1e400}]}"#.to_vec(), 400),
        ("preference type word", br#"{"ProfilePreferences":[{"FilterId":"NEWS-SOLICIT","PreferenceType":"Maybe"}]}"#.to_vec(), 400),
        ("unknown filter", br#"{"ProfilePreferences":[{"FilterId":"NOPE","PreferenceType":1}]}"#.to_vec(), 404),
        ("filter of another channel", br#"{"ProfilePreferences":[{"FilterId":"NEWS-EMAIL","PreferenceType":1}]}"#.to_vec(), 400),
        ("customer date", br#"{"ProfilePreferences":[{"FilterId":"NEWS-SOLICIT","PreferenceType":1,"CustomerDate":"soon"}]}"#.to_vec(), 400),
        ("day that isn't there", br#"{"ProfilePreferences":[{"FilterId":"NEWS-SOLICIT","PreferenceType":1,"CustomerDate":"2026-02-30"}]}"#.to_vec(), 400),
        ("consent status 5", br#"{"Consents":[{"ConsentType":"Terms","ConsentVersion":"v1","Locale":"en_US","ConsentStatus":5}]}"#.to_vec(), 400),
        ("unknown consent version", br#"{"Consents":[{"ConsentType":"Terms","ConsentVersion":"v9","Locale":"en_US","ConsentStatus":1}]}"#.to_vec(), 404),
        ("text to what is no mobile", br#"{"PhoneNumbers":[{"PhoneType":"Home","PhoneNumber":"1","PhoneNumberPreferences":[{"FilterId":"NEWS-TEXT","PreferenceType":1}]}]}"#.to_vec(), 400),
        ("oversized", format!("{{\"DefaultLocale\":\"{}\"}}", "x".repeat(8 << 20)).into_bytes(), 413),
    ];
    assert!(bodies.len() >= 60, "{}", bodies.len());
    for (what, body, status) in bodies {
        let answer = api.post_text(&api.profile_path(""), body).await;
        assert_eq!(answer.status, status, "{what}: {}", String::from_utf8_lossy(&answer.body));
        assert!(answer.message().len() > 10, "{what}: {}", answer.message());
    }
    assert_eq!(api.ids("Everybody", json!({})).await, [] as [u64; 0], "nothing was written");
    world.sayso(&["check"]);
}

#[tokio::test]
async fn malformed_requests_are_refused_and_the_server_lives_on() {
    let world = World::start().await;
    let api = world.nightly().await;
    let token = api.export("Everyone", json!({})).await;
    let page = api.token_path(token, "");
    let initiate = api.segment_path("Everyone");
    let json_type = "\r\nContent-Type: application/json";
    let lines = [
        (format!("GET {page}?limit=-1 HTTP/1.1"), 400),
        (format!("GET {page}?limit=99999999999999999999999999 HTTP/1.1"), 400),
        (format!("GET {page}?offset=%FF HTTP/1.1"), 400),
        (format!("GET {page}?limit=%zz HTTP/1.1"), 400),
        (format!("GET {page}?keepAlive=%00 HTTP/1.1"), 400),
        ("GET /Profiles/v4/ACME_CORP/Profile/%FF%FE HTTP/1.1".to_string(), 400),
        ("GET /Profiles/v4/ACME_CORP/Profile/abc HTTP/1.1".to_string(), 404),
        ("GET /Profiles/v4/ACME_CORP/Profile/-1 HTTP/1.1".to_string(), 404),
        ("GET /Profiles/v4/ACME_CORP/Profile/99999999999999999999 HTTP/1.1".to_string(), 404),
        (format!("PATCH {page} HTTP/1.1"), 405),
        (format!("PUT {initiate} HTTP/1.1"), 405),
        (format!("BREW {page} HTTP/1.1"), 405),
        ("GET /Profiles/v4/../../etc/passwd HTTP/1.1".to_string(), 404),
        ("GET nonsense HTTP/1.1".to_string(), 404),
        ("GET / HTTP/9.9".to_string(), 400),
        ("not http at all".to_string(), 400),
    ];
    for (line, status) in lines {
        let (got, text) = raw(&api, &line, b"");
        assert_eq!(got, status, "{line}: {text}");
    }
    let (got, text) = raw(&api, &format!("POST {} HTTP/1.1\r\nContent-Type: text/csv", api.profile_path("")), b"a,b");
    assert_eq!(got, 415, "{text}");
    let (got, text) = raw(&api, &format!("POST {initiate} HTTP/1.1{json_type}\r\nIdempotency-Key: "), b"{}");
    assert_eq!(got, 400, "{text}");
    let refused = read(api.call("GET", &page).header("Accept", "text/csv")).await;
    assert_eq!(refused.status, 406);
    assert_eq!(api.status(token).await.is(200).json()["Status"], "Complete", "none of these ended the export");
}

#[tokio::test]
async fn a_request_that_never_ends_and_one_that_is_cut_off_harm_nobody() {
    let world = World::start().await;
    let api = world.nightly().await;
    let address = api.url.strip_prefix("http://").unwrap();
    let mut open = Vec::new();
    for i in 0..50 {
        let mut socket = TcpStream::connect(address).unwrap();
        write!(socket, "POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n", api.profile_path("")).unwrap();
        if i % 2 == 0 {
            open.push(socket);
        }
    }
    api.create(person("Ann", &[])).await;
}
