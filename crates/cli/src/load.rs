//! `sayso load`: NDJSON straight into the data directory.
//!
//! ```text
//! source (a file, or sample profiles) ─► workers: cut into lines, parse, prepare ─► in order again ─► store, a batch a transaction
//!                                                └► rejected lines ─► FILE.rejected.ndjson
//! ```
//!
//! A line is counted as loaded only once its batch is on disk; a batch is there whole or not at all (program.md: no accepted
//! line is lost, none is half applied).

mod alone;
mod beside;
pub mod lines;
pub mod pipeline;
pub mod rejected;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow, bail};
use sayso_model::id::Author;
use sayso_store::{Store, account::Account};
use serde::Serialize;

use self::{lines::LineSource, pipeline::Totals, rejected::RejectedFile};
use crate::{args::LoadArgs, data, out, progress::Progress, settings::Usage, stop::Stop};

/// What became of one file, as `--json` gives it.
#[derive(Debug, Clone, Serialize)]
struct FileSummary {
    file: String,
    lines: u64,
    loaded: u64,
    rejected: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected_file: Option<String>,
}

/// What became of all, as `--json` gives it.
#[derive(Debug, Serialize)]
struct Summary {
    account: String,
    lines: u64,
    loaded: u64,
    rejected: u64,
    seconds: f64,
    interrupted: bool,
    files: Vec<FileSummary>,
}

/// Runs it.
///
/// # Errors
/// When a file can't be read or a batch can't be kept: what was loaded before stays, and the error says up to which line.
pub fn run(args: LoadArgs) -> anyhow::Result<ExitCode> {
    if args.from_line > 1 && args.files.len() > 1 {
        let words = format!("--from-line belongs to one file; {} are given: load each by itself", args.files.len());
        return Err(Usage(words).into());
    }
    let stop = Stop::listen()?;
    let (store, account) = data::open_account(&args.place)?;
    let author = author(&account, args.user.as_deref())?;
    let started = Instant::now();
    let mut files = Vec::new();
    for (at, path) in args.files.iter().enumerate() {
        if stop.asked() {
            out::note(format_args!("interrupted; {}", not_begun(&args.files[at..])));
            break;
        }
        let loaded = load_file(&store, &account, &author, path, args.from_line, &stop);
        files.push(loaded.map_err(|error| among_others(error, &args.files, at))?);
    }
    let sum = |of: fn(&FileSummary) -> u64| files.iter().map(of).sum::<u64>();
    let (lines, loaded, rejected) = (sum(|f| f.lines), sum(|f| f.loaded), sum(|f| f.rejected));
    let time = started.elapsed();
    let interrupted = stop.asked();
    if args.json {
        let seconds = time.as_secs_f64();
        out::json(&Summary { account: account.name, lines, loaded, rejected, seconds, interrupted, files })?;
    } else {
        for file in &files {
            out::line(file_line(file))?;
        }
        out::line(totals_line(loaded, rejected, time))?;
    }
    Ok(ExitCode::from(u8::from(rejected > 0 || interrupted)))
}

fn author(account: &Account, user_id: Option<&str>) -> anyhow::Result<Author> {
    let user = match user_id {
        Some(user_id) => data::user(account, user_id)?,
        None => data::first_administrator(&account.config).ok_or_else(|| {
            anyhow!("account {} has no active administrator; say with --user who writes these profiles", account.name)
        })?,
    };
    Ok(data::author(user))
}

fn load_file(
    store: &Store,
    account: &Account,
    author: &Author,
    path: &Path,
    from_line: u64,
    stop: &Stop,
) -> anyhow::Result<FileSummary> {
    let name = name(path);
    let (source, read) = LineSource::open(path, from_line).with_context(|| format!("{name} can't be loaded"))?;
    let mut rejected = RejectedFile::beside(rejected_path(path));
    let mut progress = Progress::start(format!("loading {name}"), read.total());
    let outcome = pipeline::run(
        &pipeline::Target { store, account: account.no, author, alone: false },
        &source,
        stop,
        &mut |line| rejected.put(line),
        &mut |totals| progress.at(read.position(), totals.loaded, "profiles"),
    );
    progress.finish();
    // Whatever happened, the lines that were rejected so far are told.
    let rejected_file = rejected.finish()?;
    let totals = outcome.map_err(|failure| went_wrong(&name, from_line, failure))?;
    let there = source.last_line();
    // One behind the last line is where a load goes on that was stopped at the very end.
    if source.is_at_end() && from_line > there + 1 {
        bail!("{name} has {}; --from-line {from_line} is behind its end", out::counted(there, "line"));
    }
    if stop.asked() && !source.is_at_end() {
        out::note(format_args!(
            "{name}: interrupted; what stands up to line {0} is loaded, go on with --from-line {1}",
            totals.last_line.max(from_line - 1),
            totals.last_line.max(from_line - 1) + 1
        ));
    }
    let Totals { lines, loaded, rejected, .. } = totals;
    Ok(FileSummary {
        file: name,
        lines,
        loaded,
        rejected,
        rejected_file: rejected_file.map(|p| p.display().to_string()),
    })
}

fn went_wrong(name: &str, from_line: u64, failure: pipeline::Failure) -> anyhow::Error {
    let done = failure.totals.last_line.max(from_line - 1);
    let loaded = out::counted(failure.totals.loaded, "profile");
    failure.error.context(format!(
        "{name}: the load stopped after line {done}; {loaded} up to there are loaded, nothing after it is; when the cause is gone, go on with --from-line {}",
        done + 1
    ))
}

/// What of several files is loaded and what isn't, when the one at `at` failed: who gave all of them again would have some profiles twice.
fn among_others(error: anyhow::Error, files: &[PathBuf], at: usize) -> anyhow::Error {
    let whole = (at > 0).then(|| format!("before it {} came to the end", names(&files[..at])));
    let rest = (at + 1 < files.len()).then(|| not_begun(&files[at + 1..]));
    match [whole, rest].into_iter().flatten().collect::<Vec<_>>() {
        words if words.is_empty() => error,
        words => anyhow!("{}; {}", out::chain(&error), words.join("; ")),
    }
}

fn not_begun(files: &[PathBuf]) -> String {
    format!("not begun: {}; load what is left in a run of its own, without --from-line", names(files))
}

fn names(files: &[PathBuf]) -> String {
    files.iter().map(|path| name(path)).collect::<Vec<_>>().join(", ")
}

fn name(path: &Path) -> String {
    if is_stdin(path) { "stdin".to_owned() } else { path.display().to_string() }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn rejected_path(path: &Path) -> PathBuf {
    let mut name = if is_stdin(path) { "stdin".into() } else { path.as_os_str().to_owned() };
    name.push(".rejected.ndjson");
    name.into()
}

fn file_line(file: &FileSummary) -> String {
    let mut text = format!("{}: {} loaded, {} rejected", file.file, out::count(file.loaded), out::count(file.rejected));
    if let Some(path) = &file.rejected_file {
        text.push_str(", see ");
        text.push_str(path);
    }
    text
}

fn totals_line(loaded: u64, rejected: u64, time: Duration) -> String {
    format!(
        "loaded {} in {} ({}/s), rejected {}",
        out::counted(loaded, "profile"),
        out::took(time),
        out::count(out::rate(loaded, time)),
        out::counted(rejected, "line")
    )
}

#[cfg(test)]
mod tests;
