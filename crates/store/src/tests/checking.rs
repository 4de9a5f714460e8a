//! `check` is silent about what is sound, whatever happened before, and names what is broken.

use proptest::prelude::*;
use sayso_model::id::AccessToken;

use super::*;
use crate::{
    engine::{Db, OrEngine},
    keys, meta, seal,
};

/// Changes a database behind the store's back.
pub(super) fn tamper(s: &Sandbox, f: impl FnOnce(&crate::engine::Databases, &mut heed::RwTxn<'_>) + Send + 'static) {
    let done = s.store.writer().run_blocking(move |tx| {
        let (dbs, txn) = tx.write();
        f(dbs, txn);
        Ok(())
    });
    done.unwrap();
}

/// The one problem that is found.
fn problem(s: &Sandbox) -> String {
    let problems = s.problems();
    assert_eq!(problems.len(), 1, "{problems:#?}");
    problems.into_iter().next().unwrap()
}

fn first_key(db: Db, txn: &heed::RwTxn<'_>) -> Vec<u8> {
    db.first(txn).unwrap().unwrap().0.to_vec()
}

#[test]
fn a_flipped_byte_in_a_row_is_found_wherever_it_is() {
    let s = Sandbox::new();
    let id = s.create(somebody(1));
    s.create(somebody(2));
    for at in [0, 5, 20, 300, usize::MAX] {
        let key = keys::profile(s.account.no, id);
        let flip = move |dbs: &crate::engine::Databases, txn: &mut heed::RwTxn<'_>| {
            let mut bytes = dbs.rows.get(txn, &key).unwrap().unwrap().to_vec();
            let last = bytes.len() - 1;
            bytes[at.min(last)] ^= 1;
            dbs.rows.put(txn, &key, &bytes).unwrap();
        };
        tamper(&s, flip);
        assert!(problem(&s).contains("profile 1 doesn't have its checksum"));
        assert!(matches!(s.store.profile(s.account.no, id), Err(StoreError::Damaged(_))));
        let read = s.snapshot().for_each_row::<StoreError>(&mut [id].into_iter(), &mut |_| Ok(()));
        assert!(matches!(read, Err(StoreError::Damaged(_))), "no damaged byte is exported");
        tamper(&s, flip);
        assert_eq!(s.problems(), [""; 0]);
    }
}

#[test]
fn damage_to_one_row_stops_writes_to_no_other() {
    let s = Sandbox::new();
    let (broken, sound) = (s.create(somebody(1)), s.create(somebody(2)));
    let key = keys::profile(s.account.no, broken);
    tamper(&s, move |dbs, txn| dbs.rows.put(txn, &key, b"nonsense").unwrap());
    let writes = [broken, sound].map(|id| {
        s.store.write(
            s.account.no,
            author(),
            Change::Update(Target::Id(id), input(json!({"CustomerType": "Business"}))),
        )
    });
    let [first, second] = writes.map(block_on);
    assert!(matches!(first, Err(StoreError::Damaged(_))), "{first:?}");
    second.unwrap();
}

#[test]
fn a_missing_index_entry_is_found_in_every_index() {
    for name in ["by_key", "by_modified", "by_expiry"] {
        let s = Sandbox::new();
        s.create(somebody(1));
        s.create(somebody(2));
        tamper(&s, move |dbs, txn| {
            let (_, db) = dbs.all().into_iter().find(|(n, _)| *n == name).unwrap();
            let key = first_key(db, txn);
            assert!(db.delete(txn, &key).unwrap());
        });
        assert!(problem(&s).contains(&format!("an entry of {name} is missing")));
    }
}

#[test]
fn a_stray_index_entry_is_found_of_a_profile_that_is_there_and_of_one_that_is_not() {
    for (id, name) in [(1, "by_key"), (9, "by_key"), (1, "by_modified"), (9, "by_expiry")] {
        let s = Sandbox::new();
        s.create(somebody(1));
        let no = s.account.no;
        tamper(&s, move |dbs, txn| {
            let (_, db) = dbs.all().into_iter().find(|(n, _)| *n == name).unwrap();
            let key = match name {
                "by_key" => keys::value(
                    no,
                    keys::Kind::Email,
                    &keys::claim(keys::Kind::Email, &["x@example.org", "home"]),
                    ProfileId(id),
                )
                .to_vec(),
                _ => keys::moment(no, Moment(START + 77), ProfileId(id)).to_vec(),
            };
            db.put(txn, &key, &[]).unwrap();
        });
        assert!(problem(&s).contains(&format!("profile {id}: an entry of {name} that no row wants")));
    }
}

#[test]
fn a_missing_and_a_stray_entry_do_not_hide_one_another() {
    let s = Sandbox::new();
    s.create(somebody(1));
    let no = s.account.no;
    tamper(&s, move |dbs, txn| {
        let key = first_key(dbs.by_key, txn);
        dbs.by_key.delete(txn, &key).unwrap();
        dbs.by_key
            .put(
                txn,
                &keys::value(no, keys::Kind::Email, &keys::claim(keys::Kind::Email, &["x", "home"]), ProfileId(1)),
                &[],
            )
            .unwrap();
    });
    assert_eq!(s.problems().len(), 2);
}

#[test]
fn facts_that_are_missing_or_of_another_row_are_found() {
    let s = Sandbox::new();
    let (one, two) = (s.create(somebody(1)), s.create(json!({})));
    let no = s.account.no;
    tamper(&s, move |dbs, txn| {
        let facts = dbs.facts.get(txn, &keys::profile(no, two)).unwrap().unwrap().to_vec();
        dbs.facts.put(txn, &keys::profile(no, one), &facts).unwrap();
    });
    assert!(problem(&s).contains("profile 1: its facts aren't those of its row"));
    tamper(&s, move |dbs, txn| assert!(dbs.facts.delete(txn, &keys::profile(no, one)).unwrap()));
    assert!(problem(&s).contains("profile 1: has no facts"));
}

#[test]
fn a_row_beside_a_tombstone_a_history_without_a_row_and_ids_that_would_come_again_are_found() {
    let s = Sandbox::new();
    let (one, two) = (s.create(somebody(1)), s.create(somebody(2)));
    s.delete(two).unwrap();
    let no = s.account.no;
    tamper(&s, move |dbs, txn| {
        let row = dbs.rows.get(txn, &keys::profile(no, one)).unwrap().unwrap().to_vec();
        let tombstone =
            sayso_model::profile::Tombstone { profile_id: one, deleted_date: Moment(START), reason_code: None };
        dbs.tombstones.put(txn, &keys::profile(no, one), &seal::seal_json(&tombstone).unwrap()).unwrap();
        dbs.history.put(txn, &keys::history(no, two, 9, Moment(START), 0), &row).unwrap();
        let mut numbers = meta::numbers(dbs, txn, no).unwrap().unwrap();
        numbers.next_profile = 2;
        meta::put_numbers(dbs, txn, no, numbers).unwrap();
    });
    let problems = s.problems().join("\n");
    for words in [
        "both a row and a tombstone",
        "a history but no row",
        "history of kind 9",
        "deleted profile 2 would be given again",
    ] {
        assert!(problems.contains(words), "{words} isn't in\n{problems}");
    }
}

#[test]
fn a_broken_dictionary_is_found() {
    let s = Sandbox::new();
    s.create(somebody(1));
    let no = s.account.no;
    tamper(&s, move |dbs, txn| {
        let text = dbs.terms.get(txn, &keys::term(no, 0)).unwrap().unwrap().to_vec();
        dbs.terms.put(txn, &keys::term(no, 1), &text).unwrap();
    });
    assert!(s.problems().iter().any(|p| p.contains("twice")));
    tamper(&s, move |dbs, txn| assert!(dbs.terms.delete(txn, &keys::term(no, 1)).unwrap()));
    assert!(s.problems().iter().any(|p| p.contains("no term 1")));
}

#[test]
fn damage_to_small_records_is_found() {
    for name in ["config", "access", "exports", "meta", "tombstones"] {
        let s = Sandbox::new();
        let id = s.create(somebody(1));
        s.delete(id).unwrap();
        s.store.create_client(s.account.no, "Admin").unwrap();
        let (no, token) = (s.account.no, AccessToken(5));
        block_on(s.store.export_records(move |r| r.put(no, token, b"a job"))).unwrap();
        tamper(&s, move |dbs, txn| {
            let (_, db) = dbs.all().into_iter().find(|(n, _)| *n == name).unwrap();
            // The account's numbers come first in meta, its record in config.
            let key = first_key(db, txn);
            let mut bytes = db.get(txn, &key).unwrap().unwrap().to_vec();
            bytes[5] ^= 1;
            db.put(txn, &key, &bytes).unwrap();
        });
        let s = s.reopen();
        let problems = s.problems();
        assert!(problems.iter().any(|p| p.contains("checksum")), "{name}: {problems:?}");
    }
}

#[test]
fn entries_of_no_account_are_found() {
    let s = Sandbox::new();
    tamper(&s, |dbs, txn| {
        let key = keys::moment(sayso_model::id::AccountNo(77), Moment(1), ProfileId(1));
        dbs.by_modified.put(txn, &key, &[]).or_engine().unwrap();
    });
    assert!(problem(&s).contains("by_modified has 1 entries, of which 0 belong to an account"));
}

#[test]
fn a_change_of_the_configuration_makes_nothing_look_wrong() {
    let s = Sandbox::new();
    s.create(json!({"CustomFields": [{"Name": "Interests", "Value": "Books::Pets"}, {"Name": "Age", "Value": "30"}]}));
    let mut configuration = configuration();
    configuration.picklists[0].values.push("Chess".into());
    configuration.custom_fields.retain(|f| f.name != "FavoriteStore");
    s.store.apply_configuration(s.account.no, configuration).unwrap();
    s.create(json!({"CustomFields": [{"Name": "Interests", "Value": "Chess"}]}));
    assert_eq!(s.problems(), [""; 0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn whatever_is_written_checks_clean(
        steps in prop::collection::vec((0..5u8, any::<u64>(), -HOUR..DAY), 1..40)
    ) {
        let s = Sandbox::new();
        let mut next = 0;
        let mut made = 0;
        for (what, n, ms) in steps {
            s.advance(ms);
            let id = ProfileId(n % (made + 1) + 1);
            match what {
                0 => { s.write(Change::Create(input(somebody(n % 50)))).ok().inspect(|_| made += 1); }
                1 => { s.update(id, somebody(n % 60)).ok(); }
                2 => { s.delete(id).ok(); }
                3 => { s.update(id, json!({"Emails": [{"EmailAddressType": "Home", "EmailAddress": format!("ann{}@example.org", n % 50),
                        "EmailPreferences": [{"FilterId": "NEWS-EMAIL", "PreferenceType": n % 2 + 1}]}]})).ok(); }
                _ => {
                    let batch = (0..n % 4).map(|_| { next += 1; *input(somebody(100 + next % 70)) }).collect();
                    made += s.store.load(s.account.no, &author(), batch).unwrap().iter().flatten().count() as u64;
                }
            }
        }
        let report = s.store.check(&mut |_| {}).unwrap();
        prop_assert_eq!(&report.problems, &[""; 0]);
        prop_assert_eq!(report.profiles + report.tombstones, made);
    }
}

#[test]
fn the_record_of_an_import_that_is_damaged_stands_for_itself_alone() {
    let s = Sandbox::new();
    let no = s.account.no;
    let put = |n: u8| s.store.imports_blocking(move |tx| tx.put((no, AccessToken(n.into())), &[n])).unwrap();
    [1, 2].into_iter().for_each(put);
    tamper(&s, move |dbs, txn| {
        dbs.imports.put(txn, &keys::small::import(no, AccessToken(1)), b"nonsense").unwrap();
    });
    let is_sound = |(_, token): (_, AccessToken), record: Result<&[u8], StoreError>| (token.0, record.is_ok());
    assert_eq!(s.store.all_import_records(is_sound).unwrap(), [(1, false), (2, true)]);
    assert!(problem(&s).contains("the record of an import doesn't have its checksum"));
}
