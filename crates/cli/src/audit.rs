//! `sayso audit …`: verifying and writing out the audit trails, also beside a running server.

use std::{
    fs::File,
    io::{BufReader, BufWriter, stdout},
    path::Path,
    process::ExitCode,
};

use anyhow::Context;
use sayso_store::audit::{AuditReport, Head, verify_lines};

use crate::{
    args::{AuditCommand, DataArgs},
    aside::{self, Ended},
    data, out,
};

/// Runs it.
///
/// # Errors
/// When the directory or the file can't be read, or stdout can't be written.
pub fn run(command: AuditCommand) -> anyhow::Result<ExitCode> {
    match command {
        AuditCommand::Verify { file: Some(file), head, json, .. } => {
            let report = in_file(&file, &head).with_context(|| format!("{} can't be read", file.display()))?;
            tell(&report, json)
        }
        AuditCommand::Verify { file: None, head, json, data } => in_directory(&data, &head, json),
        AuditCommand::Export { account, data } => export(account.as_deref(), &data),
    }
}

fn in_file(file: &Path, noted: &[Head]) -> std::io::Result<AuditReport> {
    verify_lines(&mut BufReader::new(File::open(file)?), noted)
}

fn in_directory(data: &DataArgs, noted: &[Head], json: bool) -> anyhow::Result<ExitCode> {
    match aside::run(|| tell(&data::open(data)?.verify_audit(noted)?, json))? {
        Ended::By(code) => Ok(code),
        Ended::Damaged(signal) => {
            let problems = vec![aside::damaged(data, signal)];
            tell(&AuditReport { problems, problem_count: 1, ..AuditReport::default() }, json)
        }
    }
}

fn tell(report: &AuditReport, json: bool) -> anyhow::Result<ExitCode> {
    if json {
        out::json(report)?;
    } else {
        for problem in &report.problems {
            out::line(problem)?;
        }
        let unshown = report.problem_count.saturating_sub(report.problems.len() as u64);
        if unshown > 0 {
            out::line(format_args!("… and {} more", out::count(unshown)))?;
        }
        for trail in &report.trails {
            let of = trail.client_id.as_deref().unwrap_or("(no account)");
            out::line(format_args!("{of}: {}, head {}", out::counted(trail.records, "record"), trail.head))?;
        }
        match report.problem_count {
            0 => out::line("nothing is wrong")?,
            n => out::line(format_args!("{}: the trail is not what was recorded", out::counted(n, "problem")))?,
        }
    }
    Ok(ExitCode::from(u8::from(report.problem_count > 0)))
}

fn export(account: Option<&str>, place: &DataArgs) -> anyhow::Result<ExitCode> {
    let store = data::open(place)?;
    let only = account.map(|name| data::account(&store, name)).transpose()?.map(|account| account.no);
    let wrote = store.export_audit(only, &mut BufWriter::new(stdout().lock()))?;
    out::note(format_args!("{} of {}", out::counted(wrote.records, "record"), out::counted(wrote.trails, "trail")));
    Ok(ExitCode::SUCCESS)
}
