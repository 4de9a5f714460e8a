//! Execution. One worker goes through the queued imports in turn, a batch each, so that a large one doesn't keep the others; while the store
//! writes a batch the next one of the same import is read.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, mpsc},
    time::Duration,
};

use sayso_model::{
    id::Author,
    input::{ProfileInput, parse_record},
    refusal::Refusal,
};
use sayso_store::{
    StoreError,
    audit::{Action, Entry},
    imports::{Imports, Key, Wish},
};

use crate::{
    ImportError,
    chunk::{Reader, Writer},
    engine::Inner,
    job::{Event, State},
    record::{Chunk, Exception, Job, Reason, decode, decode_job, encode},
    wishes::{May, wish},
};

/// Records of a batch, at most: others who write wait for as long as it takes.
const BATCH: usize = 1_000;
/// Bytes of their JSON, at most.
const BATCH_BYTES: usize = 4 << 20;
/// Between two attempts to write a batch while the store keeps nothing (disk full).
const RETRY_EVERY: Duration = Duration::from_secs(1);
/// Between two looks at the hold file.
const HOLD_EVERY: Duration = Duration::from_millis(20);
/// Imports whose next batch is kept ready.
const READY: usize = 8;

/// What the worker is told.
pub(crate) enum Message {
    Queued(Key),
    Stop,
}

/// Records that are written together.
struct Batch {
    /// The import's cursor before it, and behind it.
    from: u64,
    to: u64,
    records: Vec<(u64, Read)>,
    /// The stage call that ends with it.
    ends: Option<Chunk>,
}

/// A record as it was read.
enum Read {
    Valid(Box<ProfileInput>),
    Failed(Vec<Reason>),
}

/// What became of a batch.
enum Outcome {
    /// It is written; whether the import is over.
    Written { is_over: bool },
    /// Somebody else has moved the import.
    Moved,
    /// Nothing is written: index entries must be merged before.
    Unmerged,
    /// The sender may not import any more.
    Forbidden,
}

/// The worker's thread.
pub(crate) fn run(inner: &Arc<Inner>, messages: &mpsc::Receiver<Message>) {
    let mut queue = VecDeque::new();
    let mut ready: HashMap<Key, Batch> = HashMap::new();
    loop {
        let message = if queue.is_empty() { messages.recv().ok() } else { messages.try_recv().ok() };
        match message {
            Some(Message::Queued(key)) => {
                if !queue.contains(&key) {
                    queue.push_back(key);
                }
                continue;
            }
            Some(Message::Stop) => return,
            None => {}
        }
        if inner.settings.hold_file.as_ref().is_some_and(|file| file.exists()) {
            std::thread::sleep(HOLD_EVERY);
            continue;
        }
        let Some(key) = queue.pop_front() else { return };
        match advance(inner, key, ready.remove(&key)) {
            Ok(Some(next)) => {
                if ready.len() < READY
                    && let Some(next) = next
                {
                    ready.insert(key, next);
                }
                queue.push_back(key);
            }
            Ok(None) => {}
            Err(error) if is_passing(&error) => {
                tracing::warn!(token = %key.1, %error, "a batch of an import was not kept; it is tried again");
                match messages.recv_timeout(RETRY_EVERY) {
                    Ok(Message::Queued(other)) if !queue.contains(&other) => queue.push_back(other),
                    Ok(Message::Queued(_)) | Err(mpsc::RecvTimeoutError::Timeout) => {}
                    Ok(Message::Stop) | Err(mpsc::RecvTimeoutError::Disconnected) => return,
                }
                queue.push_back(key);
            }
            Err(ImportError::Store(StoreError::Closing)) => return,
            Err(error) => {
                tracing::error!(token = %key.1, %error, "an import failed");
                if let Err(error) = fail(inner, key, &error.to_string()) {
                    tracing::error!(token = %key.1, %error, "that an import failed could not be written down; it is tried again at the next start");
                }
            }
        }
    }
}

/// Whether time heals it.
fn is_passing(error: &ImportError) -> bool {
    matches!(error, ImportError::NoRoom | ImportError::Store(StoreError::NotKept(_)))
}

/// Writes the import's next batch; gives the one behind it, `None` when the import is over.
#[expect(clippy::option_option, reason = "over, or going on with or without a batch that is ready")]
fn advance(inner: &Inner, key: Key, ready: Option<Batch>) -> Result<Option<Option<Batch>>, ImportError> {
    let Some(job) = inner.job(key)?.filter(|job| matches!(job.state, State::Queued | State::Processing)) else {
        return Ok(None);
    };
    if !(inner.permission)(job.account, &job.user_id, job.client_id.as_deref()) {
        fail(inner, key, FORBIDDEN)?;
        return Ok(None);
    }
    let batch = match ready.filter(|batch| batch.from == job.cursor) {
        Some(batch) => batch,
        None => read(inner, &job, job.cursor)?,
    };
    let (to, ends) = (batch.to, batch.ends.clone());
    let (outcome, next) = std::thread::scope(|scope| {
        let next = scope.spawn(|| read(inner, &job, to));
        let outcome = inner.store.imports_blocking(move |tx| write(tx, key, batch));
        (outcome, next.join())
    });
    let outcome = match outcome {
        Ok(Outcome::Unmerged) => {
            let batch = read(inner, &job, job.cursor)?;
            inner.store.imports_merged(move |tx| write(tx, key, batch))
        }
        outcome => outcome,
    };
    let next = next.map_err(|_| StoreError::Engine("reading staged records broke off inside the program".into()))?;
    match outcome? {
        Outcome::Written { is_over } => {
            if let Some(chunk) = ends
                && let Err(error) = shrink(inner, key, &chunk)
            {
                tracing::warn!(token = %key.1, %error, "what was executed stays on disk until the import's retention ends");
            }
            if let Err(error) = inner.store.merge_imported(is_over) {
                tracing::warn!(token = %key.1, %error, "index entries of imported profiles wait to be merged");
            }
            if is_over {
                tracing::info!(token = %key.1, "an import is completed");
                return Ok(None);
            }
            next.map(|next| Some(Some(next)))
        }
        Outcome::Moved | Outcome::Unmerged => Ok(Some(None)),
        Outcome::Forbidden => {
            fail(inner, key, FORBIDDEN)?;
            Ok(None)
        }
    }
}

const FORBIDDEN: &str = "the user may not import any more";

/// Reads the records behind a cursor.
fn read(inner: &Inner, job: &Job, cursor: u64) -> Result<Batch, ImportError> {
    let mut batch = Batch { from: cursor, to: cursor, records: Vec::new(), ends: None };
    let Some(chunk) = inner.chunk_of(job.key(), cursor + 1)? else { return Ok(batch) };
    let reader = Reader::open(&inner.files.file(job.key(), chunk.file))?;
    let mut bytes = 0;
    while batch.to + 1 < chunk.end() && batch.records.len() < BATCH && bytes < BATCH_BYTES {
        let sequence = batch.to + 1;
        let number = u32::try_from(sequence - chunk.first).unwrap_or(u32::MAX);
        let missing = || ImportError::Damaged(format!("the file {} has no record {number}", chunk.file));
        let record = reader.record(reader.find(number).ok_or_else(missing)?)?;
        bytes += record.json.len();
        let read = if record.reasons.is_empty() {
            match parse_record(&record.json) {
                Ok((input, _)) => Read::Valid(Box::new(input)),
                Err(refusal) => Read::Failed(vec![refusal.into()]),
            }
        } else {
            Read::Failed(record.reasons()?)
        };
        batch.records.push((sequence, read));
        batch.to = sequence;
    }
    batch.ends = (batch.to + 1 == chunk.end()).then_some(chunk);
    Ok(batch)
}

/// Writes a batch: its profiles, the cursor, the counters and the exceptions, all in this transaction.
fn write(tx: &mut Imports<'_, '_>, key: Key, batch: Batch) -> Result<Outcome, StoreError> {
    let Some(mut job) = tx.get(key)?.map(|bytes| decode_job(&bytes)).transpose()? else { return Ok(Outcome::Moved) };
    if job.cursor != batch.from {
        return Ok(Outcome::Moved);
    }
    let account = tx.account(job.account)?;
    let user = account.config.user(&job.user_id).filter(|user| user.is_active);
    let Some((user, may)) = user.map(|user| (user, May::of(&account.config, user))).filter(|(_, may)| may.import)
    else {
        return Ok(Outcome::Forbidden);
    };
    let author = Author { user_id: user.user_id.clone(), source_id: user.source_group.clone() };
    let now = tx.stamp();
    let began = *job.began.get_or_insert(now);
    let impossible = |e: crate::job::Impossible| StoreError::Engine(e.to_string());
    job.advance(Event::Advanced, now).map_err(impossible)?;

    let mut refused: Vec<Exception> = Vec::new();
    let (mut sequences, mut wishes) = (Vec::new(), Vec::new());
    for (sequence, read) in batch.records {
        match read {
            Read::Failed(reasons) => refused.push(Exception { sequence, reasons }),
            Read::Valid(input) => {
                sequences.push(sequence);
                wishes.push(wish(*input, &job.terms, may));
            }
        }
    }
    let valid = wishes.len() as u64;
    job.counts.processed += valid;
    let outcomes = if wishes.iter().all(is_refused) {
        // Nothing to write: what was refused before needs no author.
        wishes.into_iter().map(refusal).collect()
    } else {
        match tx.write(job.account, &author, &job.terms.manner, began, wishes)? {
            Some(outcomes) => outcomes,
            None => return Ok(Outcome::Unmerged),
        }
    };
    metrics::counter!("sayso_imported_records_total").increment(valid);
    for (sequence, outcome) in sequences.into_iter().zip(outcomes) {
        match outcome {
            Ok(declined) => job.counts.not_honored += u64::from(declined > 0),
            Err(refusal) => {
                job.counts.refused += 1;
                refused.push(Exception { sequence, reasons: vec![refusal.into()] });
            }
        }
    }
    refused.sort_by_key(|exception| exception.sequence);
    for exception in &refused {
        tx.put_exception(key, job.listed, &encode(exception)?)?;
        job.listed += 1;
    }
    job.cursor = batch.to;
    let is_over = job.cursor == job.counts.received;
    if is_over {
        job.advance(Event::Finished, now).map_err(impossible)?;
    }
    tx.put(key, &encode(&job)?)?;
    if is_over {
        let counts = job.counts;
        let detail = format!("{} in, {} refused", counts.processed - counts.refused, counts.exceptions());
        let entry = job.told_by_program(Action::ImportCompleted).detail(detail);
        tx.audit(job.account, &Entry { rows: Some(counts.received), ..entry })?;
    }
    Ok(Outcome::Written { is_over })
}

fn is_refused(wish: &Wish) -> bool {
    matches!(wish, Wish::Refused(_))
}

fn refusal(wish: Wish) -> Result<usize, Refusal> {
    match wish {
        Wish::Refused(refusal) => Err(refusal),
        Wish::Put(..) | Wish::Part(..) | Wish::Delete(..) => Ok(0),
    }
}

/// Ends an import that can't go on (blocking).
pub(crate) fn fail(inner: &Inner, key: Key, error: &str) -> Result<(), StoreError> {
    let error = error.to_owned();
    inner.store.imports_upkeep(move |tx| {
        let Some(mut job) = tx.get(key)?.map(|bytes| decode_job(&bytes)).transpose()? else { return Ok(()) };
        let now = tx.now();
        if job.advance(Event::Broke, now).is_ok() {
            let told = job.told_by_program(Action::ImportFailed).detail(error.as_str());
            job.error = Some(error);
            tx.put(key, &encode(&job)?)?;
            tx.audit(job.account, &told)?;
        }
        Ok(())
    })
}

/// Keeps of an executed call what there are exceptions of alone: what is in lies in the store, and shouldn't outlive its profile elsewhere.
fn shrink(inner: &Inner, key: Key, chunk: &Chunk) -> Result<(), ImportError> {
    let path = inner.files.file(key, chunk.file);
    let Some(job) = inner.job(key)? else { return Ok(()) };
    let mut refused: Vec<Exception> = Vec::new();
    let mut before = job.listed;
    'back: while before > 0 {
        let take = before.min(1_000);
        before -= take;
        for bytes in inner.store.import_exceptions(key, before, take as usize)?.iter().rev() {
            let exception: Exception = decode(bytes)?;
            if exception.sequence < chunk.first {
                break 'back;
            }
            refused.push(exception);
        }
    }
    if refused.is_empty() {
        return inner.files.remove_file(key, chunk.file);
    }
    let reader = Reader::open(&path)?;
    let mut writer = Writer::begin(path)?;
    for exception in refused.iter().rev().filter(|e| e.sequence < chunk.end()) {
        let number = u32::try_from(exception.sequence - chunk.first).unwrap_or(u32::MAX);
        let Some(place) = reader.find(number) else { continue };
        let record = reader.record(place)?;
        writer.put(number, &record.json, &record.reasons)?;
    }
    writer.finish()
}
