//! One flipped byte in a file of a finished export: an error, never wrong data, and `sayso check` names the file.

use std::{
    fs::OpenOptions,
    io::Read as _,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::json;

use crate::harness::{random::Random, *};

const PEOPLE: usize = 1_500;

#[tokio::test]
async fn a_flipped_byte_in_an_exports_file_is_an_error_and_check_names_the_file() {
    export_files_are_damaged(1, 6).await;
}

#[test]
fn check_says_that_the_data_file_is_damaged_whatever_is_flipped_in_it() {
    data_file_is_damaged(1, 12);
}

#[tokio::test]
async fn a_flipped_byte_in_a_stored_profile_is_an_error_never_wrong_data() {
    let mut world = World::start().await;
    let mut api = world.nightly().await;
    let id = api.create(person("Wilhelmine", &[])).await;
    let other = api.create(person("other", &[])).await;
    world = world.kill();
    let path = world.data().join("data.mdb");
    let data = std::fs::read(&path).unwrap();
    let places = data.windows(10).enumerate().filter(|(_, window)| window == b"Wilhelmine").map(|(at, _)| at as u64);
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    places.for_each(|at| file.write_all_at(b"V", at).unwrap());
    let out = world.run(&["check"]);
    let said = String::from_utf8(out.stdout).unwrap();
    assert!(out.status.code() == Some(1) && said.contains(&format!("profile {id}")), "{said}");
    world = world.serve(&[]).await;
    api.url = world.url.clone();
    api.get(&api.profile_path(&format!("/{id}"))).await.refuses(500, &["correlation id"]);
    assert_eq!(api.read(other).await["CustomerName"]["FirstName"], "other");
    let token = api.initiate("Everyone", json!({})).await;
    assert_eq!(api.settled(token).await.json()["Status"], "Error");
}

/// Flips one bit somewhere in this file.
fn flip(path: &Path, random: &mut Random) {
    let at = random.below(std::fs::metadata(path).unwrap().len());
    flip_at(path, at, random);
}

fn flip_at(path: &Path, at: u64, random: &mut Random) {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ (1 << random.below(8))], at).unwrap();
}

/// Flips a bit in the store's own file, so many times, mostly in the heads of its pages, which nothing protects.
pub fn data_file_is_damaged(seed: u64, rounds: u64) -> String {
    const PAGE: u64 = 4096;
    let mut random = Random::new(seed);
    let world = World::prepared();
    world.write_people("people.ndjson", "p", PEOPLE);
    world.sayso(&["load", "people.ndjson", "--account", ACCOUNT]);
    let path = world.data().join("data.mdb");
    let good = std::fs::read(&path).unwrap();
    let (mut sound, mut told, mut broke) = (0, 0, 0);
    for round in 0..rounds {
        let at = random.below(good.len() as u64);
        flip_at(&path, if round % 4 == 0 { at } else { at / PAGE * PAGE + at % 24 }, &mut random);
        let out = world.run(&["check"]);
        let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        match out.status.code() {
            // In a page that holds nothing, or a field that nobody reads.
            Some(0) => sound += 1,
            Some(1) if said.contains("ended in signal") => broke += 1,
            Some(1) => told += 1,
            _ => panic!("round {round}, byte {at}: {:?}: {said}", out.status),
        }
        std::fs::write(&path, &good).unwrap();
    }
    world.check();
    format!(
        "{rounds} flipped bits in data.mdb: check named {told}, broke off at {broke} and said so, {sound} lay where nothing is"
    )
}

/// The pieces of gzip pages, which lie in a file without a name: there is a way to it while the server has it open, which it closes some
/// moments after the last page.
fn gzip_pieces(world: &World, token: u64) -> Option<PathBuf> {
    let open = std::fs::read_dir(format!("/proc/{}/fd", world.pid())).unwrap().map(|entry| entry.unwrap().path());
    let is_it = |path: &PathBuf| {
        let target = std::fs::read_link(path).unwrap_or_default();
        let target = target.to_string_lossy();
        target.contains(&token.to_string()) && target.contains("rows.gz")
    };
    open.into_iter().find(is_it)
}

/// A body as far as it came, and whether it came whole.
async fn body_of(call: reqwest::RequestBuilder) -> (u16, Vec<u8>, bool) {
    // When the first bytes of a page are damaged, not even its head comes.
    let Ok(mut response) = call.send().await else { return (200, Vec::new(), false) };
    let (status, mut body) = (response.status().as_u16(), Vec::new());
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return (status, body, true),
            Err(_) => return (status, body, false),
        }
    }
}

/// Flips a bit in each file of finished exports, so many times, and reads them over HTTP with and without gzip.
pub async fn export_files_are_damaged(seed: u64, rounds: u64) -> String {
    let mut random = Random::new(seed);
    let mut world = World::start().await;
    world.write_people("people.ndjson", "p", PEOPLE);
    world.sayso(&["load", "people.ndjson", "--account", ACCOUNT]);
    let mut api = world.nightly().await;
    let (mut refused, mut broken) = (0, 0);
    for round in 0..rounds {
        for file in ["rows", "index", "manifest", "rows.gz"] {
            let token = api.export("Everyone", json!({})).await;
            let limit = 100 + random.below(PEOPLE as u64);
            let path = api.token_path(token, &format!("?limit={limit}&keepAlive=true"));
            let right = read(api.call("GET", &path)).await.is(200).body;
            let packed = |api: &Api| api.call("GET", &path).header("Accept-Encoding", "gzip");
            assert!(unpacked(&read(packed(&api)).await.is(200).body) == (right.clone(), true));
            if file == "rows.gz" {
                let mut pieces = None;
                for _ in 0..100 {
                    pieces = gzip_pieces(&world, token);
                    if pieces.is_some() {
                        break;
                    }
                    read(packed(&api)).await.is(200);
                }
                flip(&pieces.expect("the server has them open"), &mut random);
            } else {
                let path = world.files(token).into_iter().find(|p| p.ends_with(file)).unwrap();
                flip(&path, &mut random);
                let out = world.run(&["check"]);
                let said = String::from_utf8(out.stdout).unwrap();
                assert_eq!(out.status.code(), Some(1), "{said}");
                assert!(said.contains(&format!("{file} of export {token}")), "{said}");
                // A server that has read all of it before looks again; the manifest it has in memory.
                if file == "manifest" || random.below(2) == 0 {
                    world = world.kill().serve(&[]).await;
                    api.url = world.url.clone();
                }
            }
            for gzip in [true, false] {
                let call = if gzip { packed(&api) } else { api.call("GET", &path) };
                let (status, body, is_whole) = body_of(call).await;
                if status != 200 {
                    assert!([404, 500].contains(&status), "{status}");
                    refused += 1;
                    continue;
                }
                let (body, is_gzip) = if gzip { unpacked(&body) } else { (body, true) };
                if is_whole {
                    // The byte lies elsewhere than in this page.
                    assert!(
                        is_gzip,
                        "round {round}: a flipped byte in {file} gave a whole answer that can't be unpacked"
                    );
                    assert!(body == right, "round {round}: a flipped byte in {file} gave wrong data");
                } else {
                    assert!(right.starts_with(&body), "round {round}: what came before the damage in {file} is wrong");
                    broken += 1;
                }
            }
            if file != "rows.gz" {
                let whole = api.token_path(token, "?limit=1000000&keepAlive=true");
                let (status, _, is_whole) = body_of(api.call("GET", &whole)).await;
                assert!(status != 200 || !is_whole, "a page with the flipped byte in {file} must not come whole");
                // Set behind the answer that broke off.
                let mut tick = tokio::time::interval(Duration::from_millis(5));
                while api.status(token).await.is(200).json()["Status"] == "Complete" {
                    tick.tick().await;
                }
                assert_eq!(api.status(token).await.json()["Status"], "Error", "so that nobody reads it in part");
                api.page(token, "").await.refuses(404, &["Error"]);
            } else {
                api.commit(token, "").await.is(200);
            }
            world.check();
        }
    }
    format!(
        "{} flipped bits in rows, index, manifest and rows.gz: {refused} refusals, {broken} pages broken short, no wrong byte",
        4 * rounds
    )
}

/// A gzip body as a client reads it: as far as it can be unpacked, and whether it ended well, its checksum included.
fn unpacked(packed: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    let read = flate2::read::GzDecoder::new(packed).read_to_end(&mut body);
    (body, read.is_ok())
}
