//! A job and its stage calls as the store keeps them: JSON, with a version that a newer program would raise.

use sayso_model::{
    id::{AccessToken, AccountNo, fold},
    moment::Moment,
};
use sayso_store::{
    Store, StoreError,
    audit::{Action, Entry, Origin},
    imports::Key,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    engine::{Caller, Settings},
    job::{Counts, Event, Impossible, Request, State, Status, Terms, step},
    stage::Warning,
};

const VERSION: u32 = 1;

/// Milliseconds of a day.
const DAY: i64 = 24 * 3_600_000;

/// A job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Job {
    version: u32,
    pub account: AccountNo,
    pub token: AccessToken,
    pub user_id: String,
    pub user_no: Option<u64>,
    pub client_id: Option<String>,
    pub terms: Terms,
    pub created: Moment,
    pub state: State,
    /// When its execution was asked for, by the store's own stamps, no two alike: in this order the imports of an account are executed.
    #[serde(default)]
    pub queued: Option<Moment>,
    /// When its execution began: the create date of its new profiles.
    pub began: Option<Moment>,
    pub ended: Option<Moment>,
    pub counts: Counts,
    /// The number of the last record that execution is done with.
    pub cursor: u64,
    /// Exceptions that the store has: those of the records up to the cursor.
    pub listed: u64,
    pub error: Option<String>,
}

impl Job {
    pub fn new(request: Request, token: AccessToken, created: Moment) -> Self {
        Self {
            version: VERSION,
            account: request.account,
            token,
            user_id: request.user_id,
            user_no: request.user_no,
            client_id: request.client_id,
            terms: request.terms,
            created,
            state: State::Initiated,
            queued: None,
            began: None,
            ended: None,
            counts: Counts::default(),
            cursor: 0,
            listed: 0,
            error: None,
        }
    }

    pub fn key(&self) -> Key {
        (self.account, self.token)
    }

    /// Whether this caller may know of it (docs/import.md, Permissions).
    pub fn belongs_to(&self, caller: &Caller) -> bool {
        let is_theirs =
            fold(&self.user_id) == fold(&caller.user_id) && (self.user_no.is_none() || self.user_no == caller.user_no);
        self.account == caller.account && (caller.is_administrator || is_theirs)
    }

    /// When the token stops answering, as far as it is known.
    pub fn expires(&self, settings: &Settings) -> Moment {
        let token = self.created.0.saturating_add(settings.token_life_ms);
        let read = self.ended.map_or(token, |ended| ended.0.saturating_add(i64::from(self.terms.retention_days) * DAY));
        Moment(token.max(read))
    }

    /// Whether the token doesn't answer any more: while records are executed it does.
    pub fn is_over(&self, now: Moment, settings: &Settings) -> bool {
        !matches!(self.state, State::Queued | State::Processing) && now >= self.expires(settings)
    }

    /// Takes the one step that an event asks for.
    pub fn advance(&mut self, event: Event, now: Moment) -> Result<(), Impossible> {
        self.state = step(self.state, event)?;
        if self.state.has_ended() && self.ended.is_none() {
            self.ended = Some(now);
        }
        Ok(())
    }

    /// What the audit trail is told of it.
    pub fn told(&self, action: Action, origin: Origin) -> Entry {
        let entry = Entry::new(action, origin);
        let name = self.terms.name.as_deref().unwrap_or_default();
        entry.subject("import", format!("{} {name}", self.token).trim_end())
    }

    /// What the audit trail is told of what the program did with it.
    pub fn told_by_program(&self, action: Action) -> Entry {
        self.told(action, Origin::program().for_user(self.user_id.as_str()))
    }

    pub fn status(&self, settings: &Settings) -> Status {
        Status {
            token: self.token,
            name: self.terms.name.clone(),
            state: self.state,
            expires: self.expires(settings),
            counts: self.counts,
        }
    }
}

/// What was staged by one call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Chunk {
    /// The number of its first record.
    pub first: u64,
    pub records: u64,
    pub failed: u64,
    /// Names its file.
    pub file: u64,
    /// How many records had members that a profile doesn't have, and the first of those.
    pub warned: u64,
    pub warnings: Vec<Warning>,
}

impl Chunk {
    /// The number behind its last record.
    pub fn end(&self) -> u64 {
        self.first + self.records
    }
}

/// The reasons for which a record isn't in, as the store keeps them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Exception {
    pub sequence: u64,
    pub reasons: Vec<Reason>,
}

/// One reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Reason {
    /// Where in the record; empty: the record as a whole.
    pub path: String,
    /// What was wrong, the value seen, what is accepted.
    pub message: String,
}

impl From<sayso_model::refusal::Refusal> for Reason {
    fn from(refusal: sayso_model::refusal::Refusal) -> Self {
        Self { path: refusal.path, message: refusal.message }
    }
}

/// The bytes of a record.
pub(crate) fn encode(record: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(record).map_err(|e| StoreError::Engine(format!("the record of an import can't be written: {e}")))
}

/// A record of a stage call or an exception.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(|e| StoreError::Damaged(format!("the record of an import: {e}")))
}

/// An import whose record can't be read, and what is wrong with it.
pub(crate) type Damaged = (Key, String);

/// Every job, and the imports whose records can't be read, each with what is wrong: one that is damaged stands for itself alone.
///
/// # Errors
/// The store can't be read, or a newer program has written one of them.
pub(crate) fn all_jobs(store: &Store) -> Result<(Vec<Job>, Vec<Damaged>), StoreError> {
    let (mut jobs, mut damaged) = (Vec::new(), Vec::new());
    for (key, job) in store.all_import_records(|key, record| (key, record.and_then(decode_job)))? {
        match job {
            Ok(job) => jobs.push(job),
            Err(error @ StoreError::Damaged(_)) => damaged.push((key, format!("import {}: {error}", key.1))),
            Err(error) => return Err(error),
        }
    }
    Ok((jobs, damaged))
}

/// The stage calls of an import, in the order of their records.
///
/// # Errors
/// The store can't be read, or one of them is damaged.
pub(crate) fn chunks(store: &Store, key: Key) -> Result<Vec<Chunk>, StoreError> {
    store.import_chunks(key, 0, usize::MAX)?.iter().map(|bytes| decode(bytes)).collect()
}

/// A job.
pub(crate) fn decode_job(bytes: &[u8]) -> Result<Job, StoreError> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let version = decode::<Versioned>(bytes)?.version;
    if version > VERSION {
        return Err(StoreError::Version(format!(
            "the record of an import has version {version}; this program reads up to {VERSION}: use a newer one"
        )));
    }
    decode(bytes)
}
