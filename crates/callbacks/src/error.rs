//! What can keep callbacks from being delivered at all.

/// The crate's error type. What keeps one attempt from succeeding is no error here: it is told in the log and tried again.
#[derive(Debug, thiserror::Error)]
pub enum CallbackError {
    /// The file of `--callback-ca` can't be taken.
    #[error("the certificates for callbacks: {0}")]
    Certificates(String),
    /// The HTTP client can't be made.
    #[error("the client for callbacks can't be made: {0}")]
    Client(String),
    /// The queue can't be read.
    #[error(transparent)]
    Export(#[from] sayso_export::ExportError),
}
