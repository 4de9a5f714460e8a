//! The answer to a request whose head can't be read. hyper gives it by itself, before any service is asked, and without a body; a caller
//! is to get the same form as of every other error (export.md, Errors). So the connection, which sees hyper's answer leave, sends this one
//! in its stead.

use std::{borrow::Cow, net::SocketAddr};

use bytes::Bytes;

use super::{
    serving::LONGEST_HEAD,
    stack::{CORRELATION_ID, ErrorBody, new_correlation_id},
};

/// What hyper's answers of this kind begin with.
const BEGIN: &[u8] = b"HTTP/1.1 4";

/// What hyper refuses.
pub(super) struct Refused<'a> {
    /// The status line of its answer.
    line: &'a str,
    status: &'a str,
    message: Cow<'static, str>,
}

impl<'a> Refused<'a> {
    /// What an answer of hyper's own refuses, of which these are the first bytes; `None` when it is another answer.
    pub(super) fn of(of_hyper: &'a [u8]) -> Option<Self> {
        if !of_hyper.starts_with(BEGIN) {
            return None;
        }
        let line = std::str::from_utf8(of_hyper.split(|byte| *byte == b'\r').next()?).ok()?;
        let status = line.get(9..12)?;
        let message = match status {
            "400" => {
                "the request's head is no HTTP/1.1 (RFC 9112); accepted: a request line and at most 100 header fields"
                    .into()
            }
            "414" => "the address is longer than 65534 bytes".into(),
            "431" => {
                let longest = LONGEST_HEAD >> 10;
                format!(
                    "the request's head is too large; accepted: at most 100 header fields, {longest} KiB as a whole"
                )
                .into()
            }
            _ => return None,
        };
        Some(Self { line, status, message })
    }

    /// The answer in the stead of hyper's, under an id by which the log tells of it, too: whatever the caller sent as one can't be read.
    pub(super) fn answer(self, peer: SocketAddr) -> Bytes {
        let Self { line, status, message } = self;
        let correlation_id = new_correlation_id();
        tracing::debug!(%peer, correlation_id, status, error = &*message, "a request's head could not be read");
        let body = serde_json::to_string(&ErrorBody { message: message.into_owned() }).expect("a string is JSON");
        let length = body.len();
        Bytes::from(format!(
            "{line}\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: {length}\r\n\
             connection: close\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\n\
             {CORRELATION_ID}: {correlation_id}\r\n\r\n{body}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(of_hyper: &str) -> Option<String> {
        let answer = Refused::of(of_hyper.as_bytes())?.answer(([192, 0, 2, 7], 443).into());
        Some(String::from_utf8(answer.to_vec()).unwrap())
    }

    #[test]
    fn hypers_own_refusals_get_a_message_and_other_answers_are_left_alone() {
        let text = |status: &str| format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        for status in ["400 Bad Request", "414 URI Too Long", "431 Request Header Fields Too Large"] {
            let answer = answer(&text(status)).unwrap();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{head}");
            assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{head}");
            assert!(head.contains("\r\nx-correlation-id: "), "{head}");
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            assert!(body["Message"].is_string());
        }
        for other in [&text("200 OK")[..], &text("404 Not Found"), "HTTP/1.1 4", "", "x"] {
            assert_eq!(answer(other), None, "{other:?}");
        }
    }
}
