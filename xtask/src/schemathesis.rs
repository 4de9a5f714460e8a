//! `cargo xtask schemathesis`: the server against its own description, with every check of schemathesis. The work is in
//! tests/schemathesis/run.py.

use std::process::ExitCode;

use crate::script;

/// `cargo xtask schemathesis`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Examples of each operation in each of the phases that draw them
    #[arg(long, default_value_t = 200)]
    examples: u32,
    /// What is drawn: the same seed, the same examples
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    script: script::Args,
    /// More for `schemathesis run`, such as --include-operation-id createProfile
    #[arg(last = true)]
    more: Vec<String>,
}

/// Runs it.
///
/// # Errors
/// As [`script::Args::run`].
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let own = ["--examples".to_owned(), args.examples.to_string(), "--seed".to_owned(), args.seed.to_string()];
    args.script.run("schemathesis", own.into_iter().chain(["--".to_owned()]).chain(args.more.iter().cloned()))
}
