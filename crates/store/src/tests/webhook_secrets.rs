//! The secrets of callbacks' signatures.

use sayso_model::id::AccountNo;

use super::{shared_keys::with_key, *};

fn secrets(s: &Sandbox) -> Vec<String> {
    s.store.webhook_secrets(s.account.no).unwrap().iter().map(|secret| secret.reveal().to_owned()).collect()
}

#[test]
fn an_account_has_one_and_it_stays() {
    let s = with_key(Sandbox::new(), 1);
    assert_eq!(secrets(&s), [""; 0]);
    s.store.ensure_webhook_secret_blocking(s.account.no).unwrap();
    let first = secrets(&s);
    assert!(first.len() == 1 && first[0].starts_with("whsec_") && first[0].len() == 50, "32 bytes in base64");
    block_on(s.store.ensure_webhook_secret(s.account.no)).unwrap();
    let other = s.store.create_account("OTHER", configuration()).unwrap().no;
    s.store.ensure_webhook_secret_blocking(other).unwrap();
    assert_ne!(s.store.webhook_secrets(other).unwrap()[0].reveal(), first[0]);
    let s = with_key(s, 1);
    assert_eq!(secrets(&s), first);
    assert_eq!(s.problems(), [""; 0]);
}

#[test]
fn a_former_one_signs_for_another_day() {
    let s = with_key(Sandbox::new(), 1);
    s.store.ensure_webhook_secret_blocking(s.account.no).unwrap();
    let first = secrets(&s);
    s.store.rotate_webhook_secret(s.account.no, true).unwrap();
    let both = secrets(&s);
    assert!(both.len() == 2 && both[0] == first[0]);
    s.advance(24 * 3_600_000 - 1);
    assert_eq!(secrets(&s), both);
    s.advance(1);
    assert_eq!(secrets(&s), both[1..]);
    s.store.rotate_webhook_secret(s.account.no, false).unwrap();
    assert!(secrets(&s).len() == 1 && secrets(&s)[0] != both[1], "one that leaked ends at once");
}

#[test]
fn no_account_no_secret() {
    let s = with_key(Sandbox::new(), 1);
    assert!(s.store.ensure_webhook_secret_blocking(AccountNo(999)).is_err());
    assert!(s.store.rotate_webhook_secret(AccountNo(999), true).is_err());
}
