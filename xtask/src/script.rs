//! Steps whose work is a Python script beside the tests, tests/NAME/run.py, since most of what they drive is not Rust.

use std::{
    path::PathBuf,
    process::{Command, ExitCode},
};

use anyhow::Context;

use crate::bench::program;

/// What each of them takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The program to ask, in place of building it
    #[arg(long)]
    sayso: Option<PathBuf>,
}

impl Args {
    /// Runs tests/NAME/run.py; what it installs, it keeps in the target folder.
    ///
    /// # Errors
    /// When python3 isn't there, or Sayso can't be built; what the script finds is told by the exit code.
    pub(crate) fn run(&self, name: &str, more: impl IntoIterator<Item = String>) -> anyhow::Result<ExitCode> {
        let sayso = self.sayso.clone().map_or_else(program::build_sayso, Ok)?;
        let mut script = Command::new("python3");
        script.arg(program::root().join("tests").join(name).join("run.py")).arg("--sayso").arg(sayso);
        script.arg("--tools").arg(program::target().join(name)).args(more);
        let status = script.status().context("python3 can't be run")?;
        Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
