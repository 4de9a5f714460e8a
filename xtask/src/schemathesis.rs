//! `cargo xtask schemathesis`: the server against its own description, with every check of schemathesis. The work is in
//! tests/schemathesis/run.py.

use std::{
    path::PathBuf,
    process::{Command, ExitCode},
};

use anyhow::Context;

use crate::bench::program;

/// `cargo xtask schemathesis`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Examples of each operation in each of the phases that draw them
    #[arg(long, default_value_t = 200)]
    examples: u32,
    /// What is drawn: the same seed, the same examples
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The program to ask, in place of building it
    #[arg(long)]
    sayso: Option<PathBuf>,
    /// More for `schemathesis run`, such as --include-operation-id createProfile
    #[arg(last = true)]
    more: Vec<String>,
}

/// Runs it.
///
/// # Errors
/// When python3 isn't there, or Sayso can't be built; what schemathesis finds is told by the exit code.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let sayso = args.sayso.clone().map_or_else(program::build_sayso, Ok)?;
    let mut script = Command::new("python3");
    script.arg(program::root().join("tests/schemathesis/run.py")).arg("--sayso").arg(sayso);
    script.arg("--tools").arg(program::target().join("schemathesis"));
    script.arg("--examples").arg(args.examples.to_string()).arg("--seed").arg(args.seed.to_string());
    script.arg("--").args(&args.more);
    let status = script.status().context("python3 can't be run")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
