//! The export API (export.md): Initiate, Status, Retrieve, Commit. Each handler is: parameters, permission, one call of the engine, a
//! typed answer.

mod body;
mod callback;
mod commit;
mod initiate;
mod retrieve;
mod status;

pub(crate) use commit::*;
pub(crate) use initiate::*;
pub(crate) use retrieve::*;
pub(crate) use status::*;

use hyper::header::HeaderName;

/// The moment of the snapshot: the next export's `LastDateTime` (export.md, Initiate).
pub(crate) const SNAPSHOT: HeaderName = HeaderName::from_static("sayso-snapshot");
