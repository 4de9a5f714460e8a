//! Credentials follow their users (access.md): gone with them, at rest while they are switched off.

use super::{checking::tamper, *};
use crate::{
    access::{NewSecret, OAuthClient},
    audit::{About, Action, Credential, Entry, Origin},
    keys::small,
};

fn with_second(active: bool) -> Configuration {
    let mut c = configuration();
    let mut second = c.users[0].clone();
    second.user_id = "Second".into();
    second.is_active = active;
    c.users.push(second);
    c
}

#[test]
fn a_user_who_goes_takes_clients_and_tokens_along_and_another_account_s_stay() {
    let s = Sandbox::new();
    s.store.apply_configuration(s.account.no, with_second(true)).unwrap();
    let other = s.store.create_account("OTHER", with_second(true)).unwrap();
    let made = [s.account.no, other.no].map(|no| s.store.create_client(no, "Second").unwrap());
    let stays = s.store.create_client(s.account.no, "Admin").unwrap();
    let token =
        |made: &NewSecret| block_on(s.store.issue_token(&made.client, HOUR, Origin::of(Credential::None))).unwrap();
    let tokens = [token(&made[0]), token(&made[1]), token(&stays)];
    s.store.apply_configuration(s.account.no, configuration()).unwrap();
    let stand = |s: &Sandbox| tokens.each_ref().map(|token| s.store.bearer(token.reveal()).unwrap().is_some());
    assert_eq!(stand(&s), [false, true, true]);
    s.store.apply_configuration(s.account.no, with_second(true)).unwrap();
    assert_eq!(stand(&s), [false, true, true]);
    let opens =
        |made: &NewSecret| s.store.authenticate_client(&made.client.client_id, made.secret.reveal()).unwrap().is_some();
    assert_eq!((opens(&made[0]), opens(&made[1]), opens(&stays)), (false, true, true));
}

#[test]
fn a_user_who_is_switched_off_gets_no_token_and_the_former_ones_never_come_back() {
    let s = Sandbox::new();
    s.store.apply_configuration(s.account.no, with_second(true)).unwrap();
    let made = s.store.create_client(s.account.no, "Second").unwrap();
    let token = block_on(s.store.issue_token(&made.client, HOUR, Origin::of(Credential::None))).unwrap();
    s.store.apply_configuration(s.account.no, with_second(false)).unwrap();
    assert!(s.store.bearer(token.reveal()).unwrap().is_none());
    assert_eq!(why(block_on(s.store.issue_token(&made.client, HOUR, Origin::of(Credential::None)))).0, Why::Unknown);
    s.store.apply_configuration(s.account.no, with_second(true)).unwrap();
    assert!(s.store.bearer(token.reveal()).unwrap().is_none());
    assert!(block_on(s.store.issue_token(&made.client, HOUR, Origin::of(Credential::None))).is_ok());
}

#[test]
fn a_client_that_was_kept_before_secrets_had_dates_still_reads() {
    let s = Sandbox::new();
    let mut kept = serde_json::to_value(s.store.create_client(s.account.no, "Admin").unwrap().client).unwrap();
    kept["secrets"] = serde_json::json!(vec![[7_u8; 32]]);
    let kept = serde_json::to_string(&kept).unwrap();
    let client: OAuthClient = serde_json::from_str(&kept).unwrap();
    assert_eq!((client.secrets[0].hash, client.secrets[0].created), ([7; 32], None));
    let again: OAuthClient = serde_json::from_str(&serde_json::to_string(&client).unwrap()).unwrap();
    assert_eq!(again, client);
}

#[test]
fn a_damaged_client_keeps_no_user_from_going_and_no_other_record_from_its_trail() {
    let s = Sandbox::new();
    s.store.apply_configuration(s.account.no, with_second(true)).unwrap();
    let [broken, second] = ["Admin", "Second"].map(|user| s.store.create_client(s.account.no, user).unwrap());
    let key = small::client(&broken.client.client_id);
    tamper(&s, move |dbs, txn| {
        let mut bytes = dbs.access.get(txn, &key).unwrap().unwrap().to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        dbs.access.put(txn, &key, &bytes).unwrap();
    });
    s.store.apply_configuration(s.account.no, configuration()).unwrap();
    let gone = s.store.authenticate_client(&second.client.client_id, second.secret.reveal()).unwrap();
    assert!(gone.is_none(), "its user is gone");

    let entry = || Entry::new(Action::TokenRefused, Origin::of(Credential::None));
    s.store.note(About::Client(broken.client.client_id.clone()), entry());
    s.store.note(About::Account(s.account.no), entry());
    s.store.writer().run_blocking(|tx| tx.write_notes(true)).unwrap();
    let told = s.store.audit_page(s.account.no, (None, None), u64::MAX, 1).unwrap().lines;
    assert!(told.iter().any(|line| line.contains("TokenRefused")), "{told:?}");
}
