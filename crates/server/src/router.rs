//! All routes.

use axum::{
    Extension, Json, Router,
    extract::Request,
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::Value;
use std::sync::Arc;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    access::App, audit, config, docs, error::ApiError, export, health, http::stack, import, oauth, openapi, profile,
};

/// The calls of an account. They answer under both bases (export.md, Addresses).
fn api() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        // export.md
        .routes(routes!(export::export_segment))
        .routes(routes!(export::export_segment_group))
        .routes(routes!(export::export_status))
        .routes(routes!(export::export_retrieve))
        .routes(routes!(export::export_commit))
        // profile.md, Data API
        .routes(routes!(profile::create_profile))
        .routes(routes!(
            profile::read_profile,
            profile::update_profile,
            profile::replace_profile,
            profile::patch_profile,
            profile::delete_profile
        ))
        .routes(routes!(
            profile::read_by_alternate_id,
            profile::write_by_alternate_id,
            profile::replace_by_alternate_id,
            profile::patch_by_alternate_id,
            profile::delete_by_alternate_id
        ))
        .routes(routes!(
            profile::read_by_alternate_id_in_path,
            profile::write_by_alternate_id_in_path,
            profile::replace_by_alternate_id_in_path,
            profile::patch_by_alternate_id_in_path,
            profile::delete_by_alternate_id_in_path
        ))
        .routes(routes!(profile::search_by_email))
        .routes(routes!(profile::search_by_phone))
        .routes(routes!(profile::search_by_name))
        .routes(routes!(profile::search_by_address))
        .routes(routes!(profile::search_by_preference_attributes))
        .routes(routes!(profile::search_by_custom_fields))
        .routes(routes!(profile::read_group))
        .routes(routes!(profile::read_history))
        .routes(routes!(profile::read_history_by_alternate_id))
        .routes(routes!(profile::read_history_by_alternate_id_in_path))
        .routes(routes!(profile::activate_profile))
        .routes(routes!(profile::deactivate_profile))
        .routes(routes!(profile::write_preferences))
        .routes(routes!(profile::write_preferences_by_alternate_id))
        .routes(routes!(profile::write_preferences_by_alternate_id_in_path))
        .routes(routes!(profile::archive_preferences))
        .routes(routes!(profile::archive_preferences_by_alternate_id))
        .routes(routes!(profile::archive_preferences_by_alternate_id_in_path))
        .routes(routes!(profile::write_consents))
        .routes(routes!(profile::write_consents_by_alternate_id))
        .routes(routes!(profile::write_consents_by_alternate_id_in_path))
        .routes(routes!(profile::read_consent_filters))
        .routes(routes!(profile::withdraw_filter_consent))
        // access.md
        .routes(routes!(audit::read_audit))
        // docs/import.md
        .routes(routes!(import::import_initiate))
        .routes(routes!(import::import_stage))
        .routes(routes!(import::import_execute))
        .routes(routes!(import::import_status))
        .routes(routes!(import::import_exceptions))
        // configuration.md
        .merge(config::routes())
}

/// The calls that are about no account.
fn general() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        // access.md
        .routes(routes!(oauth::token))
        .routes(routes!(oauth::revoke))
        .routes(routes!(oauth::oauth_metadata))
        // for those who run the server
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics))
}

/// The bases under which an account's calls answer; the second is the older service's.
pub(crate) const BASES: [&str; 2] = ["/Profiles/v4", "/Profiles"];

/// The OpenAPI document of all routes (under the first base).
pub(crate) fn document() -> Value {
    let routes = OpenApiRouter::with_openapi(openapi::preface()).merge(general()).nest(BASES[0], api());
    openapi::complete(&routes.into_openapi())
}

/// The router with the stack around every handler.
pub(crate) fn router(app: App) -> Router {
    let (api, _) = api().split_for_parts();
    let (general, _) = general().split_for_parts();
    let document = Arc::new(document());
    general
        .route("/openapi.json", get(openapi_json).layer(Extension(document)))
        .merge(docs::routes())
        .nest(BASES[0], api.clone())
        .nest(BASES[1], api)
        .method_not_allowed_fallback(async |request: Request| ApiError::Method(request.method().to_string()))
        .fallback(async || ApiError::NoRoute)
        .layer(from_fn_with_state(app.clone(), stack::around))
        .with_state(app)
}

async fn openapi_json(Extension(document): Extension<Arc<Value>>) -> Response {
    Json(&*document).into_response()
}
