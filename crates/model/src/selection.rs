//! What an export selects: a segment or segment group with its output settings, and the conditions of Initiate. It is copied
//! into the job, so that later edits of the segment don't touch it (export.md).

use serde::{Deserialize, Serialize};

use crate::{
    config::{Config, Operator, Output, Population, Segment},
    moment::Moment,
    profile::{Profile, Tombstone},
    refusal::Refusal,
    segment::Criterion,
};

/// What was selected, as the configuration had it at Initiate. Serialisable, so that a job survives a restart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Selection {
    /// The members with their operators; a plain segment is a group of one.
    pub members: Vec<(Operator, Segment)>,
    /// The output settings: the segment's, or the group's own.
    pub output: Output,
}

impl Selection {
    /// The selection of a segment, by name without regard to case.
    pub fn of_segment(_config: &Config, _name: &str) -> Option<Selection> {
        todo!()
    }
    /// The selection of a segment group.
    pub fn of_group(_config: &Config, _name: &str) -> Option<Selection> {
        todo!()
    }
    /// Whether it is over deleted profiles (all members are, or none).
    pub fn over_deleted(&self) -> bool {
        self.members.first().is_some_and(|(_, s)| s.profiles == Population::Deleted)
    }
    /// The whole selection as one criterion: populations and members, folded left to right.
    pub fn criterion(&self, _config: &Config) -> Result<Criterion, Refusal> {
        todo!()
    }
}

/// Which key `Values` are compared with (export.md, `MatchCriteria`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum MatchCriteria {
    ProfileId,
    AlternateId,
    EmailAddress,
    PhoneNumber,
}

/// The conditions of Initiate beside the segment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Conditions {
    /// Only profiles changed at or after this moment (as given; rounding is applied where it is compared).
    pub since: Option<Moment>,
    /// Only profiles that have one of these values.
    pub matching: Option<Matching>,
}

/// `MatchCriteria`, `MatchType` and `Values`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Matching {
    pub criteria: MatchCriteria,
    /// The type to match in, as configured.
    pub match_type: Option<String>,
    /// As the caller gave them.
    pub values: Vec<String>,
}

impl Matching {
    /// `MatchCriteria`, `MatchType` and `Values` of Initiate as the caller gave them (numbers among the values as text), checked
    /// (export.md, Initiate). `None` when nothing is to be matched. Refused: [`Why::Invalid`](crate::refusal::Why::Invalid) for a
    /// combination or value that can't be, [`Why::Unknown`](crate::refusal::Why::Unknown) for a type that the account hasn't.
    pub fn resolve(
        _criteria: Option<&str>,
        _match_type: Option<&str>,
        _values: Option<Vec<String>>,
        _over_deleted: bool,
        _config: &Config,
    ) -> Result<Option<Matching>, Refusal> {
        todo!()
    }
    /// Made once per export, so that comparing is one look-up however many values there are.
    pub fn prepare(&self) -> Matcher {
        todo!()
    }
}

/// The values of a [`Matching`], normalised and hashed.
#[derive(Debug)]
pub struct Matcher(());

impl Matcher {
    /// The exact comparison with a live profile; look-ups in an index only find candidates for it.
    pub fn matches(&self, _profile: &Profile) -> bool {
        todo!()
    }
    /// The same for a deleted one: by ProfileId only.
    pub fn matches_tombstone(&self, _tombstone: &Tombstone) -> bool {
        todo!()
    }
}
