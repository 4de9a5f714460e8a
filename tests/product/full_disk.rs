//! A full disk: writes are refused with 503, an export ends in Error, reads go on, nothing that was answered is lost, and when
//! there is room again everything works again, without a restart.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};

use crate::harness::{own::with_own_mounts, random::Random, *};

/// Holds the reserve of 64 MiB and some data.
const MIB: u64 = 128;
const FILES: u64 = 1_000;

/// A profile of about 12 KB.
fn large(name: &str) -> Value {
    let mut profile = person(name, &[]);
    // Signs of three bytes in no order, so that packing the row wins nothing.
    let mut random = Random::new(name.bytes().fold(1, |seed, b| seed * 31 % 1_000_003 + u64::from(b)));
    let signs = (0..4_000).map(|_| char::from_u32(0x4e00 + random.below(20_000) as u32).unwrap());
    profile["CustomFields"] = json!([{"Name": "Note", "Value": signs.collect::<String>()}]);
    profile
}

async fn gzip(api: &Api, token: u64) -> Answer {
    read(api.call("GET", &api.token_path(token, "?keepAlive=true")).header("Accept-Encoding", "gzip")).await
}

#[test]
fn below_the_reserve_writes_are_503_exports_end_in_error_and_reads_go_on() {
    with_own_mounts(async || {
        let mut world = World::start_on_disk(MIB, FILES, &[]).await;
        let mut api = world.nightly().await;
        let mut ids = Vec::new();
        for n in 0..30 {
            ids.push(api.create(large(&format!("p{n}"))).await);
        }
        let kept = api.export("Everyone", json!({})).await;
        let last = api.export("Everyone", json!({})).await;
        world.hold();
        let waiting = api.initiate("Everyone", json!({})).await;
        world.disk().fill(32 << 20);

        for restarted in [false, true] {
            let words = ["can't keep", "disk", "try again"];
            let refused = api.post(&api.profile_path(""), &large("new")).await.refuses(503, &words);
            assert!(refused.header("retry-after").is_some());
            let change = json!({"CustomerName": {"FirstName": "Other"}});
            api.post(&api.profile_path(&format!("/{}", ids[0])), &change).await.refuses(503, &words);
            api.delete(&api.profile_path(&format!("/{}", ids[0]))).await.refuses(503, &words);
            api.post(&api.segment_path("Everyone"), &json!({})).await.refuses(503, &words);
            api.oauth(&[("grant_type", "client_credentials")]).await.refuses(503, &words);

            assert_eq!(api.read(ids[0]).await["CustomerName"]["FirstName"], "p0");
            assert_eq!(api.rows(kept).await.len(), 30);
            assert_eq!(gzip(&api, kept).await.is(200).header("content-encoding"), None, "the reserve isn't for that");
            assert_eq!(api.status(waiting).await.json()["Status"], "Processing");
            world.check();
            if !restarted {
                world = world.kill().serve(&[]).await;
                api.url = world.url.clone();
            }
        }

        // An export that began before finds that it doesn't fit, and says so while the disk is full.
        world.release();
        assert_eq!(api.settled(waiting).await.json()["Status"], "Error");
        api.page(waiting, "").await.refuses(404, &["Error"]);
        assert!(world.log().contains("bytes of disk and 0 may be used; make room"));
        assert!(world.files(waiting).is_empty());
        // Taking the last block and committing is how a full disk gets room.
        api.page(last, "").await.is(200);
        assert_eq!(api.status(last).await.json()["Status"], "Retrieved");
        eventually("its files are removed", || world.files(last).is_empty()).await;

        // Not a byte left: what isn't there compressed is sent as it is.
        let plain = api.page(kept, "keepAlive=true").await.is(200);
        world = world.kill().serve(&[]).await;
        api.url = world.url.clone();
        world.disk().fill(0);
        let packed = gzip(&api, kept).await.is(200);
        assert_eq!((packed.header("content-encoding"), &packed.body), (None, &plain.body));
        assert_eq!(packed.header("etag"), plain.header("etag"));
        assert_eq!(api.read(ids[0]).await["CustomerName"]["FirstName"], "p0");

        world.disk().make_room();
        api.sign_in_again().await;
        ids.push(api.create(large("after")).await);
        assert_eq!(gzip(&api, kept).await.is(200).header("content-encoding"), Some("gzip"));
        assert_eq!(api.ids("Everyone", json!({})).await, ids);
        assert_eq!(api.status(waiting).await.json()["Status"], "Error");
        world.check();
    });
}

#[test]
fn of_two_exports_that_fit_one_at_a_time_one_ends_in_error_and_writes_go_on() {
    with_own_mounts(async || {
        let world = World::start_on_disk(MIB, FILES, &[]).await;
        let api = world.nightly().await;
        for n in 0..150 {
            api.create(large(&format!("p{n}"))).await;
        }
        let first = api.export("Everyone", json!({})).await;
        let bytes = api.status(first).await.json()["ByteCount"].as_u64().unwrap();
        world.hold();
        let both = [api.initiate("Everyone", json!({})).await, api.initiate("Everyone", json!({})).await];
        world.disk().fill((64 << 20) + bytes * 8 / 5);
        world.release();
        let mut states = Vec::new();
        for token in both {
            states.push(api.settled(token).await.json()["Status"].as_str().unwrap().to_owned());
        }
        states.sort_unstable();
        assert_eq!(states, ["Complete", "Error"]);
        api.create(person("after", &[])).await;
    });
}

#[test]
fn a_disk_that_fills_up_in_the_middle_of_commits_loses_no_answered_write() {
    with_own_mounts(async || {
        let world = World::start_on_disk(MIB, FILES, &["--disk-reserve", "0B"]).await;
        let api = world.nightly().await;
        let mut answered = BTreeSet::new();
        for round in 0..3u64 {
            world.disk().fill(round * 300_000);
            let writers: Vec<_> = (0..4u64)
                .map(|w| {
                    let api = api.clone();
                    tokio::spawn(async move {
                        let (mut made, mut refused) = (Vec::new(), 0);
                        while refused < 5 {
                            let profile = large(&format!("r{round}w{w}n{}", made.len()));
                            let answer = api.post(&api.profile_path(""), &profile).await;
                            match answer.status {
                                201 => made.push(answer.json()["ProfileId"].as_u64().unwrap()),
                                _ => {
                                    answer.refuses(503, &["disk", "nothing was changed"]);
                                    refused += 1;
                                }
                            }
                        }
                        made
                    })
                })
                .collect();
            for writer in writers {
                answered.extend(writer.await.unwrap());
            }
            // A token is small enough to find room among pages that are free.
            let token = api.oauth(&[("grant_type", "client_credentials")]).await;
            assert!([200, 503].contains(&token.status), "{token:?}");
            world.check();
            world.disk().make_room();
            answered.insert(api.create(large(&format!("room{round}"))).await);
            let there: BTreeSet<u64> = api.ids("Everyone", json!({})).await.into_iter().collect();
            assert_eq!(there, answered, "what was answered is there, and nothing that was refused");
        }
        let world = world.kill().serve(&[]).await;
        world.check();
    });
}

#[test]
fn an_export_that_can_not_write_one_of_its_files_ends_in_error_and_leaves_none() {
    with_own_mounts(async || {
        let world = World::start_on_disk(MIB, FILES, &[]).await;
        let api = world.nightly().await;
        let mut ids = vec![api.create(large("a")).await];
        // Names of files run out before bytes do, so nothing foresees it: the folder, rows, index, the manifest.
        for names in 0..=3 {
            world.disk().fill_names(names);
            let token = api.initiate("Everyone", json!({})).await;
            assert_eq!(api.settled(token).await.json()["Status"], "Error", "{names} names left");
            api.page(token, "").await.refuses(404, &["Error"]);
            assert!(world.files(token).is_empty());
            ids.push(api.create(large(&format!("n{names}"))).await);
            world.disk().make_room();
            assert_eq!(api.ids("Everyone", json!({})).await, ids);
            assert_eq!(api.status(token).await.json()["Status"], "Error");
        }
        for file in ["making the folder", "rows: No space", "index: No space", "manifest: No space"] {
            assert!(world.log().contains(file), "the log says {file}");
        }
        world.check();
    });
}

#[test]
fn a_load_that_fills_the_disk_keeps_what_it_says_and_goes_on_from_there() {
    with_own_mounts(async || {
        let world = World::start_on_disk(MIB, FILES, &[]).await;
        let lines: String = (0..1_200).map(|n| format!("{}\n", large(&format!("p{n}")))).collect();
        std::fs::write(world.path("people.ndjson"), lines).unwrap();
        world.disk().fill(67 << 20);
        let out = world.run(&["load", "people.ndjson", "--account", ACCOUNT]);
        let said = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(1), "{said}");
        assert!(said.contains("make room"), "{said}");
        let from = said.split("--from-line ").nth(1).expect(&said);
        let from: u64 = from.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap();
        world.check();
        world.disk().make_room();
        world.sayso(&["load", "people.ndjson", "--account", ACCOUNT, "--from-line", &from.to_string()]);
        world.check();
        let api = world.nightly().await;
        assert_eq!(api.ids("Everyone", json!({})).await.len(), 1_200);
    });
}

/// Fills the disk and empties it again, so many times, while others write, export and read.
pub async fn the_disk_comes_and_goes(seed: u64, rounds: u64) -> String {
    let mut random = Random::new(seed);
    // Without a reserve the disk fills up in the middle of commits and copies.
    let mut world = World::start_on_disk(MIB, FILES, &["--disk-reserve", "0B"]).await;
    let mut api = world.nightly().await;
    let mut answered = BTreeSet::new();
    let (mut refused, mut complete, mut failed) = (0, 0, 0);
    answered.insert(api.create(large("first")).await);
    for round in 0..rounds {
        let stop = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..4u64)
            .map(|w| {
                let (api, stop) = (api.clone(), stop.clone());
                tokio::spawn(async move {
                    let (mut made, mut refused) = (Vec::<u64>::new(), 0);
                    for n in 0.. {
                        if stop.load(Ordering::Relaxed) {
                            break;
                        }
                        // A few new ones, which are then written again and again.
                        let path = match made.get(40..).and(made.get(n % 40)) {
                            Some(id) => api.profile_path(&format!("/{id}")),
                            None => api.profile_path(""),
                        };
                        let answer = api.post(&path, &large(&format!("r{round}w{w}n{n}"))).await;
                        match answer.status {
                            200 => {}
                            201 => made.push(answer.json()["ProfileId"].as_u64().unwrap()),
                            _ => {
                                answer.refuses(503, &["disk", "nothing was changed"]);
                                refused += 1;
                            }
                        }
                    }
                    (made, refused)
                })
            })
            .collect();
        let exporter = tokio::spawn({
            let (api, stop) = (api.clone(), stop.clone());
            async move {
                let mut tokens = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let answer = api.post(&api.segment_path("Everyone"), &json!({})).await;
                    match answer.status {
                        200 => tokens.push(token_of(&answer)),
                        _ => drop(answer.refuses(503, &["disk"])),
                    }
                    if let Some(token) = tokens.last() {
                        let page = api.page(*token, "limit=20&keepAlive=true").await;
                        assert!([200, 503, 404].contains(&page.status), "{page:?}");
                    }
                }
                tokens
            }
        });
        for _ in 0..3 {
            world.disk().fill(random.below(4 << 20));
            tokio::time::sleep(Duration::from_millis(random.below(200))).await;
            if random.below(2) == 0 {
                world.disk().make_room();
                tokio::time::sleep(Duration::from_millis(random.below(50))).await;
            }
        }
        stop.store(true, Ordering::Relaxed);
        for writer in writers {
            let (made, not) = writer.await.unwrap();
            answered.extend(made);
            refused += not;
        }
        let tokens = exporter.await.unwrap();
        if round % 5 == 4 {
            world = world.kill().serve(&["--disk-reserve", "0B"]).await;
            api.url = world.url.clone();
        }
        world.check();
        world.disk().make_room();
        for token in tokens {
            match api.settled(token).await.json()["Status"].as_str().unwrap() {
                "Complete" => {
                    complete += 1;
                    api.commit(token, "").await.is(200);
                }
                "Error" => {
                    failed += 1;
                    api.page(token, "").await.refuses(404, &["Error"]);
                }
                other => panic!("{other}"),
            }
        }
        eventually("no file of an ended export remains", || world.tokens_with_files().is_empty()).await;
        let token = api.export("Everyone", json!({})).await;
        let there: BTreeSet<u64> = ids(&api.rows(token).await).into_iter().collect();
        api.commit(token, "").await.is(200);
        assert_eq!(there, answered, "what was answered is there, and nothing that was refused");
        world.check();
        // Room for the next round.
        for id in answered.iter().copied().filter(|id| id % 8 != 0).collect::<Vec<_>>() {
            api.remove(id).await;
            answered.remove(&id);
        }
        answered.insert(api.create(large(&format!("room{round}"))).await);
    }
    // Few rounds may all miss the moment at which the other would have been seen.
    assert!(complete > 0 && (rounds < 10 || refused > 0 && failed > 0), "{refused} refused, {complete}, {failed}");
    format!(
        "{rounds} times a full disk and room again: {refused} writes refused with 503, {complete} exports complete and {failed} in Error, every answered write there and nothing else, check clean every time"
    )
}
