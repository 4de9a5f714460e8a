//! What grows with the number of profiles, and what must not.

use serde_json::{Value, json};

use crate::bench::{
    cut::{self, Cut, PAGE},
    data::{ALL, FIFTH, Maker},
    measure::export::DD,
    peers::{Peers, limits},
    plot::Line,
    report::{Bound, Report, SAYSO, Unit},
    server::{Export, Server},
    stats::{median, percentile},
    walk,
};

/// A server on a data directory with so many profiles.
pub(in crate::bench) struct Site {
    pub(in crate::bench) profiles: u64,
    pub(in crate::bench) server: Server,
    pub(in crate::bench) cut: Cut,
}

/// What was measured at one size.
struct Point {
    rows: u64,
    seconds: f64,
    fifth: u64,
    fifth_seconds: f64,
    dd_seconds: f64,
    page: f64,
}

/// Measures it at 10,000, 100,000, the main size, and 5,000,000 if asked to.
pub(in crate::bench) fn growth(
    maker: &Maker<'_>,
    peers: &Peers,
    report: &mut Report,
    main: &mut Site,
    large: bool,
    rounds: u32,
) -> anyhow::Result<()> {
    report.section(
        "Growth",
        "The same at several sizes: Initiate to Complete of all rows and of the 20 % segment, one full page of 1,000 rows at the end, a delta (`LastDateTime`) after 1,000 profiles were changed over HTTP, exports of 1,000 `Values` (ids, email addresses), and the server's memory beyond the page cache while it did all that.\n\n![Rows a second against the size of an export](performance.svg)",
    );
    let mut points = Vec::new();
    for profiles in [10_000, 100_000].into_iter().filter(|&profiles| profiles < main.profiles) {
        points.push(at_size(maker, peers, report, profiles, rounds)?);
    }
    points.push(measure(maker, peers, report, main, rounds)?);
    if large && main.profiles < 5_000_000 {
        points.push(at_size(maker, peers, report, 5_000_000, rounds)?);
    }
    if let (Some(small), Some(big)) = (points.iter().find(|point| point.rows >= 100_000), points.last())
        && small.rows < big.rows
    {
        let per_row = |point: &Point| point.seconds / point.rows as f64;
        let what = format!("time of a row of an export of {}, against one of {}", big.rows, small.rows);
        report.target(&what, Unit::Times, per_row(big) / per_row(small), Bound::AtMost(1.3));
        let what = format!("the last page of {}, against that of {}", big.rows, small.rows);
        report.target(&what, Unit::Times, big.page / small.page, Bound::AtMost(1.1));
    }
    let line = |name: &str, point: &dyn Fn(&Point) -> (f64, f64)| Line {
        name: name.to_owned(),
        points: points.iter().map(point).filter(|(_, rate)| rate.is_finite()).collect(),
    };
    report.plot = vec![
        line("Sayso, all rows", &|p| (p.rows as f64, p.rows as f64 / p.seconds)),
        line("Sayso, 20 % segment", &|p| (p.fifth as f64, p.fifth as f64 / p.fifth_seconds)),
        line("dd, bytes of all rows", &|p| (p.rows as f64, p.rows as f64 / p.dd_seconds)),
    ];
    Ok(())
}

fn at_size(maker: &Maker<'_>, peers: &Peers, report: &mut Report, profiles: u64, rounds: u32) -> anyhow::Result<Point> {
    let loaded = maker.load("growing", profiles)?;
    crate::bench::remove(&maker.people(profiles)?)?;
    let server = Server::start(maker.sayso, &loaded.data)?;
    let all = server.export(ALL, &json!({}))?;
    let cut = Cut::make(&server, &all, maker.dir)?;
    server.commit(&all)?;
    crate::bench::remove(&cut.columns)?;
    let point = measure(maker, peers, report, &mut Site { profiles, server, cut }, rounds)?;
    std::fs::remove_dir_all(&loaded.data)?;
    Ok(point)
}

fn measure(
    maker: &Maker<'_>,
    peers: &Peers,
    report: &mut Report,
    site: &mut Site,
    rounds: u32,
) -> anyhow::Result<Point> {
    let (server, size) = (&site.server, size(site.profiles));
    server.memory.peak();
    let [mut seconds, mut fifth_seconds, mut dd_seconds, mut page] = [const { Vec::new() }; 4];
    let mut fifth_rows = 0;
    let file = maker.dir.join("growth.bytes");
    let (all_of, fifth_of) = (format!("all rows of {size}"), format!("the 20 % segment of {size}"));
    for round in 0..rounds {
        let all = server.export(ALL, &json!({}))?;
        report.add(&all_of, SAYSO, Unit::Seconds, all.took.as_secs_f64());
        seconds.push(all.took.as_secs_f64());
        let fifth = server.export(FIFTH, &json!({}))?;
        report.add(&fifth_of, SAYSO, Unit::Seconds, fifth.took.as_secs_f64());
        fifth_seconds.push(fifth.took.as_secs_f64());
        fifth_rows = fifth.rows;
        server.commit(&fifth)?;
        if let Ok(dd) = peers.place("dd") {
            if round == 0 {
                cut::bytes(server, &all, &file)?;
            }
            let took = limits::dd(dd, &file)?.as_secs_f64();
            report.add(&all_of, DD, Unit::Seconds, took);
            dd_seconds.push(took);
        }
        page.push(last_page(server, report, &all, &size)?);
        server.commit(&all)?;
        delta(site, report, &all, &size, round)?;
        values(site, report, &size)?;
    }
    crate::bench::remove(&file)?;
    let memory = server.memory.peak();
    report.memory(&format!("growth, {size} profiles"), memory);
    report.add(&format!("memory at {size}"), SAYSO, Unit::Megabytes, memory);
    bounds(report, &size);
    Ok(Point {
        rows: site.profiles,
        seconds: median(&seconds),
        fifth: fifth_rows,
        fifth_seconds: median(&fifth_seconds),
        dd_seconds: median(&dd_seconds),
        page: median(&page),
    })
}

fn last_page(server: &Server, report: &mut Report, all: &Export, size: &str) -> anyhow::Result<f64> {
    let offset = (all.rows / PAGE).saturating_sub(1) * PAGE + 1;
    let walk = walk::once(server.address, &vec![server.page(all.token, PAGE, offset); 51], 1)?;
    let middle = percentile(&walk.latencies, 0.5);
    report.add(&format!("the last full page of {size}"), SAYSO, Unit::Milliseconds, middle);
    Ok(middle)
}

/// Changes 1,000 profiles and exports what has changed since `before`.
fn delta(site: &Site, report: &mut Report, before: &Export, size: &str, round: u32) -> anyhow::Result<()> {
    let server = &site.server;
    let body = json!({"CustomFields": [{"Name": "FavoriteStore", "Value": format!("Store {round}")}]}).to_string();
    let changed = 1000.min(site.profiles);
    let step = site.profiles / changed;
    let updates: Vec<_> = (0..changed).map(|at| server.update(1 + at * step, &body)).collect();
    walk::once(server.address, &updates, 64)?;
    let export = server.export(ALL, &json!({ "LastDateTime": before.snapshot }))?;
    anyhow::ensure!(export.rows == changed, "the delta has {} rows in place of {changed}", export.rows);
    server.commit(&export)?;
    report.add(&delta_of(size), SAYSO, Unit::Milliseconds, export.took.as_secs_f64() * 1e3);
    Ok(())
}

/// Exports 1,000 profiles by what is known of them.
fn values(site: &Site, report: &mut Report, size: &str) -> anyhow::Result<()> {
    let some = &site.cut.some;
    let ids: Vec<Value> = some.iter().map(|(id, _)| json!(id)).collect();
    let emails: Vec<Value> = some.iter().map(|(_, email)| json!(email)).collect();
    for (criteria, values) in [("ProfileId", ids), ("EmailAddress", emails)] {
        let count = values.len() as u64;
        let export = site.server.export(ALL, &json!({ "MatchCriteria": criteria, "Values": values }))?;
        anyhow::ensure!(export.rows == count, "{criteria} matched {} rows in place of {count}", export.rows);
        site.server.commit(&export)?;
        report.add(&values_of(criteria, size), SAYSO, Unit::Milliseconds, export.took.as_secs_f64() * 1e3);
    }
    Ok(())
}

fn delta_of(size: &str) -> String {
    format!("a delta of 1,000 changed profiles of {size}")
}

fn values_of(criteria: &str, size: &str) -> String {
    format!("1,000 Values of {criteria}, of {size}")
}

fn bounds(report: &mut Report, size: &str) {
    let emails = values_of("EmailAddress", size);
    let ids = values_of("ProfileId", size);
    for (what, bound) in [(delta_of(size), 300.0), (ids, 200.0), (emails, 200.0)] {
        if let Some(took) = report.median(&what, SAYSO) {
            report.target(&what, Unit::Milliseconds, took, Bound::AtMost(bound));
        }
    }
}

fn size(profiles: u64) -> String {
    match profiles {
        ..1000 => profiles.to_string(),
        1000..1_000_000 => format!("{},{:03}", profiles / 1000, profiles % 1000),
        _ => format!("{},{:03},{:03}", profiles / 1_000_000, profiles / 1000 % 1000, profiles % 1000),
    }
}
