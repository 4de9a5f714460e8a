//! One flipped byte in a file of a finished export: an error, never wrong data, and `sayso check` names the file.

use std::{
    fs::File,
    io::Read as _,
    os::{
        fd::AsRawFd as _,
        unix::fs::{FileExt as _, MetadataExt as _},
    },
    path::Path,
    time::{Duration, Instant},
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
    let file = writable(&path).unwrap();
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

fn writable(path: &Path) -> std::io::Result<File> {
    File::options().read(true).write(true).open(path)
}

/// Flips one bit somewhere in this file.
fn flip(file: &File, random: &mut Random) {
    let at = random.below(file.metadata().unwrap().len());
    flip_at(file, at, random);
}

fn flip_at(file: &File, at: u64, random: &mut Random) {
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
        let file = writable(&path).unwrap();
        flip_at(&file, if round % 4 == 0 { at } else { at / PAGE * PAGE + at % 24 }, &mut random);
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
    assert!(told + broke > 0, "{rounds} flipped bits in data.mdb, and check found all of it sound");
    format!(
        "{rounds} flipped bits in data.mdb: check named {told}, broke off at {broke} and said so, {sound} lay where nothing is"
    )
}

/// The pieces of gzip pages, which lie in a file without a name: there is a way to it while the server has it open, which it closes some
/// moments after the last page.
fn gzip_pieces(world: &World, token: u64) -> Option<File> {
    let name = format!("/{token}/rows.gz");
    let (way, _) = world.open_files().into_iter().find(|(_, target)| target.contains(&name))?;
    let file = writable(&way).ok()?;
    // The server may have closed it since it was found, and the way leads to another one.
    let opened = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap();
    opened.to_string_lossy().contains(&name).then_some(file)
}

/// Whether the server makes its gzip pages from this file still.
fn is_in_use(world: &World, token: u64, pieces: &File) -> bool {
    let number = |file: &File| file.metadata().unwrap().ino();
    gzip_pieces(world, token).is_some_and(|file| number(&file) == number(pieces))
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

/// A page before something is damaged, and what becomes of it afterwards.
struct Page {
    path: String,
    right: Vec<u8>,
}

#[derive(Debug, PartialEq)]
enum Came {
    Whole,
    Broken,
    Refused,
}

impl Page {
    fn call(&self, api: &Api, gzip: bool) -> reqwest::RequestBuilder {
        let call = api.call("GET", &self.path);
        if gzip { call.header("Accept-Encoding", "gzip") } else { call }
    }

    /// Reads it again, which gives an error or what is right; `what` is damaged.
    async fn again(&self, api: &Api, gzip: bool, what: &str) -> Came {
        let (status, body, is_whole) = body_of(self.call(api, gzip)).await;
        if status != 200 {
            assert!([404, 500].contains(&status), "{what}: {status}");
            return Came::Refused;
        }
        let (body, is_gzip) = if gzip { unpacked(&body) } else { (body, true) };
        if !is_whole {
            assert!(self.right.starts_with(&body), "{what}: what came before the damage is wrong");
            return Came::Broken;
        }
        // The byte lies elsewhere than in this page.
        assert!(is_gzip, "{what}: a whole answer can't be unpacked");
        assert!(body == self.right, "{what}: wrong data");
        Came::Whole
    }
}

/// Damages the pieces of gzip pages and reads this one; again, where the server had closed them before it could meet the damage. Gives what
/// came, and how often that was.
async fn pieces_are_damaged(world: &World, api: &Api, token: u64, page: &Page, random: &mut Random) -> (Came, u64) {
    let (began, mut closed) = (Instant::now(), 0);
    loop {
        assert!(began.elapsed() < LIMIT, "the server has closed the pieces before they are read, {closed} times");
        if let Some(pieces) = gzip_pieces(world, token) {
            flip(&pieces, random);
            let came = page.again(api, true, "rows.gz").await;
            if came == Came::Broken || is_in_use(world, token, &pieces) {
                return (came, closed);
            }
        } else {
            read(page.call(api, true)).await.is(200);
        }
        closed += 1;
    }
}

/// How long something is waited for that happens by itself soon.
const LIMIT: Duration = Duration::from_secs(30);

/// Flips a bit in each file of finished exports, so many times, and reads them over HTTP with and without gzip.
pub async fn export_files_are_damaged(seed: u64, rounds: u64) -> String {
    let mut random = Random::new(seed);
    let mut world = World::start().await;
    world.write_people("people.ndjson", "p", PEOPLE);
    world.sayso(&["load", "people.ndjson", "--account", ACCOUNT]);
    let mut api = world.nightly().await;
    let (mut all, mut closed) = (Vec::new(), 0);
    for round in 0..rounds {
        for file in ["rows", "index", "manifest", "rows.gz"] {
            let token = api.export("Everyone", json!({})).await;
            let limit = 100 + random.below(PEOPLE as u64);
            let path = api.token_path(token, &format!("?limit={limit}&keepAlive=true"));
            let right = read(api.call("GET", &path)).await.is(200).body;
            let page = Page { path, right };
            assert!(unpacked(&read(page.call(&api, true)).await.is(200).body) == (page.right.clone(), true));
            if file == "rows.gz" {
                let (came, times) = pieces_are_damaged(&world, &api, token, &page, &mut random).await;
                all.push(came);
                closed += times;
                all.push(page.again(&api, false, "rows.gz").await);
                api.commit(token, "").await.is(200);
                world.check();
                continue;
            }
            let path = world.files(token).into_iter().find(|p| p.ends_with(file)).unwrap();
            flip(&writable(&path).unwrap(), &mut random);
            let out = world.run(&["check"]);
            let said = String::from_utf8(out.stdout).unwrap();
            assert_eq!(out.status.code(), Some(1), "{said}");
            assert!(said.contains(&format!("{file} of export {token}")), "{said}");
            // A server that has read all of it before looks again; the manifest it has in memory.
            if file == "manifest" || random.below(2) == 0 {
                world = world.kill().serve(&[]).await;
                api.url = world.url.clone();
            }
            for gzip in [true, false] {
                all.push(page.again(&api, gzip, &format!("round {round}: {file}")).await);
            }
            let whole = api.token_path(token, "?limit=1000000&keepAlive=true");
            let (status, _, is_whole) = body_of(api.call("GET", &whole)).await;
            assert!(status != 200 || !is_whole, "a page with the flipped byte in {file} must not come whole");
            // Set behind the answer that broke off.
            let mut tick = tokio::time::interval(Duration::from_millis(5));
            let began = Instant::now();
            while api.status(token).await.is(200).json()["Status"] == "Complete" {
                assert!(began.elapsed() < LIMIT, "an export with damaged {file} stays Complete");
                tick.tick().await;
            }
            assert_eq!(api.status(token).await.json()["Status"], "Error", "so that nobody reads it in part");
            api.page(token, "").await.refuses(404, &["Error"]);
            world.check();
        }
    }
    let count = |kind: Came| all.iter().filter(|came| **came == kind).count();
    format!(
        "{} flipped bits in rows, index, manifest and rows.gz ({closed} times the last was closed too soon): {} refusals, {} pages broken short, no wrong byte",
        4 * rounds,
        count(Came::Refused),
        count(Came::Broken)
    )
}

/// A gzip body as a client reads it: as far as it can be unpacked, and whether it ended well, its checksum included.
fn unpacked(packed: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    let read = flate2::read::GzDecoder::new(packed).read_to_end(&mut body);
    (body, read.is_ok())
}
