//! Whom Sayso is measured against. Each is installed by bench/peers.sh and skipped with a word where it can't be; each is set up
//! as well as we know how.

pub(super) mod duckdb;
pub(super) mod limits;
pub(super) mod nginx;
pub(super) mod postgres;
pub(super) mod roapi;

use std::{collections::BTreeMap, path::PathBuf, process::Command};

use super::{program, report::Report};

/// What bench/peers.sh found.
pub(super) struct Peers {
    found: BTreeMap<String, Result<PathBuf, String>>,
}

impl Peers {
    /// Installs what isn't there yet.
    pub(super) fn install() -> anyhow::Result<Self> {
        eprintln!("installing peers");
        let script = program::root().join("bench/peers.sh");
        let told = program::run(Command::new("sh").arg(script).arg(program::target().join("bench-peers")))?;
        let found = told.lines().filter_map(|line| match line.split_once('=') {
            Some((name, place)) if !name.contains('!') => Some((name.to_owned(), Ok(PathBuf::from(place)))),
            _ => line.split_once('!').map(|(name, reason)| (name.to_owned(), Err(reason.to_owned()))),
        });
        Ok(Self { found: found.collect() })
    }

    /// Where a peer is.
    pub(super) fn place(&self, name: &str) -> anyhow::Result<&PathBuf> {
        match self.found.get(name) {
            Some(Ok(place)) => Ok(place),
            Some(Err(reason)) => Err(anyhow::anyhow!("{reason}")),
            None => Err(anyhow::anyhow!("bench/peers.sh says nothing of it")),
        }
    }

    /// A peer that was set up, or a note why it wasn't.
    pub(super) fn or_skip<T>(report: &mut Report, name: &str, peer: anyhow::Result<T>) -> Option<T> {
        peer.map_err(|error| report.note(&format!("{name} was skipped: {error:#}"))).ok()
    }

    /// A list of Markdown.
    pub(super) fn versions(&self) -> String {
        let ask = |name: &str, args: &[&str]| -> String {
            let place = match self.place(name) {
                Ok(place) => place,
                Err(reason) => return format!("not measured: {reason}"),
            };
            // nginx tells its version on stderr
            let told = Command::new(place).args(args).output();
            told.map_or_else(
                |error| error.to_string(),
                |told| {
                    let text = [told.stdout, told.stderr].concat();
                    String::from_utf8_lossy(&text).lines().next().unwrap_or("unknown").to_owned()
                },
            )
        };
        [
            ("dd", ask("dd", &["--version"])),
            ("nginx", ask("nginx", &["-v"])),
            ("PostgreSQL", ask("postgres", &["--version"])),
            ("DuckDB", ask("duckdb", &["-c", "import duckdb; print(duckdb.__version__)"])),
            ("roapi", ask("roapi", &["--version"])),
            ("wrk", ask("wrk", &["-v"])),
        ]
        .map(|(name, version)| format!("- {name}: {version}\n"))
        .concat()
    }
}
