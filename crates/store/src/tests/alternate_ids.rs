//! An alternate id belongs to one profile, and a profile can be addressed by it.

use super::*;

fn crm(id: &str) -> Value {
    json!({"AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": id}]})
}

fn by_crm(id: &str) -> Target {
    Target::AlternateId { kind: "crm".into(), id: id.into() }
}

fn upsert(s: &Sandbox, id: &str, profile: Value) -> Result<Written, StoreError> {
    s.write(Change::Upsert { kind: "CRM".into(), id: id.into(), input: input(profile) })
}

#[test]
fn a_second_claim_is_a_conflict_that_names_path_and_value() {
    let s = Sandbox::new();
    s.create(crm("A-1"));
    let two = json!({"AlternateIds": [{"AlternateIdType": "Loyalty", "AlternateId": "A-1"}, {"AlternateIdType": "crm", "AlternateId": "a-1"}]});
    let (kind, text) = why(s.write(Change::Create(input(two))));
    assert_eq!(kind, Why::Conflict);
    assert!(text.starts_with("AlternateIds[1].AlternateId: ") && text.contains("`a-1`"), "{text}");
    // In another type the same id is free.
    s.create(json!({"AlternateIds": [{"AlternateIdType": "Loyalty", "AlternateId": "A-1"}]}));
    let other = s.create(crm("B-2"));
    assert_eq!(why(s.update(other, crm("A-1"))).0, Why::Conflict);
    s.update(other, crm("b-2")).unwrap();
    assert_eq!(s.problems(), [""; 0]);
}

#[test]
fn of_two_concurrent_claims_one_wins() {
    let s = Sandbox::new();
    for round in 0..10 {
        let claims: Vec<_> = (0..6)
            .map(|_| s.store.write(s.account.no, author(), Change::Create(input(crm(&format!("R-{round}"))))))
            .collect();
        let results: Vec<_> = claims.into_iter().map(block_on).collect();
        assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 1);
        for refused in results.into_iter().filter(Result::is_err) {
            assert_eq!(why(refused).0, Why::Conflict);
        }
    }
}

#[test]
fn an_upsert_creates_once_and_then_updates() {
    let s = Sandbox::new();
    let made = upsert(&s, "U-1", json!({"CustomerType": "Business"})).unwrap();
    assert!(made.created);
    assert_eq!(s.row(made.id).unwrap().kept.profile.alternate_ids[0].alternate_id, "U-1");
    let changed = upsert(&s, "u-1", json!({"ProfileTags": [{"Name": "x"}]})).unwrap();
    assert!(!changed.created);
    assert_eq!(changed.id, made.id);
    let profile = s.row(made.id).unwrap().kept.profile;
    assert_eq!((profile.alternate_ids.len(), profile.profile_tags.len()), (1, 1));
}

#[test]
fn a_profile_is_changed_and_deleted_by_its_alternate_id() {
    let s = Sandbox::new();
    let id = s.create(crm("A-1"));
    s.write(Change::Update(by_crm("A-1"), input(json!({"CustomerType": "Business"})))).unwrap();
    assert_eq!(s.row(id).unwrap().kept.profile.customer_type.as_deref(), Some("Business"));
    assert_eq!(s.write(Change::Delete(by_crm("a-1"), None)).unwrap().id, id);
    assert_eq!(why(s.write(Change::Delete(by_crm("A-1"), None))).0, Why::Unknown);
    // Its id is free again.
    s.create(crm("A-1"));
}

#[test]
fn an_alternate_id_type_that_is_not_configured_is_unknown() {
    let s = Sandbox::new();
    let target = Target::AlternateId { kind: "Passport".into(), id: "1".into() };
    let (kind, text) = why(s.write(Change::Update(target, input(json!({})))));
    assert_eq!(kind, Why::Unknown);
    assert!(text.contains("Passport"));
}

#[test]
fn a_deactivated_profile_is_reached_by_its_profile_id_only() {
    let s = Sandbox::new();
    let id = s.create(crm("A-1"));
    s.update(id, json!({"IsActive": false})).unwrap();
    assert_eq!(why(s.write(Change::Update(by_crm("A-1"), input(json!({}))))).0, Why::Unknown);
    assert_eq!(why(upsert(&s, "A-1", json!({}))).0, Why::Conflict, "the id is still taken");
    s.update(id, json!({"IsActive": true})).unwrap();
    s.write(Change::Update(by_crm("A-1"), input(json!({})))).unwrap();
}
