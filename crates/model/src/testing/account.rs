//! An account with one of everything, a person in it, and profiles made at random that fit it.

use proptest::{collection::vec, prelude::*};

use crate::{
    change::Kept,
    config::{Config, Configuration},
    moment::Moment,
    profile::*,
    reading,
};

/// The account file.
pub(crate) const ACCOUNT: &str = include_str!("account.toml");

pub(crate) fn configuration() -> Configuration {
    toml::from_str(ACCOUNT).unwrap()
}

pub(crate) fn config() -> Config {
    Config::new(configuration())
}

/// Anne of Macon, Georgia, as she reads at [`NOW`].
pub(crate) fn person() -> Profile {
    serde_json::from_str(include_str!("person.json")).unwrap()
}

/// 2026-11-24T00:00:00Z.
pub(crate) const NOW: Moment = Moment(1_795_478_400_000);

/// Profiles that fit the account, as they were written at a moment, with something archived beside some.
pub(crate) fn kept(written: Moment) -> impl Strategy<Value = Kept> {
    (super::profile(), vec((0..4usize, super::preference()), 0..2)).prop_map(move |(mut profile, archived)| {
        settle(&mut profile);
        reading::expire(&mut profile, written);
        let places: Vec<Place> = std::iter::once(Place::Profile)
            .chain(profile.emails.iter().map(Email::place))
            .chain(profile.phone_numbers.iter().map(Phone::place))
            .chain(profile.addresses.iter().map(Address::place))
            .collect();
        let archived = archived.into_iter().map(|(place, mut preference)| {
            settle_preference(&mut preference);
            preference.preference_status = PreferenceStatus::Archived;
            (places[place % places.len()].clone(), preference)
        });
        let archived = archived.collect();
        Kept { profile, extras: Extras { archived, ..Extras::default() } }
    })
}

/// Puts configured names where random text stands, the same for the same text; what is free stays mostly free.
fn settle(p: &mut Profile) {
    p.customer_type = p.customer_type.take().map(|t| pick(&t, &["Consumer", "Business", "CONSUMER"]));
    p.default_locale = p.default_locale.take().map(|t| pick(&t, &["en_US", "es_US", "nowhere in particular"]));
    p.customer_name.last_name = p.customer_name.last_name.take().map(|t| pick(&t, &["Smith", "Ångström", " "]));
    p.profile_preferences.iter_mut().for_each(settle_preference);
    p.consents.iter_mut().for_each(settle_consent);
    for a in &mut p.alternate_ids {
        a.alternate_id_type = pick(&a.alternate_id_type, &["CRM", "Loyalty"]);
    }
    for a in &mut p.addresses {
        a.address_type = pick(&a.address_type, &["Home", "Billing"]);
        a.state_province = pick(&a.state_province, &["GA", "ga", "FL", "Georgia", "New South Wales"]);
        a.city = pick(&a.city, &["Macon", "MACON", "Miami"]);
        a.country_code_alpha2 = a.country_code_alpha2.take().map(|t| pick(&t, &["US", "ca"]));
        a.preferences.iter_mut().for_each(settle_preference);
        a.consents.iter_mut().for_each(settle_consent);
    }
    for e in &mut p.emails {
        e.email_address_type = pick(&e.email_address_type, &["Home", "Work"]);
        e.preferences.iter_mut().for_each(settle_preference);
        e.consents.iter_mut().for_each(settle_consent);
    }
    for n in &mut p.phone_numbers {
        n.phone_type = pick(&n.phone_type, &["Mobile", "Home"]);
        n.preferences.iter_mut().for_each(settle_preference);
        n.consents.iter_mut().for_each(settle_consent);
    }
    for g in &mut p.groups {
        g.group_type = pick(&g.group_type, &["Household", "Company"]);
        g.group_name = pick(&g.group_name, &["Smith", "Jones"]);
    }
    for t in &mut p.profile_tags {
        t.name = pick(&t.name, &["vip", "VIP", "new", "a\u{1f}b"]);
    }
    for f in &mut p.custom_fields {
        f.name = pick(&f.name, &["Store", "Age", "AGE", "Since", "Interests", "Left over"]);
        f.value = f.value.take().map(|v| {
            let values: &[&str] = match f.name.as_str() {
                "Age" | "AGE" => &["20", "21.0", "34.5", "unknown"],
                "Since" => &["2020-05-01", "2023-11-14T22:13:20.005Z", "once"],
                "Interests" => &["Books", "books::TRAVEL", "Music::Chess", "::"],
                _ => &["Macon Mall", "x", " "],
            };
            pick(&v, values)
        });
    }
}

fn settle_preference(p: &mut Preference) {
    let (program, filter, channel) = *[
        ("NEWS", "NEWS-EMAIL", Channel::Email),
        ("NEWS", "news-mail", Channel::Mail),
        ("OFFERS", "OFFERS-TEXT", Channel::Text),
        ("OFFERS", "OFFERS-ASK", Channel::Solicit),
    ]
    .get(number(&p.filter_id) % 4)
    .unwrap();
    (p.program_id, p.filter_id, p.channel_id) = (program.to_owned(), filter.to_owned(), channel);
    (p.match_type, p.preference_status) = (MatchType::Expressed, PreferenceStatus::Active);
    p.frequency_id = p.frequency_id.take().map(|t| pick(&t, &["Daily", "Weekly", "Hourly"]));
    for a in &mut p.preference_attributes {
        a.key = pick(&a.key, &["Topic", "Note"]);
        a.value = a.value.take().map(|v| pick(&v, &["Gardens", "gardens", ""]));
    }
}

fn settle_consent(c: &mut Consent) {
    c.consent_type = pick(&c.consent_type, &["Marketing", "SmsTerms"]);
    c.consent_version = pick(&c.consent_version, &["1", "2"]);
    c.locale = pick(&c.locale, &["en_US", "es_US"]);
}

fn pick(text: &str, names: &[&str]) -> String {
    names[number(text) % names.len()].to_owned()
}

fn number(text: &str) -> usize {
    text.bytes().fold(text.len(), |n, b| n.wrapping_mul(31).wrapping_add(usize::from(b)))
}
