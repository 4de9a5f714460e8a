//! What can go wrong with an export.

use crate::job::State;

/// The crate's error type; the server turns it into HTTP in one place.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// No such token for this caller: unknown, another account's or another user's: one answer for all (export.md, Retrieve).
    #[error("unknown access token")]
    UnknownToken,
    /// The caller's own token, which has ended.
    #[error("the export has ended: it is {}; initiate it again{}", .0.word(), of_ended(*.0))]
    Ended(State),
    /// Not complete yet; try again in `retry_after_s` seconds.
    #[error("the export is still being generated; try again in {retry_after_s} s")]
    Processing {
        /// Seconds.
        retry_after_s: u32,
    },
    /// As many scans of all profiles that are no jobs as may go on at once are under way (503).
    #[error("the server is looking through all profiles for others; try again in {retry_after_s} s")]
    Busy {
        /// Seconds.
        retry_after_s: u32,
    },
    /// The same Idempotency-Key with another body (422).
    #[error("the Idempotency-Key was used with another request body; use a new key for a new request")]
    KeyReused,
    /// The definition could not be compiled any more.
    #[error("{0}")]
    Refused(#[from] sayso_model::refusal::Refusal),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] sayso_store::StoreError),
    /// A file could not be written or read.
    #[error("{context}: {source}")]
    Io {
        /// What was being done, to which file.
        context: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The disk has no room for what is to be written.
    #[error(
        "this needs at least {needed} more bytes of disk and {room} may be used; make room, or end exports that nobody needs \
         any more, and start it again"
    )]
    NoRoom {
        /// Bytes.
        needed: u64,
        /// Bytes free beyond those that are kept free for the store.
        room: u64,
    },
    /// A file is damaged: the block that was read doesn't have its checksum.
    #[error("damaged export file: {0}")]
    Damaged(String),
}

/// What else helps whose export has ended so.
fn of_ended(state: State) -> &'static str {
    match state {
        State::Retrieved => ", and to have it until you say so, read it with keepAlive=true and end it with Commit",
        State::Failed => " when you may execute it: the permission was gone while it was being generated",
        State::Error => "; when it ends so again, the server's log has the cause",
        State::Processing | State::Complete | State::Expired => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_ended_or_is_not_complete_says_what_to_do() {
        let ended = |state| ExportError::Ended(state).to_string();
        assert_eq!(ended(State::Expired), "the export has ended: it is Expired; initiate it again");
        assert!(ended(State::Retrieved).contains("it is Retrieved; initiate it again, and to have it"));
        assert!(ended(State::Retrieved).ends_with("read it with keepAlive=true and end it with Commit"));
        assert!(ended(State::Failed).contains("initiate it again when you may execute it"));
        let processing = ExportError::Processing { retry_after_s: 7 }.to_string();
        assert_eq!(processing, "the export is still being generated; try again in 7 s");
    }
}
