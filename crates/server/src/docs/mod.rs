//! `GET /docs`: the reference of the API for people, drawn by Swagger UI from `/openapi.json`. Everything that the page needs is part of the
//! program, and its Content-Security-Policy lets it load from this server alone: it works where nothing else is reached, and
//! tells nobody that it was read. Where the files come from says README.md beside this file.

use std::io::Read;

use axum::{
    Router,
    extract::Path,
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use hyper::{
    HeaderMap,
    header::{
        CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, VARY,
    },
};

use crate::{
    access::App,
    error::ApiError,
    http::{
        answer::{has_already, not_modified, own_header},
        encoding::takes_gzip,
    },
};

/// Scripts, styles and the description from this server; small pictures stand in the styles themselves.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// A file of the page.
struct File {
    name: &'static str,
    content_type: &'static str,
    /// Packed with gzip if the name of the embedded file says so.
    bytes: &'static [u8],
    packed: bool,
}

const PAGE: File = File {
    name: "index.html",
    content_type: "text/html; charset=utf-8",
    bytes: include_bytes!("index.html"),
    packed: false,
};

const FILES: [File; 3] = [
    File {
        name: "start.js",
        content_type: "text/javascript; charset=utf-8",
        bytes: include_bytes!("start.js"),
        packed: false,
    },
    File {
        name: "swagger-ui-bundle.js",
        content_type: "text/javascript; charset=utf-8",
        bytes: include_bytes!("swagger-ui-bundle.js.gz"),
        packed: true,
    },
    File {
        name: "swagger-ui.css",
        content_type: "text/css; charset=utf-8",
        bytes: include_bytes!("swagger-ui.css.gz"),
        packed: true,
    },
];

/// Where the page is.
pub(crate) const PATH: &str = "/docs";

/// The page and its files.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route(PATH, get(async |headers: HeaderMap| PAGE.answer(&headers)))
        // the page names its files relative to its own address
        .route("/docs/", get(async || Redirect::permanent("../docs")))
        .route("/docs/{file}", get(file))
}

async fn file(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, ApiError> {
    let file = FILES.iter().find(|file| file.name == name).ok_or(ApiError::NoRoute)?;
    Ok(file.answer(&headers))
}

impl File {
    fn answer(&self, headers: &HeaderMap) -> Response {
        let as_packed = self.packed && takes_gzip(headers);
        // a program of another version may have another file of this name
        let etag =
            format!("\"{}-{}{}\"", env!("CARGO_PKG_VERSION"), self.bytes.len(), if as_packed { "-gzip" } else { "" });
        let common: [(HeaderName, HeaderValue); 3] = [
            (CONTENT_SECURITY_POLICY, POLICY),
            (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
            (VARY, HeaderValue::from_static("Accept-Encoding")),
        ];
        if has_already(headers, &etag) {
            return (common, not_modified(own_header(&etag))).into_response();
        }
        let content = [(CONTENT_TYPE, HeaderValue::from_static(self.content_type)), (ETAG, own_header(&etag))];
        let encoding = as_packed.then_some([(CONTENT_ENCODING, HeaderValue::from_static("gzip"))]);
        let body = if self.packed && !as_packed { self.unpacked() } else { self.bytes.to_vec() };
        let mut answer = (common, content, body).into_response();
        answer.headers_mut().extend(encoding.into_iter().flatten());
        answer
    }

    fn unpacked(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let read = flate2::read::GzDecoder::new(self.bytes).read_to_end(&mut bytes);
        read.expect("a test unpacks every file that is built in");
        bytes
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn the_renderers_files_are_those_that_the_readme_names() {
        let readme = include_str!("README.md");
        for file in FILES.iter().filter(|file| file.packed) {
            let digest: String = Sha256::digest(file.unpacked()).iter().map(|b| format!("{b:02x}")).collect();
            assert!(readme.contains(&format!("{digest}  {}", file.name)), "{digest}  {}", file.name);
        }
    }
}
