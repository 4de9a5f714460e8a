//! What holds for every call.

use reqwest::Method;

use crate::sandbox::Sandbox;

#[tokio::test]
async fn every_refusal_of_http_itself_is_json_with_a_message() {
    let sandbox = Sandbox::new().await;
    let send = |method: Method, path: &str, accept: &'static str| {
        sandbox.send(sandbox.request(method, path).header("Accept", accept))
    };
    for (method, path, accept, status) in [
        (Method::GET, "/", "*/*", 404),
        (Method::GET, "/Profiles/v4/ACME_CORP/Nothing", "application/json", 404),
        (Method::PUT, "/oauth/token", "*/*", 405),
        (Method::PUT, "/Profiles/v4/ACME_CORP/Profile/Email", "*/*", 405),
        (Method::DELETE, "/Profiles/Async/ACME_CORP/Export/1", "*/*", 405),
        (Method::GET, "/Profiles/v4/ACME_CORP/Profile/1?a=%zz", "*/*", 400),
        (Method::GET, "/Profiles/v4/%FF/Profile/1", "*/*", 400),
        (Method::GET, "/healthz", "text/html", 406),
    ] {
        let answer = send(method, path, accept).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
        assert!(!answer.message().is_empty());
        assert_eq!(answer.header("allow").is_some(), status == 405, "{answer:?}");
    }
    sandbox.stop().await;
}

#[tokio::test]
async fn a_caller_who_is_still_sending_a_large_body_gets_the_refusal() {
    let sandbox = Sandbox::new().await;
    let body = vec![b' '; 8 << 20];
    for (path, token, status) in [
        ("/Profiles/v4/ACME_CORP/Profile", "abc".to_owned(), 401),
        ("/Profiles/v4/ACME_CORP/Profile", sandbox.token("ACME_CORP", "Clerk").await, 413),
    ] {
        let answer = sandbox.send(sandbox.request(Method::POST, path).bearer_auth(token).body(body.clone())).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    sandbox.stop().await;
}

#[tokio::test]
async fn the_correlation_id_of_a_request_comes_back_and_counts_and_the_document_are_served() {
    let sandbox = Sandbox::new().await;
    let request = sandbox.request(Method::GET, "/nothing").header("X-Correlation-Id", "mine-7");
    assert_eq!(sandbox.send(request).await.header("x-correlation-id"), Some("mine-7"));
    sandbox.get("abc", "/Profiles/v4/ACME_CORP/Profile/1").await;
    let metrics = sandbox.send(sandbox.request(Method::GET, "/metrics")).await;
    assert!(metrics.header("content-type").unwrap().starts_with("text/plain"));
    for name in [
        "sayso_requests_total",
        "route=\"unmatched\"",
        "route=\"/Profiles/v4/{clientId}/Profile/{profileId}\"",
        "sayso_store_file_bytes",
        "sayso_exports{state=\"Complete\"} 0",
    ] {
        assert!(metrics.body.contains(name), "{name} is not in {}", metrics.body);
    }
    let document = sandbox.send(sandbox.request(Method::GET, "/openapi.json")).await.json();
    assert_eq!(document, sayso_server::openapi());
    sandbox.stop().await;
}
