//! kill -9 in the middle of everything: of the server, of `sayso load` beside it, and of a load that is alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Child,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::harness::{random::Random, *};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_kill_9_every_answered_write_is_there_and_check_finds_nothing() {
    server_and_load_are_killed(1, 8, 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_that_is_killed_and_resumed_ends_like_one_that_was_not() {
    lonely_load_is_killed(1, 4, 3_000).await;
}

/// What was answered, and so must be there for ever.
#[derive(Default)]
struct Answered {
    /// The names of created profiles.
    created: BTreeMap<u64, String>,
    /// The last count that was written to a profile.
    counts: BTreeMap<u64, u64>,
    deleted: BTreeSet<u64>,
}

impl Answered {
    fn add(&mut self, more: Answered) {
        self.created.extend(more.created);
        self.counts.extend(more.counts);
        self.deleted.extend(more.deleted);
    }

    /// The export of everyone holds all of it.
    fn is_in(&self, rows: &[Value]) {
        let there: BTreeMap<u64, &Value> = rows.iter().map(|r| (r["ProfileId"].as_u64().unwrap(), r)).collect();
        assert_eq!(there.len(), rows.len(), "no profile is there twice");
        for (id, name) in &self.created {
            let row = there.get(id).unwrap_or_else(|| panic!("profile {id}, {name}, was answered and isn't there"));
            assert_eq!(row["CustomerName"]["FirstName"], **name);
        }
        for (id, count) in &self.counts {
            let written: u64 = there[id]["CustomerName"]["LastName"].as_str().unwrap().parse().unwrap();
            assert!((*count..=count + 1).contains(&written), "profile {id}: {written} after {count} was answered");
        }
        assert!(self.deleted.iter().all(|id| !there.contains_key(id)), "what was deleted stays so");
    }
}

/// Creates, counts up and deletes until the server is gone; `None` from a call is that.
async fn write(api: Api, name: String) -> Answered {
    let mut answered = Answered::default();
    let mut counted = None;
    for n in 0.. {
        let (path, body) = (api.profile_path(""), person(&format!("{name}n{n}"), &["a"]));
        let Ok(answer) = try_read(api.call("POST", &path).json(&body)).await else { break };
        let id = answer.is(201).json()["ProfileId"].as_u64().unwrap();
        answered.created.insert(id, format!("{name}n{n}"));
        let counter = *counted.get_or_insert(id);
        let body = json!({"CustomerName": {"LastName": n.to_string()}});
        let path = api.profile_path(&format!("/{counter}"));
        let Ok(answer) = try_read(api.call("POST", &path).json(&body)).await else { break };
        answer.is(200);
        answered.counts.insert(counter, n);
        if n % 5 == 4 {
            // Whether a deletion that was not answered happened is open: neither is to be asked of it.
            answered.created.remove(&id);
            let path = api.profile_path(&format!("/{id}"));
            let Ok(answer) = try_read(api.call("DELETE", &path)).await else { break };
            answer.is(204);
            answered.deleted.insert(id);
        }
    }
    answered
}

/// Initiates some exports and reads their pages until the server is gone; gives the tokens that were answered.
async fn export(api: Api, mut random: Random) -> Vec<u64> {
    let mut tokens = Vec::new();
    loop {
        // A few at once at most: what the crash has interrupted is made again in the end.
        if tokens.len() < 8 {
            let call = api.call("POST", &api.segment_path("Everyone")).json(&json!({}));
            let Ok(answer) = try_read(call).await else { return tokens };
            tokens.push(token_of(&answer));
        }
        let token = tokens[random.below(tokens.len() as u64) as usize];
        for _ in 0..10 {
            let page = api.token_path(token, &format!("?limit=50&offset={}&keepAlive=true", random.below(20) * 50 + 1));
            let Ok(answer) = try_read(api.call("GET", &page)).await else { return tokens };
            assert!([200, 503].contains(&answer.status), "{answer:?}");
        }
    }
}

fn kill(mut child: Child) {
    // It may have ended by itself.
    let _ = child.kill();
    child.wait().unwrap();
}

/// How many lines of a load are there: all of the first so many, and none behind them.
fn loaded(rows: &[Value], names: &str, lines: usize) -> usize {
    let numbers =
        rows.iter().filter_map(|r| r["CustomerName"]["FirstName"].as_str()?.strip_prefix(names)?.parse().ok());
    let numbers: BTreeSet<usize> = numbers.collect();
    assert_eq!(numbers, (0..numbers.len()).collect(), "a killed load left a gap");
    assert!(numbers.len() <= lines);
    numbers.len()
}

/// Kills the server while others write, load, export and read, so many times; in some rounds the load first.
pub async fn server_and_load_are_killed(seed: u64, rounds: u64, lines: usize) -> String {
    let mut random = Random::new(seed);
    let mut world = World::start().await;
    let mut api = world.nightly().await;
    let mut answered = Answered::default();
    let (mut interrupted, mut loads_cut) = (0, 0);
    for round in 0..rounds {
        let writers: Vec<_> = (0..4).map(|w| tokio::spawn(write(api.clone(), format!("r{round}w{w}")))).collect();
        let exporters: Vec<_> = (0..2).map(|_| tokio::spawn(export(api.clone(), Random::new(random.next())))).collect();
        let (file, names) = (format!("load{round}.ndjson"), format!("load{round}x"));
        world.write_people(&file, &names, lines);
        let load = world.spawn(&["load", &file, "--account", ACCOUNT]);
        tokio::time::sleep(Duration::from_millis(random.below(300))).await;
        let load_first = random.below(2) == 0;
        if load_first {
            kill(load);
            // The server goes on beside a writer that died with the lock.
            tokio::time::sleep(Duration::from_millis(random.below(50))).await;
            world = world.kill();
        } else {
            world = world.kill();
            tokio::time::sleep(Duration::from_millis(random.below(50))).await;
            kill(load);
        }
        for writer in writers {
            answered.add(writer.await.unwrap());
        }
        let mut tokens = BTreeSet::new();
        for exporter in exporters {
            tokens.extend(exporter.await.unwrap());
        }
        world.check();

        world = world.serve(&[]).await;
        api.url = world.url.clone();
        for token in &tokens {
            let done = api.settled(*token).await.json();
            assert_eq!(done["Status"], "Complete", "an interrupted export completes under its own token");
            let count = done["RowCount"].as_u64().unwrap();
            let last = api.page(*token, &format!("offset={}&keepAlive=true", count.max(1))).await.is(200).json();
            assert_eq!((&last["Count"], &last["HasMore"]), (&json!(count.min(1)), &json!(false)));
        }
        interrupted += tokens.len();
        // Also those whose Initiate was not answered: each folder is a live export's, and goes with it.
        for folder in world.tokens_with_files() {
            let token: u64 = folder.strip_suffix(".tmp").unwrap_or(&folder).parse().unwrap();
            assert_eq!(api.settled(token).await.json()["Status"], "Complete", "{folder} belongs to no live export");
            api.commit(token, "").await.is(200);
        }
        eventually("no file of an ended export remains", || world.tokens_with_files().is_empty()).await;

        let token = api.export("Everyone", json!({})).await;
        let rows = api.rows(token).await;
        api.commit(token, "").await.is(200);
        answered.is_in(&rows);
        let done = loaded(&rows, &names, lines);
        loads_cut += u64::from(done < lines);
        world.sayso(&["load", &file, "--account", ACCOUNT, "--from-line", &(done + 1).to_string()]);
        world.check();
    }
    let rows = api.rows(api.export("Everyone", json!({})).await).await;
    answered.is_in(&rows);
    for round in 0..rounds {
        assert_eq!(loaded(&rows, &format!("load{round}x"), lines), lines, "every line of a resumed load is there");
    }
    let writes = answered.created.len() + answered.counts.len() + answered.deleted.len();
    assert!(writes > 10 && interrupted > 0);
    format!(
        "{rounds} kills of the server, {loads_cut} loads cut by kill -9, {} rows, {writes} answered writes there, {interrupted} exports complete under their own tokens, check clean every time, no file left over",
        rows.len()
    )
}

/// Kills a load that has the directory for itself, resumes it, and compares what is there with a load that nobody disturbed.
pub async fn lonely_load_is_killed(seed: u64, kills: u64, lines: usize) -> String {
    let mut random = Random::new(seed);
    let undisturbed = World::prepared();
    undisturbed.write_people("people.ndjson", "p", lines);
    let clock = |world: &World| world.path("clock").to_str().unwrap().to_string();
    let began = Instant::now();
    undisturbed.sayso(&["load", "people.ndjson", "--account", ACCOUNT, "--clock-file", &clock(&undisturbed)]);
    let takes = began.elapsed();
    let wanted = rows_of(undisturbed).await;

    let (mut killed, mut finished, mut partly) = (0, 0, 0);
    while killed < kills {
        let world = World::prepared();
        world.write_people("people.ndjson", "p", lines);
        let mut done = 0;
        while done < lines {
            let (from, clock) = ((done + 1).to_string(), clock(&world));
            let args = ["load", "people.ndjson", "--account", ACCOUNT, "--from-line", &from, "--clock-file", &clock];
            if killed < kills {
                let load = world.spawn(&args);
                let rest = takes.mul_f64((lines - done) as f64 / lines as f64) + Duration::from_millis(50);
                tokio::time::sleep(rest.mul_f64(random.below(1_200) as f64 / 1_000.0)).await;
                kill(load);
                killed += 1;
            } else {
                world.sayso(&args);
            }
            let before = done;
            done = world.check()["profiles"].as_u64().unwrap() as usize;
            assert!((before..=lines).contains(&done));
            partly += u64::from(before < done && done < lines);
        }
        assert!(rows_of(world).await == wanted, "the resumed load left another state than the undisturbed one");
        finished += 1;
    }
    format!(
        "{killed} kills of a load of {lines} lines ({partly} left a part of it), check clean every time, {finished} resumed to the end and equal to an undisturbed one"
    )
}

/// The rows of an export of everyone, as bytes.
async fn rows_of(world: World) -> Vec<u8> {
    let world = world.serve(&[]).await;
    let api = world.nightly().await;
    let token = api.export("Everyone", json!({})).await;
    api.page(token, "limit=1000000&keepAlive=true").await.is(200).body
}
