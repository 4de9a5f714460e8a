//! Consents: withdrawn by opt-outs, required by opt-ins, alone, and by the filters that ask for them.

use serde_json::{Value, json};

use crate::harness::{rules::*, *};

fn status(list: &Value, kind: &str) -> Option<u64> {
    list.as_array().unwrap().iter().find(|c| c["ConsentType"] == kind)?["ConsentStatus"].as_u64()
}

/// An email address with a consent to calls and an opt-in that stands on it.
fn consented(address: &str) -> Value {
    with(mail(address, json!([says("PROMO-EMAIL", 1)])), json!({"Consents": [consent("Calls", 1)]}))
}

#[tokio::test]
async fn opting_out_of_a_preference_that_carries_a_consent_revokes_it() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let id = api.create(json!({"Emails": [consented("ann@example.com")]})).await;
    let carried = api.read(id).await["Emails"][0]["EmailPreferences"][0]["Consents"].clone();
    assert_eq!(carried, json!([consent("Calls", 1)]));
    world.advance(1000);
    let out = with(says("PROMO-EMAIL", 2), json!({"CustomerDate": "2026-06-14"}));
    api.update(id, json!({"Emails": [mail("ann@example.com", json!([out]))]})).await;
    let email = api.read(id).await["Emails"][0].clone();
    let revoked = &email["Consents"][0];
    assert_eq!((&revoked["ConsentStatus"], &revoked["ConsentDate"]), (&json!(3), &json!("2026-06-15T03:59:59.000Z")));
    assert_eq!(revoked["Edited"]["LastModifiedDate"], iso(world.now()));
    assert_eq!(said(&email["EmailPreferences"]), [("PROMO-EMAIL".to_owned(), 2)]);
    assert_eq!(email["EmailPreferences"][0]["Consents"], json!([]));
}

#[tokio::test]
async fn an_opt_out_of_what_carried_no_consent_revokes_none() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let email =
        with(mail("ann@example.com", json!([says("NEWS-EMAIL", 1)])), json!({"Consents": [consent("Calls", 1)]}));
    let id = api.create(json!({"Emails": [email]})).await;
    api.update(id, json!({"Emails": [mail("ann@example.com", json!([says("NEWS-EMAIL", 2)]))]})).await;
    assert_eq!(status(&api.read(id).await["Emails"][0]["Consents"], "Calls"), Some(1));
}

#[tokio::test]
async fn revoking_a_consent_archives_the_preferences_that_require_it() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    for withdrawn in [2, 3, 4] {
        let email = mail("ann@example.com", json!([says("PROMO-EMAIL", 1), says("NEWS-EMAIL", 1)]));
        let id = api.create(json!({"Consents": [consent("Calls", 1)], "ProfilePreferences": [says("PROMO-SOLICIT", 1)], "Emails": [email]})).await;
        api.update(id, json!({"Consents": [consent("Calls", withdrawn)]})).await;
        let now = api.read(id).await;
        assert_eq!(status(&now["Consents"], "Calls"), Some(u64::from(withdrawn)));
        assert_eq!(now["ProfilePreferences"], json!([]));
        assert_eq!(said(&now["Emails"][0]["EmailPreferences"]), [("NEWS-EMAIL".to_owned(), 1)]);
        let archived = api.with_archived(id).await;
        assert_eq!(archived["ProfilePreferences"][0]["PreferenceStatus"], "Archived");
        assert_eq!(archived["Emails"][0]["EmailPreferences"][1]["PreferenceStatus"], "Archived");
    }
}

#[tokio::test]
async fn an_opt_in_needs_the_consents_that_its_filter_requires() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let words = ["ProfilePreferences[0]", "PROMO-SOLICIT", "Calls"];
    let opt_in = || json!([says("PROMO-SOLICIT", 1)]);
    api.post(&api.profile_path(""), &json!({"ProfilePreferences": opt_in()})).await.refuses(400, &words);
    let denied = json!({"Consents": [consent("Calls", 2)], "ProfilePreferences": opt_in()});
    api.post(&api.profile_path(""), &denied).await.refuses(400, &words);
    api.create(json!({"Consents": [consent("Calls", 1)], "ProfilePreferences": opt_in()})).await;
    api.create(json!({"ProfilePreferences": [says("PROMO-SOLICIT", 2)]})).await;
}

#[tokio::test]
async fn a_consent_in_another_locale_takes_the_formers_place() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let id = api.create(json!({"Consents": [consent("Calls", 1)]})).await;
    world.advance(1000);
    api.update(id, json!({"Consents": [with(consent("Calls", 1), json!({"Locale": "es_us"}))]})).await;
    let list = api.read(id).await["Consents"].clone();
    assert_eq!(list.as_array().unwrap().len(), 1, "the former locale's is active no more");
    assert_eq!((&list[0]["Locale"], &list[0]["Edited"]["CreateDate"]), (&json!("es_US"), &json!(iso(world.now()))));
}

#[tokio::test]
async fn a_consent_expires_by_its_versions_days_fixed_when_it_is_written() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let v2 = with(consent("Calls", 1), json!({"ConsentVersion": "v2", "ConsentDate": "2026-06-12T00:00:00Z"}));
    let id = api.create(json!({"Consents": [v2, consent("Terms", 1)]})).await;
    world.apply("ExpirationInDays = 5", "ExpirationInDays = 50");
    let list = api.read(id).await["Consents"].clone();
    assert_eq!((&list[0]["ExpirationDate"], &list[0]["Expired"]), (&json!("2026-06-17T00:00:00.000Z"), &json!(false)));
    assert_eq!(list[1]["ExpirationDate"], Value::Null);
    world.set("2026-06-17T00:00:00.000Z");
    let mut api = api.clone();
    api.sign_in_again().await;
    assert_eq!(api.read(id).await["Consents"][0]["Expired"], true);
}

#[tokio::test]
async fn a_consent_that_is_not_configured_is_404_and_a_malformed_one_400() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    for (code, path, more) in [
        (404, "Consents[0].ConsentType", json!({"ConsentType": "Moon"})),
        (404, "Consents[0].ConsentVersion", json!({"ConsentVersion": "v9"})),
        (404, "Consents[0].Locale", json!({"Locale": "fr_FR"})),
        (400, "Consents[0].ConsentStatus", json!({"ConsentStatus": 5})),
        (400, "Consents[0].ConsentStatus", json!({"ConsentStatus": null})),
        (400, "Consents[0].ConsentVersion", json!({"ConsentVersion": "x".repeat(51)})),
        (400, "Consents[0].Locale", json!({"Locale": "x".repeat(16)})),
    ] {
        api.post(&api.profile_path(""), &json!({"Consents": [with(consent("Calls", 1), more)]}))
            .await
            .refuses(code, &[path]);
    }
    let id = api.create(json!({"Consents": [with(consent("Calls", 1), json!({"ConsentStatus": "granted"}))]})).await;
    assert_eq!(status(&api.read(id).await["Consents"], "Calls"), Some(1), "words are taken, too");
}

#[tokio::test]
async fn consents_alone_are_written_to_the_profile_and_to_the_contacts_that_are_there() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let id = api.create(json!({"AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": "C-1"}], "Emails": [consented("ann@example.com")]})).await;
    let base = format!("/Profiles/v4/{ACCOUNT}/Consents");
    let email = |status: u8| json!({"EmailAddressType": "Home", "EmailAddress": "ann@example.com", "Consents": [consent("Calls", status)]});
    for (path, given) in [
        (format!("{base}/{id}"), 2),
        (format!("{base}/AlternateId?alternateIdType=CRM&alternateId=c-1"), 1),
        (format!("{base}/AlternateIdType/CRM/AlternateId/C-1"), 3),
    ] {
        let body = json!({"Consents": [consent("Terms", given)], "Emails": [email(given)]});
        assert_eq!(api.post(&path, &body).await.is(200).json()["ProfileId"], id);
        let now = api.read(id).await;
        assert_eq!(status(&now["Consents"], "Terms"), Some(u64::from(given)));
        assert_eq!(status(&now["Emails"][0]["Consents"], "Calls"), Some(u64::from(given)));
        assert_eq!(now["Emails"][0]["EmailPreferences"], json!([]), "archived with the first withdrawal");
    }
    let before = api.read(id).await;
    let path = api.consents_at(id, "");
    let with_preferences = json!({"Emails": [mail("ann@example.com", json!([says("NEWS-EMAIL", 1)]))]});
    api.post(&path, &with_preferences).await.refuses(400, &["Emails[0].EmailPreferences", "consents"]);
    api.post(&path, &json!({"ProfileTags": []})).await.refuses(400, &["ProfileTags"]);
    let unknown = json!({"Emails": [{"EmailAddressType": "Work", "EmailAddress": "ann@example.com", "Consents": [consent("Calls", 1)]}]});
    api.post(&path, &unknown).await.refuses(404, &["Emails[0].EmailAddress", "ann@example.com", "Work"]);
    api.post(&api.consents_at(99, ""), &json!({})).await.is(404);
    assert_eq!(api.read(id).await, before);
}

#[tokio::test]
async fn the_filters_that_require_consents_tell_how_the_profile_stands_to_them() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let id = api.create(json!({"Emails": [consented("ann@example.com")]})).await;
    let filters = async || api.get(&api.consents_at(id, "/Filters")).await.is(200).json();
    let stand = json!({"ConsentType": "Calls", "ConsentVersion": "v1", "Locale": "en_US", "ConsentStatus": 1, "Expired": false});
    let filter = |id: &str, channel: &str, stand: &Value| json!({"FilterId": id, "ProgramId": "PROMO", "ChannelId": channel, "Consents": [stand]});
    let both = |stand: &Value| json!({"Filters": [filter("PROMO-EMAIL", "Email", stand), filter("PROMO-SOLICIT", "Solicit", stand)]});
    assert_eq!(filters().await, both(&stand));
    api.put(&api.at(id), &json!({})).await.is(200);
    let none =
        json!({"ConsentType": "Calls", "ConsentVersion": null, "Locale": null, "ConsentStatus": 4, "Expired": false});
    assert_eq!(filters().await, both(&none));
    api.get(&api.consents_at(99, "/Filters")).await.is(404);
}

#[tokio::test]
async fn withdrawing_a_filters_consent_revokes_all_that_its_preferences_stand_on_or_could() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let other =
        json!({"EmailAddressType": "Work", "EmailAddress": "ann@work.example", "Consents": [consent("Calls", 1)]});
    let id = api
        .create(json!({"Consents": [consent("Calls", 1)], "ProfilePreferences": [says("PROMO-SOLICIT", 1)],
        "Emails": [consented("ann@example.com"), other]}))
        .await;
    world.advance(1000);
    let path = api.consents_at(id, "/Filter/promo-email/Consent/calls");
    api.delete(&path).await.is(204);
    let now = api.read(id).await;
    assert_eq!(status(&now["Emails"][0]["Consents"], "Calls"), Some(3));
    assert_eq!(now["Emails"][0]["Consents"][0]["ConsentDate"], iso(world.now()));
    assert_eq!(now["Emails"][0]["EmailPreferences"], json!([]), "archived");
    assert_eq!(status(&now["Emails"][1]["Consents"], "Calls"), Some(3), "a preference to the filter could stand on it");
    assert_eq!((status(&now["Consents"], "Calls"), said(&now["ProfilePreferences"]).len()), (Some(3), 0));
    api.delete(&path).await.is(204);
    assert_eq!(api.read(id).await, now, "all of it is withdrawn already");
    let no_email = api.create(json!({"Consents": [consent("Calls", 1)]})).await;
    api.delete(&api.consents_at(no_email, "/Filter/PROMO-EMAIL/Consent/Calls")).await.is(204);
    assert_eq!(status(&api.read(no_email).await["Consents"], "Calls"), Some(3), "an email to come would stand on it");
    for path in ["/Filter/NEWS-EMAIL/Consent/Calls", "/Filter/PROMO-EMAIL/Consent/Terms", "/Filter/Moon/Consent/Calls"]
    {
        api.delete(&api.consents_at(id, path)).await.is(404);
    }
    let without = api.create(json!({"Emails": [mail("bob@example.com", json!([]))]})).await;
    api.delete(&api.consents_at(without, "/Filter/PROMO-EMAIL/Consent/Calls")).await.refuses(404, &["Calls"]);
}
