use super::*;

const EVERYTHING: Refresh = Refresh::ALL;

fn try_import(kept: &Kept, input: &Value, manner: Manner) -> Result<Changed, Refusal> {
    let input = parse_profile(input.to_string().as_bytes())?;
    import(kept.clone(), &input, &manner, &config(), &author("imp"), LATER)
}

fn refreshing(refresh: Refresh) -> Manner {
    Manner { refresh, allow_prior_consents: false }
}

fn full() -> Kept {
    made(json!({
        "AlternateIds": [{ "AlternateIdType": "CRM", "AlternateId": "C-1" }],
        "Emails": [email(json!({ "EmailPreferences": [says("NEWS", 1)] }))],
        "PhoneNumbers": [phone(json!({}))],
        "Groups": [{ "GroupType": "Household", "GroupName": "Smith" }],
        "ProfileTags": [{ "Name": "vip" }],
        "CustomFields": [{ "Name": "Note", "Value": "a" }, { "Name": "Last", "Value": "b" }],
    }))
}

#[test]
fn without_refresh_flags_it_is_a_partial_update() {
    let kept = full();
    let by_import = try_import(&kept, &json!({ "IsActive": false }), Manner::default()).unwrap();
    assert_eq!(by_import.kept.profile.emails, kept.profile.emails);
    assert_eq!(by_import.kept.profile.custom_fields, kept.profile.custom_fields);
    assert!(!by_import.kept.profile.is_active);
}

#[test]
fn each_refresh_flag_removes_its_kind_and_no_other() {
    let kept = full();
    type Is = fn(&Profile) -> bool;
    let kinds: [(Refresh, Is); 5] = [
        (Refresh { alternate_ids: true, ..Refresh::default() }, |p| p.alternate_ids.is_empty()),
        (Refresh { contacts: true, ..Refresh::default() }, |p| p.emails.is_empty() && p.phone_numbers.is_empty()),
        (Refresh { custom_fields: true, ..Refresh::default() }, |p| p.custom_fields.iter().all(|f| f.name == "Last")),
        (Refresh { groups: true, ..Refresh::default() }, |p| p.groups.is_empty()),
        (Refresh { tags: true, ..Refresh::default() }, |p| p.profile_tags.is_empty()),
    ];
    for (i, (refresh, _)) in kinds.iter().enumerate() {
        let after = try_import(&kept, &json!({}), refreshing(*refresh)).unwrap().kept.profile;
        let gone: Vec<bool> = kinds.iter().map(|(_, is_gone)| is_gone(&after)).collect();
        let only: Vec<bool> = (0..kinds.len()).map(|n| n == i).collect();
        assert_eq!(gone, only, "{refresh:?}");
    }
}

#[test]
fn a_refresh_keeps_what_the_record_names_with_what_hangs_on_it() {
    let kept = full();
    let sent = json!({ "Emails": [email(json!({}))], "ProfileTags": [{ "Name": "VIP" }] });
    let after = try_import(&kept, &sent, refreshing(EVERYTHING)).unwrap().kept;
    assert_eq!(after.profile.emails, kept.profile.emails, "its preferences stay: only the contact was looked at");
    assert_eq!(after.profile.profile_tags, kept.profile.profile_tags);
    assert!(after.profile.phone_numbers.is_empty());
}

#[test]
fn preferences_of_a_contact_that_goes_follow_preserve_preferences() {
    let mut kept = full();
    let after = try_import(&kept, &json!({}), refreshing(EVERYTHING)).unwrap().kept;
    assert_eq!((after.extras.preserved_preferences.len(), after.extras.archived.len()), (1, 0));
    kept.profile.preserve_preferences = false;
    let after = try_import(&kept, &json!({}), refreshing(EVERYTHING)).unwrap().kept;
    assert_eq!((after.extras.preserved_preferences.len(), after.extras.archived.len()), (0, 1));
}

#[test]
fn a_change_that_an_update_rule_declines_is_counted() {
    let kept = made(json!({ "CustomFields": [{ "Name": "First", "Value": "a" }, { "Name": "Last", "Value": "b" }] }));
    let declined = |fields: Value, refresh| {
        try_import(&kept, &json!({ "CustomFields": fields }), refreshing(refresh)).unwrap().declined
    };
    let none = Refresh::default();
    assert_eq!(declined(json!([{ "Name": "First", "Value": "c" }, { "Name": "Last", "Value": "" }]), none), 2);
    assert_eq!(declined(json!([{ "Name": "First", "Value": "a" }, { "Name": "Last", "Value": "c" }]), none), 0);
    assert_eq!(declined(json!([]), EVERYTHING), 2, "neither may be cleared");
}

#[test]
fn a_preference_tied_to_an_older_consent_version_is_refused_unless_prior_consents_are_allowed() {
    let version = |v: &str| with(consent("Marketing", 1), json!({ "ConsentVersion": v }));
    let promo =
        |more: Value| json!({ "Emails": [email(json!({ "EmailPreferences": [with(says("PROMO", 1), more)] }))] });
    let kept = made(json!({ "Consents": [version("2")] }));
    let tied = |v: &str| promo(json!({ "Consents": [{ "ConsentType": "marketing", "ConsentVersion": v }] }));
    let refusal = try_import(&kept, &tied("1"), Manner::default()).unwrap_err();
    assert_eq!(refusal.path, "Emails[0].EmailPreferences[0].Consents[0].ConsentVersion");
    assert!(refusal.message.contains("AllowPriorConsents"), "{refusal}");
    let allowed = Manner { allow_prior_consents: true, ..Manner::default() };
    assert_eq!(try_import(&kept, &tied("1"), allowed).unwrap().kept.profile.emails[0].preferences.len(), 1);
    try_import(&kept, &tied("2"), Manner::default()).unwrap();

    let mut sets_back = promo(json!({}));
    sets_back["Consents"] = json!([version("1")]);
    let refusal = try_import(&kept, &sets_back, Manner::default()).unwrap_err();
    assert_eq!(refusal.path, "Emails[0].EmailPreferences[0]");
    try_import(&kept, &sets_back, allowed).unwrap();
    let out = |more: Value| json!({ "Emails": [email(json!({ "EmailPreferences": [with(says("PROMO", 2), more)] }))] });
    let mut withdraws = out(json!({}));
    withdraws["Consents"] = json!([with(version("1"), json!({ "ConsentStatus": 3 }))]);
    for withdrawal in [withdraws, out(json!({ "Consents": [version("1")] }))] {
        let after = try_import(&kept, &withdrawal, Manner::default()).expect("an opt-out stands on no consent").kept;
        assert_eq!(filters(&after.profile.emails[0].preferences), [("PROMO", 2)]);
    }
    // The Data API has no such rule: what stands in a preference's Consents is read-only there.
    try_update(&kept, &tied("1")).unwrap();
}

#[test]
fn checked_alone_a_record_may_need_a_consent_that_comes_before_it_but_nothing_that_is_wrong_in_itself() {
    let check = |current: Option<&Kept>, input: Value| {
        let input = parse_profile(input.to_string().as_bytes()).unwrap();
        check(current.cloned(), &input, &Manner::default(), &config(), &author("imp"), LATER)
    };
    check(None, json!({ "Emails": [email(json!({ "EmailPreferences": [says("PROMO", 1)] }))] })).unwrap();
    let unknown = check(None, json!({ "Emails": [email(json!({ "EmailPreferences": [says("NONE", 1)] }))] }));
    assert_eq!(unknown.unwrap_err().path, "Emails[0].EmailPreferences[0].FilterId");
    let off = json!({ "CustomFields": [{ "Name": "Nick", "Value": "too long" }] });
    assert_eq!(check(None, off.clone()).unwrap_err().path, "CustomFields[0].Value");
    let mut has = full();
    has.profile.custom_fields[0] =
        crate::profile::CustomFieldValue { name: "Nick".into(), value: Some("too long".into()) };
    check(Some(&has), off).expect("as it was read it needn't be what would be taken now");
}

#[test]
fn new_profiles_of_an_import_have_its_date_and_their_own_stamp() {
    let input = parse_profile(json!({ "Emails": [email(json!({}))] }).to_string().as_bytes()).unwrap();
    let kept = import_new(&input, ProfileId(7), &Manner::default(), &config(), &author("imp"), LATER, NOW).unwrap();
    let edited = [&kept.profile.edited, &kept.profile.emails[0].edited];
    assert!(edited.iter().all(|e| (e.create_date, e.last_modified_date) == (NOW, LATER)));
}
