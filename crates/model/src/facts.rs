//! The hundred bytes a profile is filtered by (house.md, facts), and the predicate that a criterion compiles to.

use std::collections::BTreeMap;

use crate::{
    change::Kept, config::Config, id::ProfileId, moment::Moment, profile::Profile, render::Row, segment::Criterion,
};

/// The format of encoded facts; another version in the store means they are made anew from the rows.
pub const FACTS_VERSION: u8 = 1;

/// The dictionary of one account: text → id, as the store keeps it (configured names and short closed sets only).
pub type Terms = BTreeMap<String, u32>;

/// The terms of a profile, each once: one compound text per element (`pref|news-email|optin|active|weekly`), so that
/// conditions bound to the same element can be answered from the dictionary. At most 480 bytes each. The order is the same
/// for the same profile and configuration: [`encode`] takes the ids in it.
pub fn terms(_profile: &Profile, _config: &Config) -> Vec<String> {
    todo!()
}

/// Encodes the facts of a profile: its flags and dates, the row's length and the lengths of its parts, the ids of its terms,
/// its numbers. `row` is the rendered `kept.profile`; `term_ids` are the ids of [`terms`], in that order, unsorted.
pub fn encode(
    _kept: &Kept,
    _config: &Config,
    _row: &Row,
    _next_expiry: Option<Moment>,
    _term_ids: &[u32],
    _out: &mut Vec<u8>,
) {
    todo!()
}

/// Encoded facts, read in place.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a>(&'a [u8]);

impl<'a> Facts<'a> {
    /// `None` when the bytes are no facts of this version.
    pub fn new(_bytes: &'a [u8]) -> Option<Self> {
        todo!()
    }
    /// When the profile was last written.
    pub fn modified(&self) -> Moment {
        todo!()
    }
    /// The next moment, from when it was written, at which something in it expires.
    pub fn next_expiry(&self) -> Option<Moment> {
        todo!()
    }
    /// Whether something is kept beside the row ([`crate::profile::Extras`]) that output settings may ask for.
    pub fn has_extras(&self) -> bool {
        todo!()
    }
    /// Bytes of the row under these output settings ([`crate::render::length`]), without opening it.
    pub fn row_length(&self, _output: &crate::config::Output) -> u32 {
        todo!()
    }
}

/// What a predicate can say of facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Answer {
    Yes,
    No,
    /// The row has to be opened.
    Unknown,
}

/// A criterion compiled against one account's dictionary and one moment.
#[derive(Debug)]
pub struct Predicate(());

impl Predicate {
    /// Compiles; never fails: what facts can't tell answers [`Answer::Unknown`].
    pub fn compile(_criterion: &Criterion, _config: &Config, _terms: &Terms, _at: Moment) -> Self {
        todo!()
    }
    /// Answers for one profile. Unknown for every profile whose next expiry has come by the moment it was compiled for.
    pub fn answer(&self, _id: ProfileId, _facts: Facts<'_>) -> Answer {
        todo!()
    }
}
