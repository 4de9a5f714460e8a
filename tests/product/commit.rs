//! Commit: the end of an export that was read with keepAlive.

use serde_json::{Value, json};

use crate::harness::*;

const DAY: i64 = 24 * 3_600_000;

async fn complete() -> (World, Api, u64) {
    let world = World::start().await;
    let api = world.nightly().await;
    api.create(person("Ann", &[])).await;
    let token = api.export("Everyone", json!({})).await;
    (world, api, token)
}

#[tokio::test]
async fn commit_ends_the_token_and_deletes_the_files() {
    let (world, api, token) = complete().await;
    assert_eq!(api.commit(token, "").await.is(200).json(), json!({}));
    assert_eq!(api.status(token).await.json()["Status"], "Retrieved");
    api.page(token, "").await.refuses(404, &["Retrieved"]);
    eventually("the files are deleted", || world.files(token).is_empty()).await;
}

#[tokio::test]
async fn commit_again_is_200_again() {
    let (_world, api, token) = complete().await;
    for _ in 0..3 {
        assert_eq!(api.commit(token, "").await.is(200).json(), json!({}));
    }
    let read_out = api.export("Everyone", json!({})).await;
    api.page(read_out, "").await.is(200);
    api.commit(read_out, "").await.is(200);
}

#[tokio::test]
async fn keep_files_leaves_them_seven_days_and_not_through_the_api() {
    let (world, api, token) = complete().await;
    api.commit(token, "KeepFiles=TRUE").await.is(200);
    assert!(!world.files(token).is_empty());
    api.page(token, "keepAlive=true").await.refuses(404, &["Retrieved"]);
    world.advance(7 * DAY - 1);
    // One whole round of the sweeper at this time: an export that ends now and whose files go shows that it came by.
    let mut api = api;
    api.sign_in_again().await;
    let other = api.export("Everyone", json!({})).await;
    api.commit(other, "").await.is(200);
    eventually("a round of the sweeper", || world.files(other).is_empty()).await;
    assert!(!world.files(token).is_empty());
    world.advance(1);
    eventually("the files are deleted", || world.files(token).is_empty()).await;
}

#[tokio::test]
async fn keep_files_takes_true_and_false_and_nothing_else() {
    let (_world, api, token) = complete().await;
    api.commit(token, "keepFiles=maybe").await.refuses(400, &["keepFiles", "maybe"]);
    assert_eq!(api.status(token).await.json()["Status"], "Complete");
}

#[tokio::test]
async fn commit_while_processing_is_503() {
    let world = World::start().await;
    let api = world.nightly().await;
    world.hold();
    let token = api.initiate("Everyone", json!({})).await;
    let answer = api.commit(token, "").await.refuses(503, &[]);
    assert!(answer.header("retry-after").is_some());
    world.release();
    api.complete(token).await;
}

#[tokio::test]
async fn commit_of_an_expired_or_unknown_token_is_404() {
    let (world, mut api, token) = complete().await;
    api.commit(7, "").await.is(404);
    world.advance(DAY / 2);
    api.sign_in_again().await;
    api.commit(token, "").await.refuses(404, &["Expired"]);
}

#[tokio::test]
async fn a_lost_last_block_costs_nothing_with_keep_alive_and_commit() {
    let (_world, api, token) = complete().await;
    let first: Value = api.page(token, "keepAlive=true").await.is(200).json();
    let again: Value = api.page(token, "keepAlive=true").await.is(200).json();
    assert_eq!(first, again);
    api.commit(token, "").await.is(200);
}
