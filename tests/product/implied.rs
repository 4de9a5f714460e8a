//! Implied preferences: with propagation on, who said nothing of a filter is taken to have said its default.

use serde_json::{Value, json};

use crate::harness::*;

/// A server whose account takes silence for an opt-in to NEWS-EMAIL and for an opt-out from NEWS-SOLICIT.
async fn propagating() -> World {
    let world = World::start().await;
    world.apply("DefaultLocale = \"en_US\"", "DefaultLocale = \"en_US\"\nImpliedPreferences = true");
    world.apply("ID = \"NEWS-SOLICIT\", ChannelID", "ID = \"NEWS-SOLICIT\", DefaultPreference = \"OptOut\", ChannelID");
    world.apply("ID = \"NEWS-EMAIL\", ChannelID", "ID = \"NEWS-EMAIL\", DefaultPreference = \"OptIn\", ChannelID");
    world
}

/// Filter, match type and choice of each preference of the profile itself and of its first email.
fn said(profile: &Value) -> Vec<(String, String, u64)> {
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    let all = [&profile["ProfilePreferences"], &profile["Emails"][0]["EmailPreferences"]];
    let all = all.into_iter().flat_map(|list| list.as_array().into_iter().flatten());
    all.map(|p| (text(&p["FilterId"]), text(&p["MatchType"]), p["PreferenceType"].as_u64().unwrap())).collect()
}

fn of(filter: &str, matched: &str, choice: u64) -> (String, String, u64) {
    (filter.into(), matched.into(), choice)
}

#[tokio::test]
async fn a_missing_preference_is_inherited_from_the_filters_default_and_shown_as_implied() {
    let world = propagating().await;
    let api = world.nightly().await;
    let id = api.create(person("Ann", &[])).await;
    assert_eq!(said(&api.read(id).await), [of("NEWS-SOLICIT", "Implied", 2), of("NEWS-EMAIL", "Implied", 1)]);
    let found = api.get(&api.profile_path("/Email?emailAddress=ann@example.com")).await.is(200).json();
    assert_eq!(found["UserProfilePreferences"][0], api.read(id).await);
}

#[tokio::test]
async fn what_was_said_takes_the_place_of_the_default_even_when_it_has_expired() {
    let world = propagating().await;
    let mut api = world.nightly().await;
    let mut ann = person("Ann", &[]);
    ann["Emails"][0]["EmailPreferences"] = json!([{"FilterId": "NEWS-EMAIL", "PreferenceType": 1}]);
    let id = api.create(ann).await;
    world.advance(11 * 24 * 3_600_000);
    api.sign_in_again().await;
    let read = api.read(id).await;
    assert_eq!(said(&read), [of("NEWS-SOLICIT", "Implied", 2), of("NEWS-EMAIL", "Expressed", 1)]);
    assert_eq!(read["Emails"][0]["EmailPreferences"][0]["PreferenceStatus"], "Expired");
}

#[tokio::test]
async fn implied_false_leaves_them_out_of_reads_and_searches() {
    let world = propagating().await;
    let api = world.nightly().await;
    let id = api.create(person("Ann", &[])).await;
    let read = api.get(&api.profile_path(&format!("/{id}?implied=false"))).await.is(200).json();
    assert_eq!(said(&read), []);
    let found = api.get(&api.profile_path("/Email?emailAddress=ann@example.com&implied=FALSE")).await.is(200).json();
    assert_eq!(said(&found["UserProfilePreferences"][0]), []);
}

#[tokio::test]
async fn an_account_without_propagation_has_none() {
    let world = World::start().await;
    world.apply("ID = \"NEWS-EMAIL\", ChannelID", "ID = \"NEWS-EMAIL\", DefaultPreference = \"OptIn\", ChannelID");
    let api = world.nightly().await;
    let id = api.create(person("Ann", &[])).await;
    assert_eq!(said(&api.read(id).await), []);
}

#[tokio::test]
async fn a_read_profile_that_is_sent_back_expresses_nothing_that_was_implied() {
    let world = propagating().await;
    let api = world.nightly().await;
    let id = api.create(person("Ann", &[])).await;
    let read = api.read(id).await;
    api.update(id, read.clone()).await;
    assert_eq!(said(&api.read(id).await), said(&read));
}

#[tokio::test]
async fn a_default_opt_in_that_requires_a_consent_stands_while_the_consent_does() {
    let world = propagating().await;
    world.apply("OptInExpirationInDays = 10 }", "RequiredConsents = [\"Marketing\"] }");
    let mut api = world.nightly().await;
    let id = api.create(person("Ann", &[])).await;
    assert_eq!(said(&api.read(id).await), [of("NEWS-SOLICIT", "Implied", 2)]);
    let granted = json!([{"ConsentType": "Marketing", "ConsentVersion": "v1", "Locale": "en_US", "ConsentStatus": 1}]);
    api.update(id, json!({"Consents": granted})).await;
    assert_eq!(said(&api.read(id).await), [of("NEWS-SOLICIT", "Implied", 2), of("NEWS-EMAIL", "Implied", 1)]);
    world.advance(31 * 24 * 3_600_000); // the consent lasts 30 days
    api.sign_in_again().await;
    assert_eq!(said(&api.read(id).await), [of("NEWS-SOLICIT", "Implied", 2)]);
}

#[tokio::test]
async fn a_segment_asks_for_expressed_preferences_or_for_implied_ones_or_for_both() {
    let world = propagating().await;
    let api = world.nightly().await;
    let mut spoken = person("Ann", &[]);
    spoken["Emails"][0]["EmailPreferences"] = json!([{"FilterId": "NEWS-EMAIL", "PreferenceType": 1}]);
    let (spoken, silent) = (api.create(spoken).await, api.create(person("Bob", &[])).await);
    let mut criteria = "Preference = \"NEWS-EMAIL\", Type = \"OptIn\", Status = \"Active\"".to_owned();
    for (asked, expected) in [
        ("", vec![spoken]),
        (", Expressed = true", vec![spoken]),
        (", Implied = true", vec![silent]),
        (", Implied = true, Expressed = true", vec![spoken, silent]),
    ] {
        let next = format!("Preference = \"NEWS-EMAIL\", Type = \"OptIn\", Status = \"Active\"{asked}");
        world.apply(&criteria, &next);
        criteria = next;
        assert_eq!(api.ids("Newsletter", json!({})).await, expected, "{asked}");
    }
}

#[tokio::test]
async fn a_segments_output_shows_implied_preferences_where_it_asks_for_them() {
    let world = propagating().await;
    world.apply("Output = { Archived = true }", "Output = { Implied = true }");
    let api = world.nightly().await;
    api.create(person("Ann", &[])).await;
    let row = |segment: &'static str| {
        let api = api.clone();
        async move {
            let token = api.export(segment, json!({})).await;
            api.rows(token).await.remove(0)
        }
    };
    assert_eq!(said(&row("Everyone").await), []);
    assert_eq!(said(&row("With archived").await), [of("NEWS-SOLICIT", "Implied", 2), of("NEWS-EMAIL", "Implied", 1)]);
}

#[tokio::test]
async fn a_delta_holds_everybody_whose_implied_choice_a_change_of_the_configuration_turned() {
    let world = propagating().await;
    world.apply("Output = { Archived = true }", "Output = { Implied = true }");
    world.set("2040-01-02T12:00:00.000Z"); // after what the command line was told, whose clock is the machine's
    let mut api = world.nightly().await;
    let id = api.create(person("Ann", &[])).await;
    world.advance(60_000);
    let since = json!({"LastDateTime": iso(world.now())});
    world.advance(60_000);
    assert_eq!(api.ids("With archived", since.clone()).await, [0; 0]);
    world.apply("DefaultPreference = \"OptIn\"", "DefaultPreference = \"OptOut\"");
    api.sign_in_again().await;
    let token = api.export("With archived", since.clone()).await;
    let rows = api.rows(token).await;
    assert_eq!(said(&rows[0]), [of("NEWS-SOLICIT", "Implied", 2), of("NEWS-EMAIL", "Implied", 2)]);
    assert_eq!(rows.len(), 1);
    // A segment that neither tells nor asks what is implied has the same rows as before.
    assert_eq!(api.ids("Everyone", since).await, [0; 0]);
    // And what changed before the last export isn't in the next one again.
    world.advance(60_000);
    assert_eq!(api.ids("With archived", json!({"LastDateTime": iso(world.now())})).await, [0; 0]);
    // Without propagation nothing is implied any more: the rows differ again.
    let since = json!({"LastDateTime": iso(world.now())});
    world.apply("ImpliedPreferences = true", "ImpliedPreferences = false");
    assert_eq!(api.ids("With archived", since).await, [id]);
}

#[tokio::test]
async fn who_opted_out_reads_as_silent_once_that_is_archived_and_not_as_opted_in() {
    let world = propagating().await;
    world.apply(
        "Preference = \"NEWS-EMAIL\", Type = \"OptIn\", Status = \"Active\"",
        "Preference = \"NEWS-EMAIL\", Implied = true",
    );
    let api = world.nightly().await;
    let id = api.create(person("Ann", &[])).await;
    assert_eq!(api.ids("Newsletter", json!({})).await, [id]);
    let mut ann = person("Ann", &[]);
    ann["Emails"][0]["EmailPreferences"] = json!([{"FilterId": "NEWS-EMAIL", "PreferenceType": 2}]);
    api.update(id, ann).await;
    let archive = json!({"Preferences": [{"FilterId": "NEWS-EMAIL"}]});
    api.put(&api.profile_path(&format!("/Preferences/{id}/Archive")), &archive).await.is(200);
    assert_eq!(said(&api.read(id).await), [of("NEWS-SOLICIT", "Implied", 2)]);
    assert_eq!(api.ids("Newsletter", json!({})).await, [0; 0]);
}

#[tokio::test]
async fn what_was_implied_when_it_was_read_never_overwrites_an_opt_out_that_was_said_since() {
    let world = propagating().await;
    let api = world.nightly().await;
    let id = api.create(person("Ann", &[])).await;
    let read = api.read(id).await;
    let mut ann = person("Ann", &[]);
    ann["Emails"][0]["EmailPreferences"] = json!([{"FilterId": "NEWS-EMAIL", "PreferenceType": 2}]);
    api.update(id, ann).await;
    api.update(id, read.clone()).await;
    api.put(&api.profile_path(&format!("/{id}")), &read).await.is(200);
    assert_eq!(said(&api.read(id).await), [of("NEWS-SOLICIT", "Implied", 2), of("NEWS-EMAIL", "Expressed", 2)]);
}

#[tokio::test]
async fn what_is_implied_on_contacts_bounds_the_answer_of_a_search() {
    let world = World::start().await;
    world.apply("DefaultLocale = \"en_US\"", "DefaultLocale = \"en_US\"\nImpliedPreferences = true");
    let filters = (0..200)
        .map(|i| format!("  {{ ID = \"BRAND-{i:03}\", DefaultPreference = \"OptOut\", ChannelID = \"Email\" }},\n"));
    world.apply("  { ID = \"NEWS-TEXT\"", &format!("{}  {{ ID = \"NEWS-TEXT\"", filters.collect::<String>()));
    let api = world.nightly().await;
    let person = |who: usize| {
        let emails =
            (0..99).map(|i| json!({"EmailAddressType": "Home", "EmailAddress": format!("{i}@{who}.example.com")}));
        let shared = json!({"EmailAddressType": "Home", "EmailAddress": "all@example.com"});
        json!({"Emails": emails.chain([shared]).collect::<Vec<_>>()})
    };
    for who in 0..5 {
        api.create(person(who)).await;
    }
    let all = "/Email?emailAddress=all@example.com";
    let found = api.get(&api.profile_path(all)).await.is(200).json();
    let preferences = |p: &Value| {
        p["Emails"].as_array().unwrap().iter().map(|e| e["EmailPreferences"].as_array().unwrap().len()).sum::<usize>()
    };
    assert_eq!(found["UserProfilePreferences"].as_array().unwrap().iter().map(preferences).sum::<usize>(), 100_000);
    for who in 5..50 {
        api.create(person(who)).await;
    }
    api.get(&api.profile_path(all)).await.refuses(403, &["64 MiB", "implied=false"]);
    let found = api.get(&api.profile_path(&format!("{all}&implied=false"))).await.is(200).json();
    assert_eq!(found["UserProfilePreferences"].as_array().unwrap().len(), 50);
}
