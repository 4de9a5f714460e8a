//! Bulk load: one answer for each input, a refused one leaves the others, and what is loaded is as if it had been written.

use super::*;
use crate::profiles::Key;

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

#[test]
fn loaded_profiles_are_as_if_they_had_been_created() {
    let sampler = sayso_sample::Sampler::new(7);
    let lines: Vec<Vec<u8>> = (0..200)
        .map(|n| {
            let mut line = Vec::new();
            sampler.profile(n, &mut line);
            line
        })
        .collect();
    let parsed = || lines.iter().map(|line| parse_profile(line).unwrap());
    let (loaded, created) = (Sandbox::new(), Sandbox::new());
    // In two batches, so that the second meets terms and alternate ids of the first.
    let mut batch: Vec<_> = parsed().collect();
    let second = batch.split_off(120);
    for batch in [batch, second] {
        for answer in loaded.store.load(loaded.account.no, &author(), batch).unwrap() {
            answer.unwrap();
        }
    }
    for input in parsed() {
        created.write(Change::Create(Box::new(input))).unwrap();
    }
    assert_eq!((loaded.problems(), created.problems()), (vec![], vec![]));
    for id in (1..=200).map(ProfileId) {
        let (a, b) = (loaded.row(id).unwrap(), created.row(id).unwrap());
        assert_eq!((a.row, a.kept, a.next_expiry, a.modified), (b.row, b.kept, b.next_expiry, b.modified));
    }
    assert_eq!(*loaded.snapshot().terms(), *created.snapshot().terms());
    let email = loaded.row(ProfileId(150)).unwrap().kept.profile.emails.first().map(|e| e.email_address.clone());
    let key = Key::Email { kind: None, address: email.unwrap() };
    assert_eq!(loaded.store.find(loaded.account.no, &key).unwrap(), [ProfileId(150)]);
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
