//! Many at once: 8 writers and 8 readers, and every page as it was at the snapshot.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::{Value, json};

use crate::harness::{random::Random, *};

const PEOPLE: u64 = 3_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_read_while_writers_run_equal_the_state_at_the_snapshot() {
    storm(1, 3).await;
}

/// So many exports, each read by 8 while 8 write.
pub async fn storm(seed: u64, rounds: u64) -> String {
    let world = World::start().await;
    world.write_people("people.ndjson", "p", PEOPLE as usize);
    world.sayso(&["load", "people.ndjson", "--account", ACCOUNT]);
    let api = world.nightly().await;
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..8u64)
        .map(|w| {
            let (api, stop, mut random) = (api.clone(), stop.clone(), Random::new(seed << 8 | w));
            tokio::spawn(async move {
                let mut n = 0;
                while !stop.load(Ordering::Relaxed) {
                    n += 1;
                    let id = random.below(PEOPLE) + 1;
                    let both = format!("{w}-{n}");
                    api.update(id, json!({"CustomerName": {"FirstName": both, "LastName": both}})).await;
                }
                n
            })
        })
        .collect();
    for round in 0..rounds {
        let token = api.export("Everyone", json!({})).await;
        let readers: Vec<_> = (0..8u64)
            .map(|r| {
                let (api, mut random) = (api.clone(), Random::new(seed << 16 | round << 8 | r));
                tokio::spawn(async move {
                    let mut order: Vec<u64> = (0..30).collect();
                    order.sort_by_cached_key(|_| random.next());
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
            assert_eq!(ids(&rows), (1..=PEOPLE).collect::<Vec<u64>>(), "no duplicate, no gap");
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
        api.commit(token, "").await.is(200);
    }
    stop.store(true, Ordering::Relaxed);
    let mut written = 0;
    for writer in writers {
        let n = writer.await.unwrap();
        assert!(n > 0);
        written += n;
    }
    world.check();
    format!("{rounds} exports read by 8 readers each beside 8 writers, {written} writes: no torn, lost or doubled row")
}
