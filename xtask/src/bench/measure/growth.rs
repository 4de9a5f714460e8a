//! What grows with the number of profiles, and what must not.

use serde_json::{Value, json};

use crate::bench::{
    cut::{self, PAGE},
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
}

/// Measures it at 10,000, 100,000, the main size (whose exports were measured before).
pub(in crate::bench) fn growth(
    maker: &Maker<'_>,
    peers: &Peers,
    report: &mut Report,
    main: &Site,
    main_times: Option<Times>,
    rounds: u32,
) -> anyhow::Result<()> {
    report.section(
        "Growth",
        "The same at several sizes: Initiate to Complete of all rows and of the 20 % segment, one full page of 1,000 rows at the end, a delta (`LastDateTime`) after 1,000 profiles were changed over HTTP, exports of 1,000 `Values` (ids, email addresses), and the server's memory beyond the page cache while it did all that.\n\n![Rows a second against the size of an export](performance.svg)",
    );
    let mut points = Vec::new();
    for profiles in [10_000, 100_000].into_iter().filter(|&profiles| profiles < main.profiles) {
        let loaded = maker.load("growing", profiles)?;
        let site = Site::open(maker, profiles, &loaded.data)?;
        let times = export::measure(&site, peers, report, rounds)?;
        points.push(measure(report, &site, times, rounds)?);
        drop(site);
        std::fs::remove_dir_all(&loaded.data)?;
    }
    let main_times = main_times.map_or_else(|| export::measure(main, peers, report, rounds), Ok)?;
    points.push(measure(report, main, main_times, rounds)?);
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
    for (what, bound) in
        [(delta_of(&size), 300.0), (values_of("ProfileId", &size), 200.0), (values_of("EmailAddress", &size), 200.0)]
    {
        if let Some(took) = report.median(&what, SAYSO) {
            report.target(&what, Unit::Milliseconds, took, Bound::AtMost(bound));
        }
    }
    Ok(Point { times, page: median(&page) })
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
fn values(site: &Site, report: &mut Report, some: &[(u64, String)]) -> anyhow::Result<()> {
    let ids: Vec<Value> = some.iter().map(|(id, _)| json!(id)).collect();
    let emails: Vec<Value> = some.iter().map(|(_, email)| json!(email)).collect();
    for (criteria, values) in [("ProfileId", ids), ("EmailAddress", emails)] {
        let count = values.len() as u64;
        let export = site.server.export(ALL, &json!({ "MatchCriteria": criteria, "Values": values }))?;
        anyhow::ensure!(export.rows == count, "{criteria} matched {} rows in place of {count}", export.rows);
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

/// Time grows as the rows do; a page doesn't care.
fn bounds(report: &mut Report, points: &[Point]) {
    let small = points.iter().find(|point| point.times.rows >= 100_000);
    let (Some(small), Some(big)) = (small, points.last()) else { return };
    let (a, b) = (big.times, small.times);
    if a.rows == b.rows {
        return;
    }
    let sizes = format!("{}, against {}", thousands(a.rows as f64), thousands(b.rows as f64));
    let ratio = (a.all / a.rows as f64) / (b.all / b.rows as f64);
    report.target(&format!("time per row of an export of {sizes}"), Unit::Times, ratio, Bound::AtMost(1.3));
    let ratio = (a.all / a.all_dd) / (b.all / b.all_dd);
    report.target(&format!("the same, each against its `dd`: {sizes}"), Unit::Times, ratio, Bound::AtMost(1.3));
    report.target(&format!("the last page of {sizes}"), Unit::Times, big.page / small.page, Bound::AtMost(1.1));
}
