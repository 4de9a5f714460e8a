//! The permission over an export is the one on what was exported, whatever that is called by now, and whatever is called so.

use serde_json::{Value, json};

use crate::harness::*;

type Made = fn(&str) -> Value;

/// Segments and segment groups, which follow the same rules: the word of their address, and what makes one.
const KINDS: [(&str, Made); 2] = [
    ("Segments", |tag| json!({"Criteria": {"Tag": tag}})),
    ("SegmentGroups", |tag| json!({"Members": [{"Segment": tag.to_uppercase()}]})),
];

fn path(kind: &str, rest: &str) -> String {
    format!("/Profiles/v4/{ACCOUNT}/{kind}{rest}")
}

async fn put(api: &Api, path: &str, body: Value) {
    read(api.call("PUT", path).json(&body)).await.is(200);
}

/// Gives Exporters these rights alone.
async fn permit(admin: &Api, kind: &str, name: &str, rights: &[&str]) {
    let mut may = json!({"UserGroup": "Exporters"});
    rights.iter().for_each(|right| may[right] = json!(true));
    put(admin, &path(kind, &format!("/{name}/Permissions")), json!([may])).await;
}

/// Makes one over the people with a tag, which Exporters may execute.
async fn make(admin: &Api, (kind, of): (&str, fn(&str) -> Value), name: &str, tag: &str) {
    let mut body = of(tag);
    body["Name"] = json!(name);
    admin.post(&path(kind, ""), &body).await.is(201);
    permit(admin, kind, name, &["CanExecute"]).await;
}

async fn rename(admin: &Api, (kind, of): (&str, fn(&str) -> Value), from: &str, to: &str) {
    let mut body = of("a");
    body["Name"] = json!(to);
    put(admin, &path(kind, &format!("/{from}")), body).await;
}

fn address(api: &Api, kind: &str, name: &str) -> String {
    if kind == "Segments" { api.segment_path(name) } else { api.group_path(name) }
}

async fn initiate(api: &Api, kind: &str, name: &str) -> u64 {
    token_of(&api.post(&address(api, kind, name), &json!({})).await)
}

async fn export(api: &Api, kind: &str, name: &str) -> u64 {
    let token = initiate(api, kind, name).await;
    api.complete(token).await;
    token
}

/// Every call of the token is refused with a Message that names this.
async fn is_closed(api: &Api, token: u64, name: &str) {
    for answer in [api.status(token).await, api.page(token, "keepAlive=true").await, api.commit(token, "").await] {
        answer.refuses(403, &["CanExecute", name]);
    }
}

#[tokio::test]
async fn a_new_name_takes_nobody_s_export_away() {
    let world = World::start().await;
    let (admin, api) = (world.admin().await, world.nightly().await);
    let ann = api.create(person("Ann", &["a"])).await;
    for kind in KINDS {
        make(&admin, kind, "Board", "a").await;
        let complete = export(&api, kind.0, "Board").await;
        world.hold();
        let processing = initiate(&api, kind.0, "Board").await;
        rename(&admin, kind, "Board", "Council").await;
        world.release();
        for token in [complete, processing] {
            api.complete(token).await;
            assert_eq!(ids(&api.rows(token).await), [ann]);
        }
        permit(&admin, kind.0, "Council", &["CanView"]).await;
        is_closed(&api, complete, "\"Council\" (\"Board\" when it was exported)").await;
        permit(&admin, kind.0, "Council", &[]).await;
        let refused = api.status(complete).await.refuses(403, &["\"Board\""]);
        assert!(!refused.message().contains("Council"), "a name that they may not see: {}", refused.message());
        permit(&admin, kind.0, "Council", &["CanExecute"]).await;
        for token in [complete, processing] {
            api.commit(token, "").await.is(200);
        }
    }
}

#[tokio::test]
async fn another_of_the_same_name_opens_nobody_s_export() {
    let world = World::start().await;
    let (admin, api) = (world.admin().await, world.nightly().await);
    let ann = api.create(person("Ann", &["a"])).await;
    for kind in KINDS {
        for how in ["renamed", "removed"] {
            let name = format!("Board-{how}");
            make(&admin, kind, &name, "a").await;
            let complete = export(&api, kind.0, &name).await;
            world.hold();
            let processing = initiate(&api, kind.0, &name).await;
            permit(&admin, kind.0, &name, &[]).await;
            is_closed(&api, complete, &name).await;
            match how {
                "renamed" => rename(&admin, kind, &name, &format!("Former-{how}")).await,
                _ => drop(admin.delete(&path(kind.0, &format!("/{name}"))).await.is(204)),
            }
            make(&admin, kind, &name, "b").await;
            world.release();
            assert_eq!(admin.settled(processing).await.json()["Status"], "Failed");
            for token in [complete, processing] {
                is_closed(&api, token, &name).await;
            }
            assert_eq!(ids(&admin.rows(complete).await), [ann], "an administrator reads it as before");
            let theirs = export(&api, kind.0, &name).await;
            assert_eq!(api.rows(theirs).await, [] as [Value; 0], "the new one is theirs");
        }
    }
}

#[tokio::test]
async fn an_idempotency_key_doesn_t_give_the_token_of_another_of_the_same_name() {
    let world = World::start().await;
    let (admin, api) = (world.admin().await, world.nightly().await);
    for kind in KINDS {
        make(&admin, kind, "Board", "a").await;
        let send = || async {
            let call = api.call("POST", &address(&api, kind.0, "Board")).header("Idempotency-Key", "night");
            token_of(&read(call.json(&json!({}))).await)
        };
        let first = send().await;
        assert_eq!(send().await, first);
        admin.delete(&path(kind.0, "/Board")).await.is(204);
        make(&admin, kind, "Board", "b").await;
        let second = send().await;
        assert_ne!(second, first);
        api.complete(second).await;
    }
}
