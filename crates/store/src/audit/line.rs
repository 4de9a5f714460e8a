//! A record as it is kept, given out and hashed: one line of JSON, the same bytes everywhere. `Hash` is its last member, and is the SHA-256
//! of the line without it, so that anybody can verify a trail with what every machine has:
//!
//! ```text
//! {"Sequence":7,…,"PreviousHash":"…","Hash":"…"}
//! {"Sequence":7,…,"PreviousHash":"…"}              ◄ hashed
//! ```

use std::net::IpAddr;

use sayso_model::{id::AccessToken, moment::Moment};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Entry, Head};
use crate::StoreError;

/// The hash of a record; that before the first is all zeros.
pub(crate) type Hash = [u8; 32];

/// What stands before and behind the hash at the end of a line.
const BEFORE: &[u8] = b",\"Hash\":\"";
const BEHIND: &[u8] = b"\"}";
const HEX: usize = 64;

/// A clock that is so far behind the last record is told beside the moment: it was set back, or the record waited.
const NOTICED_MS: i64 = 1_000;

/// A record without its hash. The order of the members is that of the line.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Record<'a> {
    sequence: u64,
    moment: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    clock: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    credential: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sudo_user: Option<&'a str>,
    #[serde(rename = "OAuthClientId", skip_serializing_if = "Option::is_none")]
    oauth_client_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<AccessToken>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<&'a str>,
    previous_hash: String,
}

/// The line of the record that follows `previous` in the trail of `account`, and the head that the trail has with it.
pub(crate) fn write(
    account: Option<&str>,
    previous: &Head,
    entry: &Entry,
    now: Moment,
) -> Result<(Vec<u8>, Head), StoreError> {
    let Entry { action, origin, status, subject, export, rows, bytes, count, detail } = entry;
    let (credential, oauth_client_id) = origin.credential.words();
    let sequence = previous.sequence + 1;
    // Never before the record that it follows: a time range is found by halving the trail.
    let moment = now.max(previous.moment);
    let record = Record {
        sequence,
        moment,
        clock: (moment.0.saturating_sub(now.0) >= NOTICED_MS).then_some(now),
        client_id: account,
        action: action.word(),
        user_id: origin.user_id.as_deref(),
        credential,
        system_user: origin.operator.map(|operator| operator.name.as_str()),
        sudo_user: origin.operator.and_then(|operator| operator.sudo.as_deref()),
        oauth_client_id,
        peer: origin.peer,
        method: origin.call.as_ref().map(|call| call.method.as_str()),
        route: origin.call.as_ref().map(|call| call.route.as_str()),
        status: *status,
        subject: subject.as_deref(),
        access_token: *export,
        rows: *rows,
        bytes: *bytes,
        count: *count,
        detail: detail.as_deref(),
        correlation_id: origin.correlation_id.as_deref(),
        previous_hash: hex(&previous.hash),
    };
    let mut line = serde_json::to_vec(&record)
        .map_err(|e| StoreError::Engine(format!("an audit record can't be written: {e}")))?;
    let hash: Hash = Sha256::digest(&line).into();
    // The brace that ends the record.
    line.pop();
    line.extend_from_slice(BEFORE);
    line.extend_from_slice(hex(&hash).as_bytes());
    line.extend_from_slice(BEHIND);
    Ok((line, Head { sequence, moment, hash }))
}

/// What chains a record to the others.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Links {
    pub sequence: u64,
    pub moment: Moment,
    pub client_id: Option<String>,
    #[serde(default)]
    pub action: String,
    pub subject: Option<String>,
    pub previous_hash: String,
    /// That of the line, which is known to be right.
    #[serde(skip)]
    pub hash: Hash,
}

impl Links {
    /// Reads a line whose hash is right; otherwise says what is wrong with it. Strict to the byte: there is one way to write a hash.
    pub(crate) fn of(line: &[u8]) -> Result<Self, String> {
        let (mut record, hash) = split(line).ok_or("it doesn't end with a hash as a record does")?;
        record.push(b'}');
        let found: Hash = Sha256::digest(&record).into();
        if hex(&found).as_bytes() != hash {
            return Err("it doesn't have its hash: it was changed".to_owned());
        }
        let links: Self = serde_json::from_slice(&record).map_err(|e| format!("it can't be read: {e}"))?;
        Ok(Self { hash: found, ..links })
    }

    /// What a line says of itself, whether or not that is true: where the next one may be expected.
    pub(crate) fn claimed(line: &[u8]) -> Option<Self> {
        let (mut record, hash) = split(line)?;
        record.push(b'}');
        let links: Self = serde_json::from_slice(&record).ok()?;
        Some(Self { hash: unhex(std::str::from_utf8(hash).ok()?)?, ..links })
    }
}

/// The record without its last brace, and the hash.
fn split(line: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let rest = line.strip_suffix(BEHIND)?;
    let (rest, hash) = rest.split_at_checked(rest.len().checked_sub(HEX)?)?;
    Some((rest.strip_suffix(BEFORE)?.to_vec(), hash))
}

/// As two small letters for each byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    bytes.iter().flat_map(|b| [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]]).collect()
}

/// The way back; `None` for anything that [`hex`] doesn't write.
pub(crate) fn unhex(text: &str) -> Option<Hash> {
    let digit = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    let mut hash = [0; 32];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != hash.len() || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in hash.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(hash)
}
