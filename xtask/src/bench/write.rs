//! docs/performance.md and docs/performance.svg.

use std::{fs, path::PathBuf, time::Duration};

use super::{Args, plot, report::Report};

/// What the figures were measured on and with.
pub(super) struct About<'a> {
    pub(super) args: &'a Args,
    pub(super) machine: &'a str,
    pub(super) peers: &'a str,
    /// The machine's load average before anything began.
    pub(super) load_before: f64,
    pub(super) took: Duration,
}

/// Writes both; where the first is.
pub(super) fn write(about: &About<'_>, report: &Report) -> anyhow::Result<PathBuf> {
    let out = about.args.out();
    fs::create_dir_all(&out)?;
    let file = out.join("performance.md");
    // what people wrote below the mark stays
    let mark = "<!-- written by people, kept by `cargo xtask bench` -->";
    let kept = fs::read_to_string(&file).ok().and_then(|old| Some(old.split_once(mark)?.1.to_owned()));
    let text = format!("{}\n{mark}{}", text(about, report), kept.unwrap_or_else(|| "\n".to_owned()));
    fs::write(&file, text)?;
    if report.plot.iter().any(|line| !line.points.is_empty()) {
        fs::write(out.join("performance.svg"), plot::svg(&report.plot))?;
    }
    Ok(file)
}

fn text(about: &About<'_>, report: &Report) -> String {
    let Args { seed, .. } = about.args;
    let (profiles, rounds) = (about.args.profiles(), about.args.rounds());
    let only: String = about.args.only.iter().map(|group| format!(" --only {group:?}").to_lowercase()).collect();
    let lean = if about.args.lean { " --lean" } else { "" };
    let growth = about.args.growth_to.map(|profiles| format!(" --growth-to {profiles}")).unwrap_or_default();
    let command =
        format!("cargo xtask bench --profiles {profiles} --rounds {rounds} --seed {seed}{only}{lean}{growth}");
    format!(
        "# Performance\n\nWritten by `{command}`, in one run of {} minutes (load average before it: {:.2}). Sayso and its peers do each thing in turn, {rounds} times; medians are told. What each peer is asked to do stands in `bench/` and `xtask/src/bench/peers/`.\n\n{}\nPeers:\n\n{}\n## Targets\n\n{}{}",
        about.took.as_secs() / 60,
        about.load_before,
        about.machine,
        about.peers,
        report.targets(),
        report.sections(),
    )
}
