//! The brake on failed sign-ins (access.md, Kept safe), seen from outside: who fails too often waits, and nobody else does.

use serde_json::json;

use crate::harness::*;

const GRANT: [(&str, &str); 1] = [("grant_type", "client_credentials")];

/// A sign-in from an address, which the proxy in between tells.
async fn sign_in(api: &Api, secret: &str, from: &str) -> Answer {
    let call = api.http.post(format!("{}/oauth/token", api.url)).header("x-forwarded-for", from).form(&GRANT);
    read(call.basic_auth(&api.client_id, Some(secret))).await
}

async fn behind_a_proxy(flags: &[&str]) -> World {
    World::start_with(&[&["--trusted-proxy", "127.0.0.1"], flags].concat()).await
}

fn retry_after(answer: &Answer) -> i64 {
    answer.header("retry-after").unwrap().parse().unwrap()
}

#[tokio::test]
async fn ten_wrong_secrets_make_a_client_wait_at_that_address_and_each_further_one_twice_as_long() {
    let world = behind_a_proxy(&[]).await;
    let (nightly, other) = (world.nightly().await, world.nightly().await);
    let good = nightly.client_secret.clone();
    for _ in 0..10 {
        sign_in(&nightly, "wrong", "192.0.2.1").await.is(401);
    }
    for wait in [30, 60, 120] {
        let refused = sign_in(&nightly, &good, "192.0.2.1").await.is(429);
        assert_eq!((refused.json()["error"].as_str(), retry_after(&refused)), (Some("temporarily_unavailable"), wait));
        assert_eq!(refused.header("cache-control"), Some("no-store"));
        // others at this address, and the client at others
        sign_in(&other, &other.client_secret, "192.0.2.1").await.is(200);
        sign_in(&nightly, &good, "192.0.2.2").await.is(200);
        // its token goes on being good, also from there
        let call = nightly.call("POST", &nightly.segment_path("Everyone")).header("x-forwarded-for", "192.0.2.1");
        read(call.json(&json!({}))).await.is(200);
        world.advance(wait * 1000 - 1);
        sign_in(&nightly, &good, "192.0.2.1").await.is(429);
        world.advance(1);
        sign_in(&nightly, "wrong", "192.0.2.1").await.is(401);
    }
    world.advance(240_000);
    sign_in(&nightly, &good, "192.0.2.1").await.is(200);
    for _ in 0..9 {
        sign_in(&nightly, "wrong", "192.0.2.1").await.is(401);
    }
    sign_in(&nightly, &good, "192.0.2.1").await.is(200);
}

#[tokio::test]
async fn a_client_that_strangers_fail_for_everywhere_still_signs_in_from_where_it_did_before() {
    let world = behind_a_proxy(&["--login-failures", "2"]).await;
    let nightly = world.nightly().await;
    let good = nightly.client_secret.clone();
    sign_in(&nightly, &good, "192.0.2.1").await.is(200);
    for i in 0..20 {
        sign_in(&nightly, "wrong", &format!("198.51.100.{i}")).await.is(401);
    }
    sign_in(&nightly, &good, "198.51.100.99").await.is(429);
    sign_in(&nightly, &good, "192.0.2.1").await.is(200);
}

#[tokio::test]
async fn an_address_that_tries_many_clients_waits_with_all_of_them() {
    let world = behind_a_proxy(&[]).await;
    let nightly = world.nightly().await;
    let good = nightly.client_secret.clone();
    for i in 0..50 {
        let guessed = Api { client_id: format!("guess{i}"), ..nightly.clone() };
        sign_in(&guessed, "wrong", "2001:db8:1:2::1").await.is(401);
    }
    sign_in(&nightly, &good, "2001:db8:1:2:ffff::").await.is(429);
    sign_in(&nightly, &good, "2001:db8:1:3::1").await.is(200);
    // what a caller writes about itself is not its address
    let lying = format!("192.0.2.77, {}", "2001:db8:1:2::1");
    sign_in(&nightly, &good, &lying).await.is(429);
}

#[tokio::test]
async fn revoking_counts_as_a_sign_in_and_so_does_an_assertion() {
    let world = behind_a_proxy(&[]).await;
    let nightly = world.nightly().await;
    let form = |path: &'static str, form: Vec<(&'static str, &'static str)>, secret: Option<&'static str>| {
        let call = nightly.http.post(format!("{}{path}", nightly.url)).form(&form);
        let call = match secret {
            Some(secret) => call.basic_auth(&nightly.client_id, Some(secret)),
            None => call,
        };
        async move { read(call).await }
    };
    for _ in 0..10 {
        form("/oauth/revoke", vec![("token", "a")], Some("wrong")).await.is(401);
    }
    form("/oauth/token", GRANT.to_vec(), Some("wrong")).await.is(429);
    form("/oauth/revoke", vec![("token", "a")], Some("wrong")).await.is(429);
    let kind = ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    for _ in 0..40 {
        form("/oauth/token", vec![GRANT[0], kind, ("client_assertion", "a.b.c")], None).await.is(401);
    }
    form("/oauth/token", vec![GRANT[0], kind, ("client_assertion", "a.b.c")], None).await.is(429);
}

#[tokio::test]
async fn who_sends_bad_tokens_on_and_on_waits_and_good_ones_are_let_in_meanwhile() {
    let world = behind_a_proxy(&[]).await;
    let nightly = world.nightly().await;
    let bad = Api { token: "nobody's".into(), ..nightly.clone() };
    for _ in 0..50 {
        bad.get(&bad.profile_path("/1")).await.is(401);
    }
    let refused = bad.get(&bad.profile_path("/1")).await.refuses(429, &["30 s"]);
    assert_eq!(retry_after(&refused), 30);
    nightly.get(&nightly.profile_path("/1")).await.is(404);
    nightly.oauth(&GRANT).await.is(200);
    world.advance(30_000);
    bad.get(&bad.profile_path("/1")).await.is(401);
    bad.get(&bad.profile_path("/1")).await.is(429);
}

#[tokio::test]
async fn the_brake_can_be_taken_off() {
    let world = World::start_with(&["--login-failures", "0"]).await;
    let nightly = world.nightly().await;
    for _ in 0..60 {
        sign_in(&nightly, "wrong", "192.0.2.1").await.is(401);
    }
    assert_eq!(world.run(&["serve", "--login-failures", "101"]).status.code(), Some(2));
}
