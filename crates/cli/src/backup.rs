//! `sayso backup`: a consistent copy of the data, also while a server runs and everybody writes.

use std::process::ExitCode;

use anyhow::Context;
use sayso_store::audit::{Action, Entry, Origin};
use serde_json::json;

use crate::{args::BackupArgs, data, out, progress::Progress};

/// Runs it.
///
/// # Errors
/// When the directory can't be opened or copied; then there is no backup of that name.
pub fn run(args: BackupArgs) -> anyhow::Result<ExitCode> {
    let store = data::open(&args.data)?;
    let mut progress = Progress::start("copying", None);
    let bytes = store
        .backup(&args.target, &mut |written, _| progress.at(written, written, "bytes"))
        .context("the backup was not made")?;
    let time = progress.finish();
    let record = Entry::new(Action::BackupMade, Origin::command_line()).detail(args.target.display().to_string());
    if let Err(error) = store.audit_of_nobody(record) {
        tracing::warn!(%error, "the backup is whole, but stands in no audit trail");
    }
    if args.json {
        out::json(&json!({"backup": args.target, "bytes": bytes, "seconds": time.as_secs_f64()}))?;
    } else {
        out::line(format_args!(
            "{} in {} ({}); sayso serve --data {1} starts on it",
            out::bytes(bytes),
            args.target.display(),
            out::took(time),
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
