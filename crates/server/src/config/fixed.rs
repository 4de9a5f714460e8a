//! What no account can change: the words that other members choose from.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    access::{Permit, ViewConfiguration},
    http::answer::Json,
};

/// One choice: the number or the word that stands for it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Choice {
    #[schema(example = 1)]
    id: u8,
    #[schema(example = "Always")]
    name: &'static str,
    description: &'static str,
}

fn choices(choices: &[(&'static str, &'static str)]) -> Vec<Choice> {
    (1..).zip(choices).map(|(id, (name, description))| Choice { id, name, description }).collect()
}

/// When a custom field's new value may take the place of the one there.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UpdateRuleList {
    update_rules: Vec<Choice>,
}

/// List the update rules of custom fields
#[utoipa::path(
    get, path = "/{clientId}/UpdateRules", tag = "Configuration", operation_id = "listUpdateRules",
    params(("clientId" = String, Path, description = "The account, in any letter case", example = "ACME_CORP")),
    responses((status = 200, description = "The rules", body = UpdateRuleList)),
)]
pub(crate) async fn list_update_rules(_: Permit<ViewConfiguration>) -> Json<UpdateRuleList> {
    Json(UpdateRuleList {
        update_rules: choices(&[
            ("Always", "a new value takes the place of the one there"),
            ("IfCurrentBlank", "only while there is none"),
            ("IfNewNotBlank", "never by nothing"),
            ("Never", "the first value stays"),
        ]),
    })
}

/// What a person said to a consent.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ConsentStatusList {
    consent_status: Vec<Choice>,
}

/// List the states of a consent
#[utoipa::path(
    get, path = "/{clientId}/ConsentStatus", tag = "Configuration", operation_id = "listConsentStatus",
    params(("clientId" = String, Path, description = "The account, in any letter case", example = "ACME_CORP")),
    responses((status = 200, description = "The states, with the numbers that consents carry", body = ConsentStatusList)),
)]
pub(crate) async fn list_consent_status(_: Permit<ViewConfiguration>) -> Json<ConsentStatusList> {
    Json(ConsentStatusList {
        consent_status: choices(&[
            ("Granted", "the person agreed"),
            ("Denied", "the person did not agree"),
            ("Revoked", "the person agreed before, and does no more"),
            ("NotSet", "the person has not been asked, or did not answer"),
        ]),
    })
}
