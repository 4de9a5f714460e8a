use super::*;
use crate::profile::{MatchType, PreferenceStatus};

fn news(more: Value) -> Value {
    json!({ "Emails": [email(json!({ "EmailPreferences": [with(says("NEWS", 1), more)] }))] })
}

fn only(kept: &Kept) -> &Preference {
    &kept.profile.emails[0].preferences[0]
}

#[test]
fn a_preference_is_completed_from_its_filter_and_the_write() {
    let kept = made(news(json!({ "FilterId": "news" })));
    let p = only(&kept);
    assert_eq!((&*p.program_id, &*p.filter_id, p.channel_id.word()), ("All", "NEWS", "Email"));
    assert_eq!((p.frequency_id.as_deref(), p.customer_date, p.last_modified_date), (Some("Weekly"), NOW, NOW));
    assert_eq!((p.match_type, p.preference_status), (MatchType::Expressed, PreferenceStatus::Active));
    assert_eq!((&*p.user_id, p.source_id.as_deref()), ("ann", Some("Web")));
    assert_eq!(p.expiration_date, Some(NOW.plus_days(10)));
    assert_eq!(only(&made(news(json!({ "PreferenceType": "OptOut" })))).expiration_date, Some(NOW.plus_days(20)));
    let kept = made(json!({ "PhoneNumbers": [phone(json!({ "PhoneNumberPreferences": [says("CALL", 1)] }))] }));
    assert_eq!(kept.profile.phone_numbers[0].preferences[0].expiration_date, None);
    assert_eq!(kept.profile.phone_numbers[0].preferences[0].frequency_id, None);
}

#[test]
fn the_customer_date_decides_when_it_expires() {
    let date = |d: &str, t: &str| made(news(json!({ "CustomerDate": d, "PreferenceType": t })));
    assert_eq!(only(&date("2026-11-20", "OptIn")).customer_date, at("2026-11-20T05:00:00Z"));
    assert_eq!(only(&date("2026-11-20", "OptOut")).customer_date, at("2026-11-21T04:59:59Z"));
    assert_eq!(only(&date("2026-11-01T01:30:00", "OptIn")).customer_date, at("2026-11-01T05:30:00Z"));
    assert_eq!(only(&date("2026-11-01T01:30:00", "OptOut")).customer_date, at("2026-11-01T06:30:00Z"));
    let old = date("2020-01-01T00:00:00Z", "OptIn");
    assert_eq!(only(&old).expiration_date, Some(at("2020-01-11T00:00:00Z")));
    assert_eq!(only(&old).preference_status, PreferenceStatus::Expired);
    let path = "Emails[0].EmailPreferences[0].CustomerDate";
    assert!(refused(news(json!({ "CustomerDate": "soon" })), Why::Invalid, path).contains("\"soon\""));
}

#[test]
fn writing_a_preference_again_replaces_it_and_moves_the_former_one_to_history() {
    let kept = made(news(json!({ "FrequencyId": "monthly" })));
    assert_eq!(only(&kept).frequency_id.as_deref(), Some("Monthly"));
    let Changed { kept: after, former, .. } = changed(&kept, news(json!({ "PreferenceType": 2 })));
    assert_eq!(filters(&after.profile.emails[0].preferences), [("NEWS", 2)]);
    assert_eq!((&*only(&after).user_id, only(&after).last_modified_date), ("ben", LATER));
    assert_eq!(only(&after).frequency_id.as_deref(), Some("Weekly"), "it is replaced as a whole");
    assert_eq!(kinds(&former), [HistoryKind::Preferences]);
    assert_eq!(former[0].value["Preference"], json(only(&kept)));
    assert_eq!(former[0].value["Place"], json!({ "Email": { "kind": "home", "address": "ann@example.com" } }));
    assert_eq!(after.profile.emails[0].edited, kept.profile.emails[0].edited, "the contact itself did not change");
}

#[test]
fn a_preference_sent_as_it_was_read_changes_nothing() {
    let kept = made(news(json!({ "PreferenceAttributes": [{ "Key": "a", "Value": "1" }] })));
    let read = json!({ "Emails": json(&kept.profile.emails) });
    let Changed { kept: after, former, .. } = changed(&kept, read);
    assert_eq!((after.profile.emails, former), (kept.profile.emails, vec![]));
}

#[test]
fn later_changes_of_days_affect_later_writes_only() {
    let kept = made(news(json!({})));
    let mut longer = config().source;
    longer.programs[0].filters[0].opt_in_expiration_in_days = Some(99);
    let input = parse_profile(b"{}").unwrap();
    let after = update(kept.clone(), &input, &Config::new(longer), &author("ben"), LATER).unwrap().kept;
    assert_eq!(after.profile.emails, kept.profile.emails);
}

#[test]
fn a_filter_belongs_where_its_channel_does() {
    let cases = [
        ("ProfilePreferences", "NEWS"),
        ("ProfilePreferences", "CALL"),
        ("EmailPreferences", "MEET"),
        ("EmailPreferences", "SMS"),
        ("PhoneNumberPreferences", "NEWS"),
        ("PhoneNumberPreferences", "POST"),
        ("AddressPreferences", "FAX"),
    ];
    for (list, filter) in cases {
        let preferences = json!({ list: [says(filter, 2)] });
        let (input, path) = match list {
            "EmailPreferences" => (json!({ "Emails": [email(preferences)] }), "Emails[0].EmailPreferences[0].FilterId"),
            "PhoneNumberPreferences" => {
                (json!({ "PhoneNumbers": [phone(preferences)] }), "PhoneNumbers[0].PhoneNumberPreferences[0].FilterId")
            }
            "AddressPreferences" => {
                (json!({ "Addresses": [address(preferences)] }), "Addresses[0].AddressPreferences[0].FilterId")
            }
            _ => (preferences, "ProfilePreferences[0].FilterId"),
        };
        assert!(refused(input, Why::Invalid, path).contains("has the channel"), "{list} {filter}");
    }
    let phones =
        json!({ "PhoneNumberPreferences": [says("CALL", 1), says("FAX", 1), says("SMS", 1)], "IsMobile": true });
    made(json!({
        "PhoneNumbers": [phone(phones)], "ProfilePreferences": [says("MEET", 2)],
        "Addresses": [address(json!({ "AddressPreferences": [says("POST", 1)] }))],
    }));
}

#[test]
fn text_preferences_need_a_mobile_phone() {
    let sms =
        |more| json!({ "PhoneNumbers": [phone(with(json!({ "PhoneNumberPreferences": [says("SMS", 1)] }), more))] });
    let path = "PhoneNumbers[0].PhoneNumberPreferences[0].FilterId";
    assert!(refused(sms(json!({})), Why::Invalid, path).contains("IsMobile true"));
    let kept = made(sms(json!({ "IsMobile": true })));
    changed(&kept, sms(json!({})));
    assert_eq!(try_update(&kept, &sms(json!({ "IsMobile": false }))).unwrap_err().path, path);
}

#[test]
fn a_frequency_that_the_filter_does_not_have_is_unknown() {
    refused(news(json!({ "FrequencyId": "Daily" })), Why::Unknown, "Emails[0].EmailPreferences[0].FrequencyId");
}

#[test]
fn a_filter_that_is_switched_off_takes_opt_outs_only() {
    let off = |t| json!({ "Emails": [email(json!({ "EmailPreferences": [says("OFF", t)] }))] });
    assert!(refused(off(1), Why::Unknown, "Emails[0].EmailPreferences[0].FilterId").contains("opt-outs only"));
    made(off(2));
}

#[test]
fn the_reserved_attribute_gives_the_reason_code() {
    let kept =
        made(news(json!({ "PreferenceAttributes": [{ "Key": "$reason_code", "Value": "MOVED" }, { "Key": "a" }] })));
    assert_eq!(only(&kept).reason_code.as_deref(), Some("MOVED"));
    assert_eq!(only(&kept).preference_attributes.len(), 2);
    let path = "Emails[0].EmailPreferences[0].PreferenceAttributes[1]";
    refused(news(json!({ "PreferenceAttributes": [{ "Key": "a" }, { "Key": "A" }] })), Why::Invalid, path);
}

#[test]
fn an_implied_preference_sent_back_unchanged_stays_unsaid() {
    let implied = |t: u8| news(json!({ "MatchType": "Implied", "PreferenceType": t }));
    assert_eq!(made(implied(1)).profile.emails[0].preferences, []);
    assert_eq!(
        filters(&made(implied(2)).profile.emails[0].preferences),
        [("NEWS", 2)],
        "changed by the caller, it was said"
    );
}

#[test]
fn an_archived_preference_sent_back_is_not_brought_back() {
    let archived = |t: u8, date: &str| {
        let p = with(says("SMS", t), json!({ "PreferenceStatus": "Archived", "CustomerDate": date }));
        json!({ "PhoneNumbers": [phone(json!({ "IsMobile": true, "PhoneNumberPreferences": [p] }))] })
    };
    let count = |kept: &Kept| kept.profile.phone_numbers[0].preferences.len();
    assert_eq!(count(&made(archived(1, "2026-01-01"))), 0);
    assert_eq!(count(&made(archived(2, "2026-01-01"))), 1, "an opt-out is never lost");
    let out = with(says("SMS", 2), json!({ "CustomerDate": "2026-01-01" }));
    let kept = made(json!({ "PhoneNumbers": [phone(json!({ "IsMobile": true, "PhoneNumberPreferences": [out] }))] }));
    let kept = changed(&kept, json!({ "PhoneNumbers": [phone(json!({ "IsMobile": false }))] })).kept;
    assert_eq!(count(&changed(&kept, archived(2, "2026-01-01")).kept), 0, "exactly the one that is archived");
    assert_eq!(count(&changed(&kept, archived(2, "2026-02-01")).kept), 1);
    let read = with(says("SMS", 2), json!({ "PreferenceStatus": "Archived", "CustomerDate": "2026-01-01" }));
    let echo = json!({ "PhoneNumbers": [phone(json!({ "PhoneNumberPreferences": [read] }))] });
    assert_eq!(count(&changed(&kept, echo).kept), 0, "nor is it refused on the phone that is no mobile any more");
}

#[test]
fn an_archived_opt_in_that_is_sent_back_as_an_opt_out_is_one_from_now_on() {
    let dated = |t: u8, more| with(with(says("SMS", t), json!({ "CustomerDate": "2026-01-01T05:00:00.000Z" })), more);
    let phone = |mobile: bool, p: Value| json!({ "PhoneNumbers": [phone(json!({ "IsMobile": mobile, "PhoneNumberPreferences": [p] }))] });
    let kept = made(phone(true, dated(1, json!({}))));
    let kept = changed(&kept, json!({ "PhoneNumbers": [super::phone(json!({ "IsMobile": false }))] })).kept;
    assert_eq!(archived(&kept), ["SMS"]);
    let input = phone(true, dated(2, json!({ "PreferenceStatus": "Archived" })));
    let input = parse_profile(input.to_string().as_bytes()).unwrap();
    let [updated, replaced] = [update, replace].map(|way| way(kept.clone(), &input, &config(), &author("ben"), LATER));
    for after in [updated, replaced] {
        let preferences = after.unwrap().kept.profile.phone_numbers.remove(0).preferences;
        assert_eq!(filters(&preferences), [("SMS", 2)]);
        assert_eq!(preferences[0].customer_date, LATER);
    }
}
