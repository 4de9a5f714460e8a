//! Gzip pages that take long to make: whoever hangs up leaves nobody at work.

use std::{
    io::Write as _,
    net::TcpStream,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::json;

use crate::harness::*;

/// Records of an export, of some 12 KB each: to compress them takes seconds.
const RECORDS: usize = 10_000;
/// The pieces that they are compressed in.
const PIECES: u64 = RECORDS as u64 / 100;

struct Sandbox {
    world: World,
    api: Api,
}

impl Sandbox {
    async fn new() -> Sandbox {
        let world = World::start().await;
        world.load_notes(RECORDS);
        let api = world.nightly().await;
        Sandbox { world, api }
    }

    async fn export(&self) -> u64 {
        self.api.export("Everyone", json!({})).await
    }

    /// Asks for a whole export as gzip.
    fn ask(&self, token: u64) -> TcpStream {
        let (path, bearer) = (self.api.token_path(token, "?limit=1000000&keepAlive=true"), &self.api.token);
        let mut stream = TcpStream::connect(self.world.url.strip_prefix("http://").unwrap()).unwrap();
        let fields = format!("Host: a\r\nAuthorization: Bearer {bearer}\r\nAccept-Encoding: gzip\r\n");
        stream.write_all(format!("GET {path} HTTP/1.1\r\n{fields}\r\n").as_bytes()).unwrap();
        stream
    }

    /// Pieces that were made so far, of all exports.
    async fn pieces(&self) -> u64 {
        let metrics = read(self.api.http.get(format!("{}/metrics", self.world.url))).await.is(200).body;
        let metrics = String::from_utf8(metrics).unwrap();
        let made = metrics.lines().find_map(|line| line.strip_prefix("sayso_gzip_pieces_total "));
        made.map_or(0, |made| made.parse().unwrap())
    }

    /// Until more than so many are made.
    async fn until_more_than(&self, pieces: u64) {
        let mut tick = tokio::time::interval(Duration::from_millis(5));
        for _ in 0..6_000 {
            if self.pieces().await > pieces {
                return;
            }
            tick.tick().await;
        }
        panic!("no piece is made");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_compressed_any_more_for_a_caller_who_hung_up() {
    let mut sandbox = Sandbox::new().await;
    let [first, second] = [sandbox.export().await, sandbox.export().await];
    let asking = sandbox.ask(first);
    sandbox.until_more_than(0).await;
    drop(asking);
    let mut tick = tokio::time::interval(Duration::from_millis(500));
    tick.tick().await;
    let mut made = sandbox.pieces().await;
    loop {
        tick.tick().await;
        let now = sandbox.pieces().await;
        if now == made {
            break;
        }
        made = now;
    }
    assert!(made < PIECES, "all {made} were made");
    // Whoever comes next gets it whole.
    let began = Instant::now();
    let path = sandbox.api.token_path(first, "?limit=1000000&keepAlive=true");
    let page = read(sandbox.api.call("GET", &path).header("Accept-Encoding", "gzip")).await.is(200);
    let whole = began.elapsed().mul_f64(PIECES as f64 / (PIECES - made) as f64);
    let mut text = Vec::new();
    std::io::Read::read_to_end(&mut flate2::bufread::GzDecoder::new(&page.body[..]), &mut text).unwrap();
    assert!(text == sandbox.api.page(first, "limit=1000000&keepAlive=true").await.is(200).body);

    let made = sandbox.pieces().await;
    let asking = sandbox.ask(second);
    sandbox.until_more_than(made).await;
    drop(asking);
    let began = Instant::now();
    sandbox.world.signal(Signal::TERM);
    assert!(sandbox.world.ended().success());
    let took = began.elapsed();
    assert!(took < whole / 2, "the end waited {took:?}, the making of a whole page takes {whole:?}");
}
