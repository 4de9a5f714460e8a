//! What grows with the number of profiles, and what must not.

use std::path::Path;

use serde_json::{Value, json};

use crate::bench::{
    cut::{self, Known, PAGE},
    data::{ALL, Maker},
    measure::{
        Site,
        export::{self, Times},
    },
    peers::Peers,
    plot::Line,
    report::{Bound, Report, SAYSO, Unit, thousands},
    server::{Export, Server},
    stats::{median, percentile},
    walk,
};

/// What was measured at one size.
struct Point {
    times: Times,
    /// A full page at the end, milliseconds.
    page: f64,
    /// The server's at the most, megabytes.
    memory: f64,
}

/// What profiles are asked for by.
const CRITERIA: [&str; 4] = ["ProfileId", "AlternateId", "EmailAddress", "PhoneNumber"];

/// Measures it at 10,000, 100,000, the main size (whose exports were measured before), and a larger one.
pub(in crate::bench) fn growth(
    maker: &Maker<'_>,
    peers: &Peers,
    report: &mut Report,
    main: &Site,
    main_times: Option<Times>,
    largest: u64,
    rounds: u32,
) -> anyhow::Result<()> {
    report.section(
        "Growth",
        "The same at several sizes: Initiate to Complete of all rows and of the 20 % segment, one full page of 1,000 rows at the end, a delta (`LastDateTime`) after 1,000 profiles were changed over HTTP, exports of 1,000 `Values` of profiles that lie evenly spread, and the server's memory beyond the page cache while it did all that.\n\n![Rows a second against the size of an export](performance.svg)",
    );
    let mut points = Vec::new();
    for profiles in [10_000, 100_000].into_iter().filter(|&profiles| profiles < main.profiles) {
        points.push(made_for_it(maker, peers, report, profiles, rounds)?);
    }
    let main_times = main_times.map_or_else(|| export::measure(main, peers, report, rounds), Ok)?;
    main.server.memory.peak();
    points.push(measure(report, main, main_times, rounds)?);
    if largest > main.profiles {
        match room(maker.dir, largest) {
            Ok(()) => points.push(made_for_it(maker, peers, report, largest, rounds)?),
            Err(why) => report.note(&why),
        }
    }
    bounds(report, &points);
    let line = |name: &str, point: &dyn Fn(&Times) -> (u64, f64)| Line {
        name: name.to_owned(),
        points: points
            .iter()
            .map(|p| point(&p.times))
            .map(|(rows, seconds)| (rows as f64, rows as f64 / seconds))
            .filter(|(_, rate)| rate.is_finite())
            .collect(),
    };
    report.plot = vec![
        line("Sayso, all rows", &|t| (t.rows, t.all)),
        line("Sayso, 20 % segment", &|t| (t.fifth_rows, t.fifth)),
        line("dd, bytes of all rows", &|t| (t.rows, t.all_dd)),
    ];
    Ok(())
}

/// Measures it on a data directory that is made for it and removed.
fn made_for_it(
    maker: &Maker<'_>,
    peers: &Peers,
    report: &mut Report,
    profiles: u64,
    rounds: u32,
) -> anyhow::Result<Point> {
    let loaded = maker.load("growing", profiles)?;
    let site = Site::open(maker, profiles, &loaded.data)?;
    let times = export::measure(&site, peers, report, rounds)?;
    // as the main size, which was exported by another server
    drop(site);
    let site = Site::open(maker, profiles, &loaded.data)?;
    let point = measure(report, &site, times, rounds)?;
    drop(site);
    std::fs::remove_dir_all(&loaded.data)?;
    Ok(point)
}

/// Whether the disk has room for so many profiles, an export of them and `dd`'s copy of that; the words that say it has not.
fn room(dir: &Path, profiles: u64) -> Result<(), String> {
    const EACH: u64 = 13_500;
    let disk = rustix::fs::statvfs(dir).map_err(|error| format!("the disk's free room can't be told: {error}"))?;
    let (free, wanted) = (disk.f_bavail * disk.f_frsize, profiles * EACH);
    if free >= wanted {
        return Ok(());
    }
    let gigabytes = |bytes: u64| bytes / 1_000_000_000;
    Err(format!(
        "{} profiles were left out: they, their export and its copy take {} GB, and the disk has {} GB.",
        thousands(profiles as f64),
        gigabytes(wanted),
        gigabytes(free),
    ))
}

fn measure(report: &mut Report, site: &Site, times: Times, rounds: u32) -> anyhow::Result<Point> {
    let (server, size) = (&site.server, site.size());
    let mut page = Vec::new();
    let all = server.export(ALL, &json!({}))?;
    let some = cut::some(server, &all)?;
    let mut before = all.clone();
    for round in 0..rounds {
        page.push(last_page(server, report, &all, &size)?);
        before = delta(site, report, &before, round)?;
        values(site, report, &some)?;
    }
    server.commit(&all)?;
    let memory = server.memory.peak();
    report.memory(&format!("growth, {size} profiles"), memory);
    report.add(&format!("memory at {size}"), SAYSO, Unit::Megabytes, memory);
    let values = CRITERIA.map(|criteria| (values_of(criteria, &size), 200.0));
    for (what, bound) in std::iter::once((delta_of(&size), 300.0)).chain(values) {
        if let Some(took) = report.median(&what, SAYSO) {
            report.target(&what, Unit::Milliseconds, took, Bound::AtMost(bound));
        }
    }
    Ok(Point { times, page: median(&page), memory })
}

fn last_page(server: &Server, report: &mut Report, all: &Export, size: &str) -> anyhow::Result<f64> {
    let offset = (all.rows / PAGE).saturating_sub(1) * PAGE + 1;
    let walk = walk::once(server.address, &vec![server.page(all.token, PAGE, offset); 51], 1)?;
    let middle = percentile(&walk.latencies, 0.5);
    report.add(&format!("the last full page of {size}"), SAYSO, Unit::Milliseconds, middle);
    Ok(middle)
}

/// Changes 1,000 profiles and exports what has changed since `before`; gives that export, ended.
fn delta(site: &Site, report: &mut Report, before: &Export, round: u32) -> anyhow::Result<Export> {
    let server = &site.server;
    let body = json!({"CustomFields": [{"Name": "FavoriteStore", "Value": format!("Store {round}")}]}).to_string();
    let changed = 1000.min(site.profiles);
    let step = site.profiles / changed;
    let updates: Vec<_> = (0..changed).map(|at| server.update(1 + at * step, &body)).collect();
    walk::once(server.address, &updates, 64)?;
    let export = server.export(ALL, &json!({ "LastDateTime": before.snapshot }))?;
    anyhow::ensure!(export.rows == changed, "the delta has {} rows in place of {changed}", export.rows);
    server.commit(&export)?;
    report.add(&delta_of(&site.size()), SAYSO, Unit::Milliseconds, export.took.as_secs_f64() * 1e3);
    Ok(export)
}

/// Exports 1,000 profiles by what is known of them.
fn values(site: &Site, report: &mut Report, some: &[Known]) -> anyhow::Result<()> {
    let of = |value: fn(&Known) -> Value| some.iter().map(value).collect::<Vec<_>>();
    let asked = [
        of(|known| json!(known.profile)),
        of(|known| json!(known.alternate_id)),
        of(|known| json!(known.email)),
        of(|known| json!(known.phone)),
    ];
    for (criteria, values) in CRITERIA.into_iter().zip(asked) {
        let count = values.len() as u64;
        let mut body = json!({ "MatchCriteria": criteria, "Values": values });
        if criteria == "AlternateId" {
            body["MatchType"] = json!(cut::ALTERNATE_ID_TYPE);
        }
        let export = site.server.export(ALL, &body)?;
        // people may share a telephone
        let is_right = if criteria == "PhoneNumber" { export.rows >= count } else { export.rows == count };
        anyhow::ensure!(is_right, "{criteria} matched {} rows in place of {count}", export.rows);
        site.server.commit(&export)?;
        report.add(&values_of(criteria, &site.size()), SAYSO, Unit::Milliseconds, export.took.as_secs_f64() * 1e3);
    }
    Ok(())
}

fn delta_of(size: &str) -> String {
    format!("a delta of 1,000 changed profiles of {size}")
}

fn values_of(criteria: &str, size: &str) -> String {
    format!("1,000 Values of {criteria}, of {size}")
}

/// Time grows as the rows do; a page and the memory don't.
fn bounds(report: &mut Report, points: &[Point]) {
    for (small, big) in points.iter().zip(points.iter().skip(1)) {
        let (a, b) = (big.times, small.times);
        let sizes = format!("{}, against {}", thousands(a.rows as f64), thousands(b.rows as f64));
        let ratio = (a.all / a.rows as f64) / (b.all / b.rows as f64);
        report.target(&format!("time per row of an export of {sizes}"), Unit::Times, ratio, Bound::AtMost(1.3));
        let ratio = (a.all / a.all_dd) / (b.all / b.all_dd);
        report.target(&format!("the same, each against its `dd`: {sizes}"), Unit::Times, ratio, Bound::AtMost(1.3));
        report.target(&format!("the last page of {sizes}"), Unit::Times, big.page / small.page, Bound::AtMost(1.1));
        let what = format!("memory at {sizes}");
        report.target(&what, Unit::Times, big.memory / small.memory, Bound::AtMost(1.3));
    }
}
