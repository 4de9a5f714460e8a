//! Databases that filter the same rows and write them to a file, and that give the same pages.

use std::{fs, time::Duration};

use serde_json::json;

use crate::bench::{
    cut::{Cut, PAGE},
    data::{ALL, FIFTH, Maker},
    measure::{Site, load},
    peers::{
        Peers,
        duckdb::{DuckDb, Table},
        postgres::Postgres,
        roapi::Roapi,
    },
    report::{Report, SAYSO, Unit},
    stats::percentile,
    walk,
};

/// They keep the rows in memory, or in a page cache of their own, beside one another: more than these don't fit.
const MOST: u64 = 200_000;

/// How often the last page is read in a round; by OFFSET, which takes a third of a second each time, less often.
const TRIES: usize = 21;
const TRIES_BY_OFFSET: usize = 5;

/// The databases, as far as they could be set up.
struct Rivals {
    postgres: Option<Postgres>,
    duckdb: Option<DuckDb>,
    roapi: Option<Roapi>,
}

/// Measures them on a data directory of its own.
pub(in crate::bench) fn rivals(
    maker: &Maker<'_>,
    peers: &Peers,
    report: &mut Report,
    profiles: u64,
    rounds: u32,
) -> anyhow::Result<()> {
    let profiles = profiles.min(MOST);
    let loaded = maker.load("databases", profiles)?;
    report.section(
        "Databases",
        "As many profiles as fit into memory several times over, so that nobody waits for the disk to read. Load: Sayso from what callers send (2 KB each), checked, indexed, durable; the others from ready rows (5 KB, as exported, which PostgreSQL keeps uncompressed, since that is fastest to copy) with a key and one index, nothing checked. Export: Sayso over HTTP with OAuth, Initiate to Complete, synced to disk; PostgreSQL `COPY (SELECT doc …) TO` a file, DuckDB `COPY … TO` a file (ready rows; nested columns as JSON), roapi a SQL answer over HTTP that is thrown away, none of them synced; they filter by ready columns. Pages: 1,000 rows, one after the other; a hundred spread pages stand for all, four of them where OFFSET counts up to each; the last page is the middle one of 21 tries (of 5 by OFFSET). PostgreSQL over a local socket through psql, by keyset (`WHERE id >= … ORDER BY id LIMIT 1000`) and by OFFSET; DuckDB the same in its own process, fetched into Python; roapi by keyset over HTTP, connecting for each.",
    );
    let rate = profiles as f64 / loaded.took.as_secs_f64();
    report.add(load::WHAT, SAYSO, Unit::PerSecond, rate);
    let site = Site::open(maker, profiles, &loaded.data)?;
    let all = site.server.export(ALL, &json!({}))?;
    let cut = Cut::make(&site.server, &all, maker.dir)?;
    site.server.commit(&all)?;
    let mut rivals = Rivals::set_up(maker, peers, report, &cut, rounds)?;
    export(&site, &mut rivals, report, &cut, rounds)?;
    pages(&site, &mut rivals, report, &cut, rounds)?;
    report.best_peers();
    report.memory("beside databases", site.server.memory.peak());
    drop((rivals, site));
    for file in [&cut.columns, &cut.rows] {
        fs::remove_file(file)?;
    }
    fs::remove_dir_all(&loaded.data)?;
    Ok(())
}

impl Rivals {
    /// Loads the rows into each, in turn with one another and with Sayso, so many times; the last ones stay.
    fn set_up(maker: &Maker<'_>, peers: &Peers, report: &mut Report, cut: &Cut, rounds: u32) -> anyhow::Result<Self> {
        let dir = maker.dir;
        let rate = |took: Duration| cut.count as f64 / took.as_secs_f64();
        let mut rivals = Self { postgres: None, duckdb: None, roapi: None };
        for round in 0..rounds {
            // their places are free for the next
            rivals.duckdb = None;
            if let Some(postgres) = rivals.postgres.take() {
                postgres.remove()?;
            }
            if round > 0 {
                let loaded = maker.load("databases-again", cut.count)?;
                report.add(load::WHAT, SAYSO, Unit::PerSecond, rate(loaded.took));
                fs::remove_dir_all(&loaded.data)?;
            }
            let postgres = peers.place("postgres").and_then(|place| Postgres::start(place, dir, &cut.columns));
            rivals.postgres = Peers::or_skip(report, "PostgreSQL", postgres);
            if let Some(postgres) = &rivals.postgres {
                let who = "PostgreSQL COPY FROM, key and one index";
                report.add(load::WHAT, who, Unit::PerSecond, rate(postgres.loaded));
            }
            let is_last = round + 1 == rounds;
            let duckdb = peers.place("duckdb").and_then(|place| DuckDb::start(place, dir, cut, is_last));
            rivals.duckdb = Peers::or_skip(report, "DuckDB", duckdb);
            if let Some(duckdb) = &rivals.duckdb {
                let who = "DuckDB INSERT FROM read_csv, into a file, key and one index";
                report.add(load::WHAT, who, Unit::PerSecond, rate(duckdb.loaded));
            }
        }
        let roapi = rivals.duckdb.as_mut().map(|duckdb| Roapi::start(peers.place("roapi")?, &duckdb.parquet()?));
        let roapi = roapi.unwrap_or_else(|| Err(anyhow::anyhow!("it reads the Parquet file that DuckDB writes")));
        rivals.roapi = Peers::or_skip(report, "roapi", roapi);
        Ok(rivals)
    }
}

fn export(site: &Site, rivals: &mut Rivals, report: &mut Report, cut: &Cut, rounds: u32) -> anyhow::Result<()> {
    for _ in 0..rounds {
        for (segment, words, condition) in
            [(FIFTH, "the 20 % segment", Postgres::fifth()), (ALL, "all rows", "true".into())]
        {
            let what = format!("export of {words}");
            let own = site.server.export(segment, &json!({}))?;
            site.server.commit(&own)?;
            report.add(&what, SAYSO, Unit::Seconds, own.took.as_secs_f64());
            let mut tell = |who: &str, took: anyhow::Result<Duration>| match took {
                Ok(took) => report.add(&what, who, Unit::Seconds, took.as_secs_f64()),
                Err(error) => report.note(&format!("{who}, {what}: {error:#}")),
            };
            if let Some(postgres) = &rivals.postgres {
                tell("PostgreSQL COPY TO", postgres.copy(&condition, own.rows));
            }
            if let Some(duckdb) = &mut rivals.duckdb {
                tell("DuckDB COPY TO, ready rows", duckdb.copy(Table::Text, &condition, own.rows));
                tell("DuckDB COPY TO JSON, nested columns", duckdb.copy(Table::Nested, &condition, own.rows));
            }
            if let Some(roapi) = &rivals.roapi {
                let sql = format!("SELECT doc FROM profile WHERE {condition}");
                tell("roapi SQL over HTTP", roapi.query(&sql, own.rows));
            }
        }
    }
    report.note(&format!("{} rows.", cut.count));
    if let Some(duckdb) = &rivals.duckdb {
        report.note(&format!("DuckDB had {:.0} MB of memory of its own at the most.", duckdb.memory.peak()));
    }
    if let Some(roapi) = &rivals.roapi {
        report.note(&format!("roapi had {:.0} MB of memory of its own at the most.", roapi.memory.peak()));
    }
    Ok(())
}

fn pages(site: &Site, rivals: &mut Rivals, report: &mut Report, cut: &Cut, rounds: u32) -> anyhow::Result<()> {
    let server = &site.server;
    let all = server.export(ALL, &json!({}))?;
    let requests = server.pages(&all, PAGE);
    let apart = requests.len().div_ceil(100).max(1);
    let spread: Vec<_> = requests.into_iter().step_by(apart).collect();
    let last = (all.rows.saturating_sub(1) / PAGE) * PAGE;
    let (walk_of, last_of) = ("rows from spread pages", "the last page");
    let keyset: Vec<_> = cut.spans.iter().map(|span| keyset(span.0)).collect();
    // a hundred pages by OFFSET would read the whole table fifty times: four stand for them
    let offsets = [0, last / 3, last * 2 / 3, last].map(offset);
    // the last one again and again
    let again =
        |queries: &[String], tries: usize| queries.last().map_or_else(Vec::new, |query| vec![query.clone(); tries]);
    let (last_keyset, last_offset) = (again(&keyset, TRIES), again(&offsets, TRIES_BY_OFFSET));
    let rows = (cut.spans.len() as u64 * PAGE).min(all.rows) as f64;
    let scale = rows / (4 * PAGE) as f64;
    let mut tell = |who: &str, walk: anyhow::Result<Duration>, end: anyhow::Result<Duration>| match (walk, end) {
        (Ok(walk), Ok(end)) => {
            report.add(walk_of, who, Unit::PerSecond, rows / walk.as_secs_f64());
            report.add(last_of, who, Unit::Milliseconds, end.as_secs_f64() * 1e3);
        }
        (Err(error), _) | (_, Err(error)) => report.note(&format!("{who}: {error:#}")),
    };
    let sum = |times: Vec<Duration>| times.iter().sum();
    let middle = |times: Vec<Duration>| Duration::from_secs_f64(percentile(&times, 0.5) / 1e3);
    for _ in 0..rounds {
        let walk = walk::once(server.address, &spread, 1)?;
        let end = walk::once(server.address, &vec![server.page(all.token, PAGE, last + 1); TRIES], 1)?;
        tell(SAYSO, Ok(Duration::from_secs_f64(walk.seconds)), Ok(middle(end.latencies)));
        if let Some(postgres) = &rivals.postgres {
            tell("PostgreSQL, keyset", postgres.queries(&keyset).map(sum), postgres.queries(&last_keyset).map(middle));
            let four = postgres.queries(&offsets).map(sum).map(|four: Duration| four.mul_f64(scale));
            tell("PostgreSQL, OFFSET", four, postgres.queries(&last_offset).map(middle));
        }
        if let Some(duckdb) = &mut rivals.duckdb {
            for (who, queries, last, scale) in
                [("DuckDB, keyset", &keyset[..], &last_keyset, 1.0), ("DuckDB, OFFSET", &offsets, &last_offset, scale)]
            {
                let all = duckdb.queries(queries).map(sum).map(|all: Duration| all.mul_f64(scale));
                tell(who, all, duckdb.queries(last).map(middle));
            }
        }
        if let Some(roapi) = &rivals.roapi {
            let all: anyhow::Result<Duration> = keyset.iter().map(|query| roapi.query(query, 1)).sum();
            let end: anyhow::Result<Vec<_>> = last_keyset.iter().map(|query| roapi.query(query, 1)).collect();
            tell("roapi, keyset", all, end.map(middle));
        }
    }
    server.commit(&all)
}

fn keyset(first: u64) -> String {
    format!("SELECT doc FROM profile WHERE id >= {first} ORDER BY id LIMIT {PAGE}")
}

fn offset(rows: u64) -> String {
    format!("SELECT doc FROM profile ORDER BY id LIMIT {PAGE} OFFSET {rows}")
}
