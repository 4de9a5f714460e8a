use proptest::prelude::*;

use super::*;
use crate::{
    config::Configuration,
    profile::{Extras, MatchType, PreferenceType},
    testing,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_thing_has_expired_from_its_expiration_date_on(profile in testing::profile(), at in testing::moment()) {
        let mut read = profile.clone();
        expire(&mut read, at);
        let before = preference_lists_mut(&mut profile.clone()).flat_map(|l| l.clone()).collect::<Vec<_>>();
        for (old, new) in before.iter().zip(preference_lists_mut(&mut read.clone()).flatten()) {
            let expected = match (old.preference_status, old.expiration_date) {
                (PreferenceStatus::Archived, _) => PreferenceStatus::Archived,
                (_, Some(date)) if date <= at => PreferenceStatus::Expired,
                _ => PreferenceStatus::Active,
            };
            prop_assert_eq!(new.preference_status, expected);
        }
        for consent in consent_lists_mut(&mut read.clone()).flatten() {
            prop_assert_eq!(consent.expired, consent.expiration_date.is_some_and(|d| d <= at));
        }
    }

    #[test]
    fn between_two_expiries_a_row_reads_the_same(profile in testing::profile(), at in testing::moment()) {
        let all = expiries(&profile);
        prop_assert!(all.is_sorted_by(|a, b| a < b));
        prop_assert_eq!(next_expiry(&profile, at), all.iter().copied().find(|m| *m > at));
        let read = |at| { let mut p = profile.clone(); expire(&mut p, at); p };
        let last_before = all.iter().copied().rfind(|m| *m <= at).unwrap_or(Moment(i64::MIN));
        prop_assert_eq!(read(at), read(last_before));
        if let Some(next) = next_expiry(&profile, at) {
            prop_assert_eq!(read(at), read(Moment(next.0 - 1)));
        }
    }
}

/// An account with one filter of each channel, and a person with one contact of each kind.
fn account_and_person() -> (Config, Kept) {
    let toml = ["Phone", "Text", "Email", "Mail", "Fax", "Solicit"].map(|channel| {
        format!(
            "[[Programs.Filters]]\nID = \"{channel}\"\nChannelID = \"{channel}\"\nDefaultPreference = \"OptIn\"\n\
             Frequencies = [{{ ID = \"W\" }}, {{ ID = \"M\", IsDefault = true }}]\n"
        )
    });
    let toml = format!("ImpliedPreferences = true\n[[Programs]]\nID = \"News\"\n{}", toml.concat());
    let config = Config::new(toml::from_str::<Configuration>(&toml).unwrap());
    let edited = r#""Edited": {"CreateDate": "2026-01-01T00:00:00.000Z", "CreateUserId": "ann", "CreateSourceId": null,
        "LastModifiedDate": "2026-06-01T00:00:00.000Z", "LastModifiedUserId": "ben", "LastModifiedSourceId": null}"#;
    let person = format!(
        r#"{{"ProfileId": 1, "IsActive": true, {edited}, "RegistrationConfirmed": false, "CustomerType": null,
        "PreserveConsents": true, "PreservePreferences": true, "CustomerName": {{}}, "DefaultLocale": null, "AlternateIds": [],
        "Addresses": [{{"AddressType": "Home", "IsDefault": false, "Address1": "1 Elm St", "City": "Macon",
            "StateProvince": "GA", "PostalCode": "31201", "IsActive": true, {edited}}}],
        "PhoneNumbers": [
            {{"PhoneType": "Home", "PhoneNumber": "1", "PhoneNumberNumeric": "1", "IsMobile": false, "IsDefault": false,
              "IsActive": true, {edited}}},
            {{"PhoneType": "Cell", "PhoneNumber": "2", "PhoneNumberNumeric": "2", "IsMobile": true, "IsDefault": false,
              "IsActive": true, {edited}}},
            {{"PhoneType": "Old", "PhoneNumber": "3", "PhoneNumberNumeric": "3", "IsMobile": true, "IsDefault": false,
              "IsActive": false, {edited}}}],
        "Emails": [{{"EmailAddressType": "Home", "EmailAddress": "a@b.c", "IsDefault": false, "IsActive": true, {edited}}}],
        "Groups": [], "ProfileTags": []}}"#
    );
    (config, Kept { profile: serde_json::from_str(&person).unwrap(), extras: Extras::default() })
}

const NOW: Moment = Moment(1_800_000_000_000);
const PLAIN: Output =
    Output { preferences: true, consents: true, custom_fields: true, archived: false, implied: false };

fn filters(list: &[Preference]) -> Vec<&str> {
    list.iter().map(|p| &*p.filter_id).collect()
}

#[test]
fn implied_preferences_stand_where_their_channel_fits_when_they_are_asked_for() {
    let (config, kept) = account_and_person();
    assert_eq!(read(&kept, &config, &PLAIN, NOW), kept.profile);

    let p = read(&kept, &config, &Output { implied: true, ..PLAIN }, NOW);
    assert_eq!(filters(&p.emails[0].preferences), ["Email"]);
    assert_eq!(filters(&p.addresses[0].preferences), ["Mail"]);
    assert_eq!(filters(&p.profile_preferences), ["Solicit"]);
    assert_eq!(filters(&p.phone_numbers[0].preferences), ["Phone", "Fax"]);
    assert_eq!(filters(&p.phone_numbers[1].preferences), ["Phone", "Text"], "text on mobile phones, fax on others");
    assert_eq!(filters(&p.phone_numbers[2].preferences), [""; 0], "none on a phone that is not active");
    let implied = &p.emails[0].preferences[0];
    assert_eq!((implied.match_type, implied.preference_status), (MatchType::Implied, PreferenceStatus::Active));
    assert_eq!((implied.preference_type, implied.frequency_id.as_deref()), (PreferenceType::OptIn, Some("M")));
    assert_eq!((implied.customer_date, &*implied.user_id), (p.edited.create_date, "ann"));
    assert_eq!(implied.expiration_date, None);
}

#[test]
fn an_account_without_implied_preferences_has_none() {
    let (config, kept) = account_and_person();
    let config = Config::new(Configuration { implied_preferences: false, ..config.source });
    assert_eq!(read(&kept, &config, &Output { implied: true, ..PLAIN }, NOW), kept.profile);
}

#[test]
fn what_was_said_keeps_the_default_away_even_when_it_has_expired() {
    let (config, mut kept) = account_and_person();
    let all = read(&kept, &config, &Output { implied: true, ..PLAIN }, NOW);
    let mut said = all.emails[0].preferences[0].clone();
    said.match_type = MatchType::Expressed;
    said.preference_type = PreferenceType::OptOut;
    said.expiration_date = Some(Moment(NOW.0 - 1));
    kept.profile.emails[0].preferences.push(said);
    let p = read(&kept, &config, &Output { implied: true, ..PLAIN }, NOW);
    assert_eq!(p.emails[0].preferences.len(), 1);
    assert_eq!(p.emails[0].preferences[0].preference_status, PreferenceStatus::Expired);
}

#[test]
fn archived_preferences_show_on_their_contact_while_it_is_there() {
    let (config, mut kept) = account_and_person();
    let all = read(&kept, &config, &Output { implied: true, ..PLAIN }, NOW);
    let mut archived = all.emails[0].preferences[0].clone();
    archived.preference_status = PreferenceStatus::Archived;
    archived.match_type = MatchType::Expressed;
    let gone = Place::Email { kind: "home".into(), address: "gone@b.c".into() };
    kept.extras.archived = vec![
        (kept.profile.emails[0].place(), archived.clone()),
        (Place::Profile, archived.clone()),
        (gone, archived.clone()),
    ];
    assert_eq!(read(&kept, &config, &PLAIN, NOW), kept.profile);
    let p = read(&kept, &config, &Output { archived: true, ..PLAIN }, NOW);
    assert_eq!(p.emails[0].preferences, [archived.clone()]);
    assert_eq!(p.profile_preferences, [archived]);
    let both = read(&kept, &config, &Output { archived: true, implied: true, ..PLAIN }, NOW);
    assert_eq!(both.emails[0].preferences.len(), 2, "what is archived doesn't count as said");
}

#[test]
fn a_default_opt_in_stands_only_where_the_consent_it_requires_is_granted_and_lasts() {
    use crate::profile::{Consent, ConsentStatus};
    let (config, mut kept) = account_and_person();
    let mut source = config.source;
    for filter in source.programs.iter_mut().flat_map(|p| &mut p.filters).filter(|f| f.id == "Email") {
        filter.required_consents = vec!["MARKETING".into()];
    }
    let config = Config::new(source);
    let consent = |consent_status| Consent {
        consent_type: "Marketing".into(),
        consent_version: "1".into(),
        locale: "en_US".into(),
        consent_status,
        consent_date: NOW,
        expiration_date: None,
        expired: false,
        edited: kept.profile.edited.clone(),
    };
    let (granted, revoked) = (consent(ConsentStatus::Granted), consent(ConsentStatus::Revoked));
    let until = |moment| Consent { expiration_date: Some(moment), ..granted.clone() };
    let (lasting, expired) = (until(Moment(NOW.0 + 1)), until(NOW));
    for (of_profile, own, stands) in [
        (vec![], vec![], false),
        (vec![granted.clone()], vec![], true),
        (vec![revoked.clone()], vec![], false),
        (vec![granted.clone()], vec![revoked.clone()], false),
        (vec![revoked], vec![granted.clone()], true),
        (vec![lasting], vec![], true),
        (vec![expired.clone()], vec![], false),
        (vec![granted], vec![expired], false),
    ] {
        kept.profile.consents = of_profile;
        kept.profile.emails[0].consents = own;
        let p = read(&kept, &config, &Output { implied: true, ..PLAIN }, NOW);
        assert_eq!(!p.emails[0].preferences.is_empty(), stands, "{:?}", kept.profile.consents);
        assert_eq!(filters(&p.addresses[0].preferences), ["Mail"], "it requires none");
    }
}

#[test]
fn where_an_opt_out_was_archived_no_opt_in_is_implied() {
    let (config, mut kept) = account_and_person();
    let implied = Output { implied: true, ..PLAIN };
    let places = [
        Place::Profile,
        kept.profile.emails[0].place(),
        kept.profile.phone_numbers[1].place(),
        kept.profile.addresses[0].place(),
    ];
    let read = |kept: &Kept| reading_of(&read(kept, &config, &implied, NOW));
    let all = read(&kept);
    for (place, filter) in places.into_iter().zip(["Solicit", "Email", "Text", "Mail"]) {
        let mut said = super::read(&kept, &config, &implied, NOW).emails[0].preferences[0].clone();
        said.filter_id = filter.to_owned();
        said.preference_status = PreferenceStatus::Archived;
        said.preference_type = PreferenceType::OptOut;
        kept.extras.archived = vec![(place.clone(), said.clone())];
        let expected: Vec<_> = all.iter().filter(|f| f.as_str() != filter).cloned().collect();
        assert_eq!(read(&kept), expected, "{filter}");
        said.preference_type = PreferenceType::OptIn;
        kept.extras.archived = vec![(place, said)];
        assert_eq!(read(&kept), all, "{filter}: an opt-in that was archived says nothing against it");
    }
}

/// The filters of every preference.
fn reading_of(profile: &Profile) -> Vec<String> {
    preference_lists_mut(&mut profile.clone()).flatten().map(|p| p.filter_id.clone()).collect()
}
