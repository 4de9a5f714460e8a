//! Reading a request's body: its content type and encoding, its size, its pace.

use axum::body::Body;
use bytes::{Buf, Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::{
    HeaderMap,
    header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE},
};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

use crate::{error::ApiError, options::Options};

/// Some programs begin JSON with it; RFC 8259, 8.1, lets a reader ignore it.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What a body may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// JSON: `application/json`, `text/json`, anything `+json`, or no content type at all.
    Json,
    /// The form of `/oauth/token`.
    Form,
}

impl Kind {
    const fn accepted(self) -> &'static str {
        match self {
            Kind::Json => "application/json, text/json, */*+json",
            Kind::Form => "application/x-www-form-urlencoded",
        }
    }

    fn takes(self, content_type: &str) -> bool {
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match self {
            Kind::Json => matches!(essence.as_str(), "application/json" | "text/json") || essence.ends_with("+json"),
            Kind::Form => essence == "application/x-www-form-urlencoded",
        }
    }
}

/// Reads a whole body of at most `limit` bytes; an empty one needs no content type.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: Body,
    kind: Kind,
    limit: u64,
    options: &Options,
) -> Result<Bytes, ApiError> {
    let mut pieces = Pieces::new(headers, body, kind, limit, options)?;
    let mut read = BytesMut::new();
    while let Some(piece) = pieces.next().await? {
        read.extend_from_slice(&piece);
    }
    let mut read = read.freeze();
    if kind == Kind::Json && read.starts_with(BYTE_ORDER_MARK) {
        read.advance(BYTE_ORDER_MARK.len());
    }
    Ok(read)
}

/// Bytes of a piece, about.
const PIECE: usize = 256 << 10;

/// A body as it arrives, for whoever needn't hold all of it.
pub(crate) struct Pieces {
    body: Body,
    limit: u64,
    read: u64,
    idle: Duration,
    deadline: Instant,
    /// What a body of this form is refused for, if there is one.
    unfit: Option<ApiError>,
    is_over: bool,
}

impl Pieces {
    /// For a body of at most `limit` bytes; an empty one needs no content type.
    pub(crate) fn new(
        headers: &HeaderMap,
        body: Body,
        kind: Kind,
        limit: u64,
        options: &Options,
    ) -> Result<Self, ApiError> {
        let announced = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<u64>().ok());
        if announced.is_some_and(|length| length > limit) {
            return Err(ApiError::BodyTooLarge(limit));
        }
        let is_right = match headers.get(CONTENT_TYPE).map(|v| v.to_str().unwrap_or_default()) {
            None => kind == Kind::Json,
            Some(content_type) => kind.takes(content_type),
        };
        let wrong_type = (!is_right).then(|| ApiError::ContentType(kind.accepted()));
        let unfit = wrong_type.or_else(|| encoding(headers).map(ApiError::ContentEncoding));
        let (idle, deadline) = (options.body_idle, Instant::now() + options.body_deadline);
        Ok(Self { body, limit, read: 0, idle, deadline, unfit, is_over: false })
    }

    /// The next piece, of about 256 KiB unless it is the last; `None` behind it.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        let mut piece = BytesMut::new();
        while !self.is_over && piece.len() < PIECE {
            let soon = self.deadline.min(Instant::now() + self.idle);
            let data = match timeout_at(soon, self.body.frame()).await {
                Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
                Ok(None) => {
                    self.is_over = true;
                    break;
                }
                Ok(Some(Err(_))) | Err(_) => return Err(ApiError::BodyBrokenOff),
            };
            self.read += data.len() as u64;
            if self.read > self.limit {
                return Err(ApiError::BodyTooLarge(self.limit));
            }
            piece.extend_from_slice(&data);
        }
        match self.unfit.take() {
            Some(error) if !piece.is_empty() => Err(error),
            _ => Ok((!piece.is_empty()).then(|| piece.freeze())),
        }
    }
}

/// How the body is compressed, if it is.
fn encoding(headers: &HeaderMap) -> Option<String> {
    let all = headers.get_all(CONTENT_ENCODING).iter().map(|v| String::from_utf8_lossy(v.as_bytes()));
    let all = all.collect::<Vec<_>>().join(", ");
    let is_plain = all.split(',').map(str::trim).all(|e| e.is_empty() || e.eq_ignore_ascii_case("identity"));
    (!is_plain).then_some(all)
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;

    async fn reading(headers: &[(HeaderName, &str)], body: &'static str, kind: Kind) -> Result<Bytes, u16> {
        let headers = headers.iter().map(|(n, v)| (n.clone(), HeaderValue::from_str(v).unwrap())).collect();
        read(&headers, Body::from(body), kind, 8, &Options::default()).await.map_err(|e| e.status().as_u16())
    }

    #[tokio::test]
    async fn content_types_that_are_json_are_taken_and_others_refused() {
        for good in ["application/json", "text/json; charset=utf-8", "Application/JSON", "application/ld+json"] {
            assert_eq!(reading(&[(CONTENT_TYPE, good)], "{}", Kind::Json).await, Ok("{}".into()), "{good}");
        }
        for bad in ["text/plain", "application/xml", "application/x-www-form-urlencoded", ""] {
            assert_eq!(reading(&[(CONTENT_TYPE, bad)], "{}", Kind::Json).await, Err(415), "{bad}");
        }
        assert_eq!(reading(&[], "{}", Kind::Json).await, Ok("{}".into()));
        assert_eq!(reading(&[(CONTENT_TYPE, "text/plain")], "", Kind::Json).await, Ok("".into()));
    }

    #[tokio::test]
    async fn a_body_that_is_compressed_is_refused_as_such() {
        for bad in ["gzip", "GZIP", "br", "identity, gzip"] {
            assert_eq!(reading(&[(CONTENT_ENCODING, bad)], "{}", Kind::Json).await, Err(415), "{bad}");
        }
        assert_eq!(reading(&[(CONTENT_ENCODING, "Identity")], "{}", Kind::Json).await, Ok("{}".into()));
        assert_eq!(
            reading(&[(CONTENT_ENCODING, "gzip")], "", Kind::Json).await,
            Ok("".into()),
            "nothing is compressed"
        );
    }

    #[tokio::test]
    async fn a_form_is_taken_as_a_form_only() {
        let form = "application/x-www-form-urlencoded;charset=UTF-8";
        assert_eq!(reading(&[(CONTENT_TYPE, form)], "a=b", Kind::Form).await, Ok("a=b".into()));
        assert_eq!(reading(&[(CONTENT_TYPE, "application/json")], "{}", Kind::Form).await, Err(415));
        assert_eq!(reading(&[], "a=b", Kind::Form).await, Err(415));
    }

    #[tokio::test]
    async fn a_body_may_have_the_largest_size_and_not_one_byte_more() {
        assert_eq!(reading(&[], "12345678", Kind::Json).await, Ok("12345678".into()));
        assert_eq!(reading(&[], "123456789", Kind::Json).await, Err(413));
        assert_eq!(reading(&[(CONTENT_LENGTH, "9")], "", Kind::Json).await, Err(413));
    }

    #[tokio::test]
    async fn a_byte_order_mark_before_json_is_ignored() {
        assert_eq!(reading(&[], "\u{feff}{}", Kind::Json).await, Ok("{}".into()));
    }
}
