//! Export jobs: their states, their files and their pages. Knows the store and the model, nothing of HTTP.
//!
//! ```text
//! initiate ─► Job (Queued) ─► worker: snapshot ─► plan (who, how long) ─► copy (rows, index, manifest) ─► Complete
//!                                               └─ in the commit that ends it: Callback, if one was asked for ─► its delivery
//! page(limit, offset) ─► one range of `rows` ─► body in pieces ─► flushed ─► Retrieved
//! ```

mod audit;
mod block_on;
mod blocks;
mod buffers;
pub mod callback;
mod check;
mod copy;
pub mod engine;
pub mod error;
mod files;
mod find;
mod finish;
mod finished;
mod gzip;
pub mod job;
mod layout;
mod open;
pub mod page;
mod parallel;
mod plan;
mod preview;
mod record;
mod registry;
mod removal;
mod room;
mod scan;
mod scratch;
mod sweep;
mod tags;
mod worker;

pub use check::{CheckedExports, check};
pub use engine::{Engine, PermissionCheck, Settings};
pub use error::ExportError;
pub use finished::Finished;
pub use preview::Preview;
pub use sweep::remove_ended_files;

#[cfg(test)]
mod testing;
