//! `sayso export`: a segment over HTTP into a file, as a nightly job does it, from our server or any other that speaks this API.
//!
//! ```text
//! Initiate ─► wait ─► pages, several at once ─► their form ─► .NAME.0.part ─► rename ─► state ─► Commit
//!                 └► .NAME.journal: token, rows and bytes that are on disk ◄┘
//! ```
//!
//! Killed at any moment, the next run reads the journal and goes on. A file has its name only when it is whole and on disk; the state of
//! `--state` moves on only when all files have theirs; the token ends (Commit) only after that.

mod chunks;
#[cfg(feature = "parquet")]
mod columns;
mod form;
mod journal;
mod part;
mod place;
mod sink;
mod state;
mod walk;

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use sayso_client::{InitiateRequest, Reading, Source};
use serde_json::json;

use self::{
    form::Form,
    state::{Scope, State},
    walk::{Done, Order},
};
use crate::{
    args::{Compress, ExportArgs, Format, Shape},
    connect::{self, Connected},
    out,
    settings::Usage,
    stop::Stop,
};

/// What a server that doesn't tell its snapshot may have missed of the time before the Initiate: clocks differ, and jobs wait.
/// Rows that come twice do no harm, those that never come do.
const MARGIN: SignedDuration = SignedDuration::from_mins(15);

/// Runs it.
///
/// # Errors
/// Wrong usage; whatever keeps the file from its place. What was read is kept for the next run.
pub fn run(args: ExportArgs) -> anyhow::Result<ExitCode> {
    let stop = Stop::listen()?;
    let connected = connect::connect(&args.server)?;
    spare_memory();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .max_blocking_threads(chunks::AT_ONCE)
        .enable_all()
        .build()
        .context("no runtime")?;
    // A run that was broken off at its very end is ended first: its rows are not those of now.
    while !runtime.block_on(Job::new(&args, &connected, &stop)?.run())? {
        out::note("the former run had only to be ended; now for this one");
    }
    Ok(ExitCode::SUCCESS)
}

/// Keeps the memory small that is there only for speed: of huge pages what isn't used counts, too, and each thread keeps what it gave free.
fn spare_memory() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::debug!("huge pages stay in use: {error}");
    }
}

/// Where the rows go.
enum Target {
    Stdout,
    File(PathBuf),
    Folder(PathBuf),
}

struct Job<'a> {
    args: &'a ExportArgs,
    connected: &'a Connected,
    stop: &'a Stop,
    source: Source,
    target: Target,
    request: InitiateRequest,
    scope: Scope,
}

impl<'a> Job<'a> {
    fn new(args: &'a ExportArgs, connected: &'a Connected, stop: &'a Stop) -> anyhow::Result<Self> {
        let source = match (&args.segment, &args.group) {
            (Some(name), _) => Source::segment(name),
            (None, Some(name)) => Source::group(name),
            (None, None) => return Err(Usage("no source; give --segment or --group".to_owned()).into()),
        };
        let target = match &args.out {
            out if out == Path::new("-") => Target::Stdout,
            out if out.is_dir() => Target::Folder(out.clone()),
            out if out.as_os_str().to_string_lossy().ends_with('/') => {
                return Err(Usage(format!("--out {} is no directory that exists", out.display())).into());
            }
            // The whole file would take the place of the device or the pipe.
            out if fs::metadata(out).is_ok_and(|found| !found.is_file()) => {
                let words = "is no regular file; give a file or a directory, or - and send stdout there";
                return Err(Usage(format!("--out {} {words}", out.display())).into());
            }
            out => Target::File(out.clone()),
        };
        #[cfg(feature = "parquet")]
        if args.format == Format::Parquet && (args.compress.is_some() || matches!(target, Target::Stdout)) {
            let words = "--format parquet is a file that compresses by itself: --out names a file or a directory, and no --compress";
            return Err(Usage(words.to_owned()).into());
        }
        if args.format == Format::Ndjson && (args.spreadsheet || args.shape == Shape::Preferences) {
            return Err(
                Usage("--shape and --spreadsheet are of tables: give --format csv or parquet".to_owned()).into()
            );
        }
        if args.format == Format::Csv && args.deleted.is_some() && matches!(target, Target::Stdout) {
            return Err(Usage(
                "the deleted ones have columns of their own: --out names a file or a directory".to_owned(),
            )
            .into());
        }
        if matches!(target, Target::Stdout) && args.json {
            return Err(Usage("--json would stand among the rows: --out - has stdout".to_owned()).into());
        }
        let values = args.values.as_deref().map(read_values).transpose()?.unwrap_or_default();
        let scope = Scope {
            narrowed: args.r#match.as_ref().map(|by| digest(&json!([by, args.match_type, values]).to_string())),
            deleted: args.deleted.clone(),
        };
        let state =
            args.state.as_deref().map(|path| State::read(path, &connected.account, &source.to_string(), &scope));
        let since = state.transpose()?.flatten().map(|state| state.since).or(args.since.clone());
        let request = InitiateRequest {
            last_date_time: since,
            match_criteria: args.r#match.clone(),
            match_type: args.match_type.clone(),
            values,
            callback_url: None,
        };
        Ok(Self { args, connected, stop, source, target, request, scope })
    }

    async fn run(&self) -> anyhow::Result<bool> {
        match &self.target {
            Target::Stdout => self.to_stdout().await.map(|()| true),
            Target::File(_) | Target::Folder(_) => self.write_files(Instant::now()).await,
        }
    }

    /// Exports into files and says what there is. `false` when all of it was there already, from a run that didn't come to its end.
    async fn write_files(&self, began: Instant) -> anyhow::Result<bool> {
        self.replaces_none()?;
        let base = self.base(false);
        let order = self.order_of_rows();
        let begun = order.begin(&base).await?;
        let deleted = match &self.args.deleted {
            None => None,
            Some(segment) => {
                // Begun after the others are complete: who is deleted in between is among the deleted ones. And before they are read: a
                // segment that can't be had shows before anybody's data is on disk.
                let (base, order) = (self.base(true), self.order_of_deleted(segment, begun.token()));
                let begun = order.begin(&base).await?;
                Some((base, order, begun))
            }
        };
        let rows = order.write_file(begun, &base, |moment| self.unused(moment)).await?;
        let deleted = match deleted {
            None => None,
            Some((base, order, begun)) => {
                // Under the moment of the others, so that it shows which belong together.
                let others = rows.ready.as_ref().map(|ready| ready.file.clone()).unwrap_or_default();
                let file = || match &self.target {
                    Target::Folder(_) => place::of_deleted_in_folder(&others),
                    Target::File(_) | Target::Stdout => place::of_deleted(&others),
                };
                let done = order.write_file(begun, &base, |_| file()).await?;
                Some((base, done))
            }
        };
        let all = || [Some((&base, &rows)), deleted.as_ref().map(|(base, done)| (base, done))].into_iter().flatten();
        // What a former run has put already is that one's, with what belongs to it.
        let is_old = rows.was_whole && rows.ready.as_ref().is_some_and(walk::Ready::is_put);
        // The deleted ones first: whoever takes over what lies there looks for them beside the rows.
        let last_first = [deleted.as_ref().map(|(_, done)| done), Some(&rows)];
        for ready in last_first.into_iter().flatten().filter_map(|done| done.ready.as_ref()) {
            ready.put()?;
        }
        self.keep_state(&rows)?;
        self.commit(all().map(|(_, done)| done.token)).await;
        if !is_old {
            self.tell(&rows, deleted.as_ref().map(|(_, done)| done), began.elapsed())?;
        }
        for (base, ready) in
            [Some((base.clone(), rows.ready)), deleted.map(|(base, done)| (base, done.ready))].into_iter().flatten()
        {
            if let Some(ready) = ready {
                ready.forget(&base)?;
            }
        }
        Ok(!is_old)
    }

    /// With `--state` a file that lies there is perhaps all that there is of what a former run gave, and what changed since doesn't stand for it.
    fn replaces_none(&self) -> anyhow::Result<()> {
        let is_delta = self.args.state.is_some() && self.request.last_date_time.is_some();
        if !is_delta || !matches!(self.target, Target::File(_)) {
            return Ok(());
        }
        let refuse_one = |file: &Path, is_put: bool| {
            if is_put || !fs::metadata(file).is_ok_and(|found| found.len() > 0) {
                return Ok(());
            }
            let words = "is a file that a former run wrote; with --state each run gives only what changed, and would replace it: \
                         give an existing directory (mkdir -p makes one), or move the file away";
            Err(Usage(format!("{} {words}", file.display())))
        };
        let base = self.base(false);
        let rows = journal::look(&base)?;
        refuse_one(&base, self.order_of_rows().was_put(&rows))?;
        if let Some(segment) = &self.args.deleted {
            let base = self.base(true);
            let told = journal::look(&base)?;
            let of_rows = rows.complete.map(|complete| self.order_of_deleted(segment, complete.token));
            refuse_one(&base, of_rows.is_some_and(|order| order.was_put(&told)))?;
        }
        Ok(())
    }

    async fn to_stdout(&self) -> anyhow::Result<()> {
        if self.args.compress.is_some() {
            return Err(Usage("--compress is for files; pipe stdout through gzip or zstd".to_owned()).into());
        }
        let mut stdout = io::BufWriter::with_capacity(1 << 20, io::stdout());
        let order = self.order_of_rows();
        let begun = order.begin_for_stdout().await?;
        let mut tokens = vec![begun.token];
        let deleted = match &self.args.deleted {
            None => None,
            Some(segment) => {
                let order = self.order_of_deleted(segment, begun.token);
                let begun = order.begin_for_stdout().await?;
                tokens.push(begun.token);
                Some((order, begun))
            }
        };
        let rows = order.to_stdout(begun, &mut stdout).await?;
        if let Some((order, begun)) = deleted {
            order.to_stdout(begun, &mut stdout).await?;
        }
        self.keep_state(&rows)?;
        self.commit(tokens.into_iter()).await;
        Ok(())
    }

    fn request_of_deleted(&self) -> InitiateRequest {
        // Of a deleted profile nothing is left that could be matched but its id.
        let by_id = self.request.match_criteria.as_deref().is_some_and(|c| c.eq_ignore_ascii_case("ProfileId"));
        let since = self.request.last_date_time.clone();
        if by_id { self.request.clone() } else { InitiateRequest { last_date_time: since, ..Default::default() } }
    }

    fn order_of_rows(&self) -> Order<'_> {
        self.order(&self.source, Form::of(self.args, false), self.request.clone(), None)
    }

    /// The deleted ones belong to one export of the others: to another one they would perhaps lack who was deleted before it.
    fn order_of_deleted(&self, segment: &str, token_of_rows: u64) -> Order<'_> {
        let form = Form::of(self.args, true);
        self.order(&Source::segment(segment), form, self.request_of_deleted(), Some(token_of_rows))
    }

    fn order(&self, source: &Source, form: Form, request: InitiateRequest, of: Option<u64>) -> Order<'_> {
        let args = self.args;
        let mut options = vec![
            json!(self.connected.url),
            json!(self.connected.account),
            json!(source.to_string()),
            json!(request),
            json!(form.to_string()),
            // A later version of the program may have other columns: what one began, it can't go on with.
            json!(form.columns()),
            json!(args.compress.map(|c| format!("{c:?}"))),
        ];
        options.extend(of.map(|token| json!(token)));
        Order {
            client: &self.connected.client,
            source: source.clone(),
            request,
            form,
            compress: args.compress,
            reading: Reading {
                limit: args.limit,
                at_once: usize::try_from(args.at_once).unwrap_or(1),
                page_bytes: form.page_bytes(),
                ..Reading::default()
            },
            checkpoint: args.checkpoint.0,
            options: digest(&json!(options).to_string()),
            at: format!("{} {}", self.connected.url, self.connected.account),
            stop: self.stop,
        }
    }

    /// The name beside which unfinished files lie, the same in every run.
    fn base(&self, deleted: bool) -> PathBuf {
        self.file(deleted, "unfinished")
    }

    /// The place of the whole file.
    fn file(&self, deleted: bool, moment: &str) -> PathBuf {
        match &self.target {
            Target::File(file) if deleted => place::of_deleted(file),
            Target::File(file) => file.clone(),
            Target::Folder(folder) => folder.join(place::name(name_of(&self.source), deleted, moment, &self.ending())),
            Target::Stdout => PathBuf::new(),
        }
    }

    /// The place of the whole file; in a folder one that is nobody's, also when two runs have the same moment.
    fn unused(&self, moment: &str) -> PathBuf {
        let first = self.file(false, moment);
        match &self.target {
            Target::Folder(_) => {
                let others = (2_u32..).map(|n| self.file(false, &format!("{moment}_{n}")));
                let free = |file: &PathBuf| !file.exists() && !place::of_deleted_in_folder(file).exists();
                [first.clone()].into_iter().chain(others).find(free).unwrap_or(first)
            }
            Target::File(_) | Target::Stdout => first,
        }
    }

    fn ending(&self) -> String {
        let form = Form::of(self.args, false).ending();
        match self.args.compress {
            None => form.to_owned(),
            Some(Compress::Gzip) => format!("{form}.gz"),
            Some(Compress::Zstd) => format!("{form}.zst"),
        }
    }

    /// The next run's moment: the snapshot of the first export, before which nothing can have been missed.
    fn keep_state(&self, rows: &Done) -> anyhow::Result<()> {
        let Some(path) = &self.args.state else { return Ok(()) };
        let since = match &rows.snapshot {
            Some(snapshot) => snapshot.clone(),
            None => {
                let began: Timestamp = rows.began.parse().context("the journal's date is none")?;
                let back = MARGIN.saturating_add(SignedDuration::from_millis(rows.ahead_ms));
                format!("{:.3}", began.saturating_sub(back).context("the journal's date is out of range")?)
            }
        };
        let (account, source) = (self.connected.account.clone(), self.source.to_string());
        State { account, source, since, scope: Some(self.scope.clone()) }.write(path)
    }

    /// Ends the tokens. What fails here costs the server some disk until they expire, and nobody a record.
    async fn commit(&self, tokens: impl Iterator<Item = u64>) {
        for token in tokens {
            match self.connected.client.commit(token, false).await {
                Ok(()) => {}
                Err(error) if error.is_gone() => {}
                Err(error) => out::note(format_args!("the rows are safe, but the server keeps its files: {error}")),
            }
        }
    }

    fn tell(&self, rows: &Done, deleted: Option<&Done>, took: Duration) -> anyhow::Result<()> {
        let file = |done: &Done| done.ready.as_ref().map(|ready| ready.file.clone()).unwrap_or_default();
        if self.args.json {
            return out::json(&json!({
                "rows": rows.rows, "bytes": rows.bytes, "file": file(rows), "snapshot": rows.snapshot,
                "since": self.request.last_date_time, "token": rows.token, "went_on_after": rows.from,
                "deleted_rows": deleted.map(|d| d.rows), "deleted_file": deleted.map(file), "seconds": took.as_secs_f64(),
                "waited_seconds": rows.waited.as_secs_f64(),
            }));
        }
        for done in [Some(rows), deleted].into_iter().flatten() {
            out::line(format_args!("{} in {}", out::counted(done.rows, "row"), file(done).display()))?;
        }
        let read = (rows.rows - rows.from) + deleted.map_or(0, |d| d.rows - d.from);
        out::note(format_args!("{}, {} rows/s", out::took(took), out::count(out::rate(read, took))));
        Ok(())
    }
}

fn name_of(source: &Source) -> &str {
    match source {
        Source::Segment(name) | Source::SegmentGroup(name) => name,
    }
}

fn digest(text: &str) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One value a line; empty lines and spaces around don't count.
fn read_values(path: &Path) -> anyhow::Result<Vec<String>> {
    let text = if path == Path::new("-") { io::read_to_string(io::stdin()) } else { fs::read_to_string(path) };
    let text = text.with_context(|| format!("--values {} can't be read", path.display()))?;
    let values: Vec<String> = text.lines().map(str::trim).filter(|v| !v.is_empty()).map(str::to_owned).collect();
    if values.is_empty() {
        return Err(Usage(format!("--values {} holds no value", path.display())).into());
    }
    Ok(values)
}
