//! Reading a request's body: its content type, its size, its pace.

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::{
    HeaderMap,
    header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT},
};
use tokio::time::{Instant, timeout_at};

use crate::{error::ApiError, options::Options};

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
    let announced = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<u64>().ok());
    let too_large = announced.is_some_and(|length| length > limit);
    if too_large && headers.contains_key(EXPECT) {
        return Err(ApiError::BodyTooLarge(limit)); // the caller waits for leave to send it
    }
    let read = collect(body, limit, options).await?;
    if !read.is_empty() {
        match headers.get(CONTENT_TYPE).map(|v| v.to_str().unwrap_or_default()) {
            None if kind == Kind::Json => {}
            Some(content_type) if kind.takes(content_type) => {}
            _ => return Err(ApiError::ContentType(kind.accepted())),
        }
    }
    Ok(read)
}

/// Collects the frames. Of a body beyond the limit as much again is read and thrown away before it is refused: a connection closed under a
/// caller who is still sending loses the answer.
async fn collect(mut body: Body, limit: u64, options: &Options) -> Result<Bytes, ApiError> {
    let whole = Instant::now() + options.body_deadline;
    let mut kept = BytesMut::new();
    let mut read = 0_u64;
    loop {
        let soon = whole.min(Instant::now() + options.body_idle);
        let data = match timeout_at(soon, body.frame()).await {
            Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
            Ok(None) if read > limit => return Err(ApiError::BodyTooLarge(limit)),
            Ok(None) => return Ok(kept.freeze()),
            Ok(Some(Err(_))) | Err(_) if read > limit => return Err(ApiError::BodyTooLarge(limit)),
            Ok(Some(Err(_))) | Err(_) => return Err(ApiError::BodyBrokenOff),
        };
        read += data.len() as u64;
        if read <= limit {
            kept.extend_from_slice(&data);
        } else {
            kept = BytesMut::new();
            if read > limit.saturating_mul(2) {
                return Err(ApiError::BodyTooLarge(limit));
            }
        }
    }
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
        let waits = [(CONTENT_LENGTH, "9"), (EXPECT, "100-continue")];
        assert_eq!(reading(&waits, "123456789", Kind::Json).await, Err(413));
    }
}
