//! How a stored profile reads at a moment (profile.md: whether something has expired is decided at the moment of reading).

use crate::{
    change::Kept,
    config::{Config, Output},
    moment::Moment,
    profile::Profile,
};

/// Sets `PreferenceStatus` and `Expired` of everything in the profile to what they are at `at`: expired when the
/// expiration date is at or before it.
pub fn expire(_profile: &mut Profile, _at: Moment) {
    todo!()
}

/// Every moment at which something in the profile expires, past and future, sorted, each once.
pub fn expiries(_profile: &Profile) -> Vec<Moment> {
    todo!()
}

/// The next expiry after `at`.
pub fn next_expiry(profile: &Profile, at: Moment) -> Option<Moment> {
    expiries(profile).into_iter().find(|m| *m > at)
}

/// The profile as it reads at `at` under these output settings: expired, with archived and implied preferences merged where
/// they are asked for. The optional parts that `output` leaves out are still there (cut when rendered).
pub fn read(_kept: &Kept, _config: &Config, _output: &Output, _at: Moment) -> Profile {
    todo!()
}
