//! Readers who take little, and readers who take nothing any more: the first are served as long as they like, the second cost
//! nothing a minute later.

use std::{
    io::{Read, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::task::block_in_place;
use tokio_rustls::rustls::pki_types::CertificateDer;

use crate::harness::{
    own::{switch_network, with_own_network},
    sockets::narrow,
    *,
};

/// How long a reader may take nothing, in the short tests.
const STALL: Duration = Duration::from_secs(2);
const FLAGS: [&str; 2] = ["--write-stall", "2s"];
/// The same where there are many: all have to be there before the first is cut off.
const STALL_OF_MANY: Duration = Duration::from_secs(15);

/// A world with one complete export that no socket's buffers can hold.
async fn exported(flags: &[&str]) -> (World, Api, u64) {
    let world = World::start_with(flags).await;
    let (api, token) = export_from(&world).await;
    (world, api, token)
}

/// The same of a server that runs.
async fn export_from(world: &World) -> (Api, u64) {
    world.load_notes(1_000);
    let api = world.nightly().await;
    let token = api.export("Everyone", json!({})).await;
    (api, token)
}

/// The head of a request for the whole export, with more header fields.
fn whole(api: &Api, token: u64, more: &str) -> String {
    let path = api.token_path(token, "?limit=1000000&keepAlive=true");
    format!("GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n{more}\r\n", api.token)
}

/// A connection that has asked for something.
fn asking(url: &str, head: &str) -> TcpStream {
    let mut stream = narrow(url);
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

/// One that has asked for the whole export, and is read as far as something is there.
fn ask(api: &Api, token: u64) -> TcpStream {
    let stream = asking(&api.url, &whole(api, token, ""));
    stream.set_nonblocking(true).unwrap();
    stream
}

/// Connections that the server has open.
fn connections(world: &World) -> usize {
    world.open_files().iter().filter(|(_, target)| target.starts_with("socket:")).count()
}

/// Bytes of memory of the server's own, the page cache apart.
fn memory(world: &World) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", world.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// Until each of these has been sent something, and so waits for whoever reads it.
async fn until_answered(readers: &[TcpStream]) {
    let answered = || readers.iter().all(|reader| reader.peek(&mut [0]).is_ok_and(|n| n > 0));
    eventually("all are answered", answered).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_takes_nothing_is_cut_off_and_one_that_takes_little_is_not() {
    let (world, api, token) = exported(&FLAGS).await;
    let before = connections(&world);
    let (dead, mut slow) = (ask(&api, token), ask(&api, token));
    let began = Instant::now();
    let mut taken = Vec::new();
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    // Four times as long as one may take nothing, a few KB a second: less than the kernel needs to ask the server for more.
    while began.elapsed() < 4 * STALL {
        tick.tick().await;
        let mut some = [0; 400];
        match slow.read(&mut some) {
            Ok(0) => panic!("the slow reader was cut off after {:?}", began.elapsed()),
            Ok(read) => taken.extend_from_slice(&some[..read]),
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(e) => panic!("the slow reader was cut off after {:?}: {e}", began.elapsed()),
        }
    }
    assert!(taken.len() > 10_000);
    assert_eq!(connections(&world), before + 1, "the dead one is gone, the slow one is not");
    drop(dead);
    slow.set_nonblocking(false).unwrap();
    let end = b"\r\n\r\n";
    let head = taken.windows(4).position(|window| window == end).unwrap() + 4;
    let text = String::from_utf8(taken[..head].to_vec()).unwrap().to_lowercase();
    let length: usize = text.split("content-length: ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
    let mut rest = vec![0; head + length - taken.len()];
    slow.read_exact(&mut rest).unwrap();
    taken.extend(rest);
    let whole = api.page(token, "limit=1000000&keepAlive=true").await.is(200).body;
    assert!(taken[head..] == whole, "and its page came whole");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_take_nothing_hold_nobody_up() {
    let (_world, api, token) = exported(&["--write-stall", "12s"]).await;
    let page = "limit=100&keepAlive=true";
    let right = api.page(token, page).await.is(200).body;
    let reader = |_| {
        let (api, right) = (api.clone(), right.clone());
        tokio::spawn(async move {
            let began = Instant::now();
            while began.elapsed() < Duration::from_secs(5) {
                assert!(api.page(token, page).await.is(200).body == right);
            }
        })
    };
    let fast: Vec<_> = (0..8).map(reader).collect();
    // More than may send at once, on any machine. They come while the others read, and the server looks after each of them several times.
    let stuck: Vec<_> = (0..200).map(|_| ask(&api, token)).collect();
    let all = async {
        for reader in fast {
            reader.await.unwrap();
        }
    };
    // Less than the time after which those are cut off who take nothing.
    tokio::time::timeout(Duration::from_secs(10), all).await.expect("nobody waits for those who take nothing");
    until_answered(&stuck).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_cut_short_under_a_slow_reader_ends_that_answer_alone() {
    let (world, api, token) = exported(&[]).await;
    api.page(token, "limit=1000000&keepAlive=true").await.is(200);
    let mut slow = ask(&api, token);
    until_answered(std::slice::from_ref(&slow)).await;
    let (rows, _) = world.open_files().into_iter().find(|(_, file)| file.ends_with("/rows")).unwrap();
    std::fs::File::options().write(true).open(rows).unwrap().set_len(0).unwrap();
    slow.set_nonblocking(false).unwrap();
    let mut taken = Vec::new();
    let _ = slow.read_to_end(&mut taken); // its end may be an error, too
    assert!(!taken.ends_with(b"]}"), "nobody takes it for a whole page");
    api.get("/healthz").await.is(200);
    let mut next = ask(&api, token);
    next.set_nonblocking(false).unwrap();
    let _ = next.read(&mut [0]); // an answer or its end
    let mut tick = tokio::time::interval(Duration::from_millis(5));
    let began = Instant::now();
    while api.status(token).await.is(200).json()["Status"] != "Error" {
        assert!(began.elapsed() < Duration::from_secs(30), "the next one finds out");
        tick.tick().await;
    }
}

#[test]
fn a_reader_that_vanished_without_a_word_is_forgotten() {
    with_own_network(async || {
        let (world, api, token) = exported(&FLAGS).await;
        let before = connections(&world);
        let gone: Vec<_> = (0..10).map(|_| ask(&api, token)).collect();
        until_answered(&gone).await;
        assert_eq!(connections(&world), before + 10);
        switch_network("down");
        eventually("the connections are closed", || connections(&world) <= before).await;
        switch_network("up");
        drop(gone);
        assert_eq!(api.status(token).await.is(200).json()["Status"], "Complete", "a page that broke off ends nothing");
    });
}

/// How a download goes over the wire: what the server holds for it differs.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    /// From mapped files: it holds them, but hardly any memory, so that only the files say whether it is over.
    Plain,
    Gzip,
    /// In memory that the allocator keeps of those who hung up, so that only the files say it here, too.
    Tls,
}

impl Way {
    async fn serve(self, flags: &[&str]) -> (World, Option<CertificateDer<'static>>) {
        if self != Way::Tls {
            return (World::start_with(flags).await, None);
        }
        let (world, certificate) = tls::over_tls(flags).await;
        (world, Some(certificate))
    }

    /// A page as somebody gets it who takes what comes.
    async fn page(self, api: &Api, token: u64) -> Answer {
        let call = api.call("GET", &api.token_path(token, "?limit=100&keepAlive=true"));
        let call = if self == Way::Gzip { call.header("accept-encoding", "gzip") } else { call };
        let page = read(call).await.is(200);
        assert_eq!(page.header("content-encoding").is_some(), self == Way::Gzip);
        page
    }
}

/// What a server holds: connections, files and mappings of an export, memory of its own.
#[derive(Debug)]
struct Held {
    connections: usize,
    files: usize,
    mb: u64,
}

impl Held {
    fn by(world: &World, token: u64) -> Held {
        let is_its = |name: &str| name.contains(&token.to_string());
        let maps = std::fs::read_to_string(format!("/proc/{}/maps", world.pid())).unwrap();
        let mapped = maps.lines().filter(|line| is_its(line)).count();
        let files = mapped + world.open_files().iter().filter(|(_, target)| is_its(target)).count();
        Held { connections: connections(world), files, mb: memory(world) / 1_000_000 }
    }
}

/// A whole export that many begin to read.
struct Download {
    url: String,
    certificate: Option<CertificateDer<'static>>,
    head: String,
}

type Reader = Box<dyn Read + Send>;

impl Download {
    /// One who takes a byte of it.
    fn begin(&self) -> Reader {
        let mut reader: Reader = match &self.certificate {
            None => Box::new(asking(&self.url, &self.head)),
            Some(certificate) => Box::new(tls::ask(&self.url, certificate, &self.head)),
        };
        reader.read_exact(&mut [0]).unwrap();
        reader
    }

    /// Some at once, since the first mustn't be cut off before the last has begun.
    fn begin_all(&self, readers: usize) -> Vec<Reader> {
        const AT_ONCE: usize = 8;
        block_in_place(|| {
            std::thread::scope(|scope| {
                let share = |n| (n..readers).step_by(AT_ONCE).map(|_| self.begin()).collect::<Vec<_>>();
                let shares: Vec<_> = (0..AT_ONCE).map(|n| scope.spawn(move || share(n))).collect();
                shares.into_iter().flat_map(|share| share.join().unwrap()).collect()
            })
        })
    }
}

/// What may be more of memory than before: the allocator's.
const SPARE_MB: u64 = 20;

/// Whole exports that so many readers ask for, and of which they take one byte: everything is free again within a minute, and somebody
/// who reads gets his pages meanwhile.
async fn abandoned(way: Way, readers: usize, stall: Duration) -> String {
    let seconds = format!("{}s", stall.as_secs());
    let (world, certificate) = way.serve(&["--write-stall", &seconds]).await;
    let (api, token) = export_from(&world).await;
    let other = api.export("Everyone", json!({})).await;
    // What the first page of an export costs isn't laid to those who abandon it.
    way.page(&api, token).await;
    let right = way.page(&api, other).await.body;
    let head = whole(&api, token, if way == Way::Gzip { "Accept-Encoding: gzip\r\n" } else { "" });
    let download = Download { url: world.url.clone(), certificate, head };
    // As many who hang up at once: what is kept to be used again, such as buffers, is there before.
    let connected = connections(&world);
    drop(download.begin_all(readers));
    eventually("who hung up is gone", || connections(&world) <= connected).await;
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    let mut before = Held::by(&world, token);
    for _ in 0..20 {
        tick.tick().await;
        way.page(&api, other).await;
        before.mb = before.mb.min(Held::by(&world, token).mb);
    }
    let began = Instant::now();
    let abandoned = download.begin_all(readers);
    let held = Held::by(&world, token);
    let opened = began.elapsed();
    assert!(opened < stall, "{way:?}: it took {opened:?} to begin, and the first are cut off already");
    assert!(held.connections >= before.connections + readers, "{way:?}: {held:?}");
    assert!(way != Way::Gzip || held.mb >= before.mb + 2 * SPARE_MB, "{way:?}: {held:?}, before {before:?}");
    // The less of the two: the load took memory, too, part of which the allocator gives back only now.
    // It may keep half of what they held, too: it was seen to keep a fifth for a minute.
    let enough = (before.mb.min(held.mb) + SPARE_MB).max(before.mb.midpoint(held.mb));
    api.commit(token, "").await.is(200);
    assert!(Held::by(&world, token).files > 0, "{way:?}: removed files are held while they are sent");
    let (began, mut pages, mut slowest) = (Instant::now(), 0, Duration::ZERO);
    let after = loop {
        let after = Held::by(&world, token);
        let is_free = after.connections <= before.connections + 1 && after.files == 0;
        if is_free && after.mb <= enough {
            break after;
        }
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "{way:?}: {after:?} a minute later; before {before:?}, while they hung {held:?}"
        );
        let asked = Instant::now();
        assert!(way.page(&api, other).await.body == right, "{way:?}: a page is as it was");
        slowest = slowest.max(asked.elapsed());
        pages += 1;
        tick.tick().await;
    };
    let took = began.elapsed();
    drop(abandoned);
    assert!(slowest < Duration::from_secs(10), "{way:?}: a fast reader waited {slowest:?} for a page");
    format!(
        "{readers} abandoned downloads ({way:?}): all free after {:.1} s; memory {} MB before, {} MB while they hung, {} MB after; \
         {pages} pages meanwhile, the slowest in {} ms",
        took.as_secs_f64(),
        before.mb,
        held.mb,
        after.mb,
        slowest.as_millis()
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn abandoned_downloads_give_back_what_they_held_however_they_came() {
    abandoned_in_each_way(200, STALL_OF_MANY).await;
}

/// With the flags as they are by default.
pub async fn abandoned_downloads_are_freed(readers: usize) -> String {
    abandoned_in_each_way(readers, Duration::from_secs(45)).await
}

/// At the same time, and each as a task of its own: while one of them begins its downloads, the others' pages are timed.
async fn abandoned_in_each_way(readers: usize, stall: Duration) -> String {
    let ways = [Way::Plain, Way::Gzip, Way::Tls].map(|way| tokio::spawn(abandoned(way, readers, stall)));
    let mut said = Vec::new();
    for way in ways {
        said.push(way.await.unwrap());
    }
    said.join("; ")
}

/// Readers of 1 KB a second, for so long: none is cut off.
pub async fn slow_readers_are_served(readers: usize, time: Duration) -> String {
    let (world, api, token) = exported(&[]).await;
    let mut slow: Vec<_> = (0..readers).map(|_| ask(&api, token)).collect();
    let (began, mut taken) = (Instant::now(), 0);
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    while began.elapsed() < time {
        tick.tick().await;
        for stream in &mut slow {
            match stream.read(&mut [0; 1024]) {
                Ok(0) => panic!("a slow reader was cut off after {:?}", began.elapsed()),
                Ok(read) => taken += read,
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(e) => panic!("a slow reader was cut off after {:?}: {e}", began.elapsed()),
            }
        }
    }
    assert!(connections(&world) >= readers);
    // each read in a round found something, but for those before the first bytes came
    let most = readers * 1024 * usize::try_from(time.as_secs()).unwrap();
    assert!(taken >= most / 2, "{readers} slow readers took {taken} bytes of {most}");
    format!("{readers} readers of 1 KB a second took {taken} bytes in {} s, none was cut off", time.as_secs())
}
