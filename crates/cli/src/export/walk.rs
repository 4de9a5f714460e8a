//! One export, from Initiate to a whole file on disk, or from where a former run was broken off.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow};
use sayso_client::{Client, Error, InitiateRequest, Reading, Source, State};

use super::{
    chunks::Chunks,
    form::{Chunk, Form},
    journal::{self, Complete, Journal, Line, Mark, Told},
    part, place,
    sink::Sink,
};
use crate::{args::Compress, connect::in_words, journal::random_key, out, progress::Progress, stop::Stop};

/// How often what was read is put on disk, at least.
const MARK_EVERY: Duration = Duration::from_secs(10);

/// What is to be exported, and how.
pub(super) struct Order<'a> {
    pub(super) client: &'a Client,
    pub(super) source: Source,
    pub(super) request: InitiateRequest,
    pub(super) form: Form,
    pub(super) compress: Option<Compress>,
    pub(super) reading: Reading,
    /// Bytes between two marks.
    pub(super) checkpoint: u64,
    /// Of everything that makes one export another one.
    pub(super) options: String,
    /// The server and account: tokens of others mean nothing there.
    pub(super) at: String,
    pub(super) stop: &'a Stop,
}

/// An export that is complete on the server.
pub(super) struct Begun {
    journal: Journal,
    told: Told,
    complete: Complete,
    waited: Duration,
}

impl Begun {
    pub(super) fn token(&self) -> u64 {
        self.complete.token
    }
}

/// An export that is whole on disk, or has gone to stdout.
pub(super) struct Done {
    pub(super) token: u64,
    pub(super) rows: u64,
    /// Of what was written, before compression.
    pub(super) bytes: u64,
    /// The snapshot's moment, if the server tells it.
    pub(super) snapshot: Option<String>,
    /// When the run began, by this machine's clock.
    pub(super) began: String,
    /// By how much that was ahead of the server's, ms.
    pub(super) ahead_ms: i64,
    /// Rows that were there already, from a former run.
    pub(super) from: u64,
    /// How long the server took to have the export complete; nothing where it was so already.
    pub(super) waited: Duration,
    /// Whether a former run had all of it on disk.
    pub(super) was_whole: bool,
    pub(super) ready: Option<Ready>,
}

/// A whole file and where it belongs.
pub(super) struct Ready {
    part: PathBuf,
    pub(super) file: PathBuf,
    journal: Journal,
}

impl Ready {
    /// Gives it its name; a second time it does nothing.
    pub(super) fn put(&self) -> anyhow::Result<()> {
        match place::rename(&self.part, &self.file) {
            Err(e) if e.kind() == io::ErrorKind::NotFound && self.file.exists() => Ok(()),
            other => other.with_context(|| format!("{} can't be put in its place", self.file.display())),
        }
    }

    /// Whether it has its name already.
    pub(super) fn is_put(&self) -> bool {
        is_put(&self.part, &self.file)
    }

    /// Forgets how it came there.
    pub(super) fn forget(self, base: &Path) -> anyhow::Result<()> {
        part::sweep(base, |_| false).with_context(|| format!("what is beside {} can't be removed", base.display()))?;
        self.journal.remove()
    }
}

fn is_put(part: &Path, file: &Path) -> bool {
    !part.exists() && file.exists()
}

/// An export has ended on the server before it was complete: in its words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct OverThere(String);

impl Order<'_> {
    /// Whether a former run of this very order, which this tells of, gave its file the name already, and has only to be ended.
    pub(super) fn was_put(&self, told: &Told) -> bool {
        let whole = told.whole.as_ref().filter(|_| told.options.as_deref() == Some(&self.options));
        whole.is_some_and(|(part, file, _)| is_put(part, file))
    }

    /// Has the export complete on the server, or finds that a former run had. Nothing of it is read yet.
    pub(super) async fn begin(&self, base: &Path) -> anyhow::Result<Begun> {
        let (journal, told) = journal::open(base)?;
        let former = told.key.clone();
        let mut told = self.of_use(&journal, base, told).await?;
        let asked = Instant::now();
        let complete = match told.complete.take() {
            Some(complete) => complete,
            None => {
                told.whole = None;
                let is_former = told.key == former;
                let complete = self.start_by_key(&journal, &mut told, is_former).await?;
                journal.add(&Line::Complete(complete.clone()))?;
                complete
            }
        };
        let waited = if told.whole.is_some() { Duration::ZERO } else { asked.elapsed() };
        Ok(Begun { journal, told, complete, waited })
    }

    /// Reads it into a file that lies beside `base` until it is [put](Ready::put) where `file` says, which is told the moment.
    pub(super) async fn write_file(
        &self,
        begun: Begun,
        base: &Path,
        file: impl Fn(&str) -> PathBuf,
    ) -> anyhow::Result<Done> {
        let Begun { journal, told, complete: Complete { token, rows, snapshot, ahead_ms }, waited } = begun;
        if let Some((part, file, bytes)) = told.whole {
            let ready = Some(Ready { part, file, journal });
            let (began, from) = (told.began, rows);
            return Ok(Done { token, rows, bytes, snapshot, began, ahead_ms, from, waited, was_whole: true, ready });
        }
        let words = || format!("{} can't be written", base.display());
        let former = Sink::go_on(base, told.mark, self.form, self.compress).with_context(words)?;
        let (mut sink, from) = match former {
            Some(sink) => (sink, told.mark.rows),
            None => {
                part::sweep(base, |_| false).with_context(words)?;
                (Sink::begin(base, self.form, self.compress).with_context(words)?, 0)
            }
        };
        if from > 0 {
            out::note(format_args!("going on after {} of {} rows", out::count(from), out::count(rows)));
            // What was packed anew counts from here on.
            let mark = sink.mark(from).with_context(words)?;
            journal.add(&Line::Mark(mark))?;
            sink.sweep(base, mark).with_context(words)?;
        }
        let (plain, every) = (sink.plain(), self.checkpoint * sink.patience());
        let mut keeper = Keeper {
            journal: &journal,
            sink: &mut sink,
            every,
            taken: from,
            at: Instant::now(),
            plain,
            syncing: None,
            lost: false,
        };
        let read = self.read(token, rows, from, |chunk, read| keeper.take(chunk, read)).await;
        if let Err(error) = read.and_then(|()| keeper.settle()) {
            return Err(keeper.keep(error, rows));
        }
        let bytes = sink.plain();
        let part = sink.finish().with_context(words)?;
        let file = file(snapshot.as_deref().unwrap_or(&told.began));
        journal.add(&Line::Whole { part: part.clone(), file: file.clone(), bytes })?;
        let ready = Some(Ready { part, file, journal });
        Ok(Done { token, rows, bytes, snapshot, began: told.began, ahead_ms, from, waited, was_whole: false, ready })
    }

    /// Has the export complete on the server for [`Self::to_stdout`], where nothing can be gone on with.
    pub(super) async fn begin_for_stdout(&self) -> anyhow::Result<Done> {
        let (began, asked) = (now(), Instant::now());
        let Complete { token, rows, snapshot, ahead_ms } = self.start(&random_key()?).await?;
        let waited = asked.elapsed();
        Ok(Done { token, rows, bytes: 0, snapshot, began, ahead_ms, from: 0, waited, was_whole: false, ready: None })
    }

    /// Reads what was begun, to stdout.
    pub(super) async fn to_stdout(&self, begun: Done, stdout: &mut (impl Write + Send)) -> anyhow::Result<Done> {
        let mut bytes = 0;
        let mut pour = |text: &[u8]| {
            bytes += text.len() as u64;
            stdout.write_all(text).map_err(out::stdout_error)
        };
        pour(&self.form.head())?;
        self.read(begun.token, begun.rows, 0, |chunk, _| chunk.each_text(&mut pour)).await?;
        stdout.flush().map_err(out::stdout_error)?;
        Ok(Done { bytes, ..begun })
    }

    /// What of a former run can be gone on with; begins a new one otherwise.
    async fn of_use(&self, journal: &Journal, base: &Path, told: Told) -> anyhow::Result<Told> {
        let same = told.options.as_deref() == Some(&self.options);
        if self.was_put(&told) {
            return Ok(told);
        }
        // It had its name, and whom it was for may have it by now. With `--state` the options are others as soon as the state has moved on.
        let was_taken = told.whole.as_ref().is_some_and(|(part, _, _)| !part.exists());
        let alive = match &told.complete {
            _ if was_taken => false,
            // What is whole here is yesterday's when the export there is over.
            Some(complete) if same => match self.client.status(complete.token).await {
                Ok(status) => status.state == State::Complete && status.row_count == Some(complete.rows),
                Err(error) if error.is_gone() => false,
                Err(error) => return Err(in_words(&error)),
            },
            _ => same,
        };
        if alive {
            return Ok(told);
        }
        if let Some(complete) = &told.complete {
            if !was_taken {
                let why = if same { "has ended on the server" } else { "was of other options" };
                out::note(format_args!("the unfinished export of {} {why}: starting anew", base.display()));
            } else if told.at == self.at
                // All that it lacks is perhaps its Commit: without it the server keeps the files until the token expires, and nobody loses a record.
                && let Err(error) = self.client.commit(complete.token, false).await
            {
                tracing::debug!(token = complete.token, %error, "the former run's export is not committed");
            }
        }
        part::sweep(base, |_| false).with_context(|| format!("what is beside {} can't be removed", base.display()))?;
        self.begin_anew(journal)
    }

    /// Notes a new run with a key of its own.
    fn begin_anew(&self, journal: &Journal) -> anyhow::Result<Told> {
        journal.clear()?;
        let (key, began) = (random_key()?, now());
        let (options, at) = (self.options.clone(), self.at.clone());
        journal.add(&Line::Begun { options, key: key.clone(), began: began.clone(), at: at.clone() })?;
        Ok(Told { options: Some(self.options.clone()), key, began, at, ..Told::default() })
    }

    /// Initiates by the journal's key and waits. The key stands for the export that it began for a day, also for one that ended in Error: it is
    /// forgotten with that, so that the next run can succeed, and this one where it was a former run's.
    async fn start_by_key(&self, journal: &Journal, told: &mut Told, mut is_former: bool) -> anyhow::Result<Complete> {
        loop {
            match self.start(&told.key).await {
                Err(error) if error.downcast_ref::<OverThere>().is_some() => {
                    *told = self.begin_anew(journal)?;
                    if !std::mem::take(&mut is_former) {
                        return Err(error);
                    }
                }
                started => return started,
            }
        }
    }

    /// Initiates and waits. The error is [`OverThere`] when only another Initiate helps.
    async fn start(&self, key: &str) -> anyhow::Result<Complete> {
        let words = |error: Error| match error.is_gone() {
            true => OverThere(in_words(&error).to_string()).into(),
            false => in_words(&error),
        };
        let token = self.client.initiate_once(&self.source, &self.request, key).await.map_err(words)?;
        let mut progress = Progress::start(format!("the server prepares {}", self.source), Some(100));
        let wait = self.client.wait_telling(token, |status| {
            let told = status.progress.as_deref().unwrap_or_default();
            let percent = told.trim_end_matches('%').parse::<u64>().unwrap_or(0);
            progress.show(percent, || "processing".to_owned());
        });
        let status = self.unless_stopped(wait).await?.map_err(words)?;
        progress.finish();
        let rows = status.row_count.context("the server did not tell the RowCount of a complete export")?;
        let ahead_ms = i64::try_from(status.ahead.as_millis()).context("the server's Date is out of range")?;
        Ok(Complete { token, rows, snapshot: status.snapshot, ahead_ms })
    }

    /// Reads the records after `from`, in order, several pages at once; gives each chunk on with the number of rows up to its end.
    async fn read(
        &self,
        token: u64,
        rows: u64,
        from: u64,
        mut take: impl FnMut(Chunk, u64) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut progress = Progress::start(format!("reading {}", self.source), Some(rows)).from(from);
        let pages = self.client.pages(token, Reading { from: from + 1, ..self.reading });
        let mut chunks = Chunks::of(self.form, pages);
        let mut read = from;
        while let Some(chunk) = self.unless_stopped(chunks.next()).await?? {
            read += chunk.records;
            // Writing may wait for the disk.
            tokio::task::block_in_place(|| take(chunk, read))?;
            progress.at(read, read - from, "rows");
        }
        progress.finish();
        if read == rows {
            return Ok(());
        }
        Err(anyhow!("the export has {rows} rows, but {read} were read; start it again, and tell the server's operator"))
    }

    async fn unless_stopped<T>(&self, future: impl Future<Output = T>) -> anyhow::Result<T> {
        tokio::select! {
            done = future => Ok(done),
            () = self.stop.clone().wait() => Err(anyhow!("interrupted")),
        }
    }
}

/// Writes chunks, and now and then notes down how far it is. The disk takes what was written while the next chunks come: a mark goes into the
/// journal when its file is on disk, and one is on its way at a time.
struct Keeper<'a> {
    journal: &'a Journal,
    sink: &'a mut Sink,
    every: u64,
    /// Rows that were written.
    taken: u64,
    /// When the last mark was begun, and after how many bytes.
    at: Instant,
    plain: u64,
    /// The mark that is to hold next.
    syncing: Option<(Mark, JoinHandle<io::Result<()>>)>,
    /// Whether a file could not be written, or not be put on disk. What of it is there nobody knows, not even who asks again and is told of
    /// no error.
    lost: bool,
}

impl Keeper<'_> {
    fn take(&mut self, chunk: Chunk, read: u64) -> anyhow::Result<()> {
        if let Err(error) = self.sink.take(&chunk) {
            // A part of the chunk may be there: no mark can be behind it any more.
            self.lost = true;
            return Err(error.context(CANT_WRITE));
        }
        self.taken = read;
        if self.syncing.as_ref().is_some_and(|(_, sync)| sync.is_finished()) {
            self.settle()?;
        }
        if self.sink.plain() - self.plain >= self.every || self.at.elapsed() >= MARK_EVERY {
            self.mark(read)?;
        }
        Ok(())
    }

    /// Begins a mark, when the one before holds.
    fn mark(&mut self, read: u64) -> anyhow::Result<()> {
        self.settle()?;
        let paused = self.sink.pause(read);
        self.lost |= paused.is_err();
        let (mark, file) = paused.context(CANT_WRITE)?;
        let sync = thread::spawn(move || file.map_or(Ok(()), |file| file.sync_data()));
        self.syncing = Some((mark, sync));
        (self.at, self.plain) = (Instant::now(), self.sink.plain());
        Ok(())
    }

    /// Waits until the mark that was begun holds.
    fn settle(&mut self) -> anyhow::Result<()> {
        let Some((mark, sync)) = self.syncing.take() else { return Ok(()) };
        let synced = sync.join().unwrap_or_else(|_| Err(io::Error::other("the thread that syncs has panicked")));
        self.lost |= synced.is_err();
        synced.context(CANT_WRITE)?;
        self.journal.add(&Line::Mark(mark))
    }

    /// Keeps what was read before a failure, and says so.
    fn keep(&mut self, error: anyhow::Error, rows: u64) -> anyhow::Error {
        let kept = match self.keep_all() {
            Ok(()) => format!("{} of {} rows are kept", out::count(self.taken), out::count(rows)),
            // On a full disk nothing more can be kept than what the last mark tells.
            Err(_) => "what was on disk before is kept".to_owned(),
        };
        anyhow!("{}; {kept}: the same command goes on from there", out::chain(&error))
    }

    fn keep_all(&mut self) -> anyhow::Result<()> {
        self.settle()?;
        anyhow::ensure!(!self.lost, CANT_WRITE);
        self.mark(self.taken)?;
        self.settle()
    }
}

const CANT_WRITE: &str = "what was read can't be written";

/// This moment by this machine's clock.
fn now() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}
