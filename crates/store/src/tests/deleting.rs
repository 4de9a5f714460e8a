//! Deleting is permanent: a tombstone without any personal word stays, and nothing else (profile.md, Rules).

use super::*;
use crate::{engine::OrEngine, keys, seal};

/// Where a text stands in any database, key or value.
fn places_of(s: &Sandbox, text: &str) -> Vec<&'static str> {
    let engine = &s.store.shared().engine;
    let txn = engine.read().unwrap();
    let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|w| w.eq_ignore_ascii_case(text.as_bytes()));
    let mut places = Vec::new();
    for (name, db) in engine.dbs.all() {
        for entry in db.iter(&txn).or_engine().unwrap() {
            let (key, value) = entry.unwrap();
            if holds(key) || holds(value) {
                places.push(name);
            }
        }
    }
    places
}

/// Entries of each database whose key is about a profile.
fn entries_of(s: &Sandbox, id: ProfileId) -> Vec<&'static str> {
    let dbs = &s.store.shared().engine.dbs;
    let txn = s.store.shared().engine.read().unwrap();
    let mut found = Vec::new();
    for (name, db) in dbs.all() {
        let first = ["rows", "facts", "tombstones", "history"].contains(&name);
        let last = name.starts_with("by_");
        for entry in db.prefix_iter(&txn, &keys::account(s.account.no)).or_engine().unwrap() {
            let (key, _) = entry.unwrap();
            if first && keys::profile_of(key).unwrap() == id || last && keys::last_profile_of(key).unwrap() == id {
                found.push(name);
            }
        }
    }
    found
}

#[test]
fn a_deleted_profile_leaves_its_tombstone_alone() {
    let s = Sandbox::new();
    s.create(somebody(1));
    let id = s.create(somebody(2));
    s.update(id, json!({"CustomerName": {"LastName": "Secretname"}})).unwrap();
    s.update(id, json!({"CustomerName": {"LastName": "Other"}})).unwrap();
    assert!(places_of(&s, "ann2@example.org").contains(&"rows"));
    assert!(places_of(&s, "Secretname").contains(&"history"));
    assert!(entries_of(&s, id).len() > 8);

    s.advance(10);
    let deleted = s.delete(id).unwrap();
    for text in ["ann2@example.org", "Secretname", "404 555 0002", "C-2", "Lee2"] {
        assert_eq!(places_of(&s, text), [""; 0], "{text}");
    }
    assert_eq!(entries_of(&s, id), ["tombstones"]);
    let tombstone = s.store.tombstone(s.account.no, id).unwrap().unwrap();
    assert_eq!((tombstone.profile_id, tombstone.deleted_date), (id, deleted.moment));
    assert_eq!(s.history(id, HistoryKind::Preferences), []);
    assert_eq!(s.problems(), [""; 0]);
}

#[test]
fn ids_of_deleted_profiles_are_never_given_again() {
    let s = Sandbox::new();
    let id = s.create(somebody(1));
    s.delete(id).unwrap();
    let s = s.reopen();
    assert!(s.create(somebody(1)) > id);
}

#[test]
fn a_reason_of_more_than_256_characters_is_refused() {
    let s = Sandbox::new();
    let id = s.create(somebody(1));
    let with = |reason: String| s.write(Change::Delete(Target::Id(id), Some(reason)));
    assert_eq!(why(with("é".repeat(257))).0, Why::Invalid);
    assert!(s.row(id).is_some());
    with("é".repeat(256)).unwrap();
    let sealed = seal::seal_json(&s.store.tombstone(s.account.no, id).unwrap()).unwrap();
    assert!(sealed.len() < 1_000);
}
