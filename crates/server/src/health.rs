//! For those who run the server: is it up, is it ready, what does it do.

use std::sync::OnceLock;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use hyper::{
    StatusCode,
    header::{CONTENT_TYPE, HeaderValue},
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use serde::Serialize;

use crate::{access::App, error::ApiError, http::answer::Json};

/// Seconds: the bounds of latency's buckets.
const LATENCIES: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// Seconds: the bounds of the buckets of whole exports.
const EXPORTS: [f64; 9] = [0.01, 0.05, 0.25, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0];

/// How the server is.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Health {
    /// `ok`, or what is wrong.
    #[schema(example = "ok")]
    status: String,
}

/// Is the process up?
#[utoipa::path(
    get, path = "/healthz", tag = "Operation", operation_id = "healthz", security(()),
    responses((status = 200, description = "It is", body = Health)),
)]
pub(crate) async fn healthz() -> Json<Health> {
    Json(Health { status: "ok".to_owned() })
}

/// Can it serve?
///
/// Whether the store and the export engine answer.
#[utoipa::path(
    get, path = "/readyz", tag = "Operation", operation_id = "readyz", security(()),
    responses((status = 200, description = "It can", body = Health), (status = 503, description = "It can't", body = Health)),
)]
pub(crate) async fn readyz(State(app): State<App>) -> Response {
    let wrong = match (app.sizes(), app.export_counts()) {
        (Ok(_), Ok(_)) => return Json(Health { status: "ok".to_owned() }).into_response(),
        (Err(error), _) => ("the store does not answer", error.to_string()),
        (_, Err(error)) => ("the export engine does not answer", error.to_string()),
    };
    tracing::error!(cause = wrong.1, "not ready: {}", wrong.0);
    (StatusCode::SERVICE_UNAVAILABLE, Json(Health { status: wrong.0.to_owned() })).into_response()
}

/// What it does, for Prometheus
#[utoipa::path(
    get, path = "/metrics", tag = "Operation", operation_id = "metrics", security(()),
    responses((status = 200, description = "Prometheus text", body = String, content_type = "text/plain")),
)]
pub(crate) async fn metrics(State(app): State<App>) -> Result<Response, ApiError> {
    let sizes = app.sizes()?;
    metrics::gauge!("sayso_store_file_bytes").set(sizes.file_bytes as f64);
    metrics::gauge!("sayso_store_free_bytes").set(sizes.free_bytes as f64);
    metrics::gauge!("sayso_store_oldest_snapshot_seconds").set(sizes.oldest_snapshot_ms as f64 / 1000.0);
    for (state, count) in app.export_counts()? {
        metrics::gauge!("sayso_exports", "state" => state.word()).set(count as f64);
    }
    for (state, count) in app.import_counts()? {
        metrics::gauge!("sayso_imports", "state" => state.word()).set(count as f64);
    }
    let recorder = recorder();
    recorder.run_upkeep();
    let plain = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    Ok(([(CONTENT_TYPE, plain)], recorder.render()).into_response())
}

/// The process's recorder of metrics, installed when it is first asked for: before the rooms beneath count anything, since [`crate::serve`]
/// and [`crate::record_metrics`] ask. Where another recorder was installed before, that one gets the counts and `/metrics` shows none.
pub(crate) fn recorder() -> &'static PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(|| {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &LATENCIES)
            .and_then(|b| b.set_buckets_for_metric(Matcher::Full("sayso_export_seconds".to_owned()), &EXPORTS))
            .expect("the lists of buckets are not empty")
            .build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another recorder of metrics is installed; /metrics stays empty");
        }
        describe();
        handle
    })
}

/// What the server's own metrics mean.
fn describe() {
    metrics::describe_counter!("sayso_requests_total", "Requests answered, by method, route and status");
    metrics::describe_histogram!(
        "sayso_request_seconds",
        metrics::Unit::Seconds,
        "From a request's head to its answer's head, by route"
    );
    metrics::describe_counter!(
        "sayso_page_bytes_total",
        metrics::Unit::Bytes,
        "Bytes of export pages handed to connections"
    );
    metrics::describe_gauge!("sayso_connections", "Open connections");
    metrics::describe_gauge!("sayso_exports", "Export jobs, by state");
    metrics::describe_gauge!("sayso_imports", "Bulk imports, by state");
    metrics::describe_counter!("sayso_imported_records_total", "Records of bulk imports executed");
    metrics::describe_gauge!("sayso_store_file_bytes", metrics::Unit::Bytes, "Size of the store's file");
    metrics::describe_gauge!("sayso_store_free_bytes", metrics::Unit::Bytes, "Free pages in the store's file");
    metrics::describe_gauge!(
        "sayso_store_oldest_snapshot_seconds",
        metrics::Unit::Seconds,
        "Age of the oldest snapshot that is held"
    );
}
