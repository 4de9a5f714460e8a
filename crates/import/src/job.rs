//! The states of an import and what happens to it, changed by one function that refuses impossible steps; and what is asked for and answered.

use sayso_model::{
    change::Manner,
    id::{AccessToken, AccountNo},
    moment::Moment,
};
use sayso_store::audit::Origin;
use serde::{Deserialize, Serialize};

/// The states of docs/import.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum State {
    Initiated,
    Staging,
    Queued,
    Processing,
    Completed,
    Failed,
}

impl State {
    /// All of them.
    pub const ALL: [State; 6] =
        [State::Initiated, State::Staging, State::Queued, State::Processing, State::Completed, State::Failed];

    /// Whether records may be staged and Execute may be asked for the first time.
    pub fn is_open(self) -> bool {
        matches!(self, State::Initiated | State::Staging)
    }

    /// Whether the import is over: nothing leads back from here.
    pub fn has_ended(self) -> bool {
        matches!(self, State::Completed | State::Failed)
    }

    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            State::Initiated => "Initiated",
            State::Staging => "Staging",
            State::Queued => "Queued",
            State::Processing => "Processing",
            State::Completed => "Completed",
            State::Failed => "Failed",
        }
    }
}

/// What can happen to an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// A call's records are on disk.
    Staged,
    /// The caller asked for its execution.
    ExecuteAsked,
    /// A batch of records is written, or the first is about to be.
    Advanced,
    /// The last record is done with.
    Finished,
    /// It can't go on: a permission was lost, or what was staged can't be read.
    Broke,
}

impl Event {
    /// All of them.
    pub const ALL: [Event; 5] = [Event::Staged, Event::ExecuteAsked, Event::Advanced, Event::Finished, Event::Broke];
}

/// A step that can't be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} can't happen to an import that is {}", .state.word())]
#[allow(missing_docs)]
pub struct Impossible {
    pub state: State,
    pub event: Event,
}

/// The only way from one state to the next (docs/import.md, States).
///
/// # Errors
/// [`Impossible`].
pub fn step(state: State, event: Event) -> Result<State, Impossible> {
    match (state, event) {
        (State::Initiated | State::Staging, Event::Staged) => Ok(State::Staging),
        (State::Initiated | State::Staging, Event::ExecuteAsked) => Ok(State::Queued),
        // Asked again it is the same answer.
        (State::Queued | State::Processing | State::Completed | State::Failed, Event::ExecuteAsked) => Ok(state),
        (State::Queued | State::Processing, Event::Advanced) => Ok(State::Processing),
        (State::Processing, Event::Finished) => Ok(State::Completed),
        (State::Initiated | State::Staging | State::Queued | State::Processing, Event::Broke) => Ok(State::Failed),
        _ => Err(Impossible { state, event }),
    }
}

/// What becomes of the profiles that records match.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Action {
    #[default]
    Add,
    Delete,
}

/// What an import is told at Initiate, checked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// For people.
    pub name: Option<String>,
    /// For how many days it can be read after its end.
    pub retention_days: u8,
    /// What becomes of the profiles.
    pub action: Action,
    /// The alternate id type that records are matched by, as configured; else the ProfileId.
    pub match_type: Option<String>,
    /// How records are written.
    pub manner: Manner,
}

/// What a caller asks for at Initiate.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Request {
    pub account: AccountNo,
    pub user_id: String,
    /// The user's number in the account's ledger.
    pub user_no: Option<u64>,
    pub client_id: Option<String>,
    /// Where the call came from, for the audit trail.
    pub origin: Origin,
    pub terms: Terms,
}

/// How many records are where (docs/import.md, Status).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Counts {
    /// Staged.
    pub received: u64,
    /// Failed when they were staged.
    pub failed: u64,
    /// Valid ones that execution is done with.
    pub processed: u64,
    /// Refused when they were executed.
    pub refused: u64,
    pub not_honored: u64,
    pub warnings: u64,
}

impl Counts {
    /// Valid when they were staged.
    pub fn valid(&self) -> u64 {
        self.received - self.failed
    }
    /// Valid ones that still wait.
    pub fn pending(&self) -> u64 {
        self.valid() - self.processed
    }
    /// All that there are exceptions of.
    pub fn exceptions(&self) -> u64 {
        self.failed + self.refused
    }
}

/// What Status answers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Status {
    pub token: AccessToken,
    pub name: Option<String>,
    pub state: State,
    /// When the token stops answering, as far as it is known.
    pub expires: Moment,
    pub counts: Counts,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_as_the_table_says_and_no_other_is_possible() {
        use {Event::*, State::*};
        let possible = [
            (Initiated, Staged, Staging),
            (Staging, Staged, Staging),
            (Initiated, ExecuteAsked, Queued),
            (Staging, ExecuteAsked, Queued),
            (Queued, ExecuteAsked, Queued),
            (Processing, ExecuteAsked, Processing),
            (Completed, ExecuteAsked, Completed),
            (Failed, ExecuteAsked, Failed),
            (Queued, Advanced, Processing),
            (Processing, Advanced, Processing),
            (Processing, Finished, Completed),
            (Initiated, Broke, Failed),
            (Staging, Broke, Failed),
            (Queued, Broke, Failed),
            (Processing, Broke, Failed),
        ];
        for state in State::ALL {
            for event in Event::ALL {
                let expected = possible.iter().find(|(s, e, _)| (*s, *e) == (state, event)).map(|(_, _, to)| *to);
                assert_eq!(step(state, event).ok(), expected, "{state:?} {event:?}");
            }
        }
    }
}
