//! Single profiles written over HTTP by callers that each wait for their answer.

use std::{fs, time::Duration};

use serde_json::json;

use crate::bench::{
    cpu, crowd,
    data::Maker,
    measure::Site,
    peers::limits,
    report::{Bound, Report, SAYSO, Unit},
    stats::percentile,
    walk,
};

const CALLERS: usize = 64;
/// Profiles of one caller, changed in turn.
const OWN: usize = 200;

/// Commits, each of which syncs its data and then its root.
const COMMITS: &str = "sayso_commits_total";

/// Measures it.
pub(in crate::bench) fn writes(
    maker: &Maker<'_>,
    site: &Site,
    report: &mut Report,
    quick: bool,
    rounds: u32,
) -> anyhow::Result<()> {
    report.section(
        "Writes",
        "64 callers over HTTP with OAuth, each waits for its answer before it sends the next: a part of a profile changed (`POST /Profile/{id}`), every answer durable; two threads send for all of them. Beside it, on the same disk: 4 KB appended to a file and synced (`fdatasync`), again and again; and one caller alone, whose every write is a commit of its own.",
    );
    let time = Duration::from_secs(if quick { 1 } else { 4 });
    let (many, one) = ("writes, 64 callers", "writes, 1 caller");
    let sync = "4 KB appended and fdatasync, one after the other";
    let profiles = |at: usize| 1 + (at as u64 * 7919) % site.profiles;
    let requests: Vec<Vec<_>> = (0..CALLERS)
        .map(|caller| {
            // two values for each profile, so that every request finds another one than it brings, whose former value goes into the history
            let own = (0..2 * OWN).map(|at| {
                let body = json!({"CustomFields": [{"Name": "FavoriteStore", "Value": format!("Store {at}")}]});
                site.server.update(profiles(caller * OWN + at % OWN), &body.to_string())
            });
            own.collect()
        })
        .collect();
    site.server.memory.peak();
    for _ in 0..rounds {
        report.add(many, sync, Unit::PerSecond, limits::synced_writes(maker.dir, time / 4)?);
        let (commits, processor) = (site.server.counter(COMMITS)?, cpu::seconds(site.server.pid())?);
        let walk = crowd::each(site.server.address, &requests, time)?;
        let (commits, processor) =
            (site.server.counter(COMMITS)? - commits, cpu::seconds(site.server.pid())? - processor);
        let writes = walk.latencies.len() as f64;
        report.add(many, SAYSO, Unit::PerSecond, walk.answers());
        report.add("writes that share a commit, 64 callers", SAYSO, Unit::Times, writes / commits);
        report.add("the server's processor time for a write", SAYSO, Unit::Milliseconds, processor * 1e3 / writes);
        report.add("p99 of a write, 64 callers", SAYSO, Unit::Milliseconds, percentile(&walk.latencies, 0.99));
        let walk = crowd::each(site.server.address, &requests[..1], time / 2)?;
        report.add(one, SAYSO, Unit::PerSecond, walk.answers());
    }
    creates(maker, site, report, rounds)?;
    report.memory("writes by 64 callers", site.server.memory.peak());
    let what = "concurrent writes of single profiles, 64 callers, against one sync for each";
    report.ratio(what, (many, SAYSO), (many, sync), Bound::AtLeast(5.0));
    // No disk makes a call over HTTP cheaper than it is: what sharing gains shows against a caller whose every write waits for syncs of its own.
    let what = "concurrent writes of single profiles, 64 callers, against one caller";
    report.ratio(what, (many, SAYSO), (one, SAYSO), Bound::AtLeast(5.0));
    Ok(())
}

/// New profiles, whole ones.
fn creates(maker: &Maker<'_>, site: &Site, report: &mut Report, rounds: u32) -> anyhow::Result<()> {
    // people of another seed: an email or an alternate id of the loaded ones would be refused
    let other = Maker { seed: maker.seed + 1, ..*maker };
    let people = other.people(site.profiles + 5000 * u64::from(rounds))?;
    let text = fs::read_to_string(&people)?;
    // the people's ids and addresses carry their number: those beyond the loaded ones are new
    let bodies: Vec<_> = text.lines().skip(usize::try_from(site.profiles)?).collect();
    for chunk in bodies.chunks(5000) {
        let requests: Vec<_> = chunk.iter().map(|body| site.server.create(body)).collect();
        let walk = walk::created(site.server.address, &requests, CALLERS)?;
        report.add("new profiles of 2 KB, 64 callers", SAYSO, Unit::PerSecond, walk.answers());
    }
    crate::bench::remove(&people)
}
