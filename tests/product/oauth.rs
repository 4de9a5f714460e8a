//! OAuth as its standards have it: the end of a token (RFC 7009), the metadata (RFC 8414), the form of errors (RFC 6749, 5.2; RFC 6750, 3).

use serde_json::json;

use crate::harness::*;

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

/// A form to an OAuth call, with the client's Basic header.
async fn form(api: &Api, path: &str, form: &[(&str, &str)]) -> Answer {
    let call = api.http.post(format!("{}{path}", api.url)).form(form);
    read(call.basic_auth(&api.client_id, Some(&api.client_secret))).await
}

fn error(answer: &Answer) -> String {
    answer.json()["error"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_token_is_revoked_by_its_client_and_by_no_other() {
    let world = World::start().await;
    let (mine, other) = (world.nightly().await, world.nightly().await);
    let second =
        Api { token: mine.oauth(&[GRANT]).await.json()["access_token"].as_str().unwrap().into(), ..mine.clone() };
    let revoke = |api: &Api, token: &str| {
        let (api, token) = (api.clone(), token.to_owned());
        async move { form(&api, "/oauth/revoke", &[("token", token.as_str())]).await }
    };

    let foreign = revoke(&other, &mine.token).await.is(400);
    assert_eq!(error(&foreign), "invalid_grant");
    let wrong = Api { client_secret: "x".repeat(64), ..mine.clone() };
    assert_eq!(error(&revoke(&wrong, &mine.token).await.is(401)), "invalid_client");
    mine.initiate("Everyone", json!({})).await;

    let ended = revoke(&mine, &mine.token).await.is(200);
    assert_eq!((ended.body.len(), ended.header("cache-control")), (0, Some("no-store")));
    let refused = mine.post(&mine.segment_path("Everyone"), &json!({})).await.is(401);
    assert!(refused.header("www-authenticate").unwrap().contains("error=\"invalid_token\""));
    second.initiate("Everyone", json!({})).await;
    // again, one that nobody knows, one that has expired: ended for the caller in any case, whatever the hint
    revoke(&mine, &mine.token).await.is(200);
    revoke(&mine, "nobody's").await.is(200);
    form(&mine, "/oauth/revoke", &[("token", "a"), ("token_type_hint", "refresh_token")]).await.is(200);
    world.advance(3_600_000);
    revoke(&other, &second.token).await.is(200);
    assert_eq!(error(&form(&mine, "/oauth/revoke", &[]).await.is(400)), "invalid_request");
}

#[tokio::test]
async fn a_revoked_token_stays_revoked_over_a_crash() {
    let world = World::start().await;
    let mine = world.nightly().await;
    form(&mine, "/oauth/revoke", &[("token", &mine.token)]).await.is(200);
    let world = world.kill().serve(&[]).await;
    let mine = Api { url: world.url.clone(), ..mine };
    mine.post(&mine.segment_path("Everyone"), &json!({})).await.is(401);
}

#[tokio::test]
async fn what_is_wrong_with_an_oauth_call_is_told_in_oauth_s_own_form() {
    let world = World::start().await;
    let api = world.nightly().await;
    let secret = [("client_id", api.client_id.as_str()), ("client_secret", &api.client_secret)];
    for path in ["/oauth/token", "/oauth/revoke"] {
        let url = format!("{}{path}", api.url);
        let call = || api.http.post(&url).basic_auth(&api.client_id, Some(&api.client_secret));
        let of = |body: &str| {
            let call = call().header("content-type", "application/x-www-form-urlencoded").body(body.to_owned());
            async move { read(call).await }
        };
        let mut refused = vec![
            (of("grant_type=client_credentials&token=a&token=b").await, "invalid_request"),
            (of("grant_type=client_credentials&grant_type=client_credentials&token=a").await, "invalid_request"),
            (of("grant_type=client_credentials&token=%zz").await, "invalid_request"),
            (of(&format!("grant_type=client_credentials&token={}", "a".repeat(20_000))).await, "invalid_request"),
            (read(call().json(&json!({"grant_type": "client_credentials", "token": "a"}))).await, "invalid_request"),
            (form(&api, path, &[GRANT, ("token", "a"), secret[0], secret[1]]).await, "invalid_request"),
            (form(&api, path, &[GRANT, ("token", "a"), ("client_assertion", "a.b.c")]).await, "invalid_request"),
        ];
        let none = api.http.post(&url).form(&[GRANT, ("token", "a")]);
        refused.push((read(none).await, "invalid_client"));
        let bearer = api.http.post(&url).bearer_auth(&api.token).form(&[GRANT, ("token", "a"), secret[0], secret[1]]);
        refused.push((read(bearer).await, "invalid_client"));
        for (i, (answer, code)) in refused.into_iter().enumerate() {
            assert_eq!(error(&answer), code, "{path} {i}");
            assert_eq!(answer.status, if code == "invalid_client" { 401 } else { 400 }, "{path} {i}");
            let challenge = answer.header("www-authenticate");
            assert_eq!(challenge.is_some_and(|v| v.starts_with("Basic ")), answer.status == 401, "{path} {i}");
            let kept = (answer.header("cache-control"), answer.header("pragma"));
            assert_eq!(kept, (Some("no-store"), Some("no-cache")), "{path} {i}");
            let body = answer.json();
            let allowed = |c: char| matches!(c, ' '..='~') && !"\"\\".contains(c);
            assert!(body["error_description"].as_str().unwrap().chars().all(allowed), "{path} {i}: {body}");
            assert_eq!(body.as_object().unwrap().len(), 2, "{path} {i}: {body}");
        }
    }
}

#[tokio::test]
async fn the_challenge_of_an_api_call_says_what_is_wrong_with_its_token() {
    let world = World::start().await;
    let (nightly, reader) = (world.nightly().await, world.sign_in(ACCOUNT, "Reader").await);
    let url = format!("{}{}", nightly.url, nightly.profile_path("/1"));
    let challenge = |answer: Answer| (answer.status, answer.header("www-authenticate").unwrap_or("-").to_owned());
    let with = |values: &[&str]| {
        let call = values.iter().fold(nightly.http.get(&url), |call, value| call.header("authorization", *value));
        async move { read(call).await }
    };
    let good = format!("Bearer {}", nightly.token);
    let table: [(&[&str], u16, &str); 7] = [
        (&[], 401, ""),
        (&["Basic YTpi"], 401, ""),
        (&["Bearer"], 400, ", error=\"invalid_request\""),
        (&[&good, &good], 400, ", error=\"invalid_request\""),
        (&["Bearer nobody's"], 401, ", error=\"invalid_token\""),
        (&["Bearer a b"], 401, ", error=\"invalid_token\""),
        (&[&good], 404, "-"),
    ];
    for (headers, status, code) in table {
        let (got, said) = challenge(with(headers).await);
        assert_eq!(got, status, "{headers:?}");
        let expected = if code == "-" { code.to_owned() } else { format!("Bearer realm=\"sayso\"{code}") };
        assert!(said.contains(&expected), "{headers:?}: {said}");
        assert_eq!(said.contains("error="), code.contains("error="), "{headers:?}: {said}");
    }
    let (status, said) = challenge(reader.post(&reader.profile_path(""), &json!({})).await);
    assert_eq!(status, 403);
    assert!(said.contains("error=\"insufficient_scope\"") && !said.contains("scope=\""), "{said}");
}

#[tokio::test]
async fn the_metadata_names_the_server_as_it_was_reached_and_not_as_anybody_says() {
    let world = World::start().await;
    let api = world.nightly().await;
    let metadata = |host: Option<&'static str>| {
        let call = api.http.get(format!("{}/.well-known/oauth-authorization-server", api.url));
        let call = host.into_iter().fold(call, |call, host| call.header("host", host));
        async move { read(call).await.is(200).json() }
    };
    let own = metadata(None).await;
    assert_eq!(
        own,
        json!({
            "issuer": api.url,
            "token_endpoint": format!("{}/oauth/token", api.url),
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["RS256", "ES256"],
            "revocation_endpoint": format!("{}/oauth/revoke", api.url),
            "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
            "revocation_endpoint_auth_signing_alg_values_supported": ["RS256", "ES256"],
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": ["none"],
            "service_documentation": format!("{}/docs", api.url),
        })
    );
    for documentation in ["service_documentation"] {
        read(api.http.get(own[documentation].as_str().unwrap())).await.is(200);
    }
    assert_eq!(metadata(Some("evil.example")).await, own);
    assert_eq!(metadata(Some("localhost:8080")).await["issuer"], "http://localhost:8080");
    let world = world.kill().serve(&["--public-url", "https://sayso.example.org/"]).await;
    let call = api.http.get(format!("{}/.well-known/oauth-authorization-server", world.url));
    let named = read(call).await.is(200).json();
    assert_eq!(
        (&named["issuer"], &named["token_endpoint"]),
        (&json!("https://sayso.example.org"), &json!("https://sayso.example.org/oauth/token"))
    );
    let wrong = world.run(&["serve", "--public-url", "https://a.example?x=1"]);
    assert_eq!(wrong.status.code(), Some(2));
}
