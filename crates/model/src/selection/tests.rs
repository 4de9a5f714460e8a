use serde_json::json;

use super::*;
use crate::{
    config::{Configuration, Member, SegmentGroup},
    id::ProfileId,
    refusal::Why,
    segment::{matches, matches_tombstone},
    testing::account::{NOW, config, configuration, person},
};

fn segment(name: &str, profiles: Population, criteria: serde_json::Value) -> Segment {
    Segment {
        name: name.into(),
        description: None,
        profiles,
        criteria: Some(criteria),
        output: Output::default(),
        permissions: Vec::new(),
    }
}

/// Segments that Anne of Macon, who is active, is in (`yes`) or not (`no`).
fn with_group(members: &[(&str, Operator)]) -> Config {
    let members = members.iter().map(|(name, operator)| Member { segment: (*name).into(), operator: *operator });
    Config::new(Configuration {
        segments: vec![
            segment("yes", Population::All, json!({"All": []})),
            segment("no", Population::All, json!({"Any": []})),
        ],
        segment_groups: vec![SegmentGroup {
            name: "Group".into(),
            description: None,
            members: members.collect(),
            output: Output { implied: true, ..Output::default() },
            permissions: Vec::new(),
        }],
        ..configuration()
    })
}

#[test]
fn a_selection_keeps_the_segment_as_it_was() {
    let config = config();
    let selection = Selection::of_segment(&config, "GEORGIA newsletter").unwrap();
    assert_eq!(selection.members[0].1, config.source.segments[0]);
    assert_eq!(selection.output, Output { custom_fields: false, archived: true, ..Output::default() });
    assert!(!selection.over_deleted());
    assert!(Selection::of_segment(&config, "Gone").unwrap().over_deleted());
    assert!(Selection::of_segment(&config, "Nobody").is_none());

    let json = serde_json::to_string(&selection).unwrap();
    assert_eq!(serde_json::from_str::<Selection>(&json).unwrap(), selection);
}

#[test]
fn a_group_has_an_output_of_its_own() {
    let config = config();
    let selection = Selection::of_group(&config, "georgia AND more").unwrap();
    assert_eq!(selection.output, Output { implied: true, ..Output::default() });
    assert!(Selection::of_group(&config, "Georgia newsletter").is_none());
}

#[test]
fn a_population_is_where_a_segment_starts() {
    let in_population = |profiles, is_active| {
        let mut person = person();
        person.is_active = is_active;
        let members = vec![(Operator::And, segment("s", profiles, json!({"All": []})))];
        let selection = Selection { members, output: Output::default() };
        matches(&selection.criterion(&config()).unwrap(), &person, NOW)
    };
    assert_eq!([true, false].map(|active| in_population(Population::Active, active)), [true, false]);
    assert_eq!([true, false].map(|active| in_population(Population::Inactive, active)), [false, true]);
    assert_eq!([true, false].map(|active| in_population(Population::All, active)), [true, true]);
    assert_eq!([true, false].map(|active| in_population(Population::Deleted, active)), [false, false]);
}

#[test]
fn groups_fold_left_to_right_and_ignore_the_first_operator() {
    use Operator::{And, Except, Or};
    for (members, expected) in [
        (&[("yes", Except)][..], true),
        (&[("yes", And), ("no", And)], false),
        (&[("no", And), ("yes", Or)], true),
        (&[("yes", Or), ("yes", Except)], false),
        (&[("yes", And), ("no", Except)], true),
        // (yes OR yes) AND no, where "AND before OR" would say yes
        (&[("yes", And), ("yes", Or), ("no", And)], false),
        (&[("no", And), ("yes", Except), ("yes", Or)], true),
        (&[], false),
    ] {
        let config = with_group(members);
        let criterion = Selection::of_group(&config, "group").unwrap().criterion(&config).unwrap();
        assert_eq!(matches(&criterion, &person(), NOW), expected, "{members:?}");
    }
}

#[test]
fn a_definition_that_no_longer_fits_is_refused_by_name() {
    let members =
        vec![(Operator::And, segment("Old", Population::Active, json!({"All": [{"CustomField": "Gone", "Is": 1}]})))];
    let refusal = Selection { members, output: Output::default() }.criterion(&config()).unwrap_err();
    assert_eq!(refusal.path, "Old: Criteria.All[0].CustomField");
}

fn resolve(criteria: Option<&str>, kind: Option<&str>, values: &[&str]) -> Result<Option<Matching>, Refusal> {
    let values = values.iter().map(|v| (*v).to_owned()).collect();
    Matching::resolve(criteria, kind, Some(values), false, &config())
}

fn matching(criteria: &str, kind: Option<&str>, values: &[&str]) -> Matcher {
    resolve(Some(criteria), kind, values).unwrap().unwrap().prepare()
}

#[test]
fn profile_ids_match_as_numbers_within_a_customer_type() {
    assert!(matching("profileid", None, &["5", "007"]).matches(&person()));
    assert!(!matching("ProfileId", None, &["70"]).matches(&person()));
    assert!(matching("ProfileId", Some("consumer"), &["7"]).matches(&person()));
    assert!(!matching("ProfileId", Some("Business"), &["7"]).matches(&person()));
}

#[test]
fn alternate_ids_match_within_their_type_without_regard_to_case() {
    assert!(matching("AlternateId", Some("CRM"), &["x", "c-77"]).matches(&person()));
    assert!(!matching("AlternateId", Some("Loyalty"), &["C-77"]).matches(&person()));
}

#[test]
fn emails_match_without_regard_to_case_and_phones_by_their_digits() {
    assert!(matching("EMAILADDRESS", None, &["ANNE@EXAMPLE.COM"]).matches(&person()));
    assert!(matching("EmailAddress", Some("HOME"), &["anne@example.com"]).matches(&person()));
    assert!(!matching("EmailAddress", Some("Work"), &["anne@example.com"]).matches(&person()));
    assert!(matching("PhoneNumber", None, &["1-912-555-0100"]).matches(&person()));
    assert!(!matching("PhoneNumber", Some("Home"), &["19125550100"]).matches(&person()));
    let mut person = person();
    person.phone_numbers[0].phone_number_numeric.clear();
    assert!(!matching("PhoneNumber", None, &["none"]).matches(&person), "no digits are no number");
}

#[test]
fn deleted_profiles_match_by_their_id_only() {
    let gone = Tombstone { profile_id: ProfileId(7), deleted_date: NOW, reason_code: None };
    let deleted = |criteria, kind| Matching::resolve(Some(criteria), kind, Some(vec!["7".into()]), true, &config());
    assert!(deleted("ProfileId", None).unwrap().unwrap().prepare().matches_tombstone(&gone));
    assert!(!matching("EmailAddress", None, &["7"]).matches_tombstone(&gone));
    for (criteria, kind) in [("EmailAddress", None), ("AlternateId", Some("CRM")), ("ProfileId", Some("Consumer"))] {
        assert_eq!(deleted(criteria, kind).unwrap_err().why, Why::Invalid, "{criteria}");
    }

    let selection = Selection::of_segment(&config(), "Gone").unwrap();
    assert!(matches_tombstone(&selection.criterion(&config()).unwrap(), &gone, NOW));
}

#[test]
fn what_cannot_be_matched_is_refused() {
    for (criteria, kind, values, why, path, words) in [
        (None, None, &["1"][..], Why::Invalid, "Values", "needs MatchCriteria"),
        (
            Some("Name"),
            None,
            &["1"],
            Why::Invalid,
            "MatchCriteria",
            "ProfileId, AlternateId, EmailAddress, PhoneNumber",
        ),
        (Some("ProfileId"), None, &[], Why::Invalid, "Values", "1 to 100000"),
        (Some("ProfileId"), None, &["1", "one"], Why::Invalid, "Values[1]", "\"one\""),
        (Some("AlternateId"), None, &["1"], Why::Invalid, "MatchType", "required"),
        (Some("AlternateId"), Some("SSN"), &["1"], Why::Unknown, "MatchType", "CRM, Loyalty"),
        (Some("ProfileId"), Some("Home"), &["1"], Why::Unknown, "MatchType", "customer type"),
        (Some("EmailAddress"), Some("Mobile"), &["1"], Why::Unknown, "MatchType", "email type"),
        (Some("PhoneNumber"), Some("Work"), &["1"], Why::Unknown, "MatchType", "phone type"),
    ] {
        let refusal = resolve(criteria, kind, values).unwrap_err();
        assert_eq!((refusal.why, refusal.path.as_str()), (why, path), "{refusal}");
        assert!(refusal.message.contains(words), "{refusal}");
    }
    let none = Matching::resolve(Some("ProfileId"), None, None, false, &config()).unwrap_err();
    assert_eq!(none.path, "Values");
    let alone = Matching::resolve(None, Some("CRM"), None, false, &config()).unwrap_err();
    assert_eq!((alone.why, alone.path.as_str()), (Why::Invalid, "MatchType"), "everybody would be exported: {alone}");
    for blank in ["", " \t"] {
        assert_eq!(Matching::resolve(None, Some(blank), None, false, &config()), Ok(None));
        for criteria in ["ProfileId", "EmailAddress", "PhoneNumber"] {
            let resolved = resolve(Some(criteria), Some(blank), &["1"]).unwrap().unwrap();
            assert_eq!(resolved.match_type, None, "{criteria} {blank:?}");
        }
        let refusal = resolve(Some("AlternateId"), Some(blank), &["1"]).unwrap_err();
        assert!(refusal.why == Why::Invalid && refusal.message.contains("required"), "{refusal}");
    }
}

#[test]
fn a_hundred_thousand_values_are_taken_and_no_more() {
    let values = |n: usize| (0..n).map(|i| i.to_string()).collect();
    let resolve = |n| Matching::resolve(Some("ProfileId"), None, Some(values(n)), false, &config());
    assert!(resolve(MAX_VALUES).unwrap().unwrap().prepare().matches(&person()));
    assert!(resolve(MAX_VALUES + 1).unwrap_err().message.contains("100001"));
}
