//! Definition (JSON) → [`Criterion`], with the path of what is wrong.

use super::Criterion;
use crate::{
    config::{Config, Population},
    refusal::Refusal,
};

/// Checks a segment's `Criteria` against the configuration. `path` is where the definition stands (`Criteria`); every refusal names
/// the place in it (`Criteria.All[3].Any[0].CustomField`). Over deleted profiles only ProfileId, DeletedDate and ReasonCode may be used.
pub fn parse(
    _definition: Option<&serde_json::Value>,
    _population: Population,
    _config: &Config,
    _path: &str,
) -> Result<Criterion, Refusal> {
    todo!()
}
