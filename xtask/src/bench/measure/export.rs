//! Initiate to Complete, against writing the same bytes.

use std::{thread, time::Duration};

use serde_json::json;

use crate::bench::{
    cut,
    data::{ALL, FIFTH},
    measure::Site,
    peers::{Peers, limits},
    report::{Bound, Report, SAYSO, Unit},
    server::Export,
    stats::median,
};

const DD: &str = "dd conv=fsync, the same bytes";

/// What an export of one size took, medians in seconds.
#[derive(Clone, Copy)]
pub(in crate::bench) struct Times {
    pub(in crate::bench) rows: u64,
    pub(in crate::bench) all: f64,
    pub(in crate::bench) all_dd: f64,
    pub(in crate::bench) fifth_rows: u64,
    pub(in crate::bench) fifth: f64,
}

/// A section of its own for the main size.
pub(in crate::bench) fn export(site: &Site, peers: &Peers, report: &mut Report, rounds: u32) -> anyhow::Result<Times> {
    report.section(
        "Export",
        "Initiate to Complete, as a caller sees it who asks for the Status every 2 ms: filter, copy, checksums, sync to disk. `dd bs=1M conv=fsync` copies a finished export's own file, read just before so that it is in the page cache (above 8 GB: as far as it still is), to a new one and syncs that, on one thread, where Sayso writes and syncs on as many as there are cores; who comes first changes from round to round, and everything written before is on disk before each begins.",
    );
    let times = measure(site, peers, report, rounds)?;
    report.memory("exports", site.server.memory.peak());
    for (what, words, bound) in [(fifth_of(site), "a 20 % segment", 3.0), (all_of(site), "all rows", 1.3)] {
        let words = format!("Initiate→Complete of {words}, against `dd` of the same bytes");
        report.ratio(&words, (&what, SAYSO), (&what, DD), Bound::AtMost(bound));
    }
    Ok(times)
}

/// Exports all rows and the 20 % segment in turn with `dd` of what came out.
pub(in crate::bench) fn measure(site: &Site, peers: &Peers, report: &mut Report, rounds: u32) -> anyhow::Result<Times> {
    let jobs = [(FIFTH, fifth_of(site)), (ALL, all_of(site))];
    let to = site.server.data.with_extension("dd");
    let (mut own, mut dds, mut rows) = ([const { Vec::new() }; 2], [const { Vec::new() }; 2], [0; 2]);
    let dd = |report: &mut Report, export: &Export| -> anyhow::Result<Option<f64>> {
        let Some(dd) = Peers::or_skip(report, "dd", peers.place("dd")) else { return Ok(None) };
        let file = cut::file_of(&site.server.data, export)?;
        settle();
        Ok(Some(limits::dd(dd, &file, &to)?.as_secs_f64()))
    };
    for round in 0..rounds {
        for (at, (segment, what)) in jobs.iter().enumerate() {
            // who comes second may pay for what the disk still does for the first
            let mut limit = None;
            let dd_first = round % 2 == 1;
            if dd_first && peers.place("dd").is_ok() {
                let export = site.server.export(segment, &json!({}))?;
                limit = dd(report, &export)?;
                let file = cut::file_of(&site.server.data, &export)?;
                site.server.commit(&export)?;
                // its files are removed behind the answer
                while file.exists() {
                    thread::sleep(Duration::from_millis(20));
                }
            }
            settle();
            let export = site.server.export(segment, &json!({}))?;
            let seconds = export.took.as_secs_f64();
            report.add(what, SAYSO, Unit::Seconds, seconds);
            report.note(&format!("{what}: {} rows, {} MB.", export.rows, export.bytes / 1_000_000));
            own[at].push(seconds);
            rows[at] = export.rows;
            if !dd_first {
                limit = dd(report, &export)?;
            }
            if let Some(seconds) = limit {
                report.add(what, DD, Unit::Seconds, seconds);
                dds[at].push(seconds);
            }
            site.server.commit(&export)?;
        }
    }
    Ok(Times {
        rows: rows[1],
        all: median(&own[1]),
        all_dd: median(&dds[1]),
        fifth_rows: rows[0],
        fifth: median(&own[0]),
    })
}

/// Waits until the disk has what was written before.
fn settle() {
    rustix::fs::sync();
}

fn fifth_of(site: &Site) -> String {
    format!("the 20 % segment of {}", site.size())
}

fn all_of(site: &Site) -> String {
    format!("all rows of {}", site.size())
}
