//! tracing to stderr: stdout belongs to results.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::{
    args::LogFormat,
    settings::{Log, Usage},
};

/// Starts logging, once per process.
///
/// # Errors
/// [`Usage`] for a filter that can't be read.
pub fn start(settings: &Log) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&settings.filter).map_err(|error| {
        Usage(format!(
            "--log {:?} can't be read ({error}); it looks like `info` or `sayso_server=debug,info`",
            settings.filter
        ))
    })?;
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    // A second start (tests in one process) keeps the first one's settings.
    let _ = match settings.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    Ok(())
}
