//! A search gives what looking at every profile gives, and stops at the first profile too many.

use proptest::{collection::vec, option::of, prelude::*, sample::select};
use sayso_model::{
    id::fold,
    profile::{self, Profile},
    segment::{Condition, Criterion, Element, FieldKind, FieldLeaf, Test, TextTest},
};

use super::*;
use crate::{
    profiles::Key,
    search::{Address, By, Found, Name, Search},
};

/// Few values, so that searches meet several profiles; some differ in letter case alone.
const LAST: [&str; 4] = ["Lee", "LEE", "Núñez", "Smith"];
const FIRST: [&str; 3] = ["Ann", "ann", "Bob"];
const CITY: [&str; 3] = ["Macon", "MACON", "Miami"];
const STATE: [&str; 3] = ["GA", "ga", "Florida"];
const POSTAL: [&str; 2] = ["31201", "31202"];
const LINE: [&str; 3] = ["1 Elm St", "1 ELM ST", "2 Oak St"];
const EMAIL: [&str; 3] = ["a@example.org", "A@example.org", "b@example.org"];
const PHONE: [&str; 3] = ["+1 404 555 0001", "14045550001", "2"];
const KEY: [&str; 3] = ["Origin", "origin", "Campaign"];
const VALUE: [&str; 3] = ["Web", "web", "Fair"];

fn person() -> impl Strategy<Value = Value> {
    let name = (select(&LAST[..]), of(select(&FIRST[..])), of(select(&FIRST[..])));
    let address = (
        select(&POSTAL[..]),
        select(&CITY[..]),
        select(&STATE[..]),
        select(&LINE[..]),
        select(&["Home", "Billing"][..]),
    )
        .prop_map(|a| {
            json!({"PostalCode": a.0, "City": a.1, "StateProvince": a.2, "Address1": a.3, "AddressType": a.4,
                   "CountryCode_Alpha2": "US"})
        });
    let attribute = |keys: &'static [&'static str]| {
        of((select(keys), of(select(&VALUE[..]))).prop_map(|(key, value)| json!({"Key": key, "Value": value})))
    };
    let attributes =
        (attribute(&KEY[..2]), attribute(&KEY[2..])).prop_map(|(a, b)| Vec::from_iter(a.into_iter().chain(b)));
    let email = (select(&["Home", "Work"][..]), select(&EMAIL[..]), attributes).prop_map(|(kind, address, said)| {
        json!({"EmailAddressType": kind, "EmailAddress": address,
               "EmailPreferences": [{"FilterId": "NEWS-EMAIL", "PreferenceType": 2, "PreferenceAttributes": said}]})
    });
    let phone = (select(&["Home", "Mobile"][..]), select(&PHONE[..]))
        .prop_map(|(kind, number)| json!({"PhoneType": kind, "PhoneNumber": number}));
    let store = of(select(&["Macon Mall", "macon mall", "Miami Bay"][..]));
    (of(name), vec(address, 0..3), vec(email, 0..2), vec(phone, 0..2), store, any::<bool>()).prop_map(
        |(name, addresses, emails, phones, store, active)| {
            let mut profile =
                json!({"IsActive": active, "Addresses": addresses, "Emails": emails, "PhoneNumbers": phones});
            if let Some((last, first, middle)) = name {
                profile["CustomerName"] = json!({"LastName": last, "FirstName": first, "MiddleName": middle});
            }
            if let Some(store) = store {
                profile["CustomFields"] = json!([{"Name": "FavoriteStore", "Value": store}]);
            }
            profile
        },
    )
}

fn text(values: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
    of(select(values)).prop_map(|value| value.map(Into::into))
}

fn by() -> impl Strategy<Value = By> {
    let kind = |names: &'static [&'static str]| text(names);
    let email = (kind(&["home", "Work"]), select(&EMAIL[..]))
        .prop_map(|(kind, address)| By::Key(Key::Email { kind, address: address.into() }));
    let phone = (kind(&["HOME"]), select(&PHONE[..]))
        .prop_map(|(kind, number)| By::Key(Key::Phone { kind, number: number.into() }));
    let name = (select(&LAST[..]), text(&FIRST), text(&FIRST))
        .prop_map(|(last, first, middle)| By::Name(Name { last: last.into(), first, middle }));
    let address = (text(&["home"]), text(&LINE), text(&CITY), text(&STATE), text(&POSTAL), text(&["us", "USA", "ca"]))
        .prop_map(|(address_type, address1, city, state_province, postal_code, country)| {
            By::Address(Address { address_type, address1, address2: None, city, state_province, postal_code, country })
        });
    let attributes = vec((select(&KEY[..]), of(select(&VALUE[..]))), 1..3).prop_map(|attributes| {
        let conditions =
            attributes.into_iter().map(|(key, value)| Condition::Attribute { key: fold(key), value: value.map(fold) });
        By::Criterion(Criterion::Element(Element::Preference, conditions.collect()))
    });
    let store = select(&["Macon Mall", "Miami Bay", "Nowhere"][..]).prop_map(|value| {
        let test = Test::Text(TextTest::In(vec![fold(value)]));
        By::Criterion(Criterion::CustomField(FieldLeaf { name: fold("FavoriteStore"), kind: FieldKind::Text, test }))
    });
    prop_oneof![email, phone, name, address, attributes, store]
}

/// The search as profile.md says it, over a profile that was read whole.
fn meets(by: &By, p: &Profile) -> bool {
    let same = |a: &str, b: &str| a.to_lowercase() == b.to_lowercase();
    let given = |wanted: &Option<String>, had: &[Option<&str>]| {
        wanted.as_deref().is_none_or(|wanted| had.iter().flatten().any(|had| same(wanted, had)))
    };
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    match by {
        By::Key(Key::Email { kind, address }) => {
            p.emails.iter().any(|e| given(kind, &[Some(&e.email_address_type)]) && same(&e.email_address, address))
        }
        By::Key(Key::Phone { kind, number }) => p
            .phone_numbers
            .iter()
            .any(|n| given(kind, &[Some(&n.phone_type)]) && digits(&n.phone_number) == digits(number)),
        By::Name(Name { last, first, middle }) => {
            let name = &p.customer_name;
            given(&Some(last.clone()), &[name.last_name.as_deref()])
                && given(first, &[name.first_name.as_deref()])
                && given(middle, &[name.middle_name.as_deref()])
        }
        By::Address(wanted) => p.addresses.iter().any(|a: &profile::Address| {
            let countries = [&a.country, &a.country_code_alpha2, &a.country_code_alpha3, &a.country_code_numeric];
            given(&wanted.address_type, &[Some(&a.address_type)])
                && given(&wanted.address1, &[Some(&a.address1)])
                && given(&wanted.city, &[Some(&a.city)])
                && given(&wanted.state_province, &[Some(&a.state_province)])
                && given(&wanted.postal_code, &[Some(&a.postal_code)])
                && given(&wanted.country, &countries.map(Option::as_deref))
        }),
        By::Criterion(Criterion::Element(_, conditions)) => {
            let preferences = p.emails.iter().flat_map(|e| &e.preferences);
            preferences.into_iter().any(|preference| {
                conditions.iter().all(|condition| match condition {
                    Condition::Attribute { key, value } => preference.preference_attributes.iter().any(|a| {
                        same(&a.key, key)
                            && value.as_ref().is_none_or(|v| a.value.as_deref().is_some_and(|had| same(had, v)))
                    }),
                    Condition::Member(..) => panic!("attributes alone are searched for"),
                })
            })
        }
        By::Criterion(Criterion::CustomField(FieldLeaf { test: Test::Text(TextTest::In(values)), .. })) => p
            .custom_fields
            .iter()
            .any(|f| f.name == "FavoriteStore" && f.value.as_deref().is_some_and(|had| same(had, &values[0]))),
        other => panic!("{other:?} is not searched for here"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// After any creations, updates and deletions, and however many profiles are wanted at most.
    #[test]
    fn a_search_gives_what_looking_at_every_profile_gives(
        people in vec(person(), 1..14),
        changes in vec((any::<prop::sample::Index>(), person(), prop::bool::weighted(0.2)), 0..6),
        searches in vec((by(), any::<bool>(), 0..6usize), 1..24),
    ) {
        let s = Sandbox::new();
        // Two addresses or emails of one person may be the same in other letters, which is refused.
        let made = people.into_iter().filter_map(|person| s.write(Change::Create(input(person))).ok());
        let ids: Vec<_> = made.map(|written| written.id).collect();
        prop_assume!(!ids.is_empty());
        for (which, person, gone) in changes {
            let id = ids[which.index(ids.len())];
            match s.row(id) {
                Some(_) if gone => drop(s.delete(id).unwrap()),
                Some(_) => drop(s.update(id, person)),
                None => {}
            }
        }
        let all: Vec<Profile> = ids.iter().filter_map(|id| Some(s.row(*id)?.kept.profile)).collect();
        for (by, include_inactive, most) in searches {
            let expected: Vec<_> = all.iter().filter(|p| include_inactive || p.is_active).filter(|p| meets(&by, p))
                .map(|p| p.profile_id).collect();
            let search = Search { by, include_inactive, consent_history: false };
            let found = |most| s.store.search(s.account.no, &search, most).unwrap();
            let rows = found(usize::MAX).unwrap();
            prop_assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), expected.clone(), "{:?}", search.by);
            prop_assert_eq!(found(most).is_some(), expected.len() <= most, "more than {} are not given", most);
            for row in rows {
                let stored = s.row(row.id).unwrap();
                prop_assert_eq!(row.into_json(&s.account.config, false, Moment(START)).unwrap(), stored.row.json);
            }
        }
        prop_assert_eq!(s.problems(), [""; 0]);
    }
}

#[test]
fn a_search_by_key_breaks_off_after_as_many_rows_as_it_may_open() {
    let s = Sandbox::new();
    let shared = |active: bool| json!({"IsActive": active, "Emails": [{"EmailAddressType": "Home", "EmailAddress": "desk@example.org"}]});
    for _ in 0..4 {
        s.create(shared(false));
    }
    let id = s.create(shared(true));
    let by = By::Key(Key::Email { kind: None, address: "desk@example.org".into() });
    let search = Search { by, include_inactive: false, consent_history: false };
    let within = |opened| s.store.search_within(s.account.no, &search, 3, opened).unwrap();
    assert!(matches!(within(4), Found::Unfinished));
    assert!(matches!(within(5), Found::Rows(rows) if rows.len() == 1 && rows[0].id == id));
    let all = Search { include_inactive: true, ..search.clone() };
    assert!(matches!(s.store.search_within(s.account.no, &all, 3, 4).unwrap(), Found::TooMany));
}

#[test]
fn a_row_is_given_as_it_was_stored_until_something_in_it_expires() {
    let s = Sandbox::new();
    let id = s.create(somebody(1));
    let row = s.store.ready(s.account.no, &Target::Id(id), false).unwrap().unwrap();
    assert!(row.reads_as_stored(&s.account.config, true, Moment(START + DAY - 1)));
    assert!(!row.reads_as_stored(&s.account.config, true, Moment(START + DAY)));
    assert_eq!(row.clone().into_json(&s.account.config, true, Moment(START)).unwrap(), s.row(id).unwrap().row.json);
    let expired = String::from_utf8(row.into_json(&s.account.config, true, Moment(START + DAY)).unwrap()).unwrap();
    assert!(expired.contains(r#""PreferenceStatus":"Expired""#));
}

#[test]
fn a_deactivated_profile_is_reached_by_its_id_and_not_by_its_alternate_id() {
    let s = Sandbox::new();
    let id = s.create(somebody(1));
    let crm = Target::AlternateId { kind: "crm".into(), id: "c-1".into() };
    let reached = |target: &Target| s.store.ready(s.account.no, target, false).unwrap().map(|row| row.id);
    assert_eq!((reached(&crm), reached(&Target::Id(id))), (Some(id), Some(id)));
    s.update(id, json!({"IsActive": false})).unwrap();
    assert_eq!((reached(&crm), reached(&Target::Id(id))), (None, Some(id)));
    assert_eq!(s.store.history(s.account.no, &crm, HistoryKind::Contacts, 0, 9).unwrap(), None);
}
