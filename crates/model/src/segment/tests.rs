mod meaning;
mod refusals;

use serde_json::Value;

use super::*;
use crate::{
    config::Population,
    profile::Profile,
    refusal::Refusal,
    testing::account::{NOW, config, person},
};

fn read(criteria: &Value, population: Population) -> Result<Criterion, Refusal> {
    parse(Some(criteria), population, &config(), "Criteria")
}

fn holds_for(criteria: &Value, profile: &Profile) -> bool {
    let criterion = read(criteria, Population::Active).unwrap_or_else(|r| panic!("{criteria}: {r}"));
    matches(&criterion, profile, NOW)
}

/// Whether Anne of Macon meets it.
fn holds(criteria: &Value) -> bool {
    holds_for(criteria, &person())
}

/// A row for each case: what is asked, and whether Anne meets it.
fn check(cases: &[(Value, bool)]) {
    for (criteria, expected) in cases {
        assert_eq!(holds(criteria), *expected, "{criteria}");
    }
}
