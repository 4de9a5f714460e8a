//! The query of Retrieve (export.md): limit, offset and keepAlive, in any letter case and order, unknown ones ignored.

use sayso_server::reading::page;

/// A query. It is read as the web's own reader of forms and a plain rule for each of the three say.
pub fn check(data: &[u8]) {
    let Ok(query) = std::str::from_utf8(data) else { return };
    let read = page(query);
    let well_formed = escapes_are_whole(data);
    let pairs: Vec<_> = url::form_urlencoded::parse(data).collect();
    let first = |name: &str| pairs.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_ref());
    let number = |name: &str, default: u64| match first(name) {
        None => Some(default),
        Some(value) if !value.is_empty() && value.chars().all(|c| c.is_ascii_digit()) => {
            value.parse::<i64>().ok().filter(|n| *n > 0).map(|n| n as u64)
        }
        Some(_) => None,
    };
    let keep_alive = match first("keepAlive").map(str::to_ascii_lowercase).as_deref() {
        None | Some("false") => Some(false),
        Some("true") => Some(true),
        Some(_) => None,
    };
    let expected = match (number("limit", 1000), number("offset", 1), keep_alive) {
        (Some(limit), Some(offset), Some(keep_alive)) if well_formed => Some((limit, offset, keep_alive)),
        _ => None,
    };
    match read {
        Ok(asked) => assert_eq!(Some((asked.limit.get(), asked.offset.get(), asked.keep_alive)), expected),
        Err(refusal) => {
            assert_eq!((refusal.status, expected), (400, None), "{}", refusal.message);
            assert!(refusal.message.len() < 1000 && refusal.message.contains(accepted(well_formed)));
        }
    }
}

fn accepted(well_formed: bool) -> &'static str {
    if well_formed { "accepted: " } else { "must" }
}

/// Whether every `%` begins an escape, and the bytes they stand for are UTF-8.
fn escapes_are_whole(data: &[u8]) -> bool {
    let hex = |b: &u8| (*b as char).to_digit(16).map(|d| d as u8);
    let mut bytes = Vec::new();
    let mut rest = data;
    loop {
        match rest {
            [] => return String::from_utf8(bytes).is_ok(),
            [b'%', high, low, after @ ..] => {
                let (Some(high), Some(low)) = (hex(high), hex(low)) else { return false };
                bytes.push(high * 16 + low);
                rest = after;
            }
            [b'%', ..] => return false,
            [byte, after @ ..] => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
}
