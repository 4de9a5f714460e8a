//! What goes over the wire: the request of Initiate, Status, a page (export.md).

use std::{fmt, time::Duration};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

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
    #[serde(rename = "AccessToken")]
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
        Ok(match word.as_str() {
            "Processing" => State::Processing,
            "Complete" => State::Complete,
            "Retrieved" => State::Retrieved,
            "Expired" => State::Expired,
            "Error" => State::Error,
            "Failed" => State::Failed,
            _ => State::Other(word),
        })
    }
}

/// What Status answers, with its headers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ExportStatus {
    /// Names the export.
    pub access_token: u64,
    /// Where it stands.
    #[serde(rename = "Status")]
    pub state: State,
    /// Records; `None` until it is complete.
    #[serde(default)]
    pub row_count: Option<u64>,
    /// Bytes of the records as JSON; `None` until it is complete.
    #[serde(default)]
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
}

/// One page of an export; the records as the server wrote them.
#[derive(Debug, Default)]
pub struct Page {
    /// Records in this page.
    pub count: u64,
    /// Whether records follow; the page with `false` is the last block.
    pub has_more: bool,
    /// The limit in force.
    pub limit: u64,
    /// The 1-based number of the first record.
    pub offset: u64,
    /// Records in the whole export.
    pub total_results: u64,
    /// The records, as JSON text.
    pub records: Vec<Box<RawValue>>,
}

impl<'de> Deserialize<'de> for Page {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Page;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a page of an export")
            }

            // Names without regard to case: some servers of this API write `hasmore`.
            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Page, A::Error> {
                let mut page = Page::default();
                let mut seen_has_more = false;
                while let Some(mut name) = members.next_key::<String>()? {
                    name.make_ascii_lowercase();
                    match name.as_str() {
                        "count" => page.count = members.next_value()?,
                        "hasmore" => {
                            page.has_more = members.next_value()?;
                            seen_has_more = true;
                        }
                        "limit" => page.limit = members.next_value()?,
                        "offset" => page.offset = members.next_value()?,
                        "totalresults" => page.total_results = members.next_value()?,
                        "userprofilepreferences" => page.records = members.next_value()?,
                        _ => {
                            members.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                // A reader that took a missing HasMore for "no more" would lose the rest without a word.
                if seen_has_more { Ok(page) } else { Err(serde::de::Error::missing_field("HasMore")) }
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_whatever_the_case_of_its_names() {
        let text = r#"{"Count":2,"hasmore":true,"Limit":2,"offset":3,"TotalResults":9,"New":{"x":[1]},
                       "UserProfilePreferences":[{"ProfileId":3, "x":1.10},{"ProfileId":4}]}"#;
        let page: Page = serde_json::from_str(text).unwrap();
        assert_eq!((page.count, page.has_more, page.limit, page.offset, page.total_results), (2, true, 2, 3, 9));
        assert_eq!(page.records[0].get(), r#"{"ProfileId":3, "x":1.10}"#, "records are kept byte for byte");
    }

    #[test]
    fn a_page_that_does_not_say_whether_more_follows_is_an_error() {
        let error = serde_json::from_str::<Page>(r#"{"Count":0,"UserProfilePreferences":[]}"#).unwrap_err();
        assert!(error.to_string().contains("HasMore"), "{error}");
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
