//! A change that was prepared is put when it is what the transaction would have made, and made anew when it isn't: whatever happens in
//! between, the outcome is the same.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::AtomicBool,
};

use proptest::prelude::*;
use sayso_model::{change::Part, input::ActivationInput, patch::parse_patch};

use super::*;
use crate::{
    engine::OrEngine,
    profiles::{Expected, State},
    write,
};

/// A change that was prepared, or was to be.
struct Ready {
    change: Change,
    expected: Expected,
    prepared: Option<write::Prepared>,
}

impl Sandbox {
    fn prepare(&self, change: Change) -> Ready {
        self.prepare_if(change, Expected::default())
    }

    fn prepare_if(&self, change: Change, expected: Expected) -> Ready {
        let prepared = write::prepare(self.store.shared(), self.account.no, &author(), &change, &expected);
        Ready { change, expected, prepared }
    }

    /// Applies it; whether what was prepared held.
    fn put(&self, ready: Ready) -> (Result<Written, StoreError>, bool) {
        let no = self.account.no;
        let held = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&held);
        let written = self.store.writer().run_on_profiles_blocking(move |tx| {
            let Ready { change, expected, prepared } = ready;
            let account = tx.account(no)?;
            let holds = prepared.as_ref().map(|p| p.holds(tx, &account, &change)).transpose()?;
            told.store(holds == Some(true), SeqCst);
            write::apply_prepared(tx, no, &author(), &change, &expected, prepared)
        });
        (written, held.load(SeqCst))
    }

    fn expect_held(&self, ready: Ready) -> Written {
        let (written, held) = self.put(ready);
        assert!(held, "what was prepared should have held");
        written.unwrap()
    }

    fn expect_made_anew(&self, ready: Ready) -> Result<Written, StoreError> {
        assert!(ready.prepared.is_some(), "nothing was prepared");
        let (written, held) = self.put(ready);
        assert!(!held, "what was prepared shouldn't have held");
        written
    }

    /// Everything that the store has of profiles.
    pub(super) fn everything(&self) -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
        let engine = &self.store.shared().engine;
        let txn = engine.read().unwrap();
        let mut all = Vec::new();
        for (name, db) in engine.dbs.all() {
            // What else there is says when and in how many steps things were done.
            if ["audit", "config", "access", "exports"].contains(&name) {
                continue;
            }
            for entry in db.iter(&txn).or_engine().unwrap() {
                let (key, value) = entry.unwrap();
                all.push((name, key.to_vec(), value.to_vec()));
            }
        }
        all
    }
}

fn update(id: ProfileId, change: Value) -> Change {
    Change::Update(Target::Id(id), input(change))
}

fn crm(n: u64) -> Target {
    Target::AlternateId { kind: "CRM".into(), id: format!("c-{n}") }
}

fn has_crm(n: u64) -> Value {
    json!({"AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": format!("C-{n}")}]})
}

fn tagged(tag: &str) -> Value {
    json!({"ProfileTags": [{"Name": tag}]})
}

fn tags(s: &Sandbox, id: ProfileId) -> Vec<String> {
    s.row(id).unwrap().kept.profile.profile_tags.into_iter().map(|tag| tag.name).collect()
}

#[test]
fn what_nothing_came_between_is_put_as_it_was_prepared() {
    let s = Sandbox::new();
    let id = s.create(somebody(1));
    let ready = s.prepare(update(id, tagged("new")));
    let at = s.store.clock().now();
    s.advance(3);
    // Others in front of it don't matter, their later stamps neither.
    let other = s.write(Change::Create(input(somebody(2)))).unwrap();
    let written = s.expect_held(ready);
    assert_eq!((written.id, written.moment), (id, at));
    assert!(written.moment < other.moment);
    assert_eq!((tags(&s, id), s.row(id).unwrap().modified), (vec!["new".to_owned()], at));
    // The last stamp doesn't go back with it.
    s.advance(-3);
    assert_eq!(s.update(other.id, tagged("x")).unwrap().moment, other.moment);
    assert_eq!(s.problems(), [""; 0]);
}

#[test]
fn a_row_that_has_changed_is_read_again() {
    let s = Sandbox::new();
    let id = s.create(somebody(1));
    let first = s.prepare(update(id, tagged("first")));
    let second = s.prepare(Change::Update(crm(1), input(tagged("second"))));
    s.expect_held(first);
    s.expect_made_anew(second).unwrap();
    assert_eq!(tags(&s, id), ["first", "second"]);
    assert_eq!(s.problems(), [""; 0]);
}

#[test]
fn a_changed_configuration_decides_anew() {
    let s = Sandbox::new();
    let id = s.create(somebody(1));
    let mut more = configuration();
    let mut kind = more.customer_types[0].clone();
    (kind.type_name, kind.is_default) = ("Charity".into(), false);
    more.customer_types.push(kind);
    s.store.apply_configuration(s.account.no, more).unwrap();
    let ready = s.prepare(update(id, json!({"CustomerType": "Charity"})));
    let late = s.prepare(update(id, tagged("late")));
    s.store.apply_configuration(s.account.no, configuration()).unwrap();
    assert_eq!(why(s.expect_made_anew(ready)).0, Why::Unknown);
    s.expect_made_anew(late).unwrap();
    assert_eq!(s.problems(), [""; 0]);
}

#[test]
fn a_snapshot_that_was_taken_meanwhile_asks_for_a_later_stamp() {
    let s = Sandbox::new();
    let id = s.create(somebody(1));
    let ready = s.prepare(update(id, tagged("late")));
    let new = s.prepare(Change::Create(input(somebody(2))));
    s.advance(20);
    let snapshot = s.snapshot();
    let late = s.expect_made_anew(ready).unwrap();
    let new = s.expect_made_anew(new).unwrap();
    assert!(late.moment >= snapshot.moment() && new.moment >= snapshot.moment());
    assert_eq!(changed(&s.snapshot(), snapshot.moment()), [id, new.id]);

    // One of the same moment is no hindrance, over a restart neither.
    s.advance(20);
    let ready = s.prepare(update(id, tagged("in time")));
    let moment = s.snapshot().moment();
    assert_eq!(s.expect_held(ready).moment, moment);
    drop(snapshot);
    let s = s.reopen();
    s.advance(-DAY);
    let ready = s.prepare(update(id, tagged("after")));
    assert!(s.expect_held(ready).moment >= moment);
    assert_eq!(changed(&s.snapshot(), moment), [id]);
}

#[test]
fn an_alternate_id_that_another_has_claimed_meanwhile_is_refused() {
    let s = Sandbox::new();
    let (first, second) = (s.create(json!({})), s.create(json!({})));
    let (one, other) = (s.prepare(update(first, has_crm(7))), s.prepare(update(second, has_crm(7))));
    let new = s.prepare(Change::Create(input(has_crm(7))));
    let before = s.row(second).unwrap().row;
    s.expect_held(one);
    let (refused, _) = s.put(other);
    let (refused, text) = why(refused);
    assert_eq!(refused, Why::Conflict);
    assert!(text.starts_with("AlternateIds[0].AlternateId"), "{text}");
    assert_eq!(s.row(second).unwrap().row, before);
    assert_eq!(why(s.put(new).0).0, Why::Conflict);
    assert_eq!(s.create(json!({})), ProfileId(3), "a refused one takes no number");
    assert_eq!(s.problems(), [""; 0]);
}

#[test]
fn who_is_named_by_an_alternate_id_is_who_has_it_at_the_write() {
    let s = Sandbox::new();
    let id = s.create(somebody(1));
    let ready = |tag: &str| s.prepare(Change::Update(crm(1), input(tagged(tag))));
    let held = s.expect_held(ready("a"));
    assert_eq!(held.id, id);

    let (late, whole) = (ready("b"), s.prepare(Change::Replace(crm(1), input(tagged("whole")))));
    s.write(Change::Activate(Target::Id(id), false, ActivationInput::default())).unwrap();
    assert_eq!(why(s.expect_made_anew(late)).0, Why::Unknown);
    assert_eq!(why(s.expect_made_anew(whole)).0, Why::Unknown);
    s.write(Change::Activate(Target::Id(id), true, ActivationInput::default())).unwrap();

    let late = ready("c");
    s.write(Change::Replace(Target::Id(id), input(json!({})))).unwrap();
    let owner = s.create(has_crm(1));
    assert_eq!(s.expect_made_anew(late).unwrap().id, owner);
    assert_eq!(s.problems(), [""; 0]);
}

#[test]
fn a_profile_that_was_deleted_meanwhile_is_unknown() {
    let s = Sandbox::new();
    let id = s.create(somebody(1));
    let ready = s.prepare(update(id, tagged("late")));
    s.delete(id).unwrap();
    assert_eq!(why(s.expect_made_anew(ready)).0, Why::Unknown);
    assert!(s.row(id).is_none());
    assert_eq!(s.problems(), [""; 0]);
}

#[test]
fn an_expected_state_is_the_one_that_is_there_at_the_write() {
    let s = Sandbox::new();
    let id = s.create(somebody(1));
    let version = s.store.ready(s.account.no, &Target::Id(id), false).unwrap().unwrap().version();
    let expected = || Expected { state: Some(State::OneOf(vec![version])), none: false };
    let ready = || s.prepare_if(update(id, tagged("mine")), expected());
    let (first, second) = (ready(), ready());
    s.expect_held(first);
    assert_eq!(why(s.expect_made_anew(second)).0, Why::Stale);
    assert!(ready().prepared.is_none(), "a refusal is the writer's");
    assert_eq!(why(s.put(ready()).0).0, Why::Stale);
}

#[test]
fn of_two_who_make_one_by_its_alternate_id_the_second_changes_it() {
    let s = Sandbox::new();
    let upsert = |tag: &str| Change::Upsert { kind: "CRM".into(), id: "C-1".into(), input: input(tagged(tag)) };
    let (first, second) = (s.prepare(upsert("a")), s.prepare(upsert("b")));
    let first = s.expect_held(first);
    let second = s.expect_made_anew(second).unwrap();
    assert!(first.created && !second.created);
    assert_eq!((first.id, tags(&s, first.id)), (second.id, vec!["a".to_owned(), "b".to_owned()]));
    // By then it is there.
    s.expect_held(s.prepare(upsert("c")));
    assert_eq!(s.problems(), [""; 0]);
}

#[test]
fn rows_that_take_long_are_left_to_the_writer() {
    let s = Sandbox::new();
    let text = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_string();
    let all: Vec<_> = (0..300).map(|n| json!({"Name": format!("{} {}", text(n), text(n + 1000))})).collect();
    let id = s.create(json!({"ProfileTags": all}));
    assert!(s.prepare(update(id, tagged("x"))).prepared.is_none());
    // One that is small only packed takes as long.
    let alike: Vec<_> = (0..650).map(|n| json!({"Name": format!("{}{n}", "a".repeat(97))})).collect();
    let id_of_alike = s.create(json!({"ProfileTags": alike}));
    assert!(s.prepare(update(id_of_alike, tagged("x"))).prepared.is_none());
    // Much that is brought, too, whoever it is for.
    let one = s.create(json!({}));
    for (things, is_prepared) in [(100, true), (101, false)] {
        let tags: Vec<_> = (0..things).map(|n| json!({"Name": n.to_string()})).collect();
        let operations: Vec<_> =
            (0..things).map(|n| json!({"op": "replace", "path": "/DefaultLocale", "value": n.to_string()})).collect();
        let patch = parse_patch(json!(operations).to_string().as_bytes()).unwrap();
        for change in [
            Change::Create(input(json!({"ProfileTags": tags}))),
            update(one, json!({"ProfileTags": tags})),
            Change::Patch(Target::Id(one), Box::new(patch)),
        ] {
            assert_eq!(s.prepare(change).prepared.is_some(), is_prepared, "{things}");
        }
    }
    s.update(id, tagged("x")).unwrap();
    assert_eq!(tags(&s, id).len(), 301);
}

/// What somebody may do; who it is about is picked from those made so far.
#[derive(Debug, Clone)]
enum Wish {
    Tag(u8),
    Claim(u64),
    Opt(&'static str, u8),
    Replace(u64),
    Patch(u8),
    Preferences(u8),
    Activate(bool),
    Untag(u8),
    Delete,
    Create(u64),
    Upsert(u64, u8),
}

impl Wish {
    fn change(&self, target: Target) -> Change {
        let named = |n: &u8| format!("t{}", n % 6);
        let home = |address: &str, filter: &str, choice: u8| {
            let preference = json!({"FilterId": filter, "PreferenceType": 1 + choice % 2});
            json!({"Emails": [{"EmailAddressType": "Home", "EmailAddress": address, "EmailPreferences": [preference]}]})
        };
        match self {
            Wish::Tag(n) => Change::Update(target, input(tagged(&named(n)))),
            Wish::Claim(n) => Change::Update(target, input(has_crm(*n))),
            Wish::Opt(filter, choice) => Change::Update(target, input(home("b@example.org", filter, *choice))),
            Wish::Replace(n) => Change::Replace(target, input(somebody(*n))),
            Wish::Patch(n) => {
                let patch = json!([{"op": "add", "path": "/CustomerName/LastName", "value": named(n)}]);
                Change::Patch(target, Box::new(parse_patch(patch.to_string().as_bytes()).unwrap()))
            }
            Wish::Preferences(n) => {
                let part = json!({"ProfilePreferences": [{"FilterId": "NEWS-EMAIL", "PreferenceType": 1 + n % 2}]});
                Change::UpdatePart(target, Part::Preferences, input(part))
            }
            Wish::Activate(is_active) => Change::Activate(target, *is_active, ActivationInput::default()),
            Wish::Untag(n) => Change::Untag(target, named(n)),
            Wish::Delete => Change::Delete(target, None),
            Wish::Create(n) => Change::Create(input(somebody(*n))),
            Wish::Upsert(n, tag) => {
                Change::Upsert { kind: "CRM".into(), id: format!("C-{n}"), input: input(tagged(&named(tag))) }
            }
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// Something is prepared, and done later.
    Prepare(u64, bool, Wish),
    /// One of those that wait is done.
    Put(prop::sample::Index),
    /// Something is done at once.
    Do(u64, Wish),
    Configure,
    Snapshot,
    Pass(i64),
}

fn wish() -> impl Strategy<Value = Wish> {
    prop_oneof![
        4 => any::<u8>().prop_map(Wish::Tag),
        2 => (0..6u64).prop_map(Wish::Claim),
        2 => (prop::sample::select(vec!["NEWS-EMAIL", "OFFERS-EMAIL"]), any::<u8>()).prop_map(|(f, c)| Wish::Opt(f, c)),
        1 => (0..6u64).prop_map(Wish::Replace),
        1 => any::<u8>().prop_map(Wish::Patch),
        1 => any::<u8>().prop_map(Wish::Preferences),
        1 => any::<bool>().prop_map(Wish::Activate),
        1 => any::<u8>().prop_map(Wish::Untag),
        1 => Just(Wish::Delete),
        2 => (0..6u64).prop_map(Wish::Create),
        2 => (0..6u64, any::<u8>()).prop_map(|(n, tag)| Wish::Upsert(n, tag)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..6u64, any::<bool>(), wish()).prop_map(|(who, named, wish)| Step::Prepare(who, named, wish)),
        6 => any::<prop::sample::Index>().prop_map(Step::Put),
        2 => (0..6u64, wish()).prop_map(|(who, wish)| Step::Do(who, wish)),
        1 => Just(Step::Configure),
        1 => Just(Step::Snapshot),
        2 => prop_oneof![1..30i64, Just(-5), Just(HOUR), Just(DAY)].prop_map(Step::Pass),
    ]
}

/// Who is meant: by number or by alternate id.
fn target(who: u64, named: bool) -> Target {
    if named { crm(who) } else { Target::Id(ProfileId(1 + who)) }
}

fn outcome(result: Result<Written, StoreError>) -> Result<Written, String> {
    result.map_err(|e| e.to_string())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Changes that are prepared at some time and put at another leave, byte for byte, what they leave when all is done in the
    /// transaction. The clock stands, so that both give the same stamps.
    #[test]
    fn prepared_early_or_not_the_store_holds_the_same(steps in prop::collection::vec(step(), 1..60)) {
        let (s, plain) = (Sandbox::new(), Sandbox::new());
        let mut waiting: Vec<Ready> = Vec::new();
        let mut versions = 0;
        for step in steps {
            match step {
                Step::Prepare(who, named, wish) => waiting.push(s.prepare(wish.change(target(who, named)))),
                Step::Put(at) => {
                    if waiting.is_empty() {
                        continue;
                    }
                    let ready = waiting.swap_remove(at.index(waiting.len()));
                    let other = Ready { change: ready.change.clone(), expected: Expected::default(), prepared: None };
                    prop_assert_eq!(outcome(s.put(ready).0), outcome(plain.put(other).0));
                }
                Step::Do(who, wish) => {
                    let change = wish.change(target(who, false));
                    let other = Ready { change: change.clone(), expected: Expected::default(), prepared: None };
                    prop_assert_eq!(outcome(s.write(change)), outcome(plain.put(other).0));
                }
                Step::Configure => {
                    versions += 1;
                    let mut configuration = configuration();
                    configuration.programs[0].filters[0].opt_in_expiration_in_days = Some(versions);
                    for s in [&s, &plain] {
                        s.store.apply_configuration(s.account.no, configuration.clone()).unwrap();
                    }
                }
                Step::Snapshot => {
                    prop_assert_eq!(s.snapshot().moment(), plain.snapshot().moment());
                }
                Step::Pass(_) => {}
            }
        }
        prop_assert_eq!(s.everything(), plain.everything());
        prop_assert_eq!(s.problems(), [""; 0]);
    }

    /// While time passes, and goes back: every snapshot's delta has all that was put since, and stamps of one profile never go back.
    #[test]
    fn prepared_early_or_late_no_delta_misses_it(steps in prop::collection::vec(step(), 1..60)) {
        let s = Sandbox::new();
        let mut waiting: Vec<Ready> = Vec::new();
        let (mut modified, mut rows) = (BTreeMap::new(), BTreeMap::new());
        let (mut since, mut changed) = (s.snapshot().moment(), BTreeSet::new());
        for step in steps.into_iter().chain([Step::Snapshot]) {
            let written = match step {
                Step::Prepare(who, named, wish) => {
                    waiting.push(s.prepare(wish.change(target(who, named))));
                    continue;
                }
                Step::Put(_) if waiting.is_empty() => continue,
                Step::Put(at) => s.put(waiting.swap_remove(at.index(waiting.len()))).0,
                Step::Do(who, wish) => s.write(wish.change(target(who, false))),
                Step::Configure => continue,
                Step::Pass(ms) => {
                    s.advance(ms);
                    continue;
                }
                Step::Snapshot => {
                    let snapshot = s.snapshot();
                    let delta = super::changed(&snapshot, since);
                    for id in std::mem::take(&mut changed) {
                        prop_assert!(delta.contains(&id) || snapshot.row(id).unwrap().is_none(), "{} is missing", id);
                    }
                    since = snapshot.moment();
                    continue;
                }
            };
            let Ok(Written { id, moment, .. }) = written else { continue };
            let Some(row) = s.row(id) else { continue };
            prop_assert_eq!(row.modified, moment);
            let former = rows.insert(id, row.row.json.clone()).filter(|former| *former == row.row.json);
            prop_assert!(modified.insert(id, moment).is_none_or(|before| before <= moment));
            if former.is_none() {
                changed.insert(id);
            }
        }
        prop_assert_eq!(s.problems(), [""; 0]);
    }
}
