//! `sayso import`: files of profiles over HTTP into an account, by the bulk import of our server or any other that speaks this API.
//!
//! ```text
//! files ─► pieces, the same in every run ─► Stage, several at once ─► Execute ─► Status ─► exceptions with their lines ─► FILE.exceptions.ndjson
//!                                              └► .FILE.import: which pieces are staged
//! ```
//!
//! Killed at any moment, the next run reads the journal and goes on: a piece is staged once, since it has a key of its own. Pieces are staged
//! in the order of the files ([`sayso_client::InOrder`]), so what a kill leaves is a beginning of them, without holes. A server that doesn't
//! recognise such keys gets one piece at a time, and is asked how much it has when a piece's fate isn't known.

mod exceptions;
mod journal;
mod mapping;
mod pieces;
mod staged;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant, UNIX_EPOCH},
};

use anyhow::{Context, bail};
use sayso_client::{Client, Error, ImportRequest, ImportStatus, InOrder};
use serde_json::json;
use tokio::{sync::mpsc, task::JoinSet};

use self::{
    exceptions::Exceptions,
    journal::{Journal, Line, Told},
    mapping::Mapping,
    pieces::{Piece, Pieces},
    staged::{Staged, StagedPieces},
};
use crate::{
    args::{ImportArgs, Refresh},
    connect::{Connected, connect, in_words},
    journal::random_key,
    out,
    progress::Progress,
    settings::Usage,
    stop::Stop,
};

/// Between two questions for the status, unless the server says more.
const ASK_EVERY: Duration = Duration::from_millis(250);

/// For how long the number of staged records stands still until it is believed.
const SETTLED: Duration = Duration::from_secs(1);

/// Runs it.
///
/// # Errors
/// Wrong usage; whatever keeps records from being staged or executed. What is staged is kept for the next run.
pub fn run(args: ImportArgs) -> anyhow::Result<ExitCode> {
    let stop = Stop::listen()?;
    let connected = connect(&args.server)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")?;
    runtime.block_on(import(&args, &connected, &stop))
}

async fn import(args: &ImportArgs, connected: &Connected, stop: &Stop) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    let Some(first_file) = args.files.first() else { return Err(Usage("no file".to_owned()).into()) };
    let mapping = args.map.as_deref().map(Mapping::read).transpose()?;
    let looks_like_table = |file: &&PathBuf| file.to_string_lossy().to_ascii_lowercase().contains(".csv");
    if mapping.is_none()
        && let Some(table) = args.files.iter().find(looks_like_table)
    {
        let words = format!("{} looks like a table; say with --map which column goes where", table.display());
        return Err(Usage(words).into());
    }
    let request = request(args)?;
    let options = options(args, connected, &request, mapping.as_ref().map(|(_, text)| text.as_str()))?;
    let (mapping, client) = (mapping.map(|(mapping, _)| mapping), &connected.client);
    if let Some(mapping) = &mapping {
        pieces::check(&args.files, mapping)?;
    }

    let (journal, mut told) = journal::open(first_file)?;
    let journal = Arc::new(journal);
    if told.options.as_ref().is_some_and(|before| *before != options) {
        if told.has_staged() {
            bail!(
                "an import of {} with other files or options was broken off; finish it with those, or remove {} to begin anew",
                first_file.display(),
                journal.path().display()
            );
        }
        // Its token is of an import with other options: not for these.
        told = Told::default();
    }
    let token = token(client, &request, &options, &journal, &mut told).await?;
    let mut exceptions = Exceptions::begin(&args.exceptions.clone().unwrap_or_else(|| beside_exceptions(first_file)))?;
    let staged = Staging { args, client, token, told: &told, journal: &journal, stop };
    let Some(staged) = staged.run(mapping.as_ref(), &mut exceptions).await? else {
        bail!("ended before everything was staged; run the same command again to go on");
    };
    let staging = began.elapsed();
    if !told.executed {
        journal.add(&Line::Executed)?;
    }
    client.execute_import(token).await.map_err(|e| in_words(&e))?;
    let status = wait(client, token, stop).await?;
    let executing = began.elapsed() - staging;
    // Of a record that is deleted nothing counts but what it is matched by, and one that lacks that has failed.
    let ignores_unknown = args.ignore_unknown || args.delete;
    let no_records = exceptions.refused();
    let reading = exceptions.read(client, token, &staged, &args.files, !ignores_unknown);
    reading.await.map_err(|e| in_words(&e))?;
    let journal = Arc::into_inner(journal).context("the journal is still in use")?;
    let result = Outcome {
        records: staged.records() + no_records,
        imported: staged.records().saturating_sub(status.exceptions),
        rejected: exceptions.refused(),
        // A server may tell in which records it passed members over and have no counter of them.
        warnings: status.warnings.max(staged.told()),
        ignores_unknown,
        staged: &staged,
        file: exceptions.finish()?,
        times: Times { staging, executing, all: began.elapsed() },
        status,
    };
    journal.remove()?;
    result.say(args)?;
    if result.status.is_failed() {
        bail!(
            "the server ended the import before its end, after {} of {} records: the user may have lost a permission; the audit trail and the log have the cause",
            result.status.processed,
            staged.records()
        );
    }
    Ok(ExitCode::from(u8::from(!result.is_all_in())))
}

/// How long this run took, and its two parts.
struct Times {
    staging: Duration,
    executing: Duration,
    all: Duration,
}

/// What became of an import.
struct Outcome<'s> {
    status: ImportStatus,
    /// What the files have, with lines that are no records.
    records: u64,
    imported: u64,
    rejected: u64,
    /// Records with members that a profile doesn't have.
    warnings: u64,
    ignores_unknown: bool,
    staged: &'s StagedPieces,
    /// Where exceptions are, if there are any.
    file: Option<PathBuf>,
    times: Times,
}

impl Outcome<'_> {
    fn is_all_in(&self) -> bool {
        self.rejected == 0 && (self.warnings == 0 || self.ignores_unknown)
    }

    fn say(&self, args: &ImportArgs) -> anyhow::Result<()> {
        let Self { status, records, imported, rejected, times, .. } = self;
        if args.json {
            return out::json(&json!({
                "status": status.status, "records": records, "imported": imported, "rejected": rejected,
                "not_honored": status.not_honored, "warnings": self.warnings, "exceptions_file": self.file,
                "seconds": times.all.as_secs_f64(), "staging_seconds": times.staging.as_secs_f64(),
                "executing_seconds": times.executing.as_secs_f64(),
            }));
        }
        out::line(format_args!(
            "imported {} of {} in {} ({}/s)",
            out::count(*imported),
            out::counted(*records, "record"),
            out::took(times.all),
            out::count(out::rate(*records, times.all))
        ))?;
        if status.not_honored > 0 {
            let words = "had a change that a rule of the account declined; the rest of them is in";
            out::line(format_args!("{} {words}", out::counted(status.not_honored, "record")))?;
        }
        if self.warnings > 0 {
            let words = self.unknown_in_words(&args.files);
            if self.ignores_unknown { out::line(words)? } else { out::note(words) }
        }
        if let Some(file) = self.file.as_deref().filter(|_| *rejected > 0) {
            out::note(format_args!(
                "{} not imported: lines and reasons are in {}",
                out::count(*rejected),
                file.display()
            ));
        }
        Ok(())
    }

    /// What is known of members that a profile doesn't have.
    fn unknown_in_words(&self, files: &[PathBuf]) -> String {
        let verb = if self.warnings == 1 { "has" } else { "have" };
        let mut words = format!("{} {verb} members that no profile has", out::counted(self.warnings, "record"));
        if let Some(first) = self.staged.first_unknown(files) {
            words += &format!(" (first: {first})");
        }
        if self.ignores_unknown {
            return words + "; they were passed over";
        }
        words += "; what stands in them was NOT taken";
        let told = self.staged.told();
        match &self.file {
            Some(file) if told == self.warnings => words += &format!(": lines and paths are in {}", file.display()),
            Some(file) if told > 0 => {
                let (told, file) = (out::count(told), file.display());
                words += &format!(": the server tells the first of each call, lines and paths of {told} are in {file}");
            }
            _ => words += ", and the server doesn't tell which records they are",
        }
        words
    }
}

/// The import to stage for: the one of the run before, or a new one.
async fn token(
    client: &Client,
    request: &ImportRequest,
    options: &str,
    journal: &Journal,
    told: &mut Told,
) -> anyhow::Result<u64> {
    if let Some(token) = told.token {
        match client.import_status(token).await {
            Ok(_) => return Ok(token),
            Err(Error::Refused { status: 401 | 404, .. }) if told.executed => bail!(
                "import {token} was executed, but the server tells nothing of it any more; remove {} to begin anew",
                journal.path().display()
            ),
            // What was staged for it is gone, too.
            Err(Error::Refused { status: 401 | 404, .. }) => {
                out::note(format_args!(
                    "import {token} has ended on the server before it was executed; beginning anew"
                ));
            }
            Err(error) => return Err(in_words(&error)),
        }
    }
    journal.clear()?;
    let key = random_key()?;
    *told = Told { options: Some(options.to_owned()), key: key.clone(), ..Told::default() };
    journal.add(&Line::Begun { options: options.to_owned(), key })?;
    let token = client.begin_import(request).await.map_err(|e| in_words(&e))?;
    journal.add(&Line::Token(token))?;
    told.token = Some(token);
    Ok(token)
}

fn request(args: &ImportArgs) -> anyhow::Result<ImportRequest> {
    let refreshes = |kind| args.refresh.contains(&kind);
    if args.delete && !args.refresh.is_empty() {
        return Err(Usage("--refresh says nothing where --delete ends the profiles".to_owned()).into());
    }
    Ok(ImportRequest {
        name: args.name.clone(),
        retention_days: args.retention_days,
        import_action: args.delete.then(|| "Delete".to_owned()),
        match_criteria: args.match_alternate_id.as_ref().map(|_| "AlternateIdType".to_owned()),
        match_value: args.match_alternate_id.clone(),
        refresh_alternate_ids: refreshes(Refresh::AlternateIds),
        refresh_contacts: refreshes(Refresh::Contacts),
        refresh_custom_fields: refreshes(Refresh::CustomFields),
        refresh_groups: refreshes(Refresh::Groups),
        refresh_tags: refreshes(Refresh::Tags),
        allow_prior_consents: args.allow_prior_consents,
    })
}

/// Everything that makes two runs the same import, as text.
fn options(
    args: &ImportArgs,
    connected: &Connected,
    request: &ImportRequest,
    mapping: Option<&str>,
) -> anyhow::Result<String> {
    let mut files = Vec::new();
    for file in &args.files {
        let about = fs::metadata(file).with_context(|| format!("{} can't be read", file.display()))?;
        if !about.is_file() {
            bail!("{} is no file; a pipe can't be gone on with after a kill", file.display());
        }
        let changed =
            about.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok()).map_or(0, |t| t.as_millis());
        files.push(json!([file, about.len(), changed.to_string()]));
    }
    let all = json!({
        "account": connected.account, "files": files, "request": request, "mapping": mapping,
        "piece": args.piece_size.0,
    });
    Ok(all.to_string())
}

fn beside_exceptions(file: &Path) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".exceptions.ndjson");
    file.with_file_name(name)
}

struct Staging<'a> {
    args: &'a ImportArgs,
    client: &'a Client,
    token: u64,
    told: &'a Told,
    journal: &'a Arc<Journal>,
    stop: &'a Stop,
}

impl Staging<'_> {
    /// Stages what isn't; where the records of every piece stand. `None` when it was asked to stop before.
    async fn run(
        &self,
        mapping: Option<&Mapping>,
        exceptions: &mut Exceptions,
    ) -> anyhow::Result<Option<StagedPieces>> {
        let mut in_order = self.client.recognises_repeats().then(|| self.client.stage_in_order(self.token));
        let at_once = if in_order.is_some() { usize::from(self.args.parallel) } else { 1 };
        let sizes = self.args.files.iter().map(|file| fs::metadata(file).map(|about| about.len()));
        let mut progress = Progress::start("staging", sizes.sum::<std::io::Result<u64>>().ok());
        let mut staged = StagedPieces::default();
        let (mut sending, mut count) = (JoinSet::new(), 0);
        let (mut pieces, reader) = read(&self.args.files, mapping, self.args.piece_size.0);
        while let Some(mut piece) = pieces.recv().await {
            if self.stop.asked() {
                break;
            }
            for rejected in std::mem::take(&mut piece.rejected) {
                exceptions.add_local(&self.args.files, &rejected)?;
            }
            let (records, position) = (piece.lines.len(), piece.position);
            if let Some(before) = self.told.staged.get(&piece.number) {
                if before.records != records {
                    bail!("{} has changed since it was staged", self.args.files[0].display());
                }
                staged.add(Staged { first: before.first, lines: piece.lines, unknown: before.unknown.clone() });
            } else if records > 0 {
                while sending.len() >= at_once {
                    take(&mut sending, &mut staged).await?;
                }
                match &mut in_order {
                    Some(in_order) => sending.spawn(self.send(piece, in_order)),
                    None => sending.spawn(self.send_alone(piece)),
                };
            }
            count += records;
            progress.at(position, count, "records");
        }
        while !sending.is_empty() {
            take(&mut sending, &mut staged).await?;
        }
        if self.stop.asked() {
            return Ok(None);
        }
        reader.await.context("reading the files broke off")??;
        progress.finish();
        Ok(Some(staged))
    }

    /// Stages a piece behind those before it.
    fn send(
        &self,
        piece: Piece,
        in_order: &mut InOrder,
    ) -> impl Future<Output = anyhow::Result<Staged>> + Send + use<> {
        let Piece { number, body, lines, .. } = piece;
        let journal = Arc::clone(self.journal);
        let staged = in_order.stage(body.into(), self.key(number).into());
        async move {
            let sayso_client::Staged { first, unknown_members: unknown } = staged.await.map_err(|e| in_words(&e))?;
            let first = first.context("the server doesn't say which numbers the records have")?;
            noted(&journal, number, Staged { first, lines, unknown })
        }
    }

    /// Stages a piece for a server that doesn't recognise repeated calls: how many records it has tells whether it has this one's.
    fn send_alone(&self, piece: Piece) -> impl Future<Output = anyhow::Result<Staged>> + Send + use<> {
        let (client, token, journal) = (self.client.clone(), self.token, Arc::clone(self.journal));
        let Piece { number, body, lines, .. } = piece;
        let (key, records) = (self.key(number), lines.len());
        let mut unsure = self.told.sending.filter(|(sending, _)| *sending == number).map(|(_, before)| before);
        async move {
            let body = bytes::Bytes::from(body);
            loop {
                let before = match unsure {
                    None => received(&client, token).await?,
                    // The answer was lost, or we were: is it there?
                    Some(unsure) => {
                        let now = settled(&client, token).await?;
                        if now == unsure + records {
                            return noted(&journal, number, Staged { first: unsure + 1, lines, unknown: Vec::new() });
                        }
                        now
                    }
                };
                let first = before + 1;
                unsure = Some(before);
                journal.add(&Line::Sending { piece: number, before })?;
                match client.stage(token, body.clone(), &key).await {
                    Ok(staged) => {
                        let (first, unknown) = (staged.first.unwrap_or(first), staged.unknown_members);
                        return noted(&journal, number, Staged { first, lines, unknown });
                    }
                    Err(error @ Error::Connection { .. }) if error.is_temporary() => {
                        out::note(format_args!("{error}; looking whether it was taken"));
                    }
                    Err(error) => return Err(in_words(&error)),
                }
            }
        }
    }

    /// The key of a piece, the same in every run.
    fn key(&self, piece: u64) -> String {
        format!("{}-{piece}", self.told.key)
    }
}

/// How many records the server has.
async fn received(client: &Client, token: u64) -> anyhow::Result<u64> {
    Ok(client.import_status(token).await.map_err(|e| in_words(&e))?.received)
}

/// The same once it stands still: a call of which nobody waits for the answer may be under way.
async fn settled(client: &Client, token: u64) -> anyhow::Result<u64> {
    let mut before = received(client, token).await?;
    loop {
        tokio::time::sleep(SETTLED).await;
        let now = received(client, token).await?;
        if now == before {
            return Ok(now);
        }
        before = now;
    }
}

/// Reads pieces on a thread of its own, a few ahead.
fn read(
    files: &[PathBuf],
    mapping: Option<&Mapping>,
    most: u64,
) -> (mpsc::Receiver<Piece>, tokio::task::JoinHandle<anyhow::Result<()>>) {
    let (give, pieces) = mpsc::channel(2);
    let (files, mapping) = (files.to_vec(), mapping.cloned());
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let reader = tokio::task::spawn_blocking(move || {
        let mut pieces = Pieces::new(&files, mapping.as_ref(), most);
        while let Some(piece) = pieces.next()? {
            if give.blocking_send(piece).is_err() {
                break;
            }
        }
        Ok(())
    });
    (pieces, reader)
}

/// Notes that a piece is staged.
fn noted(journal: &Journal, piece: u64, staged: Staged) -> anyhow::Result<Staged> {
    let Staged { first, lines, unknown } = &staged;
    journal.add(&Line::Staged { piece, first: *first, records: lines.len(), unknown: unknown.clone() })?;
    Ok(staged)
}

async fn take(sending: &mut JoinSet<anyhow::Result<Staged>>, staged: &mut StagedPieces) -> anyhow::Result<()> {
    if let Some(sent) = sending.join_next().await {
        staged.add(sent.context("staging broke off")??);
    }
    Ok(())
}

/// Waits for the import's end.
async fn wait(client: &Client, token: u64, stop: &Stop) -> anyhow::Result<ImportStatus> {
    let mut progress: Option<Progress> = None;
    loop {
        let status = client.import_status(token).await.map_err(|e| in_words(&e))?;
        if status.is_completed() || status.is_failed() {
            progress.map(Progress::finish);
            return Ok(status);
        }
        let total = status.processed + status.pending;
        progress.get_or_insert_with(|| Progress::start("executing", Some(total))).at(
            status.processed,
            status.processed,
            "records",
        );
        let wait = status.retry_after.unwrap_or_default().clamp(ASK_EVERY, Duration::from_secs(5));
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = stop.clone().wait() => bail!("ended; the server goes on executing, and the same command tells what became of it"),
        }
    }
}

#[cfg(test)]
mod tests {
    use sayso_client::UnknownMember;

    use super::*;

    #[test]
    fn members_that_no_profile_has_are_told_as_far_as_the_server_tells_of_them() {
        let mut staged = StagedPieces::default();
        let words = |staged: &StagedPieces, warnings, file: Option<&str>, ignores_unknown| {
            let status = ImportStatus::default();
            let times = Times { staging: Duration::ZERO, executing: Duration::ZERO, all: Duration::ZERO };
            let file = file.map(PathBuf::from);
            let (records, imported, rejected) = (9_000, 9_000, 0);
            let told = Outcome { status, records, imported, rejected, warnings, ignores_unknown, staged, file, times };
            assert_eq!(told.is_all_in(), ignores_unknown);
            told.unknown_in_words(&[PathBuf::from("p.ndjson")])
        };
        assert_eq!(
            words(&staged, 12, None, false),
            "12 records have members that no profile has; what stands in them was NOT taken, and the server doesn't tell which records they are"
        );
        let mut lines = pieces::Lines::default();
        lines.push(0, 4);
        let unknown = UnknownMember { sequence: Some(1), path: "Emails[0].Mail".into(), message: String::new() };
        staged.add(Staged { first: 1, lines, unknown: vec![unknown] });
        assert_eq!(
            words(&staged, 1, Some("f"), false),
            "1 record has members that no profile has (first: p.ndjson line 4, Emails[0].Mail); what stands in them was NOT taken: lines and paths are in f"
        );
        let of_many = words(&staged, 2_000, Some("f"), false);
        assert!(
            of_many.starts_with("2,000 records have") && of_many.ends_with("lines and paths of 1 are in f"),
            "{of_many}"
        );
        assert!(words(&staged, 1, None, true).ends_with("they were passed over"));
    }
}
