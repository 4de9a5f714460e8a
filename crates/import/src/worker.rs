//! Execution. One worker goes through the accounts' queued imports in turn, a batch each, so that one account's large import doesn't keep the
//! others. The imports of one account are executed one after the other, in the order in which they were asked for: a record says what is so
//! now, and an older list that ends behind a newer one would bring back what people have taken back. While the store
//! writes a batch the next one of the same import is read, and if its records are new profiles, they are made ready to be put.

use std::{
    collections::{HashMap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use rustix::io::Errno;
use sayso_model::{
    id::Author,
    input::{ProfileInput, parse_record},
    refusal::Refusal,
};
use sayso_store::{
    StoreError,
    account::Account,
    audit::{Action, Entry},
    imports::{Ahead, Imports, Key, Wish},
    on_all_cores, text_of,
};

use crate::{
    ImportError,
    chunk::{Reader, Writer},
    engine::Inner,
    job::{Event, State},
    record::{Chunk, Exception, Job, decode, decode_job, encode},
    wishes::{May, by, makes_new, wish},
};

/// Records of a batch, at most: others who write wait for as long as it takes.
const BATCH: u64 = 1_000;
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
    records: Records,
    /// Those that failed when they were staged.
    failed: Vec<Exception>,
    /// The stage call that ends with it.
    ends: Option<Chunk>,
}

/// Valid records with their numbers.
enum Records {
    Read(Vec<(u64, ProfileInput)>),
    /// Made ready as new profiles.
    Ahead(Vec<u64>, Ahead),
}

/// What became of a batch.
enum Outcome {
    /// It is written; whether the import is over.
    Written { is_over: bool },
    /// Somebody else has moved the import.
    Moved,
    /// Nothing is written: what was made ready doesn't hold any more.
    NotReady,
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
            thread::sleep(HOLD_EVERY);
            continue;
        }
        let Some(key) = queue.pop_front() else { return };
        let next = ready.remove(&key);
        // A fault that one import's records bring about must not keep the others waiting until a restart.
        let advanced = match catch_unwind(AssertUnwindSafe(|| advance(inner, key, next))) {
            Ok(advanced) => advanced,
            Err(panic) => {
                give_up(inner, key, &format!("a fault in the program: {}", text_of(&*panic)));
                continue;
            }
        };
        match advanced {
            Ok(Some(next)) => {
                if ready.len() < READY
                    && let Some(next) = next
                {
                    ready.insert(key, next);
                }
                again(&mut queue, key);
            }
            Ok(None) => {}
            Err(error) if is_passing(&error) => {
                tracing::warn!(token = %key.1, %error, "a batch of an import was not kept; it is tried again");
                match messages.recv_timeout(RETRY_EVERY) {
                    Ok(Message::Queued(other)) if !queue.contains(&other) => queue.push_back(other),
                    Ok(Message::Queued(_)) | Err(mpsc::RecvTimeoutError::Timeout) => {}
                    Ok(Message::Stop) | Err(mpsc::RecvTimeoutError::Disconnected) => return,
                }
                again(&mut queue, key);
            }
            Err(ImportError::Store(StoreError::Closing)) => return,
            Err(error) => give_up(inner, key, &error.to_string()),
        }
    }
}

/// An import goes on in its next turn: behind those of other accounts, before the later ones of its own.
fn again(queue: &mut VecDeque<Key>, key: Key) {
    let (own, others): (Vec<Key>, Vec<Key>) = queue.drain(..).partition(|(account, _)| *account == key.0);
    queue.extend(others);
    queue.push_back(key);
    queue.extend(own);
}

fn give_up(inner: &Inner, key: Key, error: &str) {
    tracing::error!(token = %key.1, error, "an import failed");
    if let Err(error) = fail(inner, key, error) {
        tracing::error!(token = %key.1, %error, "that an import failed could not be written down; it is tried again at the next start");
    }
}

/// Whether time heals it.
fn is_passing(error: &ImportError) -> bool {
    const OF_THE_MOMENT: [Errno; 4] = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::AGAIN];
    match error {
        ImportError::NoRoom | ImportError::Store(StoreError::NotKept(_)) => true,
        ImportError::Io { source, .. } => Errno::from_io_error(source).is_some_and(|no| OF_THE_MOMENT.contains(&no)),
        _ => false,
    }
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
    let (outcome, next) = thread::scope(|scope| {
        let next = scope.spawn(|| make_ready(inner, &job, read(inner, &job, to)?));
        let outcome = inner.store.imports_blocking(move |tx| write(tx, key, batch));
        (outcome, next.join())
    });
    let outcome = match outcome {
        Ok(Outcome::NotReady) => {
            let batch = read(inner, &job, job.cursor)?;
            inner.store.imports_blocking(move |tx| write(tx, key, batch))
        }
        outcome => outcome,
    };
    let outcome = match outcome {
        Ok(Outcome::Unmerged) => {
            let batch = read(inner, &job, job.cursor)?;
            inner.store.imports_merged(move |tx| write(tx, key, batch))
        }
        outcome => outcome,
    };
    match outcome? {
        Outcome::Written { is_over } => {
            if let Some(chunk) = ends {
                shrink_or_warn(inner, key, &chunk);
            }
            if let Err(error) = inner.store.merge_imported(is_over) {
                tracing::warn!(token = %key.1, %error, "index entries of imported profiles wait to be merged");
            }
            if is_over {
                tracing::info!(token = %key.1, "an import is completed");
                return Ok(None);
            }
            // What can't be read ahead is read in its turn, where an error counts.
            Ok(Some(next.ok().and_then(|next| {
                next.inspect_err(|error| tracing::warn!(token = %key.1, %error, "the next records can't be made ready"))
                    .ok()
            })))
        }
        Outcome::Moved | Outcome::NotReady | Outcome::Unmerged => Ok(Some(None)),
        Outcome::Forbidden => {
            fail(inner, key, FORBIDDEN)?;
            Ok(None)
        }
    }
}

const FORBIDDEN: &str = "the user may not import any more";

/// Reads the records behind a cursor.
fn read(inner: &Inner, job: &Job, cursor: u64) -> Result<Batch, ImportError> {
    let (mut texts, mut failed) = (Vec::new(), Vec::new());
    let mut to = cursor;
    let Some(chunk) = inner.chunk_of(job.key(), cursor + 1)? else {
        return Ok(Batch { from: cursor, to, records: Records::Read(Vec::new()), failed, ends: None });
    };
    let reader = Reader::open(&inner.files.file(job.key(), chunk.file))?;
    let mut bytes = 0;
    while to + 1 < chunk.end() && to - cursor < BATCH && bytes < BATCH_BYTES {
        let sequence = to + 1;
        let number = u32::try_from(sequence - chunk.first).unwrap_or(u32::MAX);
        let missing = || ImportError::Damaged(format!("the file {} has no record {number}", chunk.file));
        let record = reader.record(reader.find(number).ok_or_else(missing)?)?;
        bytes += record.json.len();
        if record.reasons.is_empty() {
            texts.push((sequence, record.json));
        } else {
            failed.push(Exception { sequence, reasons: record.reasons()? });
        }
        to = sequence;
    }
    let mut records = Vec::with_capacity(texts.len());
    for (sequence, parsed) in parse(texts) {
        match parsed {
            Ok(input) => records.push((sequence, input)),
            Err(refusal) => failed.push(Exception { sequence, reasons: vec![refusal.into()] }),
        }
    }
    let ends = (to + 1 == chunk.end()).then_some(chunk);
    Ok(Batch { from: cursor, to, records: Records::Read(records), failed, ends })
}

/// Parses records on all cores, in their order.
fn parse(texts: Vec<(u64, Vec<u8>)>) -> Vec<(u64, Result<ProfileInput, Refusal>)> {
    let parse = |(sequence, json): (u64, Vec<u8>)| (sequence, parse_record(&json).map(|(input, _)| input));
    on_all_cores(texts, |share| share.into_iter().map(parse).collect::<Vec<_>>()).into_iter().flatten().collect()
}

/// Makes a batch ready, if all of it are new profiles as far as can be seen.
fn make_ready(inner: &Inner, job: &Job, mut batch: Batch) -> Result<Batch, ImportError> {
    // Before the first batch is written, the create date isn't known.
    let (Some(began), Records::Read(records)) = (job.began, &mut batch.records) else { return Ok(batch) };
    let Some(account) = inner.store.account_by_no(job.account)? else { return Ok(batch) };
    let Some((author, _)) = sender(&account, job).filter(|(_, may)| makes_new(&job.terms, *may)) else {
        return Ok(batch);
    };
    let Ok(bys) = records.iter().map(|(_, input)| by(input, &job.terms)).collect::<Result<Vec<_>, _>>() else {
        return Ok(batch);
    };
    if bys.is_empty() || !inner.store.may_be_new(&account, bys.iter())? {
        return Ok(batch);
    }
    let (sequences, inputs): (Vec<_>, Vec<_>) = std::mem::take(records).into_iter().unzip();
    let records = bys.into_iter().zip(inputs).collect();
    let ahead = inner.store.prepare_ahead(&account, &author, &job.terms.manner, began, records)?;
    Ok(Batch { records: Records::Ahead(sequences, ahead), ..batch })
}

/// In whose name an import writes, and what they may; nobody, if they may not import any more.
fn sender(account: &Account, job: &Job) -> Option<(Author, May)> {
    let user = account.config.user(&job.user_id).filter(|user| user.is_active)?;
    let may = May::of(&account.config, user);
    may.import.then(|| (Author { user_id: user.user_id.clone(), source_id: user.source_group.clone() }, may))
}

/// Writes a batch: its profiles, the cursor, the counters and the exceptions, all in this transaction.
fn write(tx: &mut Imports<'_, '_>, key: Key, batch: Batch) -> Result<Outcome, StoreError> {
    let Some(mut job) = tx.get(key)?.map(|bytes| decode_job(&bytes)).transpose()? else { return Ok(Outcome::Moved) };
    if job.cursor != batch.from {
        return Ok(Outcome::Moved);
    }
    let account = tx.account(job.account)?;
    let Some((author, may)) = sender(&account, &job) else { return Ok(Outcome::Forbidden) };
    let now = tx.stamp();
    let began = *job.began.get_or_insert(now);
    let impossible = |e: crate::job::Impossible| StoreError::Engine(e.to_string());
    job.advance(Event::Advanced, now).map_err(impossible)?;

    let mut refused = batch.failed;
    let (sequences, outcomes) = match batch.records {
        Records::Ahead(sequences, ahead) => match tx.write_ahead(job.account, ahead)? {
            Some(outcomes) => (sequences, outcomes),
            None => return Ok(Outcome::NotReady),
        },
        Records::Read(records) => {
            let wished = |(sequence, input)| (sequence, wish(input, &job.terms, may));
            let (sequences, wishes): (Vec<_>, Vec<_>) = records.into_iter().map(wished).unzip();
            let outcomes = if wishes.iter().all(is_refused) {
                // Nothing to write: what was refused before needs no author.
                wishes.into_iter().map(refusal).collect()
            } else {
                match tx.write(job.account, &author, &job.terms.manner, began, wishes)? {
                    Some(outcomes) => outcomes,
                    None => return Ok(Outcome::Unmerged),
                }
            };
            (sequences, outcomes)
        }
    };
    let valid = sequences.len() as u64;
    job.counts.processed += valid;
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
pub(crate) fn shrink_or_warn(inner: &Inner, key: Key, chunk: &Chunk) {
    if let Err(error) = shrink(inner, key, chunk) {
        tracing::warn!(token = %key.1, %error, "what was executed stays on disk until the import's retention ends");
    }
}

fn shrink(inner: &Inner, key: Key, chunk: &Chunk) -> Result<(), ImportError> {
    let Some(job) = inner.job(key)? else { return Ok(()) };
    let (mut at, end) = (listed_before(inner, &job, chunk.first)?, listed_before(inner, &job, chunk.end())?);
    if at == end {
        return inner.files.remove_file(key, chunk.file);
    }
    let path = inner.files.file(key, chunk.file);
    let reader = Reader::open(&path)?;
    if reader.len() as u64 <= end - at {
        return Ok(());
    }
    let mut writer = Writer::begin(path)?;
    while at < end {
        let take = (end - at).min(1_000);
        for bytes in inner.store.import_exceptions(key, at, take as usize)? {
            let exception: Exception = decode(&bytes)?;
            let number = u32::try_from(exception.sequence - chunk.first).unwrap_or(u32::MAX);
            let Some(place) = reader.find(number) else { continue };
            let record = reader.record(place)?;
            writer.put(number, &record.json, &record.reasons)?;
        }
        at += take;
    }
    writer.finish()
}

/// How many exceptions an import has of the records before this one. They lie in the order of the records.
fn listed_before(inner: &Inner, job: &Job, sequence: u64) -> Result<u64, ImportError> {
    let (mut low, mut high) = (0, job.listed);
    while low < high {
        let middle = low + (high - low) / 2;
        let found = inner.store.import_exceptions(job.key(), middle, 1)?;
        let exception = found.first().map(|bytes| decode::<Exception>(bytes)).transpose()?;
        if exception.is_some_and(|exception| exception.sequence < sequence) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

#[cfg(test)]
mod tests {
    use sayso_model::id::{AccessToken, AccountNo};

    use super::*;

    #[test]
    fn what_the_machine_lacks_for_a_moment_ends_no_import() {
        let io = |no: Errno| ImportError::Io { context: "opening".into(), source: no.into() };
        assert!(is_passing(&io(Errno::MFILE)) && is_passing(&ImportError::NoRoom));
        assert!(!is_passing(&io(Errno::NOENT)) && !is_passing(&ImportError::Damaged("a file".into())));
    }

    #[test]
    fn an_import_is_behind_other_accounts_and_before_the_later_ones_of_its_own() {
        let [a, b, other] = [(1, 1), (1, 2), (2, 3)].map(|(account, token)| (AccountNo(account), AccessToken(token)));
        let mut queue = VecDeque::from([a, b, other]);
        let mut turns = Vec::new();
        for _ in 0..4 {
            let key = queue.pop_front().unwrap();
            turns.push(key);
            again(&mut queue, key);
        }
        assert_eq!(turns, [a, other, a, other]);
    }
}
