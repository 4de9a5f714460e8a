//! Users' keys for the signed header: sealed in the data, two at most, gone with their user.

use super::*;
use crate::vault::{KeySource, VaultKey};

pub(super) fn with_key(s: Sandbox, key: u8) -> Sandbox {
    let text = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, [key; 32]);
    let key = KeySource::Given(VaultKey::parse(&text).unwrap());
    s.reopen_with(Settings { key, ..Settings::default() })
}

fn make(s: &Sandbox, user: &str) -> String {
    s.store.rotate_key(s.account.no, user, false, true, None).unwrap().key.reveal().to_owned()
}

/// Which of these are the user's.
fn valid(s: &Sandbox, user: &str, keys: &[&str]) -> Vec<bool> {
    let there = s.store.shared_keys(Some(s.account.no), user).unwrap();
    keys.iter().map(|key| there.iter().any(|there| there.reveal() == *key)).collect()
}

#[test]
fn a_user_has_two_keys_at_most_and_none_once_they_are_revoked() {
    let s = with_key(Sandbox::new(), 1);
    let first = make(&s, "Admin");
    assert_eq!((first.len(), valid(&s, "aDMIN", &[&first])), (64, vec![true]));
    assert_eq!(why(s.store.rotate_key(s.account.no, "admin", true, true, None)).0, Why::Conflict);
    let (second, third) = (make(&s, "Admin"), make(&s, "ADMIN"));
    assert_eq!(valid(&s, "Admin", &[&first, &second, &third]), [false, true, true]);
    let only = s.store.rotate_key(s.account.no, "Admin", false, false, None).unwrap().key;
    assert_eq!(valid(&s, "Admin", &[&second, &third, only.reveal()]), [false, false, true]);
    assert!(s.store.revoke_keys(s.account.no, "Admin").unwrap());
    assert!(!s.store.revoke_keys(s.account.no, "Admin").unwrap());
    assert_eq!(valid(&s, "Admin", &[only.reveal()]), [false]);
    assert_eq!(why(s.store.rotate_key(s.account.no, "Nobody", false, true, None)).0, Why::Unknown);
}

#[test]
fn a_brought_key_is_kept_as_it_is_unless_it_is_too_short() {
    let s = with_key(Sandbox::new(), 1);
    let bring = |key: &str| s.store.rotate_key(s.account.no, "Admin", false, true, Some(key.to_owned().into()));
    let key = "x".repeat(32);
    assert_eq!(bring(&key).unwrap().key.reveal(), key);
    assert_eq!(valid(&s, "Admin", &[&key]), [true]);
    for wrong in ["y".repeat(31), "y".repeat(257), format!("{key} "), format!("{key}é")] {
        let (refused, text) = why(bring(&wrong));
        assert!(refused == Why::Invalid && !text.contains(&wrong), "{text}");
    }
}

#[test]
fn the_data_hold_no_key_and_open_only_with_the_vaults() {
    let s = with_key(Sandbox::new(), 1);
    let key = make(&s, "Admin");
    let holds = |s: &Sandbox, text: &str| {
        let file = std::fs::read(s.dir.path().join("data.mdb")).unwrap();
        memchr::memmem::find(&file, text.as_bytes()).is_some()
    };
    assert!(holds(&s, "SharedKey") && !holds(&s, &key));
    assert_eq!(s.store.check(&mut |_| {}).unwrap().problems, [""; 0]);

    let s = with_key(s, 2);
    let error = s.store.shared_keys(Some(s.account.no), "Admin").err().unwrap();
    assert!(matches!(&error, StoreError::Key(why) if why.contains("another key than the one in SAYSO_KEY")), "{error}");
    // A key that isn't there fails alike for whom there is and for whom there isn't.
    let elsewhere = tempfile::tempdir().unwrap();
    let path = elsewhere.path().join("none");
    let s = s.reopen_with(Settings { key: KeySource::File(path.clone()), ..Settings::default() });
    for user in ["Admin", "Nobody"] {
        let error = s.store.shared_keys(Some(s.account.no), user).err().unwrap();
        assert!(matches!(&error, StoreError::Key(why) if why.contains(path.to_str().unwrap())), "{error}");
    }
    assert!(matches!(s.store.rotate_key(s.account.no, "Admin", false, true, None), Err(StoreError::Key(_))));
    assert!(!path.exists(), "no second key is made while secrets are sealed with a first");
    assert!(s.store.create_client(s.account.no, "Admin").is_ok(), "everything else goes on");
    assert!(valid(&with_key(s, 1), "Admin", &[&key])[0]);
}

#[test]
fn nobodys_keys_need_no_key_file_and_fit_nothing() {
    let s = Sandbox::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let path = elsewhere.path().join("key");
    let s = s.reopen_with(Settings { key: KeySource::File(path.clone()), ..Settings::default() });
    let nobodys = s.store.shared_keys(None, "Admin").unwrap();
    assert!(!path.exists() && nobodys.iter().all(|key| key.reveal().len() == 64));
    let key = make(&s, "Admin");
    assert!(path.exists());
    for (account, user) in [(None, "Admin"), (Some(s.account.no), "Nobody")] {
        let nobodys = s.store.shared_keys(account, user).unwrap();
        assert!(nobodys.iter().all(|nobodys| nobodys.reveal() != key && nobodys.reveal().len() == 64));
    }
}

#[test]
fn a_key_goes_with_its_user_and_rests_while_they_are_switched_off() {
    let s = with_key(Sandbox::new(), 1);
    let with_second = |active: bool| {
        let mut c = configuration();
        let mut second = c.users[0].clone();
        (second.user_id, second.is_active) = ("Second".into(), active);
        c.users.push(second);
        c
    };
    s.store.apply_configuration(s.account.no, with_second(true)).unwrap();
    let (key, admins) = (make(&s, "Second"), make(&s, "Admin"));
    s.store.apply_configuration(s.account.no, with_second(false)).unwrap();
    assert_eq!(valid(&s, "Second", &[&key]), [true], "who is switched off is refused by whoever asks for the user");
    s.store.apply_configuration(s.account.no, configuration()).unwrap();
    s.store.apply_configuration(s.account.no, with_second(true)).unwrap();
    assert_eq!((valid(&s, "Second", &[&key]), valid(&s, "Admin", &[&admins])), (vec![false], vec![true]));
}
