//! The whole that is read, changed in one place and sent back: what it merely repeats isn't said anew.

use super::*;
use crate::{
    config::Output,
    patch::parse_patch,
    profile::{Consent, ConsentStatus, PreferenceType},
    render::render,
};

/// A profile as a caller reads it at a moment.
fn read(kept: &Kept, output: &Output) -> Value {
    serde_json::from_slice(&render(&reading::read(kept, &implying(), output, LATER)).json).unwrap()
}

fn implying() -> Config {
    let mut source = config().source;
    source.implied_preferences = true;
    Config::new(source)
}

fn replaced(kept: &Kept, input: &Value) -> Changed {
    let input = parse_profile(input.to_string().as_bytes()).unwrap();
    replace(kept.clone(), &input, &config(), &author("ben"), LATER).unwrap_or_else(|e| panic!("{e}"))
}

fn patch(kept: &Kept, operations: &Value) -> Changed {
    let patch = parse_patch(operations.to_string().as_bytes()).unwrap();
    let input = patched(kept, &patch, &config(), LATER).unwrap();
    replace(kept.clone(), &input, &config(), &author("ben"), LATER).unwrap_or_else(|e| panic!("{e}"))
}

/// A change of one member by each of the ways of sending the whole back: PATCH, PUT and POST of what was read.
fn by_every_way(kept: &Kept, pointer: &str, value: &Value) -> [Changed; 3] {
    let mut whole = read(kept, &Output::default());
    *whole.pointer_mut(pointer).unwrap() = value.clone();
    let operation = json!([{ "op": "replace", "path": pointer, "value": value }]);
    [patch(kept, &operation), replaced(kept, &whole), changed(kept, whole)]
}

fn news(preference_type: u8) -> Value {
    json!({ "Emails": [email(json!({ "EmailPreferences": [says("NEWS", preference_type)] }))] })
}

fn promo_and_deals() -> Kept {
    let said =
        json!({ "Consents": [consent("Marketing", 1)], "EmailPreferences": [says("PROMO", 1), says("DEALS", 1)] });
    made(json!({ "Emails": [email(said)] }))
}

fn texts() -> Kept {
    made(json!({ "PhoneNumbers": [phone(json!({
        "IsMobile": true, "PhoneNumberPreferences": [says("SMS", 1), says("CALL", 1)] }))] }))
}

fn marketing(kept: &Kept) -> &Consent {
    &kept.profile.emails[0].consents[0]
}

#[test]
fn an_implied_opt_in_that_was_read_before_an_opt_out_never_overwrites_it() {
    let silent = made(json!({ "Emails": [email(json!({}))] }));
    let implied = read(&silent, &Output { implied: true, ..Output::default() });
    assert_eq!(implied.pointer("/Emails/0/EmailPreferences/0/MatchType"), Some(&json!("Implied")));
    let out = changed(&silent, news(2)).kept;
    for after in [changed(&out, implied.clone()), replaced(&out, &implied)] {
        assert_eq!(filters(&after.kept.profile.emails[0].preferences), [("NEWS", 2)]);
        assert_eq!(after.kept.profile.emails, out.profile.emails, "with its stamps");
    }
}

#[test]
fn an_opt_out_in_the_whole_that_is_sent_back_revokes_the_consent_though_other_opt_ins_are_repeated() {
    let kept = promo_and_deals();
    for after in by_every_way(&kept, "/Emails/0/EmailPreferences/0/PreferenceType", &json!(2)) {
        assert_eq!(marketing(&after.kept).consent_status, ConsentStatus::Revoked);
        assert_eq!(filters(&after.kept.profile.emails[0].preferences), [("PROMO", 2)]);
        assert_eq!(archived(&after.kept), ["DEALS"]);
    }
}

#[test]
fn a_new_opt_in_beside_an_opt_out_keeps_the_consent_that_both_stand_on() {
    let kept = made(
        json!({ "Emails": [email(json!({ "Consents": [consent("Marketing", 1)], "EmailPreferences": [says("PROMO", 1)] }))] }),
    );
    let both = json!({ "EmailPreferences": [says("PROMO", 2), says("DEALS", 1)] });
    let after = changed(&kept, json!({ "Emails": [email(both)] })).kept;
    assert_eq!(marketing(&after).consent_status, ConsentStatus::Granted);
    assert_eq!(filters(&after.profile.emails[0].preferences), [("PROMO", 2), ("DEALS", 1)]);
}

#[test]
fn a_choice_that_is_turned_in_what_was_read_dates_from_now() {
    let kept = made(news(1));
    for after in by_every_way(&kept, "/Emails/0/EmailPreferences/0/PreferenceType", &json!(2)) {
        let preference = &after.kept.profile.emails[0].preferences[0];
        assert_eq!((preference.preference_type, preference.customer_date), (PreferenceType::OptOut, LATER));
        assert_eq!(preference.expiration_date, Some(LATER.plus_days(20)));
    }
    let dated = with(says("NEWS", 2), json!({ "CustomerDate": NOW.to_string() }));
    let after = changed(&kept, json!({ "Emails": [email(json!({ "EmailPreferences": [dated] }))] })).kept;
    assert_eq!(after.profile.emails[0].preferences[0].customer_date, NOW, "whoever dates it himself means it");
}

#[test]
fn an_implied_opt_in_that_is_turned_into_an_opt_out_dates_from_now_and_not_from_the_profile_s_beginning() {
    let silent = made(json!({ "Emails": [email(json!({}))] }));
    let mut whole = read(&silent, &Output { implied: true, ..Output::default() });
    let preference = whole.pointer_mut("/Emails/0/EmailPreferences/0").unwrap();
    assert_eq!((&preference["FilterId"], &preference["MatchType"]), (&json!("NEWS"), &json!("Implied")));
    preference["PreferenceType"] = json!(2);
    for after in [changed(&silent, whole.clone()), replaced(&silent, &whole)] {
        let preference = &after.kept.profile.emails[0].preferences[0];
        assert_eq!((preference.preference_type, preference.customer_date), (PreferenceType::OptOut, LATER));
        assert_eq!(preference.expiration_date, Some(LATER.plus_days(20)));
    }
}

#[test]
fn a_consent_withdrawn_in_the_whole_that_is_sent_back_archives_what_requires_it() {
    let kept = promo_and_deals();
    for after in by_every_way(&kept, "/Emails/0/Consents/0/ConsentStatus", &json!(3)) {
        assert_eq!(marketing(&after.kept).consent_status, ConsentStatus::Revoked);
        assert_eq!(after.kept.profile.emails[0].preferences, []);
        assert_eq!(archived(&after.kept), ["PROMO", "DEALS"]);
    }
    let after = patch(&kept, &json!([{ "op": "remove", "path": "/Emails/0/Consents/0" }])).kept;
    assert_eq!((after.profile.emails[0].consents.len(), after.profile.emails[0].preferences.len()), (0, 0));
    assert_eq!(archived(&after), ["PROMO", "DEALS"]);
}

#[test]
fn a_phone_that_is_no_mobile_any_more_in_the_whole_that_is_sent_back_loses_its_texts_only() {
    for after in by_every_way(&texts(), "/PhoneNumbers/0/IsMobile", &json!(false)) {
        assert_eq!(filters(&after.kept.profile.phone_numbers[0].preferences), [("CALL", 1)]);
        assert_eq!(archived(&after.kept), ["SMS"]);
    }
}

#[test]
fn an_opt_in_that_is_said_anew_without_its_consent_is_refused_still() {
    let kept = promo_and_deals();
    let said = json!({ "Consents": [consent("Marketing", 3)], "EmailPreferences": [says("PROMO", 1)] });
    let refusal = try_update(&kept, &json!({ "Emails": [email(said)] })).unwrap_err();
    assert_eq!((refusal.why, &*refusal.path), (Why::Invalid, "Emails[0].EmailPreferences[0]"));
}
