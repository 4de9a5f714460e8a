//! Bulk load: one answer for each input, a refused one leaves the others, and what is loaded is as if it had been written.

use super::*;
use crate::{
    load::{Claim, Claims},
    profiles::Key,
    tx::Tx,
};

fn load(s: &Sandbox, profiles: Vec<Value>) -> Vec<Result<ProfileId, StoreError>> {
    let batch = profiles.into_iter().map(|p| *input(p)).collect();
    s.store.load(s.account.no, &author(), batch).unwrap()
}

#[test]
fn a_refusal_in_the_middle_leaves_the_others_and_no_gap() {
    let s = Sandbox::new();
    s.create(somebody(100));
    let answers = load(
        &s,
        vec![
            somebody(1),
            json!({"CustomerType": "Martian"}),
            somebody(2),
            somebody(100), // taken in the account
            somebody(1),   // taken in the batch
            somebody(3),
        ],
    );
    let ids: Vec<_> = answers.iter().flatten().copied().collect();
    assert_eq!(ids, [2, 3, 4].map(ProfileId));
    let refused: Vec<_> = answers.into_iter().filter(Result::is_err).map(|r| why(r).0).collect();
    assert_eq!(refused, [Why::Unknown, Why::Conflict, Why::Conflict]);
    assert_eq!(s.row(ProfileId(3)).unwrap().kept.profile.emails[0].email_address, "ann2@example.org");
    assert_eq!(s.problems(), [""; 0]);
    assert_eq!(s.create(somebody(4)), ProfileId(5));
}

#[test]
fn a_refused_profile_does_not_claim_its_alternate_ids() {
    let s = Sandbox::new();
    let taken = json!({"AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": "X"}, {"AlternateIdType": "Loyalty", "AlternateId": "L"}]});
    let first = json!({"AlternateIds": [{"AlternateIdType": "Loyalty", "AlternateId": "L"}]});
    let last = json!({"AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": "X"}]});
    let answers = load(&s, vec![first, taken, last]);
    assert!(answers[0].is_ok() && answers[2].is_ok());
    assert!(why(answers.into_iter().nth(1).unwrap()).1.starts_with("AlternateIds[1].AlternateId"));
}

fn sampled(profiles: std::ops::Range<u64>) -> Vec<ProfileInput> {
    let sampler = sayso_sample::Sampler::new(7);
    let parsed = profiles.map(|n| {
        let mut line = Vec::new();
        sampler.profile(n, &mut line);
        parse_profile(&line).unwrap()
    });
    parsed.collect()
}

/// Puts each batch in several pieces, prepared before the first of them is put, and leaves it to others to merge.
fn load_alone(s: &Sandbox, batches: Vec<Vec<ProfileInput>>) -> Vec<Result<ProfileId, StoreError>> {
    let loader = s.store.loader(s.account.no, &author(), false).unwrap();
    let prepare = |mut batch: Vec<ProfileInput>| {
        let second = batch.split_off(batch.len() / 3);
        vec![loader.prepare(batch).unwrap(), loader.prepare(second).unwrap()]
    };
    let prepared: Vec<_> = batches.into_iter().map(prepare).collect();
    prepared.into_iter().flat_map(|batch| loader.put(batch).unwrap().expect("nobody else writes")).collect()
}

#[test]
fn loaded_profiles_are_as_if_they_had_been_created() {
    let (loaded, alone, created) = (Sandbox::new(), Sandbox::new(), Sandbox::new());
    // In two batches, so that the second meets terms and alternate ids of the first.
    for batch in [sampled(0..120), sampled(120..200)] {
        for answer in loaded.store.load(loaded.account.no, &author(), batch).unwrap() {
            answer.unwrap();
        }
    }
    let answers = load_alone(&alone, vec![sampled(0..120), sampled(120..200)]);
    assert_eq!(
        answers.into_iter().map(Result::unwrap).collect::<Vec<_>>(),
        (1..=200).map(ProfileId).collect::<Vec<_>>()
    );
    for input in sampled(0..200) {
        created.write(Change::Create(Box::new(input))).unwrap();
    }
    for other in [&loaded, &alone] {
        assert_eq!((other.problems(), created.problems()), (vec![], vec![]));
        for id in (1..=200).map(ProfileId) {
            let (a, b) = (other.row(id).unwrap(), created.row(id).unwrap());
            assert_eq!((a.row, a.kept, a.next_expiry, a.modified), (b.row, b.kept, b.next_expiry, b.modified));
        }
        assert_eq!(*other.snapshot().terms(), *created.snapshot().terms());
        let email = other.row(ProfileId(150)).unwrap().kept.profile.emails.first().map(|e| e.email_address.clone());
        let key = Key::Email { kind: None, address: email.unwrap() };
        assert_eq!(other.store.find(other.account.no, &key).unwrap(), [ProfileId(150)]);
    }
}

/// How many runs wait.
fn waiting(s: &Sandbox) -> u64 {
    let engine = &s.store.shared().engine;
    engine.dbs.pending.len(&engine.read().unwrap()).unwrap() / 2
}

fn inputs(profiles: Vec<Value>) -> Vec<ProfileInput> {
    profiles.into_iter().map(|p| *input(p)).collect()
}

#[test]
fn an_alternate_id_whose_entry_still_waits_is_taken() {
    let s = Sandbox::new();
    s.create(somebody(100));
    let first = inputs((0..9).map(somebody).collect());
    let second =
        inputs(vec![somebody(100), somebody(9), somebody(5), json!({"CustomerType": "Martian"}), somebody(10)]);
    let answers = load_alone(&s, vec![first, second]);
    assert_eq!(waiting(&s), 2);
    let whys: Vec<_> = answers.into_iter().skip(9).map(|a| a.map_err(|e| why(Err::<(), _>(e)))).collect();
    assert!(matches!(&whys[0], Err((Why::Conflict, text)) if text.contains("profile 1 ")), "{whys:?}");
    assert_eq!(whys[1], Ok(ProfileId(11)));
    assert!(matches!(&whys[2], Err((Why::Conflict, text)) if text.contains("profile 7 ")), "{whys:?}");
    assert!(matches!(&whys[3], Err((Why::Unknown, _))), "{whys:?}");
    assert_eq!(whys[4], Ok(ProfileId(12)));
    assert_eq!(s.problems(), [""; 0]);
}

#[test]
fn alternate_ids_that_look_alike_to_a_load_are_told_apart() {
    let s = Sandbox::new();
    s.create(somebody(1));
    s.create(somebody(2));
    // Hashes of which a load keeps the same part.
    let (one, mut two) = ([0; 20], [0; 20]);
    two[10] = 1;
    let tx = Tx::begin(s.store.shared()).unwrap();
    let mut claims = Claims::default();
    let mut claim = |hash, id, profile| {
        let claim = Claim { hash, kind: 0..3, id, place: 0 };
        let refusal = claims.claim(&tx, s.account.no, &[claim], "CRMC-1C-2", ProfileId(profile)).unwrap();
        refusal.map(|refusal| refusal.message)
    };
    assert_eq!((claim(one, 3..6, 1), claim(two, 6..9, 2)), (None, None));
    for (hash, id, owner) in [(one, 3..6, "profile 1 has"), (two, 6..9, "profile 2 has")] {
        let refusal = claim(hash, id, 3).expect("it is taken");
        assert!(refusal.contains(owner), "{refusal}");
    }
}

#[test]
fn entries_that_wait_are_found_by_whoever_opens_the_directory_and_by_whoever_writes() {
    let key = |n: u64| Key::AlternateId { kind: None, id: format!("C-{n}") };
    let s = Sandbox::new();
    load_alone(&s, vec![inputs((0..40).map(somebody).collect()), inputs((40..60).map(somebody).collect())]);
    assert_eq!(waiting(&s), 2);
    let s = s.reopen();
    assert_eq!(waiting(&s), 0);
    assert_eq!(s.store.find(s.account.no, &key(55)).unwrap(), [ProfileId(56)]);

    load_alone(&s, vec![inputs((60..90).map(somebody).collect())]);
    assert_eq!(waiting(&s), 1);
    assert_eq!(why(s.write(Change::Create(input(somebody(77))))).0, Why::Conflict);
    assert_eq!(waiting(&s), 0);
    s.delete(ProfileId(78)).unwrap();
    assert_eq!(s.create(somebody(77)), ProfileId(91));
    assert_eq!(s.problems(), [""; 0]);
}

#[test]
fn a_batch_is_given_back_when_something_moved_since_it_was_prepared() {
    let s = Sandbox::new();
    let loader = s.store.loader(s.account.no, &author(), false).unwrap();
    let prepare = |n: u64| vec![loader.prepare(inputs(vec![somebody(n)])).unwrap()];
    let first = prepare(1);
    assert_eq!(loader.put(first).unwrap().unwrap().len(), 1);

    // a change that was stamped later than this one says it was
    let stamped = prepare(2);
    s.advance(1);
    s.create(somebody(3));
    assert!(loader.put(stamped).unwrap().is_none());
    assert!(loader.put(prepare(2)).unwrap().is_some());

    // another configuration
    let configured = prepare(4);
    let mut changed = configuration();
    changed.programs[0].filters[0].opt_in_expiration_in_days = Some(3);
    s.store.apply_configuration(s.account.no, changed).unwrap();
    assert!(loader.put(configured).unwrap().is_none());
    assert!(loader.put(prepare(4)).unwrap().is_some());

    // a server that started
    let beside = prepare(5);
    let server = crate::lock::Lock::server(s.dir.path()).unwrap();
    assert!(loader.put(beside).unwrap().is_none());
    drop(server);
    assert!(loader.put(prepare(5)).unwrap().is_some());
    loader.finish().unwrap();
    assert_eq!(waiting(&s), 0);
    assert_eq!(s.problems(), [""; 0]);
}

#[test]
fn a_batch_that_fails_at_a_merge_leaves_nothing_and_one_that_was_answered_stays() {
    let s = Sandbox::new();
    let mut loader = s.store.loader(s.account.no, &author(), false).unwrap();
    loader.most_claims = 10;
    let put = |people: std::ops::Range<u64>| {
        let batch = vec![loader.prepare(inputs(people.map(somebody).collect())).unwrap()];
        loader.put(batch).map(|answers| answers.expect("nobody else writes").len())
    };
    assert_eq!(put(0..20).unwrap(), 20);
    assert_eq!(waiting(&s), 1, "its answer waits for no merge");
    assert_eq!(put(20..40).unwrap(), 20);
    assert_eq!(waiting(&s), 1, "the first was merged before the second was put");
    // A merge that can't be.
    let engine = &s.store.shared().engine;
    let mut txn = engine.env.write_txn().unwrap();
    let (key, sealed) = engine.dbs.pending.first(&txn).unwrap().map(|(key, run)| (key.to_vec(), run.to_vec())).unwrap();
    let broken: Vec<u8> = sealed.iter().map(|byte| byte ^ 1).collect();
    engine.dbs.pending.put(&mut txn, &key, &broken).unwrap();
    txn.commit().unwrap();
    assert!(matches!(put(40..60), Err(StoreError::Damaged(_))));
    assert!(s.row(ProfileId(40)).is_some() && s.row(ProfileId(41)).is_none(), "nothing of it is there");
    let mut txn = engine.env.write_txn().unwrap();
    engine.dbs.pending.put(&mut txn, &key, &sealed).unwrap();
    txn.commit().unwrap();
    assert_eq!(put(40..60).unwrap(), 20);
    loader.finish().unwrap();
    assert_eq!(s.problems(), [""; 0]);
}

#[test]
fn two_loads_at_once_see_each_others_alternate_ids() {
    let s = Sandbox::new();
    let (a, b) = (
        s.store.loader(s.account.no, &author(), false).unwrap(),
        s.store.loader(s.account.no, &author(), false).unwrap(),
    );
    for round in 0..4 {
        let (of_a, of_b) = (10 * round, 10 * round + 1);
        // Of each batch the second is one that the other load has put just before (at first, the batch itself).
        for (loader, fresh, taken) in [(&a, of_a, if round == 0 { of_a } else { of_b - 10 }), (&b, of_b, of_a)] {
            let batch = inputs(vec![somebody(fresh), somebody(taken)]);
            let answers = loader.put(vec![loader.prepare(batch).unwrap()]).unwrap().unwrap();
            assert!(answers[0].is_ok(), "{round}: {answers:?}");
            assert!(answers[1].is_err(), "{round}: {answers:?}");
        }
    }
    assert_eq!(s.problems(), [""; 0]);
}

#[test]
fn a_merge_in_many_parts_that_is_broken_off_or_too_late_does_no_harm() {
    let s = Sandbox::new();
    load_alone(&s, (0..6).map(|n| sampled(100 * n..100 * n + 100)).collect());
    let shared = s.store.shared();
    // Broken off: some of the entries are there.
    let engine = &shared.engine;
    let started = engine.read().unwrap();
    let some: Vec<Vec<u8>> = engine
        .dbs
        .pending
        .iter(&started)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|(key, _)| key.last() == Some(&0))
        .flat_map(|(_, sealed)| sealed[4..].chunks(33).step_by(3).map(<[u8]>::to_vec).collect::<Vec<_>>())
        .collect();
    let mut txn = engine.env.write_txn().unwrap();
    for key in some {
        engine.dbs.by_key.put(&mut txn, &key, &[]).unwrap();
    }
    txn.commit().unwrap();
    // Too late: whoever merges with an old view of what waits may not bring back what was deleted since.
    crate::pending::merge(shared, &engine.read().unwrap(), 1).unwrap();
    assert_eq!(waiting(&s), 0);
    for id in [3, 250, 599].map(ProfileId) {
        s.delete(id).unwrap();
    }
    crate::pending::merge(shared, &started, 1).unwrap();
    drop(started);
    assert_eq!(s.problems(), [""; 0]);
}

#[test]
fn accounts_are_loaded_beside_one_another() {
    let s = Sandbox::new();
    let other = s.store.create_account("OTHER", configuration()).unwrap();
    for round in 0..3 {
        for account in [other.no, s.account.no] {
            let batch = (0..5).map(|n| *input(somebody(10 * round + n))).collect();
            let answers = s.store.load(account, &author(), batch).unwrap();
            let ids: Vec<_> = answers.into_iter().map(|a| a.unwrap().0).collect();
            assert_eq!(ids, (5 * round + 1..=5 * round + 5).collect::<Vec<_>>());
        }
    }
    assert_eq!(s.problems(), [""; 0]);
}

#[test]
fn an_empty_batch_and_one_of_refusals_write_nothing() {
    let s = Sandbox::new();
    assert_eq!(load(&s, vec![]).len(), 0);
    assert_eq!(load(&s, vec![json!({"CustomerType": "Martian"})]).len(), 1);
    assert_eq!(s.create(somebody(1)), ProfileId(1));
}
