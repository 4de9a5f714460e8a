//! Bulk imports (docs/import.md): Initiate, Stage, Execute, Status, Exceptions. Each handler is: parameters, permission, calls of the engine, a
//! typed answer.

mod exceptions;
mod initiate;
mod stage;
mod status;

pub(crate) use exceptions::*;
pub(crate) use initiate::*;
pub(crate) use stage::*;
pub(crate) use status::*;
