//! Single profiles read and changed over HTTP, by wrk and at a fixed rate.

use std::{fs, path::Path, process::Command, time::Duration};

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::bench::{
    client::Connection,
    data::Maker,
    measure::Site,
    peers::Peers,
    program,
    report::{Bound, Report, SAYSO, Unit},
    stats::percentile,
    walk,
};

/// Connections of wrk, and of those who change profiles.
const CONNECTIONS: usize = 64;
/// Different profiles that are asked for.
const ASKED: u64 = 2000;
/// Changes a second.
const CHANGES: u32 = 1000;

/// Measures it.
pub(in crate::bench) fn profiles(
    maker: &Maker<'_>,
    site: &Site,
    peers: &Peers,
    report: &mut Report,
    quick: bool,
    rounds: u32,
) -> anyhow::Result<()> {
    report.section(
        "Profiles",
        "`wrk -t2 -c64`, keep-alive, on the same two cores: `/healthz`, and single profiles with OAuth, 2,000 different ones in turn. Then a part of a profile changed 1,000 times a second over 64 connections, each change due at its own moment, from which its latency counts. The server runs with `--request-limit 0`, here as everywhere in this document: its default, 600,000 calls a minute for an account, would refuse most of these.",
    );
    let wrk = peers.place("wrk").cloned();
    match wrk {
        Ok(wrk) => reads(maker, site, &wrk, report, quick, rounds)?,
        Err(error) => report.note(&format!("reads were skipped, wrk is missing: {error:#}")),
    }
    changes(site, report, quick, rounds)
}

fn reads(
    maker: &Maker<'_>,
    site: &Site,
    wrk: &Path,
    report: &mut Report,
    quick: bool,
    rounds: u32,
) -> anyhow::Result<()> {
    let paths = Paths::of(site)?;
    let (health, alternate, id, email) =
        ("GET /healthz", "a profile by alternate id", "a profile by id", "a search by email");
    let kinds = [
        (health, vec!["/healthz".to_owned()]),
        (id, paths.ids),
        (alternate, paths.alternate_ids),
        (email, paths.emails),
    ];
    let file = maker.dir.join("paths");
    let seconds = if quick { "1s" } else { "4s" };
    for _ in 0..rounds {
        for (what, paths) in &kinds {
            fs::write(&file, paths.join("\n"))?;
            let mut command = Command::new(wrk);
            command.args(["-t2", "-c", &CONNECTIONS.to_string(), "-d", seconds]);
            command.arg("-H").arg(format!("Authorization: {}", site.server.authorization()));
            command.arg("-s").arg(program::root().join("bench/paths.lua"));
            let told = program::run(command.arg(format!("http://{}", site.server.address)).arg("--").arg(&file))?;
            ensure!(!told.contains("no success"), "{what}: {told}");
            report.add(what, SAYSO, Unit::PerSecond, rate(&told)?);
        }
    }
    fs::remove_file(&file)?;
    let bound = Bound::AtLeast(0.6);
    report.ratio("single read by alternate id, against `/healthz`", (alternate, SAYSO), (health, SAYSO), bound);
    let bound = Bound::AtLeast(1.0 / 1.5);
    report.ratio("search by email, against a read by id", (email, SAYSO), (id, SAYSO), bound);
    Ok(())
}

/// wrk's `Requests/sec:  12345.67`.
fn rate(told: &str) -> anyhow::Result<f64> {
    let line = told.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:"));
    Ok(line.with_context(|| format!("wrk told no rate: {told}"))?.trim().parse()?)
}

/// What is asked for: of the same profiles by each way.
#[derive(Default)]
struct Paths {
    ids: Vec<String>,
    alternate_ids: Vec<String>,
    emails: Vec<String>,
}

impl Paths {
    fn of(site: &Site) -> anyhow::Result<Self> {
        let mut paths = Self::default();
        let mut connection = Connection::open(site.server.address)?;
        let text = |value: &Value| -> anyhow::Result<String> {
            let text = value.as_str().context("a sample profile has an alternate id and an email address")?;
            Ok(percent_encoded(text))
        };
        let apart = (site.profiles / ASKED).max(1);
        for id in (1..=site.profiles).step_by(usize::try_from(apart)?) {
            let path = site.server.path(&format!("Profile/{id}"));
            let (head, body) = connection.fetch(&site.server.get(&path))?;
            ensure!(head.status == 200, "{} to {path}", head.status);
            let profile: Value = serde_json::from_slice(&body)?;
            let (Some(alternate), Some(email)) = (profile["AlternateIds"].get(0), profile["Emails"].get(0)) else {
                continue;
            };
            let (kind, value) = (text(&alternate["AlternateIdType"])?, text(&alternate["AlternateId"])?);
            let alternate = format!("Profile/AlternateId?alternateIdType={kind}&alternateId={value}");
            paths.alternate_ids.push(site.server.path(&alternate));
            let email = text(&email["EmailAddress"])?;
            paths.emails.push(site.server.path(&format!("Profile/Email?emailAddress={email}")));
            paths.ids.push(path);
        }
        ensure!(!paths.ids.is_empty(), "no sample profile has both an alternate id and an email address");
        Ok(paths)
    }
}

fn percent_encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn changes(site: &Site, report: &mut Report, quick: bool, rounds: u32) -> anyhow::Result<()> {
    let time = Duration::from_secs(if quick { 1 } else { 4 });
    let requests: Vec<Vec<_>> = (0..CONNECTIONS as u64)
        .map(|connection| {
            let own = (0..100).map(|at| {
                let body = json!({"CustomFields": [{"Name": "FavoriteStore", "Value": format!("Shop {at}")}]});
                site.server.update(1 + ((connection * 100 + at) * 7907) % site.profiles, &body.to_string())
            });
            own.collect()
        })
        .collect();
    let what = "p99 of a partial update at 1,000 a second";
    for _ in 0..rounds {
        let walk = walk::paced(site.server.address, &requests, CHANGES, time)?;
        report.add(what, SAYSO, Unit::Milliseconds, percentile(&walk.latencies, 0.99));
        report.add(
            "median of a partial update at 1,000 a second",
            SAYSO,
            Unit::Milliseconds,
            percentile(&walk.latencies, 0.5),
        );
    }
    if let Some(p99) = report.median(what, SAYSO) {
        report.target(what, Unit::Milliseconds, p99, Bound::AtMost(20.0));
    }
    Ok(())
}
