//! Bulk imports (docs/import.md): records are staged as files, checked as they come, and executed later in batches through the store's
//! ordinary write path. Nothing of HTTP.
//!
//! [`Engine::initiate`] persists a job; [`Engine::stage`] gives a [`Staging`] that takes the bytes of one call as they arrive and keeps them
//! whole or not at all; [`Engine::execute`] queues the job; one worker goes through the queued jobs in turn, a batch each. What a batch
//! wrote, how far the job is and what it refused are one transaction of the store: nothing is lost or done twice, whenever the process ends.
//!
//! | room | what is in it |
//! |---|---|
//! | [`job`], `record` | states and the one function between them; a job as it is kept |
//! | `split`, `check_record`, [`stage`] | a call's bytes into records, each checked, into a file |
//! | `chunk`, `files` | that file, and where files are |
//! | [`engine`], `worker`, `sweep` | the face; execution; what time ends |
//! | [`exceptions`] | a page of what was refused |
//! | [`mod@check`] | what `sayso check` asks |

pub mod check;
mod check_record;
mod chunk;
pub mod engine;
mod error;
pub mod exceptions;
mod files;
pub mod job;
mod record;
mod split;
pub mod stage;
mod sweep;
mod wishes;
mod worker;

pub use check::{CheckedImports, check, remove_ended};
pub use engine::{Begun, Caller, Engine, PermissionCheck, Settings};
pub use error::ImportError;
pub use exceptions::{Page, Refused};
pub use stage::{Staged, Staging};
