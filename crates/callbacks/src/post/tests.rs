//! Attempts against real receivers on this machine.

use std::sync::atomic::Ordering::SeqCst;

use super::*;
use crate::{
    resolve::of_the_machine,
    testing::{Manner, Receiver, names},
};

const BODY: &str = r#"{"AccessToken":7,"Status":"Complete","RowCount":1,"ByteCount":2}"#;
/// 2026-11-24T10:00:00Z.
const NOW: Moment = Moment(1_795_514_400_000);

fn http_allowed() -> Policy {
    Policy { http_to_loopback: true, ..Policy::default() }
}

async fn post_in(time: Duration, policy: Policy, url: &str, lookup: &Lookup) -> Attempt {
    let poster = Poster::new(policy, time, None, lookup).unwrap();
    let key = sign::key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    poster.post(Message { url, id: "msg_1", body: BODY }, &[key], NOW).await
}

async fn post(policy: Policy, url: &str, lookup: &Lookup) -> Attempt {
    post_in(Duration::from_secs(30), policy, url, lookup).await
}

async fn answered_with(status_and_headers: &str) -> Attempt {
    let receiver = Receiver::answering(status_and_headers).await;
    post(http_allowed(), &format!("http://127.0.0.1:{}/", receiver.port), &names(&[]).0).await
}

#[tokio::test]
async fn a_callback_is_the_body_with_its_signature() {
    let receiver = Receiver::answering("204 No Content").await;
    let url = format!("http://hooks.test:{}/sayso?key=1", receiver.port);
    let attempt = post(http_allowed(), &url, &names(&["127.0.0.1"]).0).await;
    assert_eq!((attempt.outcome, attempt.told.as_str()), (Outcome::Taken, "it was answered with 204"));
    let heard = receiver.heard.lock().join("");
    let (head, body) = heard.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    assert_eq!(lines.next(), Some("POST /sayso?key=1 HTTP/1.1"));
    let headers: Vec<&str> = lines.collect();
    let key = sign::key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let signature = format!("webhook-signature: {}", sign::signature(&[key], "msg_1", 1_795_514_400, BODY));
    for header in [
        "content-type: application/json",
        "webhook-id: msg_1",
        "webhook-timestamp: 1795514400",
        &signature,
        &format!("host: hooks.test:{}", receiver.port),
    ] {
        assert!(headers.contains(&header), "{header}: {headers:?}");
    }
    assert_eq!(body, BODY);
}

#[tokio::test]
async fn nobody_within_is_met_however_they_are_written() {
    let receiver = Receiver::answering("200 OK").await;
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::1]",
        "0.0.0.0",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "169.254.169.254",
        "10.0.0.1",
        "100.64.0.1",
        "224.0.0.1",
        "192.0.2.1",
    ] {
        let url = format!("https://{host}:{}/?key=hush", receiver.port);
        let (nobody, asked) = names(&["8.8.8.8"]);
        let attempt = post(Policy::default(), &url, &nobody).await;
        assert_eq!(attempt.outcome, Outcome::Failed { retry_after_s: None }, "{host}");
        assert!(
            attempt.told.ends_with("which is not called") && !attempt.told.contains("hush"),
            "{host}: {}",
            attempt.told
        );
        assert_eq!(asked.load(SeqCst), 0, "{host}");
    }
    assert_eq!(receiver.met(), 0);
}

#[tokio::test]
async fn nobody_within_is_met_by_a_name() {
    let receiver = Receiver::answering("200 OK").await;
    for address in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "10.0.0.1", "169.254.169.254", "fd00:ec2::254"] {
        let (name, asked) = names(&[address]);
        let attempt = post(Policy::default(), &format!("https://hooks.test:{}/?key=hush", receiver.port), &name).await;
        assert!(attempt.told.starts_with(&format!("the name leads to {address} is")), "{}", attempt.told);
        assert_eq!(asked.load(SeqCst), 1);
    }
    let attempt = post(Policy::default(), &format!("https://localhost:{}/", receiver.port), &of_the_machine()).await;
    assert!(attempt.told.contains("a loopback address") || attempt.told.contains("no public IPv6"), "{}", attempt.told);
    assert_eq!(receiver.met(), 0);
}

#[tokio::test]
async fn what_was_checked_is_what_is_called() {
    let receiver = Receiver::answering("200 OK").await;
    let (name, asked) = names(&["10.0.0.1", "127.0.0.1"]);
    let attempt = post(http_allowed(), &format!("http://hooks.test:{}/", receiver.port), &name).await;
    assert_eq!((attempt.outcome, receiver.met()), (Outcome::Taken, 1), "of its two addresses the one that may be");
    assert_eq!(asked.load(SeqCst), 1, "a second answer could be another");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let target = Receiver::answering("200 OK").await;
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        let attempt = answered_with(&format!("{status}\r\nLocation: http://127.0.0.1:{}/", target.port)).await;
        assert_eq!(attempt.outcome, Outcome::Failed { retry_after_s: None });
        assert!(attempt.told.contains("redirects are not followed"), "{}", attempt.told);
    }
    assert_eq!(target.met(), 0);
}

#[tokio::test]
async fn the_status_says_what_follows() {
    for status in ["200 OK", "201 Created", "202 Accepted", "204 No Content"] {
        assert_eq!(answered_with(status).await.outcome, Outcome::Taken, "{status}");
    }
    assert_eq!(answered_with("410 Gone").await.outcome, Outcome::Gone);
    for status in ["400 Bad", "401 No", "404 Nothing", "429 Slow", "500 Wrong", "503 Later"] {
        assert_eq!(answered_with(status).await.outcome, Outcome::Failed { retry_after_s: None }, "{status}");
    }
}

#[tokio::test]
async fn a_wait_is_asked_for_in_seconds_or_by_a_date() {
    for (asked, seconds) in [
        ("90", Some(90)),
        ("99999999999", Some(u32::MAX)),
        ("Tue, 24 Nov 2026 10:02:00 GMT", Some(120)),
        ("Tue, 24 Nov 2026 09:00:00 GMT", Some(0)),
        ("soon", None),
        ("-1", None),
    ] {
        let attempt = answered_with(&format!("503 Later\r\nRetry-After: {asked}")).await;
        assert_eq!(attempt.outcome, Outcome::Failed { retry_after_s: seconds }, "{asked}");
    }
}

#[tokio::test]
async fn a_receiver_that_drips_is_left_when_the_time_is_over() {
    let receiver = Receiver::new(Manner::Dripping).await;
    let url = format!("http://127.0.0.1:{}/", receiver.port);
    let attempt = post_in(Duration::from_millis(100), http_allowed(), &url, &names(&[]).0).await;
    assert_eq!(attempt.told, "there was no answer within 100 ms");
}

#[tokio::test]
async fn of_an_answer_without_end_little_is_read() {
    let receiver = Receiver::new(Manner::WithoutEnd).await;
    let attempt = post(http_allowed(), &format!("http://127.0.0.1:{}/", receiver.port), &names(&[]).0).await;
    assert_eq!(attempt.outcome, Outcome::Taken);
}

#[tokio::test]
async fn what_is_told_of_a_failure_holds_nothing_of_the_url() {
    let unused = Receiver::new(Manner::With("no HTTP at all\r\n\r\n".to_owned())).await;
    for url in [format!("http://127.0.0.1:{}/hush?key=hush", unused.port), "http://127.0.0.1:9/hush".to_owned()] {
        let attempt = post(http_allowed(), &url, &names(&[]).0).await;
        assert_eq!(attempt.outcome, Outcome::Failed { retry_after_s: None });
        assert!(!attempt.told.contains("hush"), "{}", attempt.told);
    }
    let attempt = post(Policy::default(), "http://127.0.0.1:9/hush", &names(&[]).0).await;
    assert!(attempt.told.contains("--allow-http-callbacks"), "what was allowed when it was queued needn't be now");
}

#[test]
fn certificates_that_are_none_are_refused_at_the_start() {
    for pem in ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let made = Poster::new(Policy::default(), Duration::from_secs(1), Some(pem.as_bytes()), &names(&[]).0);
        assert!(matches!(made.map(drop), Err(CallbackError::Certificates(_))), "{pem}");
    }
}
