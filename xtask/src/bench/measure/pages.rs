//! Pages of all rows, against databases that are asked for the same rows.

use std::time::Duration;

use serde_json::json;

use crate::bench::{
    cut::{Cut, PAGE},
    data::ALL,
    measure::Rivals,
    report::{Report, SAYSO, Unit},
    server::Server,
    stats::percentile,
    walk,
};

/// Measures it.
pub(in crate::bench) fn pages(
    server: &Server,
    rivals: &mut Rivals,
    report: &mut Report,
    cut: &Cut,
    rounds: u32,
) -> anyhow::Result<()> {
    report.section(
        "Pages against databases",
        "Pages of 1,000 rows over one connection, from the request to the last byte; a hundred pages evenly spread stand for all. PostgreSQL over a local socket through psql, by keyset (`WHERE id >= … ORDER BY id LIMIT 1000`) and by OFFSET; roapi by keyset over HTTP. Sayso over HTTP with OAuth.",
    );
    let all = server.export(ALL, &json!({}))?;
    let apart = server.pages(&all, PAGE).len().div_ceil(100).max(1);
    let spread: Vec<_> = server.pages(&all, PAGE).into_iter().step_by(apart).collect();
    let last = (all.rows.saturating_sub(1) / PAGE) * PAGE;
    let (walk_of, last_of) = ("rows from spread pages", "the last page");
    let keyset: Vec<_> = cut.spans.iter().map(|span| keyset(span.0)).collect();
    let rows = (cut.spans.len() as u64 * PAGE).min(all.rows) as f64;
    let mut tell = |who: &str, walk: anyhow::Result<Duration>, end: anyhow::Result<Duration>| match (walk, end) {
        (Ok(walk), Ok(end)) => {
            report.add(walk_of, who, Unit::PerSecond, rows / walk.as_secs_f64());
            report.add(last_of, who, Unit::Milliseconds, end.as_secs_f64() * 1e3);
        }
        (Err(error), _) | (_, Err(error)) => report.note(&format!("{who}: {error:#}")),
    };
    for _ in 0..rounds {
        let walk = walk::once(server.address, &spread, 1)?;
        let end = walk::once(server.address, &vec![server.page(all.token, PAGE, last + 1); 21], 1)?;
        let end = Duration::from_secs_f64(percentile(&end.latencies, 0.5) / 1e3);
        tell(SAYSO, Ok(Duration::from_secs_f64(walk.seconds)), Ok(end));
        if let Some(postgres) = &rivals.postgres {
            let sum = |times: Vec<Duration>| times.iter().sum();
            let end = keyset.last().map(|query| postgres.queries(std::slice::from_ref(query)).map(sum));
            let end = end.unwrap_or(Ok(Duration::ZERO));
            tell("PostgreSQL, keyset", postgres.queries(&keyset).map(sum), end);
            // a hundred pages by OFFSET would read the whole table fifty times: four stand for them
            let offsets = [0, last / 3, last * 2 / 3, last].map(offset);
            let four = postgres.queries(&offsets);
            let end = four.as_ref().map(|times| times[3]).map_err(|error| anyhow::anyhow!("{error:#}"));
            let scale = rows / (4 * PAGE) as f64;
            tell("PostgreSQL, OFFSET", four.map(sum).map(|four: Duration| four.mul_f64(scale)), end);
        }
        if let Some(roapi) = &rivals.roapi {
            let all: anyhow::Result<Duration> = keyset.iter().map(|query| roapi.query(query, 1)).sum();
            let end = keyset.last().map_or(Ok(Duration::ZERO), |query| roapi.query(query, 1));
            tell("roapi, keyset", all, end);
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
