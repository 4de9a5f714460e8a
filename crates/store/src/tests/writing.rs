//! Writes are functions of what is there: none is lost, stamps never go back, history remembers.

use std::collections::BTreeSet;

use super::*;
use crate::history;
use proptest::prelude::*;
use sayso_model::change::Former;

#[test]
fn partial_updates_keep_what_they_do_not_name() {
    let s = Sandbox::new();
    let id = s.create(somebody(1));
    s.update(id, json!({"CustomerType": "Business"})).unwrap();
    let profile = s.row(id).unwrap().kept.profile;
    assert_eq!(profile.customer_type.as_deref(), Some("Business"));
    assert_eq!(profile.emails.len(), 1);
    assert_eq!(profile.customer_name.first_name.as_deref(), Some("Ann"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// Every one of many concurrent partial updates of one profile is in the profile at the end.
    #[test]
    fn no_concurrent_partial_update_is_lost(plan in prop::collection::vec((0..4usize, 0..40u32), 1..80)) {
        let s = Sandbox::new();
        let id = s.create(json!({}));
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (s, plan) = (&s, &plan);
                scope.spawn(move || {
                    for (_, n) in plan.iter().filter(|(t, _)| *t == thread) {
                        s.update(id, json!({"ProfileTags": [{"Name": format!("t{n}")}]})).unwrap();
                    }
                });
            }
        });
        let tags: BTreeSet<String> =
            s.row(id).unwrap().kept.profile.profile_tags.into_iter().map(|t| t.name).collect();
        prop_assert_eq!(tags, plan.iter().map(|(_, n)| format!("t{n}")).collect::<BTreeSet<_>>());
        prop_assert_eq!(s.problems(), [""; 0]);
    }
}

#[test]
fn stamps_never_go_back_when_the_clock_does() {
    let s = Sandbox::new();
    let first = s.write(Change::Create(input(somebody(1)))).unwrap();
    s.advance(-DAY);
    let second = s.write(Change::Create(input(somebody(2)))).unwrap();
    assert!(second.moment >= first.moment);
    let s = s.reopen();
    let third = s.update(first.id, json!({"CustomerType": "Business"})).unwrap();
    assert!(third.moment >= second.moment, "the last stamp outlives the process");
    assert_eq!(s.row(first.id).unwrap().modified, third.moment);
    assert!(s.snapshot().moment() >= third.moment);
}

#[test]
fn history_keeps_former_values_in_order_with_their_author() {
    let s = Sandbox::new();
    let id = s.create(somebody(1));
    let home = |choice: u8| {
        json!({"Emails": [{"EmailAddressType": "Home", "EmailAddress": "ann1@example.org",
               "EmailPreferences": [{"FilterId": "NEWS-EMAIL", "PreferenceType": choice}]}]})
    };
    // Twice within a millisecond, then once more.
    s.update(id, home(2)).unwrap();
    s.update(id, home(1)).unwrap();
    s.advance(5);
    s.update(id, home(2)).unwrap();
    let history = s.history(id, HistoryKind::Preferences);
    let choices = |entries: &[HistoryEntry]| -> Vec<_> {
        entries.iter().map(|h| h.value["Preference"]["PreferenceType"].as_u64().unwrap()).collect()
    };
    assert_eq!(choices(&history), [1, 2, 1]);
    let page = |skip, take| {
        let page = s.store.history(s.account.no, &Target::Id(id), HistoryKind::Preferences, skip, take);
        let (of, page) = page.unwrap().unwrap();
        assert_eq!((of, page.total), (id, 3));
        choices(&page.entries)
    };
    assert_eq!((page(1, 1), page(1, 9), page(3, 9)), (vec![2], vec![2, 1], vec![]));
    assert!(history.is_sorted_by_key(|h| h.when));
    assert!(history.iter().all(|h| h.author == author()));
    assert_eq!(s.problems(), [""; 0]);
}

#[test]
fn a_read_recalls_the_newest_thousand_former_consents_and_the_history_has_all() {
    let s = Sandbox::new();
    let id = s.create(somebody(1));
    let kind = HistoryKind::Consents;
    let former = |n: u64| Former { kind, value: json!({"Place": null, "Consent": {"Number": n}}) };
    let formers: Vec<_> = (0..1_005).map(former).collect();
    let no = s.account.no;
    let append = s.store.writer().run_blocking(move |tx| {
        let (dbs, txn) = tx.write();
        let mut hundreds = formers.chunks(100).zip(START..);
        hundreds.try_for_each(|(some, when)| {
            history::append(dbs, txn, no, id, Moment(when), &history::records(&author(), some.to_vec())?)
        })
    });
    append.unwrap();
    let row = s.store.ready(s.account.no, &Target::Id(id), true).unwrap().unwrap();
    let numbers: Vec<_> = row.former_consents.iter().map(|e| e.value["Consent"]["Number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (5..1_005).collect::<Vec<_>>());
    assert_eq!(s.history(id, kind).len(), 1_005);
}

#[test]
fn a_tag_that_a_segment_asks_for_by_the_time_of_the_write_stays() {
    let s = Sandbox::new();
    let id = s.create(json!({"ProfileTags": [{"Name": "vip"}, {"Name": "other"}]}));
    let untag = |tag: &str| s.write(Change::Untag(Target::Id(id), tag.to_owned()));
    let mut configuration = s.account.config.source.clone();
    configuration.segments[0].criteria = Some(json!({"All": [{"Tag": "Vip"}]}));
    s.store.apply_configuration(s.account.no, configuration).unwrap();
    assert_eq!(why(untag("VIP")).0, Why::Conflict);
    untag("other").unwrap();
    let tags = s.row(id).unwrap().kept.profile.profile_tags;
    assert_eq!(tags.into_iter().map(|tag| tag.name).collect::<Vec<_>>(), ["vip"]);
}

#[test]
fn an_unknown_profile_is_refused_as_unknown() {
    let s = Sandbox::new();
    assert_eq!(why(s.update(ProfileId(7), json!({}))).0, Why::Unknown);
    let id = s.create(somebody(1));
    s.delete(id).unwrap();
    assert_eq!(why(s.update(id, json!({}))).0, Why::Unknown);
    assert_eq!(why(s.delete(id)).0, Why::Unknown);
}

#[test]
fn a_refused_write_leaves_nothing() {
    let s = Sandbox::new();
    let id = s.create(somebody(1));
    let before = s.row(id).unwrap();
    let refused = s.update(id, json!({"CustomerType": "Business", "ProfileTags": [{"Name": "x".repeat(101)}]}));
    assert_eq!(why(refused).0, Why::Invalid);
    assert_eq!(s.row(id).unwrap().row, before.row);
    assert_eq!(s.problems(), [""; 0]);
}
