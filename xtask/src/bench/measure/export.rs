//! Initiate to Complete, against writing the same bytes and against databases that write the same rows.

use std::{fs, path::Path};

use serde_json::json;

use crate::bench::{
    cut::{self, Cut},
    data::{ALL, FIFTH},
    measure::Rivals,
    peers::{Peers, duckdb::Table, limits, postgres::Postgres},
    report::{Bound, Report, SAYSO, Unit},
    server::Server,
};

pub(in crate::bench) const DD: &str = "dd conv=fsync, the same bytes";

struct Job {
    what: String,
    segment: &'static str,
    condition: String,
    rows: u64,
}

/// Measures it.
pub(in crate::bench) fn export(
    server: &Server,
    peers: &Peers,
    rivals: &mut Rivals,
    report: &mut Report,
    cut: &Cut,
    rounds: u32,
) -> anyhow::Result<()> {
    report.section(
        "Export",
        "Initiate to Complete, as a caller sees it who asks for the Status every 2 ms; the files are synced to disk before Complete. `dd` copies the same bytes from the page cache and syncs them. The peers filter by ready columns and write to a file without a sync: PostgreSQL `COPY (SELECT doc …) TO`, DuckDB `COPY … TO` with ready rows and with nested columns as JSON, roapi an answer over HTTP that is thrown away.",
    );
    let fifth_file = cut.rows.with_file_name("fifth.bytes");
    let first = server.export(FIFTH, &json!({}))?;
    cut::bytes(server, &first, &fifth_file)?;
    server.commit(&first)?;
    let share = first.rows as f64 * 100.0 / cut.count as f64;
    let megabytes = |path: &Path| -> anyhow::Result<u64> { Ok(fs::metadata(path)?.len() / 1_000_000) };
    let jobs = [
        Job {
            what: format!("{share:.1} % of the rows: {}, {} MB", first.rows, megabytes(&fifth_file)?),
            segment: FIFTH,
            condition: Postgres::fifth(),
            rows: first.rows,
        },
        Job {
            what: format!("all rows: {}, {} MB", cut.count, megabytes(&cut.rows)?),
            segment: ALL,
            condition: "true".to_owned(),
            rows: cut.count,
        },
    ];
    for _ in 0..rounds {
        for (job, file) in jobs.iter().zip([&fifth_file, &cut.rows]) {
            own(server, report, job)?;
            if let Some(dd) = Peers::or_skip(report, "dd", peers.place("dd")) {
                report.add(&job.what, DD, Unit::Seconds, limits::dd(dd, file)?.as_secs_f64());
            }
            theirs(rivals, report, job);
        }
    }
    report.memory("exports", server.memory.peak());
    for (job, words, bound) in [(&jobs[0], "a 20 % segment", 3.0), (&jobs[1], "all rows", 1.3)] {
        let what = format!("Initiate→Complete of {words}, against `dd` of the same bytes");
        report.ratio(&what, (&job.what, SAYSO), (&job.what, DD), Bound::AtMost(bound));
    }
    if let Some(duckdb) = &rivals.duckdb {
        report.note(&format!("DuckDB had {:.0} MB of memory of its own at the most.", duckdb.memory.peak()));
    }
    if let Some(roapi) = &rivals.roapi {
        report.note(&format!("roapi had {:.0} MB of memory of its own at the most.", roapi.memory.peak()));
    }
    fs::remove_file(&fifth_file)?;
    Ok(())
}

fn own(server: &Server, report: &mut Report, job: &Job) -> anyhow::Result<()> {
    let export = server.export(job.segment, &json!({}))?;
    anyhow::ensure!(export.rows == job.rows, "the export has {} rows in place of {}", export.rows, job.rows);
    server.commit(&export)?;
    report.add(&job.what, SAYSO, Unit::Seconds, export.took.as_secs_f64());
    Ok(())
}

fn theirs(rivals: &mut Rivals, report: &mut Report, job: &Job) {
    let mut tell = |who: &str, took: anyhow::Result<std::time::Duration>| match took {
        Ok(took) => report.add(&job.what, who, Unit::Seconds, took.as_secs_f64()),
        Err(error) => report.note(&format!("{who}, {}: {error:#}", job.what)),
    };
    if let Some(postgres) = &rivals.postgres {
        tell("PostgreSQL COPY TO", postgres.copy(&job.condition, job.rows));
    }
    if let Some(duckdb) = &mut rivals.duckdb {
        tell("DuckDB COPY TO, ready rows", duckdb.copy(Table::Text, &job.condition, job.rows));
        tell("DuckDB COPY TO JSON, nested columns", duckdb.copy(Table::Nested, &job.condition, job.rows));
    }
    if let Some(roapi) = &rivals.roapi {
        let sql = format!("SELECT doc FROM profile WHERE {}", job.condition);
        tell("roapi SQL over HTTP", roapi.query(&sql, job.rows));
    }
}
