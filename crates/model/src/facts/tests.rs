mod definitions;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    config::{Config, Population},
    id::ProfileId,
    profile::{Extras, Preference, PreferenceStatus},
    reading, render,
    segment::{self, Criterion},
    testing::account::{NOW, config, kept, person},
};

/// A dictionary, and the facts of profiles encoded with it.
#[derive(Default)]
struct Book {
    terms: Terms,
}

impl Book {
    fn facts(&mut self, kept: &Kept, config: &Config, written: Moment) -> Vec<u8> {
        let mut ids = Vec::new();
        let terms = terms(kept, config);
        for term in terms.iter() {
            assert!(term.len() <= MAX_TERM, "{} bytes: {term}", term.len());
            let next = self.terms.len() as u32 * 3 + 1;
            ids.push(*self.terms.entry(term.to_owned()).or_insert(next));
        }
        let row = render::render(&kept.profile);
        let mut out = Vec::new();
        encode(kept, &terms, &row, reading::next_expiry(&kept.profile, written), &ids, &mut out);
        out
    }
}

fn kept_person() -> Kept {
    bare(person())
}

/// A profile with nothing beside it.
fn bare(profile: crate::profile::Profile) -> Kept {
    Kept { profile, extras: Extras::default() }
}

fn parsed(criteria: &serde_json::Value, config: &Config) -> Criterion {
    segment::parse(Some(criteria), Population::Active, config, "Criteria").unwrap_or_else(|r| panic!("{criteria}: {r}"))
}

/// What the facts of Anne of Macon alone say.
fn answer(criteria: &serde_json::Value) -> Answer {
    answer_for(&kept_person(), criteria)
}

fn answer_for(kept: &Kept, criteria: &serde_json::Value) -> Answer {
    let (config, mut book) = (config(), Book::default());
    let bytes = book.facts(kept, &config, NOW);
    let predicate = Predicate::compile(&parsed(criteria, &config), &config, &book.terms, NOW);
    predicate.answer(kept.profile.profile_id, Facts::new(&bytes).unwrap())
}

#[test]
fn facts_give_back_what_they_were_made_of() {
    let mut kept = kept_person();
    let bytes = Book::default().facts(&kept, &config(), NOW);
    let facts = Facts::new(&bytes).unwrap();
    assert_eq!(facts.modified(), kept.profile.edited.last_modified_date);
    assert_eq!(facts.created(), kept.profile.edited.create_date);
    assert_eq!(facts.next_expiry(), reading::next_expiry(&kept.profile, NOW));
    assert!(facts.is_active() && !facts.has_extras());

    kept.profile.is_active = false;
    kept.profile.emails.clear();
    kept.extras.archived.push((crate::profile::Place::Profile, archived()));
    let bytes = Book::default().facts(&kept, &config(), NOW);
    let facts = Facts::new(&bytes).unwrap();
    assert!(!facts.is_active() && facts.has_extras());
    assert_eq!(facts.next_expiry(), None);
}

fn archived() -> Preference {
    let mut preference = person().emails[0].preferences[0].clone();
    preference.preference_status = PreferenceStatus::Archived;
    preference
}

#[test]
fn bytes_that_are_no_facts_of_this_version_are_none() {
    let bytes = Book::default().facts(&kept_person(), &config(), NOW);
    assert!(Facts::new(&[]).is_none());
    assert!(Facts::new(&bytes[..HEAD - 1]).is_none());
    assert!(Facts::new(&bytes[..HEAD + 1]).is_none(), "the terms are cut off");
    let mut other = bytes.clone();
    other[0] += 1;
    assert!(Facts::new(&other).is_none());
}

#[test]
fn facts_of_a_person_take_about_a_hundred_bytes() {
    let bytes = Book::default().facts(&kept_person(), &config(), NOW);
    assert!(bytes.len() < 120, "{} bytes", bytes.len());
}

/// The terms, a line each.
fn listed(kept: &Kept) -> String {
    terms(kept, &config()).iter().collect::<Vec<_>>().join("\n")
}

#[test]
fn nothing_free_stands_in_the_dictionary() {
    let all = listed(&kept_person()).to_lowercase();
    for private in
        ["anne", "neil", "macon", "miami", "main st", "31201", "555", "c-77", "34.5", "gardens", "2020-05-01", "united"]
    {
        assert!(!all.contains(private), "{private} in {all}");
    }
    assert!(all.contains("=ga") && all.contains("=news-email") && all.contains("=travel"));
    // the dictionary outlives the person: a tag that may be hers isn't told
    let mut tagged = person();
    tagged.profile_tags = ["anne@example.com", "tel 404-555-0123", "summer 2026"]
        .map(|name| crate::profile::Tag { name: name.into() })
        .to_vec();
    let all = listed(&bare(tagged));
    assert!(!all.contains("anne@") && !all.contains("555") && all.contains("=summer 2026"), "{all}");
    // what looks like no code isn't taken for one
    let mut person = person();
    person.addresses[0].state_province = "Georgia".into();
    person.default_locale = Some("call me Anne".into());
    let all = listed(&bare(person));
    assert!(!all.contains("georgia") && !all.contains("anne"));
}

#[test]
fn conditions_on_one_element_are_answered_without_the_row() {
    use Answer::{No, Yes};
    for (criteria, expected) in [
        (json!({"All": []}), Yes),
        (json!({"Any": []}), No),
        (json!({"Field": "ProfileId", "Between": [5, 9]}), Yes),
        (json!({"Field": "RegistrationConfirmed", "Is": true}), No),
        (json!({"Field": "LastModifiedDate", "AtLeast": {"Ago": "30d"}, "AtMost": {"Ago": "1d"}}), Yes),
        (json!({"Field": "CreateDate", "AtLeast": {"Ago": "30d"}}), No),
        (json!({"Field": "CustomerType", "IsNot": "Business"}), Yes),
        (json!({"Field": "DefaultLocale", "StartsWith": "en"}), Yes),
        (json!({"Field": "CustomerName.Suffix", "Exists": true}), No),
        (json!({"Field": "CustomerName.Suffix", "Is": "Jr."}), No),
        (json!({"Field": "Address.StateProvince", "In": ["GA", "AL"]}), Yes),
        (json!({"Address": {"StateProvince": "GA", "AddressType": "Billing"}}), No),
        (json!({"Address": {"StateProvince": "FL", "AddressType": "Billing", "IsDefault": false}}), Yes),
        (json!({"Phone": {"PhoneType": "Mobile", "IsMobile": true}}), Yes),
        (json!({"Email": {"EmailAddressType": "Work", "EmailAddress": "a@b.c"}}), No),
        (json!({"Preference": "NEWS-EMAIL", "Type": "OptIn", "Status": "Active", "Frequency": "Weekly"}), Yes),
        (json!({"Preference": "NEWS-EMAIL", "Type": "OptOut", "Attribute": {"Key": "Topic"}}), No),
        (json!({"Program": "OFFERS", "Type": "OptIn"}), No),
        (json!({"Channel": "Solicit", "Type": "OptOut"}), Yes),
        (json!({"Preference": "NEWS-EMAIL", "Status": "Archived"}), No),
        (json!({"Preference": "NEWS-EMAIL", "Type": "OptOut", "Implied": true}), No),
        (json!({"Consent": "Marketing", "Status": "Granted", "NotExpired": true, "Locale": "es_US"}), Yes),
        (json!({"Consent": "SmsTerms", "NotExpired": true}), No),
        (json!({"Tag": "vip"}), Yes),
        (json!({"Tag": "new", "Exists": false}), Yes),
        (json!({"Group": {"Type": "Household"}}), Yes),
        (json!({"Group": {"Type": "Company", "Name": "O'Neil"}}), No),
        (json!({"AlternateIdType": "CRM"}), Yes),
        (json!({"CustomField": "Interests", "AllOf": ["Books", "Travel"]}), Yes),
        (json!({"CustomField": "Interests", "AnyOf": ["Music"]}), No),
        (json!({"CustomField": "Age", "Between": [34, 35]}), Yes),
        (json!({"CustomField": "Age", "Exists": false}), No),
        (json!({"CustomField": "Since", "AtLeast": "2020-05-02"}), No),
        (json!({"CustomField": "Since", "Between": ["2020-05-01", "2020-05-01"]}), Yes),
        (json!({"CustomField": "Store", "Exists": true}), Yes),
    ] {
        assert_eq!(answer(&criteria), expected, "{criteria}");
    }
}

#[test]
fn free_text_attributes_and_dates_within_elements_need_the_row() {
    for criteria in [
        json!({"Field": "Address.City", "Is": "Macon"}),
        json!({"Field": "CustomerName.LastName", "StartsWith": "O"}),
        json!({"Preference": "NEWS-EMAIL", "Attribute": {"Key": "Topic"}}),
        json!({"Preference": "NEWS-EMAIL", "CustomerDate": {"AtLeast": {"Ago": "7d"}}}),
        json!({"Consent": "Marketing", "ConsentDate": {"AtLeast": {"Ago": "7d"}}}),
        json!({"Group": {"Type": "Household", "Name": "Smith"}}),
        json!({"CustomField": "Store", "Is": "Macon Mall"}),
    ] {
        assert_eq!(answer(&criteria), Answer::Unknown, "{criteria}");
        // another row decides without it
        assert_eq!(answer(&json!({"All": [criteria, {"Tag": "new"}]})), Answer::No);
        assert_eq!(answer(&json!({"Any": [criteria, {"Tag": "vip"}]})), Answer::Yes);
    }
}

#[test]
fn attributes_and_texts_that_nobody_has_need_no_row() {
    for criteria in [
        json!({"Preference": "NEWS-EMAIL", "Attribute": {"Key": "Weather"}}),
        json!({"Preference": "NEWS-EMAIL", "Attribute": {"Key": "Topic", "Value": "Weather"}}),
        json!({"CustomField": "Store", "Is": "Macon Mall 2"}),
        json!({"CustomField": "Store", "In": ["Miami", "Macon"]}),
    ] {
        assert_eq!(answer(&criteria), Answer::No, "{criteria}");
        assert_eq!(answer(&json!({"Not": criteria})), Answer::Yes, "{criteria}");
    }
    let archived_too = json!({"Preference": "NEWS-EMAIL", "Status": "Archived", "Attribute": {"Key": "Weather"}});
    assert_eq!(answer(&archived_too), Answer::No);
    let mut kept = kept_person();
    kept.extras.archived.push((crate::profile::Place::Profile, archived()));
    assert_eq!(answer_for(&kept, &archived_too), Answer::Unknown, "what is kept beside the row has attributes, too");
}

#[test]
fn a_state_that_is_no_code_needs_the_row() {
    let mut kept = kept_person();
    kept.profile.addresses[0].state_province = "Georgia".into();
    let is = |state: &str| json!({"Field": "Address.StateProvince", "Is": state});
    assert_eq!(answer_for(&kept, &is("Georgia")), Answer::Unknown);
    assert_eq!(answer_for(&kept, &is("FL")), Answer::Yes);
}

#[test]
fn archived_preferences_are_looked_for_where_something_is_kept_beside_the_row() {
    let mut kept = kept_person();
    let criteria = json!({"Preference": "NEWS-MAIL", "Status": "Archived"});
    assert_eq!(answer_for(&kept, &criteria), Answer::No);
    kept.extras.archived.push((crate::profile::Place::Profile, archived()));
    assert_eq!(answer_for(&kept, &criteria), Answer::Unknown);
    assert_eq!(answer_for(&kept, &json!({"Preference": "NEWS-MAIL"})), Answer::No);
}

#[test]
fn a_profile_in_which_something_has_expired_is_opened() {
    let (config, mut book) = (config(), Book::default());
    let bytes = book.facts(&kept_person(), &config, NOW);
    let facts = Facts::new(&bytes).unwrap();
    let expiry = facts.next_expiry().unwrap();
    let answer = |at: Moment| {
        let everybody = parsed(&json!({"All": []}), &config);
        Predicate::compile(&everybody, &config, &book.terms, at).answer(ProfileId(7), facts)
    };
    assert_eq!(answer(Moment(expiry.0 - 1)), Answer::Yes);
    assert_eq!(answer(expiry), Answer::Unknown);
}

#[test]
fn more_leaves_than_fit_are_answered_by_the_row() {
    let tags: Vec<_> = (0..300).map(|i| json!({"Tag": format!("t{i}")})).collect();
    assert_eq!(answer(&json!({"Any": tags})), Answer::Unknown);
    assert_eq!(answer(&json!({"Any": tags[..256]})), Answer::No);
}

#[test]
fn a_term_beyond_the_dictionary_is_unknown() {
    let (config, mut book) = (config(), Book::default());
    let bytes = book.facts(&kept_person(), &config, NOW);
    let predicate = Predicate::compile(&parsed(&json!({"Tag": "vip"}), &config), &config, &Terms::new(), NOW);
    assert_eq!(predicate.answer(ProfileId(7), Facts::new(&bytes).unwrap()), Answer::Unknown);
}

#[test]
fn long_names_keep_a_term_within_the_store_s_keys() {
    let mut profile = person();
    let long = |c: char, n: usize| c.to_string().repeat(n);
    profile.emails[0].preferences[0].filter_id = long('𝔉', 50);
    profile.emails[0].preferences[0].program_id = long('𝔓', 50);
    profile.emails[0].preferences[0].frequency_id = Some(long('𝔔', 20));
    profile.consents[0].consent_type = long('𝔗', 100);
    profile.consents[0].consent_version = long('𝔙', 50);
    profile.profile_tags[0].name = long('𝔗', 100);
    profile.custom_fields[0].name = long('𝔑', 94);
    for term in terms(&bare(profile), &config()).iter() {
        assert!(term.len() <= MAX_TERM, "{} bytes: {term}", term.len());
    }
}

/// A profile as it was written 10 ms after the test calendar begins, where its dates crowd.
const WRITTEN: Moment = Moment(1_700_000_000_010);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// The oracle of the whole room: whatever the facts say is what the exact evaluator says of the profile as it reads.
    #[test]
    fn what_facts_say_is_what_the_row_says(
        people in proptest::collection::vec(kept(WRITTEN), 1..4),
        criteria in proptest::collection::vec(definitions::criteria(), 1..6),
        later in 0i64..12,
        implied in any::<bool>(),
    ) {
        let mut config = config();
        config.source.implied_preferences = implied;
        let at = Moment(WRITTEN.0 + later);
        let mut book = Book::default();
        let facts: Vec<_> = people.iter().map(|kept| book.facts(kept, &config, WRITTEN)).collect();
        for criteria in &criteria {
            let criterion = parsed(criteria, &config);
            let predicate = Predicate::compile(&criterion, &config, &book.terms, at);
            for (kept, facts) in people.iter().zip(&facts) {
                let read = reading::read(kept, &config, &criterion.reading(), at);
                let exact = segment::matches(&criterion, &read, at);
                match predicate.answer(kept.profile.profile_id, Facts::new(facts).unwrap()) {
                    Answer::Unknown => {}
                    said => prop_assert_eq!(said == Answer::Yes, exact, "{}: {:?}\n{:?}", criteria, book.terms, read),
                }
            }
        }
    }

    /// State, preference and tag: the commonest segment never opens a row in which nothing expired.
    #[test]
    fn the_commonest_segment_opens_no_row(kept in kept(WRITTEN), later in 0i64..12) {
        let (config, mut book, at) = (config(), Book::default(), Moment(WRITTEN.0 + later));
        let mut kept = kept;
        for address in &mut kept.profile.addresses {
            address.state_province.truncate(2);
        }
        kept.profile.profile_tags.retain(|t| !t.name.contains('\u{1f}'));
        let bytes = book.facts(&kept, &config, WRITTEN);
        let facts = Facts::new(&bytes).unwrap();
        let criterion = Criterion::All(vec![
            Criterion::Population(Population::Active),
            parsed(&json!({"All": [
                {"Field": "Address.StateProvince", "Is": "GA"},
                {"Preference": "NEWS-EMAIL", "Type": "OptIn", "Status": "Active"},
                {"Tag": "vip"}]}), &config),
        ]);
        let answer = Predicate::compile(&criterion, &config, &book.terms, at).answer(ProfileId(1), facts);
        let has_expired = facts.next_expiry().is_some_and(|e| e <= at);
        prop_assert_eq!(answer == Answer::Unknown, has_expired);
    }

    #[test]
    fn lengths_in_facts_are_those_of_the_rendered_row(kept in kept(WRITTEN), parts in any::<[bool; 3]>()) {
        let bytes = Book::default().facts(&kept, &config(), WRITTEN);
        let row = render::render(&kept.profile);
        let [preferences, consents, custom_fields] = parts;
        let output = Output { preferences, consents, custom_fields, ..Output::default() };
        let expected = render::length(row.json.len() as u32, &row.cuts, &output);
        prop_assert_eq!(Facts::new(&bytes).unwrap().row_length(&output), expected);
    }
}
