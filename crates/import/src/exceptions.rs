//! A page of the records that aren't in, in the order of their numbers: what was executed has its exceptions in the store; of what waits the
//! staged files tell what failed.

use std::io;

use sayso_model::id::AccessToken;
use sayso_store::imports::Key;

pub use crate::record::Reason;
use crate::{
    Caller, Engine, ImportError,
    chunk::Reader,
    engine::Inner,
    record::{Chunk, Exception, decode},
};

/// A page ends early when its records have so many bytes (docs/import.md, Exceptions).
const MOST_BYTES: usize = 16 << 20;
/// What one takes beside its texts.
const EACH: usize = 256;
/// Exceptions read from the store at once.
const TOGETHER: u64 = 500;

/// A record that isn't in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its number, from 1.
    pub sequence: u64,
    /// Why.
    pub reasons: Vec<Reason>,
    /// It, as JSON; none of what was no JSON or too large.
    pub record: Option<Vec<u8>>,
}

/// A page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// What is in it.
    pub refused: Vec<Refused>,
    /// How many there are in all.
    pub total: u64,
    /// Whether others follow.
    pub has_more: bool,
}

impl Engine {
    /// A page of at most `limit`, from the one at `offset` (from 1) on (blocking: reads files).
    ///
    /// # Errors
    /// [`ImportError::UnknownToken`], or a file can't be read.
    pub fn exceptions(
        &self,
        caller: &Caller,
        token: AccessToken,
        limit: u64,
        offset: u64,
    ) -> Result<Page, ImportError> {
        let job = self.job(caller, token)?;
        let mut reading =
            Reading { inner: self.inner(), key: job.key(), open: None, refused: Vec::new(), bytes: 0, limit };
        let (skip, total) = (offset.saturating_sub(1), job.counts.exceptions());
        let mut at = skip;
        while at < job.listed && !reading.is_full() {
            let take = (job.listed - at).min(TOGETHER);
            for bytes in reading.inner.store.import_exceptions(reading.key, at, take as usize)? {
                let Exception { sequence, reasons } = decode(&bytes)?;
                reading.add(sequence, Some(reasons))?;
                if reading.is_full() {
                    break;
                }
            }
            at += take;
        }
        if !reading.is_full() && total > job.listed {
            reading.waiting(job.cursor, skip.saturating_sub(job.listed))?;
        }
        let refused = reading.refused;
        let has_more = skip.saturating_add(refused.len() as u64) < total && !refused.is_empty();
        Ok(Page { refused, total, has_more })
    }
}

struct Reading<'e> {
    inner: &'e Inner,
    key: Key,
    open: Option<(Chunk, Option<Reader>)>,
    refused: Vec<Refused>,
    bytes: usize,
    limit: u64,
}

impl Reading<'_> {
    fn is_full(&self) -> bool {
        self.refused.len() as u64 >= self.limit || self.bytes >= MOST_BYTES
    }

    /// Failures of records behind the cursor, but for the first `skip`.
    fn waiting(&mut self, cursor: u64, mut skip: u64) -> Result<(), ImportError> {
        let mut next = cursor + 1;
        while let Some(chunk) = self.inner.chunk_of(self.key, next)? {
            next = chunk.end();
            if chunk.first > cursor && chunk.failed <= skip {
                skip -= chunk.failed;
                continue;
            }
            let first = chunk.first;
            self.open(chunk)?;
            let failed =
                self.open.as_ref().and_then(|(_, reader)| reader.as_ref()).map(|r| r.failed().collect::<Vec<_>>());
            for number in failed.unwrap_or_default() {
                let sequence = first + u64::from(number);
                if sequence <= cursor {
                    continue;
                }
                if skip > 0 {
                    skip -= 1;
                    continue;
                }
                self.add(sequence, None)?;
                if self.is_full() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Adds a record; the reasons are its file's when they aren't given.
    fn add(&mut self, sequence: u64, reasons: Option<Vec<Reason>>) -> Result<(), ImportError> {
        if self.open.as_ref().is_none_or(|(chunk, _)| !(chunk.first..chunk.end()).contains(&sequence))
            && let Some(chunk) = self.inner.chunk_of(self.key, sequence)?
        {
            self.open(chunk)?;
        }
        let mut record = None;
        if let Some((chunk, Some(reader))) = &self.open {
            let place = u32::try_from(sequence.wrapping_sub(chunk.first)).ok().and_then(|number| reader.find(number));
            record = place.map(|place| reader.record(place)).transpose()?;
        }
        let reasons = match (reasons, &record) {
            (Some(reasons), _) => reasons,
            (None, Some(record)) => record.reasons()?,
            (None, None) => Vec::new(),
        };
        let record = record.map(|record| record.json).filter(|json| !json.is_empty());
        let told: usize = reasons.iter().map(|reason| reason.path.len() + reason.message.len()).sum();
        self.bytes += EACH + told + record.as_ref().map_or(0, Vec::len);
        self.refused.push(Refused { sequence, reasons, record });
        Ok(())
    }

    fn open(&mut self, chunk: Chunk) -> Result<(), ImportError> {
        let reader = match Reader::open(&self.inner.files.file(self.key, chunk.file)) {
            Ok(reader) => Some(reader),
            // A restored backup has the reasons alone.
            Err(ImportError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        self.open = Some((chunk, reader));
        Ok(())
    }
}
