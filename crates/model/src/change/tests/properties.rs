use proptest::{prelude::*, sample::select};

use super::*;
use crate::{
    profile::{ConsentStatus, PreferenceStatus, PreferenceType},
    reading,
    render::render,
};

/// A small call: who says what of which filter, and gives or takes which consent. Few values, so that calls meet.
fn call() -> impl Strategy<Value = Value> {
    let preference =
        (select(vec!["NEWS", "PROMO", "DEALS"]), 1u8..3, prop::option::of(select(vec!["2026-11-20", "2026-11-21"])));
    let preferences = prop::collection::vec(preference, 0..4).prop_map(|list| {
        let mut seen = HashSet::new();
        list.into_iter()
            .filter(|(filter, ..)| seen.insert(*filter))
            .map(|(f, t, date)| with(says(f, t), json!({ "CustomerDate": date })))
            .collect::<Vec<_>>()
    });
    let consents =
        || prop::option::of(1u8..5).prop_map(|s| s.map(|s| consent("Marketing", s)).into_iter().collect::<Vec<_>>());
    let contact =
        (select(vec!["Home", "Work"]), any::<Option<bool>>(), preferences, consents()).prop_map(|(t, d, p, c)| {
            email(json!({ "EmailAddressType": t, "IsDefault": d, "EmailPreferences": p, "Consents": c }))
        });
    let phone = (any::<Option<bool>>(), prop::option::of(1u8..3)).prop_map(|(mobile, sms)| {
        let sms: Vec<_> = sms.map(|t| says("SMS", t)).into_iter().collect();
        phone(json!({ "IsMobile": mobile, "PhoneNumberPreferences": sms }))
    });
    (prop::option::of(contact), prop::option::of(phone), consents())
        .prop_map(|(e, p, c)| json!({ "Emails": e.map(|e| [e]), "PhoneNumbers": p.map(|p| [p]), "Consents": c }))
}

/// What holds of every profile, whatever was written.
fn sound(kept: &Kept) -> Result<(), TestCaseError> {
    let p = &kept.profile;
    prop_assert!(p.emails.iter().filter(|e| e.is_default).count() <= 1);
    for e in &p.emails {
        let mut filters: Vec<_> = e.preferences.iter().map(|p| &p.filter_id).collect();
        filters.sort_unstable();
        prop_assert!(filters.is_sorted_by(|a, b| a < b), "one preference per contact and filter");
        prop_assert!(e.consents.len() <= 1);
        for preference in
            e.preferences.iter().filter(|p| p.preference_type == PreferenceType::OptIn && p.filter_id != "NEWS")
        {
            let consent = e.consents.first().or(p.consents.first());
            prop_assert_eq!(
                consent.map(|c| c.consent_status),
                Some(ConsentStatus::Granted),
                "no opt-in without its consent"
            );
            prop_assert_eq!(preference.consents.len(), 1);
        }
    }
    for phone in p.phone_numbers.iter().filter(|p| !p.is_mobile) {
        prop_assert!(phone.preferences.iter().all(|p| p.filter_id != "SMS"));
    }
    prop_assert!(kept.extras.archived.iter().all(|(_, p)| p.preference_status == PreferenceStatus::Archived));
    prop_assert_eq!(serde_json::from_slice::<Profile>(&render(p).json).unwrap(), p.clone());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_is_written_the_profile_stays_sound(
        calls in prop::collection::vec((call(), any::<bool>(), any::<[bool; 2]>()), 1..8),
    ) {
        let config = config();
        let mut kept = made(json!({}));
        for (i, (call, replaces, preserve)) in calls.iter().enumerate() {
            let flags = json!({ "PreservePreferences": preserve[0], "PreserveConsents": preserve[1] });
            let input = parse_profile(with(call.clone(), flags).to_string().as_bytes()).unwrap();
            let now = Moment(NOW.0 + 1000 * (i as i64 + 1));
            let write = if *replaces { replace } else { update };
            let Ok(changed) = write(kept.clone(), &input, &config, &author("ben"), now) else {
                continue;
            };
            sound(&changed.kept)?;

            // Nothing is lost: what stood in the row stands there still, or its former value is in history.
            for old in &kept.profile.emails {
                let new = changed.kept.profile.emails.iter().find(|new| new.place() == old.place());
                for p in &old.preferences {
                    let former = |f: &Former| f.kind == HistoryKind::Preferences && f.value["Preference"] == json(p);
                    let stands = new.is_some_and(|new| new.preferences.contains(p));
                    prop_assert!(stands || changed.former.iter().any(former));
                }
                for c in &old.consents {
                    let former = |f: &Former| f.kind == HistoryKind::Consents && f.value["Consent"] == json(c);
                    let stands = new.is_some_and(|new| new.consents.contains(c));
                    prop_assert!(stands || changed.former.iter().any(former));
                }
                prop_assert!(new.is_some() || *replaces, "only a replacing write removes a contact");
            }
            // What is kept for a contact's return is kept of contacts that are gone.
            let extras = &changed.kept.extras;
            let gone = extras.preserved_preferences.iter().map(|(place, _)| place);
            for place in gone.chain(extras.preserved_consents.iter().map(|(place, _)| place)) {
                prop_assert!(changed.kept.profile.emails.iter().all(|email| email.place() != *place));
                prop_assert!(changed.kept.profile.phone_numbers.iter().all(|phone| phone.place() != *place));
            }

            // Sent back as it reads, it changes nothing, nor does it grow when everything is shown.
            let output = crate::config::Output { archived: true, implied: true, ..Default::default() };
            let mut switched = config.source.clone();
            switched.implied_preferences = true;
            let read = reading::read(&changed.kept, &Config::new(switched), &output, now);
            let echo = parse_profile(&render(&read).json).unwrap();
            match update(changed.kept.clone(), &echo, &config, &author("ben"), now) {
                Ok(again) => prop_assert_eq!(&again.kept, &changed.kept),
                Err(refusal) => prop_assert!(false, "{}", refusal),
            }
            match replace(changed.kept.clone(), &echo, &config, &author("ben"), now) {
                Ok(again) => prop_assert_eq!((&again.kept, again.former), (&changed.kept, vec![])),
                Err(refusal) => prop_assert!(false, "put back: {}", refusal),
            }
            kept = changed.kept;
        }
    }

    #[test]
    fn what_is_refused_as_an_update_names_a_place_in_the_input(call in call()) {
        if let Err(refusal) = try_create(&call) {
            let pointer = format!("/{}", refusal.path.replace('[', "/").replace(']', "").replace('.', "/"));
            prop_assert!(call.pointer(&pointer).is_some(), "{}", refusal);
        }
    }
}
