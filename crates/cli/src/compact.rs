//! `sayso compact`: the data written anew, so that nothing deleted is left in the directory.

use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;

use crate::{args::CompactArgs, data, out, progress::Progress};

/// Runs it.
///
/// # Errors
/// When anybody else has the directory open, or it can't be rewritten; the data are whole in every case.
pub fn run(args: CompactArgs) -> anyhow::Result<ExitCode> {
    let store = data::open_alone(&args.data)?;
    let exports = sayso_export::remove_ended_files(&store)?;
    let imports = sayso_import::remove_ended(&store)?;
    let mut progress = Progress::start("compacting", None);
    let sizes = store
        .compact(&mut |done, _| progress.at(done, done, "entries"))
        .with_context(|| format!("{} was not compacted; the data are whole", args.data.data.display()))?;
    let time = progress.finish();
    if args.json {
        out::json(&json!({
            "bytes_before": sizes.before,
            "bytes_after": sizes.after,
            "exports_removed": exports,
            "imports_removed": imports,
            "seconds": time.as_secs_f64(),
        }))?;
    } else {
        if exports > 0 {
            out::line(format_args!("removed the files of {}", out::counted(exports, "ended export")))?;
        }
        if imports > 0 {
            out::line(format_args!("removed {}", out::counted(imports, "ended import")))?;
        }
        out::line(format_args!(
            "{} before, {} after ({})",
            out::bytes(sizes.before),
            out::bytes(sizes.after),
            out::took(time)
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
