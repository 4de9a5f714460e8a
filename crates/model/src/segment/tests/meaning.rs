//! What definitions mean.

use serde_json::json;

use super::*;
use crate::{
    moment::Moment,
    profile::{MatchType, PreferenceStatus, Tombstone},
};

#[test]
fn a_segment_without_criteria_is_everybody() {
    for definition in [None, Some(&Value::Null)] {
        let everybody = parse(definition, Population::Active, &config(), "Criteria").unwrap();
        assert!(matches(&everybody, &person(), NOW));
    }
}

#[test]
fn rows_join_by_all_any_and_not() {
    let (yes, no) = (json!({"Tag": "vip"}), json!({"Tag": "new"}));
    check(&[
        (json!({"All": []}), true),
        (json!({"Any": []}), false),
        (json!({"All": [yes, yes]}), true),
        (json!({"All": [yes, no]}), false),
        (json!({"Any": [no, yes]}), true),
        (json!({"Any": [no, no]}), false),
        (json!({"Not": no}), true),
        (json!({"Not": {"Any": [{"Not": no}, yes]}}), false),
    ]);
}

#[test]
fn text_is_compared_without_regard_to_case() {
    let field = "CustomerName.LastName";
    check(&[
        (json!({"Field": field, "Is": "o'neil-ångström"}), true),
        (json!({"Field": field, "Is": " O'NEIL-ÅNGSTRÖM "}), true),
        (json!({"Field": field, "Is": "O'Neil"}), false),
        (json!({"Field": field, "IsNot": "O'Neil"}), true),
        (json!({"Field": field, "In": ["Smith", "O'NEIL-ÅNGSTRÖM"]}), true),
        (json!({"Field": field, "In": ["Smith", "Jones"]}), false),
        (json!({"Field": field, "StartsWith": "o'n"}), true),
        (json!({"Field": field, "StartsWith": "neil"}), false),
        (json!({"Field": field, "Contains": "L-ÅNG"}), true),
        (json!({"Field": field, "Contains": "l ång"}), false),
        (json!({"Field": field, "AtLeast": "N"}), true),
        (json!({"Field": field, "AtMost": "N"}), false),
        (json!({"Field": "Address.PostalCode", "Between": ["31000", "31999"]}), true),
        (json!({"Field": "Address.PostalCode", "Between": ["32000", "32999"]}), false),
        (json!({"Field": "email.emailaddress", "Is": "ANNE@example.com"}), true),
    ]);
}

#[test]
fn a_letter_is_the_same_at_the_end_of_a_word_and_within_it() {
    let mut person = person();
    person.customer_name.last_name = Some("Παπασταύρου".into());
    person.addresses[0].city = "Άργος".into();
    for criteria in [
        json!({"Field": "CustomerName.LastName", "StartsWith": "ΠΑΠΑΣ"}),
        json!({"Field": "CustomerName.LastName", "Contains": "ΠΑΣ"}),
        json!({"Field": "Address.City", "Is": "ΆΡΓΟΣ"}),
        json!({"Field": "Address.City", "Is": "άργοσ"}),
    ] {
        assert!(holds_for(&criteria, &person), "{criteria}");
    }
}

#[test]
fn what_is_absent_meets_no_comparison() {
    let field = "CustomerName.Suffix";
    check(&[
        (json!({"Field": field, "Is": "Jr."}), false),
        (json!({"Field": field, "AtMost": "zzz"}), false),
        (json!({"Field": field, "Exists": true}), false),
        (json!({"Field": field, "Exists": false}), true),
        // IsNot is not Is, and Is is false
        (json!({"Field": field, "IsNot": "Jr."}), true),
        (json!({"Field": "CustomerName.FirstName", "Exists": true}), true),
    ]);
}

#[test]
fn flags_and_numbers_are_compared_as_such() {
    check(&[
        (json!({"Field": "RegistrationConfirmed", "Is": false}), true),
        (json!({"Field": "RegistrationConfirmed", "IsNot": false}), false),
        (json!({"Field": "PreserveConsents", "Is": true}), true),
        (json!({"Field": "Phone.IsMobile", "Is": true}), true),
        (json!({"Field": "ProfileId", "Is": 7}), true),
        (json!({"Field": "ProfileId", "In": [1, 2, 7]}), true),
        (json!({"Field": "ProfileId", "AtLeast": 8}), false),
        (json!({"Field": "ProfileId", "Between": [7, 8]}), true),
    ]);
}

#[test]
fn dates_are_absolute_or_relative_to_the_snapshot() {
    // modified 2026-11-01T00:00:00Z; it is 2026-11-24T00:00:00Z
    let field = "LastModifiedDate";
    check(&[
        (json!({"Field": field, "Is": "2026-11-01T00:00:00Z"}), true),
        (json!({"Field": field, "Is": "2026-10-31T20:00:00"}), true),
        (json!({"Field": field, "AtLeast": "2026-11-01T00:00:00.001Z"}), false),
        (json!({"Field": field, "AtMost": "2026-11-01T00:00:00Z"}), true),
        (json!({"Field": field, "AtLeast": {"Ago": "23d"}}), true),
        (json!({"Field": field, "AtLeast": {"Ago": "22d"}}), false),
        (json!({"Field": field, "AtLeast": {"Ago": "552h"}}), true),
        (json!({"Field": field, "AtMost": {"Ago": "3w"}}), true),
        (json!({"Field": field, "AtMost": {"Ago": "15m"}}), true),
        (json!({"Field": field, "AtLeast": {"Ago": "45s"}}), false),
        (json!({"Field": field, "Between": [{"Ago": "4w"}, {"Ago": "3w"}]}), true),
        (json!({"Field": "CreateDate", "AtMost": "2026-01-10T00:00:00Z"}), true),
        (json!({"Field": "Edited.CreateDate", "AtMost": "2026-01-09T23:59:59Z"}), false),
        (json!({"Field": "Address.CreateDate", "AtLeast": "2026-06-01T00:00:00Z"}), true),
    ]);
}

#[test]
fn a_day_alone_is_a_whole_us_eastern_day() {
    // modified on 31 October, 20:00 in New York
    check(&[
        (json!({"Field": "LastModifiedDate", "Between": ["2026-10-31", "2026-10-31"]}), true),
        (json!({"Field": "LastModifiedDate", "AtLeast": "2026-11-01"}), false),
        (json!({"Field": "LastModifiedDate", "AtMost": "2026-10-30"}), false),
    ]);
}

#[test]
fn is_not_excludes_whoever_has_it_anywhere() {
    check(&[
        (json!({"Field": "Address.City", "Is": "Miami"}), true),
        (json!({"Field": "Address.City", "IsNot": "Miami"}), false),
        (json!({"Field": "Address.City", "IsNot": "Atlanta"}), true),
        (json!({"Field": "Address.Address2", "Exists": true}), true),
        (json!({"Field": "Address.Address2", "Exists": false}), false),
    ]);
}

#[test]
fn two_leaves_may_be_met_by_two_addresses_and_one_bound_leaf_by_one_only() {
    check(&[
        (
            json!({"All": [{"Field": "Address.City", "Is": "Miami"}, {"Field": "Address.StateProvince", "Is": "GA"}]}),
            true,
        ),
        (json!({"Address": {"City": "Miami", "StateProvince": "GA"}}), false),
        (json!({"Address": {"City": "macon", "StateProvince": "GA"}}), true),
        (json!({"Address": {"City": "macon", "StateProvince": "GA"}, "Exists": false}), false),
        (json!({"Address": {"City": {"StartsWith": "M"}, "StateProvince": ["FL", "AL"]}}), true),
        (json!({"Address": {"City": {"IsNot": "Macon"}, "StateProvince": "GA"}}), false),
        (json!({"Address": {"City": {"IsNot": "Macon"}, "StateProvince": "FL"}}), true),
        (json!({"Address": {"Address2": {"Exists": false}, "IsDefault": true}}), true),
        (json!({"Address": {"Address2": {"Exists": false}, "AddressType": "Billing"}}), false),
        (json!({"Email": {"EmailAddressType": "Home", "IsActive": true}}), true),
        (json!({"Email": {"EmailAddressType": "Work"}}), false),
        (json!({"Phone": {"PhoneNumberNumeric": {"StartsWith": "1912"}, "IsMobile": true}}), true),
        (json!({"AlternateId": {"AlternateIdType": "CRM", "AlternateId": "c-77"}}), true),
        (json!({"AlternateId": {"AlternateIdType": "Loyalty", "AlternateId": "c-77"}}), false),
        (json!({"Phone": {}}), true),
    ]);
}

#[test]
fn several_operators_of_a_leaf_are_met_by_one_element() {
    check(&[
        (json!({"Field": "Address.City", "StartsWith": "Mi", "Contains": "am"}), true),
        (json!({"Field": "Address.City", "StartsWith": "Mi", "Contains": "con"}), false),
        // not Is is of the whole profile, beside the others
        (json!({"Field": "Address.City", "StartsWith": "M", "IsNot": "Miami"}), false),
    ]);
}

#[test]
fn custom_fields_are_compared_as_what_they_hold() {
    check(&[
        (json!({"CustomField": "store", "Is": "macon mall"}), true),
        (json!({"CustomField": "Store", "Contains": "Mall"}), true),
        (json!({"CustomField": "Age", "Is": 34.5}), true),
        (json!({"CustomField": "Age", "AtLeast": 21}), true),
        // as text it would be greater
        (json!({"CustomField": "Age", "AtLeast": 100}), false),
        (json!({"CustomField": "Age", "Between": [30, 34]}), false),
        (json!({"CustomField": "Since", "AtMost": "2020-05-01"}), true),
        (json!({"CustomField": "Since", "AtLeast": {"Ago": "52w"}}), false),
        (json!({"CustomField": "Interests", "Is": "travel"}), true),
        (json!({"CustomField": "Interests", "Is": "Music"}), false),
        (json!({"CustomField": "Interests", "IsNot": "Music"}), true),
        (json!({"CustomField": "Interests", "AllOf": ["Books", "Travel"]}), true),
        (json!({"CustomField": "Interests", "AllOf": ["Books", "Music"]}), false),
        (json!({"CustomField": "Interests", "AnyOf": ["Books", "Music"]}), true),
        (json!({"CustomField": "Interests", "In": ["Music"]}), false),
        (json!({"CustomField": "Interests", "Exists": true}), true),
    ]);
    let mut person = person();
    person.custom_fields[0].value = None;
    person.custom_fields[1].value = Some("old".into());
    for (criteria, expected) in [
        (json!({"CustomField": "Store", "Exists": false}), true),
        (json!({"CustomField": "Age", "Exists": true}), true),
        (json!({"CustomField": "Age", "AtLeast": 0}), false),
    ] {
        assert_eq!(holds_for(&criteria, &person), expected, "{criteria}");
    }
}

#[test]
fn a_preference_is_sought_by_filter_program_or_channel_and_all_it_says() {
    let news = |more: Value| {
        let mut row = json!({"Preference": "news-email"});
        row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        row
    };
    check(&[
        (news(json!({})), true),
        (news(json!({"Type": "OptIn", "Status": "Active", "Frequency": "weekly"})), true),
        (news(json!({"Type": "OptOut"})), false),
        (news(json!({"Type": ["optin", "OptOut"]})), true),
        (news(json!({"Status": ["Expired", "Archived"]})), false),
        (news(json!({"Frequency": "Daily"})), false),
        (news(json!({"Attribute": {"Key": "topic", "Value": "GARDENS"}})), true),
        (news(json!({"Attribute": {"Key": "topic", "Value": "Sport"}})), false),
        (news(json!({"Attribute": {"Key": "note"}})), true),
        (news(json!({"Attribute": {"Key": "note", "Value": "x"}})), false),
        (news(json!({"CustomerDate": {"AtLeast": {"Ago": "30d"}}})), true),
        (news(json!({"CustomerDate": {"AtLeast": {"Ago": "7d"}}})), false),
        (news(json!({"CustomerDate": {"Between": ["2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"]}})), true),
        (news(json!({"Exists": false})), false),
        (json!({"Preference": "NEWS-MAIL", "Exists": false}), true),
        (json!({"Program": "News", "Type": "OptIn"}), true),
        (json!({"Program": "Offers", "Type": "OptIn"}), false),
        (json!({"Channel": "Solicit", "Type": "OptOut"}), true),
        (json!({"Channel": ["Mail", "Email"], "Type": "OptIn"}), true),
        (json!({"Program": "Offers", "Channel": "Email"}), false),
    ]);
}

#[test]
fn implied_preferences_count_only_where_they_are_asked_for() {
    let mut person = person();
    person.emails[0].preferences[0].match_type = MatchType::Implied;
    for (criteria, expected) in [
        (json!({"Preference": "NEWS-EMAIL"}), false),
        (json!({"Preference": "NEWS-EMAIL", "Implied": true}), true),
        (json!({"Preference": "NEWS-EMAIL", "Expressed": false}), true),
        (json!({"Preference": "NEWS-EMAIL", "Expressed": true, "Implied": true}), true),
        (json!({"Preference": "NEWS-EMAIL", "Expressed": true}), false),
        (json!({"Preference": "OFFERS-ASK", "Implied": true}), false),
        (json!({"Preference": "OFFERS-ASK", "Expressed": true, "Implied": true}), true),
    ] {
        assert_eq!(holds_for(&criteria, &person), expected, "{criteria}");
        let reading = read(&criteria, Population::Active).unwrap().reading();
        assert_eq!(
            reading.implied,
            criteria.get("Implied") == Some(&json!(true)) || criteria.get("Expressed") == Some(&json!(false))
        );
    }
}

#[test]
fn archived_preferences_count_only_where_they_are_asked_for() {
    let mut person = person();
    person.emails[0].preferences[0].preference_status = PreferenceStatus::Archived;
    for (criteria, expected) in [
        (json!({"Preference": "NEWS-EMAIL"}), false),
        (json!({"Preference": "NEWS-EMAIL", "Status": "Active"}), false),
        (json!({"Preference": "NEWS-EMAIL", "Status": "Archived"}), true),
        (json!({"Preference": "NEWS-EMAIL", "Status": ["Active", "Archived"]}), true),
    ] {
        assert_eq!(holds_for(&criteria, &person), expected, "{criteria}");
        let nested = json!({"Any": [{"Not": criteria}]});
        assert_eq!(read(&nested, Population::Active).unwrap().reading().archived, expected, "{criteria}");
    }
}

#[test]
fn a_consent_is_sought_on_the_person_and_on_every_contact() {
    check(&[
        (json!({"Consent": "marketing", "Status": ["Granted"], "NotExpired": true}), true),
        (json!({"Consent": "Marketing", "Status": "Denied"}), false),
        (json!({"Consent": "Marketing", "Version": "1", "Locale": "ES_us"}), true),
        (json!({"Consent": "Marketing", "Version": "2"}), false),
        (json!({"Consent": "Marketing", "Locale": "en_US"}), false),
        (json!({"Consent": "Marketing", "ConsentDate": {"AtLeast": {"Ago": "60d"}}}), true),
        (json!({"Consent": "Marketing", "ConsentDate": {"AtLeast": {"Ago": "30d"}}}), false),
        (json!({"Consent": "SmsTerms", "Status": "Revoked"}), true),
        (json!({"Consent": "SmsTerms", "NotExpired": true}), false),
        (json!({"Consent": "SmsTerms", "NotExpired": false}), true),
        (json!({"Consent": "SmsTerms", "Status": "Granted", "Exists": false}), true),
    ]);
}

#[test]
fn tags_groups_and_alternate_id_types_are_there_or_not() {
    check(&[
        (json!({"Tag": "Vip"}), true),
        (json!({"Tag": "Vip", "Exists": false}), false),
        (json!({"Tag": "new", "Exists": false}), true),
        (json!({"Tag": "vip", "Exists": true}), true),
        (json!({"Group": {"Type": "household", "Name": "O'NEIL"}}), true),
        (json!({"Group": {"Type": "Household"}}), true),
        (json!({"Group": {"Type": "Company", "Name": "O'Neil"}}), false),
        (json!({"AlternateIdType": "crm"}), true),
        (json!({"AlternateIdType": "Loyalty"}), false),
        (json!({"Field": "Tag.Name", "StartsWith": "v"}), true),
        (json!({"Field": "Group.IsPrimary", "Is": true}), true),
    ]);
}

#[test]
fn a_leaf_looks_at_the_moment_it_is_asked_for() {
    let recent = read(&json!({"Field": "CreateDate", "AtLeast": {"Ago": "1d"}}), Population::Active).unwrap();
    let created = person().edited.create_date;
    assert!(matches(&recent, &person(), created.plus_days(1)));
    assert!(!matches(&recent, &person(), Moment(created.plus_days(1).0 + 1)));
}

#[test]
fn deleted_profiles_are_compared_by_what_remains_of_them() {
    let gone =
        Tombstone { profile_id: crate::id::ProfileId(9), deleted_date: NOW, reason_code: Some("GDPR-17".into()) };
    let holds = |criteria: Value| matches_tombstone(&read(&criteria, Population::Deleted).unwrap(), &gone, NOW);
    assert!(holds(
        json!({"All": [{"Field": "ProfileId", "Is": 9}, {"Field": "DeletedDate", "AtLeast": {"Ago": "0d"}}]})
    ));
    assert!(holds(json!({"Field": "ReasonCode", "StartsWith": "gdpr"})));
    assert!(!holds(json!({"Field": "ReasonCode", "IsNot": "gdpr-17"})));
    assert!(matches_tombstone(&Criterion::Population(Population::Deleted), &gone, NOW));
    assert!(!matches_tombstone(&Criterion::Population(Population::All), &gone, NOW));
}
