//! PostgreSQL in a cluster of its own, reached over a socket in its folder.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, ensure};

use crate::bench::{data::STATES, program};

/// Memory for sorting, no checkpoint in the middle; the rows stay in the page cache, where everybody's are.
const SETTINGS: &str = "-c listen_addresses= -c wal_level=minimal -c max_wal_senders=0 -c shared_buffers=1GB -c work_mem=512MB -c maintenance_work_mem=1GB -c max_wal_size=16GB -c checkpoint_timeout=1h -c max_parallel_workers_per_gather=2 -c jit=off";

pub(in crate::bench) struct Postgres {
    bin: PathBuf,
    dir: PathBuf,
    /// What the set-up's steps took together.
    pub(in crate::bench) loaded: Duration,
}

impl Postgres {
    /// Makes the cluster in `dir/postgres`, starts it, and loads `rows`.
    pub(in crate::bench) fn start(postgres: &Path, dir: &Path, rows: &Path) -> anyhow::Result<Self> {
        let bin = postgres.parent().context("no folder of programs")?.to_owned();
        let dir = dir.join("postgres");
        // of a try that failed
        if dir.exists() {
            fs::remove_dir_all(&dir)?;
        }
        fs::create_dir(&dir)?;
        // PostgreSQL refuses to run as root
        if rustix::process::geteuid().is_root() {
            program::run(Command::new("chown").arg("postgres").arg(&dir))?;
        }
        let mut this = Self { bin, dir, loaded: Duration::ZERO };
        let cluster = this.dir.join("cluster");
        program::run(
            this.command("initdb").args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]).arg(&cluster),
        )?;
        let options = format!("{SETTINGS} -k {}", this.dir.display());
        let log = this.dir.join("log");
        program::run(
            this.command("pg_ctl").arg("-D").arg(&cluster).arg("-l").arg(log).args(["-w", "-o", &options, "start"]),
        )?;
        let script = program::root().join("bench/postgres.sql");
        let told = program::run(this.psql().arg("-v").arg(format!("rows={}", rows.display())).arg("-f").arg(script))?;
        this.loaded = times(&told).into_iter().sum();
        Ok(this)
    }

    fn command(&self, name: &str) -> Command {
        let place = self.bin.join(name);
        let mut command = if rustix::process::geteuid().is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(place);
            command
        } else {
            Command::new(place)
        };
        command.current_dir("/");
        command
    }

    fn psql(&self) -> Command {
        let mut command = self.command("psql");
        command
            .args(["-X", "-At", "-U", "postgres", "-d", "postgres", "-v", "ON_ERROR_STOP=1"])
            .arg("-h")
            .arg(&self.dir);
        command
    }

    /// The condition of the segment of one in five.
    pub(in crate::bench) fn fifth() -> String {
        format!("news AND state IN ({})", STATES.map(|state| format!("'{state}'")).join(", "))
    }

    /// Copies the documents of `rows` rows to a file: how long the server took.
    pub(in crate::bench) fn copy(&self, condition: &str, rows: u64) -> anyhow::Result<Duration> {
        let file = self.dir.join("copy");
        let sql = format!(
            "COPY (SELECT doc FROM profile WHERE {condition}) TO '{}' (FORMAT csv, DELIMITER E'\\x02', QUOTE E'\\x01')",
            file.display()
        );
        let told = program::run(self.psql().args(["-c", "\\timing on", "-c", &sql]))?;
        fs::remove_file(&file)?;
        let copied = told.lines().find_map(|line| line.strip_prefix("COPY ")).unwrap_or("nothing");
        ensure!(copied == rows.to_string(), "PostgreSQL copied {copied} rows in place of {rows}");
        Ok(times(&told).into_iter().sum())
    }

    /// Stops it and removes the cluster, so that another has the place.
    pub(in crate::bench) fn remove(self) -> anyhow::Result<()> {
        let dir = self.dir.clone();
        drop(self);
        Ok(fs::remove_dir_all(dir)?)
    }

    /// Runs queries over one connection, their rows thrown away: how long each took, as the client sees it.
    pub(in crate::bench) fn queries(&self, queries: &[String]) -> anyhow::Result<Vec<Duration>> {
        let script = self.dir.join("queries.sql");
        // \timing tells on stdout whatever \o says
        let text = format!("\\o /dev/null\n\\timing on\n{};\n", queries.join(";\n"));
        fs::write(&script, text)?;
        let told = program::run(self.psql().arg("-f").arg(&script))?;
        let times = times(&told);
        ensure!(times.len() == queries.len(), "psql told {} times of {} queries", times.len(), queries.len());
        Ok(times)
    }
}

/// psql's `Time: 12.345 ms (00:01.234)`.
fn times(told: &str) -> Vec<Duration> {
    let words = told.lines().filter_map(|line| line.strip_prefix("Time: ")?.split(' ').next());
    words.filter_map(|ms| ms.parse::<f64>().ok()).map(|ms| Duration::from_secs_f64(ms / 1e3)).collect()
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let cluster = self.dir.join("cluster");
        let _ = program::run(self.command("pg_ctl").arg("-D").arg(cluster).args(["-w", "-m", "immediate", "stop"]));
    }
}
