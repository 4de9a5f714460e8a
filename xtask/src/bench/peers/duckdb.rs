//! DuckDB in memory, in one process that stays: once with ready rows and columns to filter by, once with the rows taken apart.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};

use crate::bench::{cut::Cut, memory::Watch, program, program::Service};

pub(in crate::bench) struct DuckDb {
    dir: PathBuf,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    /// What loading the ready rows into a file took, with a key and an index, durable.
    pub(in crate::bench) loaded: Duration,
    pub(in crate::bench) memory: Watch,
    // dropped after its stdin, at whose end it ends
    _service: Service,
}

/// How the rows are kept.
#[derive(Clone, Copy)]
pub(in crate::bench) enum Table {
    /// Ready text, written as it is.
    Text,
    /// Columns of lists and structs, made JSON by `COPY … TO`.
    Nested,
}

impl DuckDb {
    /// Starts it and measures loading into a file; loads both tables if they are `wanted`.
    pub(in crate::bench) fn start(python: &Path, dir: &Path, cut: &Cut, wanted: bool) -> anyhow::Result<Self> {
        let mut command = Command::new(python);
        command.arg(program::root().join("bench/duckdb_peer.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut service = Service::start(&mut command)?;
        let stdin = service.child().stdin.take().expect("it was piped");
        let stdout = BufReader::new(service.child().stdout.take().expect("it was piped"));
        let memory = Watch::start(service.pid());
        let loaded = Duration::ZERO;
        let mut this = Self { dir: dir.to_owned(), stdin, stdout, loaded, memory, _service: service };
        let (columns, rows) = (cut.columns.display(), cut.rows.display());
        let read = format!(
            "read_csv('{columns}', delim = chr(2), quote = '', escape = '', header = false, columns = {{'id': 'BIGINT', 'state': 'VARCHAR', 'news': 'BOOLEAN', 'doc': 'VARCHAR'}})"
        );
        this.loaded = this.load_file(&read)?;
        if !wanted {
            return Ok(this);
        }
        this.run(&format!("CREATE TABLE text AS SELECT * FROM {read}"))?;
        // pages are asked of every database by the same query
        this.run("CREATE VIEW profile AS SELECT id, doc FROM text")?;
        this.run(&format!(
            "CREATE TABLE nested AS SELECT rows.*, text.state, text.news FROM read_json('{rows}', format = 'newline_delimited') AS rows JOIN text ON text.id = rows.\"ProfileId\" ORDER BY text.id"
        ))?;
        Ok(this)
    }

    /// Loads ready rows into a file that is thrown away; how long it took.
    fn load_file(&mut self, read: &str) -> anyhow::Result<Duration> {
        let file = self.dir.join("duckdb.db");
        self.run(&format!("ATTACH '{}' AS disk", file.display()))?;
        self.run("CREATE TABLE disk.profile (id BIGINT PRIMARY KEY, state VARCHAR, news BOOLEAN, doc VARCHAR)")?;
        let steps = [
            format!("INSERT INTO disk.profile SELECT * FROM {read}"),
            "CREATE INDEX profile_state ON disk.profile (state)".to_owned(),
            "CHECKPOINT disk".to_owned(),
        ];
        let took: anyhow::Result<Vec<_>> = steps.iter().map(|sql| Ok(self.run(sql)?.0)).collect();
        self.run("DETACH disk")?;
        fs::remove_file(file)?;
        Ok(took?.into_iter().sum())
    }

    /// Runs queries, all their rows fetched into Python and thrown away: how long each took.
    pub(in crate::bench) fn queries(&mut self, queries: &[String]) -> anyhow::Result<Vec<Duration>> {
        queries.iter().map(|sql| self.ask(&json!({ "sql": sql, "fetch": true })).map(|(took, _)| took)).collect()
    }

    fn run(&mut self, sql: &str) -> anyhow::Result<(Duration, Option<u64>)> {
        self.ask(&json!({ "sql": sql }))
    }

    fn ask(&mut self, asked: &Value) -> anyhow::Result<(Duration, Option<u64>)> {
        writeln!(self.stdin, "{asked}")?;
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        let answer: Value = serde_json::from_str(&line).context("DuckDB gave no answer")?;
        if let Some(error) = answer["error"].as_str() {
            bail!("{}", error.lines().next().unwrap_or(error));
        }
        let seconds = answer["seconds"].as_f64().context("no seconds")?;
        Ok((Duration::from_secs_f64(seconds), answer["rows"].as_u64()))
    }

    /// Writes the rows that meet a condition to a file.
    pub(in crate::bench) fn copy(&mut self, table: Table, condition: &str, rows: u64) -> anyhow::Result<Duration> {
        let file = self.dir.join("duckdb-copy");
        let place = file.display();
        let sql = match table {
            Table::Text => format!(
                "COPY (SELECT doc FROM text WHERE {condition}) TO '{place}' (FORMAT csv, HEADER false, DELIMITER E'\\x02', QUOTE E'\\x01', ESCAPE E'\\x01')"
            ),
            Table::Nested => format!(
                "COPY (SELECT * EXCLUDE (state, news) FROM nested WHERE {condition}) TO '{place}' (FORMAT json)"
            ),
        };
        let (took, copied) = self.run(&sql)?;
        fs::remove_file(&file)?;
        ensure!(copied == Some(rows), "DuckDB copied {copied:?} rows in place of {rows}");
        Ok(took)
    }

    /// Writes the ready rows and columns as a Parquet file, for peers that read those.
    pub(in crate::bench) fn parquet(&mut self) -> anyhow::Result<PathBuf> {
        let file = self.dir.join("profile.parquet");
        self.run(&format!("COPY (SELECT * FROM text ORDER BY id) TO '{}' (FORMAT parquet)", file.display()))?;
        Ok(file)
    }
}
