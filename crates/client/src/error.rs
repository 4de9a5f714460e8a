//! The one error type of this crate. No variant ever carries a secret or a bearer token.

use std::{error::Error as _, fmt, time::Duration};

use crate::wire::State;

/// What a call is about, which makes a difference to what helps when it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum About {
    /// A bearer token.
    SignIn,
    /// The segment or group that is to be exported.
    Source,
    /// An export that was started.
    Export,
    /// An import, also one that is to be started.
    Import,
}

/// Why a call did not give what was asked for. The text says what was tried and what came; [`Error::hint`] what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The client was built from something that can't work: a bad URL, no credentials, no account.
    #[error("{0}")]
    Setup(String),
    /// No whole answer came: the server can't be reached, it fell silent, or the connection broke.
    #[error("{what}: {}", Broken(cause))]
    Connection {
        /// The call, in words.
        what: String,
        /// Why it failed; its text is part of this error's own.
        cause: reqwest::Error,
    },
    /// OAuth refused the credentials (RFC 6749, 5.2).
    #[error("the server gave no token ({code}): {description}")]
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
        /// What the call is about.
        about: About,
        /// The HTTP status.
        status: u16,
        /// The server's own words.
        message: String,
        /// How long the server asks to wait before the next try.
        retry_after: Option<Duration>,
    },
    /// The answer is not what export.md describes.
    #[error("{what}: the answer could not be read: {cause}")]
    Answer {
        /// The call, in words.
        what: String,
        /// What is wrong with it; its text is part of this error's own.
        cause: serde_json::Error,
    },
    /// The export ended, and its rows can't be read.
    #[error("export {token} has ended: it is {state}")]
    Ended {
        /// The export's access token.
        token: u64,
        /// How it ended.
        state: State,
    },
    /// The pages contradict each other: to go on would lose or repeat records without a word.
    #[error("export {token}: {what}")]
    Contradiction {
        /// The export's access token.
        token: u64,
        /// What does not fit, with the numbers seen.
        what: String,
    },
}

impl Error {
    /// Whether the same call may work later: no connection, a broken one, 408, 429, or 5xx apart from 501 and 505.
    pub fn is_temporary(&self) -> bool {
        match self {
            // One that can't even be written down, such as a header with a line break, stays wrong.
            Error::Connection { cause, .. } => !cause.is_builder() && mixed_up(&root(cause)).is_none(),
            Error::Refused { status, .. } => {
                matches!(status, 408 | 429) || (*status >= 500 && !matches!(status, 501 | 505))
            }
            _ => false,
        }
    }

    /// Whether the export is gone: only a new Initiate helps.
    pub fn is_gone(&self) -> bool {
        matches!(self, Error::Ended { .. } | Error::Refused { status: 404 | 410, .. })
    }

    /// How long the server asks to wait before the next try.
    pub fn retry_after(&self) -> Option<Duration> {
        if let Error::Refused { retry_after, .. } = self { *retry_after } else { None }
    }

    /// What to do about it, as half a sentence: `check the client id, the secret and the scope`. `None` where the error's own
    /// text says it already.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Error::Setup(_) => None,
            Error::Connection { cause, .. } if mixed_up(&root(cause)).is_some() => None,
            Error::Connection { cause, .. } if cause.is_connect() => {
                Some("check the address, the network, and that the server is running")
            }
            Error::Connection { .. } => {
                Some("try again; when it happens again, look at the network and the server's log")
            }
            Error::Credentials { .. } => Some("check the client id, the secret and the scope"),
            Error::Refused { status, about, message, .. } => match status {
                300..=399 => Some(
                    "give the address that it leads to: redirects are not followed, they could take the credentials elsewhere",
                ),
                401 => Some(
                    "check the credentials (where calls are signed: the user and the shared key), and this machine's clock",
                ),
                403 if message.contains("administrator") => None,
                403 => Some("ask an administrator of the account for the permission"),
                404 => match about {
                    About::SignIn => Some("check the address: it is the one before /oauth and /Profiles"),
                    About::Source => {
                        Some("check the name and the account, and the address: it is the one before /Profiles")
                    }
                    About::Export if message.contains("initiate it again") => None,
                    About::Export => Some("start another export, and read it as the user who started it"),
                    About::Import => {
                        Some("check what is named, the account, and the address: it is the one before /Profiles")
                    }
                },
                408 | 429 => Some("wait as long as the server says, then try again"),
                500.. => Some("try again later; when it stays so, the server's log has the cause"),
                _ => None,
            },
            Error::Answer { .. } => {
                Some("check that this is the address of the API and that no proxy answers in its place")
            }
            Error::Ended { .. } => Some("start another export"),
            Error::Contradiction { .. } => Some("start another export, and tell the server's operator"),
        }
    }
}

/// What became of a connection, in words and without the address, which the caller has given.
struct Broken<'a>(&'a reqwest::Error);

impl fmt::Display for Broken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.0 {
            e if e.is_builder() => "it can't be sent",
            e if e.is_timeout() && e.is_connect() => "the server can't be reached in time",
            e if e.is_connect() => "the server can't be reached",
            e if e.is_timeout() => "the server fell silent",
            _ => "the connection broke",
        };
        f.write_str(what)?;
        let root = root(self.0);
        match mixed_up(&root) {
            Some(words) => write!(f, ": {words}"),
            None if root.is_empty() => Ok(()),
            None => write!(f, ": {root}"),
        }
    }
}

/// The text of the deepest cause.
fn root(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    while let Some(deeper) = cause.and_then(|c| c.source()) {
        cause = Some(deeper);
    }
    cause.map(ToString::to_string).unwrap_or_default()
}

/// What it means when one side speaks TLS and the other doesn't: what rustls and hyper make of the other's words tells nobody.
fn mixed_up(root: &str) -> Option<&'static str> {
    if root.contains("InvalidContentType") {
        Some("the server speaks no TLS at this port; try http://")
    } else if root.contains("invalid HTTP version parsed") {
        Some("the server perhaps speaks TLS at this port; try https://")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16) -> Error {
        about(About::Export, status, "")
    }

    fn about(about: About, status: u16, message: &str) -> Error {
        Error::Refused { what: "reading".to_owned(), about, status, message: message.to_owned(), retry_after: None }
    }

    #[test]
    fn only_what_may_pass_by_itself_is_temporary() {
        for status in [408, 429, 500, 502, 503, 504] {
            assert!(refused(status).is_temporary(), "{status}");
        }
        for status in [301, 400, 401, 403, 404, 409, 413, 501, 505] {
            assert!(!refused(status).is_temporary(), "{status}");
        }
        assert!(!Error::Credentials { code: String::new(), description: String::new() }.is_temporary());
    }

    #[test]
    fn every_failure_that_a_user_can_do_something_about_says_what() {
        for status in [301, 401, 403, 404, 429, 503] {
            assert!(refused(status).hint().is_some(), "{status}");
        }
        let hint = |of, status, message: &str| about(of, status, message).hint();
        assert!(hint(About::SignIn, 404, "").unwrap().contains("before /oauth"));
        assert!(hint(About::Source, 404, "").unwrap().starts_with("check the name and the account"));
        assert!(hint(About::Export, 404, "").unwrap().starts_with("start another export"));
        assert!(!hint(About::Import, 404, "").unwrap().contains("export"));
        // Nothing is said twice.
        assert_eq!(hint(About::Export, 404, "it is Expired; initiate it again"), None);
        assert_eq!(hint(About::Source, 403, "an administrator of the account gives it"), None);
        let ended = Error::Ended { token: 7, state: State::Expired };
        assert_eq!(ended.hint(), Some("start another export"));
        assert!(ended.is_gone() && refused(404).is_gone() && !refused(503).is_gone());
    }
}
