//! Many at once: 8 writers and 8 readers, and every page as it was at the snapshot.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use serde_json::json;

use crate::harness::{
    random::Random,
    writers::{Seen, Writers},
    *,
};

const READERS: u64 = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_read_while_writers_run_equal_the_state_at_the_snapshot() {
    storm(1, 3, 3_000, 100).await;
}

/// So many exports of so many people, each read in such pages by 8 while 8 write.
pub async fn storm(seed: u64, rounds: u64, people: u64, page: u64) -> String {
    let world = World::start_with_people(people).await;
    let api = world.nightly().await;
    let mut writers = Writers::start(&api, people, seed);
    let mut meanwhile = 0;
    for round in 0..=rounds {
        if round == rounds {
            // The last one tells whether a write was lost.
            writers.end().await;
        }
        let (from, begun) = (writers.moment(), writers.begun());
        // When nobody writes any more, what has changed since ever is everybody, found in another way.
        let conditions = if round == rounds { json!({"LastDateTime": "1900-01-01T00:00:00"}) } else { json!({}) };
        let token = api.export("Everyone", conditions).await;
        let until = writers.moment();
        meanwhile += writers.begun() - begun;
        let readers: Vec<_> = (0..READERS)
            .map(|r| {
                let random = Random::new(seed << 16 | round << 8 | r);
                tokio::spawn(read_pages(api.clone(), token, people, page, random, r == 0))
            })
            .collect();
        let mut given = BTreeSet::new();
        for (r, reader) in readers.into_iter().enumerate() {
            let (seen, digests) = reader.await.unwrap();
            if r == 0 {
                assert!(seen.iter().map(|s| s.id).eq(1..=people), "no duplicate, no gap");
                writers.were_at_one_moment(&seen, from, until);
            }
            given.insert(digests);
        }
        assert_eq!(given.len(), 1, "every reader is given the same bytes");
        api.commit(token, "").await.is(200);
    }
    assert!(meanwhile > 0, "writing went on while the exports were made");
    world.check();
    let written = writers.begun();
    format!(
        "{rounds} exports of {people} rows, read by {READERS} in random pages beside 8 writers ({written} writes, {meanwhile} of them during an export): each the state at one moment"
    )
}

/// Reads every page, in an order of its own: a digest of each, and what is seen in them if somebody looks.
async fn read_pages(
    api: Api,
    token: u64,
    people: u64,
    page: u64,
    mut random: Random,
    look: bool,
) -> (Vec<Seen>, Vec<u64>) {
    let mut order: Vec<u64> = (0..people.div_ceil(page)).collect();
    order.sort_by_cached_key(|_| random.next());
    let mut pages = BTreeMap::new();
    for p in order {
        let answer = api.page(token, &format!("limit={page}&offset={}&keepAlive=true", p * page + 1)).await.is(200);
        let mut digest = DefaultHasher::new();
        answer.body.hash(&mut digest);
        let seen = if look {
            answer.json()["UserProfilePreferences"].as_array().unwrap().iter().map(Seen::of).collect()
        } else {
            Vec::new()
        };
        pages.insert(p, (digest.finish(), seen));
    }
    let (digests, seen): (Vec<u64>, Vec<Vec<Seen>>) = pages.into_values().unzip();
    (seen.concat(), digests)
}
