//! How many requests an account may make.

use crate::harness::*;

#[tokio::test]
async fn an_account_that_asks_too_much_is_told_when_there_is_room_again() {
    let world = World::start_with(&["--request-limit", "3"]).await;
    world.create_account("OTHER");
    let (api, colleague) = (world.admin().await, world.nightly().await);
    let other = world.sign_in("OTHER", "Admin").await;
    let ask = async |api: &Api| api.get(&api.profile_path("/1")).await;
    // signing in was a request, too
    world.advance(60_000);

    for left in ["\"account\";r=2;t=20", "\"account\";r=1;t=40", "\"account\";r=0;t=60"] {
        let answer = ask(&api).await.is(404);
        assert_eq!(answer.header("ratelimit"), Some(left));
        assert_eq!(answer.header("ratelimit-policy"), Some("\"account\";q=3;w=60"));
        assert_eq!(answer.header("retry-after"), None);
    }
    let refused = ask(&api).await.refuses(429, &["3 requests", "Retry-After"]);
    assert_eq!(
        (refused.header("retry-after"), refused.header("ratelimit")),
        (Some("20"), Some("\"account\";r=0;t=20"))
    );
    ask(&colleague).await.is(429);
    ask(&other).await.is(404);

    // what is nobody's counts for nobody
    let stranger = Api { token: "nobody".to_owned(), ..api.clone() };
    for _ in 0..4 {
        assert_eq!(ask(&stranger).await.is(401).header("ratelimit"), None);
        api.get("/healthz").await.is(200);
    }
    // nor does signing in again help, or make tokens without end
    let no_token = api.oauth(&[("grant_type", "client_credentials")]).await.is(429);
    assert_eq!(no_token.json()["error"], "temporarily_unavailable");
    assert_eq!(
        (no_token.header("retry-after"), no_token.header("ratelimit")),
        (Some("20"), Some("\"account\";r=0;t=20"))
    );

    world.advance(19_999);
    ask(&api).await.is(429);
    world.advance(1);
    ask(&api).await.is(404);
    ask(&api).await.is(429);
}

#[tokio::test]
async fn a_call_counts_once_whatever_it_takes_to_answer_it() {
    let world = World::start_with(&["--request-limit", "60"]).await;
    let admin = world.admin().await;
    world.advance(60_000);
    let left = |answer: &Answer| answer.header("ratelimit").map(str::to_owned);
    let preview = admin.post("/Profiles/v4/ACME_CORP/Segments/Preview", &serde_json::json!({"Profiles": "All"})).await;
    assert_eq!(left(&preview).as_deref(), Some("\"account\";r=59;t=1"), "{}", preview.status);
    let untag = admin.delete("/Profiles/v4/ACME_CORP/Tags/nobody").await;
    assert_eq!(left(&untag).as_deref(), Some("\"account\";r=58;t=2"), "{}", untag.status);
}

#[tokio::test]
async fn without_a_limit_nothing_is_said_of_one() {
    let world = World::start_with(&["--request-limit", "0"]).await;
    let api = world.admin().await;
    assert_eq!(api.get(&api.profile_path("/1")).await.is(404).header("ratelimit-policy"), None);
}
