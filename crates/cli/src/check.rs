//! `sayso check`: verifies a data directory, says what is wrong; exit 1 if anything is.
//!
//! LMDB trusts the structure of its file: a damaged page can lead it outside, which ends the process. So the check runs in a
//! process of its own, and one that ends like that has found something.

use std::process::ExitCode;

use sayso_export::CheckedExports;
use sayso_import::CheckedImports;
use sayso_store::CheckReport;
use serde::Serialize;

use crate::{
    args::CheckArgs,
    aside::{self, Ended},
    data, out,
    progress::Progress,
};

/// All that is told with `--json`.
#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    report: &'a CheckReport,
    /// Exports whose files were verified.
    exports: u64,
    /// Files staged for imports that were verified.
    staged_files: u64,
}

/// Runs it.
///
/// # Errors
/// When the directory can't be opened or the check can't go on.
pub fn run(args: CheckArgs) -> anyhow::Result<ExitCode> {
    match aside::run(|| check(&args))? {
        Ended::By(code) => Ok(code),
        Ended::Damaged(signal) => {
            let problem = aside::damaged(&args.data, signal);
            if args.json {
                let report = CheckReport { problems: vec![problem], problem_count: 1, ..CheckReport::default() };
                out::json(&Report { report: &report, exports: 0, staged_files: 0 })?;
            } else {
                out::line(problem)?;
            }
            Ok(ExitCode::FAILURE)
        }
    }
}

fn check(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let store = data::open(&args.data)?;
    let mut progress = Progress::start("checking", None);
    let mut report = store.check(&mut |done| progress.at(done, done, "entries"))?;
    let CheckedExports { exports, problems } = sayso_export::check(&store)?;
    report.problem_count += problems.len() as u64;
    report.problems.extend(problems);
    let CheckedImports { files: staged_files, problems } = sayso_import::check(&store)?;
    report.problem_count += problems.len() as u64;
    report.problems.extend(problems);
    let time = progress.finish();
    if args.json {
        out::json(&Report { report: &report, exports, staged_files })?;
    } else {
        for problem in &report.problems {
            out::line(problem)?;
        }
        let unshown = report.problem_count.saturating_sub(report.problems.len() as u64);
        if unshown > 0 {
            out::line(format_args!("… and {} more", out::count(unshown)))?;
        }
        let verdict = match report.problem_count {
            0 => "nothing is wrong".to_owned(),
            n => format!(
                "{}: restore a backup (docs/operating.md), or export what is sound and load it into a new directory",
                out::counted(n, "problem")
            ),
        };
        out::line(format_args!(
            "{}, {}, {}, {}, {}, {}, {}; {} ({})",
            out::counted(report.accounts, "account"),
            out::counted(report.profiles, "profile"),
            out::counted(report.tombstones, "deleted profile"),
            if report.index_entries == 1 {
                "1 index entry".to_owned()
            } else {
                format!("{} index entries", out::count(report.index_entries))
            },
            out::counted(report.audit_records, "audit record"),
            out::counted(exports, "export"),
            out::counted(staged_files, "staged file"),
            verdict,
            out::took(time),
        ))?;
    }
    Ok(ExitCode::from(u8::from(report.problem_count > 0)))
}
