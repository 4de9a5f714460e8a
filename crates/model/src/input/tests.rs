use proptest::prelude::*;

use super::*;
use crate::{
    profile::{ConsentStatus, PreferenceType},
    refusal::Why,
    render, testing,
};

fn refused(json: &str) -> (String, String) {
    let refusal = parse_profile(json.as_bytes()).expect_err(json);
    assert_eq!(refusal.why, Why::Invalid);
    (refusal.path, refusal.message)
}

#[test]
fn absent_null_and_given_are_told_apart() {
    let p = parse_profile(br#"{"CustomerType": null, "DefaultLocale": "en_US", "Emails": null, "IsActive": null}"#)
        .unwrap();
    assert_eq!(p.customer_type, Field::Null);
    assert_eq!(p.default_locale, Field::Set("en_US".into()));
    assert_eq!((p.emails, p.is_active, p.groups), (None, None, None));
    assert_eq!(parse_profile(b"{}").unwrap(), ProfileInput::default());
}

#[test]
fn an_unknown_member_is_refused_with_its_path() {
    let (path, message) = refused(r#"{"Emails": [{}, {"EmailAdress": "a@b.c"}]}"#);
    assert_eq!(path, "Emails[1].EmailAdress");
    assert!(message.contains("unknown field `EmailAdress`") && message.contains("`EmailAddress`"), "{message}");
    assert_eq!(refused(r#"{"profileId": 1}"#).0, "profileId", "names match letter for letter");
    assert_eq!(refused(r#"{"Consents": [{"Foo": 1}]}"#).0, "Consents[0].Foo");
}

#[test]
fn a_wrong_type_is_refused_with_its_path() {
    for (json, path, found) in [
        (r#"{"Emails": [{"EmailAddress": 5}]}"#, "Emails[0].EmailAddress", "5"),
        (r#"{"CustomFields": [{"Name": "Age", "Value": 5}]}"#, "CustomFields[0].Value", "5"),
        (r#"{"IsActive": "true"}"#, "IsActive", "true"),
        (r#"{"Emails": {}}"#, "Emails", "map"),
        (r#"{"Emails": [null]}"#, "Emails[0]", "null"),
        (r#"{"CustomerName": "Ann"}"#, "CustomerName", "Ann"),
        (r#"{"CustomerName": ["Dr", "Ann"]}"#, "CustomerName", "sequence"),
        (r#"{"Emails": [["a"]]}"#, "Emails[0]", "sequence"),
        (r#"[true]"#, "", "sequence"),
        ("null", "", "null"),
    ] {
        let (seen, message) = refused(json);
        assert_eq!(seen, path, "{json}");
        assert!(message.contains(found), "{json}: {message}");
    }
}

#[test]
fn a_member_that_stands_twice_is_refused() {
    let (_, message) = refused(r#"{"IsActive": true, "IsActive": false}"#);
    assert!(message.contains("duplicate field `IsActive`"), "{message}");
    assert!(refused(r#"{"Emails": [{"EmailAddress": "a@b.c", "EmailAddress": "d@e.f"}]}"#).1.contains("duplicate"));
    assert!(refused(r#"{"Edited": 1, "Edited": 2}"#).1.contains("duplicate"));
    let tied = r#"{"ProfilePreferences": [{"Consents": [{"ConsentVersion": "1", "ConsentVersion": "2"}]}]}"#;
    assert!(refused(tied).1.contains("duplicate field `ConsentVersion`"), "an import goes by it");
}

#[test]
fn malformed_json_is_refused() {
    for json in [
        "",
        "{",
        "{} {}",
        r#"{"IsActive": tru}"#,
        r#"{"DefaultLocale": "\ud800"}"#,
        "{'a': 1}",
        "{\"IsActive\": true,}",
    ] {
        assert!(parse_profile(json.as_bytes()).is_err(), "{json}");
    }
    assert!(parse_profile(b"{\"DefaultLocale\": \"\xff\"}").is_err());
    assert!(parse_profile(b"\xef\xbb\xbf{}").is_ok(), "a byte order mark is passed over");
}

#[test]
fn deep_nesting_does_not_overflow_the_stack() {
    let deep = "[".repeat(1_000_000);
    assert!(parse_profile(deep.as_bytes()).is_err());
    for member in ["Edited", "Emails", "CustomerType"] {
        assert!(parse_profile(format!(r#"{{"{member}": {deep}"#).as_bytes()).is_err());
    }
    let status = format!(r#"{{"ProfilePreferences": [{{"MatchType": {deep}"#);
    assert!(parse_profile(status.as_bytes()).is_err());
}

#[test]
fn a_profile_id_is_any_whole_number_from_1_on() {
    let read = |v: &str| parse_profile(format!(r#"{{"ProfileId": {v}}}"#).as_bytes()).unwrap().profile_id;
    for (v, n) in [("1", 1), ("1.0", 1), ("2e3", 2000), ("9007199254740993", 9_007_199_254_740_993)] {
        assert_eq!(read(v), SentId::Id(crate::id::ProfileId(n)), "{v}");
    }
    for v in ["0", "0.0", "-1", "-1.0", "1.5", "9007199254740992.0", "1e300", "\"1\"", "true", "[1]"] {
        assert_eq!(read(v), SentId::Other, "{v}");
    }
    assert_eq!(read("null"), SentId::None);
}

#[test]
fn preference_types_and_consent_states_are_taken_as_number_or_word() {
    let read = |v: &str| {
        parse_profile(format!(r#"{{"ProfilePreferences": [{{"PreferenceType": {v}}}]}}"#).as_bytes())
            .map(|p| p.profile_preferences.unwrap()[0].preference_type)
    };
    for v in ["1", "1.0", "\"OptIn\"", "\"optin\""] {
        assert_eq!(read(v), Ok(Some(PreferenceType::OptIn)));
    }
    for v in ["2", "\"OPTOUT\""] {
        assert_eq!(read(v), Ok(Some(PreferenceType::OptOut)));
    }
    for v in ["0", "3", "-1", "1.5", "-1.0", "257.0", "\"1\"", "\"Opt In\"", "true", "257"] {
        let refusal = read(v).expect_err(v);
        assert_eq!(refusal.path, "ProfilePreferences[0].PreferenceType");
        assert!(refusal.message.contains("1 (\"OptIn\") or 2 (\"OptOut\")"), "{refusal}");
    }
    let read = |v: &str| {
        parse_profile(format!(r#"{{"Consents": [{{"ConsentStatus": {v}}}]}}"#).as_bytes())
            .map(|p| p.consents.unwrap()[0].consent_status)
    };
    assert_eq!(read("4"), Ok(Some(ConsentStatus::NotSet)));
    assert_eq!(read("\"revoked\""), Ok(Some(ConsentStatus::Revoked)));
    assert!(read("5").unwrap_err().message.contains("5 is not accepted"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_profile_that_was_read_can_be_sent_back(profile in testing::profile()) {
        let input = parse_profile(&render::render(&profile).json).unwrap();
        prop_assert_eq!(input.emails.unwrap().len(), profile.emails.len());
        prop_assert_eq!(input.is_active, Some(profile.is_active));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse_profile(&bytes);
    }
}
