use super::*;
use crate::render::render;

/// The account of the tests with names as long as they may be, all of four bytes a character.
fn wide_account() -> Config {
    let mut c = config().source;
    let name = wide;
    let t = |n: usize| crate::config::TypeDef {
        type_name: name(n),
        localized_fields: vec![],
        is_default: false,
        is_active: true,
    };
    for list in [
        &mut c.email_types,
        &mut c.phone_types,
        &mut c.address_types,
        &mut c.customer_types,
        &mut c.alternate_id_types,
        &mut c.group_types,
    ] {
        list.push(t(100));
    }
    let mut field = c.custom_fields.iter().find(|f| f.name == "Note").unwrap().clone();
    field.name = name(94);
    c.custom_fields.push(field);
    let mut consent = c.consent_types[0].clone();
    consent.type_name = name(100);
    consent.versions[2].consent_version = name(50);
    consent.versions[2].localized_fields[0].locale = name(15);
    c.consent_types.push(consent);
    let mut filter = c.programs[0].filters[0].clone();
    filter.id = name(50);
    filter.frequencies[0].id = name(20);
    c.programs[0].filters.push(filter);
    Config::new(c)
}

fn wide(n: usize) -> String {
    "𝟘".repeat(n)
}

fn wide_email(n: usize) -> String {
    format!("{}@{}", wide(100), wide(n - 101))
}

/// A profile in which every text is as long as it may be.
fn widest() -> Value {
    let consents =
        json!([{ "ConsentType": wide(100), "ConsentVersion": wide(50), "Locale": wide(15), "ConsentStatus": 1 }]);
    json!({
        "CustomerType": wide(100), "DefaultLocale": wide(15),
        "CustomerName": { "Prefix": wide(20), "FirstName": wide(100), "MiddleName": wide(100), "LastName": wide(100), "Suffix": wide(20) },
        "Consents": &consents,
        "AlternateIds": [{ "AlternateIdType": wide(100), "AlternateId": wide(256) }],
        "Addresses": [{ "AddressType": wide(100), "Address1": wide(125), "Address2": wide(125), "City": wide(50),
            "StateProvince": wide(50), "PostalCode": wide(15), "CountryCode_Alpha2": wide(2), "CountryCode_Alpha3": wide(3),
            "CountryCode_Numeric": wide(3), "Consents": &consents }],
        "PhoneNumbers": [{ "PhoneType": wide(100), "PhoneNumber": wide(32), "Consents": &consents }],
        "Emails": [{ "EmailAddressType": wide(100), "EmailAddress": wide_email(256), "Consents": &consents,
            "EmailPreferences": [{ "FilterId": wide(50), "PreferenceType": 1, "FrequencyId": wide(20),
                "PreferenceAttributes": [{ "Key": wide(100), "Value": wide(4000) }] }] }],
        "Groups": [{ "GroupType": wide(100), "GroupName": wide(100) }],
        "ProfileTags": [{ "Name": wide(100) }],
        "CustomFields": [{ "Name": wide(94), "Value": wide(4000) }],
    })
}

fn write(input: &Value, config: &Config) -> Result<Kept, Refusal> {
    create(&parse_profile(input.to_string().as_bytes())?, ProfileId(1), config, &author("ann"), NOW)
}

/// Where the texts of a value stand, as JSON pointers.
fn texts(value: &Value, at: String, out: &mut Vec<String>) {
    match value {
        Value::String(_) => out.push(at),
        Value::Array(items) => items.iter().enumerate().for_each(|(i, v)| texts(v, format!("{at}/{i}"), out)),
        Value::Object(members) => members.iter().for_each(|(k, v)| texts(v, format!("{at}/{k}"), out)),
        _ => {}
    }
}

#[test]
fn the_longest_values_in_four_byte_characters_are_taken_and_kept() {
    let kept = write(&widest(), &wide_account()).unwrap();
    let row = render(&kept.profile);
    assert_eq!(serde_json::from_slice::<Profile>(&row.json).unwrap(), kept.profile);
    assert_eq!(kept.profile.emails[0].email_address.chars().count(), 256);
    assert_eq!(kept.profile.phone_numbers[0].phone_number_numeric, "0".repeat(32));
}

#[test]
fn one_character_more_is_refused_with_the_length_seen_and_the_length_accepted() {
    let (config, widest) = (wide_account(), widest());
    let mut places = Vec::new();
    texts(&widest, String::new(), &mut places);
    assert_eq!(places.len(), 43);
    for place in places {
        let mut input = widest.clone();
        let text = input.pointer_mut(&place).unwrap();
        let length = text.as_str().unwrap().chars().count() + 1;
        *text = if place.ends_with("EmailAddress") { json!(wide_email(length)) } else { json!(wide(length)) };
        let refusal = write(&input, &config).expect_err(&place);
        let path = place[1..].split('/').fold(String::new(), |path, part| match part.parse::<usize>() {
            Ok(i) => format!("{path}[{i}]"),
            Err(_) if path.is_empty() => part.to_owned(),
            Err(_) => format!("{path}.{part}"),
        });
        assert_eq!((refusal.why, refusal.path), (Why::Invalid, path));
        let message = format!("has {length} characters, at most {} ", length - 1);
        assert!(refusal.message.contains(&message), "{}", refusal.message);
    }
}

#[test]
fn a_profile_that_is_updated_forever_stops_growing_at_a_mebibyte() {
    let mut kept = made(json!({ "Emails": [email(json!({}))] }));
    let tags = |call: usize| (0..400).map(|i| json!({ "Name": format!("{call}-{i}-{}", "x".repeat(80)) })).collect();
    let refusal = (0..100)
        .find_map(|call| match try_update(&kept, &json!({ "ProfileTags": Value::Array(tags(call)) })) {
            Ok(changed) => {
                kept = changed.kept;
                None
            }
            Err(refusal) => Some(refusal),
        })
        .unwrap();
    assert_eq!((refusal.why, refusal.path.as_str()), (Why::Invalid, ""));
    assert!(refusal.message.contains("at most 1048576"), "{refusal}");
    assert!(render(&kept.profile).json.len() <= MAX_BYTES);
    assert!(kept.profile.profile_tags.len() > 10_000, "what is there stays");
    changed(&kept, json!({ "CustomerName": { "FirstName": "Ann" } }));
}

#[test]
fn what_is_archived_counts_as_well() {
    let attributes: Vec<_> =
        (0..70).map(|i| json!({ "Key": format!("k{i}"), "Value": "\u{1}".repeat(4000) })).collect();
    let text = with(says("SMS", 1), json!({ "PreferenceAttributes": attributes[..35] }));
    let news = with(says("NEWS", 1), json!({ "PreferenceAttributes": attributes[..30] }));
    let phone = |more| json!({ "PhoneNumbers": [phone(more)] });
    let kept = made(phone(json!({ "IsMobile": true, "PhoneNumberPreferences": [text] })));
    let kept = changed(&kept, phone(json!({ "IsMobile": false }))).kept;
    assert_eq!(archived(&kept), ["SMS"]);
    let more = json!({ "Emails": [email(json!({ "EmailPreferences": [news] }))] });
    assert!(try_update(&kept, &more).unwrap_err().message.contains("bytes as JSON"));
}

#[test]
fn few_elements_of_the_longest_text_fit() {
    let attributes: Vec<_> =
        (0..37).map(|i| json!({ "Key": format!("{i:02}{}", wide(98)), "Value": "\u{1}".repeat(4000) })).collect();
    let news = with(says("NEWS", 1), json!({ "PreferenceAttributes": attributes }));
    let kept = made(json!({ "Emails": [with(email(json!({})), json!({ "EmailPreferences": [news] }))] }));
    assert!(render(&kept.profile).json.len() < MAX_BYTES, "39 elements need no rendering to be let in");
}

#[test]
fn a_full_profile_still_takes_an_opt_out_and_a_withdrawal() {
    let said =
        json!({ "Consents": [consent("Marketing", 1)], "EmailPreferences": [says("NEWS", 1), says("PROMO", 1)] });
    let mut kept = made(json!({ "Emails": [email(said)] }));
    for count in [4000, 400, 40, 4, 1] {
        for call in 0..20 {
            let tags =
                (0..count).map(|i| json!({ "Name": format!("{count}-{call}-{i}-{}", "x".repeat(70)) })).collect();
            match try_update(&kept, &json!({ "ProfileTags": Value::Array(tags) })) {
                Ok(changed) => kept = changed.kept,
                Err(_) => break,
            }
        }
    }
    let says = |preferences: Value| json!({ "Emails": [email(json!({ "EmailPreferences": preferences }))] });
    let reason = |n: usize| json!({ "PreferenceAttributes": [{ "Key": "why", "Value": "x".repeat(n) }] });
    assert!(try_update(&kept, &says(json!([with(super::says("DEALS", 1), reason(500))]))).is_err(), "it is full");
    let after = changed(&kept, says(json!([with(super::says("NEWS", 2), reason(500))]))).kept;
    assert!(render(&after.profile).json.len() > MAX_BYTES);
    changed(&after, json!({ "Emails": [email(json!({ "Consents": [consent("Marketing", 3)] }))] }));
    let much: Vec<_> = (0..10).map(|i| json!({ "Key": format!("{i}"), "Value": "x".repeat(4000) })).collect();
    let much = with(super::says("NEWS", 2), json!({ "PreferenceAttributes": much }));
    assert!(
        try_update(&kept, &says(json!([much]))).is_err(),
        "the reserve is for the choice, not for what comes with it"
    );
    let fewer =
        replace(after.clone(), &parse_profile(br#"{"ProfileTags": []}"#).unwrap(), &config(), &author("ann"), NOW);
    assert!(fewer.is_ok(), "what is too large may be made smaller");
}

/// So many emails, from the one with this number on.
fn emails(from: usize, count: usize) -> Value {
    let one = |i: usize| json!({ "EmailAddressType": "Home", "EmailAddress": format!("{i}@example.com") });
    json!((from..from + count).map(one).collect::<Vec<_>>())
}

#[test]
fn a_profile_has_a_hundred_contacts_and_any_number_that_are_opted_out_of() {
    let phones = (0..10).map(|i| phone(json!({ "PhoneNumber": format!("404 555 {i:04}") }))).collect::<Vec<_>>();
    let full = json!({ "PhoneNumbers": phones, "Emails": emails(0, MAX_CONTACTS - 10) });
    let kept = made(full.clone());
    for one_more in
        [json!({ "Emails": emails(1000, 1) }), json!({ "PhoneNumbers": [phone(json!({ "PhoneNumber": "1" }))] })]
    {
        let refusal = try_update(&kept, &one_more).unwrap_err();
        assert_eq!((refusal.why, refusal.path.as_str()), (Why::Invalid, ""));
        let words = "would have 101 emails, phone numbers and addresses that aren't opted out of; at most 100 are kept";
        assert!(refusal.message.contains(words), "{refusal}");
        assert!(write(&with(full.clone(), json!({ "Emails": emails(0, MAX_CONTACTS - 9) })), &config()).is_err());
    }
    changed(&kept, json!({ "Emails": emails(0, 3), "CustomerName": { "FirstName": "Ann" } }));

    let refusing = |from: usize, count: usize| {
        let mut emails = emails(from, count);
        emails.as_array_mut().unwrap().iter_mut().for_each(|e| e["EmailPreferences"] = json!([says("NEWS", 2)]));
        json!({ "Emails": emails })
    };
    let fuller = changed(&kept, refusing(1000, 300)).kept;
    assert_eq!(fuller.profile.emails.len(), MAX_CONTACTS - 10 + 300);
    let withdrawn =
        with(email(json!({})), json!({ "EmailAddress": "w@example.com", "Consents": [consent("Marketing", 3)] }));
    changed(&fuller, json!({ "Emails": [withdrawn] }));
    assert!(try_update(&fuller, &json!({ "Emails": emails(5000, 1) })).is_err());
    changed(&changed(&fuller, refusing(0, 1)).kept, json!({ "Emails": emails(5000, 1) }));

    // what is read may be written elsewhere
    let as_read = serde_json::to_value(&fuller.profile.emails).unwrap();
    let sent = as_read.as_array().unwrap().iter().map(|e| {
        let refused = e["EmailPreferences"].as_array().is_some_and(|list| !list.is_empty());
        let preferences = if refused { json!([says("NEWS", 2)]) } else { json!([]) };
        json!({ "EmailAddressType": "Home", "EmailAddress": e["EmailAddress"], "EmailPreferences": preferences })
    });
    write(&json!({ "Emails": sent.collect::<Vec<_>>() }), &config()).unwrap();
}

#[test]
fn who_has_more_contacts_from_before_goes_on_with_them() {
    let mut kept = made(json!({ "Emails": emails(0, 1) }));
    let email = kept.profile.emails[0].clone();
    for i in 1..300 {
        kept.profile.emails.push(crate::profile::Email { email_address: format!("{i}@example.com"), ..email.clone() });
    }
    changed(&kept, json!({ "Emails": emails(0, 300), "CustomerName": { "FirstName": "Ann" } }));
    assert!(try_update(&kept, &json!({ "Emails": emails(300, 1) })).is_err());
    let no = with(emails(300, 1)[0].clone(), json!({ "EmailPreferences": [says("NEWS", 2)] }));
    changed(&kept, json!({ "Emails": [no] }));
}
