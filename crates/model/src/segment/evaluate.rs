//! The exact evaluator: slow, obvious, and right.

use super::Criterion;
use crate::{
    config::Config,
    moment::Moment,
    profile::{Profile, Tombstone},
};

/// Whether a live profile meets the criterion at `at`. The profile is given as it reads at `at`, with its implied
/// preferences merged where the account has them switched on ([`crate::reading::read`]).
pub fn matches(_criterion: &Criterion, _profile: &Profile, _config: &Config, _at: Moment) -> bool {
    todo!()
}

/// Whether a deleted profile meets the criterion.
pub fn matches_tombstone(_criterion: &Criterion, _tombstone: &Tombstone, _at: Moment) -> bool {
    todo!()
}
