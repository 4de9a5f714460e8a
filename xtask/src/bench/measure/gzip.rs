//! All pages as gzip, by the processor time that it costs the server, against nginx compressing the same pages on the fly.

use std::{io::Read, path::Path};

use anyhow::{Context, ensure};
use serde_json::json;

use crate::bench::{
    client::Connection,
    cpu,
    cut::{self, PAGE},
    data::ALL,
    peers::{Peers, nginx::Nginx},
    report::{Bound, Report, SAYSO, Unit},
    server::Server,
    walk,
};

const CPU: &str = "processor time of all pages as gzip";
const NGINX: &str = "nginx, gzip_comp_level 1, its default";
const NGINX_SMALL: &str = "nginx, gzip_comp_level 6";
const CONNECTIONS: usize = 8;

/// Measures it.
pub(in crate::bench) fn gzip(
    server: &Server,
    peers: &Peers,
    report: &mut Report,
    dir: &Path,
    rounds: u32,
) -> anyhow::Result<()> {
    report.section(
        "Gzip",
        "Every page of all rows at limit 1,000 with `Accept-Encoding: gzip`, once, over 8 connections: the processor time (user and system, from /proc) of the server's processes, in which the client has no part. Sayso with OAuth, from pieces that were made once, which is told apart; nginx compresses the same pages, files in the page cache, for each request. Some pages of each are decoded before and compared, byte for byte, with the plain ones.",
    );
    server.memory.peak();
    let all = server.export(ALL, &json!({}))?;
    let own = server.gzip_pages(&all, PAGE);
    let first = measured(server.pid(), || walk::once(server.address, &own, CONNECTIONS))?;
    report.add(
        "processor time of all pages as gzip, the first time, when the pieces are made",
        SAYSO,
        Unit::Seconds,
        first.0,
    );
    compare(server.address, &own, server.address, &server.pages(&all, PAGE))?;

    let nginx = cut::pages(server, &all, dir).and_then(|names| {
        let nginx = Nginx::start(peers.place("nginx")?, dir)?;
        for level in [6, 1] {
            compare(nginx.address, &Nginx::gzip_requests(&names, level), server.address, &server.pages(&all, PAGE))?;
        }
        Ok((nginx, names))
    });
    let nginx = Peers::or_skip(report, "nginx", nginx);
    for _ in 0..rounds {
        let mut tell = |who: &str, (seconds, walk): (f64, walk::Walk)| {
            report.add(CPU, who, Unit::Seconds, seconds);
            report.add("all pages as gzip, bytes that were sent", who, Unit::Megabytes, walk.bytes as f64 / 1e6);
        };
        tell(SAYSO, measured(server.pid(), || walk::once(server.address, &own, CONNECTIONS))?);
        if let Some((nginx, names)) = &nginx {
            for (who, level) in [(NGINX, 1), (NGINX_SMALL, 6)] {
                let requests = Nginx::gzip_requests(names, level);
                tell(who, measured(nginx.pid(), || walk::once(nginx.address, &requests, CONNECTIONS))?);
            }
        }
    }
    report.note(&format!("{} rows, {:.0} MB before compression.", all.rows, all.bytes as f64 / 1e6));
    report.ratio(
        "processor time of gzip pages, against nginx compressing on the fly at its default level",
        (CPU, SAYSO),
        (CPU, NGINX),
        Bound::AtMost(0.15),
    );
    report.memory("gzip pages, up to 8 connections", server.memory.peak());
    if let Some(each) = report.median(CPU, NGINX) {
        report.note(&format!(
            "The first download, for which the pieces are made, takes {:.2} of what nginx takes at its default level.",
            first.0 / each
        ));
    }
    walk::once(server.address, &server.gzip_pages(&all, all.rows), 1)?;
    report.memory("a gzip page of all rows", server.memory.peak());
    drop(nginx);
    let pages = dir.join("pages");
    if pages.exists() {
        std::fs::remove_dir_all(pages)?;
    }
    server.commit(&all)
}

/// The processor time that a server had while something was done.
fn measured(pid: u32, work: impl FnOnce() -> anyhow::Result<walk::Walk>) -> anyhow::Result<(f64, walk::Walk)> {
    let before = cpu::seconds(pid)?;
    let walk = work()?;
    Ok((cpu::seconds(pid)? - before, walk))
}

/// Makes sure that compressed pages, twenty of them at the most, decode to the plain ones.
fn compare(
    compressed: std::net::SocketAddr,
    requests: &[Vec<u8>],
    plain: std::net::SocketAddr,
    plain_requests: &[Vec<u8>],
) -> anyhow::Result<()> {
    let (mut a, mut b) = (Connection::open(compressed)?, Connection::open(plain)?);
    let apart = requests.len().div_ceil(20).max(1);
    for (request, plain) in requests.iter().zip(plain_requests).step_by(apart) {
        let line = || String::from_utf8_lossy(request).lines().next().unwrap_or_default().to_owned();
        let (head, body) = a.fetch(request)?;
        ensure!(head.status == 200 && head.header("content-encoding") == Some("gzip"), "{} is not compressed", line());
        let mut decoded = Vec::new();
        flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut decoded).with_context(line)?;
        ensure!(decoded == b.fetch(plain)?.1, "{} differs from the plain page", line());
    }
    Ok(())
}
