//! A job and its states, changed by one function that refuses impossible steps.

use sayso_model::{
    id::{AccessToken, AccountNo},
    moment::Moment,
    selection::{Conditions, Selection},
};
use sayso_store::audit::Origin;
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
    /// All of them.
    pub const ALL: [State; 6] =
        [State::Processing, State::Complete, State::Retrieved, State::Expired, State::Error, State::Failed];

    /// Whether the export is over: nothing leads back from here.
    pub fn has_ended(self) -> bool {
        !matches!(self, State::Processing | State::Complete)
    }

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

/// What can happen to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// Its files are on disk and the user may still have them.
    Completed,
    /// The connection has flushed the last block, asked for without keepAlive.
    LastBlockFlushed,
    /// The caller committed it.
    Committed,
    /// The life of its token is over.
    LifeOver,
    /// The files could not be made, or were found damaged when they were read.
    GenerationFailed,
    /// The user lost the permission while they were being made.
    PermissionLost,
}

impl Event {
    /// All of them.
    pub const ALL: [Event; 6] = [
        Event::Completed,
        Event::LastBlockFlushed,
        Event::Committed,
        Event::LifeOver,
        Event::GenerationFailed,
        Event::PermissionLost,
    ];
}

/// A step that can't be: what happened does not happen to a job in this state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} can't happen to an export that is {}", .state.word())]
#[allow(missing_docs)]
pub struct Impossible {
    pub state: State,
    pub event: Event,
}

/// The only way from one state to the next (export.md, Status, Retrieve and Commit). Everything else is refused, so that of two
/// readers who finish at once, or a commit that meets the end of a token's life, exactly one counts.
pub fn step(state: State, event: Event) -> Result<State, Impossible> {
    match (state, event) {
        (State::Processing, Event::Completed) => Ok(State::Complete),
        (State::Processing, Event::PermissionLost) => Ok(State::Failed),
        (State::Processing | State::Complete, Event::GenerationFailed) => Ok(State::Error),
        (State::Complete, Event::LastBlockFlushed) => Ok(State::Retrieved),
        // A commit whose answer was lost is sent again: the same answer.
        (State::Complete | State::Retrieved, Event::Committed) => Ok(State::Retrieved),
        (State::Complete, Event::LifeOver) => Ok(State::Expired),
        _ => Err(Impossible { state, event }),
    }
}

/// What was named at Initiate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Subject {
    Segment(String),
    SegmentGroup(String),
}

impl Subject {
    /// What it is, and its name.
    pub fn named(&self) -> (&'static str, &str) {
        match self {
            Subject::Segment(name) => ("segment", name),
            Subject::SegmentGroup(name) => ("segment group", name),
        }
    }
}

/// What an export is of; permission is checked against it again at every later call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// As it was named at Initiate: it may have another name since, or another thing its name.
    pub subject: Subject,
    /// The subject's number in the account's ledger. `None` in a job that was made before it was kept.
    pub no: Option<u64>,
}

/// What a caller asks for at Initiate, resolved and checked.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Request {
    pub account: AccountNo,
    pub user_id: String,
    /// The user's number in the account's ledger.
    pub user_no: Option<u64>,
    pub client_id: Option<String>,
    /// Who asks, for the audit trail.
    pub origin: Origin,
    pub exported: Exported,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_as_the_table_says_and_no_other_is_possible() {
        use {Event::*, State::*};
        let possible = [
            (Processing, Completed, Complete),
            (Processing, GenerationFailed, Error),
            (Processing, PermissionLost, Failed),
            (Complete, LastBlockFlushed, Retrieved),
            (Complete, Committed, Retrieved),
            (Complete, LifeOver, Expired),
            (Complete, GenerationFailed, Error),
            (Retrieved, Committed, Retrieved),
        ];
        for state in State::ALL {
            for event in Event::ALL {
                let expected = possible.iter().find(|(s, e, _)| (*s, *e) == (state, event)).map(|(_, _, to)| *to);
                assert_eq!(step(state, event).ok(), expected, "{state:?} {event:?}");
            }
        }
    }

    #[test]
    fn nothing_leads_out_of_an_ended_state() {
        for state in State::ALL.into_iter().filter(|s| s.has_ended()) {
            for event in Event::ALL {
                assert!(step(state, event).is_err() || step(state, event) == Ok(state), "{state:?} {event:?}");
            }
        }
    }
}
