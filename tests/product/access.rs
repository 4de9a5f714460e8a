//! Signing in, and what stays closed.

use serde_json::json;

use crate::harness::*;

async fn post_form(api: &Api, form: &[(&str, &str)]) -> Answer {
    read(api.http.post(format!("{}/oauth/token", api.url)).form(form)).await
}

#[tokio::test]
async fn client_credentials_by_basic_header_or_by_form() {
    let world = World::start().await;
    let api = world.nightly().await;
    let by_header = api.oauth(&[("grant_type", "client_credentials"), ("scope", "ACME_CORP/Nightly")]).await.is(200);
    let form =
        [("grant_type", "client_credentials"), ("client_id", &api.client_id), ("client_secret", &api.client_secret)];
    let by_form = post_form(&api, &form).await.is(200);
    for answer in [by_header, by_form] {
        let token = answer.json();
        assert_eq!(
            (&token["token_type"], &token["expires_in"], &token["scope"]),
            (&json!("Bearer"), &json!(3600), &json!("ACME_CORP/Nightly"))
        );
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let api = Api { token: token["access_token"].as_str().unwrap().into(), ..api.clone() };
        api.initiate("Everyone", json!({})).await;
    }
    assert_eq!((api.client_id.len(), api.client_secret.len()), (48, 64));
}

#[tokio::test]
async fn oauth_refusals_are_rfc_6749s() {
    let world = World::start().await;
    let api = world.nightly().await;
    let error = |answer: Answer, status: u16| answer.is(status).json()["error"].as_str().unwrap().to_string();
    let grant = ("grant_type", "client_credentials");
    assert_eq!(error(api.oauth(&[("grant_type", "password")]).await, 400), "unsupported_grant_type");
    assert_eq!(error(api.oauth(&[]).await, 400), "invalid_request");
    assert_eq!(error(api.oauth(&[grant, ("scope", "ACME_CORP/Admin")]).await, 400), "invalid_scope");
    assert_eq!(error(api.oauth(&[grant, ("scope", "OTHER/Nightly")]).await, 400), "invalid_scope");
    let both = [grant, ("client_id", api.client_id.as_str()), ("client_secret", &api.client_secret)];
    assert_eq!(error(api.oauth(&both).await, 400), "invalid_request", "header and form at once");
    let wrong = Api { client_secret: "x".repeat(64), ..api.clone() };
    let refused = wrong.oauth(&[grant]).await;
    assert!(refused.header("www-authenticate").unwrap().starts_with("Basic"));
    assert_eq!(error(refused, 401), "invalid_client");
    let unknown = Api { client_id: "y".repeat(48), ..api.clone() };
    assert_eq!(error(unknown.oauth(&[grant]).await, 401), "invalid_client");
    assert_eq!(error(post_form(&api, &[grant]).await, 401), "invalid_client");
}

#[tokio::test]
async fn a_token_ends_after_its_hour_and_outlives_a_restart() {
    let world = World::start().await;
    let api = world.nightly().await;
    let world = world.kill().serve(&[]).await;
    let api = Api { url: world.url.clone(), ..api };
    world.advance(3_600_000 - 1);
    api.initiate("Everyone", json!({})).await;
    world.advance(1);
    let answer = api.post(&api.segment_path("Everyone"), &json!({})).await.refuses(401, &[]);
    assert!(answer.header("www-authenticate").unwrap().contains("invalid_token"));
}

#[tokio::test]
async fn a_rotated_secret_and_the_one_before_it_are_both_good() {
    let world = World::start().await;
    let api = world.nightly().await;
    let rotate = || {
        let out = world.sayso(&["credentials", "rotate", "--account", ACCOUNT, &api.client_id, "--json"]);
        let new: serde_json::Value = serde_json::from_str(&out).unwrap();
        Api { client_secret: new["client_secret"].as_str().unwrap().into(), ..api.clone() }
    };
    let grant = [("grant_type", "client_credentials")];
    let second = rotate();
    api.oauth(&grant).await.is(200);
    second.oauth(&grant).await.is(200);
    let third = rotate();
    third.oauth(&grant).await.is(200);
    second.oauth(&grant).await.is(200);
    api.oauth(&grant).await.is(401);
}

#[tokio::test]
async fn another_account_is_answered_as_one_that_does_not_exist() {
    let world = World::start().await;
    world.create_account("OTHER");
    let api = world.nightly().await;
    let theirs = world.sign_in("OTHER", "Nightly").await;
    let id = theirs.create(person("Secret", &[])).await;
    for rest in ["/Profile/1".to_string(), format!("/Profile/{id}")] {
        let foreign = api.get(&format!("/Profiles/v4/OTHER{rest}")).await.is(404);
        let unknown = api.get(&format!("/Profiles/v4/NOBODY{rest}")).await.is(404);
        assert_eq!(foreign.body, unknown.body);
    }
    let foreign = api.post("/Profiles/v4/Async/OTHER/Export/Segment/Everyone", &json!({})).await.is(404);
    let unknown = api.post("/Profiles/v4/Async/NOBODY/Export/Segment/Everyone", &json!({})).await.is(404);
    assert_eq!(foreign.body, unknown.body);
    assert_eq!(api.ids("Everybody", json!({})).await, [] as [u64; 0]);
}

#[tokio::test]
async fn profiles_need_their_permission() {
    let world = World::start().await;
    let id = world.nightly().await.create(person("Ann", &[])).await;
    let reader = world.sign_in(ACCOUNT, "Reader").await;
    reader.read(id).await;
    reader.post(&reader.profile_path(""), &json!({})).await.refuses(403, &["Profiles"]);
    reader.delete(&reader.profile_path(&format!("/{id}"))).await.refuses(403, &["Profiles"]);
    reader.post(&reader.segment_path("Everyone"), &json!({})).await.refuses(403, &["CanExecute"]);
}

#[tokio::test]
async fn no_secret_is_in_the_log_or_the_metrics() {
    let world = World::start().await;
    let api = world.nightly().await;
    api.create(person("Ann", &[])).await;
    api.export("Everyone", json!({"MatchCriteria": "EmailAddress", "Values": ["ann@example.com"]})).await;
    let wrong = Api { client_secret: format!("{}x", api.client_secret), ..api.clone() };
    wrong.oauth(&[("grant_type", "client_credentials")]).await.is(401);
    let metrics = read(api.http.get(format!("{}/metrics", api.url))).await.is(200);
    let seen = format!("{}{}", world.log(), String::from_utf8(metrics.body).unwrap());
    for secret in [&api.client_secret, &api.token] {
        assert!(!seen.contains(secret.as_str()));
    }
}

#[tokio::test]
async fn the_open_routes_answer_without_signing_in() {
    let world = World::start().await;
    let api = world.nightly().await;
    api.export("Everyone", json!({})).await;
    for path in ["/healthz", "/readyz"] {
        read(api.http.get(format!("{}{path}", world.url))).await.is(200);
    }
    let document = read(api.http.get(format!("{}/openapi.json", world.url))).await.is(200).json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert!(document["paths"]["/Profiles/v4/Async/{clientId}/Export/{accessToken}"]["get"].is_object());
    let metadata =
        read(api.http.get(format!("{}/.well-known/oauth-authorization-server", world.url))).await.is(200).json();
    assert!(metadata["token_endpoint"].as_str().unwrap().ends_with("/oauth/token"));
    let metrics = String::from_utf8(read(api.http.get(format!("{}/metrics", world.url))).await.is(200).body).unwrap();
    for name in ["sayso_requests_total", "sayso_exported_rows_total", "sayso_commit_seconds", "sayso_exports"] {
        assert!(metrics.contains(name), "{name} in {metrics}");
    }
}
