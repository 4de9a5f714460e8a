//! Many at once, and crashes in the middle of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::{Value, json};

use crate::harness::*;

/// A number that looks random, the same in every run.
fn mixed(n: u64) -> u64 {
    let mut x = n.wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// Loads `n` people through the command line.
fn load(world: &World, n: usize) {
    let lines: String = (0..n).map(|i| format!("{}\n", person(&format!("load{i}"), &["a"]))).collect();
    std::fs::write(world.path("people.ndjson"), lines).unwrap();
    world.sayso(&["load", "people.ndjson", "--account", ACCOUNT]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_read_while_writers_run_equal_the_state_at_the_snapshot() {
    let world = World::start().await;
    load(&world, 3_000);
    let api = world.nightly().await;
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..8u64)
        .map(|w| {
            let (api, stop) = (api.clone(), stop.clone());
            tokio::spawn(async move {
                let mut n = 0;
                while !stop.load(Ordering::Relaxed) {
                    n += 1;
                    let id = mixed(w << 32 | n) % 3_000 + 1;
                    let both = format!("{w}-{n}");
                    api.update(id, json!({"CustomerName": {"FirstName": both, "LastName": both}})).await;
                }
                n
            })
        })
        .collect();
    for round in 0..3u64 {
        let token = api.export("Everyone", json!({})).await;
        let readers: Vec<_> = (0..8u64)
            .map(|r| {
                let api = api.clone();
                tokio::spawn(async move {
                    let mut order: Vec<u64> = (0..30).collect();
                    order.sort_by_key(|p| mixed(p ^ (r << 8) ^ (round << 16)));
                    let mut pages = BTreeMap::new();
                    for p in order {
                        let page = api
                            .page(token, &format!("limit=100&offset={}&keepAlive=true", p * 100 + 1))
                            .await
                            .is(200)
                            .json();
                        pages.insert(p, page["UserProfilePreferences"].as_array().unwrap().clone());
                    }
                    pages.into_values().flatten().collect::<Vec<Value>>()
                })
            })
            .collect();
        let mut seen: Option<Vec<Value>> = None;
        for reader in readers {
            let rows = reader.await.unwrap();
            assert_eq!(ids(&rows), (1..=3_000).collect::<Vec<u64>>(), "no duplicate, no gap");
            assert!(
                rows.iter().all(|r| {
                    let name = &r["CustomerName"];
                    name["LastName"].is_null() || name["FirstName"] == name["LastName"]
                }),
                "no torn row"
            );
            assert!(seen.as_ref().is_none_or(|s| *s == rows), "every reader sees the same");
            seen = Some(rows);
        }
    }
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        assert!(writer.await.unwrap() > 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_kill_9_every_answered_write_is_there_and_check_finds_nothing() {
    let mut world = World::start().await;
    load(&world, 500);
    let mut answered: BTreeSet<u64> = BTreeSet::new();
    let mut api = world.nightly().await;
    for round in 0..10u64 {
        let writers: Vec<_> = (0..4u64)
            .map(|w| {
                let api = api.clone();
                tokio::spawn(async move {
                    let mut made = Vec::new();
                    loop {
                        let body = person(&format!("k{round}x{w}x{}", made.len()), &["a"]);
                        let Ok(answer) = api.call("POST", &api.profile_path("")).json(&body).send().await else {
                            break;
                        };
                        let Ok(body) = answer.json::<Value>().await else { break };
                        made.push(body["ProfileId"].as_u64().unwrap());
                    }
                    made
                })
            })
            .collect();
        let exports: Vec<_> = (0..3)
            .map(|_| {
                let api = api.clone();
                tokio::spawn(async move { api.initiate("Everyone", json!({})).await })
            })
            .collect();
        let mut tokens = Vec::new();
        for export in exports {
            tokens.push(export.await.unwrap());
        }
        // Reading goes on until the server dies: a different number of pages in each round is where it is hit.
        for page in 0..mixed(round) % 40 {
            let path = api.token_path(tokens[0], &format!("?limit=50&offset={}&keepAlive=true", page * 50 + 1));
            let _ = api.call("GET", &path).send().await;
        }
        world = world.kill();
        for writer in writers {
            answered.extend(writer.await.unwrap());
        }
        world.sayso(&["check"]);
        world = world.serve(&[]).await;
        api.url = world.url.clone();
        for token in tokens {
            let done = api.settled(token).await.json();
            assert_eq!(done["Status"], "Complete", "an interrupted export completes under its own token");
            let rows = api.rows(token).await;
            assert_eq!(done["RowCount"], rows.len());
            api.commit(token, "").await.is(200);
            eventually("its files are removed", || world.files(token).is_empty()).await;
        }
    }
    let there: BTreeSet<u64> = api.ids("Everyone", json!({})).await.into_iter().collect();
    assert!(answered.len() > 10 && answered.is_subset(&there), "every answered write is there");
}
