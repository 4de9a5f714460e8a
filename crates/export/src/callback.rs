//! Callbacks: what is to be told to a `CallbackURL` when its export ends (export.md, Callbacks). One is put into the store in the commit
//! that ends the job, so that neither can be without the other, and stays there until it was delivered or given up, whatever restarts
//! lie between. Who delivers them is another crate's business; here is what waits, and the one function that says what follows from an attempt.

mod queue;
mod step;
#[cfg(test)]
mod tests;

pub(crate) use queue::Bell;
pub use queue::{Callbacks, Queued};
pub use step::{Dead, Outcome, Step};

use std::fmt;

use sayso_model::{
    id::{AccessToken, AccountNo},
    moment::Moment,
};
use sayso_store::{StoreError, exports::CallbackId};
use serde::{Deserialize, Serialize};

use crate::{
    job::State,
    record::{Job, later},
};

/// The version of the record; a newer one is refused rather than misread.
const VERSION: u32 = 1;

/// For how long a delivery is tried, ms (export.md, Callbacks).
pub const TRIED_FOR_MS: i64 = 24 * 3_600_000;

/// A callback that waits for its delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Callback {
    version: u32,
    pub id: WebhookId,
    pub account: AccountNo,
    pub token: AccessToken,
    /// What became of the export.
    pub state: State,
    /// Where to: as it was given at Initiate.
    pub url: String,
    /// The Status object as it was when the export ended, in the bytes that are signed and sent.
    pub body: String,
    pub queued: Moment,
    /// Attempts that have failed.
    pub attempts: u32,
    /// When to try next.
    pub next: Moment,
}

/// What names a callback to its receiver (`webhook-id`): the same at each attempt, so that one who gets it twice can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WebhookId(pub CallbackId);

impl fmt::Display for WebhookId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "msg_{:032x}", u128::from_be_bytes(self.0))
    }
}

/// The Status object (export.md, Status).
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    access_token: AccessToken,
    status: &'a str,
    row_count: Option<u64>,
    byte_count: Option<u64>,
}

impl Callback {
    /// What a job that has just taken a step has to tell, if anything: that it is Complete, or ended in Error or Failed.
    pub(crate) fn of(job: &Job, now: Moment) -> Result<Option<Self>, StoreError> {
        let Some(url) = &job.callback_url else { return Ok(None) };
        if !matches!(job.state, State::Complete | State::Error | State::Failed) {
            return Ok(None);
        }
        let mut id = CallbackId::default();
        getrandom::fill(&mut id).map_err(|e| StoreError::Engine(format!("there are no random numbers: {e}")))?;
        let body = Body {
            access_token: job.token,
            status: job.state.word(),
            row_count: job.row_count,
            byte_count: job.byte_count,
        };
        let body = serde_json::to_string(&body)
            .map_err(|e| StoreError::Engine(format!("the callback of export {} can't be written: {e}", job.token)))?;
        Ok(Some(Self {
            version: VERSION,
            id: WebhookId(id),
            account: job.account,
            token: job.token,
            state: job.state,
            url: url.clone(),
            body,
            queued: now,
            attempts: 0,
            next: now,
        }))
    }

    /// From when on it isn't tried any more.
    pub fn deadline(&self) -> Moment {
        later(self.queued, TRIED_FOR_MS)
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>, StoreError> {
        serde_json::to_vec(self)
            .map_err(|e| StoreError::Engine(format!("the callback of export {} can't be written: {e}", self.token)))
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let version = serde_json::from_slice(bytes).map_or(0, |v: Versioned| v.version);
        if version > VERSION {
            return Err(StoreError::Version(format!(
                "the record of a callback has version {version}; this program reads up to {VERSION}: use a newer one"
            )));
        }
        serde_json::from_slice(bytes).map_err(|e| StoreError::Damaged(format!("the record of a callback: {e}")))
    }
}
