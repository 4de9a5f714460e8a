//! A job as the store keeps it: one line of JSON for everything that is asked of it often, a second for what only its worker
//! needs. The second line is gone as soon as the files are there: no Values outlive the job (export.md, Initiate).

use sayso_model::{
    id::{AccessToken, AccountNo, fold},
    moment::Moment,
    selection::{Conditions, Selection},
};
use sayso_store::{Store, StoreError, audit::Origin};
use serde::{Deserialize, Serialize};

use crate::{
    Settings,
    engine::Caller,
    job::{Event, Exported, Impossible, Request, State, Status, Subject, step},
};

/// The version of the record; a newer one is refused rather than misread.
const VERSION: u32 = 1;

/// How long an Idempotency-Key is remembered, ms (export.md, Initiate).
pub(crate) const KEY_LIFE_MS: i64 = 24 * 3_600_000;

/// What names a job inside the engine.
pub(crate) type Key = (AccountNo, AccessToken);

/// Everything of a job but what it selects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Job {
    version: u32,
    pub account: AccountNo,
    pub token: AccessToken,
    pub user_id: String,
    /// Absent in a job that was made before it was kept.
    #[serde(default)]
    pub user_no: Option<u64>,
    pub client_id: Option<String>,
    pub subject: Subject,
    /// Absent in a job that was made before it was kept.
    #[serde(default)]
    pub subject_no: Option<u64>,
    pub callback_url: Option<String>,
    pub created: Moment,
    pub state: State,
    pub completed_at: Option<Moment>,
    pub expires_at: Option<Moment>,
    pub ended_at: Option<Moment>,
    pub row_count: Option<u64>,
    pub byte_count: Option<u64>,
    pub snapshot: Option<Moment>,
    /// Until when an ended export's files stay: kept at Commit, or for the replay of the last block.
    pub files_until: Option<Moment>,
    /// The last block's request, while it may be answered again.
    pub replay: Option<Replay>,
    pub error: Option<String>,
}

/// The request that took the last block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Replay {
    pub limit: u64,
    pub offset: u64,
}

/// What a job selects: needed until its files are there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Inputs {
    pub selection: Selection,
    pub conditions: Conditions,
}

/// An event with what it brings.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Completed { row_count: u64, byte_count: u64, snapshot: Moment },
    LastBlockFlushed(Replay, Origin),
    Committed { keep_files: bool, origin: Origin },
    LifeOver,
    GenerationFailed { error: String },
    PermissionLost,
}

impl Change {
    fn event(&self) -> Event {
        match self {
            Change::Completed { .. } => Event::Completed,
            Change::LastBlockFlushed(..) => Event::LastBlockFlushed,
            Change::Committed { .. } => Event::Committed,
            Change::LifeOver => Event::LifeOver,
            Change::GenerationFailed { .. } => Event::GenerationFailed,
            Change::PermissionLost => Event::PermissionLost,
        }
    }
}

impl Job {
    /// A new job, and what it selects.
    pub fn new(request: Request, token: AccessToken, created: Moment) -> (Job, Inputs) {
        let job = Job {
            version: VERSION,
            account: request.account,
            token,
            user_id: request.user_id,
            user_no: request.user_no,
            client_id: request.client_id,
            subject: request.exported.subject,
            subject_no: request.exported.no,
            callback_url: request.callback_url,
            created,
            state: State::Processing,
            completed_at: None,
            expires_at: None,
            ended_at: None,
            row_count: None,
            byte_count: None,
            snapshot: None,
            files_until: None,
            replay: None,
            error: None,
        };
        (job, Inputs { selection: request.selection, conditions: request.conditions })
    }

    pub fn key(&self) -> Key {
        (self.account, self.token)
    }

    pub fn exported(&self) -> Exported {
        Exported { subject: self.subject.clone(), no: self.subject_no }
    }

    /// Whether this caller may know of it (export.md, Who may use a token).
    pub fn belongs_to(&self, caller: &Caller) -> bool {
        let is_theirs =
            fold(&self.user_id) == fold(&caller.user_id) && (self.user_no.is_none() || self.user_no == caller.user_no);
        self.account == caller.account && (caller.is_administrator || is_theirs)
    }

    /// The state as it reads at `now`: a token whose life is over is Expired, whether or not the sweeper has been there.
    pub fn state_at(&self, now: Moment) -> State {
        if self.state == State::Complete && self.expires_at.is_some_and(|end| now >= end) {
            State::Expired
        } else {
            self.state
        }
    }

    /// Whether Status has stopped answering for it.
    pub fn is_forgotten(&self, now: Moment, settings: &Settings) -> bool {
        let end = if self.state == State::Complete { self.expires_at } else { self.ended_at };
        self.state_at(now).has_ended() && end.is_some_and(|end| now >= later(end, settings.status_life_ms))
    }

    /// Whether its files may be on disk.
    pub fn has_files(&self) -> bool {
        self.state == State::Complete || self.files_until.is_some()
    }

    /// Whether its files have to be there at `now`: they may still be read, or were kept for a time that isn't over.
    pub fn has_files_at(&self, now: Moment) -> bool {
        self.state_at(now) == State::Complete || self.files_until.is_some_and(|until| now < until)
    }

    /// Whether this request is the one that took the last block and may be answered again (export.md, `last_block_replay`).
    pub fn may_replay(&self, request: Replay, now: Moment) -> bool {
        self.state == State::Retrieved
            && self.replay == Some(request)
            && self.files_until.is_some_and(|until| now < until)
    }

    /// Takes the one step that `change` asks for; gives whether it led to another state. What comes when the token's life is already over
    /// only finds that it is.
    pub fn advance(&mut self, change: &Change, now: Moment, settings: &Settings) -> Result<bool, Impossible> {
        let life_is_over = self.state == State::Complete && self.state_at(now) == State::Expired;
        let change = if life_is_over { &Change::LifeOver } else { change };
        let before = self.state;
        self.state = step(before, change.event())?;
        if self.state == before {
            return Ok(false);
        }
        match change {
            Change::Completed { row_count, byte_count, snapshot } => {
                self.completed_at = Some(now);
                self.expires_at = Some(later(now, settings.token_life_ms));
                self.row_count = Some(*row_count);
                self.byte_count = Some(*byte_count);
                self.snapshot = Some(*snapshot);
            }
            Change::LastBlockFlushed(request, _) if settings.last_block_replay_ms > 0 => {
                self.replay = Some(*request);
                self.files_until = Some(later(now, settings.last_block_replay_ms));
            }
            Change::Committed { keep_files: true, .. } => {
                self.files_until = Some(later(now, settings.kept_files_life_ms));
            }
            Change::GenerationFailed { error } => self.error = Some(error.clone()),
            Change::LastBlockFlushed(..)
            | Change::Committed { keep_files: false, .. }
            | Change::LifeOver
            | Change::PermissionLost => {}
        }
        if self.state.has_ended() {
            self.ended_at = Some(if life_is_over { self.expires_at.unwrap_or(now) } else { now });
        }
        Ok(true)
    }

    /// What Status answers at `now`; progress and Retry-After are the registry's to give.
    pub fn status(&self, now: Moment) -> Status {
        Status {
            token: self.token,
            state: self.state_at(now),
            subject: self.subject.clone(),
            user_id: self.user_id.clone(),
            row_count: self.row_count,
            byte_count: self.byte_count,
            snapshot: self.snapshot,
            progress: None,
            retry_after_s: None,
        }
    }
}

/// `ms` after a moment; saturates.
pub(crate) fn later(moment: Moment, ms: i64) -> Moment {
    Moment(moment.0.saturating_add(ms))
}

/// The bytes of a record. `inputs` only while the job is Processing.
pub(crate) fn encode(job: &Job, inputs: Option<&Inputs>) -> Result<Vec<u8>, StoreError> {
    let engine =
        |e: serde_json::Error| StoreError::Engine(format!("the record of export {} can't be written: {e}", job.token));
    let mut bytes = serde_json::to_vec(job).map_err(engine)?;
    if let Some(inputs) = inputs {
        bytes.push(b'\n');
        serde_json::to_writer(&mut bytes, inputs).map_err(engine)?;
    }
    Ok(bytes)
}

/// An export whose record can't be read, and what is wrong with it.
pub(crate) type Damaged = (Key, String);

/// Every job, and the exports whose records can't be read, each with what is wrong: one that is damaged stands for itself alone.
///
/// # Errors
/// When the store can't be read, or a newer program has written one of them.
pub(crate) fn all_jobs(store: &Store) -> Result<(Vec<Job>, Vec<Damaged>), StoreError> {
    let read = |account, token, record: Result<&[u8], StoreError>| ((account, token), record.and_then(decode));
    let (mut jobs, mut damaged) = (Vec::new(), Vec::new());
    for (key, job) in store.all_export_records(read)? {
        match job {
            Ok(job) => jobs.push(job),
            Err(error @ StoreError::Damaged(_)) => damaged.push((key, format!("export {}: {error}", key.1))),
            Err(error) => return Err(error),
        }
    }
    Ok((jobs, damaged))
}

fn lines(bytes: &[u8]) -> (&[u8], Option<&[u8]>) {
    match bytes.iter().position(|b| *b == b'\n') {
        Some(at) => (&bytes[..at], Some(&bytes[at + 1..])),
        None => (bytes, None),
    }
}

/// The job of a record, without what it selects.
pub(crate) fn decode(bytes: &[u8]) -> Result<Job, StoreError> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let (line, _) = lines(bytes);
    let job = serde_json::from_slice::<Job>(line);
    // Looked at last, since nearly every record is one of ours; a newer one may or may not read like ours.
    let version =
        job.as_ref().map_or_else(|_| serde_json::from_slice(line).map_or(0, |v: Versioned| v.version), |j| j.version);
    if version > VERSION {
        return Err(StoreError::Version(format!(
            "the record of an export has version {version}; this program reads up to {VERSION}: use a newer one"
        )));
    }
    job.map_err(|e| StoreError::Damaged(format!("the record of an export: {e}")))
}

/// What the job of a record selects.
pub(crate) fn decode_inputs(bytes: &[u8]) -> Result<Inputs, StoreError> {
    let damaged = |text: String| StoreError::Damaged(format!("the record of an export: {text}"));
    let (_, line) = lines(bytes);
    let line = line.ok_or_else(|| damaged("what it selects is missing".into()))?;
    serde_json::from_slice(line).map_err(|e| damaged(e.to_string()))
}

/// What is kept under an Idempotency-Key.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct KeyRecord {
    pub created: Moment,
    pub token: AccessToken,
    pub body: [u8; 32],
}

impl KeyRecord {
    /// Whether it has been remembered long enough.
    pub fn is_old(&self, now: Moment) -> bool {
        now >= later(self.created, KEY_LIFE_MS)
    }
}

/// The bytes that stand for an Idempotency-Key: the same key of another user or route is another key, and so is that of another user or
/// subject of the same name. Every part is preceded by its length, so that no two different sets of them give the same bytes.
pub(crate) fn key_bytes(request: &Request, key: &str) -> Vec<u8> {
    let (kind, name) = match &request.exported.subject {
        Subject::Segment(name) => (b'S', name),
        Subject::SegmentGroup(name) => (b'G', name),
    };
    let mut bytes = vec![kind];
    let number = |no: Option<u64>| no.map(|no| no.to_string()).unwrap_or_default();
    let (user_no, no) = (number(request.user_no), number(request.exported.no));
    for part in [fold(&request.user_id), user_no, fold(name), no, key.to_owned()] {
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}
