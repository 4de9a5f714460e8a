use super::*;

#[test]
fn the_customer_type_and_locale_are_the_accounts_when_omitted() {
    let p = made(json!({})).profile;
    assert_eq!((p.customer_type.as_deref(), p.default_locale.as_deref()), (Some("Person"), Some("en_US")));
    let kept = made(json!({ "CustomerType": "company", "DefaultLocale": "fr_CA" }));
    assert_eq!(kept.profile.customer_type.as_deref(), Some("Company"), "the configured spelling is kept");
    assert_eq!(kept.profile.default_locale.as_deref(), Some("fr_CA"));
    let p = changed(&kept, json!({ "CustomerType": null, "DefaultLocale": null })).kept.profile;
    assert_eq!((p.customer_type.as_deref(), p.default_locale.as_deref()), (Some("Person"), Some("en_US")));
}

#[test]
fn null_clears_a_part_of_the_name() {
    let kept = made(json!({ "CustomerName": { "FirstName": "Ann", "LastName": "Lee" } }));
    let p = changed(&kept, json!({ "CustomerName": { "FirstName": null } })).kept.profile;
    assert_eq!((p.customer_name.first_name, p.customer_name.last_name.as_deref()), (None, Some("Lee")));
}

#[test]
fn what_is_not_configured_is_unknown_and_named() {
    for (input, path, name) in [
        (json!({ "CustomerType": "X" }), "CustomerType", "X"),
        (
            json!({ "AlternateIds": [{ "AlternateIdType": "X", "AlternateId": "1" }] }),
            "AlternateIds[0].AlternateIdType",
            "X",
        ),
        (json!({ "Groups": [{ "GroupType": "X", "GroupName": "1" }] }), "Groups[0].GroupType", "X"),
        (json!({ "Emails": [email(json!({ "EmailAddressType": "X" }))] }), "Emails[0].EmailAddressType", "X"),
        (json!({ "PhoneNumbers": [phone(json!({ "PhoneType": "X" }))] }), "PhoneNumbers[0].PhoneType", "X"),
        (json!({ "Addresses": [address(json!({ "AddressType": "X" }))] }), "Addresses[0].AddressType", "X"),
        (json!({ "Consents": [consent("X", 1)] }), "Consents[0].ConsentType", "X"),
        (json!({ "ProfilePreferences": [says("X", 2)] }), "ProfilePreferences[0].FilterId", "X"),
        (json!({ "CustomFields": [{ "Name": "X", "Value": "1" }] }), "CustomFields[0].Name", "X"),
        (json!({ "CustomFields": [{ "Name": "Color", "Value": "Blue" }] }), "CustomFields[0].Value", "Blue"),
    ] {
        assert!(refused(input, Why::Unknown, path).contains(&format!("{name:?}")), "{path}");
    }
}

#[test]
fn a_required_member_that_is_missing_null_or_blank_is_refused() {
    for value in [json!({}), json!({ "AlternateId": null }), json!({ "AlternateId": " " })] {
        let input = json!({ "AlternateIds": [with(json!({ "AlternateIdType": "CRM" }), value)] });
        assert!(refused(input, Why::Invalid, "AlternateIds[0].AlternateId").contains("is required"));
    }
    for (list, member) in [
        ("AlternateIds", "AlternateIdType"),
        ("Groups", "GroupType"),
        ("ProfileTags", "Name"),
        ("CustomFields", "Name"),
        ("Emails", "EmailAddressType"),
        ("PhoneNumbers", "PhoneType"),
        ("Addresses", "AddressType"),
        ("Consents", "ConsentType"),
        ("ProfilePreferences", "FilterId"),
    ] {
        refused(json!({ list: [{}] }), Why::Invalid, &format!("{list}[0].{member}"));
    }
    for member in ["Address1", "City", "StateProvince", "PostalCode"] {
        let input = json!({ "Addresses": [address(json!({ member: null }))] });
        refused(input, Why::Invalid, &format!("Addresses[0].{member}"));
    }
    for member in ["ConsentVersion", "Locale", "ConsentStatus"] {
        let input = json!({ "Consents": [with(consent("Marketing", 1), json!({ member: null }))] });
        refused(input, Why::Invalid, &format!("Consents[0].{member}"));
    }
}

#[test]
fn a_control_character_in_a_key_is_refused() {
    for c in ["\u{0}", "\u{1f}", "\n", "\u{85}"] {
        let input = json!({ "AlternateIds": [{ "AlternateIdType": "CRM", "AlternateId": format!("a{c}b") }] });
        assert!(refused(input, Why::Invalid, "AlternateIds[0].AlternateId").contains("control character"));
    }
    let kept = made(json!({ "CustomFields": [{ "Name": "Note", "Value": "two\nlines" }] }));
    assert_eq!(kept.profile.custom_fields[0].value.as_deref(), Some("two\nlines"));
}

#[test]
fn the_same_thing_twice_in_one_list_is_refused_naming_both() {
    let same = |list: &str, a: Value, b: Value| {
        let message = refused(json!({ list: [a, b] }), Why::Invalid, &format!("{list}[1]"));
        assert!(message.contains(&format!("{list}[0]")), "{message}");
    };
    let id = |id: &str| json!({ "AlternateIdType": "CRM", "AlternateId": id });
    same("AlternateIds", id("a1"), id("A1"));
    let group = |name: &str| json!({ "GroupType": "Household", "GroupName": name });
    same("Groups", group("Lee"), group("LEE"));
    same("ProfileTags", json!({ "Name": "vip" }), json!({ "Name": "VIP" }));
    same("CustomFields", json!({ "Name": "Nick", "Value": "Ann" }), json!({ "Name": "nick", "Value": "Bo" }));
    same("Emails", email(json!({})), email(json!({ "EmailAddressType": "home", "EmailAddress": "ANN@Example.com" })));
    same("PhoneNumbers", phone(json!({})), phone(json!({ "PhoneNumber": "14045550100" })));
    same("Addresses", address(json!({})), address(json!({ "City": "MACON" })));
    same("Consents", consent("Marketing", 1), consent("marketing", 2));
    same("ProfilePreferences", says("MEET", 2), says("meet", 2));
}

#[test]
fn lists_are_matched_by_their_natural_key_added_or_changed_never_removed() {
    let kept = made(json!({
        "AlternateIds": [{ "AlternateIdType": "CRM", "AlternateId": "a1" }, { "AlternateIdType": "CRM", "AlternateId": "a2" }],
        "Groups": [{ "GroupType": "Household", "GroupName": "Lee" }], "ProfileTags": [{ "Name": "vip" }],
    }));
    let Changed { kept: after, former, .. } = changed(
        &kept,
        json!({
            "AlternateIds": [{ "AlternateIdType": "crm", "AlternateId": "A2", "IsActive": false }, { "AlternateIdType": "CRM", "AlternateId": "a3" }],
            "Groups": [{ "GroupType": "household", "GroupName": "LEE", "IsPrimary": true }],
            "ProfileTags": [{ "Name": "VIP" }, { "Name": "new" }],
        }),
    );
    let ids: Vec<_> = after.profile.alternate_ids.iter().map(|a| (&*a.alternate_id, a.is_active)).collect();
    assert_eq!(ids, [("a1", true), ("A2", false), ("a3", true)]);
    assert_eq!(after.profile.alternate_ids[0], kept.profile.alternate_ids[0], "what was not sent keeps its stamp");
    assert_eq!(after.profile.alternate_ids[1].edited.last_modified_date, LATER);
    assert_eq!(after.profile.alternate_ids[1].edited.create_date, NOW);
    assert_eq!((after.profile.groups.len(), after.profile.groups[0].is_primary), (1, true));
    assert_eq!(after.profile.profile_tags.iter().map(|t| &*t.name).collect::<Vec<_>>(), ["vip", "new"]);
    assert_eq!(kinds(&former), [HistoryKind::StandardFields; 2]);
}

#[test]
fn a_type_that_is_switched_off_takes_nothing_new_but_keeps_what_is_there() {
    let old = email(json!({ "EmailAddressType": "Old" }));
    let input = json!({ "Emails": [&old] });
    assert!(refused(input.clone(), Why::Unknown, "Emails[0].EmailAddressType").contains("switched off"));
    let mut kept = made(json!({ "Emails": [email(json!({}))] }));
    kept.profile.emails[0].email_address_type = "Old".into();
    assert_eq!(changed(&kept, input).kept.profile.emails, kept.profile.emails);
}
