//! Compacting: nothing deleted is left, everything else is as it was, and nobody works in a file that is being exchanged.

use super::*;

fn alone(s: Sandbox) -> Result<Sandbox, StoreError> {
    let Sandbox { store, account, clock, dir } = s;
    drop(store);
    let store = Store::open(dir.path(), Role::Alone, Arc::clone(&clock) as Arc<dyn Clock>)?;
    Ok(Sandbox { store, account, clock, dir })
}

fn compact(s: Sandbox) -> Sandbox {
    let Sandbox { store, account, clock, dir } = alone(s).unwrap();
    store.compact(&mut |_, _| {}).unwrap();
    let store = Store::open(dir.path(), Role::Command, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
    Sandbox { store, account, clock, dir }
}

fn mentions(file: &std::path::Path, text: &str) -> bool {
    std::fs::read(file).unwrap().windows(text.len()).any(|w| w.eq_ignore_ascii_case(text.as_bytes()))
}

#[test]
fn what_is_not_deleted_is_as_it_was() {
    let s = Sandbox::new();
    let ids: Vec<_> = (0..300).map(|n| s.create(somebody(n))).collect();
    s.advance(HOUR);
    s.update(ids[5], json!({"CustomerType": "Business"})).unwrap();
    for id in &ids[100..200] {
        s.delete(*id).unwrap();
    }
    let rows: Vec<_> = ids.iter().map(|id| s.row(*id).map(|row| row.row)).collect();
    let s = compact(s);
    assert_eq!(s.problems(), [""; 0]);
    assert!(ids.iter().map(|id| s.row(*id).map(|row| row.row)).eq(rows));
    assert!(s.store.tombstone(s.account.no, ids[150]).unwrap().is_some());
    assert!(s.create(somebody(900)) > ids[299], "ids go on where they were");
    assert_eq!(s.problems(), [""; 0]);
}

#[test]
fn nothing_that_was_deleted_is_left_in_the_file() {
    let s = Sandbox::new();
    // Small rows share pages; what is deleted between others leaves its bytes there.
    let ids: Vec<_> =
        (0..300).map(|n| s.create(json!({"CustomerName": {"FirstName": format!("Person{n:03}x")}}))).collect();
    for id in ids.iter().skip(1).step_by(2) {
        s.delete(*id).unwrap();
    }
    let found = |file: &std::path::Path| -> Vec<usize> {
        (0..300).filter(|n| mentions(file, &format!("Person{n:03}x"))).collect()
    };
    let file = s.dir.path().join("data.mdb");
    assert!(found(&file).len() > 150, "deleting alone leaves remains");
    let s = compact(s);
    assert_eq!(found(&file), (0..300).step_by(2).collect::<Vec<_>>());
    assert_eq!(s.problems(), [""; 0]);
}

#[test]
fn a_tag_that_only_a_deleted_person_had_is_forgotten() {
    let s = Sandbox::new();
    let tagged = |tag: &str| json!({"ProfileTags": [{"Name": tag}]});
    let (ann, bob) = (s.create(tagged("friend of ann")), s.create(tagged("friend of bob")));
    s.delete(ann).unwrap();
    let s = compact(compact(s));
    let file = s.dir.path().join("data.mdb");
    assert!(!mentions(&file, "friend of ann") && mentions(&file, "friend of bob"));
    let again = s.create(tagged("friend of ann"));
    assert_eq!(s.problems(), [""; 0]);
    assert!(s.row(again).is_some() && s.row(bob).is_some());
}

#[test]
fn who_compacts_has_the_directory_alone() {
    let s = Sandbox::new();
    let open = |role| Store::open(s.dir.path(), role, Arc::clone(&s.clock) as Arc<dyn Clock>).err();
    let refused = open(Role::Alone);
    assert!(matches!(&refused, Some(StoreError::Locked(why)) if why.contains("another command")), "{refused:?}");
    let s = alone(s).unwrap();
    let open = |role| Store::open(s.dir.path(), role, Arc::clone(&s.clock) as Arc<dyn Clock>).err();
    for role in [Role::Command, Role::Server] {
        let refused = open(role);
        assert!(matches!(&refused, Some(StoreError::Locked(why)) if why.contains("being compacted")), "{refused:?}");
    }
    // Every moment at which it may break off: what it has made so far is there under another name.
    std::fs::create_dir(s.dir.path().join("compact.tmp")).unwrap();
    std::fs::write(s.dir.path().join("compact.tmp/data.mdb"), "half a file").unwrap();
    let s = s.reopen();
    assert_eq!(s.problems(), [""; 0]);
    assert!(!s.dir.path().join("compact.tmp").exists());
}

#[test]
fn without_room_for_a_copy_nothing_is_begun() {
    let s = Sandbox::new();
    let id = s.create(somebody(1));
    let Sandbox { store, account, clock, dir } = s;
    drop(store);
    let open = |role, disk_reserve| {
        let clock = Arc::clone(&clock) as Arc<dyn Clock>;
        Store::open_with(dir.path(), role, clock, Settings { disk_reserve, ..Settings::default() }).unwrap()
    };
    let target = tempfile::tempdir().unwrap();
    let full = |e: StoreError| matches!(&e, StoreError::NotCopied(why) if why.contains("there is no room"));
    let store = open(Role::Command, u64::MAX);
    assert!(full(store.backup(&target.path().join("copy"), &mut |_, _| {}).unwrap_err()));
    assert_eq!(target.path().read_dir().unwrap().count(), 0, "nothing of it is there");
    drop(store);
    assert!(full(open(Role::Alone, u64::MAX).compact(&mut |_, _| {}).unwrap_err()));
    let store = open(Role::Command, 0);
    assert!(store.profile(account.no, id).unwrap().is_some());
}

#[test]
fn what_only_a_removed_contact_had_is_in_use_after_a_compaction_and_comes_back_with_it() {
    let s = Sandbox::new();
    let granted =
        json!([{"ConsentType": "SmsTerms", "ConsentVersion": "2023-01", "Locale": "en_US", "ConsentStatus": 1}]);
    let phone = json!({"PhoneNumbers": [{
        "PhoneType": "Mobile", "PhoneNumber": "404 555 0100", "IsMobile": true, "Consents": granted,
        "PhoneNumberPreferences": [{"FilterId": "OFFERS-TEXT", "PreferenceType": 1}],
    }]});
    let id = s.create(phone);
    s.write(Change::Replace(Target::Id(id), input(json!({})))).unwrap();
    let s = compact(compact(s));
    // Nothing but the profile asks for them.
    let unasked = || {
        let mut configuration = configuration();
        configuration.segments.clear();
        configuration.segment_groups.clear();
        configuration
    };
    let mut without = unasked();
    for filter in without.programs.iter_mut().flat_map(|p| &mut p.filters) {
        filter.required_consents.clear();
    }
    without.consent_types.retain(|kind| kind.type_name != "SmsTerms");
    let refused = |configuration| match s.store.apply_configuration(s.account.no, configuration) {
        Err(StoreError::RefusedAll(refusals)) => {
            refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        }
        other => panic!("a refusal was expected, not {other:?}"),
    };
    assert!(refused(without).contains("profiles carry SmsTerms"));
    let mut without = unasked();
    without.programs.iter_mut().for_each(|p| p.filters.retain(|f| f.id != "OFFERS-TEXT"));
    assert!(refused(without).contains("profiles carry OFFERS-TEXT"));
    let phone = json!({"PhoneNumbers": [{"PhoneType": "Mobile", "PhoneNumber": "404 555 0100", "IsMobile": true}]});
    s.update(id, phone).unwrap();
    let row = s.row(id).unwrap();
    let returned = &row.kept.profile.phone_numbers[0];
    assert_eq!((&*returned.preferences[0].filter_id, returned.consents.len()), ("OFFERS-TEXT", 1));
    assert_eq!(s.problems(), [""; 0]);
}
