//! JSON Patch (RFC 6902) as the document describes it.

use utoipa::ToSchema;

/// Operations of RFC 6902; the schema is in [`super::exact`].
#[derive(ToSchema)]
#[allow(dead_code)] // described, never made
pub(crate) struct JsonPatch(Vec<serde_json::Value>);
