//! Which state of a profile somebody has seen, and what a write may expect of the state that it finds. Compared inside the write
//! transaction: between a read and its write nobody else's change goes unnoticed (profile.md: a lost update is impossible).

use sayso_model::{
    moment::Moment,
    refusal::{Refusal, Why},
};

use crate::row::Stored;

/// A state of a profile: its stamp, and the checksum of its row, since two writes may share a millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub struct Version {
    pub modified: Moment,
    pub checksum: u32,
}

/// What a write expects; the default expects nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// There is a profile, in one of these states.
    pub state: Option<State>,
    /// There is none yet.
    pub none: bool,
}

/// States that are as good as each other to a writer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Whatever it is.
    Any,
    /// One of these; none of an empty list is ever there.
    OneOf(Vec<Version>),
}

impl Expected {
    /// Refuses ([`Why::Stale`]) where there is no profile, but one is expected.
    pub(crate) fn of_nobody(&self) -> Result<(), Refusal> {
        match self.state {
            None => Ok(()),
            Some(_) => Err(stale("there is no profile yet: send the call without If-Match to make one")),
        }
    }

    /// Refuses ([`Why::Stale`]) where the profile is not in an expected state.
    pub(crate) fn of(&self, row: &Stored<'_>) -> Result<(), Refusal> {
        if self.none {
            return Err(stale("the profile is there already: send the call without If-None-Match to change it"));
        }
        match &self.state {
            Some(State::OneOf(states)) if !states.contains(&row.version()) => Err(stale(
                "the profile is no longer the one that the ETag names, or the tag is a weak one: read it again, and send its new ETag",
            )),
            _ => Ok(()),
        }
    }
}

fn stale(message: &str) -> Refusal {
    Refusal::new(Why::Stale, "", message)
}
