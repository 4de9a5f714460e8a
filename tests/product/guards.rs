//! Headers that guard every answer, whatever it is.

use serde_json::json;

use crate::harness::*;

#[tokio::test]
async fn no_answer_is_kept_sniffed_framed_or_told_of() {
    let world = World::start().await;
    let api = world.admin().await;
    let id = api.create(person("Ann", &[])).await;
    let token = api.export("Everyone", json!({})).await;
    let stranger = Api { token: "nobody".to_owned(), ..api.clone() };
    let answers = [
        api.get("/healthz").await.is(200),
        api.get("/metrics").await.is(200),
        api.get("/openapi.json").await.is(200),
        api.get("/nowhere").await.is(404),
        api.get("/Profiles/v4/%zz").await.is(400),
        api.get("/.well-known/oauth-authorization-server").await.is(200),
        api.oauth(&[("grant_type", "client_credentials")]).await.is(200),
        api.oauth(&[]).await.is(400),
        stranger.get(&api.profile_path("/1")).await.is(401),
        api.get(&api.profile_path(&format!("/{id}"))).await.is(200),
        api.post(&api.profile_path(""), &json!(5)).await.is(400),
        api.page(token, "keepAlive=true").await.is(200),
    ];
    for answer in &answers {
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{name}: {answer:?}");
        }
        assert_eq!(answer.header("strict-transport-security"), None, "not over plain HTTP");
    }
    // the page for people has a policy of its own
    let docs = api.get("/docs").await.is(200);
    assert!(docs.header("content-security-policy").unwrap().contains("script-src 'self'"));
    assert_eq!(
        (docs.header("x-content-type-options"), docs.header("referrer-policy")),
        (Some("nosniff"), Some("no-referrer"))
    );
    assert_eq!(docs.header("cache-control"), Some("no-cache"));
}
