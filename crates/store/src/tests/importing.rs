//! Batches of imports whose index entries wait to be merged: whoever looks finds what is imported, and whoever changes it changes all of it.

use sayso_model::{change::Manner, refusal::Refusal};

use super::*;
use crate::{
    imports::{Ahead, By, Wish},
    profiles::Key,
};

type Outcomes = Vec<Result<usize, Refusal>>;

fn wishes(profiles: Vec<Value>, by: impl Fn(&Value) -> By) -> Vec<Wish> {
    profiles.into_iter().map(|profile| Wish::Put(by(&profile), input(profile))).collect()
}

fn by_crm(profile: &Value) -> By {
    By::AlternateId { kind: "CRM".into(), id: profile["AlternateIds"][0]["AlternateId"].as_str().unwrap().into() }
}

fn by_nothing(_: &Value) -> By {
    By::Nothing
}

/// Records made ready as new profiles.
fn ahead(s: &Sandbox, profiles: Vec<Value>, by: impl Fn(&Value) -> By) -> Ahead {
    let account = s.store.account_by_no(s.account.no).unwrap().unwrap();
    let records: Vec<_> = profiles.into_iter().map(|profile| (by(&profile), *input(profile))).collect();
    s.store.prepare_ahead(&account, &author(), &Manner::default(), Moment(START), records).unwrap()
}

fn put_ahead(s: &Sandbox, ahead: Ahead) -> Option<Outcomes> {
    let no = s.account.no;
    s.store.imports_blocking(move |tx| tx.write_ahead(no, ahead)).unwrap()
}

/// One commit of an import.
fn import(s: &Sandbox, wishes: Vec<Wish>) -> Option<Outcomes> {
    let no = s.account.no;
    s.store.imports_blocking(move |tx| tx.write(no, &author(), &Manner::default(), Moment(START), wishes)).unwrap()
}

/// The same of one that needs what waits to be merged.
fn import_merged(s: &Sandbox, wishes: Vec<Wish>) -> Outcomes {
    let no = s.account.no;
    let write = s.store.imports_merged(move |tx| tx.write(no, &author(), &Manner::default(), Moment(START), wishes));
    write.unwrap().expect("everything is merged")
}

fn all(people: std::ops::Range<u64>) -> Vec<Value> {
    people.map(somebody).collect()
}

/// How many runs wait.
fn waiting(s: &Sandbox) -> u64 {
    let engine = &s.store.shared().engine;
    engine.dbs.pending.len(&engine.read().unwrap()).unwrap() / 2
}

/// Who is found by what somebody has, and who has changed since each of some moments.
fn seen(s: &Sandbox, people: std::ops::Range<u64>) -> Vec<Vec<ProfileId>> {
    let keys = |n: u64| {
        [
            Key::AlternateId { kind: None, id: format!("C-{n}") },
            Key::Email { kind: Some("Home".into()), address: format!("ann{n}@example.org") },
            Key::Phone { kind: None, number: format!("1404555{n:04}") },
            Key::Group { kind: "Household".into(), name: format!("House {}", n / 2) },
        ]
    };
    let mut seen: Vec<_> = people.flat_map(keys).map(|key| s.store.find(s.account.no, &key).unwrap()).collect();
    let snapshot = s.snapshot();
    seen.extend([-1, 0, 1, DAY - 1, DAY, DAY + 1, 3 * DAY].map(|ms| changed(&snapshot, Moment(START + ms))));
    seen
}

#[test]
fn whoever_looks_finds_what_waits_as_if_it_were_merged() {
    let (left, merged) = (Sandbox::new(), Sandbox::new());
    for people in [0..40, 40..41, 41..70] {
        assert!(import(&left, wishes(all(people.clone()), by_crm)).unwrap().iter().all(Result::is_ok));
        import_merged(&merged, wishes(all(people), by_crm));
    }
    assert_eq!((waiting(&left), waiting(&merged)), (3, 0));
    for s in [&left, &merged] {
        s.advance(DAY + 2);
    }
    let looked = seen(&left, 0..72);
    assert_eq!(looked, seen(&merged, 0..72));
    assert_eq!(looked[0], [ProfileId(1)]);
    assert_eq!(waiting(&left), 3, "looking merges nothing");
    left.store.merge_imported(false).unwrap();
    assert_eq!(waiting(&left), 3, "it isn't much");
    left.store.merge_imported(true).unwrap();
    assert_eq!((waiting(&left), seen(&left, 0..72)), (0, looked));
    assert_eq!((left.problems(), merged.problems()), (vec![], vec![]));
}

#[test]
fn an_alternate_id_that_waits_is_taken_and_a_refused_record_leaves_the_others() {
    let s = Sandbox::new();
    assert!(import(&s, wishes(all(0..20), by_nothing)).unwrap().iter().all(Result::is_ok));
    let again = vec![somebody(20), somebody(7), json!({"CustomerType": "Martian"}), somebody(20), somebody(21)];
    let outcomes = import(&s, wishes(again, by_nothing)).unwrap();
    let whys: Vec<_> = outcomes.iter().map(|o| o.as_ref().err().map(|r| r.why)).collect();
    assert_eq!(whys, [None, Some(Why::Conflict), Some(Why::Unknown), Some(Why::Conflict), None]);
    assert_eq!(waiting(&s), 2);
    assert_eq!(
        s.store.find(s.account.no, &Key::AlternateId { kind: None, id: "C-21".into() }).unwrap(),
        [ProfileId(22)]
    );
    assert_eq!(s.problems(), [""; 0]);
}

#[test]
fn what_may_be_about_a_profile_that_waits_waits_for_the_merge_and_changes_all_of_it() {
    let s = Sandbox::new();
    import(&s, wishes(all(0..30), by_crm)).unwrap();
    let changed = || {
        let mut changed = somebody(12);
        changed["Emails"] = json!([{"EmailAddressType": "Work", "EmailAddress": "new@example.org"}]);
        vec![somebody(30), changed]
    };
    for wishes in [
        wishes(changed(), by_crm),
        wishes(vec![somebody(31)], |_| By::Id(ProfileId(5))),
        vec![Wish::Delete(By::Id(ProfileId(5)), None)],
    ] {
        assert!(import(&s, wishes).is_none());
    }
    assert_eq!((waiting(&s), s.row(ProfileId(31)).is_none()), (1, true), "nothing is written");
    assert_eq!(import_merged(&s, wishes(changed(), by_crm)), [Ok(0), Ok(0)]);
    assert_eq!(waiting(&s), 0);
    let find = |address: &str| s.store.find(s.account.no, &Key::Email { kind: None, address: address.into() }).unwrap();
    assert_eq!(find("new@example.org"), [ProfileId(13)]);
    // Others change profiles: no run is left beside them.
    assert!(import(&s, wishes(all(40..50), by_crm)).is_some());
    assert_eq!(waiting(&s), 0);
    assert_eq!(s.problems(), [""; 0]);
}

#[test]
fn a_change_of_what_waits_and_a_start_merge_before() {
    let s = Sandbox::new();
    import(&s, wishes(all(0..30), by_crm)).unwrap();
    s.delete(ProfileId(3)).unwrap();
    assert_eq!(waiting(&s), 0);
    assert!(s.store.find(s.account.no, &Key::AlternateId { kind: None, id: "C-2".into() }).unwrap().is_empty());
    let s = s.reopen();
    import(&s, wishes(all(30..60), by_crm)).unwrap();
    assert_eq!(waiting(&s), 1);
    let s = s.reopen();
    assert_eq!((waiting(&s), s.problems()), (0, vec![]));
    assert_eq!(why(s.write(Change::Create(input(somebody(44))))).0, Why::Conflict);
}

#[test]
fn records_with_numbers_that_nobody_has_yet_are_new_only_while_none_before_them_gets_that_number() {
    let s = Sandbox::new();
    let far = wishes(all(0..3), |p| {
        By::Id(ProfileId(p["CustomerName"]["LastName"].as_str().unwrap()[3..].parse::<u64>().unwrap() + 10))
    });
    assert!(import(&s, far).unwrap().iter().all(Result::is_ok));
    assert_eq!(waiting(&s), 1);
    // The second names the number that the first gets.
    let near = || {
        wishes(vec![somebody(5), somebody(6)], |p| {
            if p["CustomerName"]["LastName"] == "Lee5" { By::Nothing } else { By::Id(ProfileId(4)) }
        })
    };
    assert!(import(&s, near()).is_none());
    import_merged(&s, near());
    let ids = s.row(ProfileId(4)).unwrap().kept.profile.alternate_ids.len();
    assert_eq!((ids, s.row(ProfileId(5)).is_none()), (2, true), "it is the same profile");
    assert_eq!(s.problems(), [""; 0]);
}

#[test]
fn what_was_made_ready_is_written_as_if_it_had_not_been() {
    let (s, plain) = (Sandbox::new(), Sandbox::new());
    let bad = || vec![somebody(40), somebody(7), json!({"CustomerType": "Martian"}), somebody(40), somebody(41)];
    for people in [all(0..40), bad(), all(42..50)] {
        let outcomes = put_ahead(&s, ahead(&s, people.clone(), by_nothing));
        assert_eq!(outcomes, import(&plain, wishes(people, by_nothing)));
        assert!(outcomes.is_some());
    }
    assert_eq!((waiting(&s), s.everything()), (3, everything_as(&plain, &s)));
    for s in [&s, &plain] {
        s.store.merge_imported(true).unwrap();
    }
    assert_eq!(s.everything(), plain.everything());
    assert_eq!(s.problems(), [""; 0]);
}

/// What a store holds, but for the numbers that its runs have: those of the other.
fn everything_as(s: &Sandbox, other: &Sandbox) -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
    let runs = other.everything().into_iter().filter(|(name, ..)| *name == "pending").map(|(_, key, _)| key);
    let mut runs: Vec<_> = runs.collect();
    runs.reverse();
    let named =
        |(name, key, value)| if name == "pending" { (name, runs.pop().unwrap(), value) } else { (name, key, value) };
    s.everything().into_iter().map(named).collect()
}

#[test]
fn what_was_made_ready_before_something_moved_is_not_written() {
    let s = Sandbox::new();
    // Somebody else has its alternate id by now.
    let late = ahead(&s, all(0..3), by_crm);
    import(&s, wishes(all(2..3), by_crm)).unwrap();
    assert_eq!(put_ahead(&s, late), None);
    // A snapshot with a later moment.
    let late = ahead(&s, all(3..5), by_crm);
    s.advance(20);
    let since = s.snapshot().moment();
    assert_eq!(put_ahead(&s, late), None);
    // A number that was given meanwhile.
    let numbered = |_: &Value| By::Id(ProfileId(2));
    let late = ahead(&s, all(5..6), numbered);
    import(&s, wishes(all(6..7), by_crm)).unwrap();
    assert_eq!(put_ahead(&s, late), None);
    // Another configuration.
    let late = ahead(&s, all(7..9), by_crm);
    let mut configuration = configuration();
    configuration.segments.pop();
    s.store.apply_configuration(s.account.no, configuration).unwrap();
    assert_eq!(put_ahead(&s, late), None);
    // Refused as a new profile, it may be a change of one that is there, in a run, or of one before it.
    let martian = |n| {
        let mut martian = somebody(n);
        martian["CustomerType"] = json!("Martian");
        martian
    };
    assert_eq!(put_ahead(&s, ahead(&s, vec![martian(2)], by_crm)), None);
    assert_eq!(put_ahead(&s, ahead(&s, vec![somebody(20), martian(20)], by_crm)), None);
    assert!(put_ahead(&s, ahead(&s, vec![martian(20)], by_crm)).unwrap()[0].is_err());
    // In front of it others are no hindrance, whatever their stamps.
    let late = ahead(&s, all(9..11), by_crm);
    s.advance(5);
    import(&s, wishes(all(11..12), by_crm)).unwrap();
    assert_eq!(put_ahead(&s, late), Some(vec![Ok(0), Ok(0)]));
    assert_eq!(changed(&s.snapshot(), since), [2, 3, 4, 5].map(ProfileId));
    assert_eq!(s.problems(), [""; 0]);
}

#[test]
fn who_changes_profiles_meanwhile_has_what_was_made_ready_put_without_a_run() {
    let s = Sandbox::new();
    assert!(import(&s, wishes(all(0..3), by_crm)).is_some());
    let ready = ahead(&s, all(3..5), by_crm);
    s.update(ProfileId(1), json!({"CustomerType": "Business"})).unwrap();
    assert_eq!(put_ahead(&s, ready), Some(vec![Ok(0), Ok(0)]));
    assert_eq!(waiting(&s), 0);
    assert_eq!(s.store.find(s.account.no, &Key::AlternateId { kind: None, id: "C-4".into() }).unwrap(), [ProfileId(5)]);
    assert_eq!(put_ahead(&s, ahead(&s, all(4..5), by_nothing)).unwrap()[0].as_ref().unwrap_err().why, Why::Conflict);
    assert_eq!(s.problems(), [""; 0]);
}

#[test]
fn a_full_disk_keeps_nobody_from_opening_what_waits_to_be_merged() {
    let s = Sandbox::new();
    assert!(import(&s, wishes(all(0..30), by_crm)).unwrap().iter().all(Result::is_ok));
    assert_eq!(waiting(&s), 1);
    let looked = seen(&s, 0..32);
    let s = s.reopen_with(Settings { disk_reserve: u64::MAX, ..Settings::default() });
    assert_eq!(waiting(&s), 1, "there is no room to merge");
    assert!(s.row(ProfileId(7)).is_some());
    assert_eq!(seen(&s, 0..32), looked, "reads go on, snapshots with them");
    let refused = s.update(ProfileId(7), json!({"CustomerType": "Business"}));
    assert!(matches!(&refused, Err(StoreError::NotKept(why)) if why.contains("make room")), "{refused:?}");
    let s = s.reopen();
    assert_eq!(waiting(&s), 0);
    s.update(ProfileId(7), json!({"CustomerType": "Business"})).unwrap();
    assert_eq!(s.problems(), [""; 0]);
}

#[test]
fn what_ends_something_is_kept_beside_a_change_that_finds_no_room_to_merge() {
    let s = Sandbox::new();
    assert!(import(&s, wishes(all(0..30), by_crm)).unwrap().iter().all(Result::is_ok));
    let s = s.reopen_with(Settings { disk_reserve: u64::MAX, ..Settings::default() });
    // A function that lasts until the others are waiting behind it.
    let (go, wait) = std::sync::mpsc::channel();
    let held = s.store.writer().run_upkeep(move |_| {
        wait.recv().unwrap();
        Ok(())
    });
    let change = s.store.write(
        s.account.no,
        author(),
        Change::Update(Target::Id(ProfileId(7)), input(json!({"CustomerType": "Business"}))),
    );
    let ending = s.store.writer().run_upkeep(|tx| {
        let (dbs, txn) = tx.write();
        dbs.meta.put(txn, b"ended", b"").unwrap();
        Ok(())
    });
    go.send(()).unwrap();
    block_on(held).unwrap();
    assert!(matches!(block_on(change), Err(StoreError::NotKept(_))));
    block_on(ending).unwrap();
}
