//! One stage call: its bytes as they arrive become records, each is checked, all go into a file; named by the import's record last of all. A call
//! that ends before has staged nothing.

use sayso_model::refusal::Refusal;
use sayso_store::{Store, imports::Key};
use serde::{Deserialize, Serialize};

use crate::{
    ImportError, Settings,
    check_record::{Checker, Verdict},
    chunk::Writer,
    files::Files,
    job::{Event, Status},
    record::{Chunk, Reason, decode, decode_job, encode},
    split::{Item, Splitter},
};

/// The largest record, bytes: as large a body as the Data API takes.
const LARGEST: usize = 1 << 20;
/// Warnings that are told one by one.
const TOLD: usize = 100;
/// Bytes between two looks at the disk's room.
const LOOK: u64 = 1 << 20;

/// A member that was passed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// The record: its sequence number, once it has one.
    pub sequence: u64,
    /// Where in the record.
    pub path: String,
    /// What of it.
    pub message: String,
}

/// What a stage call did.
#[derive(Debug, Clone, PartialEq)]
pub struct Staged {
    /// The import now.
    pub status: Status,
    /// The sequence number of the call's first record; none when it had none.
    pub first: Option<u64>,
    /// Records of the call.
    pub received: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// The first hundred members that were passed over.
    pub warnings: Vec<Warning>,
}

/// A call that is being taken.
pub struct Staging {
    splitter: Splitter,
    sink: Sink,
}

struct Sink {
    checker: Checker,
    writer: Writer,
    number: u32,
    failed: u64,
    warned: u64,
    warnings: Vec<Warning>,
    looked: u64,
    place: Place,
}

/// Where the call's records go.
pub(crate) struct Place {
    pub store: Store,
    pub files: Files,
    pub key: Key,
    pub file: u64,
    /// The caller's idempotency key.
    pub idempotency: Option<String>,
    pub settings: Settings,
}

impl Staging {
    pub(crate) fn begin(checker: Checker, place: Place) -> Result<Self, ImportError> {
        if place.store.room()? == 0 {
            return Err(ImportError::NoRoom);
        }
        place.files.begin(place.key)?;
        let writer = Writer::begin(place.files.file(place.key, place.file))?;
        let sink = Sink { checker, writer, number: 0, failed: 0, warned: 0, warnings: Vec::new(), looked: 0, place };
        Ok(Self { splitter: Splitter::new(LARGEST), sink })
    }

    /// Takes the next bytes of the body (blocking: their records are checked and written).
    ///
    /// # Errors
    /// [`ImportError::Malformed`], [`ImportError::NoRoom`], or a file can't be written: the call is over.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), ImportError> {
        let Self { splitter, sink } = self;
        splitter.feed(bytes, |item| sink.take(item))
    }

    /// Ends the body; what was taken is on disk (blocking).
    ///
    /// # Errors
    /// As [`Staging::push`]; [`ImportError::NotStaging`] when it was executed meanwhile. Nothing of the call is kept then.
    pub fn finish(self) -> Result<Staged, ImportError> {
        self.splitter.finish()?;
        self.sink.finish()
    }
}

impl Sink {
    fn take(&mut self, item: Item<'_>) -> Result<(), ImportError> {
        let number = self.number;
        self.number += 1;
        let (json, verdict) = match item {
            Item::Record(json) => (json, self.checker.check(json)?),
            Item::TooLarge => {
                let message = format!("the record has more than {LARGEST} bytes, which is the most");
                (&b""[..], Verdict::Failed(vec![Reason { path: String::new(), message }]))
            }
        };
        match verdict {
            Verdict::Valid(passed) => {
                self.warn(number, passed);
                self.writer.put(number, json, b"")?;
            }
            Verdict::Failed(reasons) => {
                self.failed += 1;
                // What is no JSON can't be given back in an answer that is.
                let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(json).is_ok();
                self.writer.put(number, if is_json { json } else { b"" }, &encode(&reasons)?)?;
            }
        }
        if self.writer.len() - self.looked >= LOOK {
            self.looked = self.writer.len();
            if self.place.store.room()? == 0 {
                return Err(ImportError::NoRoom);
            }
        }
        Ok(())
    }

    fn warn(&mut self, number: u32, passed: Vec<Refusal>) {
        self.warned += u64::from(!passed.is_empty());
        for refusal in passed {
            if self.warnings.len() == TOLD {
                break;
            }
            self.warnings.push(Warning { sequence: u64::from(number), path: refusal.path, message: refusal.message });
        }
    }

    fn finish(self) -> Result<Staged, ImportError> {
        let Self { writer, number, failed, warned, warnings, place, .. } = self;
        let Place { store, files, key, file, idempotency, settings } = place;
        let records = u64::from(number);
        let has_file = records > 0;
        if has_file {
            writer.finish()?;
        } else {
            drop(writer);
        }
        let chunk = Chunk { first: 0, records, failed, file, warned, warnings };
        let named = store.imports_blocking(move |tx| {
            if let Some(idempotency) = &idempotency
                && let Some(before) = tx.get_key(key, idempotency.as_bytes())?
            {
                let Some(job) = tx.get(key)? else { return Ok(Named::Unknown) };
                return Ok(Named::Before(staged(decode_job(&job)?.status(&settings), decode(&before)?)));
            }
            let job = tx.get(key)?.map(|bytes| decode_job(&bytes)).transpose()?;
            // In the store's writer, so that it can't be executed in between.
            let now = tx.now();
            let Some(mut job) = job.filter(|job| !job.is_over(now, &settings)) else { return Ok(Named::Unknown) };
            if job.advance(Event::Staged, now).is_err() {
                return Ok(Named::Closed(job.state));
            }
            let mut chunk = chunk;
            chunk.first = job.counts.received + 1;
            job.counts.received += chunk.records;
            job.counts.failed += chunk.failed;
            job.counts.warnings += chunk.warned;
            let (job_bytes, chunk_bytes) = (encode(&job)?, encode(&chunk)?);
            tx.put(key, &job_bytes)?;
            if chunk.records > 0 {
                tx.put_chunk(key, chunk.first, &chunk_bytes)?;
            }
            if let Some(idempotency) = &idempotency {
                tx.put_key(key, idempotency.as_bytes(), &chunk_bytes)?;
            }
            Ok(Named::Now(staged(job.status(&settings), chunk)))
        });
        let unnamed = match named {
            Ok(Named::Now(staged)) => return Ok(staged),
            Ok(Named::Before(staged)) => Ok(staged),
            Ok(Named::Unknown) => Err(ImportError::UnknownToken),
            Ok(Named::Closed(state)) => Err(ImportError::NotStaging(state)),
            Err(error) => Err(error.into()),
        };
        if has_file && let Err(error) = files.remove_file(key, file) {
            tracing::warn!(%error, "a staged file that no import names is left to the next start");
        }
        unnamed
    }
}

/// What became of a call in the store.
enum Named {
    Now(Staged),
    /// A call with the same key was there before.
    Before(Staged),
    Unknown,
    Closed(crate::job::State),
}

/// What a call is answered.
pub(crate) fn staged(status: Status, chunk: Chunk) -> Staged {
    let first = (chunk.records > 0).then_some(chunk.first);
    let warnings = chunk.warnings.into_iter().map(|w| Warning { sequence: w.sequence + chunk.first, ..w });
    Staged { status, first, received: chunk.records, failed: chunk.failed, warnings: warnings.collect() }
}

impl From<String> for ImportError {
    fn from(what: String) -> Self {
        ImportError::Malformed(what)
    }
}
