//! A profile as it reads now. Mostly that is what it was rendered as when it was written: the stored bytes go out as they are, with the
//! former consents behind them.

use axum::response::{IntoResponse, Response};
use hyper::{HeaderMap, header::ETAG};
use sayso_store::{
    StoreError,
    profiles::{HistoryEntry, ReadyRow, Target},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{etag, place};
use crate::{
    access::{Permit, ViewProfiles},
    error::ApiError,
    http::{
        answer::{has_already, json_bytes, not_modified, own_header},
        query::Query,
    },
};

/// What a read or search is asked to show beside what a profile holds (profile.md, Data API).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) implied: bool,
    pub(super) consent_history: bool,
}

impl Shown {
    pub(super) fn of(query: &Query) -> Result<Self, ApiError> {
        Ok(Self { implied: query.flag("implied", true)?, consent_history: query.flag("includeConsentHistory", true)? })
    }
}

/// The profile that a call names, as it reads now.
pub(super) fn read(
    permit: &Permit<ViewProfiles>,
    target: &Target,
    unknown: ApiError,
    query: &Query,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let shown = Shown::of(query)?;
    let row = permit.ready(target, shown.consent_history)?.ok_or(unknown)?;
    let state = etag::state(row.version());
    let stored = row.reads_as_stored(permit.config(), shown.implied, permit.now());
    let history = if shown.consent_history { "h" } else { "" };
    if stored
        && let etag = format!("\"{state}-{history}\"")
        && has_already(headers, &etag)
    {
        return Ok(not_modified(own_header(&etag)));
    }
    let json = json_of(permit, row, shown)?;
    let etag = if stored {
        format!("\"{state}-{history}\"")
    } else {
        let digest = Sha256::digest(&json);
        let digest = digest.first_chunk().copied().map(u64::from_be_bytes).unwrap_or_default();
        format!("\"{state}-{digest:016x}{history}\"")
    };
    if has_already(headers, &etag) {
        return Ok(not_modified(own_header(&etag)));
    }
    Ok(([(ETAG, own_header(&etag))], json_bytes(json)).into_response())
}

/// The JSON of a profile as it reads now.
pub(super) fn json_of(permit: &Permit<ViewProfiles>, mut row: ReadyRow, shown: Shown) -> Result<Vec<u8>, StoreError> {
    let former = std::mem::take(&mut row.former_consents);
    let mut json = row.into_json(permit.config(), shown.implied, permit.now())?;
    if shown.consent_history {
        let former: Vec<Value> = former.into_iter().map(former_consent).collect();
        json.pop();
        json.extend_from_slice(b",\"ConsentHistory\":");
        json.extend_from_slice(Value::from(former).to_string().as_bytes());
        json.push(b'}');
    }
    Ok(json)
}

/// A former consent: where it hung, what it was, when it ceased to be.
fn former_consent(mut entry: HistoryEntry) -> Value {
    let place = place::on_the_wire(&entry.value["Place"]);
    json!({"Place": place, "Consent": entry.value["Consent"].take(), "ModifiedDate": entry.when})
}
