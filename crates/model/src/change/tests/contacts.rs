use super::*;

#[test]
fn a_phone_is_kept_as_given_with_its_digits_beside_it() {
    let p = made(json!({ "PhoneNumbers": [phone(json!({}))] })).profile;
    assert_eq!(p.phone_numbers[0].phone_number, "+1 (404) 555-0100");
    assert_eq!(p.phone_numbers[0].phone_number_numeric, "14045550100");
    assert!(!p.phone_numbers[0].is_mobile && !p.phone_numbers[0].is_default && p.phone_numbers[0].is_active);
    refused(
        json!({ "PhoneNumbers": [phone(json!({ "PhoneNumber": "none" }))] }),
        Why::Invalid,
        "PhoneNumbers[0].PhoneNumber",
    );
}

#[test]
fn an_email_has_one_at_sign_with_something_on_both_sides_and_no_spaces() {
    for address in ["ann", "@b.c", "a@", "a@b@c", "a b@c.d", "a@b .c", "a\u{a0}@b.c"] {
        let input = json!({ "Emails": [email(json!({ "EmailAddress": address }))] });
        assert!(refused(input, Why::Invalid, "Emails[0].EmailAddress").contains("is no email address"), "{address}");
    }
    for address in ["a@b", "o'neil+tag@example.co.uk", "用户@例子.广告"] {
        made(json!({ "Emails": [email(json!({ "EmailAddress": address }))] }));
    }
}

#[test]
fn a_contact_is_found_by_its_natural_key_and_changed() {
    let kept = made(json!({
        "Emails": [email(json!({ "EmailPreferences": [says("NEWS", 1)], "Consents": [consent("Marketing", 1)] })),
                   email(json!({ "EmailAddressType": "Work" }))],
        "PhoneNumbers": [phone(json!({}))],
    }));
    let Changed { kept: after, former, .. } = changed(
        &kept,
        json!({
            "Emails": [email(json!({ "EmailAddress": "ANN@example.com" })), email(json!({ "EmailAddress": "new@b.c" }))],
            "PhoneNumbers": [phone(json!({ "PhoneNumber": "1.404.555.0100", "IsMobile": true }))],
        }),
    );
    let emails: Vec<_> = after.profile.emails.iter().map(|e| &*e.email_address).collect();
    assert_eq!(emails, ["ANN@example.com", "ann@example.com", "new@b.c"]);
    assert_eq!(after.profile.emails[0].preferences, kept.profile.emails[0].preferences);
    assert_eq!(after.profile.emails[0].consents, kept.profile.emails[0].consents);
    assert_eq!(after.profile.emails[0].edited.last_modified_date, LATER);
    assert_eq!(after.profile.emails[1], kept.profile.emails[1]);
    assert_eq!(after.profile.emails[2].edited.create_date, LATER);
    assert_eq!((after.profile.phone_numbers.len(), after.profile.phone_numbers[0].is_mobile), (1, true));
    assert_eq!(kinds(&former), [HistoryKind::Contacts; 2]);
    assert_eq!(former[0].value["Emails"]["EmailAddress"], "ann@example.com");
    assert_eq!(
        former[0].value["Emails"].get("EmailPreferences"),
        None,
        "what hangs on a contact has a history of its own"
    );
}

#[test]
fn a_contact_sent_as_it_is_keeps_its_stamp() {
    let kept = made(
        json!({ "Emails": [email(json!({ "IsDefault": true }))], "Addresses": [address(json!({ "CountryCode_Alpha2": "US" }))] }),
    );
    let Changed { kept: after, former, .. } =
        changed(&kept, json!({ "Emails": [email(json!({}))], "Addresses": [address(json!({}))] }));
    assert_eq!((after.profile.emails, former), (kept.profile.emails, vec![]));
    assert_eq!(after.profile.addresses, kept.profile.addresses);
}

#[test]
fn a_contact_that_was_switched_off_is_active_when_it_is_sent_again() {
    let mut kept = made(json!({ "Emails": [email(json!({}))] }));
    kept.profile.emails[0].is_active = false;
    assert!(changed(&kept, json!({ "Emails": [email(json!({}))] })).kept.profile.emails[0].is_active);
}

#[test]
fn naming_a_new_default_clears_the_old_one() {
    let kept =
        made(json!({ "Emails": [email(json!({ "IsDefault": true })), email(json!({ "EmailAddressType": "Work" }))] }));
    let Changed { kept: after, former, .. } =
        changed(&kept, json!({ "Emails": [email(json!({ "EmailAddressType": "Work", "IsDefault": true }))] }));
    assert_eq!(after.profile.emails.iter().map(|e| e.is_default).collect::<Vec<_>>(), [false, true]);
    assert!(after.profile.emails.iter().all(|e| e.edited.last_modified_date == LATER));
    assert_eq!(kinds(&former), [HistoryKind::Contacts; 2]);
    let after =
        changed(&after, json!({ "Emails": [email(json!({ "EmailAddressType": "Work", "IsDefault": false }))] })).kept;
    assert!(after.profile.emails.iter().all(|e| !e.is_default), "there may be no default at all");
}

#[test]
fn a_contact_that_is_changed_and_is_the_default_no_more_leaves_one_former_value() {
    let kept =
        made(json!({ "Emails": [email(json!({ "IsDefault": true })), email(json!({ "EmailAddressType": "Work" }))] }));
    let respelled = email(json!({ "EmailAddress": "ANN@example.com" }));
    let default = email(json!({ "EmailAddressType": "Work", "IsDefault": true }));
    let Changed { former, .. } = changed(&kept, json!({ "Emails": [respelled, default] }));
    assert_eq!(kinds(&former), [HistoryKind::Contacts; 2], "one of each");
    assert_eq!(former[0].value["Emails"]["EmailAddress"], "ann@example.com");
    assert_eq!(former[1].value["Emails"]["EmailAddressType"], "Work");
}

#[test]
fn two_defaults_in_one_call_are_refused() {
    let two =
        |a: Value, b: Value| json!([with(a, json!({ "IsDefault": true })), with(b, json!({ "IsDefault": true }))]);
    let emails = two(email(json!({})), email(json!({ "EmailAddressType": "Work" })));
    let message = refused(json!({ "Emails": emails }), Why::Invalid, "Emails[1].IsDefault");
    assert!(message.contains("Emails[0]"), "{message}");
    let phones = two(phone(json!({})), phone(json!({ "PhoneType": "Home" })));
    refused(json!({ "PhoneNumbers": phones }), Why::Invalid, "PhoneNumbers[1].IsDefault");
    let addresses = two(address(json!({})), address(json!({ "City": "Rome" })));
    refused(json!({ "Addresses": addresses }), Why::Invalid, "Addresses[1].IsDefault");
}

#[test]
fn a_state_or_province_has_two_characters_at_least() {
    let message = refused(
        json!({ "Addresses": [address(json!({ "StateProvince": "G" }))] }),
        Why::Invalid,
        "Addresses[0].StateProvince",
    );
    assert!(message.contains("2 to 50"), "{message}");
}

#[test]
fn one_country_code_brings_the_others_and_the_name() {
    for code in [
        json!({ "CountryCode_Alpha2": "US" }),
        json!({ "CountryCode_Alpha3": "USA" }),
        json!({ "CountryCode_Numeric": "840" }),
    ] {
        let a = &made(json!({ "Addresses": [address(code)] })).profile.addresses[0];
        assert_eq!((a.country_code_alpha2.as_deref(), a.country_code_alpha3.as_deref()), (Some("US"), Some("USA")));
        assert_eq!((a.country_code_numeric.as_deref(), a.country.as_deref()), (Some("840"), Some("United States")));
    }
    let a = &made(json!({ "Addresses": [address(json!({ "CountryCode_Alpha2": "XQ" }))] })).profile.addresses[0];
    assert_eq!(
        (a.country_code_alpha2.as_deref(), &a.country),
        (Some("XQ"), &None),
        "a code that ISO doesn't know stays"
    );
}

#[test]
fn a_new_country_code_says_the_country_anew() {
    let kept = made(json!({ "Addresses": [address(json!({ "CountryCode_Alpha2": "US" }))] }));
    let a = &changed(&kept, json!({ "Addresses": [address(json!({ "CountryCode_Alpha3": "CAN" }))] }))
        .kept
        .profile
        .addresses[0];
    assert_eq!((a.country_code_alpha2.as_deref(), a.country.as_deref()), (Some("CA"), Some("Canada")));
    let a = &changed(&kept, json!({ "Addresses": [address(json!({ "CountryCode_Alpha2": null }))] }))
        .kept
        .profile
        .addresses[0];
    assert_eq!((&a.country_code_alpha2, &a.country), (&None, &None));
}

#[test]
fn a_phone_that_is_no_mobile_any_more_archives_its_text_preferences() {
    let texts = json!({ "IsMobile": true, "PhoneNumberPreferences": [says("SMS", 2), says("CALL", 1)] });
    let kept = made(json!({ "PhoneNumbers": [phone(texts)] }));
    let Changed { kept: after, former, .. } =
        changed(&kept, json!({ "PhoneNumbers": [phone(json!({ "IsMobile": false }))] }));
    assert_eq!(filters(&after.profile.phone_numbers[0].preferences), [("CALL", 1)]);
    let (place, sms) = &after.extras.archived[0];
    assert_eq!(
        (place, sms.preference_status),
        (&kept.profile.phone_numbers[0].place(), crate::profile::PreferenceStatus::Archived)
    );
    assert_eq!(kinds(&former), [HistoryKind::Contacts, HistoryKind::Preferences]);
    assert_eq!(former[1].value["Preference"]["FilterId"], "SMS");
    assert_eq!(former[1].value["Preference"]["PreferenceStatus"], "Active");
}
