//! `cargo xtask torture`: the long versions of the product's tests of faults: kill -9, full disks, many at once, damaged files. They are
//! product tests that an ordinary `cargo test` leaves out, each in temporary directories of its own; this says how long and with which
//! seed, and sums up.

use std::{
    process::{Command, ExitCode},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::Context;

/// The tests, one after the other: together they would take each other's time and blur what is seen.
const TESTS: [&str; 11] = [
    "torture::kill_9_of_the_server_and_of_a_load_beside_it",
    "torture::kill_9_of_a_load_that_is_alone",
    "torture::a_storm_of_8_writers_and_8_readers",
    "torture::backups_under_8_writers",
    "torture::a_disk_that_fills_up_and_gets_room_again",
    "torture::flipped_bits_in_the_files_of_exports",
    "torture::flipped_bits_in_the_data_file",
    "torture::abandoned_downloads",
    "torture::slow_readers",
    "torture::nights_of_a_nightly_job",
    "torture::random_sequences_beside_a_model_of_the_specification",
];

/// `cargo xtask torture`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What happens when: the same seed, the same moments; another one every time when left out
    #[arg(long)]
    seed: Option<u64>,
    /// Kills, exports, full disks and rounds of damage in each test
    #[arg(long, default_value_t = 50)]
    rounds: u64,
    /// Only the tests whose name contains this
    #[arg(long, default_value = "")]
    only: String,
    /// The unoptimised program, which is built faster
    #[arg(long)]
    debug: bool,
}

/// Runs it; fails when one of the tests does.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let seed = match args.seed {
        Some(seed) => seed,
        None => u64::from(SystemTime::now().duration_since(UNIX_EPOCH)?.subsec_nanos()),
    };
    let mut summary = Vec::new();
    let mut all_passed = true;
    for test in TESTS.iter().filter(|test| test.contains(&args.only)) {
        eprintln!("{test}, seed {seed}, {} rounds", args.rounds);
        let began = Instant::now();
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["test", "--quiet", "--package", "sayso", "--test", "product"]);
        if !args.debug {
            cargo.arg("--release");
        }
        cargo.args(["--", test, "--exact", "--ignored", "--nocapture"]);
        cargo.env("SAYSO_TORTURE_SEED", seed.to_string()).env("SAYSO_TORTURE_ROUNDS", args.rounds.to_string());
        let out = cargo.output().context("cargo can't be started")?;
        let (said, told) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        let found: Vec<_> =
            told.lines().filter_map(|line| line.split_once("torture: ").map(|(_, what)| what)).collect();
        let not_run = told.lines().find(|line| line.contains("NOT RUN"));
        let verdict = match (out.status.success(), found.as_slice(), not_run) {
            (true, [], Some(why)) => why.to_owned(),
            (true, [what, ..], _) => format!("ok: {what}"),
            _ => {
                all_passed = false;
                eprintln!("{said}{told}");
                "FAILED; what it said stands above".to_owned()
            }
        };
        summary.push(format!("{test} ({:.0} s): {verdict}", began.elapsed().as_secs_f64()));
    }
    anyhow::ensure!(!summary.is_empty(), "no test's name contains {:?}; there are: {}", args.only, TESTS.join(", "));
    eprintln!();
    for line in summary {
        eprintln!("{line}");
    }
    eprintln!("The same again: cargo xtask torture --seed {seed} --rounds {}", args.rounds);
    Ok(ExitCode::from(u8::from(!all_passed)))
}
