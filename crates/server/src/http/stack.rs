//! The one stack around every handler, read from top to bottom: correlation id and span, the address and Accept checked, the handler with
//! its panics caught, what it left unread, the error's body, headers that guard the answer, the counts.

use std::{
    hash::{BuildHasher, RandomState},
    panic::AssertUnwindSafe,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use axum::{
    body::Body,
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use hyper::{
    HeaderMap,
    header::{
        ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
        STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
    },
};
use serde::Serialize;
use tracing::Instrument;

use super::{answer::JSON, leftover, path::well_formed, peer::peer_of};
use crate::{
    access::{App, Visit, limit::Told},
    docs,
    error::ApiError,
};

/// The header by which a request is found again in the log.
pub(crate) const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");

/// What is offered above the documented calls, for clients that must also do without: ours repeats an Initiate whose answer was lost
/// only where it is known again.
const OFFERS: HeaderName = HeaderName::from_static("sayso-offers");

/// Body of every error.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ErrorBody {
    /// What was wrong, the value seen, what is accepted.
    #[schema(nullable)]
    pub(crate) message: String,
}

/// The middleware.
pub(crate) async fn around(State(app): State<App>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let correlation_id = correlation_id(request.headers());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched".to_owned(), |p| p.as_str().to_owned());
    let peer = peer_of(request.extensions());
    // the route, not the address: addresses hold alternate ids and the like
    let span = tracing::info_span!("request", %method, route, correlation_id, %peer);

    let visit = Visit::of(&request, peer, &correlation_id);
    let (mut parts, body) = request.into_parts();
    let standing = Told::default();
    parts.extensions.insert(standing.clone());
    parts.extensions.insert(visit.clone());
    let (body, leftover) = leftover::lend(parts.version, &parts.headers, body);
    let mut response = guarded(Request::from_parts(parts, body), next).instrument(span.clone()).await;
    leftover.drain(app.options().initiate_body).await;

    let error = response.extensions_mut().remove::<Arc<ApiError>>();
    if let Some(error) = &error {
        let message = error.message(&correlation_id);
        let body = serde_json::to_vec(&ErrorBody { message }).expect("a string is JSON");
        response.headers_mut().insert(CONTENT_TYPE, JSON);
        *response.body_mut() = Body::from(body);
    }
    if let Some(standing) = standing.get() {
        standing.tell(response.headers_mut());
    }
    guard(response.headers_mut(), app.options().tls.is_some());
    let header = HeaderValue::from_str(&correlation_id).expect("checked, or hexadecimal");
    response.headers_mut().insert(CORRELATION_ID, header);
    response.headers_mut().insert(OFFERS, HeaderValue::from_static("Idempotency-Key"));

    app.note_refused(&visit, response.status(), error.as_deref());
    let status = response.status().as_u16();
    let took = started.elapsed();
    span.in_scope(|| match error.as_ref().and_then(|e| e.cause()) {
        Some(cause) => tracing::error!(status, ?took, cause, "failed"),
        None => tracing::debug!(status, ?took, error = error.map(|e| e.to_string()), "answered"),
    });
    let labels = [("method", known_method(&method)), ("route", route), ("status", status.to_string())];
    metrics::counter!("sayso_requests_total", &labels).increment(1);
    metrics::histogram!("sayso_request_seconds", &labels[1..2]).record(took.as_secs_f64());
    response
}

/// The handler behind its checks; a panic in it is an internal error.
async fn guarded(request: Request, next: Next) -> Response {
    if !request.uri().path_and_query().is_none_or(|p| well_formed(p.as_str())) {
        return ApiError::MalformedUrl.into_response();
    }
    // what isn't JSON
    let path = request.uri().path();
    let other = path == "/metrics"
        || path.strip_prefix(docs::PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if !other && !accepts_json(request.headers()) {
        return ApiError::NotAcceptable.into_response();
    }
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(panic) => ApiError::Internal(format!("a panic: {}", sayso_store::text_of(&*panic))).into_response(),
    }
}

/// Headers that keep a browser, a cache or a proxy from doing harm with an answer; one that the handler has set itself stays.
fn guard(headers: &mut HeaderMap, over_tls: bool) {
    for (name, value) in [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // an address names accounts and people's ids
        (REFERRER_POLICY, "no-referrer"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        // answers are about people, or about the moment
        (CACHE_CONTROL, "no-store"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    // RFC 6797, 7.2: never over plain HTTP
    if over_tls {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
}

/// The caller's own id when it is one (visible ASCII, at most 128 characters, nothing that could break a log line apart), else a random one.
fn correlation_id(headers: &HeaderMap) -> String {
    let sane = |id: &&str| {
        (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:/+=@".contains(&b))
    };
    match headers.get(CORRELATION_ID).and_then(|v| v.to_str().ok()).filter(sane) {
        Some(id) => id.to_owned(),
        None => new_correlation_id(),
    }
}

/// A random one: a count, hashed with keys that the system gave this process. It tells requests apart and guards nothing, so it needn't
/// ask the system each time.
pub(super) fn new_correlation_id() -> String {
    static KEYS: LazyLock<[RandomState; 2]> = LazyLock::new(Default::default);
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Relaxed);
    let [high, low] = KEYS.each_ref().map(|keys| keys.hash_one(count));
    format!("{high:016x}{low:016x}")
}

/// Whether Accept (absent: anything) leaves application/json a quality above 0; the most specific range counts (RFC 9110, 12.5.1).
fn accepts_json(headers: &HeaderMap) -> bool {
    let mut ranges =
        headers.get_all(ACCEPT).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(',')).peekable();
    if ranges.peek().is_none() {
        return true;
    }
    let mut best = (0, false);
    for range in ranges {
        let mut parts = range.split(';').map(str::trim);
        let rank = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "application/json" => 3,
            "application/*" | "text/json" => 2, // the latter is taken of bodies, too
            "*/*" | "" => 1,
            _ => continue,
        };
        let zero = parts.filter_map(|p| p.split_once('=')).any(|(name, value)| {
            name.trim().eq_ignore_ascii_case("q") && value.trim().parse::<f32>().is_ok_and(|q| q == 0.0)
        });
        if rank > best.0 || (rank == best.0 && !zero) {
            best = (rank, !zero);
        }
    }
    best.1
}

/// The method as a label: a caller can't make new label values by inventing methods.
fn known_method(method: &hyper::Method) -> String {
    match method.as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known.to_owned(),
        _ => "other".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn a_sane_correlation_id_is_kept_and_any_other_replaced() {
        assert_eq!(correlation_id(&with(CORRELATION_ID, "req-7:a")), "req-7:a");
        for odd in ["a b", "a\"b", "", &"x".repeat(129)] {
            let made = correlation_id(&with(CORRELATION_ID, odd));
            assert!(made != odd && made.len() == 32, "{odd:?} gave {made}");
        }
        assert_ne!(correlation_id(&HeaderMap::new()), correlation_id(&HeaderMap::new()));
    }

    #[test]
    fn json_is_accepted_unless_accept_excludes_it() {
        for yes in [
            "*/*",
            "application/json",
            "text/html, */*;q=0.1",
            "application/*",
            "APPLICATION/JSON; q=0.5",
            "text/html, application/json",
            "text/json",
            "application/json, text/json;q=0",
            "text/json;q=0, application/json",
        ] {
            assert!(accepts_json(&with(ACCEPT, yes)), "{yes}");
        }
        for no in [
            "text/html",
            "text/json;q=0",
            "application/xml",
            "application/json;q=0",
            "*/*;q=0",
            "application/json;q=0, */*",
        ] {
            assert!(!accepts_json(&with(ACCEPT, no)), "{no}");
        }
        assert!(accepts_json(&HeaderMap::new()));
    }
}
