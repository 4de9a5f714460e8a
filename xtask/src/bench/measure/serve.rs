//! Walking all pages, against nginx with the same pages as files.

use std::path::Path;

use serde_json::json;

use crate::bench::{
    cut::{self, PAGE},
    data::ALL,
    peers::{Peers, nginx::Nginx},
    report::{Bound, Report, SAYSO, Unit},
    server::Server,
    stats::percentile,
    walk,
};

const NGINX: &str = "nginx, pages as files, sendfile, no authorization";

/// Measures it.
pub(in crate::bench) fn serve(
    server: &Server,
    peers: &Peers,
    report: &mut Report,
    dir: &Path,
    rounds: u32,
) -> anyhow::Result<()> {
    report.section(
        "Serving",
        "Every page of all rows at limit 1,000, once, by the same client (a thread for each connection, bodies read and thrown away, on the same two cores). Sayso with OAuth on every request; nginx with the same pages, byte for byte (checked before), cut into files. Who comes first changes from round to round.",
    );
    let all = server.export(ALL, &json!({}))?;
    let own = server.pages(&all, PAGE);
    let nginx = cut::pages(server, &all, dir).and_then(|names| {
        let nginx = Nginx::start(peers.place("nginx")?, dir)?;
        let requests = Nginx::requests(&names);
        nginx.verify(&requests, server.address, &own)?;
        Ok((nginx, requests))
    });
    let nginx = Peers::or_skip(report, "nginx", nginx);
    server.memory.peak();
    let walk_of = |connections: usize| format!("all pages, {connections} connections");
    let slowest_of = |connections: usize| format!("p99 of a page, {connections} connections");
    for round in 0..rounds {
        for connections in [1, 8, 64] {
            let mut tell = |who: &str, walk: &walk::Walk| {
                report.add(&walk_of(connections), who, Unit::MegabytesPerSecond, walk.rate());
                let p99 = percentile(&walk.latencies, 0.99);
                report.add(&slowest_of(connections), who, Unit::Milliseconds, p99);
            };
            let mut in_turn = vec![(SAYSO, server.address, &own)];
            in_turn.extend(nginx.as_ref().map(|(nginx, requests)| (NGINX, nginx.address, requests)));
            if round % 2 == 1 {
                in_turn.reverse();
            }
            for (who, address, requests) in in_turn {
                tell(who, &walk::once(address, requests, connections)?);
            }
        }
    }
    report.memory("pages of 1,000, up to 64 connections", server.memory.peak());
    for connections in [1, 8, 64] {
        let what = format!("all pages at limit 1,000, OAuth on, against nginx, {connections} connections");
        let walk = walk_of(connections);
        report.ratio(&what, (&walk, SAYSO), (&walk, NGINX), Bound::AtLeast(1.0));
    }
    drop(nginx);
    let pages = dir.join("pages");
    if pages.exists() {
        std::fs::remove_dir_all(pages)?;
    }
    first_and_last(server, report, all.token, all.rows, rounds)?;

    let whole = server.page(all.token, all.rows, 1);
    for _ in 0..rounds {
        let walk = walk::once(server.address, std::slice::from_ref(&whole), 1)?;
        report.add("all rows as one page", SAYSO, Unit::MegabytesPerSecond, walk.rate());
    }
    report.memory("a page of all rows", server.memory.peak());
    server.commit(&all)
}

fn first_and_last(server: &Server, report: &mut Report, token: u64, rows: u64, rounds: u32) -> anyhow::Result<()> {
    let name = |which: &str| format!("{which} full page of 1,000 rows");
    let last = (rows / PAGE).saturating_sub(1) * PAGE + 1;
    let requests = |offset| vec![server.page(token, PAGE, offset); 101];
    for _ in 0..rounds {
        for (which, offset) in [("first", 1), ("last", last)] {
            let walk = walk::once(server.address, &requests(offset), 1)?;
            report.add(&name(which), SAYSO, Unit::Milliseconds, percentile(&walk.latencies, 0.5));
        }
    }
    report.ratio(
        "the last page, against the first",
        (&name("last"), SAYSO),
        (&name("first"), SAYSO),
        Bound::AtMost(1.1),
    );
    Ok(())
}
