//! kill -9 in the middle of everything: of the server, of `sayso load` beside it, and of a load that is alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Child,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::harness::{random::Random, *};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_kill_9_every_answered_write_is_there_and_check_finds_nothing() {
    // ten of them at a moment that nothing chose
    server_and_load_are_killed(1, 21, 2_000, 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_that_is_killed_and_resumed_ends_like_one_that_was_not() {
    lonely_load_is_killed(1, 4, 3_000).await;
}

/// What was answered, and so must be there for ever.
#[derive(Clone, Default)]
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

    /// An export of everyone that was initiated when this was answered, and made before any more than `later` was, holds all of it.
    fn is_in(&self, rows: &[Value], later: &Answered) {
        let there: BTreeMap<u64, &Value> = rows.iter().map(|r| (r["ProfileId"].as_u64().unwrap(), r)).collect();
        assert_eq!(there.len(), rows.len(), "no profile is there twice");
        for (id, name) in self.created.iter().filter(|(id, _)| later.created.contains_key(id)) {
            let row = there.get(id).unwrap_or_else(|| panic!("profile {id}, {name}, was answered and isn't there"));
            assert_eq!(row["CustomerName"]["FirstName"], **name);
        }
        for (id, count) in &self.counts {
            let written: u64 = there[id]["CustomerName"]["LastName"].as_str().unwrap().parse().unwrap();
            let may_be = *count..=later.counts[id] + 1;
            assert!(may_be.contains(&written), "profile {id}: {written}, where {may_be:?} was answered or under way");
        }
        assert!(self.deleted.iter().all(|id| !there.contains_key(id)), "what was deleted stays so");
    }
}

/// Creates, counts up and deletes until the server is gone.
async fn write(api: Api, name: String, answered: Arc<Mutex<Answered>>) {
    let mut counted = None;
    for n in 0.. {
        let (path, body) = (api.profile_path(""), person(&format!("{name}n{n}"), &["a"]));
        let Ok(answer) = try_read(api.call("POST", &path).json(&body)).await else { return };
        let id = answer.is(201).json()["ProfileId"].as_u64().unwrap();
        answered.lock().unwrap().created.insert(id, format!("{name}n{n}"));
        let counter = *counted.get_or_insert(id);
        let body = json!({"CustomerName": {"LastName": n.to_string()}});
        let path = api.profile_path(&format!("/{counter}"));
        let Ok(answer) = try_read(api.call("POST", &path).json(&body)).await else { return };
        answer.is(200);
        answered.lock().unwrap().counts.insert(counter, n);
        if n % 5 == 4 {
            // Whether a deletion that was not answered happened is open: neither is to be asked of it.
            answered.lock().unwrap().created.remove(&id);
            let path = api.profile_path(&format!("/{id}"));
            let Ok(answer) = try_read(api.call("DELETE", &path)).await else { return };
            answer.is(204);
            answered.lock().unwrap().deleted.insert(id);
        }
    }
}

/// An export whose token was answered.
struct Exported {
    token: u64,
    /// What had been answered before it was initiated.
    before: Answered,
    /// The last page that was read.
    page: Option<Page>,
}

/// Initiates some exports and reads their pages until the server is gone; `tokens` are those that were answered.
async fn export(
    api: Api,
    mut random: Random,
    answered: Arc<Mutex<Answered>>,
    tokens: Arc<Mutex<BTreeSet<u64>>>,
) -> Vec<Exported> {
    let mut exports: Vec<Exported> = Vec::new();
    loop {
        // A few at once at most: what the crash has interrupted is made again in the end.
        if exports.len() < 5 {
            let before = answered.lock().unwrap().clone();
            let call = api.call("POST", &api.segment_path("Everyone")).json(&json!({}));
            let Ok(answer) = try_read(call).await else { return exports };
            let token = token_of(&answer);
            tokens.lock().unwrap().insert(token);
            exports.push(Exported { token, before, page: None });
        }
        let chosen = random.below(exports.len() as u64) as usize;
        let exported = &mut exports[chosen];
        for _ in 0..10 {
            let query = format!("?limit=50&offset={}&keepAlive=true", random.below(20) * 50 + 1);
            let path = api.token_path(exported.token, &query);
            let encoding = ENCODINGS[random.below(2) as usize];
            let Ok(answer) = try_read(get(&api, &path, encoding)).await else { return exports };
            match answer.status {
                200 => exported.page = Some(Page { path, encoding, body: answer.body }),
                503 => {}
                _ => panic!("{answer:?}"),
            }
        }
    }
}

const ENCODINGS: [&str; 2] = ["identity", "gzip"];

fn get(api: &Api, path: &str, encoding: &str) -> reqwest::RequestBuilder {
    api.call("GET", path).header("accept-encoding", encoding)
}

/// A page, and what it was when it was read.
#[derive(Clone)]
struct Page {
    path: String,
    encoding: &'static str,
    body: Vec<u8>,
}

impl Page {
    async fn is_as_it_was(&self, api: &Api) {
        let answer = read(get(api, &self.path, self.encoding)).await.is(200);
        assert!(answer.body == self.body, "{} is another page than before the crash", self.encoding);
    }

    /// Reads it again and again until the server is gone; gives whether that was in its middle. `is_begun` says when of a page the first
    /// piece came and no second.
    async fn read_until_killed(self, api: Api, is_begun: Arc<AtomicBool>) -> bool {
        loop {
            let Ok(mut response) = get(&api, &self.path, self.encoding).send().await else { return false };
            assert_eq!(response.status(), 200);
            let mut body = Vec::new();
            loop {
                match response.chunk().await {
                    Ok(Some(piece)) => {
                        is_begun.store(body.is_empty(), Ordering::Relaxed);
                        body.extend(piece);
                    }
                    Ok(None) => break,
                    Err(_) => return true,
                }
                // Else a page lies in the sockets' buffers as a whole, and nothing cuts it.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            assert!(body == self.body, "what seems whole is whole");
        }
    }
}

/// What the server is in the middle of when it is killed.
#[derive(Clone, Copy, PartialEq)]
enum Moment {
    /// Whatever it is.
    Any,
    /// The sending of a long page.
    Page,
    /// The making of an export.
    Export,
}

impl Moment {
    /// Random ones too; but on a fast machine all exports of a round are made some milliseconds after its beginning, and only of the others
    /// can it be said that something was under way.
    fn of(round: u64) -> Moment {
        match round {
            0 => Moment::Page,
            _ if round % 2 == 1 => Moment::Export,
            _ => Moment::Any,
        }
    }
}

/// Waits until this is so, for a while: what never comes is counted in the end.
async fn look_for(is_so: impl Fn() -> bool) {
    let mut tick = tokio::time::interval(Duration::from_millis(1));
    for _ in 0..5_000 {
        if is_so() {
            return;
        }
        tick.tick().await;
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

/// Kills the server of so many people while others write, load, export and read, so many times; in some rounds the load first.
pub async fn server_and_load_are_killed(seed: u64, rounds: u64, people: u64, lines: usize) -> String {
    let mut random = Random::new(seed);
    let mut world = World::start_with_people(people).await;
    let mut api = world.nightly().await;
    // One that is read all the time, so that pages are cut, and that no crash changes.
    let lasting = api.export("Everyone", json!({})).await;
    let path = api.token_path(lasting, "?limit=1000000&keepAlive=true");
    let mut wholes = Vec::new();
    for encoding in ENCODINGS {
        let body = read(get(&api, &path, encoding)).await.is(200).body;
        wholes.push(Page { path: path.clone(), encoding, body });
    }
    let mut answered = Answered::default();
    let (mut interrupted, mut half_made, mut cut_pages, mut cut_loads) = (0, 0, 0, 0);
    for round in 0..rounds {
        let now = Arc::new(Mutex::new(Answered::default()));
        let writers: Vec<_> =
            (0..4).map(|w| tokio::spawn(write(api.clone(), format!("r{round}w{w}"), now.clone()))).collect();
        let is_begun: Vec<_> = wholes.iter().map(|_| Arc::new(AtomicBool::new(false))).collect();
        let reader = |(whole, is_begun): (&Page, &Arc<AtomicBool>)| {
            tokio::spawn(whole.clone().read_until_killed(api.clone(), is_begun.clone()))
        };
        let readers: Vec<_> = wholes.iter().zip(&is_begun).map(reader).collect();
        let (file, names) = (format!("load{round}.ndjson"), format!("load{round}x"));
        world.write_people(&file, &names, lines);
        let load = world.spawn(&["load", &file, "--account", ACCOUNT]);

        let moment = Moment::of(round);
        let wait = Duration::from_millis(random.below(300));
        if moment == Moment::Export {
            tokio::time::sleep(wait).await;
        }
        let tokens = Arc::new(Mutex::new(BTreeSet::new()));
        let exporter = |_| tokio::spawn(export(api.clone(), Random::new(random.next()), now.clone(), tokens.clone()));
        let exporters: Vec<_> = (0..2).map(exporter).collect();
        if moment != Moment::Export {
            tokio::time::sleep(wait).await;
        }
        match moment {
            Moment::Any => {}
            // What is sent as it is; a gzip page fits into the sockets' buffers.
            Moment::Page => look_for(|| is_begun[0].load(Ordering::Relaxed)).await,
            Moment::Export => {
                let is_half_made = || {
                    let folders = world.tokens_with_files();
                    tokens.lock().unwrap().iter().any(|token| folders.contains(&format!("{token}.tmp")))
                };
                look_for(is_half_made).await;
            }
        }
        let load_first = moment == Moment::Any && random.below(2) == 0;
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
            writer.await.unwrap();
        }
        let now = now.lock().unwrap().clone();
        let mut exports = Vec::new();
        for exporter in exporters {
            exports.extend(exporter.await.unwrap());
        }
        for reader in readers {
            cut_pages += u64::from(reader.await.unwrap());
        }
        assert_eq!(world.strays(), [] as [String; 0], "files that nobody expects");
        let folders = world.tokens_with_files();
        half_made += folders.iter().filter(|folder| folder.ends_with(".tmp")).count();
        world.check();

        world = world.serve(&[]).await;
        api.url = world.url.clone();
        for whole in &wholes {
            whole.is_as_it_was(&api).await;
        }
        for Exported { token, before, page } in exports {
            let done = api.settled(token).await.json();
            assert_eq!(done["Status"], "Complete", "an interrupted export completes under its own token");
            let count = done["RowCount"].as_u64().unwrap();
            let last = api.page(token, &format!("offset={count}&keepAlive=true")).await.is(200).json();
            assert_eq!((&last["Count"], &last["HasMore"]), (&json!(1), &json!(false)));
            if let Some(page) = page {
                page.is_as_it_was(&api).await;
            }
            if !folders.contains(&token.to_string()) {
                interrupted += 1;
                let rows = api.rows(token).await;
                answered.is_in(&rows, &answered);
                before.is_in(&rows, &now);
            }
        }
        answered.add(now);
        // Also those whose Initiate was not answered: each folder is a live export's, and goes with it, but for what the start has put away.
        let others = || world.tokens_with_files().into_iter().filter(|folder| *folder != lasting.to_string());
        for folder in others().filter(|folder| !folder.ends_with(".left")) {
            let token: u64 = folder.strip_suffix(".tmp").unwrap_or(&folder).parse().unwrap();
            assert_eq!(api.settled(token).await.json()["Status"], "Complete", "{folder} belongs to no live export");
            api.commit(token, "").await.is(200);
        }
        eventually("no file of an ended export remains", || others().next().is_none()).await;

        let token = api.export("Everyone", json!({})).await;
        let rows = api.rows(token).await;
        api.commit(token, "").await.is(200);
        answered.is_in(&rows, &answered);
        let done = loaded(&rows, &names, lines);
        cut_loads += u64::from(done < lines);
        world.sayso(&["load", &file, "--account", ACCOUNT, "--from-line", &(done + 1).to_string()]);
        world.check();
    }
    let rows = api.rows(api.export("Everyone", json!({})).await).await;
    answered.is_in(&rows, &answered);
    for round in 0..rounds {
        assert_eq!(loaded(&rows, &format!("load{round}x"), lines), lines, "every line of a resumed load is there");
    }
    let writes = answered.created.len() + answered.counts.len() + answered.deleted.len();
    assert!(writes > 10, "only {writes} writes were answered");
    assert!(interrupted > 0, "no export was interrupted");
    let aimed = (0..rounds).filter(|round| Moment::of(*round) == Moment::Export).count();
    assert!(half_made > aimed / 4, "{half_made} exports were half made in {aimed} kills that waited for one");
    assert!(cut_pages > 0, "no page was cut");
    // Few kills may all come before or behind what was to be loaded.
    assert!(cut_loads > 0 || rounds < 50, "no load was cut");
    format!(
        "{rounds} kills of the server, {cut_loads} loads cut by kill -9, {cut_pages} pages cut, {} rows, {writes} answered writes there, {interrupted} interrupted exports ({half_made} of them half made) complete under their own tokens with what was answered before them, check clean every time, no file left over",
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
    // A short load is a batch or two.
    assert!(partly > 0 || kills < 20, "no killed load left a part of its lines");
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
