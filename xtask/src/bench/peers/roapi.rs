//! roapi: a read-only HTTP API over a table in memory (DataFusion), asked by SQL.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::ensure;

use crate::bench::{
    client::{self, Connection},
    memory::Watch,
    program::{self, Service},
};

pub(in crate::bench) struct Roapi {
    pub(in crate::bench) address: SocketAddr,
    pub(in crate::bench) memory: Watch,
    _service: Service,
}

impl Roapi {
    /// Serves a Parquet file.
    pub(in crate::bench) fn start(roapi: &Path, parquet: &Path) -> anyhow::Result<Self> {
        let port = program::free_port()?;
        let mut command = Command::new(roapi);
        command.args(["--addr-http", &format!("127.0.0.1:{port}")]);
        command.args(["--table", &format!("profile={}", parquet.display())]);
        let mut service = Service::start(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()))?;
        // it listens once all is loaded
        service.wait_for_port(port, Duration::from_secs(120))?;
        let memory = Watch::start(service.pid());
        Ok(Self { address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)), memory, _service: service })
    }

    /// A query as a request.
    pub(in crate::bench) fn request(sql: &str) -> Vec<u8> {
        client::post("/api/sql", "Content-Type: text/plain\r\n", sql)
    }

    /// Runs a query that must give at least one byte for each of `rows` rows, which are thrown away.
    pub(in crate::bench) fn query(&self, sql: &str, rows: u64) -> anyhow::Result<Duration> {
        let started = Instant::now();
        let length = Connection::open(self.address)?.discard(&Self::request(sql), 200)?;
        ensure!(length > rows, "{length} bytes for {rows} rows");
        Ok(started.elapsed())
    }
}
