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
    stats::percentile,
    walk,
};

/// What was measured at one size.
struct Point {
    times: Times,
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
        "The same at several sizes: Initiate to Complete of all rows and of the 20 % segment, one full page of 1,000 rows at the end (read in turn with the only page of an export of 1,000 rows, on the same server), a delta (`LastDateTime`) after 1,000 profiles were changed over HTTP, once one of everybody, exports of 1,000 `Values` of profiles that lie evenly spread, and the memory beyond the page cache of a server that does all of it but the exports of the first two, whose server's is told below, under Memory.\n\n![Rows a second against the size of an export](performance.svg)",
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
    report.memory(&format!("sayso load, {} profiles", site.size()), loaded.memory);
    let times = export::measure(&site, peers, report, rounds)?;
    report.memory(&format!("exports of {} profiles", site.size()), site.server.memory.peak());
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
    let all = server.export(ALL, &json!({}))?;
    let some = cut::some(server, &all)?;
    let profiles: Vec<_> = some.iter().map(|known| known.profile).collect();
    let few = server.export(ALL, &json!({ "MatchCriteria": "ProfileId", "Values": profiles }))?;
    let mut before = all.clone();
    for round in 0..rounds {
        last_page(server, report, &all, &few, &size)?;
        before = delta(site, report, &before, round)?;
        values(site, report, &some)?;
    }
    let since_ever = server.export(ALL, &json!({ "LastDateTime": "1900-01-01T00:00:00" }))?;
    anyhow::ensure!(since_ever.rows == all.rows, "{} of {} rows have changed since 1900", since_ever.rows, all.rows);
    report.add(&format!("a delta of all of {size}"), SAYSO, Unit::Seconds, since_ever.took.as_secs_f64());
    for export in [&all, &few, &since_ever] {
        server.commit(export)?;
    }
    let memory = server.memory.peak();
    report.ratio(
        &format!("the last page of {size}, against a page of an export of 1,000 rows"),
        (&last_page_of(&size), SAYSO),
        (&few_page_of(&size), SAYSO),
        Bound::AtMost(1.1),
    );
    report.memory(&format!("growth, {size} profiles"), memory);
    report.add(&format!("memory at {size}"), SAYSO, Unit::Megabytes, memory);
    let values = CRITERIA.map(|criteria| (values_of(criteria, &size), 200.0));
    for (what, bound) in std::iter::once((delta_of(&size), 300.0)).chain(values) {
        if let Some(took) = report.median(&what, SAYSO) {
            report.target(&what, Unit::Milliseconds, took, Bound::AtMost(bound));
        }
    }
    Ok(Point { times, memory })
}

/// A full page at the end of all rows in turn with the page of an export that has but one: the hour is the same for both.
fn last_page(server: &Server, report: &mut Report, all: &Export, few: &Export, size: &str) -> anyhow::Result<()> {
    let offset = (all.rows / PAGE).saturating_sub(1) * PAGE + 1;
    let pages = [
        (last_page_of(size), server.page(all.token, PAGE, offset)),
        (few_page_of(size), server.page(few.token, PAGE, 1)),
    ];
    let in_turn: Vec<_> = (0..51).flat_map(|_| pages.iter().map(|(_, request)| request.clone())).collect();
    let walk = walk::once(server.address, &in_turn, 1)?;
    for (at, (what, _)) in pages.iter().enumerate() {
        let own: Vec<_> = walk.latencies.iter().skip(at).step_by(pages.len()).copied().collect();
        report.add(what, SAYSO, Unit::Milliseconds, percentile(&own, 0.5));
    }
    Ok(())
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

fn last_page_of(size: &str) -> String {
    format!("the last full page of {size}")
}

fn few_page_of(size: &str) -> String {
    format!("the page of 1,000 rows, beside {size}")
}

fn delta_of(size: &str) -> String {
    format!("a delta of 1,000 changed profiles of {size}")
}

fn values_of(criteria: &str, size: &str) -> String {
    format!("1,000 Values of {criteria}, of {size}")
}

/// Time grows as the rows do, from the smallest size on. Memory is held against 100,000 profiles: an export of 10,000 has 50 MB, less than what the
/// parts of a larger one have in hand at once.
fn bounds(report: &mut Report, points: &[Point]) {
    let Some(smallest) = points.first() else { return };
    for point in &points[1..] {
        let (a, b) = (point.times, smallest.times);
        let against =
            |rows: u64, others: u64| format!("{}, against {}", thousands(rows as f64), thousands(others as f64));
        let ratio = (a.all / a.rows as f64) / (b.all / b.rows as f64);
        let what = format!("time per row of an export of {}", against(a.rows, b.rows));
        report.target(&what, Unit::Times, ratio, Bound::AtMost(1.3));
        let ratio = (a.fifth / a.fifth_rows as f64) / (b.fifth / b.fifth_rows as f64);
        let what = format!("time per row of a 20 % segment of {}", against(a.fifth_rows, b.fifth_rows));
        report.target(&what, Unit::Times, ratio, Bound::AtMost(1.3));
    }
    let Some((base, larger)) =
        points.iter().position(|point| point.times.rows >= 100_000).map(|at| (&points[at], &points[at + 1..]))
    else {
        return;
    };
    for point in larger {
        let what =
            format!("memory at {}, against {}", thousands(point.times.rows as f64), thousands(base.times.rows as f64));
        report.target(&what, Unit::Times, point.memory / base.memory, Bound::AtMost(1.3));
    }
}
