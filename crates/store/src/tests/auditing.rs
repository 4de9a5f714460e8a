//! Whatever changes access or configuration leaves a record of who did it, in the commit that does it.

use sayso_model::config::User;

use super::*;
use crate::audit::{Credential, Origin};

/// With a second user, Nightly, who is in a group.
fn with_nightly() -> Configuration {
    let mut configuration = configuration();
    let first = &configuration.users[0];
    let nightly = User { user_id: "Nightly".to_owned(), name: None, ..first.clone() };
    configuration.users.push(nightly);
    configuration
}

fn sandbox() -> Sandbox {
    let s = Sandbox::new();
    s.store.apply_configuration(s.account.no, with_nightly()).unwrap();
    s
}

/// Action, user, credential, subject and detail of every record of the account but the first two, which are of its making and of Nightly's.
fn told(s: &Sandbox) -> Vec<String> {
    let page = s.store.audit_page(s.account.no, (None, None), u64::MAX, 2).unwrap();
    let told = page.lines.iter().map(|line| {
        let record: Value = serde_json::from_str(line).unwrap();
        let text = |member: &str| record[member].as_str().unwrap_or("-").to_owned();
        ["Action", "UserId", "Credential", "Subject", "Detail"].map(text).join(" | ")
    });
    told.collect()
}

#[test]
fn a_change_of_the_configuration_is_told_by_kind_with_what_it_means_for_access() {
    let s = sandbox();
    let mut changed = with_nightly();
    let user = changed.users.iter_mut().find(|user| user.user_id == "Nightly").unwrap();
    user.is_active = false;
    let groups = user.user_groups.join(", ");
    changed.segments.retain(|segment| segment.name != "Everyone");
    changed.segment_groups.clear();
    let removed: Vec<_> = configuration().segment_groups.iter().map(|g| format!("removed {}", g.name)).collect();
    s.store.apply_configuration(s.account.no, changed.clone()).unwrap();
    let mut expected = vec![
        format!("ConfigurationChanged | - | CommandLine | Users | changed Nightly (switched off in {groups})"),
        "ConfigurationChanged | - | CommandLine | Segments | removed Everyone".to_owned(),
    ];
    if !removed.is_empty() {
        expected.push(format!("ConfigurationChanged | - | CommandLine | SegmentGroups | {}", removed.join("; ")));
    }
    assert_eq!(told(&s), expected);
    s.store.apply_configuration(s.account.no, changed).unwrap();
    assert_eq!(told(&s).len(), expected.len(), "the same again is no change");
}

#[test]
fn credentials_and_tokens_are_told_with_whom_they_are_for_and_never_as_they_are() {
    let s = sandbox();
    let made = s.store.create_client(s.account.no, "Nightly").unwrap();
    let id = &made.client.client_id;
    let origin = Origin { peer: Some("192.0.2.1".parse().unwrap()), ..Origin::of(Credential::None) };
    let token = block_on(s.store.issue_token(&made.client, HOUR, origin.clone())).unwrap();
    let other = block_on(s.store.issue_token(&made.client, HOUR, origin.clone())).unwrap();
    block_on(s.store.revoke_token(&made.client, token.reveal(), origin)).unwrap();
    let rotated = s.store.rotate_client(s.account.no, id, true).unwrap();
    let key = s.store.rotate_key(s.account.no, "Nightly", true, true, None).unwrap();
    s.store.revoke_keys(s.account.no, "Nightly").unwrap();
    s.store.revoke_client(s.account.no, id).unwrap();
    s.store.revoke_client(s.account.no, id).unwrap();
    let told = told(&s);
    assert_eq!(
        told,
        [
            format!("ClientCreated | - | CommandLine | OAuth client {id} | for user Nightly"),
            "TokenIssued | Nightly | OAuthClient | - | -".to_owned(),
            "TokenIssued | Nightly | OAuthClient | - | -".to_owned(),
            "TokenRevoked | Nightly | OAuthClient | - | -".to_owned(),
            format!(
                "ClientRotated | - | CommandLine | OAuth client {id} | of user Nightly; the former secret stays valid"
            ),
            "SharedKeyRotated | - | CommandLine | user Nightly | a former key stays valid".to_owned(),
            "SharedKeysRevoked | - | CommandLine | user Nightly | -".to_owned(),
            format!("ClientRevoked | - | CommandLine | OAuth client {id} | of user Nightly"),
        ]
    );
    let mut exported = Vec::new();
    s.store.export_audit(None, &mut exported).unwrap();
    let exported = String::from_utf8(exported).unwrap();
    for secret in [&made.secret, &rotated.secret, &token, &other, &key.key] {
        assert!(!exported.contains(secret.reveal()), "a secret stands in the trail");
    }
}

#[test]
fn the_secret_of_callbacks_is_told_when_it_is_made_and_exchanged() {
    let s = sandbox();
    s.store.ensure_webhook_secret_blocking(s.account.no).unwrap();
    s.store.ensure_webhook_secret_blocking(s.account.no).unwrap();
    s.store.rotate_webhook_secret(s.account.no, true).unwrap();
    assert_eq!(
        told(&s),
        [
            "WebhookSecretRotated | - | CommandLine | - | the first one",
            "WebhookSecretRotated | - | CommandLine | - | the former one signs for another day",
        ]
    );
}

#[test]
fn what_follows_a_user_who_goes_is_told_too() {
    let s = sandbox();
    let made = s.store.create_client(s.account.no, "Nightly").unwrap();
    block_on(s.store.issue_token(&made.client, HOUR, Origin::of(Credential::None))).unwrap();
    let mut off = with_nightly();
    off.users.iter_mut().find(|user| user.user_id == "Nightly").unwrap().is_active = false;
    s.store.apply_configuration(s.account.no, off).unwrap();
    s.store.apply_configuration(s.account.no, configuration()).unwrap();
    let told = told(&s).join("\n");
    assert!(told.contains("TokensEnded | - | CommandLine | user nightly | the user was switched off"), "{told}");
    assert!(
        told.contains("ClientRevoked | - | CommandLine | OAuth client") && told.contains("its user is gone"),
        "{told}"
    );
    assert_eq!(s.problems(), [""; 0]);
}

#[test]
fn what_is_refused_leaves_no_record_of_having_happened() {
    let s = sandbox();
    assert_eq!(why(s.store.create_client(s.account.no, "Nobody")).0, Why::Unknown);
    let mut broken = with_nightly();
    broken.users[0].user_groups.push("not there".to_owned());
    s.store.apply_configuration(s.account.no, broken).unwrap_err();
    assert_eq!(told(&s), [""; 0]);
}
