//! Where a preference or consent hangs, as histories show it: the contact's natural key.

use sayso_model::profile::Place;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A contact by its natural key, in the form in which keys are compared (lower case); null for the person as a whole.
#[derive(Default, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PlaceAnswer {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "home")]
    email_address_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "ada@example.org")]
    email_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_number_numeric: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address1: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address2: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    city: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_province: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    postal_code: Option<String>,
}

/// A place as history keeps it, as callers see it.
pub(super) fn on_the_wire(kept: &Value) -> Option<PlaceAnswer> {
    let mut place = PlaceAnswer::default();
    match Place::deserialize(kept).ok()? {
        Place::Profile => return None,
        Place::Email { kind, address } => {
            place.email_address_type = Some(kind);
            place.email_address = Some(address);
        }
        Place::Phone { kind, digits } => {
            place.phone_type = Some(kind);
            place.phone_number_numeric = Some(digits);
        }
        Place::Address { kind, key } => {
            place.address_type = Some(kind);
            let mut parts = key.split('\u{1f}').map(str::to_owned);
            place.address1 = parts.next();
            place.address2 = parts.next().filter(|line| !line.is_empty());
            place.city = parts.next();
            place.state_province = parts.next();
            place.postal_code = parts.next();
        }
    }
    Some(place)
}
