//! The segment language (configuration.md, Segments): definition → checked [`Criterion`], and the exact evaluator over the
//! typed profile, which is the oracle for everything faster.

mod evaluate;
mod parse;

pub use evaluate::{matches, matches_tombstone};
pub use parse::parse;

// The typed definition: the author of this room completes it.
/// A checked definition.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum Criterion {
    All(Vec<Criterion>),
    Any(Vec<Criterion>),
    Not(Box<Criterion>),
}
