//! What definitions are refused for, and where they say so.

use serde_json::json;

use super::*;
use crate::refusal::Why;

fn refused(criteria: &Value, population: Population, path: &str, words: &[&str]) {
    let refusal = read(criteria, population).expect_err(&criteria.to_string());
    assert_eq!(refusal.why, Why::Invalid, "{criteria}");
    assert_eq!(refusal.path, path, "{criteria}: {refusal}");
    for word in words {
        assert!(refusal.message.contains(word), "{criteria}: {:?} isn't in {refusal}", word);
    }
}

#[test]
fn a_refusal_names_the_place_and_what_is_accepted() {
    let live = Population::Active;
    for (criteria, path, words) in [
        (json!([]), "Criteria", &["an object", "an array"][..]),
        (json!({}), "Criteria", &["empty", "CustomField"]),
        (json!({"Feild": "IsActive", "Is": true}), "Criteria.Feild", &["Feild", "Field", "Preference"]),
        (json!({"Tag": "a", "Consent": "Marketing"}), "Criteria.Consent", &["one thing", "Tag"]),
        (json!({"All": [{"Tag": "a"}], "Tag": "b"}), "Criteria.Tag", &["one thing"]),
        (json!({"All": {"Tag": "a"}}), "Criteria.All", &["an array of rows"]),
        (json!({"Not": [{"Tag": "a"}]}), "Criteria.Not", &["an object"]),
        (json!({"All": [], "Name": "x"}), "Criteria.Name", &["accepted: All"]),
        (
            json!({"Field": "Address.Town", "Is": "x"}),
            "Criteria.Field",
            &["Address.Town", "Address.City", "CustomerType"],
        ),
        (json!({"Field": "DeletedDate", "AtLeast": {"Ago": "1d"}}), "Criteria.Field", &["deleted profiles only"]),
        (json!({"Field": "ReasonCode", "Is": "x"}), "Criteria.Field", &["deleted profiles only"]),
        (json!({"Field": "Preference.FilterId", "Is": "x"}), "Criteria.Field", &["no member"]),
        (json!({"Field": 5, "Is": "x"}), "Criteria.Field", &["the number 5"]),
        (json!({"Field": "Address.City"}), "Criteria", &["no operator", "StartsWith"]),
        (json!({"Field": "Address.City", "Like": "x"}), "Criteria.Like", &["StartsWith"]),
        (json!({"Field": "Address.City", "Is": 5}), "Criteria.Is", &["text", "the number 5"]),
        (json!({"Field": "Address.City", "Is": null}), "Criteria.Is", &["null"]),
        (json!({"Field": "Address.City", "Is": " "}), "Criteria.Is", &["empty", "Exists"]),
        (json!({"Field": "Address.City", "In": []}), "Criteria.In", &["empty"]),
        (json!({"Field": "Address.City", "In": ["a", true]}), "Criteria.In[1]", &["text", "true"]),
        (json!({"Field": "Address.City", "Exists": "yes"}), "Criteria.Exists", &["true or false"]),
        (json!({"Field": "Address.City", "AllOf": ["x"]}), "Criteria.AllOf", &["Contains"]),
        (json!({"Field": "IsActive", "Is": "true"}), "Criteria.Is", &["true or false"]),
        (json!({"Field": "IsActive", "StartsWith": "t"}), "Criteria.StartsWith", &["IsNot"]),
        (json!({"Field": "ProfileId", "Is": "7"}), "Criteria.Is", &["a number"]),
        (json!({"Field": "ProfileId", "Between": [9, 7]}), "Criteria.Between", &["greater"]),
        (json!({"Field": "ProfileId", "Between": [9]}), "Criteria.Between", &["array"]),
        (
            json!({"Field": "CustomerType", "Is": "Robot"}),
            "Criteria.Is",
            &["Robot", "customer type", "Consumer, Business"],
        ),
        (json!({"Field": "Email.EmailAddressType", "In": ["Home", "Moon"]}), "Criteria.In[1]", &["Moon", "Home, Work"]),
        (json!({"Field": "CreateDate", "AtLeast": "yesterday"}), "Criteria.AtLeast", &["yesterday"]),
        (json!({"Field": "CreateDate", "AtLeast": {"Ago": "30 days"}}), "Criteria.AtLeast.Ago", &["30 days", "30d"]),
        (json!({"Field": "CreateDate", "AtLeast": {"Ago": 30}}), "Criteria.AtLeast.Ago", &["30d"]),
        (json!({"Field": "CreateDate", "AtLeast": {"Ago": "-1d"}}), "Criteria.AtLeast.Ago", &["-1d"]),
        (json!({"Field": "CreateDate", "AtLeast": {"In": "30d"}}), "Criteria.AtLeast", &["in quotes", "Ago"]),
        (json!({"Field": "CreateDate", "Between": [{"Ago": "1d"}, {"Ago": "ä"}]}), "Criteria.Between[1].Ago", &["ä"]),
        (json!({"CustomField": "Height", "Is": 1}), "Criteria.CustomField", &["Height", "Age", "Interests"]),
        (json!({"CustomField": "Age", "Is": "34"}), "Criteria.Is", &["a number"]),
        (
            json!({"CustomField": "Interests", "AnyOf": ["Books", "Chess"]}),
            "Criteria.AnyOf[1]",
            &["Chess", "Books, Music, Travel"],
        ),
        (json!({"CustomField": "Store", "AnyOf": ["x"]}), "Criteria.AnyOf", &["accepted"]),
        (json!({"Address": {"Town": "Macon"}}), "Criteria.Address.Town", &["City"]),
        (json!({"Address": {"City": {"Like": "M"}}}), "Criteria.Address.City.Like", &["StartsWith"]),
        (json!({"Address": "Macon"}), "Criteria.Address", &["an object"]),
        (json!({"Address": {}, "City": "Macon"}), "Criteria.City", &["Exists"]),
        (json!({"Preference": "NEWS-FAX"}), "Criteria.Preference", &["NEWS-FAX", "NEWS-EMAIL"]),
        (json!({"Program": "NONE"}), "Criteria.Program", &["NEWS, OFFERS"]),
        (json!({"Channel": "Pigeon"}), "Criteria.Channel", &["Pigeon", "Solicit"]),
        (json!({"Preference": "NEWS-EMAIL", "Type": "Maybe"}), "Criteria.Type", &["OptIn, OptOut"]),
        (json!({"Preference": "NEWS-EMAIL", "Status": ["Active", "Gone"]}), "Criteria.Status[1]", &["Archived"]),
        (json!({"Preference": "NEWS-EMAIL", "Frequency": "Hourly"}), "Criteria.Frequency", &["Daily, Weekly"]),
        (json!({"Preference": "NEWS-EMAIL", "Is": "x"}), "Criteria.Is", &["CustomerDate"]),
        (json!({"Preference": "NEWS-EMAIL", "CustomerDate": "2026-01-01"}), "Criteria.CustomerDate", &["an object"]),
        (
            json!({"Preference": "NEWS-EMAIL", "CustomerDate": {"Is": "2026-01-01"}}),
            "Criteria.CustomerDate.Is",
            &["Between"],
        ),
        (json!({"Preference": "NEWS-EMAIL", "CustomerDate": {}}), "Criteria.CustomerDate", &["no operator"]),
        (json!({"Preference": "NEWS-EMAIL", "Attribute": {"Value": "x"}}), "Criteria.Attribute.Key", &["null"]),
        (json!({"Preference": "NEWS-EMAIL", "Expressed": false, "Implied": false}), "Criteria.Implied", &["none"]),
        (json!({"Consent": "Cookies"}), "Criteria.Consent", &["Cookies", "Marketing, SmsTerms"]),
        (json!({"Consent": "Marketing", "Status": 9}), "Criteria.Status", &["Granted"]),
        (json!({"Consent": "Marketing", "Version": "9"}), "Criteria.Version", &["1, 2"]),
        (json!({"Consent": "Marketing", "Locale": "de_DE"}), "Criteria.Locale", &["en_US, es_US"]),
        (json!({"Consent": "Marketing", "NotExpired": 1}), "Criteria.NotExpired", &["true or false"]),
        (json!({"Group": {"Name": "Smith"}}), "Criteria.Group.Type", &["null"]),
        (json!({"Group": {"Type": "Clan"}}), "Criteria.Group.Type", &["Clan", "Household, Company"]),
        (json!({"AlternateIdType": "SSN"}), "Criteria.AlternateIdType", &["SSN", "CRM"]),
        (json!({"Tag": ""}), "Criteria.Tag", &["empty"]),
    ] {
        refused(&criteria, live, path, words);
    }
}

#[test]
fn the_path_leads_through_nested_rows() {
    let tag = json!({"Tag": "vip"});
    let criteria = json!({"All": [tag, tag, tag, {"Any": [{"CustomField": "Height", "AtLeast": 2}]}]});
    refused(&criteria, Population::Active, "Criteria.All[3].Any[0].CustomField", &["Height"]);
    let criteria = json!({"Not": {"Any": [{"Not": {"Tag": 1}}]}});
    refused(&criteria, Population::Active, "Criteria.Not.Any[0].Not.Tag", &["the number 1"]);
}

#[test]
fn over_deleted_profiles_only_what_remains_of_them_can_be_asked() {
    for (criteria, path) in [
        (json!({"Tag": "vip"}), "Criteria.Tag"),
        (json!({"Field": "CustomerName.LastName", "Is": "x"}), "Criteria.Field"),
        (json!({"Field": "IsActive", "Is": true}), "Criteria.Field"),
        (json!({"All": [{"Not": {"Preference": "NEWS-EMAIL"}}]}), "Criteria.All[0].Not.Preference"),
    ] {
        refused(&criteria, Population::Deleted, path, &["deleted", "ProfileId", "DeletedDate", "ReasonCode"]);
    }
}

#[test]
fn depth_and_size_have_limits() {
    let nested = |levels: usize| (1..levels).fold(json!({"Tag": "vip"}), |inner, _| json!({"Not": inner}));
    assert!(read(&nested(MAX_DEPTH), Population::Active).is_ok());
    let refusal = read(&nested(MAX_DEPTH + 1), Population::Active).unwrap_err();
    assert!(refusal.message.contains("deeper than 32 levels"), "{refusal}");

    let ids = |n: usize| json!({"Field": "ProfileId", "In": (0..n).collect::<Vec<_>>()});
    assert!(read(&ids(MAX_PARTS - 1), Population::Active).is_ok());
    let refusal = read(&ids(MAX_PARTS), Population::Active).unwrap_err();
    assert!(refusal.message.contains("10000"), "{refusal}");

    let long = json!({"Field": "Address.City", "Is": "x".repeat(4001)});
    refused(&long, Population::Active, "Criteria.Is", &["4000", "…"]);
}
