//! The measurements, a file each.

pub(super) mod export;
pub(super) mod growth;
pub(super) mod load;
pub(super) mod many;
pub(super) mod pages;
pub(super) mod serve;
pub(super) mod slow;
pub(super) mod writes;

use std::path::Path;

use super::{
    cut::Cut,
    peers::{Peers, duckdb::DuckDb, postgres::Postgres, roapi::Roapi},
    report::{Report, Unit},
};

/// The databases, as far as they could be set up.
pub(super) struct Rivals {
    pub(super) postgres: Option<Postgres>,
    pub(super) duckdb: Option<DuckDb>,
    pub(super) roapi: Option<Roapi>,
}

impl Rivals {
    /// Loads the rows into each; how long it took stands in the section that is open.
    pub(super) fn set_up(peers: &Peers, report: &mut Report, dir: &Path, cut: &Cut) -> Self {
        eprintln!("loading the rows into the peers");
        let rate = |took: std::time::Duration| cut.count as f64 / took.as_secs_f64();
        let postgres = peers.place("postgres").and_then(|place| Postgres::start(place, dir, &cut.columns));
        let postgres = Peers::or_skip(report, "PostgreSQL", postgres);
        if let Some(postgres) = &postgres {
            let who = "PostgreSQL, ready rows, key and one index, nothing checked";
            report.add(load::WHAT, who, Unit::PerSecond, rate(postgres.loaded));
        }
        let duckdb = peers.place("duckdb").and_then(|place| DuckDb::start(place, dir, cut));
        let mut duckdb = Peers::or_skip(report, "DuckDB", duckdb);
        if let Some(duckdb) = &duckdb {
            let who = "DuckDB, ready rows, in memory, no index, nothing checked";
            report.add(load::WHAT, who, Unit::PerSecond, rate(duckdb.loaded));
        }
        let roapi = duckdb.as_mut().map(|duckdb| {
            let parquet = duckdb.parquet()?;
            Roapi::start(peers.place("roapi")?, &parquet)
        });
        let roapi = roapi.unwrap_or_else(|| Err(anyhow::anyhow!("it reads the Parquet file that DuckDB writes")));
        Self { postgres, duckdb, roapi: Peers::or_skip(report, "roapi", roapi) }
    }
}
