//! The HTTP face of Sayso: routes, access, errors, OpenAPI. Thin: parse, call, answer.
//!
//! ```text
//! TcpListener ─► http::listen (accept, graceful end) ─► http::serving (one task per connection; TLS)
//!            ─► http::stack   (correlation id, span, checks, panics, errors' bodies, counts)
//!            ─► router        (all routes)
//!            ─► access        (who calls: 401, 404; may they: 403) ─► a handler: one call of the store or the engine ─► its answer
//! ```
//!
//! HTTP/1.1 only: the last block of an export ends its token when the connection has flushed it (export.md, Retrieve), and that is a moment only
//! where answers leave a connection one after the other. The module `http::connection` knows it.

mod access;
mod audit;
mod config;
mod docs;
mod error;
mod export;
mod health;
mod http;
mod import;
mod oauth;
mod openapi;
mod options;
mod profile;
pub mod reading;
mod router;

pub use access::{import_permission_check, permission_check};
pub use http::listen::{ServerError, bind, serve};
pub use http::tls::{Tls, TlsError};
pub use oauth::issuer::PublicUrl;
pub use options::Options;

/// The OpenAPI document of this build; served at `/openapi.json`.
pub fn openapi() -> serde_json::Value {
    router::document()
}

/// Installs the process's recorder of metrics, unless it is there; call it before the store is opened, so that nothing goes uncounted.
pub fn record_metrics() {
    health::recorder();
}
