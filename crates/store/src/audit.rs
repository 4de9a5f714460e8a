//! The audit trail: who exported what, who changed what of access and configuration, who was refused (access.md, Kept safe).
//! Append-only; each record holds the hash of the one before it, so that one that is edited, removed or moved is found
//! ([`Store::verify_audit`](crate::Store::verify_audit)).
//!
//! There is one trail per account, and one for what concerns no account. The newest sequence and hash of each, its *head*, is kept apart
//! from the records, so that records cut off at the end are missed, too. Whoever can write the whole data directory can also hash a trail
//! anew from its beginning: against that helps a head that was noted elsewhere, which verifying compares. Nothing here removes a record.
//!
//! | room | what is in it |
//! |---|---|
//! | `action`, `entry` | what happened, who did it, what is told of it |
//! | `operator` | who runs a command, as the system knows them |
//! | `line` | a record as it is kept, given out and hashed: one line of JSON |
//! | `changes` | what is told of a change of the configuration |
//! | `chain` | a record added within a write, the head with it |
//! | `notes` | records that needn't be on disk at once, gathered and written together |
//! | `pages` | reading, by sequence and time |
//! | `verify` | walking a trail, here or in a file |

mod action;
mod chain;
mod changes;
mod entry;
mod line;
mod notes;
mod operator;
mod pages;
mod verify;

#[cfg(test)]
mod tests;

pub use action::Action;
pub use chain::Head;
pub use entry::{About, Call, Credential, Entry, Origin};
pub use operator::Operator;
pub use pages::{AuditLines, AuditPage};
pub use verify::{AuditReport, TrailReport, verify_lines};

pub(crate) use chain::{Heads, NOBODY};
pub(crate) use changes::changes;
pub(crate) use notes::{Notes, Taken};
pub(crate) use verify::verify;
