//! Shared keys: made, exchanged and ended, at the command line and over HTTP, by whom who may.

use super::*;

/// The status of a call that a user signs with a key.
async fn signs(world: &World, user: &str, key: &str) -> u16 {
    with(world, ACCOUNT, &header(key, ACCOUNT, user, &iso(world.now()))).await.status
}

async fn make_key(api: &Api, user: &str, query: &str) -> Answer {
    read(api.call("POST", &path(&format!("/Users/{user}/SharedKey{query}")))).await
}

fn key_of(answer: Answer) -> String {
    answer.is(200).json()["SharedKey"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_key_is_shown_once_and_two_are_good_at_a_time() {
    let world = ready().await;
    world.sayso(&["credentials", "key", "Nightly", "--account", ACCOUNT, "--revoke"]);
    let admin = world.admin().await;
    let answer = make_key(&admin, "nIGHTLY", "").await.is(200);
    assert_eq!((answer.header("cache-control"), &answer.json()["UserId"]), (Some("no-store"), &json!("Nightly")));
    let first = key_of(answer);
    assert_eq!((first.len(), signs(&world, "Nightly", &first).await), (64, 200));
    let second = key_of(make_key(&admin, "Nightly", "").await);
    let third = key_of(make_key(&admin, "Nightly", "?keepFormer=true").await);
    let all = async |keys: [&str; 3]| {
        let mut statuses = Vec::new();
        for key in keys {
            statuses.push(signs(&world, "Nightly", key).await);
        }
        statuses
    };
    assert_eq!(all([&first, &second, &third]).await, [401, 200, 200]);
    let listed = admin.get(&path("/Users/nightly/SharedKey")).await.is(200).json();
    let made = json!([{"Created": START}, {"Created": START}]);
    assert_eq!(listed, json!({"UserId": "Nightly", "SharedKeys": made}));
    let only = key_of(make_key(&admin, "Nightly", "?keepFormer=false").await);
    assert_eq!(all([&second, &third, &only]).await, [401, 401, 200]);
    let listed = admin.get(&path("/Users/Nightly")).await.is(200);
    assert!(!String::from_utf8(listed.body).unwrap().contains(&only));
    for _ in 0..2 {
        admin.delete(&path("/Users/Nightly/SharedKey")).await.is(204);
        assert_eq!(signs(&world, "Nightly", &only).await, 401);
    }
    let none = admin.get(&path("/Users/Nightly/SharedKey")).await.is(200).json();
    assert_eq!(none["SharedKeys"], json!([]));
    admin.get(&path("/Users/Nobody/SharedKey")).await.refuses(404, &["user", "Nobody"]);
    make_key(&admin, "Nobody", "").await.refuses(404, &["user", "Nobody"]);
    admin.delete(&path("/Users/Nobody/SharedKey")).await.refuses(404, &["user", "Nobody"]);
}

#[tokio::test]
async fn nobody_makes_or_ends_the_key_of_who_may_do_more() {
    let world = ready().await;
    let admin = world.admin().await;
    make(&admin, "/UserGroups", json!({"Name": "Keepers", "Permissions": {"Users": "Edit"}})).await;
    make(&admin, "/Users", json!({"UserId": "Keeper", "UserGroups": ["Keepers"]})).await;
    make(&admin, "/Users", json!({"UserId": "Guest"})).await;
    let keeper = world.sign_in(ACCOUNT, "Keeper").await;
    for above in ["Admin", "Nightly", "Reader"] {
        make_key(&keeper, above, "").await.is(403);
        keeper.delete(&path(&format!("/Users/{above}/SharedKey"))).await.is(403);
    }
    assert_eq!(signs(&world, "Nightly", KEY).await, 200);
    for own in ["Keeper", "Guest"] {
        make_key(&keeper, own, "").await.is(200);
        keeper.delete(&path(&format!("/Users/{own}/SharedKey"))).await.is(204);
    }
    make_key(&world.nightly().await, "Nightly", "").await.refuses(403, &["Users"]);
}

#[tokio::test]
async fn a_key_rests_while_its_user_is_switched_off_and_goes_with_them() {
    let world = ready().await;
    let user = "{ UserId = \"Nightly\", UserGroups = [\"Exporters\"], SourceGroup = \"Batch\" },";
    let off = user.replace(" }", ", IsActive = false }");
    world.apply(user, &off);
    assert_eq!(signs(&world, "Nightly", KEY).await, 401);
    world.apply(&off, user);
    assert_eq!(signs(&world, "Nightly", KEY).await, 200);
    world.apply(user, "");
    world.apply("{ UserId = \"Other\"", &format!("{user}\n  {{ UserId = \"Other\""));
    assert_eq!(signs(&world, "Nightly", KEY).await, 401);
}

#[tokio::test]
async fn without_the_vaults_key_signed_headers_fail_with_a_reason_and_everything_else_goes_on() {
    let world = ready().await.kill();
    std::fs::rename(world.path("data.key"), world.path("aside")).unwrap();
    let world = world.serve(&[]).await;
    for user in ["Nightly", "Nobody"] {
        assert_eq!(signs(&world, user, KEY).await, 500);
    }
    assert!(world.log().contains("data.key isn't there"));
    let nightly = world.nightly().await;
    nightly.export("Everyone", json!({})).await;
    // Found again it works at once; so does one that is named.
    std::fs::rename(world.path("aside"), world.path("data.key")).unwrap();
    assert_eq!(signs(&world, "Nightly", KEY).await, 200);
    let world = world.kill();
    std::fs::rename(world.path("data.key"), world.path("aside")).unwrap();
    let aside = world.path("aside");
    let world = world.serve(&["--key-file", aside.to_str().unwrap()]).await;
    assert_eq!(signs(&world, "Nightly", KEY).await, 200);
    world.check();
}
