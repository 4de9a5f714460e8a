//! Where in the input a value stands. Built on the stack on the way down and written out only when something is refused.

use std::fmt;

use crate::refusal::Refusal;

/// `Emails[1].EmailAddress`, from the inside out.
#[derive(Clone, Copy)]
pub(super) enum Path<'a> {
    Root,
    Member(&'a Path<'a>, &'static str),
    Item(&'a Path<'a>, usize),
}

impl<'a> Path<'a> {
    pub fn member(&'a self, name: &'static str) -> Path<'a> {
        Path::Member(self, name)
    }
    pub fn item(&'a self, index: usize) -> Path<'a> {
        Path::Item(self, index)
    }
    pub fn invalid(&self, message: impl Into<String>) -> Refusal {
        Refusal::invalid(self.to_string(), message)
    }
    pub fn unknown(&self, message: impl Into<String>) -> Refusal {
        Refusal::unknown(self.to_string(), message)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Member(Path::Root, name) => f.write_str(name),
            Path::Member(parent, name) => write!(f, "{parent}.{name}"),
            Path::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}
