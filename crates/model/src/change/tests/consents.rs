use super::*;
use crate::profile::ConsentStatus;

fn promo(more: Value) -> Value {
    email(with(json!({ "EmailPreferences": [says("PROMO", 1)], "Consents": [consent("Marketing", 1)] }), more))
}

#[test]
fn a_consent_expires_by_its_versions_days_from_its_date() {
    let date = |d: &str| with(consent("Marketing", 1), json!({ "ConsentDate": d }));
    let c = |d: &str| made(json!({ "Consents": [date(d)] })).profile.consents.remove(0);
    let zoned = c("2026-11-01T00:00:00Z");
    assert_eq!((zoned.consent_date, zoned.expired), (at("2026-11-01T00:00:00Z"), false));
    assert_eq!(zoned.expiration_date, Some(at("2026-12-01T00:00:00Z")), "days of 24 hours");
    assert_eq!(c("2026-07-01T12:00:00").consent_date, at("2026-07-01T16:00:00Z"), "without a zone, US Eastern");
    assert_eq!(c("2026-07-01").consent_date, at("2026-07-01T04:00:00Z"), "a date alone is its midnight");
    assert!(c("2020-01-01T00:00:00Z").expired);
    refused(json!({ "Consents": [date("2026-02-30")] }), Why::Invalid, "Consents[0].ConsentDate");
    let now = made(json!({ "Consents": [consent("Marketing", 1)] })).profile.consents.remove(0);
    assert_eq!(now.consent_date, NOW);
    let never = with(consent("Marketing", 1), json!({ "ConsentVersion": "2" }));
    assert_eq!(made(json!({ "Consents": [never] })).profile.consents[0].expiration_date, None);
}

#[test]
fn a_version_or_locale_that_is_not_configured_is_unknown() {
    let c = |more| json!({ "Consents": [with(consent("Marketing", 1), more)] });
    refused(c(json!({ "ConsentVersion": "9" })), Why::Unknown, "Consents[0].ConsentVersion");
    refused(c(json!({ "Locale": "de_DE" })), Why::Unknown, "Consents[0].Locale");
    let kept = made(c(json!({ "ConsentType": "MARKETING", "Locale": "EN_us" })));
    assert_eq!((&*kept.profile.consents[0].consent_type, &*kept.profile.consents[0].locale), ("Marketing", "en_US"));
}

#[test]
fn a_version_that_is_switched_off_can_be_denied_but_not_granted() {
    let c = |status: u8| json!({ "Consents": [with(consent("Marketing", status), json!({ "ConsentVersion": "0" }))] });
    refused(c(1), Why::Unknown, "Consents[0]");
    made(c(2));
}

#[test]
fn a_version_that_is_switched_off_can_not_be_granted_after_it_was_denied() {
    let c = |status: u8| json!({ "Consents": [with(consent("Marketing", status), json!({ "ConsentVersion": "0" }))] });
    let refusal = try_update(&made(c(2)), &c(1)).unwrap_err();
    assert_eq!((refusal.why, &*refusal.path), (Why::Unknown, "Consents[0]"));
}

#[test]
fn a_consent_given_and_revoked_in_one_call_leaves_only_what_was_before_it_in_history() {
    let kept = made(json!({ "Emails": [promo(json!({}))] }));
    let again = json!({ "Consents": [consent("Marketing", 1)], "EmailPreferences": [says("PROMO", 2)] });
    let Changed { kept: after, former, .. } = changed(&kept, json!({ "Emails": [email(again)] }));
    assert_eq!(after.profile.emails[0].consents[0].consent_status, ConsentStatus::Revoked);
    assert_eq!(kinds(&former), [HistoryKind::Consents, HistoryKind::Preferences]);
    assert_eq!(former[0].value["Consent"], json(&kept.profile.emails[0].consents[0]));
}

#[test]
fn a_consent_about_a_channel_hangs_on_its_contacts_or_the_person() {
    let c = || json!([consent("Texting", 1)]);
    refused(
        json!({ "Emails": [email(json!({ "Consents": c() }))] }),
        Why::Invalid,
        "Emails[0].Consents[0].ConsentType",
    );
    made(json!({ "Consents": c(), "PhoneNumbers": [phone(json!({ "Consents": c() }))] }));
}

#[test]
fn a_new_consent_takes_the_place_of_the_former_also_in_another_locale() {
    let kept = made(json!({ "Consents": [consent("Marketing", 1)] }));
    let Changed { kept: after, former, .. } =
        changed(&kept, json!({ "Consents": [with(consent("Marketing", 1), json!({ "Locale": "es_US" }))] }));
    assert_eq!(after.profile.consents.len(), 1);
    assert_eq!((&*after.profile.consents[0].locale, after.profile.consents[0].edited.create_date), ("es_US", LATER));
    assert_eq!(kinds(&former), [HistoryKind::Consents]);
    assert_eq!(former[0].value["Consent"]["Locale"], "en_US");
    assert_eq!(former[0].value["Place"], "Profile");
}

#[test]
fn a_consent_sent_as_it_was_read_changes_nothing() {
    let kept = made(json!({ "Consents": [consent("Marketing", 1)] }));
    let read = json(&kept.profile.consents);
    let Changed { kept: after, former, .. } = changed(&kept, json!({ "Consents": read }));
    assert_eq!((after.profile.consents, former), (kept.profile.consents, vec![]));
}

#[test]
fn an_opt_in_carries_the_consents_that_its_filter_requires() {
    let own = made(json!({ "Consents": [consent("Marketing", 2)], "Emails": [promo(json!({}))] }));
    let carried = &own.profile.emails[0].preferences[0].consents;
    assert_eq!((&*carried[0].consent_type, carried[0].consent_status), ("Marketing", ConsentStatus::Granted));
    let persons = made(json!({ "Consents": [consent("Marketing", 1)], "Emails": [promo(json!({ "Consents": [] }))] }));
    assert_eq!(
        persons.profile.emails[0].preferences[0].consents.len(),
        1,
        "the person's, where the contact says nothing"
    );
}

#[test]
fn an_opt_in_without_a_required_consent_is_refused() {
    let path = "Emails[0].EmailPreferences[0]";
    assert!(
        refused(json!({ "Emails": [promo(json!({ "Consents": [] }))] }), Why::Invalid, path)
            .contains("\"marketing\", which is not there")
    );
    let denied = json!({ "Consents": [consent("Marketing", 1)], "Emails": [promo(json!({ "Consents": [consent("Marketing", 2)] }))] });
    assert!(
        refused(denied, Why::Invalid, path).contains("is denied"),
        "the contact's own consent counts before the person's"
    );
    made(json!({ "Emails": [email(json!({ "EmailPreferences": [says("PROMO", 2)] }))] }));
}

#[test]
fn an_opt_out_revokes_the_consent_that_the_preference_carried() {
    let kept = made(json!({ "Emails": [promo(json!({}))] }));
    let out = with(says("PROMO", 2), json!({ "CustomerDate": "2026-11-20T00:00:00Z" }));
    let Changed { kept: after, former, .. } =
        changed(&kept, json!({ "Emails": [email(json!({ "EmailPreferences": [out] }))] }));
    let consent = &after.profile.emails[0].consents[0];
    assert_eq!((consent.consent_status, consent.consent_date), (ConsentStatus::Revoked, at("2026-11-20T00:00:00Z")));
    assert_eq!(consent.edited.last_modified_date, LATER);
    assert_eq!(consent.expiration_date, Some(at("2026-12-20T00:00:00Z")));
    assert_eq!(filters(&after.profile.emails[0].preferences), [("PROMO", 2)]);
    assert_eq!(after.profile.emails[0].preferences[0].consents, []);
    assert_eq!(kinds(&former), [HistoryKind::Preferences, HistoryKind::Consents]);
    assert_eq!(former[1].value["Consent"]["ConsentStatus"], 1);
}

#[test]
fn an_opt_out_of_what_carried_no_consent_revokes_none() {
    let kept = made(
        json!({ "Emails": [email(json!({ "Consents": [consent("Marketing", 1)], "EmailPreferences": [says("NEWS", 1)] }))] }),
    );
    let after = changed(
        &kept,
        json!({ "Emails": [email(json!({ "EmailPreferences": [says("NEWS", 2), says("PROMO", 2)] }))] }),
    )
    .kept;
    assert_eq!(after.profile.emails[0].consents, kept.profile.emails[0].consents);
}

#[test]
fn revoking_a_consent_archives_the_opt_ins_that_require_it() {
    let preferences = json!({ "EmailPreferences": [says("PROMO", 1), says("NEWS", 1), says("DEALS", 2)] });
    let kept = made(json!({ "Emails": [promo(preferences)] }));
    for status in [2, 3, 4] {
        let input = json!({ "Emails": [email(json!({ "Consents": [consent("Marketing", status)] }))] });
        let Changed { kept: after, former, .. } = changed(&kept, input);
        assert_eq!(
            filters(&after.profile.emails[0].preferences),
            [("NEWS", 1), ("DEALS", 2)],
            "opt-outs stay in force"
        );
        assert_eq!(archived(&after), ["PROMO"]);
        assert_eq!(kinds(&former), [HistoryKind::Consents, HistoryKind::Preferences]);
    }
}

#[test]
fn an_opt_out_archives_what_else_stood_on_the_revoked_consent() {
    let preferences = json!({ "EmailPreferences": [says("PROMO", 1), says("DEALS", 1)] });
    let kept = made(json!({ "Emails": [promo(preferences)] }));
    let after = changed(&kept, json!({ "Emails": [email(json!({ "EmailPreferences": [says("DEALS", 2)] }))] })).kept;
    assert_eq!(filters(&after.profile.emails[0].preferences), [("DEALS", 2)]);
    assert_eq!(archived(&after), ["PROMO"]);
}

#[test]
fn a_consent_that_the_same_call_opts_in_with_stands_in_either_order() {
    let preferences = json!({ "EmailPreferences": [says("PROMO", 1), says("DEALS", 1)] });
    let kept = made(json!({ "Emails": [promo(preferences)] }));
    for said in [[says("PROMO", 1), says("DEALS", 2)], [says("DEALS", 2), says("PROMO", 1)]] {
        let after = changed(&kept, json!({ "Emails": [email(json!({ "EmailPreferences": said }))] })).kept;
        assert_eq!(after.profile.emails[0].consents, kept.profile.emails[0].consents);
        assert_eq!(filters(&after.profile.emails[0].preferences), [("PROMO", 1), ("DEALS", 2)]);
        assert_eq!(archived(&after), [""; 0]);
    }
}

#[test]
fn a_revoked_consent_of_the_person_leaves_contacts_that_have_their_own() {
    let other = email(json!({ "EmailAddressType": "Work", "EmailPreferences": [says("PROMO", 1)] }));
    let input = json!({ "Consents": [consent("Marketing", 1)], "ProfilePreferences": [says("MEET", 1)], "Emails": [promo(json!({})), other] });
    let kept = made(input);
    let after = changed(&kept, json!({ "Consents": [consent("Marketing", 3)] })).kept;
    assert_eq!(filters(&after.profile.emails[0].preferences), [("PROMO", 1)]);
    assert_eq!(filters(&after.profile.emails[1].preferences), []);
    assert_eq!(archived(&after), ["MEET", "PROMO"]);
    assert_eq!(after.extras.archived[1].0, kept.profile.emails[1].place());
}

#[test]
fn a_consent_and_the_opt_in_that_needs_it_come_in_one_call() {
    let kept = made(json!({ "Emails": [promo(json!({}))] }));
    let revoked = changed(&kept, json!({ "Emails": [email(json!({ "Consents": [consent("Marketing", 3)] }))] })).kept;
    let newer = with(consent("Marketing", 1), json!({ "ConsentVersion": "2" }));
    let after = changed(&revoked, json!({ "Emails": [promo(json!({ "Consents": [newer] }))] })).kept;
    assert_eq!(after.profile.emails[0].preferences[0].consents[0].consent_version, "2");
    assert_eq!(archived(&after), ["PROMO"], "what was archived stays archived");
    let again = changed(&after, json!({ "Emails": [email(json!({ "Consents": [consent("Marketing", 3)] }))] })).kept;
    assert_eq!(archived(&again), ["PROMO"], "of one filter the newest is kept");
    assert_eq!(again.extras.archived[0].1.consents[0].consent_version, "2");
}

#[test]
fn a_consent_withdrawn_by_its_filter_is_withdrawn_wherever_it_counts_or_could() {
    let withdraw = |kept| withdraw_consent(kept, "PROMO", "Marketing", &config(), &author("ben"), LATER);
    let work = json!({ "EmailAddressType": "Work" });
    let persons = || json!([consent("Marketing", 1)]);
    let other = email(with(work.clone(), json!({ "EmailPreferences": [says("PROMO", 1)] })));
    let idle = email(with(json!({ "EmailAddress": "idle@example.com" }), json!({ "Consents": persons() })));
    let calls = phone(json!({ "Consents": persons() }));
    let input = json!({ "Consents": persons(), "Emails": [promo(json!({})), other, idle], "PhoneNumbers": [calls] });
    let after = withdraw(made(input)).unwrap().expect("there were consents").kept;
    let p = &after.profile;
    let of = |list: &[crate::profile::Consent]| list[0].consent_status;
    let seen =
        [of(&p.consents), of(&p.emails[0].consents), of(&p.emails[2].consents), of(&p.phone_numbers[0].consents)];
    let revoked = ConsentStatus::Revoked;
    assert_eq!(seen, [revoked, revoked, revoked, ConsentStatus::Granted], "an email's filter leaves what is a phone's");
    assert_eq!((filters(&p.emails[1].preferences), archived(&after)), (vec![], vec!["PROMO", "PROMO"]));
    assert!(withdraw(after).unwrap().is_none(), "nothing is left for a second call");

    let no_email = withdraw(made(json!({ "Consents": persons() }))).unwrap().expect("the person's counts").kept;
    assert_eq!(of(&no_email.profile.consents), revoked);
    let only_phone = made(json!({ "PhoneNumbers": [phone(json!({ "Consents": persons() }))] }));
    assert_eq!(withdraw(only_phone).unwrap_err().why, Why::Unknown, "a phone's consent counts for no email");
}

#[test]
fn a_consent_whose_type_is_now_about_another_channel_can_be_withdrawn_and_not_granted() {
    let kept = made(json!({ "Emails": [promo(json!({}))] }));
    let moved = ACCOUNT.replace("TypeName = \"Marketing\"\n", "TypeName = \"Marketing\"\nChannel = \"Text\"\n");
    let moved = Config::new(toml::from_str::<Configuration>(&moved).unwrap());
    let sent = |kept: &Kept, status: u8, address: &str| {
        let consents = json!({ "EmailAddress": address, "Consents": [consent("marketing", status)] });
        let input = parse_profile(json!({ "Emails": [email(consents)] }).to_string().as_bytes()).unwrap();
        update(kept.clone(), &input, &moved, &author("ben"), LATER)
    };
    for status in [2, 3, 4] {
        let after = sent(&kept, status, "ann@example.com").unwrap_or_else(|e| panic!("{e}")).kept;
        assert_eq!(u8::from(after.profile.emails[0].consents[0].consent_status), status);
        assert_eq!((filters(&after.profile.emails[0].preferences), archived(&after)), (vec![], vec!["PROMO"]));
    }
    let path = "Emails[0].Consents[0].ConsentType";
    assert_eq!(sent(&kept, 1, "ann@example.com").unwrap_err().path, path, "nothing new is granted");
    assert_eq!(sent(&kept, 3, "new@example.com").unwrap_err().path, path, "there is none to withdraw");
}

#[test]
fn an_opt_out_withdraws_all_its_consents_though_one_of_them_is_revoked_beside_it() {
    let mut account = config().source;
    let mut terms = account.consent_types.iter().find(|c| c.type_name == "Marketing").unwrap().clone();
    terms.type_name = "Terms".into();
    account.consent_types.push(terms);
    let filters_of = account.programs.iter_mut().find(|p| p.filters.iter().any(|f| f.id == "PROMO")).unwrap();
    let promo = filters_of.filters.iter().find(|f| f.id == "PROMO").unwrap().clone();
    for (id, required) in [("BOTH", vec!["Marketing", "Terms"]), ("TERMS", vec!["Terms"])] {
        let required_consents = required.into_iter().map(str::to_owned).collect();
        filters_of.filters.push(Filter { id: id.into(), required_consents, ..promo.clone() });
    }
    let config = Config::new(account);
    let parse = |said: Value| parse_profile(json!({ "Emails": [email(said)] }).to_string().as_bytes()).unwrap();
    let said = json!({ "Consents": [consent("Marketing", 1), consent("Terms", 1)],
        "EmailPreferences": [says("BOTH", 1), says("TERMS", 1)] });
    let kept = create(&parse(said), ProfileId(1), &config, &author("ann"), NOW).unwrap();
    for beside in [json!([consent("Marketing", 3)]), json!([])] {
        let said = json!({ "Consents": beside, "EmailPreferences": [says("BOTH", 2)] });
        let after = update(kept.clone(), &parse(said), &config, &author("ben"), LATER).unwrap().kept;
        let email = &after.profile.emails[0];
        assert!(email.consents.iter().all(|c| c.consent_status == ConsentStatus::Revoked), "{:?}", email.consents);
        assert_eq!(filters(&email.preferences), [("BOTH", 2)]);
        assert!(archived(&after).contains(&"TERMS"));
    }
}
