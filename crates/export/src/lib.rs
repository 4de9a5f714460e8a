//! Export jobs: their states, their files and their pages. Knows the store and the model, nothing of HTTP.
//!
//! ```text
//! initiate ─► Job (Queued) ─► worker: snapshot ─► plan (who, how long) ─► copy (rows, index, manifest) ─► Complete
//! page(limit, offset) ─► one range of `rows` ─► body of 256 KiB pieces ─► flushed ─► Retrieved
//! ```

pub mod engine;
pub mod error;
pub mod job;
pub mod page;

pub use engine::{Engine, PermissionCheck, Settings};
pub use error::ExportError;
