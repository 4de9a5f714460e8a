//! Accounts share nothing, are found whatever the case, and change as a whole.

use super::*;
use crate::profiles::Key;

#[test]
fn an_account_is_found_without_regard_to_case_and_made_once() {
    let s = Sandbox::new();
    assert_eq!(s.store.account("demo").unwrap().unwrap().name, "DEMO");
    assert_eq!(s.store.account_by_no(s.account.no).unwrap().unwrap().name, "DEMO");
    assert_eq!(why(s.store.create_account("Demo", configuration())).0, Why::Conflict);
    for unknown in ["other", "", &"x".repeat(3_000)] {
        assert!(s.store.account(unknown).unwrap().is_none());
    }
}

#[test]
fn names_that_could_not_stand_in_a_path_are_refused() {
    let s = Sandbox::new();
    for name in ["", "a b", "a/b", "é", &"x".repeat(65)] {
        assert_eq!(why(s.store.create_account(name, configuration())).0, Why::Invalid, "{name}");
    }
    for name in ["a", "A-1_b.c", &"x".repeat(64)] {
        s.store.create_account(name, configuration()).unwrap();
    }
    let names: Vec<_> = s.store.accounts().unwrap().into_iter().map(|a| a.name).collect();
    assert_eq!(names, ["a".to_owned(), "A-1_b.c".into(), "DEMO".into(), "x".repeat(64)]);
}

#[test]
fn a_configuration_is_checked_versioned_and_seen_by_the_next_write() {
    let s = Sandbox::new();
    let mut changed = configuration();
    changed
        .customer_types
        .push(sayso_model::config::TypeDef { type_name: "Martian".into(), ..changed.customer_types[1].clone() });
    assert_eq!(why(s.write(Change::Create(input(json!({"CustomerType": "Martian"}))))).0, Why::Unknown);
    let applied = s.store.apply_configuration(s.account.no, changed.clone()).unwrap();
    assert_eq!(applied.version, s.account.version + 1);
    s.create(json!({"CustomerType": "Martian"}));
    assert_eq!(s.store.account("DEMO").unwrap().unwrap().config.source, changed);
    assert_eq!(
        s.store.apply_configuration(s.account.no, changed.clone()).unwrap().version,
        applied.version,
        "no change"
    );

    // What profiles carry may not go.
    let refused = s.store.apply_configuration(s.account.no, configuration());
    assert!(matches!(refused, Err(StoreError::RefusedAll(_))), "{refused:?}");
    let mut broken = changed.clone();
    broken.users[0].user_groups = vec!["Nobodies".into()];
    let refused = s.store.apply_configuration(s.account.no, broken);
    assert!(matches!(refused, Err(StoreError::RefusedAll(_))), "{refused:?}");
    let s = s.reopen();
    assert_eq!(s.store.account("DEMO").unwrap().unwrap().config.source, changed);
}

#[test]
fn accounts_share_nothing() {
    let s = Sandbox::new();
    let other = s.store.create_account("OTHER", configuration()).unwrap();
    let id = s.create(somebody(1));
    // The same alternate id, the same ProfileId.
    let theirs = block_on(s.store.write(other.no, author(), Change::Create(input(somebody(1))))).unwrap();
    assert_eq!(theirs.id, id);
    block_on(s.store.write(other.no, author(), Change::Delete(Target::Id(id), None))).unwrap();
    assert!(s.row(id).is_some());
    assert!(s.store.tombstone(s.account.no, id).unwrap().is_none());
    let key = Key::Email { kind: None, address: "ann1@example.org".into() };
    assert_eq!(s.store.find(other.no, &key).unwrap(), []);
    assert_eq!(s.store.find(s.account.no, &key).unwrap(), [id]);
    let snapshot = block_on(s.store.snapshot(other.no)).unwrap();
    assert_eq!(snapshot.partitions(2).unwrap(), []);
    assert_eq!(changed(&snapshot, Moment(0)), []);
    assert!(snapshot.row(id).unwrap().is_none());
    assert_eq!(s.problems(), [""; 0]);
}

#[test]
fn an_account_that_is_not_there_is_said_to_be_so() {
    let s = Sandbox::new();
    let nobody = sayso_model::id::AccountNo(77);
    let written = block_on(s.store.write(nobody, author(), Change::Create(input(json!({})))));
    assert!(matches!(written, Err(StoreError::NoAccount(_))));
    assert!(matches!(block_on(s.store.snapshot(nobody)).err(), Some(StoreError::NoAccount(_))));
}
