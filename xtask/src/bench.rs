//! `cargo xtask bench`: everything that the product claims about speed, measured side by side in one run.
//!
//! Sayso and each peer do the same work in turn (A, B, A, B, …), so that whatever else the machine does hits all of them alike;
//! medians are told, with the least and the greatest value. Peers get their rows from Sayso's own export, so that all move the
//! same bytes. Everything happens on the loopback in a temporary folder that is removed at the end.

mod client;
mod cpu;
mod crowd;
mod cut;
mod data;
mod machine;
mod measure;
mod memory;
mod peers;
mod plot;
pub(crate) mod program;
mod report;
mod server;
mod stats;
mod walk;
mod write;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::Context;
use clap::ValueEnum;

use self::{
    data::Maker,
    measure::Site,
    peers::Peers,
    report::{Bound, Report, Unit},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Group {
    /// `sayso load` into an empty account
    Load,
    /// Initiate to Complete
    Export,
    /// Pages against nginx
    Serve,
    /// Compressed pages against nginx
    Gzip,
    /// Databases: load, export and pages
    Peers,
    /// `sayso import` over HTTP
    Import,
    /// Many readers, and slow ones
    Many,
    /// From 10,000 profiles up
    Growth,
    /// `sayso export` against curl
    Client,
    /// Single profiles over HTTP, read and changed at a fixed rate
    Profiles,
    /// Single profiles written over HTTP as fast as can be
    Writes,
}

/// `cargo xtask bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Sample profiles
    #[arg(long, default_value_t = 1_000_000)]
    profiles: u64,
    /// How often each thing is measured
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Only these; all when left out
    #[arg(long, value_delimiter = ',')]
    only: Vec<Group>,
    /// Sample profiles of the largest size of "Growth", five million when left out; not measured where the disk lacks the room
    #[arg(long)]
    growth_to: Option<u64>,
    /// 20,000 profiles, one round: whether everything works; the figures mean nothing and go to target/bench
    #[arg(long)]
    quick: bool,
    /// Imports records of little more than an email address with its preference, so that ten million fit on a disk
    #[arg(long)]
    lean: bool,
    /// Of the sample profiles
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The program to measure, in place of building it
    #[arg(long)]
    sayso: Option<PathBuf>,
    /// Where data is made (and removed); a real disk
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Where performance.md and performance.svg go, in place of docs/
    #[arg(long)]
    out: Option<PathBuf>,
}

impl Args {
    fn measures(&self, group: Group) -> bool {
        self.only.is_empty() || self.only.contains(&group)
    }
    fn profiles(&self) -> u64 {
        if self.quick { 20_000 } else { self.profiles }
    }
    fn rounds(&self) -> u32 {
        if self.quick { 1 } else { self.rounds }
    }
    fn out(&self) -> PathBuf {
        match &self.out {
            Some(out) => out.clone(),
            None if self.quick || !self.only.is_empty() => program::root().join("target/bench"),
            None => program::root().join("docs"),
        }
    }
}

/// Runs it.
///
/// # Errors
/// When Sayso can't do what is measured; a peer that can't is skipped with a word.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let load_before = machine::load();
    let sayso = args.sayso.clone().map_or_else(program::build_sayso, Ok)?;
    let parent = args.dir.clone().unwrap_or_else(std::env::temp_dir);
    fs::create_dir_all(&parent)?;
    let work = tempfile::Builder::new().prefix("sayso-bench-").tempdir_in(parent)?;
    // PostgreSQL runs as somebody else and must pass through
    fs::set_permissions(work.path(), fs::Permissions::from_mode(0o755))?;
    let maker = Maker { sayso: &sayso, dir: work.path(), seed: args.seed };
    let peers = Peers::install()?;
    let mut report = Report::default();

    let machine = machine::about(work.path());
    let peer_versions = peers.versions();
    let write = |report: &Report| {
        let took = started.elapsed();
        write::write(&write::About { args, machine: &machine, peers: &peer_versions, load_before, took }, report)
    };
    // what was measured before something failed is worth keeping
    let outcome = measure_all(args, &maker, &peers, &mut report);
    let file = write(&report)?;
    let words = format!("{}\nwritten: {}\n", report.targets(), file.display());
    std::io::Write::write_all(&mut std::io::stdout(), words.as_bytes())?;
    outcome?;
    work.close().context("the temporary folder can't be removed")?;
    Ok(ExitCode::SUCCESS)
}

fn measure_all(args: &Args, maker: &Maker<'_>, peers: &Peers, report: &mut Report) -> anyhow::Result<()> {
    let (profiles, rounds) = (args.profiles(), args.rounds());
    // databases first: they want the memory for themselves
    if args.measures(Group::Peers) {
        measure::rivals::rivals(maker, peers, report, profiles, rounds)?;
    }
    if args.measures(Group::Import) {
        measure::import::import(maker, report, profiles, rounds, args.lean)?;
    }
    // what needs no loaded account
    if !args.only.is_empty() && args.only.iter().all(|group| matches!(group, Group::Peers | Group::Import)) {
        memory_targets(report);
        return Ok(());
    }
    let load_rounds = if args.measures(Group::Load) { rounds } else { 1 };
    let data = measure::load::load(maker, report, profiles, load_rounds, args.measures(Group::Load))?;
    let mut main = Site::open(maker, profiles, &data)?;
    let mut times = None;
    if args.measures(Group::Export) {
        times = Some(measure::export::export(&main, peers, report, rounds)?);
    }
    if args.measures(Group::Serve) {
        measure::serve::serve(&main.server, peers, report, maker.dir, rounds)?;
    }
    if args.measures(Group::Gzip) {
        measure::gzip::gzip(&main.server, peers, report, maker.dir, rounds)?;
    }
    if args.measures(Group::Client) {
        measure::client::client(maker, &main, report, rounds)?;
        report.memory("the server of `sayso export`", main.server.memory.peak());
    }
    if args.measures(Group::Many) {
        measure::many::many(&main.server, report, args.quick, rounds)?;
    }
    if args.measures(Group::Growth) {
        // a server that has done nothing yet: memory that was given back may stay with the process
        drop(main);
        main = Site::open(maker, profiles, &data)?;
        let largest = args.growth_to.unwrap_or(if args.quick { 0 } else { 5_000_000 });
        measure::growth::growth(maker, peers, report, &main, times, largest, rounds)?;
    }
    if args.measures(Group::Profiles) {
        measure::profiles::profiles(maker, &main, peers, report, args.quick, rounds)?;
        report.memory("single profiles, read and changed", main.server.memory.peak());
    }
    if args.measures(Group::Writes) {
        measure::writes::writes(maker, &main, report, args.quick, rounds)?;
    }
    memory_targets(report);
    Ok(())
}

fn memory_targets(report: &mut Report) {
    let peaks = report.memory.clone();
    report.section(
        "Memory",
        "The most memory beyond the page cache (`RssAnon`, looked at every 10 ms) of the process that did it.",
    );
    for (what, peak) in &peaks {
        report.add(what, report::SAYSO, Unit::Megabytes, *peak);
    }
    let most = peaks.iter().map(|(_, peak)| *peak).fold(f64::NAN, f64::max);
    if !most.is_nan() {
        report.target("resident memory beyond the page cache, throughout", Unit::Megabytes, most, Bound::AtMost(256.0));
    }
}

fn remove(file: &Path) -> anyhow::Result<()> {
    if file.exists() {
        fs::remove_file(file)?;
    }
    Ok(())
}
