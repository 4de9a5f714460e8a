//! What the check finds that no checksum shows.

use std::sync::Arc;

use sayso_model::{
    change::Changed,
    config::{Configuration, TypeDef},
    id::Author,
    input::parse_profile,
};

use super::*;
use crate::{Role, SystemClock, profiles::Expected, write};

#[test]
fn an_alternate_id_that_two_profiles_have_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Role::Command, Arc::new(SystemClock)).unwrap();
    let crm = TypeDef { type_name: "CRM".into(), localized_fields: vec![], is_default: false, is_active: true };
    let configuration = Configuration { alternate_id_types: vec![crm], ..Configuration::default() };
    let account = store.create_account("DEMO", configuration).unwrap();
    let person = |id: &str| {
        let json = format!(r#"{{"AlternateIds": [{{"AlternateIdType": "CRM", "AlternateId": "{id}"}}]}}"#);
        parse_profile(json.as_bytes()).unwrap()
    };
    let author = Author { user_id: "Admin".into(), source_id: None };
    for answer in store.load(account.no, &author, vec![person("C-1"), person("C-2")]).unwrap() {
        answer.unwrap();
    }
    assert_eq!(store.check(&mut |_| {}).unwrap().problems, [""; 0]);

    // As only a fault in the program could write it.
    let written = store.writer().run_blocking(move |tx| {
        let (dbs, txn) = tx.read();
        let first = rows::get(dbs, txn, account.no, ProfileId(1))?.unwrap();
        let first = Entries::of(account.no, &first.profile()?, first.modified);
        let (dbs, txn) = tx.write();
        dbs.by_key.delete(txn, &first.keys[0]).unwrap();
        write::existing(tx, &account, &author, ProfileId(2), &Expected::default(), |mut kept, now| {
            kept.profile.alternate_ids[0].alternate_id = "c-1".into();
            Arc::make_mut(&mut kept.profile.edited).last_modified_date = now;
            Ok(Some(Changed { kept, former: Vec::new(), declined: 0 }.into()))
        })?;
        let (dbs, txn) = tx.write();
        dbs.by_key.put(txn, &first.keys[0], &[]).or_engine()
    });
    written.unwrap();
    let problems = store.check(&mut |_| {}).unwrap().problems;
    assert_eq!(problems, ["account 1: the profiles 1 and 2 have the same alternate id"]);
}
