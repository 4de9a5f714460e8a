//! Who may call, and what they may do.

use reqwest::Method;
use serde_json::json;

use crate::sandbox::{Sandbox, configuration};

#[tokio::test]
async fn an_empty_directory_serves_and_knows_nobody() {
    let sandbox = Sandbox::empty().await;
    let none = sandbox.send(sandbox.request(Method::GET, "/Profiles/v4/ACME_CORP/Profile/1")).await;
    assert_eq!((none.status.as_u16(), none.header("www-authenticate")), (401, Some("Bearer realm=\"sayso\"")));
    let bad = sandbox.get("abc", "/Profiles/v4/ACME_CORP/Profile/1").await;
    let challenge = "Bearer realm=\"sayso\", error=\"invalid_token\"";
    assert_eq!((bad.status.as_u16(), bad.header("www-authenticate")), (401, Some(challenge)));
    assert_eq!(sandbox.send(sandbox.request(Method::GET, "/healthz")).await.status, 200);
    assert_eq!(sandbox.send(sandbox.request(Method::GET, "/readyz")).await.status, 200);
    sandbox.stop().await;
}

#[tokio::test]
async fn a_token_is_given_for_the_right_secret_and_scope_alone() {
    let sandbox = Sandbox::new().await;
    let client = sandbox.client("ACME_CORP", "John.Doe");
    let ask = |secret: &str, more: &str| {
        let form = format!("grant_type=client_credentials{more}");
        let request = sandbox.request(Method::POST, "/oauth/token").basic_auth(&client.id, Some(secret));
        sandbox.send(request.header("Content-Type", "application/x-www-form-urlencoded").body(form))
    };
    let given = ask(&client.secret, "&scope=acme_corp/john.doe").await;
    assert_eq!((given.status.as_u16(), given.header("cache-control")), (200, Some("no-store")));
    assert_eq!(given.json()["token_type"], "Bearer");
    assert_eq!(given.json()["expires_in"], 3600);
    assert_eq!(given.json()["scope"], "ACME_CORP/John.Doe");

    let wrong = ask("no", "").await;
    assert_eq!((wrong.status.as_u16(), &wrong.json()["error"]), (401, &json!("invalid_client")));
    assert!(wrong.header("www-authenticate").unwrap().starts_with("Basic "));
    let other = ask(&client.secret, "&scope=OTHER/John.Doe").await;
    assert_eq!((other.status.as_u16(), &other.json()["error"]), (400, &json!("invalid_scope")));

    let metadata = sandbox.send(sandbox.request(Method::GET, "/.well-known/oauth-authorization-server")).await.json();
    assert_eq!(metadata["issuer"], sandbox.base);
    assert_eq!(metadata["token_endpoint"], format!("{}/oauth/token", sandbox.base));
    sandbox.stop().await;
}

#[tokio::test]
async fn anothers_account_and_token_can_not_be_told_from_ones_that_are_not_there() {
    let sandbox = Sandbox::new().await;
    let john = sandbox.token("ACME_CORP", "John.Doe").await;
    let robot = sandbox.token("ACME_CORP", "Robot").await;
    let stranger = sandbox.token("OTHER", "John.Doe").await;

    let foreign = sandbox.get(&john, "/Profiles/v4/OTHER/Profile/1").await;
    let absent = sandbox.get(&john, "/Profiles/v4/NOBODY/Profile/1").await;
    assert_eq!((foreign.status, &foreign.body), (absent.status, &absent.body));
    assert_eq!(foreign.status, 404);

    let export = sandbox.export(&john, "Everyone").await;
    let elsewhere = export.replace("ACME_CORP", "OTHER");
    let odd = |token: &str| format!("/Profiles/v4/Async/ACME_CORP/Export/{token}");
    let mut bodies = Vec::new();
    for (token, path) in [
        (&john, odd("7")),
        (&john, odd("abc")),
        (&john, odd("0")),
        (&john, odd("99999999999999999999")),
        (&robot, export.clone()),
        (&stranger, elsewhere),
    ] {
        for call in ["", "/Status"] {
            let answer = sandbox.get(token, &format!("{path}{call}")).await;
            assert_eq!(answer.status, 404, "{path}{call}: {answer:?}");
            bodies.push(answer.body);
        }
        let answer = sandbox.post(token, &format!("{path}/Commit"), &json!({})).await;
        bodies.push(answer.body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    sandbox.stop().await;
}

#[tokio::test]
async fn a_permission_that_is_missing_is_named_and_one_that_is_lost_counts_at_once() {
    let sandbox = Sandbox::new().await;
    let robot = sandbox.token("ACME_CORP", "Robot").await;
    let clerk = sandbox.token("ACME_CORP", "Clerk").await;
    let refused =
        sandbox.post(&robot, "/Profiles/v4/Async/ACME_CORP/Export/Segment/Gr%C3%B6%C3%9Fe%201", &json!({})).await;
    assert_eq!(refused.status, 403);
    assert!(refused.message().contains("CanExecute") && refused.message().contains("Größe 1"), "{refused:?}");
    let refused = sandbox.post(&robot, "/Profiles/v4/ACME_CORP/Profile", &json!({})).await;
    assert_eq!(refused.status, 403);
    assert!(refused.message().contains("Profiles") && refused.message().contains("Edit"), "{refused:?}");
    sandbox.profiles(&clerk, &["a"]).await;
    assert_eq!(
        sandbox
            .get(&robot, "/Profiles/v4/ACME_CORP/Profile/AlternateId?alternateId=a&alternateIdType=CRM")
            .await
            .status,
        200
    );

    let export = sandbox.export(&robot, "Everyone").await;
    let no = sandbox.store.account("ACME_CORP").unwrap().unwrap().no;
    let mut without = configuration();
    without.segments[0].permissions.clear();
    sandbox.store.apply_configuration(no, without).unwrap();
    for call in ["", "/Status"] {
        let refused = sandbox.get(&robot, &format!("{export}{call}")).await;
        assert_eq!(refused.status, 403);
        assert!(refused.message().contains("CanExecute") && refused.message().contains("Everyone"), "{refused:?}");
    }
    let mut disabled = configuration();
    disabled.users[1].is_active = false;
    sandbox.store.apply_configuration(no, disabled).unwrap();
    assert_eq!(sandbox.get(&robot, &format!("{export}/Status")).await.status, 401);
    sandbox.store.apply_configuration(no, configuration()).unwrap();
    assert_eq!(
        sandbox.get(&robot, &format!("{export}/Status")).await.status,
        401,
        "the token died with the right to it"
    );
    let robot = sandbox.token("ACME_CORP", "Robot").await;
    assert_eq!(sandbox.get(&robot, &format!("{export}/Status")).await.json()["Status"], "Complete");
    sandbox.stop().await;
}
