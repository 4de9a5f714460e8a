//! `cargo xtask oauth`: signing in, exporting and revoking through the OAuth libraries that people use. The work is in tests/oauth/run.py,
//! since none of them is Rust.

use std::{
    path::PathBuf,
    process::{Command, ExitCode},
};

use anyhow::Context;

use crate::bench::program;

/// `cargo xtask oauth`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The program to ask, in place of building it
    #[arg(long)]
    sayso: Option<PathBuf>,
}

/// Runs it.
///
/// # Errors
/// When python3 isn't there, or Sayso can't be built; that a library went wrong is told by the exit code.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let sayso = args.sayso.clone().map_or_else(program::build_sayso, Ok)?;
    let mut script = Command::new("python3");
    script.arg(program::root().join("tests/oauth/run.py")).arg("--sayso").arg(sayso);
    script.arg("--tools").arg(program::target().join("oauth"));
    let status = script.status().context("python3 can't be run")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
