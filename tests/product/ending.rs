//! The server is told to end: who has an answer under way gets it whole, and nobody else holds it up.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::json;

use crate::harness::*;

fn connect(world: &World, sent: &str) -> TcpStream {
    let mut stream = TcpStream::connect(world.url.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(sent.as_bytes()).unwrap();
    stream
}

/// What is read until the server closes.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes); // a reset is an end, too
    bytes
}

#[tokio::test]
async fn a_hangup_ends_nobody() {
    let world = World::start().await;
    world.signal(Signal::HUP);
    eventually("it says so", || world.log().contains("nothing to read again")).await;
    let mut stream = connect(&world, "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(rest(&mut stream).starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn half_a_request_and_idle_connections_do_not_hold_up_the_end() {
    let mut world = World::start().await;
    let healthz = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut silent = connect(&world, "");
    let mut half = connect(&world, "GET /healthz HTTP/1.1\r\nHost: a\r\nX-Half");
    let mut idle = connect(&world, healthz);
    let mut second_half = connect(&world, &format!("{healthz}GET /heal"));
    for answered in [&mut idle, &mut second_half] {
        answered.read_exact(&mut [0; 12]).unwrap();
    }
    let began = Instant::now();
    world.signal(Signal::TERM);
    assert!(world.ended().success());
    assert!(began.elapsed() < Duration::from_secs(10), "it took {:?}", began.elapsed());
    for stream in [&mut silent, &mut half] {
        assert_eq!(rest(stream), b"");
    }
    rest(&mut idle);
    rest(&mut second_half);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_under_way_is_finished() {
    let mut world = World::start().await;
    let line = |n: usize| {
        let mut profile = person(&format!("p{n}"), &[]);
        profile["CustomFields"] = json!([{"Name": "Note", "Value": "€".repeat(4_000)}]);
        format!("{profile}\n")
    };
    std::fs::write(world.path("people.ndjson"), (0..1_000).map(line).collect::<String>()).unwrap();
    world.sayso(&["load", "people.ndjson", "--account", ACCOUNT]);
    let api = world.nightly().await;
    let token = api.export("Everyone", json!({})).await;
    let whole = api.page(token, "limit=1000&keepAlive=true").await.is(200).body;

    let path = api.token_path(token, "?limit=1000");
    let head = format!("GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\r\n", api.token);
    let mut reader = connect(&world, &head);
    let mut taken = vec![0; 1000];
    reader.read_exact(&mut taken).unwrap();
    world.signal(Signal::TERM);
    let url = world.url.clone();
    eventually("nobody is let in any more", || TcpStream::connect(url.strip_prefix("http://").unwrap()).is_err()).await;
    taken.extend(rest(&mut reader));
    assert!(taken.ends_with(&whole), "the page came whole: {} of {}", taken.len(), whole.len());
    assert!(world.ended().success());

    let world = world.serve(&[]).await;
    let api = Api { url: world.url.clone(), ..api };
    assert_eq!(api.status(token).await.is(200).json()["Status"], "Retrieved");
}
