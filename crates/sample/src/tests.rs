use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::*;
use crate::tables::{AREA_CODES, FIRST_NAMES, LAST_NAMES, PLACES, records};

const SEED: u64 = 42;

fn sample(profiles: u64, seed: u64) -> Vec<u8> {
    let mut out = Vec::new();
    write_profiles(&mut out, profiles, seed).unwrap();
    out
}

fn parsed(profiles: u64) -> Vec<Value> {
    sample(profiles, SEED).split_inclusive(|&b| b == b'\n').map(|line| serde_json::from_slice(line).unwrap()).collect()
}

fn list<'v>(value: &'v Value, member: &str) -> &'v [Value] {
    value[member].as_array().unwrap()
}

fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value[member].as_str().unwrap_or_else(|| panic!("no {member} in {value}"))
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    assert_eq!(sample(500, SEED), sample(500, SEED));
    assert_ne!(sample(500, SEED), sample(500, SEED + 1));
}

/// Fails when a table, a list or the order of draws changes: then say so in the change log, and set the new number here.
#[test]
fn the_bytes_stay_the_same_from_version_to_version() {
    let fingerprint = sample(1000, SEED)
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    assert_eq!(format!("{fingerprint:016x}"), "2cbebaf7bf87552b");
}

#[test]
fn a_profile_does_not_depend_on_the_others() {
    let sampler = Sampler::new(SEED);
    let mut backwards = Vec::new();
    for index in (0..600).rev() {
        let mut line = Vec::new();
        sampler.profile(index, &mut line);
        backwards.push(line);
    }
    backwards.reverse();
    assert_eq!(backwards.concat(), sample(600, SEED));
}

#[test]
fn every_line_is_one_to_four_kilobytes() {
    let out = sample(20_000, SEED);
    let sizes: Vec<usize> = out.split_inclusive(|&b| b == b'\n').map(<[u8]>::len).collect();
    assert_eq!(sizes.len(), 20_000);
    assert!(sizes.iter().all(|size| (1024..=4096).contains(size)), "{:?} {:?}", sizes.iter().min(), sizes.iter().max());
    let average = out.len() / sizes.len();
    assert!((1600..=2200).contains(&average), "{average}");
}

#[test]
fn what_must_be_unique_is() {
    let mut seen = HashSet::new();
    let mut times = 0;
    for profile in parsed(5000) {
        for id in list(&profile, "AlternateIds") {
            assert!(seen.insert(format!("{}/{}", text(id, "AlternateIdType"), text(id, "AlternateId"))));
        }
        for email in list(&profile, "Emails") {
            assert!(seen.insert(text(email, "EmailAddress").to_owned()));
        }
        times += 1;
    }
    assert_eq!(times, 5000);
}

#[test]
fn the_last_index_still_has_a_line() {
    let mut line = Vec::new();
    Sampler::new(u64::MAX).profile(u64::MAX, &mut line);
    serde_json::from_slice::<Value>(&line).unwrap();
}

#[test]
fn places_are_real_and_georgia_has_its_share() {
    let places: HashSet<_> = records(PLACES).map(|[zip, city, state, _]| (zip, city, state)).collect();
    let profiles = parsed(20_000);
    let mut georgians = 0;
    for profile in &profiles {
        let addresses = list(profile, "Addresses");
        for a in addresses {
            assert!(places.contains(&(text(a, "PostalCode"), text(a, "City"), text(a, "StateProvince"))), "{a}");
        }
        georgians += usize::from(text(&addresses[0], "StateProvince") == "GA");
    }
    assert!((400..=1000).contains(&georgians), "{georgians} of 20000");
    let states: HashSet<_> = places.iter().map(|&(_, _, state)| state).collect();
    assert_eq!(states.len(), 51);
    assert!(states.contains("DC"));
}

/// The writer escapes nothing, so nothing may need it; and a line of a table that doesn't read would be passed over.
#[test]
fn the_tables_are_whole_and_need_no_escaping() {
    fn whole<const N: usize>(file: &'static str, weight: Option<usize>) {
        assert_eq!(records::<N>(file).count(), file.lines().count());
        assert!(!file.contains(['"', '\\']));
        let mut sum = 0_u32;
        for record in records::<N>(file) {
            assert!(record.iter().all(|m| m.trim() == *m && !m.contains(char::is_control)), "{record:?}");
            if let Some(weight) = weight {
                let weight: u32 = record[weight].parse().unwrap();
                assert!(weight > 0, "{record:?}");
                sum = sum.checked_add(weight).unwrap();
            }
        }
    }
    whole::<4>(PLACES, Some(3));
    whole::<2>(LAST_NAMES, Some(1));
    whole::<3>(FIRST_NAMES, Some(2));
    whole::<2>(AREA_CODES, None);
    let ours = [
        words::STREETS,
        words::STREET_KINDS,
        words::UNITS,
        words::COMPANY_FIRST,
        words::COMPANY_SECOND,
        words::COMPANY_FORM,
        words::TAGS,
        words::INTERESTS,
        words::ORIGINS,
        words::CAMPAIGNS,
    ];
    let accents = words::SPANISH.iter().chain(words::ACCENTED).map(|(_, accented)| accented);
    for word in ours.into_iter().flatten().chain(accents) {
        assert!(!word.contains(|c: char| c == '"' || c == '\\' || c.is_control()), "{word}");
    }
    let tables = Tables::new();
    assert!(tables.places.items().iter().all(|place| !place.area_codes.is_empty()));
    let names = [&tables.last_names, &tables.women, &tables.men].map(|names| names.items()).into_iter().flatten();
    let accented = names.filter(|name| name.accented.is_some()).map(|name| name.plain).collect::<HashSet<_>>();
    for (plain, _) in words::SPANISH.iter().chain(words::ACCENTED) {
        assert!(accented.contains(plain), "{plain} is no name of the tables");
    }
}

#[test]
fn days_are_those_of_the_calendar() {
    let days = Tables::new().days;
    assert_eq!(days.text(0), "2019-01-01");
    assert_eq!(days.text(tables::Days::COUNT - 1), "2025-12-31");
    assert_eq!(days.text(tables::Days::VERSION_2023_01), "2023-01-01");
    assert_eq!(days.text(tables::Days::VERSION_2024_06), "2024-06-01");
}

#[test]
fn phones_are_those_of_the_state() {
    let codes: HashMap<_, _> = records(AREA_CODES).map(|[state, codes]| (state, codes)).collect();
    for profile in parsed(3000) {
        let state = text(&list(&profile, "Addresses")[0], "StateProvince").to_owned();
        let phones = list(&profile, "PhoneNumbers");
        assert_eq!(phones.iter().filter(|p| p["IsDefault"] == true).count(), 1);
        for phone in phones {
            let digits: String = text(phone, "PhoneNumber").chars().filter(char::is_ascii_digit).collect();
            let digits = digits.strip_prefix('1').filter(|d| d.len() == 10).unwrap_or(&digits);
            assert_eq!(digits.len(), 10, "{phone}");
            assert!(codes[state.as_str()].contains(&digits[..3]), "{phone} in {state}");
            assert!(digits.as_bytes()[3] >= b'2' && &digits[4..6] != "11", "{phone}");
        }
    }
}

#[test]
fn six_or_seven_of_ten_take_the_newsletter_and_some_have_accents() {
    let (mut news, mut accents, mut spanish) = (0, 0, 0);
    for profile in parsed(5000) {
        let answers = list(&profile, "Emails").iter().flat_map(|e| list(e, "EmailPreferences"));
        news += answers.filter(|p| p["FilterId"] == "NEWS-EMAIL" && p["PreferenceType"] == 1).count();
        accents += usize::from(!profile["CustomerName"].to_string().is_ascii());
        spanish += usize::from(profile["DefaultLocale"] == "es_US");
    }
    assert!((3000..=3500).contains(&news), "{news}");
    assert!((25..=750).contains(&accents), "{accents}");
    assert!((100..=1000).contains(&spanish), "{spanish}");
}

/// Every name that a profile uses is configured in the account, in the place that its kind allows.
#[test]
fn the_profiles_fit_the_account() {
    let account: toml::Table = toml::from_str(ACCOUNT_TOML).unwrap();
    let account = serde_json::to_value(account).unwrap();
    let names = |kind: &str, key: &str| -> HashSet<String> {
        list(&account, kind).iter().map(|item| text(item, key).to_owned()).collect()
    };
    let filters: HashMap<&str, &Value> = (list(&account, "Programs").iter())
        .flat_map(|program| list(program, "Filters"))
        .map(|filter| (text(filter, "ID"), filter))
        .collect();
    let consents: HashSet<(&str, &str, &str)> = (list(&account, "ConsentTypes").iter())
        .flat_map(|kind| list(kind, "Versions").iter().map(move |version| (kind, version)))
        .flat_map(|(kind, version)| list(version, "LocalizedFields").iter().map(move |text| (kind, version, text)))
        .map(|(kind, version, local)| (text(kind, "TypeName"), text(version, "ConsentVersion"), text(local, "Locale")))
        .collect();
    let check_preferences = |preferences: &[Value], channels: &[&str]| {
        for preference in preferences {
            let filter = filters[text(preference, "FilterId")];
            assert!(channels.contains(&text(filter, "ChannelID")), "{preference}");
            if let Some(frequency) = preference["FrequencyId"].as_str() {
                assert!(list(filter, "Frequencies").iter().any(|f| f["ID"] == frequency), "{preference}");
            }
        }
    };
    let check_consents = |list: &[Value]| {
        for c in list {
            assert!(consents.contains(&(text(c, "ConsentType"), text(c, "ConsentVersion"), text(c, "Locale"))), "{c}");
            assert!((1..=4).contains(&c["ConsentStatus"].as_u64().unwrap()));
        }
    };
    let kinds = [
        ("AlternateIds", "AlternateIdType", "AlternateIdTypes"),
        ("Groups", "GroupType", "GroupTypes"),
        ("Emails", "EmailAddressType", "EmailTypes"),
        ("PhoneNumbers", "PhoneType", "PhoneTypes"),
        ("Addresses", "AddressType", "AddressTypes"),
    ]
    .map(|(member, key, kind)| (member, key, names(kind, "TypeName")));
    let customer_types = names("CustomerTypes", "TypeName");
    let fields = names("CustomFields", "Name");
    let interests: HashSet<&str> =
        list(&list(&account, "Picklists")[0], "Values").iter().map(|v| v.as_str().unwrap()).collect();
    assert_eq!(interests, words::INTERESTS.iter().copied().collect());

    for profile in parsed(5000) {
        assert!(customer_types.contains(text(&profile, "CustomerType")));
        for (member, key, known) in &kinds {
            assert!(list(&profile, member).iter().all(|item| known.contains(text(item, key))), "{profile}");
        }
        for field in list(&profile, "CustomFields") {
            assert!(fields.contains(text(field, "Name")));
            if field["Name"] == "Interests" {
                let chosen: Vec<_> = text(field, "Value").split("::").collect();
                assert!(chosen.iter().all(|choice| interests.contains(choice)));
                assert_eq!(chosen.iter().collect::<HashSet<_>>().len(), chosen.len());
            }
        }
        check_preferences(list(&profile, "ProfilePreferences"), &["Solicit"]);
        check_consents(list(&profile, "Consents"));
        for email in list(&profile, "Emails") {
            check_preferences(list(email, "EmailPreferences"), &["Email"]);
        }
        for address in list(&profile, "Addresses") {
            check_preferences(list(address, "AddressPreferences"), &["Mail"]);
        }
        for phone in list(&profile, "PhoneNumbers") {
            let channels: &[&str] = if phone["IsMobile"] == true { &["Phone", "Text"] } else { &["Phone"] };
            check_preferences(list(phone, "PhoneNumberPreferences"), channels);
            check_consents(list(phone, "Consents"));
            for text in list(phone, "PhoneNumberPreferences").iter().filter(|p| p["FilterId"] == "OFFERS-TEXT") {
                let granted =
                    list(phone, "Consents").iter().any(|c| c["ConsentType"] == "SmsTerms" && c["ConsentStatus"] == 1);
                assert_eq!(granted, text["PreferenceType"] == 1, "{phone}");
            }
        }
    }
}
