//! OAuth clients over HTTP (access.md): made, listed, rotated, switched off and ended, beside what `sayso credentials` does.

use serde_json::{Value, json};

use crate::{
    configuration::{make, of, patch, path},
    harness::*,
};

const GRANT: [(&str, &str); 1] = [("grant_type", "client_credentials")];

/// Signs in with what an answer shows.
fn with(api: &Api, shown: &Value) -> Api {
    Api {
        client_id: shown["ClientId"].as_str().unwrap().to_owned(),
        client_secret: shown["ClientSecret"].as_str().unwrap().to_owned(),
        scope: shown["Scope"].as_str().unwrap().to_owned(),
        ..api.clone()
    }
}

async fn post(api: &Api, rest: &str) -> Answer {
    read(api.call("POST", &path(rest))).await
}

#[tokio::test]
async fn a_client_is_made_listed_and_removed_and_its_secret_is_shown_once() {
    let world = World::start().await;
    let admin = world.admin().await;
    let answer = admin.post(&path("/OAuthClients"), &json!({"UserId": "nightly"})).await.is(201);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let shown = answer.json();
    assert_eq!(shown["Scope"], format!("{ACCOUNT}/Nightly"));
    let mut client = with(&admin, &shown);
    assert_eq!((client.client_id.len(), client.client_secret.len()), (48, 64));
    client.sign_in_again().await;
    client.initiate("Everyone", json!({})).await;

    let one = path(&format!("/OAuthClients/{}", client.client_id));
    assert_eq!(answer.header("location"), Some(one.as_str()));
    let list = admin.get(&path("/OAuthClients")).await.is(200);
    let listed = list.json();
    let listed = of(&listed, "OAuthClients", "ClientId", &client.client_id);
    assert_eq!(
        *listed,
        json!({"ClientId": client.client_id, "UserId": "Nightly", "Scope": shown["Scope"], "IsActive": true,
            "Created": iso(world.now()), "Secrets": [{"Created": iso(world.now())}],
            "Certificates": []})
    );
    let read_one = admin.get(&one).await.is(200);
    assert_eq!(read_one.json(), *listed);
    for body in [list.body, read_one.body] {
        assert!(!String::from_utf8(body.to_vec()).unwrap().contains(&client.client_secret));
    }
    let of_admin = admin.get(&path("/OAuthClients?userId=ADMIN")).await.is(200).json();
    assert_eq!(of_admin["OAuthClients"].as_array().unwrap().len(), 1);
    let cli = world.sayso(&["credentials", "list", "--account", ACCOUNT, "--json"]);
    assert!(cli.contains(&client.client_id));

    admin.delete(&one).await.is(204);
    admin.delete(&one).await.refuses(404, &[&client.client_id]);
    admin.get(&one).await.is(404);
    client.oauth(&GRANT).await.is(401);
    client.post(&client.segment_path("Everyone"), &json!({})).await.is(401);
    admin.post(&path("/OAuthClients"), &json!({"UserId": "Nope"})).await.refuses(404, &["Nope"]);
    admin.post(&path("/OAuthClients"), &json!({"UserId": "Admin", "Secret": "x"})).await.refuses(400, &["Secret"]);
}

#[tokio::test]
async fn rotating_leaves_the_former_secret_good_unless_it_must_end() {
    let world = World::start().await;
    let (admin, first) = (world.admin().await, world.nightly().await);
    let rotate = format!("/OAuthClients/{}/Rotate", first.client_id);
    let second = with(&first, &post(&admin, &rotate).await.is(200).json());
    first.oauth(&GRANT).await.is(200);
    second.oauth(&GRANT).await.is(200);
    first.get(&path("/Segments")).await.refuses(403, &["Segments"]);
    let third = with(&first, &post(&admin, &format!("{rotate}?keepFormer=false")).await.is(200).json());
    first.oauth(&GRANT).await.is(401);
    second.oauth(&GRANT).await.is(401);
    // somebody else may have got it by the secret that had to end
    first.get(&path("/Segments")).await.is(401);
    let mut third = third;
    third.sign_in_again().await;
    world.sayso(&["credentials", "rotate", &first.client_id, "--end-former", "--account", ACCOUNT]);
    third.get(&path("/Segments")).await.is(401);
    let trail = admin.get(&path("/Audit?limit=1000")).await.is(200).json().to_string();
    assert!(["ended: 3", "ended: 1"].iter().all(|ended| trail.contains(ended)), "{trail}");
    post(&admin, &format!("{rotate}?keepFormer=no")).await.refuses(400, &["keepFormer"]);
    post(&admin, "/OAuthClients/nope/Rotate").await.refuses(404, &["nope"]);
}

#[tokio::test]
async fn a_client_that_is_switched_off_loses_its_tokens_for_good() {
    let world = World::start().await;
    let (admin, nightly) = (world.admin().await, world.nightly().await);
    let one = format!("/OAuthClients/{}", nightly.client_id);
    let switch = |on: bool| json!([{"op": "replace", "path": "/IsActive", "value": on}]);
    let off = patch(&admin, &one, switch(false)).await.is(200);
    assert_eq!(off.json()["IsActive"], false);
    nightly.post(&nightly.segment_path("Everyone"), &json!({})).await.is(401);
    nightly.oauth(&GRANT).await.is(401);
    let stale = admin.call("PATCH", &path(&one)).header("content-type", "application/json-patch+json");
    read(stale.header("if-match", "\"0\"").body(switch(true).to_string())).await.is(412);
    patch(&admin, &one, switch(true)).await.is(200);
    nightly.post(&nightly.segment_path("Everyone"), &json!({})).await.is(401);
    nightly.oauth(&GRANT).await.is(200);
    // what is read only stays, whatever is sent
    let theirs = json!([{"op": "replace", "path": "/UserId", "value": "Admin"}]);
    assert_eq!(patch(&admin, &one, theirs).await.is(200).json()["UserId"], "Nightly");
}

#[tokio::test]
async fn a_client_s_tokens_are_ended_and_the_client_stays() {
    let world = World::start().await;
    let (admin, nightly, other) = (world.admin().await, world.nightly().await, world.nightly().await);
    admin.delete(&path(&format!("/OAuthClients/{}/Tokens", nightly.client_id))).await.is(204);
    nightly.post(&nightly.segment_path("Everyone"), &json!({})).await.is(401);
    nightly.oauth(&GRANT).await.is(200);
    other.initiate("Everyone", json!({})).await;
}

#[tokio::test]
async fn credentials_need_users_and_are_nobody_s_who_may_do_more() {
    let world = World::start().await;
    let (admin, nightly) = (world.admin().await, world.nightly().await);
    nightly.get(&path("/OAuthClients")).await.refuses(403, &["Users", "View"]);
    nightly.post(&path("/OAuthClients"), &json!({"UserId": "Nightly"})).await.refuses(403, &["Users", "Edit"]);
    make(&admin, "/UserGroups", json!({"Name": "Keepers", "Permissions": {"Profiles": "View", "Users": "Edit"}})).await;
    make(&admin, "/Users", json!({"UserId": "Keeper", "UserGroups": ["Keepers"]})).await;
    let keeper = world.sign_in(ACCOUNT, "Keeper").await;
    keeper.post(&path("/OAuthClients"), &json!({"UserId": "Reader"})).await.is(201);
    keeper.post(&path("/OAuthClients"), &json!({"UserId": "Admin"})).await.refuses(403, &["Administrators"]);
    keeper.post(&path("/OAuthClients"), &json!({"UserId": "Nightly"})).await.refuses(403, &["Profiles (Edit)"]);
    for client in [&admin.client_id, &nightly.client_id] {
        let one = format!("/OAuthClients/{client}");
        post(&keeper, &format!("{one}/Rotate")).await.refuses(403, &["haven't got"]);
        let off = json!([{"op": "replace", "path": "/IsActive", "value": false}]);
        patch(&keeper, &one, off).await.refuses(403, &["haven't got"]);
        keeper.delete(&path(&format!("{one}/Tokens"))).await.refuses(403, &["haven't got"]);
        keeper.delete(&path(&one)).await.refuses(403, &["haven't got"]);
    }
}

#[tokio::test]
async fn another_account_s_clients_are_not_there() {
    let world = World::start().await;
    world.create_account("OTHER");
    let (admin, theirs) = (world.admin().await, world.sign_in("OTHER", "Nightly").await);
    let one = format!("/OAuthClients/{}", theirs.client_id);
    let list = admin.get(&path("/OAuthClients")).await.is(200).json();
    assert_eq!(list["OAuthClients"].as_array().unwrap().len(), 1);
    admin.get(&path(&one)).await.is(404);
    post(&admin, &format!("{one}/Rotate")).await.is(404);
    admin.delete(&path(&one)).await.is(404);
    admin.delete(&path(&format!("{one}/Tokens"))).await.is(404);
    theirs.oauth(&GRANT).await.is(200);
}
