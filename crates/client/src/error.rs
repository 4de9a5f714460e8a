//! The one error type of this crate. No variant ever carries a secret or a token of OAuth.

use std::time::Duration;

use crate::wire::State;

/// Why a call did not give what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The client was built from something that can't work: a bad URL, no credentials, no account.
    #[error("{0}")]
    Setup(String),
    /// No whole answer came: the server can't be reached, or the connection broke.
    #[error("{what}: {source}")]
    Connection {
        /// The call, in words.
        what: String,
        /// Why it failed.
        source: reqwest::Error,
    },
    /// OAuth refused the credentials (RFC 6749, 5.2).
    #[error("the server gave no token ({code}): {description}; check the client id, the secret and the scope")]
    Credentials {
        /// `invalid_client`, `invalid_scope` …
        code: String,
        /// The server's own words.
        description: String,
    },
    /// The server answered with a failure.
    #[error("{what}: the server answered {status}: {message}")]
    Refused {
        /// The call, in words.
        what: String,
        /// The HTTP status.
        status: u16,
        /// The server's own words.
        message: String,
        /// How long the server asks to wait before the next try.
        retry_after: Option<Duration>,
    },
    /// The answer is not what export.md describes.
    #[error("{what}: the answer could not be read: {source}")]
    Answer {
        /// The call, in words.
        what: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The export ended without rows to be had.
    #[error("export {token} has ended: it is {state}; start another one")]
    Ended {
        /// The export's access token.
        token: u64,
        /// How it ended.
        state: State,
    },
}

impl Error {
    /// Whether the same call may work later: no connection, 429, or 5xx.
    pub fn is_temporary(&self) -> bool {
        match self {
            Error::Connection { .. } => true,
            Error::Refused { status, .. } => *status == 429 || *status >= 500,
            _ => false,
        }
    }
}
