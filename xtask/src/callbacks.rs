//! `cargo xtask callbacks`: callbacks verified by the libraries that their receivers use. The work is in tests/callbacks/run.py, since these
//! are not Rust.

use std::{
    path::PathBuf,
    process::{Command, ExitCode},
};

use anyhow::Context;

use crate::bench::program;

/// `cargo xtask callbacks`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The program to ask, in place of building it
    #[arg(long)]
    sayso: Option<PathBuf>,
}

/// Runs it.
///
/// # Errors
/// When python3 isn't there, or Sayso can't be built; that a library judged wrongly is told by the exit code.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let sayso = args.sayso.clone().map_or_else(program::build_sayso, Ok)?;
    let mut script = Command::new("python3");
    script.arg(program::root().join("tests/callbacks/run.py")).arg("--sayso").arg(sayso);
    script.arg("--tools").arg(program::target().join("callbacks"));
    let status = script.status().context("python3 can't be run")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
