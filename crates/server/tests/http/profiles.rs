//! The Data API.

use reqwest::Method;
use serde_json::json;

use crate::sandbox::Sandbox;

#[tokio::test]
async fn a_profile_is_created_read_changed_and_deleted() {
    let sandbox = Sandbox::new().await;
    let clerk = sandbox.token("ACME_CORP", "Clerk").await;
    let all = "/Profiles/v4/ACME_CORP/Profile";
    let made = sandbox.post(&clerk, all, &json!({"CustomerName": {"FirstName": "Ada"}})).await;
    assert_eq!(made.status, 201, "{made:?}");
    let one = format!("{all}/{}", made.json()["ProfileId"]);
    assert_eq!(made.header("location"), Some(one.as_str()));

    let changed = sandbox.post(&clerk, &one, &json!({"CustomerName": {"LastName": "Smith"}})).await;
    assert_eq!((changed.status.as_u16(), changed.json()), (200, made.json()));
    let read = sandbox.get(&clerk, &format!("{one}?implied=false&includeConsentHistory=true")).await;
    assert_eq!(read.json()["CustomerName"]["FirstName"], "Ada");
    assert_eq!(read.json()["CustomerName"]["LastName"], "Smith");
    assert_eq!(read.json()["Edited"]["LastModifiedUserId"], "Clerk");
    let etag = read.header("etag").unwrap();
    let request = sandbox.request(Method::GET, &format!("{one}?implied=false"));
    assert_eq!(sandbox.send(request.bearer_auth(&clerk).header("If-None-Match", etag)).await.status, 304);

    let gone =
        sandbox.send(sandbox.request(Method::DELETE, &format!("{one}?reasonCode=asked")).bearer_auth(&clerk)).await;
    assert_eq!((gone.status.as_u16(), gone.body.as_str()), (204, ""));
    assert_eq!(sandbox.get(&clerk, &one).await.status, 404);
    assert_eq!(sandbox.post(&clerk, &one, &json!({})).await.status, 404);
    sandbox.stop().await;
}

#[tokio::test]
async fn by_alternate_id_post_creates_and_then_updates_in_both_forms() {
    let sandbox = Sandbox::new().await;
    let clerk = sandbox.token("ACME_CORP", "Clerk").await;
    let query = "/Profiles/v4/ACME_CORP/Profile/AlternateId?alternateId=C%2F1&alternateIdType=crm";
    let older = "/Profiles/ACME_CORP/Profile/AlternateIdType/CRM/AlternateId/c%2F1";
    assert_eq!(sandbox.get(&clerk, query).await.status, 404);
    let made = sandbox.post(&clerk, query, &json!({"CustomerName": {"FirstName": "Ada"}})).await;
    assert_eq!(made.status, 201, "{made:?}");
    let location = format!("/Profiles/v4/ACME_CORP/Profile/{}", made.json()["ProfileId"]);
    assert_eq!(made.header("location"), Some(location.as_str()));
    let changed = sandbox.post(&clerk, older, &json!({"CustomerName": {"LastName": "Smith"}})).await;
    assert_eq!((changed.status.as_u16(), changed.json()), (200, made.json()));
    for form in [query, older, location.as_str()] {
        let read = sandbox.get(&clerk, form).await;
        assert_eq!(read.json()["AlternateIds"][0]["AlternateId"], "C/1", "{read:?}");
        assert_eq!(read.json()["CustomerName"]["LastName"], "Smith");
    }
    let gone = sandbox.send(sandbox.request(Method::DELETE, older).bearer_auth(&clerk)).await;
    assert_eq!(gone.status, 204, "{gone:?}");
    assert_eq!(sandbox.get(&clerk, query).await.status, 404);

    let nope = sandbox.get(&clerk, &query.replace("=crm", "=Nope")).await;
    assert_eq!(nope.status, 404);
    assert!(nope.message().contains("Nope"), "{nope:?}");
    let missing = sandbox.get(&clerk, "/Profiles/v4/ACME_CORP/Profile/AlternateId?alternateId=1").await;
    assert_eq!(missing.status, 400);
    assert!(missing.message().contains("alternateIdType"), "{missing:?}");
    sandbox.stop().await;
}

#[tokio::test]
async fn what_is_wrong_in_a_body_is_named() {
    let sandbox = Sandbox::new().await;
    let clerk = sandbox.token("ACME_CORP", "Clerk").await;
    let all = "/Profiles/v4/ACME_CORP/Profile";
    sandbox.profiles(&clerk, &["a"]).await;
    for (body, status, named) in [
        (json!({"Nope": 1}), 400, "Nope"),
        (json!([]), 400, ""),
        (json!({"Emails": [{"EmailAddressType": "Nope", "EmailAddress": "a@example.org"}]}), 404, "Nope"),
        (json!({"AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": "A"}]}), 409, "AlternateId"),
    ] {
        let answer = sandbox.post(&clerk, all, &body).await;
        assert_eq!(answer.status, status, "{body}: {answer:?}");
        assert!(answer.message().contains(named), "{body}: {answer:?}");
    }
    let empty = sandbox.send(sandbox.request(Method::POST, all).bearer_auth(&clerk)).await;
    assert_eq!(empty.status, 400, "{empty:?}");
    let large = json!({"CustomerName": {"FirstName": "x".repeat(1 << 20)}});
    assert_eq!(sandbox.post(&clerk, all, &large).await.status, 413);
    let xml =
        sandbox.request(Method::POST, all).bearer_auth(&clerk).header("Content-Type", "application/xml").body("<a/>");
    assert_eq!(sandbox.send(xml).await.status, 415);
    sandbox.stop().await;
}
