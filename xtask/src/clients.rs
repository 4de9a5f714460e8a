//! `cargo xtask clients`: gzip pages through the HTTP clients that people use.

use std::process::ExitCode;

use crate::script;

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
    /// A client that can't be installed is no error, as long as another one is there
    #[arg(long)]
    allow_skips: bool,
    #[command(flatten)]
    script: script::Args,
}

/// Runs it.
///
/// # Errors
/// As [`script::Args::run`].
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let numbers = [("--pages", u64::from(args.pages)), ("--profiles", args.profiles.into()), ("--seed", args.seed)];
    let numbers = numbers.into_iter().flat_map(|(name, value)| [name.to_owned(), value.to_string()]);
    let skips = args.allow_skips.then(|| "--allow-skips".to_owned());
    args.script.run("clients", numbers.chain(skips))
}
