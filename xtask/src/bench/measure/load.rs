//! `sayso load`.

use std::path::PathBuf;

use crate::bench::{
    data::Maker,
    program,
    report::{Bound, Report, SAYSO, Unit},
};

pub(super) const WHAT: &str = "profiles into an empty account";

/// Loads the people into an empty data directory, so many times; the last one stays.
pub(in crate::bench) fn load(
    maker: &Maker<'_>,
    report: &mut Report,
    profiles: u64,
    rounds: u32,
    is_measured: bool,
) -> anyhow::Result<PathBuf> {
    let people = maker.people(profiles)?;
    let command = maker.load_command("people.ndjson".as_ref(), "data".as_ref());
    report.section(
        "Load",
        &format!(
            "`{}`: {} MB of NDJSON, every rule checked, rows rendered, facts and all indexes written, durable at the end; the whole run of the command.",
            program::words(&command).replace(&maker.sayso.display().to_string(), "sayso"),
            people.metadata()?.len() / 1_000_000,
        ),
    );
    let mut last = None;
    for _ in 0..rounds {
        let loaded = maker.load("data", profiles)?;
        report.add(WHAT, SAYSO, Unit::PerSecond, profiles as f64 / loaded.took.as_secs_f64());
        if is_measured {
            report.memory("sayso load", loaded.memory);
        }
        last = Some(loaded.data);
    }
    if is_measured && let Some(rate) = report.median(WHAT, SAYSO) {
        let what = "`sayso load` into an empty account, checks and all indexes included";
        report.target(what, Unit::PerSecond, rate, Bound::AtLeast(40_000.0));
    }
    last.ok_or_else(|| anyhow::anyhow!("--rounds must be at least 1"))
}
