//! What a JSON Patch asks a profile to become.

use crate::{
    change::Kept,
    config::{Config, Output},
    input::{ProfileInput, parse_profile},
    moment::Moment,
    patch::Patch,
    reading,
    refusal::Refusal,
    render::render,
};

/// The patched profile as an input for [`super::replace`]. What is patched is the profile as it reads at `now`, without implied
/// preferences: what nobody said can't be changed, only said. A patch that doesn't fit is refused as [`Patch::apply`] says, a result
/// that is no profile with the path in it.
pub fn patched(current: &Kept, patch: &Patch, config: &Config, now: Moment) -> Result<ProfileInput, Refusal> {
    let profile = reading::read(current, config, &Output::default(), now);
    let mut document = serde_json::from_slice(&render(&profile).json).expect("what we render is JSON");
    patch.apply(&mut document)?;
    parse_profile(document.to_string().as_bytes())
}
