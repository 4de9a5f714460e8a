//! Callbacks (export.md, Callbacks): what a receiver gets, when it gets it again, and who is never called.

use serde_json::{Value, json};

use crate::harness::{receiver::Receiver, *};

const HTTP: &[&str] = &["--allow-http-callbacks"];
/// Longer than any wait between two attempts, the part that is left to chance included.
const LONG: i64 = 66 * 60_000 + 1_000;
const DAY: i64 = 86_400_000;

/// Starts an export of everybody that calls this address, and waits for its end.
async fn export_calling(api: &Api, url: &str) -> u64 {
    let token = api.initiate("Everyone", json!({"CallbackURL": url})).await;
    api.settled(token).await;
    token
}

/// How many attempts became this.
async fn became(world: &World, what: &str) -> u64 {
    let metrics = read(http().get(format!("{}/metrics", world.url))).await.is(200);
    let line = format!("sayso_callbacks_total{{became=\"{what}\"}} ");
    let text = String::from_utf8(metrics.body).unwrap();
    text.lines().find_map(|l| l.strip_prefix(&line)).map_or(0, |n| n.parse().unwrap())
}

async fn has_become(world: &World, what: &str, times: u64) {
    let mut tick = tokio::time::interval(std::time::Duration::from_millis(20));
    for _ in 0..1_500 {
        if became(world, what).await >= times {
            return;
        }
        tick.tick().await;
    }
    panic!("never {what} {times} times");
}

fn secret(world: &World, flags: &[&str]) -> String {
    let clock = world.path("clock");
    let command = ["account", "webhook-secret", ACCOUNT, "--clock-file", clock.to_str().unwrap()];
    world.sayso(&[&command, flags].concat()).trim().to_owned()
}

#[tokio::test]
async fn the_status_is_posted_once_and_signed_with_the_accounts_secret() {
    let world = World::start_with(&[HTTP, &["--log", "trace"]].concat()).await;
    let (api, receiver) = (world.nightly().await, Receiver::answering("204 No Content").await);
    api.create(person("Ann", &["a"])).await;
    let token = export_calling(&api, &receiver.url()).await;
    let heard = receiver.has_heard(1).await;
    assert!(heard.head.starts_with("POST /hush-path?key=hush-key HTTP/1.1\r\n"), "{}", heard.head);
    assert_eq!(heard.body.as_bytes(), api.status(token).await.is(200).body, "the Status object, byte for byte");
    assert_eq!(heard.header("content-type"), "application/json");
    assert_eq!(heard.header("webhook-timestamp"), (world.now() / 1_000).to_string());
    assert!(heard.header("webhook-id").starts_with("msg_"));

    let first = secret(&world, &[]);
    assert_eq!((secret(&world, &[]), heard.signed_by(&first)), (first.clone(), 1), "the same when asked again");
    let second = secret(&world, &["--rotate"]);
    export_calling(&api, &receiver.url()).await;
    let both = receiver.has_heard(2).await;
    assert_ne!(both.header("webhook-id"), heard.header("webhook-id"));
    assert_eq!((both.signed_by(&first), both.signed_by(&second)), (1, 1), "receivers change over when they like");
    world.advance(DAY);
    let api = world.nightly().await;
    export_calling(&api, &receiver.url()).await;
    let later = receiver.has_heard(3).await;
    assert_eq!((later.signed_by(&first), later.signed_by(&second)), (0, 1), "within a day");

    has_become(&world, "delivered", 3).await;
    let log = world.log();
    assert!(log.contains(&receiver.address.to_string()));
    for secret in ["hush", &first, &second] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
    world.check();
}

#[tokio::test]
async fn a_receiver_that_was_down_gets_it_after_restart_of_both_under_the_same_id() {
    let world = World::start_with(HTTP).await;
    let (api, receiver) = (world.nightly().await, Receiver::answering("503 Service Unavailable").await);
    let (address, url) = (receiver.address, receiver.url());
    export_calling(&api, &url).await;
    let first = receiver.has_heard(1).await;
    has_become(&world, "failed", 1).await;
    drop(receiver);
    world.advance(6_000);
    has_become(&world, "failed", 2).await;

    let world = world.kill();
    world.check();
    world.advance(3 * 3_600_000);
    let world = world.serve(HTTP).await;
    has_become(&world, "failed", 1).await;
    let receiver = Receiver::at(address, "200 OK").await;
    world.advance(LONG);
    let again = receiver.has_heard(1).await;
    assert_eq!((again.header("webhook-id"), &again.body), (first.header("webhook-id"), &first.body));
    let at = |heard: &receiver::Heard| heard.header("webhook-timestamp").parse::<i64>().unwrap();
    assert!(at(&again) > at(&first), "a receiver refuses old timestamps: each attempt has its own");
    assert_eq!(again.signed_by(&secret(&world, &[])), 1);
    has_become(&world, "delivered", 1).await;
    // What was delivered isn't delivered again.
    let world = world.kill().serve(HTTP).await;
    world.advance(DAY);
    export_calling(&world.nightly().await, &url).await;
    receiver.has_heard(2).await;
}

#[tokio::test]
async fn a_receiver_that_says_gone_is_not_called_again() {
    let world = World::start_with(HTTP).await;
    let (api, receiver) = (world.nightly().await, Receiver::answering("410 Gone").await);
    export_calling(&api, &receiver.url()).await;
    has_become(&world, "dead", 1).await;
    world.advance(DAY / 2);
    let other = Receiver::answering("200 OK").await;
    export_calling(&world.nightly().await, &other.url()).await;
    other.has_heard(1).await;
    receiver.has_heard(1).await;
    assert!(world.log().contains("its receiver wants none"));
}

#[tokio::test]
async fn after_a_day_it_is_given_up() {
    let world = World::start_with(HTTP).await;
    let (api, receiver) = (world.nightly().await, Receiver::answering("500 Internal Server Error").await);
    let queued = world.now();
    export_calling(&api, &receiver.url()).await;
    let mut attempts = 1;
    receiver.has_heard(attempts).await;
    has_become(&world, "failed", 1).await;
    while world.now() < queued + DAY {
        world.advance(LONG);
        attempts += 1;
        receiver.has_heard(attempts).await;
        let dead = u64::from(world.now() >= queued + DAY);
        has_become(&world, "failed", attempts as u64 - dead).await;
    }
    has_become(&world, "dead", 1).await;
    let ids: Vec<String> = receiver.heard().iter().map(|heard| heard.header("webhook-id").to_owned()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    world.advance(DAY);
    let other = Receiver::answering("200 OK").await;
    export_calling(&world.nightly().await, &other.url()).await;
    other.has_heard(1).await;
    receiver.has_heard(attempts).await;
    assert!(world.log().contains("it was tried for 24 h"));
    let trail = world.admin().await.get(&format!("/Profiles/v4/{ACCOUNT}/Audit")).await.is(200).json();
    let dead = trail["Records"].as_array().unwrap().iter().filter(|record| record["Action"] == "CallbackDead");
    assert_eq!(dead.count(), 1, "the dead letters stand in the audit trail: {trail}");
}

#[tokio::test]
async fn a_receiver_may_ask_to_be_called_later() {
    let world = World::start_with(HTTP).await;
    let (api, receiver) =
        (world.nightly().await, Receiver::answering("429 Too Many Requests\r\nRetry-After: 7200").await);
    export_calling(&api, &receiver.url()).await;
    has_become(&world, "failed", 1).await;
    world.advance(7_199_000);
    let other = Receiver::answering("200 OK").await;
    export_calling(&world.nightly().await, &other.url()).await;
    other.has_heard(1).await;
    receiver.has_heard(1).await;
    world.advance(1_000 + 7_200_000 / 10);
    receiver.has_heard(2).await;
}

#[tokio::test]
async fn receivers_that_hang_or_never_end_keep_nobody_else_waiting() {
    let world = World::start_with(&["--allow-http-callbacks", "--callback-timeout", "300ms"]).await;
    let api = world.nightly().await;
    let (dripping, endless) = (Receiver::answering("drip").await, Receiver::answering("without end").await);
    let good = Receiver::answering("200 OK").await;
    for _ in 0..6 {
        export_calling(&api, &dripping.url()).await;
    }
    export_calling(&api, &endless.url()).await;
    export_calling(&api, &good.url()).await;
    good.has_heard(1).await;
    has_become(&world, "failed", 6).await;
    has_become(&world, "delivered", 2).await;
    assert!(world.log().contains("there was no answer within 300 ms"));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let world = World::start_with(HTTP).await;
    let target = Receiver::answering("200 OK").await;
    let answer = format!("307 Temporary Redirect\r\nLocation: http://{}/", target.address);
    let receiver = Receiver::answering(&answer).await;
    export_calling(&world.nightly().await, &receiver.url()).await;
    has_become(&world, "failed", 1).await;
    assert_eq!((receiver.heard().len(), target.heard().len()), (1, 0));
    assert!(world.log().contains("redirects are not followed"));
}

#[tokio::test]
async fn nobody_within_the_servers_network_is_called() {
    let world = World::start().await;
    let api = world.nightly().await;
    let path = api.segment_path("Everyone");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "0.0.0.0",
        "10.0.0.1",
        "169.254.169.254",
    ] {
        let url = format!("https://{host}:{port}/");
        api.post(&path, &json!({"CallbackURL": url})).await.refuses(400, &["CallbackURL", "which is not called"]);
    }
    // A name says nothing of where it leads before it is called.
    export_calling(&api, &format!("https://localhost:{port}/?key=hush")).await;
    has_become(&world, "failed", 1).await;
    let log = world.log();
    assert!(log.contains("the name leads to") && log.contains("which is not called") && !log.contains("hush"), "{log}");
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "nobody came");
}

#[tokio::test]
async fn an_operator_may_allow_receivers_of_their_own_with_certificates_of_their_own() {
    let (receiver, certificate) = Receiver::over_tls().await;
    let url = format!("https://{}/", receiver.address);
    let own = ["--allow-callback-network", "127.88.0.0/16"];
    let world = World::start_with(&own).await;
    std::fs::write(world.path("ca.pem"), certificate).unwrap();
    export_calling(&world.nightly().await, &url).await;
    has_become(&world, "failed", 1).await;
    assert_eq!(receiver.heard().len(), 0, "a certificate of nobody knows whom is trusted by nobody");

    let world = world.kill();
    world.advance(LONG);
    let ca = world.path("ca.pem");
    let world = world.serve(&[&own[..], &["--callback-ca", ca.to_str().unwrap()]].concat()).await;
    assert_eq!(receiver.has_heard(1).await.signed_by(&secret(&world, &[])), 1);
    let path = world.nightly().await.segment_path("Everyone");
    let refused = world.nightly().await.post(&path, &json!({"CallbackURL": "https://127.0.0.1/"})).await;
    refused.refuses(400, &["CallbackURL", "127.0.0.1 is a loopback address"]);
}

#[tokio::test]
async fn the_secret_is_shown_as_json_too_and_one_that_leaked_ends_at_once() {
    let world = World::prepared();
    let shown: Value = serde_json::from_str(&secret(&world, &["--json"])).unwrap();
    let first = secret(&world, &[]);
    assert_eq!(shown, json!({"account": ACCOUNT, "secret": first}));
    let second = secret(&world, &["--rotate", "--end-former"]);
    assert!(second.starts_with("whsec_") && second != first);
    let out = world.run(&["account", "webhook-secret", "NOBODY"]);
    assert!(!out.status.success() && String::from_utf8_lossy(&out.stderr).contains("NOBODY"));
}
