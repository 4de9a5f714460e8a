//! What can go wrong with an import.

use crate::job::State;

/// The crate's error type; the server turns it into HTTP in one place.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// No such token for this caller: unknown, over, another account's or another user's: one answer for all (docs/import.md, How long).
    #[error("unknown access token")]
    UnknownToken,
    /// Records are taken only before Execute.
    #[error("the import is {}: records are taken only before Execute; initiate another import for these", .0.word())]
    NotStaging(State),
    /// What was sent is no list of records; nothing of it was staged.
    #[error("{0}")]
    Malformed(String),
    /// What was asked for at Initiate was refused.
    #[error("{0}")]
    Refused(#[from] sayso_model::refusal::Refusal),
    /// The disk has no room for what is to be staged.
    #[error("there is no room on the disk to stage records; nothing of the call was kept, try again later")]
    NoRoom,
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
    /// A staged file is not as it was written.
    #[error("damaged import file: {0}")]
    Damaged(String),
}
