//! `cargo xtask clients`: gzip pages through the HTTP clients that people use. The work is in tests/clients/run.py, since most of them
//! are not Rust.

use std::{
    path::PathBuf,
    process::{Command, ExitCode},
};

use anyhow::Context;

use crate::bench::program;

/// `cargo xtask clients`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Random pages that each client asks for
    #[arg(long, default_value_t = 5000)]
    pages: u32,
    /// Sample profiles
    #[arg(long, default_value_t = 20_000)]
    profiles: u32,
    /// Of the sample profiles and the pages
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The program to ask, in place of building it
    #[arg(long)]
    sayso: Option<PathBuf>,
}

/// Runs it.
///
/// # Errors
/// When python3 isn't there, or Sayso can't be built; that a client got a wrong page is told by the exit code.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let sayso = args.sayso.clone().map_or_else(program::build_sayso, Ok)?;
    let mut script = Command::new("python3");
    script.arg(program::root().join("tests/clients/run.py")).arg("--sayso").arg(sayso);
    script.arg("--tools").arg(program::target().join("clients"));
    for (name, value) in
        [("--pages", u64::from(args.pages)), ("--profiles", args.profiles.into()), ("--seed", args.seed)]
    {
        script.arg(name).arg(value.to_string());
    }
    let status = script.status().context("python3 can't be run")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
