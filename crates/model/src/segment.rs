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

impl Criterion {
    /// What [`matches`] needs to see of a profile: pass it to [`crate::reading::read`] (archived and implied preferences are merged
    /// only where a leaf asks for them).
    pub fn reading(&self) -> crate::config::Output {
        todo!()
    }
}
