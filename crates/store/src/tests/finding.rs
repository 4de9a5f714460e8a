//! Look-ups by key find what the profiles say, whatever the case, length or type.

use proptest::prelude::*;

use super::*;
use crate::profiles::Key;

fn email(kind: Option<&str>, address: &str) -> Key {
    Key::Email { kind: kind.map(Into::into), address: address.into() }
}

#[test]
fn emails_match_without_case_and_phones_by_their_digits() {
    let s = Sandbox::new();
    let id = s.create(somebody(1));
    let find = |key: Key| s.store.find(s.account.no, &key).unwrap();
    assert_eq!(find(email(None, "ANN1@Example.org")), [id]);
    assert_eq!(find(email(Some("HOME"), "ann1@example.org")), [id]);
    assert_eq!(find(email(Some("Work"), "ann1@example.org")), []);
    assert_eq!(find(Key::Phone { kind: None, number: "1-404-555-0001".into() }), [id]);
    assert_eq!(find(Key::Phone { kind: Some("Home".into()), number: "14045550001".into() }), []);
    assert_eq!(find(Key::AlternateId { kind: None, id: "c-1".into() }), [id]);
    assert_eq!(find(Key::Group { kind: "household".into(), name: "HOUSE 0".into() }), [id]);
    assert_eq!(find(Key::Group { kind: "Company".into(), name: "House 0".into() }), []);
}

#[test]
fn every_profile_that_has_a_key_is_found_once_ascending() {
    let s = Sandbox::new();
    let both = json!({"Emails": [
        {"EmailAddressType": "Home", "EmailAddress": "x@example.org"}, {"EmailAddressType": "Work", "EmailAddress": "X@example.org"}]});
    let work = json!({"Emails": [{"EmailAddressType": "Work", "EmailAddress": "x@example.org"}]});
    let ids = [s.create(both.clone()), s.create(work), s.create(both)];
    assert_eq!(s.store.find(s.account.no, &email(None, "x@example.org")).unwrap(), ids);
    assert_eq!(s.store.find(s.account.no, &email(Some("home"), "x@example.org")).unwrap(), [ids[0], ids[2]]);
    let snapshot = s.snapshot();
    let keys = [email(None, "x@example.org"), email(None, "nobody@example.org"), email(Some("Work"), "x@example.org")];
    assert_eq!(snapshot.find(&mut keys.into_iter()).unwrap(), ids);
}

/// A change of any one thing that a profile can be found by moves its entry, though nothing else in it changes.
#[test]
fn whatever_changes_alone_is_indexed_anew() {
    let s = Sandbox::new();
    let id = s.create(somebody(1));
    let address = |part: &str, value: &str| {
        let mut address = json!({"AddressType": "Home", "Address1": "1 Oak Street", "City": "Macon",
            "StateProvince": "GA", "PostalCode": "31201", "CountryCode_Alpha2": "US"});
        address[part] = json!(value);
        json!({"Addresses": [address]})
    };
    let changes = [
        json!({"CustomerName": {"LastName": "Lee"}}),
        json!({"CustomerName": {"FirstName": "Bo"}}),
        json!({"CustomerName": {"MiddleName": "M"}}),
        json!({"AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": "C-2"}]}),
        json!({"Emails": [{"EmailAddressType": "Home", "EmailAddress": "bo@example.org"}]}),
        json!({"Emails": [{"EmailAddressType": "Work", "EmailAddress": "bo@example.org"}]}),
        json!({"PhoneNumbers": [{"PhoneType": "Mobile", "PhoneNumber": "+1 404 555 0002", "IsMobile": true}]}),
        json!({"Groups": [{"GroupType": "Household", "GroupName": "House 9"}]}),
        address("PostalCode", "31202"),
        address("City", "Atlanta"),
        address("StateProvince", "FL"),
        address("Address1", "2 Oak Street"),
    ];
    for change in changes {
        s.update(id, change.clone()).unwrap();
        assert_eq!(s.problems(), [""; 0], "after {change}");
    }
    assert_eq!(s.store.find(s.account.no, &email(None, "bo@example.org")).unwrap(), [id]);
}

#[test]
fn the_longest_values_are_found_again() {
    let s = Sandbox::new();
    let long = "\u{1F600}".repeat(256);
    let id = s.create(json!({"AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": long}]}));
    let name = "\u{1F600}".repeat(100);
    s.update(id, json!({"Groups": [{"GroupType": "Household", "GroupName": name}]})).unwrap();
    assert_eq!(
        s.store.find(s.account.no, &Key::AlternateId { kind: Some("CRM".into()), id: long.clone() }).unwrap(),
        [id]
    );
    assert_eq!(s.store.find(s.account.no, &Key::AlternateId { kind: None, id: long }).unwrap(), [id]);
    assert_eq!(s.store.find(s.account.no, &Key::Group { kind: "Household".into(), name }).unwrap(), [id]);
    assert_eq!(s.problems(), [""; 0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// After any writes, a look-up gives what reading every profile gives.
    #[test]
    fn a_look_up_gives_what_reading_everything_gives(
        writes in prop::collection::vec((0..6u64, 0..4usize, 0..5usize, any::<bool>()), 1..40)
    ) {
        const TYPES: [&str; 2] = ["Home", "Work"];
        let address = |n: usize| format!("a{n}@example.org");
        let s = Sandbox::new();
        let ids: Vec<_> = (0..6).map(|_| s.create(json!({}))).collect();
        let mut model = std::collections::BTreeSet::new();
        for (who, kind, n, gone) in writes {
            let id = ids[who as usize];
            let is_there = s.row(id).is_some();
            if gone && n == 0 && is_there {
                s.delete(id).unwrap();
                model.retain(|(i, _, _)| *i != id);
            } else if is_there {
                let kind = TYPES[kind % 2];
                s.update(id, json!({"Emails": [{"EmailAddressType": kind, "EmailAddress": address(n)}]})).unwrap();
                model.insert((id, kind, n));
            }
        }
        for n in 0..5 {
            for kind in [None, Some("Home"), Some("Work")] {
                let mut expected: Vec<_> = model.iter().filter(|(_, k, m)| *m == n && kind.is_none_or(|kind| kind == *k)).map(|(id, _, _)| *id).collect();
                expected.dedup();
                prop_assert_eq!(s.store.find(s.account.no, &email(kind, &address(n))).unwrap(), expected);
            }
        }
        prop_assert_eq!(s.problems(), [""; 0]);
    }
}
