//! The signed header (access.md, Signed header): who can't do OAuth signs account, user and moment with the user's shared key.

mod keys;

use std::process::Command;

use sayso_client::{Algorithm, Client, InitiateRequest, Source};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::{
    configuration::{make, path},
    harness::*,
};

const KEY: &str = "0123456789abcdefghijklmnopqrstuvwxyz";

/// HMAC-SHA-256 as RFC 2104 defines it, in base64; the vectors hold it against OpenSSL's.
fn hmac(key: &str, text: &str) -> String {
    use base64::{Engine, prelude::BASE64_STANDARD};
    assert!(key.len() <= 64, "longer ones are hashed first");
    let with = |pad: u8| (0..64).map(|i| key.as_bytes().get(i).unwrap_or(&0) ^ pad).collect::<Vec<u8>>();
    let inner = Sha256::digest([&with(0x36), text.as_bytes()].concat());
    BASE64_STANDARD.encode(Sha256::digest([&with(0x5c)[..], &inner].concat()))
}

pub fn header(key: &str, account: &str, user: &str, issued: &str) -> String {
    let signature = hmac(key, &format!("{account}:{user}:{issued}"));
    format!("PNAUTHINFO3-HMAC-SHA256 Credential={user}/{issued} Signature={signature}")
}

/// Gives a user this very key.
fn bring(world: &World, account: &str, user: &str, key: &str) {
    use std::{io::Write, process::Stdio};
    let mut command = Command::new(SAYSO);
    command.args(["credentials", "key", user, "--account", account, "--rotate", "--stdin", "--data"]).arg(world.data());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{key}").unwrap();
    assert!(child.wait().unwrap().success());
}

/// A call with this header, of something that every user of the tests may read.
async fn with(world: &World, account: &str, authorization: &str) -> Answer {
    let address = format!("{}/Profiles/v4/{account}/Profile/Email?emailAddress=ann@example.com", world.url);
    let value = reqwest::header::HeaderValue::from_bytes(authorization.as_bytes()).unwrap();
    read(http().get(address).header("authorization", value)).await
}

async fn ready() -> World {
    let world = World::start_with(&["--login-failures", "0"]).await;
    world.admin().await.create(person("Ann", &[])).await;
    bring(&world, ACCOUNT, "Nightly", KEY);
    world
}

/// All that a caller could tell two answers apart by.
fn told(answer: &Answer) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let headers = answer.headers.iter().filter(|(name, _)| !["date", "x-correlation-id"].contains(&name.as_str()));
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    (answer.status, headers, answer.body.clone())
}

#[tokio::test]
async fn headers_that_openssl_signed_are_taken_in_all_three_hashes() {
    let vectors = include_str!("signed/vectors.txt");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/product/signed/vectors.sh");
    if Command::new("openssl").arg("version").output().is_ok_and(|out| out.status.success()) {
        let made = Command::new("sh").arg(script).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        assert_eq!(String::from_utf8(made.stdout).unwrap(), vectors);
    }
    let world = ready().await;
    let admin = world.admin().await;
    make(&admin, "/Users", json!({"UserId": "Jürgen.Groß", "UserGroups": ["Readers"]})).await;
    let mut seen = 0;
    for line in vectors.lines() {
        let [account, user, key, header] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        bring(&world, ACCOUNT, user, key);
        with(&world, account, header).await.is(200);
        if *key == KEY[..32] && header.contains("SHA256") && header.contains("000Z") {
            assert_eq!(header, self::header(key, account, user, "2026-06-15T12:00:00.000Z"));
        }
        seen += 1;
    }
    assert_eq!(seen, 18);
}

#[tokio::test]
async fn no_character_of_a_header_can_be_another() {
    let world = ready().await;
    let good = header(KEY, ACCOUNT, "Nightly", "2026-06-15T12:00:00.000Z");
    with(&world, ACCOUNT, &good).await.is(200);
    let scheme = "PNAUTHINFO3-HMAC-SHA256".len();
    with(&world, ACCOUNT, &format!("pnAuthInfo3-hmac-sha256{}", &good[scheme..])).await.is(200);
    for at in 0..good.len() {
        let here = good.as_bytes()[at];
        // Its neighbours, and what it would be in the other letter case.
        let mut others = vec![here + 1, here - 1];
        if at >= scheme && here.is_ascii_alphabetic() {
            others.push(here ^ 0x20);
        }
        let mut changed: Vec<String> = others
            .into_iter()
            .filter(u8::is_ascii_graphic)
            .map(|other| format!("{}{}{}", &good[..at], char::from(other), &good[at + 1..]))
            .collect();
        changed.push(format!("{}{}", &good[..at], &good[at + 1..]));
        changed.push(format!("{}{}{}", &good[..at], char::from(here), &good[at..]));
        for changed in changed {
            let answer = with(&world, ACCOUNT, &changed).await;
            assert_eq!(answer.status, 401, "{changed}: {}", String::from_utf8_lossy(&answer.body));
        }
    }
}

#[tokio::test]
async fn a_header_is_good_for_fifteen_minutes_to_the_second_unless_the_account_says_otherwise() {
    let world = ready().await;
    let issued = "2026-06-15T12:00:00Z";
    let zoned = header(KEY, ACCOUNT, "Nightly", issued);
    let at = async |seconds: i64, header: &str| {
        world.set_clock(millis(START) + seconds * 1_000);
        with(&world, ACCOUNT, header).await
    };
    for (minutes, configured) in [(15, None), (1, Some(1)), (60, Some(60))] {
        match configured {
            Some(1) => world.apply("DefaultLocale", "SignedHeaderMinutes = 1\nDefaultLocale"),
            Some(_) => world.apply("SignedHeaderMinutes = 1\n", "SignedHeaderMinutes = 60\n"),
            None => {}
        }
        for good in [-30, 0, minutes * 60] {
            at(good, &zoned).await.is(200);
        }
        for late in [minutes * 60 + 1, minutes * 60 + 60] {
            at(late, &zoned).await.refuses(401, &["issued too long ago"]);
        }
        for early in [-31, -3_600] {
            at(early, &zoned).await.refuses(401, &["in the future"]);
        }
    }
    world.apply("SignedHeaderMinutes = 60\n", "");
    // Without a zone: at noon in UTC, and at noon in New York, four hours later in summer.
    let zoneless = header(KEY, ACCOUNT, "Nightly", "2026-06-15T12:00:00");
    let eastern = 4 * 3_600;
    for good in [-30, 0, 900, eastern - 30, eastern, eastern + 900] {
        at(good, &zoneless).await.is(200);
    }
    for (bad, words) in [
        (-31, "in the future"),
        (901, "too long ago"),
        (eastern - 31, "in the future"),
        (eastern + 901, "too long ago"),
    ] {
        at(bad, &zoneless).await.refuses(401, &[words]);
    }
    let out = world.run(&["account", "show", ACCOUNT]);
    assert!(!String::from_utf8(out.stdout).unwrap().contains("SignedHeaderMinutes"));
    let text = std::fs::read_to_string(world.path("account.toml")).unwrap();
    std::fs::write(world.path("account.toml"), format!("SignedHeaderMinutes = 61\n{text}")).unwrap();
    let out = world.run(&["account", "apply", ACCOUNT, "--from", "account.toml"]);
    assert!(String::from_utf8_lossy(&out.stderr).contains("SignedHeaderMinutes: is 61; 1 to 60"));
}

#[tokio::test]
async fn two_users_with_the_same_key_cannot_pass_for_each_other() {
    let world = ready().await;
    bring(&world, ACCOUNT, "Other", KEY);
    let issued = "2026-06-15T12:00:00Z";
    let mine = header(KEY, ACCOUNT, "Nightly", issued);
    with(&world, ACCOUNT, &mine).await.is(200);
    with(&world, ACCOUNT, &header(KEY, ACCOUNT, "Other", issued)).await.is(200);
    for other in ["Other", "Reader", "nightly", "Nightly:"] {
        let changed = mine.replacen("Nightly", other, 1);
        with(&world, ACCOUNT, &changed).await.refuses(401, &["unable to authenticate"]);
    }
    // What each does is their own: an export of the one is nowhere for the other.
    let api = |user: &str| SignedApi { world: &world, user: user.to_owned() };
    let token = api("Nightly").call("POST", "/Export/Segment/Everyone").await.is(200).json()["AccessToken"].to_string();
    api("Nightly").call("GET", &format!("/Export/{token}/Status")).await.is(200);
    api("Other").call("GET", &format!("/Export/{token}/Status")).await.refuses(404, &["access token"]);
    // Signed or with a token, it is the same user.
    world.nightly().await.complete(token.parse().unwrap()).await;
    let page = api("Nightly").call("GET", &format!("/Export/{token}?limit=10")).await.is(200).json();
    assert_eq!(page["UserProfilePreferences"].as_array().map(Vec::len), Some(1));
}

struct SignedApi<'w> {
    world: &'w World,
    user: String,
}

impl SignedApi<'_> {
    async fn call(&self, method: &str, rest: &str) -> Answer {
        let address = format!("{}/Profiles/v4/Async/{ACCOUNT}{rest}", self.world.url);
        let authorization = header(KEY, ACCOUNT, &self.user, &iso(self.world.now()));
        let call = http().request(method.parse().unwrap(), address).header("authorization", authorization);
        read(if method == "POST" { call.json(&json!({})) } else { call }).await
    }
}

#[tokio::test]
async fn the_user_is_one_of_the_account_in_the_path_and_others_are_as_those_that_are_nowhere() {
    let world = ready().await;
    world.create_account("OTHER");
    let others = "anotherkeyofanotheraccount'susers.";
    bring(&world, "OTHER", "Nightly", others);
    let issued = "2026-06-15T12:00:00Z";
    let theirs = with(&world, "OTHER", &header(others, "OTHER", "Nightly", issued)).await;
    assert_ne!(theirs.status, 401);
    let mine = header(KEY, ACCOUNT, "Nightly", issued);
    let foreign = with(&world, "OTHER", &mine).await.refuses(401, &["unable to authenticate"]);
    for (account, header) in [
        ("NOBODY", mine.clone()),
        ("NOBODY", header(KEY, "NOBODY", "Nightly", issued)),
        ("OTHER", header(KEY, "OTHER", "Nightly", issued)),
        ("OTHER", header(others, ACCOUNT, "Nightly", issued)),
        (ACCOUNT, header(others, ACCOUNT, "Nightly", issued)),
        (ACCOUNT, header(KEY, ACCOUNT, "Nobody", issued)),
        (ACCOUNT, header(KEY, ACCOUNT, "Reader", issued)),
        (ACCOUNT, mine.replace("PNAUTHINFO3-HMAC-SHA256", "PNAUTHINFO3-HMAC-SHA512")),
    ] {
        let answer = with(&world, account, &header).await;
        assert_eq!(told(&answer), told(&foreign), "{account} {header}");
    }
    // An account's own window shows in no answer to somebody who didn't sign well.
    world.apply("DefaultLocale", "SignedHeaderMinutes = 1\nDefaultLocale");
    world.advance(5 * 60_000);
    let wrong = |account: &str| header(others, account, "Nobody", issued);
    let answers = [with(&world, ACCOUNT, &wrong(ACCOUNT)).await, with(&world, "NOBODY", &wrong("NOBODY")).await];
    assert_eq!(told(&answers[0]), told(&answers[1]));
    with(&world, ACCOUNT, &mine).await.refuses(401, &["too long ago"]);
}

#[tokio::test]
async fn each_thing_that_is_wrong_has_its_text_and_both_ways_to_sign_in_stand_beside_it() {
    let world = ready().await;
    let good = header(KEY, ACCOUNT, "Nightly", "2026-06-15T12:00:00Z");
    let dated = |date: &str| header(KEY, ACCOUNT, "Nightly", date);
    let table = [
        ("Digest abc".to_owned(), "unknown authorization scheme"),
        (good.replace("PNAUTHINFO3-HMAC-SHA256", "PNAUTHINFO3"), "unknown authorization scheme"),
        (good.replace("HMAC-SHA256", "SHA256"), "use PNAUTHINFO3-HMAC-SHA256"),
        (dated("2026-06-15"), "not ISO 8601"),
        (dated("Mon, 15 Jun 2026 12:00:00 GMT"), "not ISO 8601"),
        (dated("1781524800"), "not ISO 8601"),
        (dated("2026-06-15T12:00:31Z"), "in the future"),
        (dated("2026-06-15T11:44:59Z"), "issued too long ago"),
        (dated("2025-06-15T12:00:00Z"), "issued too long ago"),
        (String::new(), "header is missing"),
        (good.replace("Signature=", "Signature=A"), "unable to authenticate"),
        (good[..60].to_owned(), "unable to authenticate"),
    ];
    for (header, words) in table {
        let answer = with(&world, ACCOUNT, &header).await.refuses(401, &[words]);
        let challenges: Vec<&str> =
            answer.headers.get_all("www-authenticate").iter().map(|v| v.to_str().unwrap()).collect();
        assert_eq!(challenges, ["Bearer realm=\"sayso\"", "PNAUTHINFO3 realm=\"sayso\""], "{header}");
        assert!(!answer.message().contains(KEY));
    }
    let bad = read(http().get(format!("{}{}", world.url, path("/Users"))).bearer_auth("x")).await.is(401);
    assert_eq!(bad.headers.get_all("www-authenticate").iter().count(), 2);
}

#[tokio::test]
async fn the_client_library_signs_as_the_server_reads() {
    let world = ready().await;
    world.set_clock(jiff::Timestamp::now().as_millisecond());
    for algorithm in [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512] {
        let client = Client::builder(&world.url).shared_key("Nightly", KEY, algorithm);
        let client = client.account(ACCOUNT).build().unwrap();
        let token = client.initiate(&Source::segment("Everyone"), &InitiateRequest::default()).await.unwrap();
        assert_eq!(client.wait(token).await.unwrap().row_count, Some(1));
    }
}

#[tokio::test]
async fn who_signs_wrongly_too_often_waits_and_other_users_do_not() {
    let world = World::start().await;
    bring(&world, ACCOUNT, "Nightly", KEY);
    bring(&world, ACCOUNT, "Other", KEY);
    let issued = "2026-06-15T12:00:00Z";
    let sign = |key: &str, user: &str| header(key, ACCOUNT, user, issued);
    for _ in 0..20 {
        // an old date guesses nothing
        let old = header(KEY, ACCOUNT, "Nightly", "2026-06-15T10:00:00Z");
        with(&world, ACCOUNT, &old).await.refuses(401, &["too long ago"]);
    }
    for _ in 0..10 {
        with(&world, ACCOUNT, &sign(&"x".repeat(64), "Nightly")).await.refuses(401, &["unable to authenticate"]);
    }
    let waits = with(&world, ACCOUNT, &sign(KEY, "Nightly")).await.refuses(429, &["30 s"]);
    assert_eq!(waits.header("retry-after"), Some("30"));
    with(&world, ACCOUNT, &sign(KEY, "Other")).await.is(200);
    world.advance(30_000);
    with(&world, ACCOUNT, &sign(KEY, "Nightly")).await.is(200);
}
