//! What can go wrong in the store.

use sayso_model::refusal::Refusal;

/// The store's error type. `Refused` is the caller's doing; everything else is ours or the machine's.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The caller's data was refused; nothing was written.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// More than one refusal (a configuration).
    #[error("{} problems, the first: {}", .0.len(), .0.first().map_or_else(String::new, ToString::to_string))]
    RefusedAll(Vec<Refusal>),
    /// The write could not be kept (disk full, commit failed): nothing of it is there; try again later.
    #[error("the write was not kept: {0}")]
    NotKept(String),
    /// The account is not there.
    #[error("account {0} does not exist")]
    NoAccount(String),
    /// Another process holds the directory; the text says which kind and what to do.
    #[error("{0}")]
    Locked(String),
    /// A copy (a backup, a rewritten data file) could not be made; the data are as they were.
    #[error("{0}")]
    NotCopied(String),
    /// The key of sealed secrets isn't there, or isn't the one; the text says where it is looked for and what to do.
    #[error("{0}")]
    Key(String),
    /// What was read is damaged; the text says what and where.
    #[error("damaged data: {0}")]
    Damaged(String),
    /// The format of the directory is newer than this program.
    #[error("{0}")]
    Version(String),
    /// A file of the directory can't be opened, or is none of Sayso's; the text says which and what to do.
    #[error("{0}")]
    Unopened(String),
    /// The engine failed.
    #[error("the store's engine failed: {0}")]
    Engine(String),
    /// The writer thread is gone: the store is being closed.
    #[error("the store is closing")]
    Closing,
}
