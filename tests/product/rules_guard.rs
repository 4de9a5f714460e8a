//! ETag and If-Match: an update can't be lost; and of two who claim one alternate id one gets it.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{rules::*, *};

async fn etag(api: &Api, path: &str) -> String {
    api.get(path).await.is(200).header("etag").unwrap().to_owned()
}

async fn guarded(api: &Api, method: &str, path: &str, etag: &str, body: &Value) -> Answer {
    read(api.call(method, path).header("if-match", etag).json(body)).await
}

#[tokio::test]
async fn the_etag_changes_with_every_write_also_within_a_millisecond() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let id = api.create(person("Ann", &[])).await;
    let mut seen = vec![etag(&api, &api.at(id)).await];
    for name in ["Ben", "Cid", "Dan"] {
        api.update(id, json!({"CustomerName": {"FirstName": name}})).await;
        let now = etag(&api, &api.at(id)).await;
        assert!(!seen.contains(&now), "the clock of this test stands still");
        seen.push(now);
    }
    assert_eq!(etag(&api, &api.at(id)).await, seen[3], "a read changes nothing");
}

#[tokio::test]
async fn every_write_of_a_profile_takes_if_match_and_answers_412_once_the_profile_has_changed() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let by_alternate = api.profile_path("/AlternateId?alternateIdType=CRM&alternateId=C-1");
    let id = api.create(json!({"AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": "C-1"}], "Consents": [consent("Calls", 1)],
        "ProfilePreferences": [says("PROMO-SOLICIT", 1)]})).await;
    let stale = etag(&api, &api.at(id)).await;
    api.update(id, json!({"CustomerName": {"FirstName": "Ann"}})).await;
    let before = api.read(id).await;
    let at = api.at(id);
    let preferences = api.profile_path(&format!("/Preferences/{id}"));
    let in_path = api.profile_path("/AlternateIdType/CRM/AlternateId/C-1");
    let writes = [
        ("POST", at.clone(), json!({"IsActive": false})),
        ("PUT", at.clone(), json!({})),
        ("PATCH", at.clone(), json!([])),
        ("DELETE", at.clone(), json!({})),
        ("POST", format!("{at}/Deactivate"), json!({})),
        ("POST", format!("{at}/Activate"), json!({})),
        ("POST", by_alternate.clone(), json!({"IsActive": false})),
        ("PUT", by_alternate.clone(), json!({})),
        ("PATCH", by_alternate.clone(), json!([])),
        ("DELETE", by_alternate.clone(), json!({})),
        ("PUT", in_path.clone(), json!({})),
        ("PATCH", in_path.clone(), json!([])),
        ("POST", preferences.clone(), json!({"ProfilePreferences": [says("PROMO-SOLICIT", 2)]})),
        ("PUT", format!("{preferences}/Archive"), json!({"Preferences": [{"FilterId": "PROMO-SOLICIT"}]})),
        ("POST", api.consents_at(id, ""), json!({"Consents": [consent("Calls", 2)]})),
        ("DELETE", api.consents_at(id, "/Filter/PROMO-SOLICIT/Consent/Calls"), json!({})),
    ];
    for (method, path, body) in &writes {
        for tag in [stale.clone(), format!("W/{}", etag(&api, &at).await), "\"x\"".to_owned()] {
            guarded(&api, method, path, &tag, body).await.refuses(412, &["ETag"]);
        }
    }
    assert_eq!(api.read(id).await, before, "nothing was written");
    for (method, path, body) in writes.iter().filter(|(method, ..)| *method == "PATCH") {
        let now = etag(&api, &at).await;
        guarded(&api, method, path, &format!("{stale}, {now}"), body).await.is(200);
        guarded(&api, method, path, "*", body).await.is(200);
    }
    guarded(&api, "DELETE", &by_alternate, &etag(&api, &at).await, &json!({})).await.is(204);
}

#[tokio::test]
async fn an_etag_guards_whatever_the_read_left_out() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let id = api.create(person("Ann", &[])).await;
    for query in ["", "?implied=false", "?includeConsentHistory=false"] {
        world.advance(1);
        let tag = etag(&api, &(api.at(id) + query)).await;
        guarded(&api, "POST", &api.at(id), &tag, &json!({"RegistrationConfirmed": true})).await.is(200);
        guarded(&api, "POST", &api.at(id), &tag, &json!({"RegistrationConfirmed": false})).await.is(412);
    }
}

#[tokio::test]
async fn a_lost_update_is_impossible_with_if_match() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let id = api.create(json!({"CustomFields": [{"Name": "Age", "Value": "0"}]})).await;
    // Each reads the number, adds one and writes it back, until nobody was faster.
    let add = async || {
        loop {
            let answer = api.get(&api.at(id)).await.is(200);
            let tag = answer.header("etag").unwrap().to_owned();
            let mut profile = answer.json();
            let age: u32 = profile["CustomFields"][0]["Value"].as_str().unwrap().parse().unwrap();
            profile["CustomFields"][0]["Value"] = (age + 1).to_string().into();
            match guarded(&api, "PUT", &api.at(id), &tag, &profile).await.status {
                200 => return,
                status => assert_eq!(status, 412),
            }
        }
    };
    join_all((0..8).map(|_| add())).await;
    assert_eq!(api.read(id).await["CustomFields"][0]["Value"], "8");
}

#[tokio::test]
async fn an_upsert_makes_none_with_if_match_and_changes_none_with_if_none_match() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let path = api.profile_path("/AlternateId?alternateIdType=CRM&alternateId=C-9");
    guarded(&api, "POST", &path, "*", &json!({})).await.refuses(412, &["If-Match"]);
    api.get(&path).await.is(404);
    let create = || read(api.call("POST", &path).header("if-none-match", "*").json(&json!({"IsActive": true})));
    create().await.is(201);
    create().await.refuses(412, &["If-None-Match"]);
    api.post(&path, &json!({})).await.is(200);
}

#[tokio::test]
async fn of_two_who_claim_one_alternate_id_one_wins_and_the_other_gets_409() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    for round in 0..5 {
        let (a, b) = (api.create(json!({})).await, api.create(json!({})).await);
        let claim = json!({"AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": format!("R-{round}")}]});
        let (at_a, at_b) = (api.at(a), api.at(b));
        let (first, second) = tokio::join!(api.post(&at_a, &claim), api.put(&at_b, &claim));
        let mut statuses = [first.status, second.status];
        statuses.sort();
        assert_eq!(statuses, [200, 409]);
        let loser = if first.status == 409 { first } else { second };
        loser.refuses(409, &["AlternateIds[0].AlternateId", &format!("R-{round}")]);
        let path = api.profile_path(&format!("/AlternateId?alternateIdType=CRM&alternateId=r-{round}"));
        let winner = api.get(&path).await.is(200).json()["ProfileId"].clone();
        assert!(winner == a || winner == b);
    }
    let calls = (0..6).map(async |_| {
        api.post(&api.profile_path("/AlternateId?alternateIdType=CRM&alternateId=same"), &json!({})).await.status
    });
    let mut statuses = join_all(calls).await;
    statuses.sort();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 201], "upserts of one id make one profile");
}
