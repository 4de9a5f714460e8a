//! `sayso sample`: plausible people as NDJSON, or the account that they fit.

use std::{
    fs::File,
    io::{self, Write},
    process::ExitCode,
};

use anyhow::Context;

use crate::{args::SampleArgs, out};

/// Runs it.
///
/// # Errors
/// When the output can't be written.
pub fn run(args: SampleArgs) -> anyhow::Result<ExitCode> {
    let write = |out: &mut dyn Write| -> io::Result<()> {
        if args.account_file {
            return out.write_all(sayso_sample::ACCOUNT_TOML.as_bytes());
        }
        sayso_sample::write_profiles(&mut { out }, args.profiles.unwrap_or(0), args.seed)
    };
    match &args.out {
        Some(path) => {
            let words = || format!("{} can't be written", path.display());
            let mut file = File::create(path).with_context(words)?;
            write(&mut file).with_context(words)?;
        }
        None => {
            let mut stdout = io::stdout().lock();
            write(&mut stdout).and_then(|()| stdout.flush()).map_err(out::stdout_error)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
