//! What goes over the wire beside pages: the request of Initiate, its answer, Status (export.md).

use std::{fmt, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};

/// What is exported; the user needs CanExecute on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The segment of this name, in any letter case.
    Segment(String),
    /// The segment group of this name.
    SegmentGroup(String),
}

impl Source {
    /// A segment.
    pub fn segment(name: impl Into<String>) -> Self {
        Source::Segment(name.into())
    }

    /// A segment group.
    pub fn group(name: impl Into<String>) -> Self {
        Source::SegmentGroup(name.into())
    }

    /// The name and the word that stands before it in the path.
    pub(crate) fn path(&self) -> [&str; 2] {
        match self {
            Source::Segment(name) => ["Segment", name],
            Source::SegmentGroup(name) => ["SegmentGroup", name],
        }
    }
}

/// `segment "Georgia newsletter"`.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Segment(name) => write!(f, "segment {name:?}"),
            Source::SegmentGroup(name) => write!(f, "segment group {name:?}"),
        }
    }
}

/// The body of Initiate (export.md, Initiate); what is `None` is not sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct InitiateRequest {
    /// Only profiles changed at or after this moment: `2026-11-24T10:00:00.000Z`. Take the former export's
    /// [`ExportStatus::snapshot`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_date_time: Option<String>,
    /// `ProfileId`, `AlternateId`, `EmailAddress` or `PhoneNumber`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub match_criteria: Option<String>,
    /// The type to match in; required for `AlternateId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub match_type: Option<String>,
    /// The values to match, at most 100,000.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// Where Status is posted when the export has ended.
    #[serde(rename = "CallbackURL", skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
}

/// The answer of Initiate.
#[derive(Deserialize)]
pub(crate) struct Initiated {
    #[serde(rename = "accesstoken")]
    pub access_token: u64,
}

/// The state of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Queued or being generated.
    Processing,
    /// Ready.
    Complete,
    /// Taken.
    Retrieved,
    /// Its life ended before it was taken.
    Expired,
    /// It could not be generated.
    Error,
    /// The user lost the permission meanwhile.
    Failed,
    /// A word that this client doesn't know.
    Other(String),
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Processing => "Processing",
            State::Complete => "Complete",
            State::Retrieved => "Retrieved",
            State::Expired => "Expired",
            State::Error => "Error",
            State::Failed => "Failed",
            State::Other(word) => word,
        })
    }
}

impl<'de> Deserialize<'de> for State {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        let known = [State::Processing, State::Complete, State::Retrieved, State::Expired, State::Error, State::Failed];
        let found = known.into_iter().find(|state| state.to_string().eq_ignore_ascii_case(&word));
        Ok(found.unwrap_or(State::Other(word)))
    }
}

/// What Status answers, with its headers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ExportStatus {
    /// Names the export.
    #[serde(rename = "accesstoken")]
    pub access_token: u64,
    /// Where it stands.
    #[serde(rename = "status")]
    pub state: State,
    /// Records; `None` until it is complete.
    #[serde(rename = "rowcount", default)]
    pub row_count: Option<u64>,
    /// Bytes of the records as JSON; `None` until it is complete.
    #[serde(rename = "bytecount", default)]
    pub byte_count: Option<u64>,
    /// The snapshot's moment (header `Sayso-Snapshot`): the next export's [`InitiateRequest::last_date_time`].
    #[serde(skip)]
    pub snapshot: Option<String>,
    /// How far it is (header `X-Progress`): `37%`.
    #[serde(skip)]
    pub progress: Option<String>,
    /// When to ask again (header `Retry-After`).
    #[serde(skip)]
    pub retry_after: Option<Duration>,
    /// How far this machine's clock was ahead of the server's (header `Date`), by which a moment of this clock is too late for that server.
    #[serde(skip)]
    pub ahead: Duration,
}

/// Reads a small answer whose names may be in any letter case, as some servers of this API write them.
pub(crate) fn read_any_case<T: DeserializeOwned>(body: &[u8]) -> Result<T, serde_json::Error> {
    let members: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(body)?;
    let members = members.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
    serde_json::from_value(serde_json::Value::Object(members))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_whatever_the_case_of_their_names() {
        let status: ExportStatus =
            read_any_case(br#"{"accessToken":4,"STATUS":"complete","rowcount":2,"ByteCount":null,"New":1}"#).unwrap();
        assert_eq!((status.access_token, status.state, status.row_count), (4, State::Complete, Some(2)));
        assert_eq!(read_any_case::<Initiated>(br#"{"accesstoken":7}"#).unwrap().access_token, 7);
    }

    #[test]
    fn initiate_sends_only_what_is_set() {
        let json = |r: &InitiateRequest| serde_json::to_string(r).unwrap();
        assert_eq!(json(&InitiateRequest::default()), "{}");
        let by_id = InitiateRequest {
            match_criteria: Some("ProfileId".to_owned()),
            values: vec!["7".to_owned()],
            callback_url: Some("https://x".to_owned()),
            ..InitiateRequest::default()
        };
        assert_eq!(json(&by_id), r#"{"MatchCriteria":"ProfileId","Values":["7"],"CallbackURL":"https://x"}"#);
    }
}
