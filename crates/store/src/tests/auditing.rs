//! Whatever changes access or configuration leaves a record of who did it, in the commit that does it.

use sayso_model::config::{
    Area, Level, Member, Operator, Output, Population, Segment, SegmentGroup, SegmentPermission, User, UserGroup,
};
use sha2::{Digest as _, Sha256};

use super::*;
use crate::audit::{Credential, Origin};

/// As an account file has it: what a record tells of the whole definition.
fn digest(thing: &impl serde::Serialize) -> String {
    let digest = Sha256::digest(serde_json::to_vec(thing).unwrap());
    digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is told of a change of the account as it is with Nightly: kind and detail of each record.
fn told_of(change: impl FnOnce(&mut Configuration)) -> Vec<(String, String)> {
    let s = sandbox();
    let mut changed = with_nightly();
    change(&mut changed);
    s.store.apply_configuration(s.account.no, changed).unwrap();
    let told = told(&s).into_iter().filter_map(|record| {
        let (kind, detail) = record.strip_prefix("ConfigurationChanged | - | CommandLine | ")?.split_once(" | ")?;
        Some((kind.to_owned(), detail.to_owned()))
    });
    told.collect()
}

fn group(name: &str) -> UserGroup {
    UserGroup { name: name.to_owned(), description: None, permissions: [(Area::Segments, Level::View)].into() }
}

fn permission(user_group: &str, can_execute: bool) -> SegmentPermission {
    SegmentPermission { user_group: user_group.to_owned(), can_view: true, can_edit: false, can_execute }
}

fn segment(name: &str, criteria: Option<Value>, permissions: Vec<SegmentPermission>) -> Segment {
    let (description, output) = (None, Output::default());
    Segment { name: name.to_owned(), description, profiles: Population::Active, criteria, output, permissions }
}

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
    let groups = user.user_groups.iter().map(|group| format!("{group:?}")).collect::<Vec<_>>().join(", ");
    let from = user.source_group.as_ref().map(|group| format!("; source group {group:?}")).unwrap_or_default();
    let nightly = digest(user);
    changed.segments.retain(|segment| segment.name != "Everyone");
    changed.segment_groups.clear();
    let removed: Vec<_> = configuration().segment_groups.iter().map(|g| format!("removed {:?}", g.name)).collect();
    s.store.apply_configuration(s.account.no, changed.clone()).unwrap();
    let mut expected = vec![
        format!(
            "ConfigurationChanged | - | CommandLine | Users | changed \"Nightly\" as {nightly} (switched off in {groups}{from})"
        ),
        "ConfigurationChanged | - | CommandLine | Segments | removed \"Everyone\"".to_owned(),
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
            format!("ClientCreated | - | CommandLine | OAuth client \"{id}\" | for user \"Nightly\""),
            "TokenIssued | Nightly | OAuthClient | - | -".to_owned(),
            "TokenIssued | Nightly | OAuthClient | - | -".to_owned(),
            "TokenRevoked | Nightly | OAuthClient | - | -".to_owned(),
            format!(
                "ClientRotated | - | CommandLine | OAuth client \"{id}\" | of user \"Nightly\"; the former secret stays valid"
            ),
            "SharedKeyRotated | - | CommandLine | user \"Nightly\" | a former key stays valid".to_owned(),
            "SharedKeysRevoked | - | CommandLine | user \"Nightly\" | -".to_owned(),
            format!("ClientRevoked | - | CommandLine | OAuth client \"{id}\" | of user \"Nightly\""),
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
fn showing_the_secret_of_callbacks_is_told_before_it_is_shown() {
    let s = sandbox();
    let first = s.store.show_webhook_secrets(s.account.no).unwrap();
    let again = s.store.show_webhook_secrets(s.account.no).unwrap();
    assert_eq!(first.last().unwrap().reveal(), again.last().unwrap().reveal());
    assert_eq!(
        told(&s),
        [
            "WebhookSecretRotated | - | CommandLine | - | the first one",
            "WebhookSecretShown | - | CommandLine | - | -",
            "WebhookSecretShown | - | CommandLine | - | -",
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
    assert!(told.contains("TokensEnded | - | CommandLine | user \"nightly\" | the user was switched off"), "{told}");
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

#[test]
fn however_long_a_list_is_whoever_is_given_a_right_is_named() {
    let names: Vec<String> =
        (0..60).map(|n| format!("A group with quite a long name, and its number is {n}")).collect();
    let told = told_of(|c| {
        c.user_groups.extend(names.iter().map(|name| group(name)));
        let mut permissions: Vec<_> = names.iter().map(|name| permission(name, false)).collect();
        permissions.last_mut().unwrap().can_execute = true;
        c.segments.push(segment("Hidden", None, permissions));
        let first = c.users[0].clone();
        let mut groups = names.clone();
        groups.push("Administrators".to_owned());
        c.users.push(User { user_id: "Paula".to_owned(), user_groups: groups, ..first.clone() });
        let many = (0..100).map(|n| User { user_id: format!("User-{n}-of-very-many-who-are-added"), ..first.clone() });
        c.users.extend(many);
    });
    let of =
        |kind: &str| -> Vec<&str> { told.iter().filter(|(k, _)| k == kind).map(|(_, detail)| &**detail).collect() };
    for detail in told.iter().map(|(_, detail)| detail) {
        assert!(detail.chars().count() <= 2_000 && !detail.contains('…'), "{detail}");
    }
    let (groups, segments, users) = (of("UserGroups").join("\n"), of("Segments"), of("Users").join("\n"));
    for name in &names {
        assert!(groups.contains(&format!("added {name:?}")), "{name}: {groups}");
        assert!(segments.iter().any(|s| s.contains(&format!("{name:?}: CanView"))), "{name}: {segments:?}");
    }
    let last = format!("{:?}: CanView CanExecute)", names.last().unwrap());
    assert!(segments.len() > 1 && segments.iter().all(|s| s.contains("added \"Hidden\"")), "{segments:?}");
    assert!(segments.last().unwrap().ends_with(&last), "{segments:?}");
    assert!(users.contains("\"Administrators\""), "{users}");
    assert!((0..100).all(|n| users.contains(&format!("added \"User-{n}-of-very-many-who-are-added\""))), "{users}");
}

#[test]
fn a_setting_is_told_with_what_it_was_and_what_it_is_also_beside_other_changes() {
    let told = told_of(|c| c.signed_header_minutes = Some(60));
    assert_eq!(told, [("Settings".to_owned(), "SignedHeaderMinutes from nothing to 60".to_owned())]);
    let told = told_of(|c| {
        c.signed_header_minutes = Some(1);
        c.default_locale = Some("fr_FR".to_owned());
        c.implied_preferences ^= true;
        c.user_groups.push(group("Lookers"));
    });
    let (was, is) = (configuration().implied_preferences, !configuration().implied_preferences);
    let locale = configuration().default_locale.map_or("nothing".to_owned(), |locale| format!("{locale:?}"));
    assert_eq!(
        told.last().unwrap(),
        &(
            "Settings".to_owned(),
            format!(
                "DefaultLocale from {locale} to \"fr_FR\"; ImpliedPreferences from {was} to {is}; \
                 SignedHeaderMinutes from nothing to 1"
            )
        )
    );
    assert_eq!(told.len(), 2, "{told:?}");
    let told = told_of(|c| c.segments.reverse());
    assert_eq!(told, [("Settings".to_owned(), "another order".to_owned())]);
}

#[test]
fn a_segment_that_is_widened_is_told_otherwise_than_one_whose_description_changes() {
    let s = sandbox();
    let criteria = configuration().segments.into_iter().find_map(|s| s.criteria).unwrap();
    let mut changed = with_nightly();
    let narrow = segment("S1", Some(criteria), vec![permission("Administrators", true)]);
    changed.segments.push(narrow.clone());
    s.store.apply_configuration(s.account.no, changed.clone()).unwrap();
    let wide = Segment { criteria: None, profiles: Population::All, ..narrow.clone() };
    *changed.segments.last_mut().unwrap() = wide.clone();
    changed.segment_groups.push(SegmentGroup {
        name: "G".to_owned(),
        description: None,
        members: vec![
            Member { segment: "S1".to_owned(), operator: Operator::And },
            Member { segment: changed.segments[0].name.clone(), operator: Operator::Except },
        ],
        output: Output::default(),
        permissions: Vec::new(),
    });
    let grouped = digest(changed.segment_groups.last().unwrap());
    let other = changed.segments[0].name.clone();
    s.store.apply_configuration(s.account.no, changed).unwrap();
    let told = told(&s);
    let rights = "\"Administrators\": CanView CanExecute";
    assert_eq!(
        told.iter().map(|record| record.rsplit(" | ").next().unwrap().to_owned()).collect::<Vec<_>>(),
        [
            format!("added \"S1\" as {} (of Active by criteria, {rights})", digest(&narrow)),
            format!("changed \"S1\" as {} (of All without criteria, {rights})", digest(&wide)),
            format!("added \"G\" as {grouped} (\"S1\" EXCEPT {other:?})"),
        ]
    );
}

#[test]
fn a_user_s_source_group_is_told_and_a_filter_s_program() {
    let told = told_of(|c| c.users.last_mut().unwrap().source_group = None);
    let without = told[0].1.clone();
    let name = configuration().source_groups[0].name.clone();
    let told = told_of(|c| {
        let user = c.users.last_mut().unwrap();
        user.source_group = Some(name.clone());
        user.is_active = false;
    });
    assert!(told[0].1.ends_with(&format!("; source group {name:?})")), "{told:?}");
    assert!(!without.contains("source group"), "{without}");
    let told = told_of(|c| c.programs[0].filters[0].name = Some("Another".to_owned()));
    let (program, filter) =
        (&configuration().programs[0].id.clone(), configuration().programs[0].filters[0].id.clone());
    assert!(told[0].1.contains(&format!("changed {filter:?} as ")), "{told:?}");
    assert!(told[0].1.ends_with(&format!("(of program {program:?})")), "{told:?}");
}

#[test]
fn no_name_can_pass_for_something_else_that_is_told() {
    let forged = "Readers: CanView, Viewers";
    let told = told_of(|c| {
        c.user_groups.push(group(forged));
        c.segments.push(segment("S1", None, vec![permission(forged, true)]));
        c.segments.push(segment("S2\"; removed \"S3", None, Vec::new()));
    });
    let segments = &told.iter().find(|(kind, _)| kind == "Segments").unwrap().1;
    assert!(segments.contains("\"Readers: CanView, Viewers\": CanView CanExecute"), "{segments}");
    assert!(segments.contains("added \"S2\\\"; removed \\\"S3\""), "{segments}");
}
