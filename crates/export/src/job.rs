//! A job and its states, changed by one function that refuses impossible steps.

use sayso_model::{
    id::{AccessToken, AccountNo},
    moment::Moment,
    selection::{Conditions, Selection},
};
use serde::{Deserialize, Serialize};

/// The states of export.md, with what each carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum State {
    Processing,
    Complete,
    Retrieved,
    Expired,
    Error,
    Failed,
}

impl State {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            State::Processing => "Processing",
            State::Complete => "Complete",
            State::Retrieved => "Retrieved",
            State::Expired => "Expired",
            State::Error => "Error",
            State::Failed => "Failed",
        }
    }
}

/// What was named at Initiate; permission is checked against it again at every later call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Subject {
    Segment(String),
    SegmentGroup(String),
}

/// What a caller asks for at Initiate, resolved and checked.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Request {
    pub account: AccountNo,
    pub user_id: String,
    pub client_id: Option<String>,
    pub subject: Subject,
    pub selection: Selection,
    pub conditions: Conditions,
    pub callback_url: Option<String>,
    /// The Idempotency-Key, if one was sent, and the SHA-256 of the body.
    pub idempotency: Option<(String, [u8; 32])>,
}

/// What Status answers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Status {
    pub token: AccessToken,
    pub state: State,
    pub subject: Subject,
    pub user_id: String,
    pub row_count: Option<u64>,
    pub byte_count: Option<u64>,
    /// Once Complete.
    pub snapshot: Option<Moment>,
    /// 0–100 while Processing.
    pub progress: Option<u8>,
    /// Seconds, while Processing.
    pub retry_after_s: Option<u32>,
}
