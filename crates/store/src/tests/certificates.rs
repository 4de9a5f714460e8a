//! What a client has in place of a secret, and that an assertion is good once (access.md).

use sayso_model::moment::parse_date_time;

use super::*;
use crate::access::{Certificate, OAuthClient, PublicKey};
use crate::audit::{Credential, Origin};

macro_rules! key {
    ($name:literal) => {
        include_str!(concat!("../../../../tests/keys/", $name))
    };
}

/// In 2026, as the certificates have it.
const CREATED: Moment = Moment(START);

fn read(pem: &str) -> Result<Certificate, String> {
    Certificate::from_pem(pem, CREATED).map_err(|refusal| refusal.to_string())
}

#[test]
fn a_certificate_and_a_bare_key_are_read_and_known_by_their_key() {
    let (rsa, ec, bare) = (read(key!("rsa.cert.pem")), read(key!("ec.cert.pem")), read(key!("ec.pub.pem")));
    let (rsa, ec, bare) = (rsa.unwrap(), ec.unwrap(), bare.unwrap());
    assert_eq!((rsa.key.algorithm(), ec.key.algorithm()), ("RS256", "ES256"));
    assert_eq!((&ec.id, &ec.key), (&bare.id, &bare.key));
    assert_eq!(rsa.subject.as_deref(), Some("CN=Nightly export"));
    let dates = |c: &Certificate| [c.not_before, c.not_after].map(|date| date.map(|date| date.to_string()));
    assert_eq!(dates(&rsa), [Some("2026-01-01T00:00:00.000Z".to_owned()), Some("2027-01-01T00:00:00.000Z".to_owned())]);
    assert_eq!((dates(&bare), bare.subject), ([None, None], None));
    // explanations before it, what a chain has behind it, and the line ends of another system
    let chain = format!("Certificate:\n    Data:\n{}{}", key!("ec.cert.pem"), key!("rsa.cert.pem"));
    assert_eq!(read(&chain.replace('\n', "\r\n")).unwrap().id, ec.id);
}

/// RFC 7638, 3.1: the example's key and its thumbprint.
#[test]
fn the_id_is_the_thumbprint_of_the_standard() {
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    let key = PublicKey::Rsa { n: n.into(), e: "AQAB".into() };
    assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

#[test]
fn what_can_not_be_a_certificate_is_refused_with_the_reason() {
    let broken = key!("ec.pub.pem").replace("MFkw", "MFkx");
    for (pem, word) in [
        ("", "PEM"),
        ("hello", "PEM"),
        (key!("rsa1024.cert.pem"), "1024 bits"),
        (key!("p384.pub.pem"), "P-256"),
        (key!("ed25519.pub.pem"), "neither RSA nor EC"),
        (key!("rsa.key.pem"), "private key"),
        (&format!("{}{}", key!("ec.cert.pem"), key!("ec.key.pem")), "private key"),
        ("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n", "private key"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "can't be read"),
        ("-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n", "broken"),
        (&broken, "can't be read"),
        (&"x".repeat(70_000), "longer"),
    ] {
        let refused = read(pem).unwrap_err();
        assert!(refused.contains(word) && refused.starts_with("Certificate"), "{word}: {refused}");
    }
}

#[test]
fn a_point_beside_the_curve_is_no_key() {
    let der = {
        let body: String = key!("ec.pub.pem").lines().filter(|line| !line.starts_with('-')).collect();
        base64::Engine::decode(&base64::prelude::BASE64_STANDARD, body).unwrap()
    };
    let mut off = der;
    *off.last_mut().unwrap() ^= 1;
    let body = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, off);
    let lines: Vec<&str> = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"));
    assert!(read(&pem).unwrap_err().contains("not sound"));
}

#[test]
fn two_certificates_are_valid_at_once_and_a_third_waits() {
    let s = Sandbox::new();
    let made = s.store.create_client(s.account.no, "Admin").unwrap();
    let id = &made.client.client_id;
    let add = |pem: &str, ends| s.store.certify_client(s.account.no, id, pem, ends);
    let kept = || s.store.active_client(id).unwrap().unwrap();
    let rsa = add(key!("rsa.cert.pem"), false).unwrap();
    let ec = add(key!("ec.cert.pem"), false).unwrap();
    assert_eq!(why(add(key!("other.pub.pem"), false)).0, Why::Conflict);
    assert_eq!(why(add(key!("expired.cert.pem"), false)).0, Why::Invalid);
    // of the same key: it takes the former's place
    let bare = add(key!("ec.pub.pem"), false).unwrap();
    assert_eq!(bare.id, ec.id);
    assert_eq!(kept().certificates, [rsa.clone(), bare]);
    assert!(s.store.authenticate_client(id, made.secret.reveal()).unwrap().is_some());
    assert!(s.store.decertify_client(s.account.no, id, &rsa.id).unwrap());
    assert!(!s.store.decertify_client(s.account.no, id, &rsa.id).unwrap());
    add(key!("rsa.cert.pem"), true).unwrap();
    assert!(s.store.authenticate_client(id, made.secret.reveal()).unwrap().is_none());
    assert!(s.store.authenticate_client(id, "").unwrap().is_none());
    // what is over makes room
    s.advance(60 * DAY);
    add(key!("other.pub.pem"), false).unwrap();
    assert_eq!(kept().certificates.len(), 2);
    let other = s.store.create_account("OTHER", configuration()).unwrap();
    assert_eq!(why(s.store.certify_client(other.no, id, key!("ec.pub.pem"), false)).0, Why::Unknown);
    assert_eq!(why(s.store.decertify_client(other.no, id, &ec.id)).0, Why::Unknown);
}

#[test]
fn a_certificate_taken_away_ends_the_tokens_that_it_got() {
    let s = Sandbox::new();
    let made = s.store.create_client(s.account.no, "Admin").unwrap().client;
    let certificate = s.store.certify_client(s.account.no, &made.client_id, key!("ec.pub.pem"), false).unwrap();
    let token = block_on(s.store.issue_token(&made, HOUR, Origin::of(Credential::None))).unwrap();
    s.store.decertify_client(s.account.no, &made.client_id, &certificate.id).unwrap();
    assert!(s.store.bearer(token.reveal()).unwrap().is_none());
}

#[test]
fn a_certificate_counts_between_its_dates() {
    let later = read(key!("other.cert.pem")).unwrap();
    let at = |date: &str| later.is_valid(parse_date_time(date).unwrap());
    assert!(!at("2026-07-31T23:59:59.999Z") && at("2026-08-01T00:00:00.000Z"));
    assert!(at("2027-01-01T00:00:00.000Z") && !at("2027-01-01T00:00:00.001Z"));
    assert!(read(key!("other.pub.pem")).unwrap().is_valid(Moment::LAST));
}

#[test]
fn an_assertion_is_good_once_until_it_would_have_expired() {
    let s = Sandbox::new();
    let until = Moment(s.store.clock().now().0 + HOUR);
    let uses = |client: &str, jti: &str| block_on(s.store.use_assertion(client, jti, until)).unwrap();
    assert!(uses("a", "1") && !uses("a", "1"));
    assert!(uses("b", "1") && uses("a", "2") && uses("a1", "") && !uses("a", "1"));
    assert_eq!(s.store.sweep_tokens().unwrap(), 0);
    assert!(!uses("a", "1"));
    s.advance(HOUR);
    assert_eq!(s.store.sweep_tokens().unwrap(), 4);
    assert!(uses("a", "1"));
}

#[test]
fn a_client_that_was_kept_before_there_were_certificates_still_reads() {
    let s = Sandbox::new();
    let client = s.store.create_client(s.account.no, "Admin").unwrap().client;
    let mut kept = serde_json::to_value(&client).unwrap();
    kept.as_object_mut().unwrap().remove("certificates").unwrap();
    assert_eq!(serde_json::from_value::<OAuthClient>(kept).unwrap(), client);
}
