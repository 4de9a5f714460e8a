//! Initiate: what it takes, what it answers, what it fixes.

use serde_json::{Value, json};

use crate::harness::*;

#[tokio::test]
async fn the_token_comes_at_once_and_every_json_reader_keeps_it() {
    let world = World::start().await;
    let api = world.nightly().await;
    world.hold();
    let answer = api.post(&api.segment_path("Everyone"), &json!({})).await.is(200);
    assert_eq!(answer.json().as_object().unwrap().keys().collect::<Vec<_>>(), ["AccessToken"]);
    let token = token_of(&answer);
    assert!((1..1 << 53).contains(&token));
    let other = api.initiate("Everyone", json!({})).await;
    assert!(token.abs_diff(other) > 1, "tokens are random, not counted");
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
}

#[tokio::test]
async fn the_body_may_be_absent_empty_null_or_an_object_and_nothing_else() {
    let world = World::start().await;
    let api = world.nightly().await;
    let path = api.segment_path("Everyone");
    token_of(&read(api.call("POST", &path)).await);
    for body in
        ["", "  ", "null", "{}", r#"{"LastDateTime":null,"MatchCriteria":null,"Values":null,"CallbackURL":null}"#]
    {
        token_of(&api.post_text(&path, body).await);
    }
    for body in ["[]", "1", "\"x\"", "true", "{", "{}{}", "nonsense"] {
        assert!(!api.post_text(&path, body).await.refuses(400, &[]).message().is_empty(), "{body}");
    }
}

#[tokio::test]
async fn a_body_over_32_mib_is_413() {
    let world = World::start().await;
    let api = world.nightly().await;
    let body = format!("{{\"CallbackURL\":\"{}\"}}", "x".repeat(32 << 20));
    api.post_text(&api.segment_path("Everyone"), body).await.refuses(413, &["33554432"]);
}

#[tokio::test]
async fn field_names_match_in_any_letter_case() {
    let world = World::start().await;
    let api = world.nightly().await;
    let id = api.create(person("Ann", &[])).await;
    api.create(person("Bob", &[])).await;
    let body = json!({"MATCHCRITERIA": "profileid", "values": [id]});
    assert_eq!(api.ids("Everyone", body).await, [id]);
}

#[tokio::test]
async fn unknown_body_fields_and_query_parameters_are_ignored() {
    let world = World::start().await;
    let api = world.nightly().await;
    let id = api.create(person("Ann", &[])).await;
    let path = format!("{}?verbose=1&x[0].y=%20", api.segment_path("Everyone"));
    let token = token_of(&api.post(&path, &json!({"Format": "xml", "Nested": {"a": [1]}})).await);
    api.complete(token).await;
    assert_eq!(ids(&api.rows(token).await), [id]);
    api.page(token, "Count=3&keepAlive=true&foo").await.is(200);
    api.get(&api.token_path(token, "/Status?x=y")).await.is(200);
}

#[tokio::test]
async fn segment_names_match_in_any_case_with_spaces_and_beyond_ascii() {
    let world = World::start().await;
    let api = world.nightly().await;
    let home = |state: &str| json!({"Addresses": [{"AddressType": "Home", "Address1": "1 Oak St", "City": "Macon", "StateProvince": state, "PostalCode": "31201"}]});
    let georgian = api.create(home("GA")).await;
    api.create(home("FL")).await;
    for name in ["Géorgie été", "GÉORGIE ÉTÉ", "géorgie Été"] {
        assert_eq!(api.ids(name, json!({})).await, [georgian], "{name}");
    }
}

#[tokio::test]
async fn an_unknown_segment_or_group_is_404_and_names_it() {
    let world = World::start().await;
    let api = world.nightly().await;
    api.post(&api.segment_path("No such"), &json!({})).await.refuses(404, &["No such"]);
    api.post(&api.group_path("Everyone"), &json!({})).await.refuses(404, &["Everyone"]);
    api.post(&api.segment_path("A or B and C"), &json!({})).await.refuses(404, &["A or B and C"]);
}

#[tokio::test]
async fn without_can_execute_it_is_403_and_names_the_permission() {
    let world = World::start().await;
    let api = world.nightly().await;
    api.post(&api.segment_path("Locked"), &json!({})).await.refuses(403, &["CanExecute", "Locked"]);
    api.post(&api.group_path("Locked group"), &json!({})).await.refuses(403, &["CanExecute", "Locked group"]);
    let admin = world.admin().await;
    admin.initiate("Locked", json!({})).await;
}

#[tokio::test]
async fn the_routes_without_a_version_answer_too() {
    let world = World::start().await;
    let api = world.nightly().await;
    let id = api.create(person("Ann", &[])).await;
    let path = api.segment_path("Everyone").replace("/v4", "");
    let token = token_of(&api.post(&path, &json!({})).await);
    api.complete(token).await;
    let old = |rest: &str| api.token_path(token, rest).replace("/v4", "");
    assert_eq!(api.get(&old("/Status")).await.is(200).json()["Status"], "Complete");
    let page = api.get(&old("?keepAlive=true")).await.is(200).json();
    assert_eq!(page["UserProfilePreferences"][0]["ProfileId"], id);
    read(api.call("POST", &old("/Commit"))).await.is(200);
    let group = api.group_path("A or B and C").replace("/v4", "");
    token_of(&api.post(&group, &json!({})).await);
}

#[tokio::test]
async fn the_account_matches_in_any_letter_case() {
    let world = World::start().await;
    let mut api = world.nightly().await;
    api.account = "acme_Corp".into();
    let token = api.export("Everyone", json!({})).await;
    api.page(token, "").await.is(200);
}

#[tokio::test]
async fn a_callback_url_must_be_https() {
    let world = World::start().await;
    let api = world.nightly().await;
    let path = api.segment_path("Everyone");
    api.post(&path, &json!({"CallbackURL": "https://example.com/done?x=1"})).await.is(200);
    for url in ["http://example.com/", "http://127.0.0.1:9/", "ftp://example.com/", "example.com", "", "https://"] {
        api.post(&path, &json!({"CallbackURL": url})).await.refuses(400, &["CallbackURL", "https"]);
    }
    api.post(&path, &json!({"CallbackURL": 5})).await.refuses(400, &["CallbackURL"]);
}

#[tokio::test]
async fn an_operator_may_allow_http_callbacks_to_loopback_alone() {
    let world = World::start_with(&["--allow-http-callbacks"]).await;
    let api = world.nightly().await;
    let path = api.segment_path("Everyone");
    for url in ["http://127.0.0.1:9/done", "http://[::1]/done", "http://localhost:8080/", "https://example.com/"] {
        api.post(&path, &json!({"CallbackURL": url})).await.is(200);
    }
    for url in ["http://example.com/", "http://127.0.0.1.example.com/", "http://10.0.0.1/"] {
        api.post(&path, &json!({"CallbackURL": url})).await.refuses(400, &["CallbackURL"]);
    }
}

#[tokio::test]
async fn the_definition_is_the_one_of_initiate_whatever_is_edited_later() {
    let world = World::start().await;
    let api = world.nightly().await;
    let a = api.create(person("Ann", &["a"])).await;
    api.create(person("Bob", &["b"])).await;
    world.hold();
    let segment = api.initiate("A", json!({})).await;
    let group = api.initiate_group("A or B and C").await;
    world.apply("Criteria = { Tag = \"a\" }", "Criteria = { Tag = \"b\" }");
    world.release();
    api.complete(segment).await;
    assert_eq!(ids(&api.rows(segment).await), [a]);
    api.complete(group).await;
    assert_eq!(ids(&api.rows(group).await), [] as [u64; 0]);
}

#[tokio::test]
async fn every_write_answered_before_initiate_is_in_it_and_none_after_the_snapshot() {
    let world = World::start().await;
    let api = world.nightly().await;
    let mut before = Vec::new();
    for i in 0..20 {
        before.push(api.create(person(&format!("p{i}"), &[])).await);
    }
    let token = api.export("Everyone", json!({})).await;
    let first = api.page(token, "limit=10&keepAlive=true").await.body;
    api.create(person("late", &[])).await;
    api.remove(before[0]).await;
    api.update(before[1], json!({"CustomerName": {"LastName": "Changed"}})).await;
    assert_eq!(ids(&api.rows(token).await), before);
    assert_eq!(api.page(token, "limit=10&keepAlive=true").await.body, first, "no page ever shifts");
}

#[tokio::test]
async fn an_idempotency_key_gives_the_first_token_again_even_when_it_has_ended() {
    let world = World::start().await;
    let api = world.nightly().await;
    let send = |api: &Api, key: &str, path: String, body: Value| {
        let call = api.call("POST", &path).header("Idempotency-Key", key).json(&body);
        async move { read(call).await }
    };
    let path = api.segment_path("Everyone");
    let first = token_of(&send(&api, "k1", path.clone(), json!({})).await);
    api.complete(first).await;
    assert_eq!(token_of(&send(&api, "k1", path.clone(), json!({})).await), first);
    api.commit(first, "").await.is(200);
    assert_eq!(token_of(&send(&api, "k1", path.clone(), json!({})).await), first);
    send(&api, "k1", path.clone(), json!({"Values": [1], "MatchCriteria": "ProfileId"}))
        .await
        .refuses(422, &["Idempotency-Key"]);
    assert_ne!(token_of(&send(&api, "k1", api.segment_path("A"), json!({})).await), first, "another route");
    let other = world.sign_in(ACCOUNT, "Other").await;
    assert_ne!(token_of(&send(&other, "k1", path.clone(), json!({})).await), first, "another user");
    assert_ne!(token_of(&send(&api, "k2", path.clone(), json!({})).await), first, "another key");
    world.advance(24 * 3_600_000 + 1);
    let mut api = api;
    api.sign_in_again().await;
    assert_ne!(token_of(&send(&api, "k1", path, json!({})).await), first, "a day later");
}

#[tokio::test]
async fn two_at_once_with_one_idempotency_key_get_one_token() {
    let world = World::start().await;
    let api = world.nightly().await;
    let path = api.segment_path("Everyone");
    let calls = (0..16).map(|_| read(api.call("POST", &path).header("Idempotency-Key", "same").json(&json!({}))));
    let tokens: Vec<u64> = futures_util::future::join_all(calls).await.iter().map(token_of).collect();
    assert!(tokens.iter().all(|t| *t == tokens[0]), "{tokens:?}");
}
