//! TLS at the server's own listener: the main job over it, a certificate that is exchanged while the server runs, and the last block.

use std::io::{Read as _, Write as _};

use rustix::process::Signal;
use serde_json::json;

use crate::harness::{
    tls::{ask, over_tls, trusting, write_pair},
    *,
};

/// The status line of the next answer, which has to be short.
fn answer(stream: &mut impl std::io::Read) -> String {
    let mut text = String::new();
    while !text.contains("\r\n\r\n") {
        let mut some = [0; 1];
        stream.read_exact(&mut some).unwrap();
        text.push(char::from(some[0]));
    }
    let length = text.to_lowercase().split("content-length: ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
    stream.read_exact(&mut vec![0; length]).unwrap();
    text.lines().next().unwrap().to_owned()
}

#[tokio::test]
async fn the_main_job_is_done_over_tls() {
    let (world, certificate) = over_tls(&[]).await;
    assert!(world.url.starts_with("https://"));
    let api = world.admin().await;
    let id = api.create(person("Ann", &[])).await;
    let token = api.export("Everyone", json!({})).await;
    let page = api.page(token, "").await.is(200);
    assert_eq!(ids(page.json()["UserProfilePreferences"].as_array().unwrap()), [id]);
    assert_eq!(page.header("strict-transport-security"), Some("max-age=31536000"));
    assert_eq!(api.status(token).await.is(200).json()["Status"], "Retrieved");
    let metadata = api.get("/.well-known/oauth-authorization-server").await.is(200).json();
    assert_eq!(metadata["issuer"], json!(world.url));

    let older = trusting(&certificate).max_tls_version(reqwest::tls::Version::TLS_1_2).build().unwrap();
    let answer = older.get(format!("{}/healthz", world.url)).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, reqwest::Version::HTTP_11));
    http().get(format!("{}/healthz", world.url)).send().await.unwrap_err();
    http().get(format!("{}/healthz", world.url.replacen("https", "http", 1))).send().await.unwrap_err();
}

#[tokio::test]
async fn a_hangup_exchanges_the_certificate_under_open_connections_and_never_for_a_bad_one() {
    let (world, first) = over_tls(&[]).await;
    let healthz = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut open = ask(&world.url, &first, healthz);
    assert!(answer(&mut open).contains(" 200 "));
    let url = format!("{}/healthz", world.url);
    let works = async |certificate| trusting(certificate).build().unwrap().get(&url).send().await.is_ok();

    let second = write_pair(&world);
    assert!(works(&first).await && !works(&second).await, "nobody asked yet");
    world.signal(Signal::HUP);
    eventually("it is read again", || world.log().contains("was read again")).await;
    assert!(works(&second).await && !works(&first).await);
    open.write_all(healthz.as_bytes()).unwrap();
    assert!(answer(&mut open).contains(" 200 "), "the connection goes on");

    let key = std::fs::read(world.path("key.pem")).unwrap();
    let third = write_pair(&world);
    std::fs::write(world.path("key.pem"), key).unwrap();
    world.signal(Signal::HUP);
    eventually("it is refused", || world.log().contains("stays in use")).await;
    assert!(works(&second).await && !works(&third).await);
    assert!(world.log().contains("can't be used together"), "{}", world.log());
}

#[tokio::test]
async fn a_last_block_that_broke_off_over_tls_ends_nothing() {
    let (world, certificate) = over_tls(&[]).await;
    let line = |n: usize| {
        let mut profile = person(&format!("p{n}"), &[]);
        profile["CustomFields"] = json!([{"Name": "Note", "Value": "€".repeat(4_000)}]);
        format!("{profile}\n")
    };
    std::fs::write(world.path("people.ndjson"), (0..1_000).map(line).collect::<String>()).unwrap();
    world.sayso(&["load", "people.ndjson", "--account", ACCOUNT]);
    let api = world.nightly().await;
    let token = api.export("Everyone", json!({})).await;

    let path = api.token_path(token, "?limit=1000");
    let head = format!("GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\r\n", api.token);
    let mut broken = ask(&world.url, &certificate, &head);
    let mut some = vec![0; 100_000];
    broken.read_exact(&mut some).unwrap();
    assert!(some.starts_with(b"HTTP/1.1 200 OK"));
    drop(broken);
    api.complete(token).await;

    let page = api.page(token, "limit=1000").await.is(200).json();
    assert_eq!((&page["Count"], &page["HasMore"]), (&json!(1000), &json!(false)));
    assert_eq!(api.status(token).await.is(200).json()["Status"], "Retrieved");
}
