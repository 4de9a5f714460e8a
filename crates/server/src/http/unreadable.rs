//! The answer to a request whose head can't be read. hyper gives it by itself, before any service is asked, and without a body; a caller
//! is to get the same form as of every other error (export.md, Errors). So the connection, which sees hyper's answer leave, sends this one
//! in its stead.

use bytes::Bytes;

use super::stack::ErrorBody;

/// What hyper's answers of this kind begin with.
const BEGIN: &[u8] = b"HTTP/1.1 4";

/// The answer in the stead of hyper's own, of which these are the first bytes; `None` when it is another answer.
pub(super) fn answer(of_hyper: &[u8]) -> Option<Bytes> {
    if !of_hyper.starts_with(BEGIN) {
        return None;
    }
    let line = std::str::from_utf8(of_hyper.split(|byte| *byte == b'\r').next()?).ok()?;
    let message = match line.get(9..12)? {
        "400" => "the request's head is no HTTP/1.1 (RFC 9112); accepted: a request line and at most 100 header fields",
        "414" => "the address is longer than 65534 bytes",
        "431" => "the request's head is too large; accepted: at most 100 header fields, about 400 KB as a whole",
        _ => return None,
    };
    let body = serde_json::to_string(&ErrorBody { message: message.to_owned() }).expect("a string is JSON");
    let length = body.len();
    Some(Bytes::from(format!(
        "{line}\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: {length}\r\nconnection: close\r\n\
         cache-control: no-store\r\nx-content-type-options: nosniff\r\n\r\n{body}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hypers_own_refusals_get_a_message_and_other_answers_are_left_alone() {
        let text = |status: &str| format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        for status in ["400 Bad Request", "414 URI Too Long", "431 Request Header Fields Too Large"] {
            let answer = answer(text(status).as_bytes()).unwrap();
            let answer = std::str::from_utf8(&answer).unwrap();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{head}");
            assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{head}");
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            assert!(body["Message"].is_string());
        }
        for other in [&text("200 OK")[..], &text("404 Not Found"), "HTTP/1.1 4", "", "x"] {
            assert_eq!(answer(other.as_bytes()), None, "{other:?}");
        }
    }
}
