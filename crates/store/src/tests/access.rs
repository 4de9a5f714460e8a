//! OAuth clients, their secrets and their tokens (access.md).

use super::{checking::tamper, *};
use crate::{
    audit::{Credential, Origin},
    keys::small,
};

#[test]
fn a_client_has_the_lengths_of_the_standard_and_its_secret_is_nowhere() {
    let s = Sandbox::new();
    let made = s.store.create_client(s.account.no, "admin").unwrap();
    assert_eq!((made.client.client_id.len(), made.secret.reveal().len()), (48, 64));
    assert!(made.secret.reveal().chars().chain(made.client.client_id.chars()).all(|c| c.is_ascii_alphanumeric()));
    assert_eq!(made.client.user_id, "Admin", "as configured");
    let file = std::fs::read(s.dir.path().join("data.mdb")).unwrap();
    let holds = |text: &str| file.windows(text.len()).any(|w| w == text.as_bytes());
    assert!(holds(&made.client.client_id) && !holds(made.secret.reveal()));
    assert_eq!(why(s.store.create_client(s.account.no, "Nobody")).0, Why::Unknown);
}

#[test]
fn only_the_right_secret_of_the_right_client_opens() {
    let s = Sandbox::new();
    let (a, b) =
        (s.store.create_client(s.account.no, "Admin").unwrap(), s.store.create_client(s.account.no, "Admin").unwrap());
    let opens = |id: &str, secret: &str| s.store.authenticate_client(id, secret).unwrap().is_some();
    assert!(opens(&a.client.client_id, a.secret.reveal()));
    assert!(!opens(&a.client.client_id, b.secret.reveal()));
    assert!(!opens(&a.client.client_id, ""));
    assert!(!opens("", a.secret.reveal()));
    assert!(!opens(&format!("{}{}", a.client.client_id, "x".repeat(5_000)), a.secret.reveal()));
    assert_eq!(s.store.clients(s.account.no).unwrap().len(), 2);
}

#[test]
fn two_secrets_are_valid_at_once_and_the_oldest_goes() {
    let s = Sandbox::new();
    let first = s.store.create_client(s.account.no, "Admin").unwrap();
    let id = &first.client.client_id;
    let second = s.store.rotate_client(s.account.no, id, true).unwrap();
    let opens = |secret: &str| s.store.authenticate_client(id, secret).unwrap().is_some();
    assert!(opens(first.secret.reveal()) && opens(second.secret.reveal()));
    let third = s.store.rotate_client(s.account.no, id, true).unwrap();
    assert!(!opens(first.secret.reveal()) && opens(second.secret.reveal()) && opens(third.secret.reveal()));
    let last = s.store.rotate_client(s.account.no, id, false).unwrap();
    assert!(!opens(second.secret.reveal()) && !opens(third.secret.reveal()) && opens(last.secret.reveal()));
    let other = s.store.create_account("OTHER", configuration()).unwrap();
    assert_eq!(why(s.store.rotate_client(other.no, id, true)).0, Why::Unknown);
}

#[test]
fn a_token_stands_for_its_user_until_it_expires() {
    let s = Sandbox::new();
    let client = s.store.create_client(s.account.no, "Admin").unwrap().client;
    let token = block_on(s.store.issue_token(&client, HOUR, Origin::of(Credential::None))).unwrap();
    let token = token.reveal();
    assert_eq!(token.len(), 43, "256 bits in base64url");
    let bearer = s.store.bearer(token).unwrap().unwrap();
    assert_eq!((bearer.account, bearer.user_id.as_str()), (s.account.no, "Admin"));
    assert!(s.store.bearer("something else").unwrap().is_none());
    s.advance(HOUR - 1);
    assert!(s.store.bearer(token).unwrap().is_some());
    assert_eq!(s.store.sweep_tokens().unwrap(), 0);
    s.advance(1);
    assert!(s.store.bearer(token).unwrap().is_none());
    assert_eq!(s.store.sweep_tokens().unwrap(), 1);
    assert_eq!(s.store.sweep_tokens().unwrap(), 0);
}

#[test]
fn a_record_that_can_not_be_read_keeps_no_other_from_being_swept() {
    let s = Sandbox::new();
    let client = s.store.create_client(s.account.no, "Admin").unwrap().client;
    let issue = || block_on(s.store.issue_token(&client, HOUR, Origin::of(Credential::None))).unwrap();
    let until = Moment(START + HOUR);
    let uses = |jti: &str| block_on(s.store.use_assertion(&client.client_id, jti, until));
    drop((issue(), issue()));
    assert!(uses("1").unwrap() && uses("2").unwrap());
    tamper(&s, |dbs, txn| {
        for prefix in [small::BEARERS, small::ASSERTIONS] {
            let first = dbs.access.prefix_iter(txn, prefix).unwrap().next().unwrap().unwrap();
            let (key, mut sealed) = (first.0.to_vec(), first.1.to_vec());
            sealed[5] ^= 1;
            dbs.access.put(txn, &key, &sealed).unwrap();
        }
    });
    let left = |prefix: &'static [u8]| {
        let (sent, count) = std::sync::mpsc::channel();
        tamper(&s, move |dbs, txn| sent.send(dbs.access.prefix_iter(txn, prefix).unwrap().count()).unwrap());
        count.recv().unwrap()
    };
    assert_eq!(s.store.sweep_tokens().unwrap(), 0, "none has expired");
    assert_eq!((left(small::BEARERS), left(small::ASSERTIONS)), (1, 2));
    s.advance(HOUR);
    assert_eq!(s.store.sweep_tokens().unwrap(), 2);
    assert_eq!((left(small::BEARERS), left(small::ASSERTIONS)), (0, 1), "an assertion isn't taken a second time");
}

#[test]
fn revoking_a_client_ends_its_tokens_at_once() {
    let s = Sandbox::new();
    let (a, b) =
        (s.store.create_client(s.account.no, "Admin").unwrap(), s.store.create_client(s.account.no, "Admin").unwrap());
    let tokens =
        [&a, &b].map(|made| block_on(s.store.issue_token(&made.client, HOUR, Origin::of(Credential::None))).unwrap());
    let other = s.store.create_account("OTHER", configuration()).unwrap();
    assert!(!s.store.revoke_client(other.no, &a.client.client_id).unwrap());
    assert!(s.store.revoke_client(s.account.no, &a.client.client_id).unwrap());
    assert!(!s.store.revoke_client(s.account.no, &a.client.client_id).unwrap());
    assert!(s.store.bearer(tokens[0].reveal()).unwrap().is_none());
    assert!(s.store.bearer(tokens[1].reveal()).unwrap().is_some());
    assert!(s.store.authenticate_client(&a.client.client_id, a.secret.reveal()).unwrap().is_none());
    // One that was authenticated just before gets no token any more.
    assert_eq!(why(block_on(s.store.issue_token(&a.client, HOUR, Origin::of(Credential::None)))).0, Why::Unknown);
}
