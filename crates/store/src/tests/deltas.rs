//! A copy that is kept by deltas equals the source: what was written, what was deleted, and what expired by itself.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sayso_model::{moment::round_up, reading, render};

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Create(u64),
    Tag(usize, u8),
    OptIn(usize, &'static str),
    Delete(usize),
    Pass(i64),
    /// Take the delta since the last one.
    Sync,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..1_000u64).prop_map(Step::Create),
        3 => (any::<usize>(), any::<u8>()).prop_map(|(who, tag)| Step::Tag(who, tag % 5)),
        2 => (any::<usize>(), prop::sample::select(vec!["NEWS-EMAIL", "OFFERS-EMAIL"])).prop_map(|(who, f)| Step::OptIn(who, f)),
        1 => any::<usize>().prop_map(Step::Delete),
        3 => prop_oneof![Just(0), 1..12i64, Just(HOUR), Just(DAY), Just(DAY - 1), Just(-HOUR)].prop_map(Step::Pass),
        2 => Just(Step::Sync),
    ]
}

type Copy = BTreeMap<ProfileId, Vec<u8>>;

/// How a profile reads at the moment of a snapshot, as an export would write it.
fn reads(snapshot: &Snapshot, id: ProfileId) -> Option<Vec<u8>> {
    let row = snapshot.row(id).unwrap()?;
    let profile = reading::read(&row.kept, snapshot.config(), &Default::default(), snapshot.moment());
    Some(render::render(&profile).json)
}

fn whole(snapshot: &Snapshot) -> Copy {
    let mut copy = Copy::new();
    snapshot
        .for_each_facts::<StoreError>(0..u64::MAX, &mut |id, _| {
            copy.insert(id, reads(snapshot, id).unwrap());
            Ok(())
        })
        .unwrap();
    copy
}

/// Applies what changed since a moment; gives how many profiles that were.
fn apply_delta(copy: &mut Copy, snapshot: &Snapshot, since: Moment) -> usize {
    snapshot
        .for_each_tombstone::<StoreError>(&mut |t| {
            if round_up(t.deleted_date) >= round_up(since) {
                copy.remove(&t.profile_id);
            }
            Ok(())
        })
        .unwrap();
    let ids = changed(snapshot, since);
    for id in &ids {
        copy.insert(*id, reads(snapshot, *id).unwrap());
    }
    ids.len()
}

/// One step of a history; profiles are picked from those made so far.
fn take(s: &Sandbox, ids: &mut Vec<ProfileId>, step: &Step) {
    let pick = |who: &usize| (!ids.is_empty()).then(|| ids[who % ids.len()]);
    match step {
        Step::Create(n) => ids.extend(s.write(Change::Create(input(somebody(*n)))).map(|w| w.id)),
        Step::Tag(who, tag) => {
            pick(who).map(|id| s.update(id, json!({"ProfileTags": [{"Name": format!("t{tag}")}]})).ok());
        }
        Step::OptIn(who, filter) => {
            let preference = json!({"FilterId": filter, "PreferenceType": 1});
            let email =
                json!({"EmailAddressType": "Home", "EmailAddress": "b@example.org", "EmailPreferences": [preference]});
            pick(who).map(|id| s.update(id, json!({"Emails": [email]})).ok());
        }
        Step::Delete(who) => {
            pick(who).map(|id| s.delete(id).ok());
        }
        Step::Pass(ms) => s.advance(*ms),
        Step::Sync => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_copy_kept_by_deltas_equals_the_source(steps in prop::collection::vec(step(), 1..60)) {
        let s = Sandbox::new();
        let first = s.snapshot();
        let (mut copy, mut since) = (whole(&first), first.moment());
        let mut ids = Vec::new();
        for step in steps.iter().chain([&Step::Sync]) {
            take(&s, &mut ids, step);
            if matches!(step, Step::Sync) {
                let snapshot = s.snapshot();
                apply_delta(&mut copy, &snapshot, since);
                prop_assert_eq!(&copy, &whole(&snapshot));
                since = snapshot.moment();
            }
        }
        prop_assert_eq!(s.problems(), [""; 0]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    /// The same while others write and time passes under the reader.
    #[test]
    fn a_copy_kept_by_deltas_misses_nothing_under_concurrent_writers(
        plans in prop::collection::vec(prop::collection::vec(step(), 10..40), 3)
    ) {
        let s = Sandbox::new();
        let first = s.snapshot();
        let (mut copy, mut since) = (whole(&first), first.moment());
        std::thread::scope(|scope| {
            let writers: Vec<_> = plans
                .iter()
                .map(|plan| {
                    let s = &s;
                    scope.spawn(move || {
                        let mut ids = Vec::new();
                        plan.iter().for_each(|step| take(s, &mut ids, step));
                    })
                })
                .collect();
            let mut last = false;
            while !last {
                last = writers.iter().all(|w| w.is_finished());
                let snapshot = s.snapshot();
                apply_delta(&mut copy, &snapshot, since);
                assert_eq!(copy, whole(&snapshot));
                since = snapshot.moment();
            }
        });
        prop_assert_eq!(s.problems(), [""; 0]);
    }
}

#[test]
fn what_expired_since_is_in_the_delta_though_nobody_wrote_it() {
    let s = Sandbox::new();
    let id = s.create(somebody(1));
    s.advance(10 * HOUR);
    let since = s.snapshot().moment();
    assert_eq!(changed(&s.snapshot(), since), []);
    s.advance(DAY - 10 * HOUR - 1);
    assert_eq!(changed(&s.snapshot(), since), [], "a millisecond before it expires");
    s.advance(1);
    let snapshot = s.snapshot();
    assert_eq!(changed(&snapshot, since), [id]);
    assert!(String::from_utf8(reads(&snapshot, id).unwrap()).unwrap().contains("Expired"));
    s.advance(HOUR);
    assert_eq!(changed(&s.snapshot(), s.snapshot().moment()), [], "it expired before this delta");
}

#[test]
fn both_sides_are_rounded_as_the_vendor_rounds() {
    let s = Sandbox::new();
    // Stamped at .001 of a second, which rounds to .003.
    s.advance(1);
    let id = s.create(somebody(1));
    let since = |ms: i64| changed(&s.snapshot(), Moment(START + ms));
    assert_eq!(since(0), [id]);
    assert_eq!(since(1), [id]);
    assert_eq!(since(2), [id], ".002 rounds to .003, too");
    assert_eq!(since(3), []);
    let at = |moment: i64| changed(&s.snapshot(), Moment(moment));
    assert_eq!(at(i64::MIN), [id]);
    assert_eq!(at(i64::MAX), []);
}
