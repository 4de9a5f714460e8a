//! Malformed requests: each is answered 4xx with a Message that names the problem, the server lives on, and nothing is written.

mod exports;
mod imports;
mod profiles;
mod segments;
mod tokens;
mod written;

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use serde_json::json;

use crate::harness::*;
use written::{Watched, names_its_problem};

#[tokio::test]
async fn a_head_that_cant_be_read_is_refused_in_the_form_of_every_error() {
    let world = World::start_with(&["--log", "debug"]).await;
    let many: String = (0..101).map(|n| format!("X-{n}: a\r\n")).collect();
    let healthz = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    for (sent, status, word) in [
        ("nonsense\r\n\r\n".to_owned(), 400, "no HTTP/1.1"),
        ("GET / HTTP/1.1\r\nno colon\r\n\r\n".to_owned(), 400, "no HTTP/1.1"),
        (format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(70_000)), 414, "longer than 65534 bytes"),
        (format!("GET / HTTP/1.1\r\n{many}\r\n"), 431, "at most 100 header fields, 64 KiB as a whole"),
        (format!("{healthz}G\u{1}T / HTTP/1.1\r\n\r\n"), 400, "no HTTP/1.1"),
    ] {
        let mut socket = TcpStream::connect(world.url.strip_prefix("http://").unwrap()).unwrap();
        socket.write_all(sent.as_bytes()).unwrap();
        let mut said = String::new();
        socket.read_to_string(&mut said).unwrap();
        let answer = &said[said.rfind("HTTP/1.1 4").unwrap()..];
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{said}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        names_its_problem(&sent[..sent.len().min(40)], status, body.as_bytes(), status, &[word]);
        let id =
            head.lines().find_map(|line| line.strip_prefix("x-correlation-id: ")).unwrap_or_else(|| panic!("{said}"));
        let log = world.log();
        let told = log.lines().find(|line| line.contains(id)).unwrap_or_else(|| panic!("{id} is in the log: {log}"));
        assert!(told.contains(&status.to_string()), "{told}");
        assert_eq!(said.contains("200 OK"), sent.starts_with("GET /healthz"), "what came before is answered");
    }
}

/// Sends bytes as they are and reads the whole answer: its status, its head and its body.
fn raw(api: &Api, head: &str, body: &[u8]) -> (u16, String, String) {
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
    let (told, said) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer to {head}: {text:?}"));
    (told.split(' ').nth(1).unwrap().parse().unwrap(), told.to_owned(), said.to_owned())
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
async fn malformed_requests_are_refused_with_their_problem_and_the_server_lives_on() {
    let watched = Watched::start().await;
    let api = watched.world.nightly().await;
    let token = api.export("Everyone", json!({})).await;
    let before = watched.written().await;
    let page = api.token_path(token, "");
    let initiate = api.segment_path("Everyone");
    const WHOLE: &str = "an integer from 1 to 9223372036854775807";
    const ESCAPE: &str = "a % must begin an escape";
    // What is no HTTP never gets to a route: the connection answers it in the place of hyper, which would send no body.
    const HEAD: &str = "the request's head is no HTTP/1.1";
    let lines: [(&str, u16, &[&str]); 28] = [
        (&format!("GET {page}?limit=-1 HTTP/1.1"), 400, &["limit is \"-1\"", WHOLE]),
        (&format!("GET {page}?limit=0 HTTP/1.1"), 400, &["limit is \"0\"", WHOLE]),
        (&format!("GET {page}?limit= HTTP/1.1"), 400, &["limit is \"\"", WHOLE]),
        (&format!("GET {page}?limit=1.5 HTTP/1.1"), 400, &["limit is \"1.5\"", WHOLE]),
        (&format!("GET {page}?offset=0 HTTP/1.1"), 400, &["offset is \"0\"", WHOLE]),
        (&format!("GET {page}?offset=-1 HTTP/1.1"), 400, &["offset is \"-1\"", WHOLE]),
        (
            &format!("GET {page}?offset=9223372036854775808 HTTP/1.1"),
            400,
            &["offset is \"9223372036854775808\"", WHOLE],
        ),
        (&format!("GET {page}?limit=99999999999999999999999999 HTTP/1.1"), 400, &["limit is \"9999999999", WHOLE]),
        (&format!("GET {page}?offset=%FF HTTP/1.1"), 400, &[ESCAPE, "must be UTF-8"]),
        (&format!("GET {page}?limit=%zz HTTP/1.1"), 400, &[ESCAPE]),
        (&format!("GET {page}?keepAlive=%00 HTTP/1.1"), 400, &["keepAlive is \"\\0\"", "true or false"]),
        (&format!("GET {page}?keepAlive=maybe HTTP/1.1"), 400, &["keepAlive is \"maybe\"", "true or false"]),
        ("GET /Profiles/v4/ACME_CORP/Profile/%FF%FE HTTP/1.1", 400, &[ESCAPE, "must be UTF-8"]),
        ("GET /Profiles/v4/ACME_CORP/Profile/abc HTTP/1.1", 404, &["no profile \"abc\""]),
        ("GET /Profiles/v4/ACME_CORP/Profile/-1 HTTP/1.1", 404, &["no profile \"-1\""]),
        (
            "GET /Profiles/v4/ACME_CORP/Profile/99999999999999999999 HTTP/1.1",
            404,
            &["no profile \"99999999999999999999\""],
        ),
        ("GET /Profiles/v4/NOBODY/Profile/1 HTTP/1.1", 404, &["no such account"]),
        ("GET /Profiles/v4/Async/ACME_CORP/Export/abc HTTP/1.1", 404, &["no such export", "access token"]),
        (&format!("PATCH {page} HTTP/1.1"), 405, &["the method PATCH", "Allow"]),
        (&format!("PUT {initiate} HTTP/1.1"), 405, &["the method PUT", "Allow"]),
        (&format!("BREW {page} HTTP/1.1"), 405, &["the method BREW", "Allow"]),
        ("GET /oauth/token HTTP/1.1", 405, &["the method GET", "Allow"]),
        ("GET /Profiles/v4/../../etc/passwd HTTP/1.1", 404, &["nothing at this address"]),
        ("GET nonsense HTTP/1.1", 404, &["nothing at this address"]),
        ("GET / HTTP/9.9", 400, &[HEAD]),
        ("not http at all", 400, &[HEAD]),
        ("GET  / HTTP/1.1", 400, &[HEAD]),
        ("GET /\u{1} HTTP/1.1", 400, &[HEAD]),
    ];
    for (line, status, words) in lines {
        let answered = raw(&api, line, b"");
        names_its_problem(line, answered.0, answered.2.as_bytes(), status, words);
        assert_eq!(answered.1.to_lowercase().contains("\r\nallow: "), status == 405, "{line}: {}", answered.1);
    }
    let fields: [(&str, &[u8], u16, &[&str]); 6] = [
        ("Content-Type: text/csv", b"a,b", 415, &["content type", "application/json"]),
        ("Content-Encoding: gzip", b"{}", 415, &["\"gzip\"", "uncompressed"]),
        ("Idempotency-Key: ", b"{}", 400, &["Idempotency-Key", "1 to 255 visible ASCII"]),
        ("Accept: text/csv", b"{}", 406, &["application/json only"]),
        ("Content-Length: 7", b"{}", 400, &[HEAD]),
        ("Transfer-Encoding: chunked", b"{}", 400, &["body broke off"]),
    ];
    for (field, body, status, words) in fields {
        let (got, _, said) = raw(&api, &format!("POST {initiate} HTTP/1.1\r\n{field}"), body);
        names_its_problem(field, got, said.as_bytes(), status, words);
    }
    assert_eq!(api.status(token).await.is(200).json()["Status"], "Complete", "none of these ended the export");
    watched.nothing_was_written_since(&before).await;
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
