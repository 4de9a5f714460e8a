//! The calls of bulk import (docs/import.md), one method each.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use crate::{
    About, Client, Error,
    delay::retry_after,
    in_order::{InOrder, Turn},
    send::{Answer, Call, Repeat},
    wire::read_any_case,
};

/// The body of an import's Initiate; what is `None` or false is not sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ImportRequest {
    /// A label shown to people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// For how many days the import can be read after its end, 0 to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<u8>,
    /// `Add` or `Delete`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub import_action: Option<String>,
    /// `AlternateIdType`; else records are matched by ProfileId.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub match_criteria: Option<String>,
    /// The alternate id type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub match_value: Option<String>,
    /// Alternate ids that a record doesn't have are removed.
    #[serde(skip_serializing_if = "is_false")]
    pub refresh_alternate_ids: bool,
    /// Emails, phones and addresses that a record doesn't have are removed.
    #[serde(skip_serializing_if = "is_false")]
    pub refresh_contacts: bool,
    /// Custom fields that a record doesn't have are cleared.
    #[serde(skip_serializing_if = "is_false")]
    pub refresh_custom_fields: bool,
    /// Groups that a record doesn't have are removed.
    #[serde(skip_serializing_if = "is_false")]
    pub refresh_groups: bool,
    /// Tags that a record doesn't have are removed.
    #[serde(skip_serializing_if = "is_false")]
    pub refresh_tags: bool,
    /// Preferences may be tied to older consent versions than the profile has.
    #[serde(skip_serializing_if = "is_false")]
    pub allow_prior_consents: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// What an import's Initiate answers.
#[derive(Deserialize)]
struct Begun {
    #[serde(rename = "accesstoken")]
    access_token: u64,
}

/// How far an import is. Counters that a server doesn't have are 0.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct ImportStatus {
    /// `Initiated`, `Staging`, `Queued`, `Processing`, `Completed` or `Failed`.
    pub status: String,
    /// Records staged.
    #[serde(rename = "totalrecordsreceived", default)]
    pub received: u64,
    /// Records that failed when they were staged.
    #[serde(rename = "validationfailed", default)]
    pub failed: u64,
    /// Records that execution is done with.
    #[serde(default)]
    pub processed: u64,
    /// Records that wait.
    #[serde(default)]
    pub pending: u64,
    /// Records not imported.
    #[serde(default)]
    pub exceptions: u64,
    /// Records that are in, but for a change that a rule declined.
    #[serde(rename = "nothonored", default)]
    pub not_honored: u64,
    /// Records with members that a profile doesn't have, which were passed over; [`Staged::unknown_members`] tells which.
    #[serde(default)]
    pub warnings: u64,
    /// When to ask again (header `Retry-After`).
    #[serde(skip)]
    pub retry_after: Option<Duration>,
}

impl ImportStatus {
    /// Whether it was executed to its end.
    pub fn is_completed(&self) -> bool {
        self.status.eq_ignore_ascii_case("Completed")
    }

    /// Whether it ended before.
    pub fn is_failed(&self) -> bool {
        self.status.eq_ignore_ascii_case("Failed")
    }
}

/// What a stage call answers. Servers of the documented calls alone may say nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Staged {
    /// The number of its first record; ours says so, others leave it out.
    #[serde(rename = "firstsequencenumber", default)]
    pub first: Option<u64>,
    /// Members of its records that a profile doesn't have, which were passed over; ours tells the first hundred of a call, others nothing.
    #[serde(rename = "unknownmembers", default, deserialize_with = "unknown_members")]
    pub unknown_members: Vec<UnknownMember>,
}

/// A member that a profile doesn't have: what stands in it was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownMember {
    /// The number of its record, where the server says so.
    pub sequence: Option<u64>,
    /// Where in the record: `Emails[0].Verified`.
    pub path: String,
    /// What of it.
    pub message: String,
}

/// A record that was not imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportException {
    /// Its number, from 1, in the order of staging.
    pub sequence: u64,
    /// Path and message of each reason.
    pub reasons: Vec<(String, String)>,
    /// The record as it was staged.
    pub profile: Value,
}

/// A page of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExceptionsPage {
    /// In the order of their numbers.
    pub exceptions: Vec<ImportException>,
    /// Whether others follow.
    pub has_more: bool,
}

impl Client {
    /// Starts an import; gives its access token. One whose answer is lost ends by itself: nothing is changed before it is executed.
    ///
    /// # Errors
    /// [`Error::Refused`] 403 without the permission Imports, 400 or 404 for options that can't be taken.
    pub async fn begin_import(&self, request: &ImportRequest) -> Result<u64, Error> {
        let what = "starting the import".to_owned();
        let body = serde_json::to_vec(request).map_err(|cause| Error::Answer { what: what.clone(), cause })?;
        let call = Call { body: Some(body.into()), ..self.of_import(what, Method::POST, &[])? };
        let begun: Begun = self.read(&call).await?.0;
        Ok(begun.access_token)
    }

    /// Stages the records of `body`, `{"UserProfiles": […]}`. A server that recognises repetitions ([`Client::recognises_repeats`]) takes
    /// the same key once; else a call whose answer is lost isn't sent again, and [`ImportStatus::received`] tells what became of it.
    ///
    /// # Errors
    /// [`Error::Refused`] 401 for a token that is unknown or over, 409 when the import was executed, 413 for too large a body.
    pub async fn stage(&self, token: u64, body: Bytes, key: &str) -> Result<Staged, Error> {
        let call = Call { body: Some(body), idempotency_key: Some(key), ..self.of_stage(token)? };
        Ok(staged(&self.inner().answer(&call).await?))
    }

    /// For several stage calls at once whose records keep their order.
    pub fn stage_in_order(&self, token: u64) -> InOrder {
        InOrder::new(self.clone(), token)
    }

    /// Stages once, the end when the turn comes; `None` when the turn came and this call hadn't succeeded.
    pub(crate) async fn stage_in_turn(&self, token: u64, body: Bytes, key: &str, turn: &Turn) -> Option<Staged> {
        let call = Call { body: Some(body), idempotency_key: Some(key), ..self.of_stage(token).ok()? };
        let answer = self.inner().attempt(&call, Some(turn)).await;
        turn.come().await;
        answer.ok().as_ref().map(staged)
    }

    fn of_stage(&self, token: u64) -> Result<Call<'static>, Error> {
        let what = format!("staging records for import {token}");
        let call = self.of_import(what, Method::POST, &[&token.to_string()])?;
        Ok(Call { repeat: Repeat::WithKey, ..call })
    }

    /// Whether the server has said that it recognises a repeated call by its `Idempotency-Key`.
    pub fn recognises_repeats(&self) -> bool {
        self.inner().offers.recognises_repeats()
    }

    /// Executes what was staged; may be repeated.
    ///
    /// # Errors
    /// [`Error::Refused`] 401 for a token that is unknown or over.
    pub async fn execute_import(&self, token: u64) -> Result<(), Error> {
        let call =
            self.of_import(format!("executing import {token}"), Method::POST, &[&token.to_string(), "Execute"])?;
        self.inner().answer(&call).await.map(drop)
    }

    /// How far an import is.
    ///
    /// # Errors
    /// [`Error::Refused`] 401 for a token that is unknown or over.
    pub async fn import_status(&self, token: u64) -> Result<ImportStatus, Error> {
        let what = format!("asking for the status of import {token}");
        let call = self.of_import(what, Method::GET, &[&token.to_string(), "Status"])?;
        let (mut status, after): (ImportStatus, _) = self.read(&call).await?;
        status.retry_after = after;
        Ok(status)
    }

    /// A page of at most `limit` records that aren't in, from the one at `offset` (from 1) on.
    ///
    /// # Errors
    /// [`Error::Refused`] 401 for a token that is unknown or over.
    pub async fn import_exceptions(&self, token: u64, limit: u64, offset: u64) -> Result<ExceptionsPage, Error> {
        let what = format!("reading the exceptions of import {token} from number {offset}");
        let mut call = self.of_import(what, Method::GET, &[&token.to_string(), "Exceptions"])?;
        call.url.query_pairs_mut().append_pair("limit", &limit.to_string()).append_pair("offset", &offset.to_string());
        let (page, _): (serde_json::Map<String, Value>, _) = self.read(&call).await?;
        let has_more = page.get("hasmore").and_then(Value::as_bool).unwrap_or(false);
        // The documents don't name the list: it is the one that is there.
        let list =
            page.into_iter().find_map(|(_, value)| if let Value::Array(list) = value { Some(list) } else { None });
        Ok(ExceptionsPage { exceptions: list.unwrap_or_default().into_iter().map(exception).collect(), has_more })
    }

    fn of_import(&self, what: String, method: Method, parts: &[&str]) -> Result<Call<'static>, Error> {
        let url: Url = self.inner().account_url("Import", parts)?;
        Ok(Call { what, about: About::Import, method, url, body: None, idempotency_key: None, repeat: Repeat::Always })
    }

    async fn read<T: serde::de::DeserializeOwned>(&self, call: &Call<'_>) -> Result<(T, Option<Duration>), Error> {
        let answer = self.inner().answer(call).await?;
        let read = read_any_case(&answer.body).map_err(|cause| Error::Answer { what: call.what.clone(), cause })?;
        Ok((read, retry_after(&answer.headers)))
    }
}

/// What a stage call was answered. What is staged is staged, whatever is said of it.
fn staged(answer: &Answer) -> Staged {
    read_any_case(&answer.body).unwrap_or_default()
}

/// The members that a stage call passed over, whatever the letter case of their names. A list that looks otherwise must not hide the
/// number of the first record.
fn unknown_members<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<UnknownMember>, D::Error> {
    let list = match Value::deserialize(deserializer)? {
        Value::Array(list) => list,
        _ => Vec::new(),
    };
    let member = |value: &Value| {
        let sequence = named(value, "SequenceNumber").and_then(Value::as_u64);
        let (path, message) = reason(value);
        UnknownMember { sequence, path, message }
    };
    Ok(list.iter().map(member).collect())
}

/// One of a page, whatever the letter case of its names.
fn exception(value: Value) -> ImportException {
    let Value::Object(members) = value else {
        return ImportException { sequence: 0, reasons: Vec::new(), profile: value };
    };
    let (mut sequence, mut reasons, mut profile) = (0, Vec::new(), Value::Null);
    for (name, value) in members {
        match (name.to_ascii_lowercase().as_str(), value) {
            ("sequencenumber", value) => sequence = value.as_u64().unwrap_or_default(),
            ("exceptions", Value::Array(list)) => reasons = list.iter().map(reason).collect(),
            (_, value @ Value::Object(_)) => profile = value,
            _ => {}
        }
    }
    ImportException { sequence, reasons, profile }
}

fn reason(value: &Value) -> (String, String) {
    let text = |name: &str| named(value, name).and_then(Value::as_str).unwrap_or_default().to_owned();
    (text("Path"), text("Message"))
}

/// The member of this name, in any letter case.
fn named<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    let mut members = value.as_object().into_iter().flatten();
    members.find(|(of, _)| of.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_sends_only_what_is_set() {
        let json = |request: &ImportRequest| serde_json::to_string(request).unwrap();
        assert_eq!(json(&ImportRequest::default()), "{}");
        let by_id = ImportRequest {
            match_criteria: Some("AlternateIdType".into()),
            refresh_tags: true,
            ..ImportRequest::default()
        };
        assert_eq!(json(&by_id), r#"{"MatchCriteria":"AlternateIdType","RefreshTags":true}"#);
    }

    #[test]
    fn exceptions_are_read_whatever_the_case_of_their_names() {
        let read = exception(json!({
            "sequenceNumber": 7, "exceptions": [{"path": "Emails[0]", "MESSAGE": "is wrong"}], "Profile": {"IsActive": 1},
        }));
        let expected = ImportException {
            sequence: 7,
            reasons: vec![("Emails[0]".into(), "is wrong".into())],
            profile: json!({"IsActive": 1}),
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn a_status_without_our_counters_is_read() {
        let status: ImportStatus = read_any_case(br#"{"Status": "completed", "TotalRecordsReceived": 3}"#).unwrap();
        assert!(status.is_completed() && !status.is_failed() && status.received == 3);
        assert_eq!(status.warnings, 0);
        let status: ImportStatus = read_any_case(br#"{"Status": "Completed", "Warnings": 2}"#).unwrap();
        assert_eq!(status.warnings, 2);
    }

    #[test]
    fn a_stage_call_tells_what_was_passed_over_where_the_server_does() {
        let read = |json: &[u8]| read_any_case::<Staged>(json).unwrap();
        let path =
            |staged: &Staged| staged.unknown_members.iter().map(|u| (u.sequence, u.path.clone())).collect::<Vec<_>>();
        let ours = read(
            br#"{"firstSequenceNumber": 7, "UNKNOWNMEMBERS": [{"sequencenumber": 8, "Path": "Emails[0].Mail", "message": "was passed over"}]}"#,
        );
        assert_eq!((ours.first, path(&ours)), (Some(7), vec![(Some(8), "Emails[0].Mail".to_owned())]));
        assert_eq!(ours.unknown_members[0].message, "was passed over");
        assert_eq!(read(br#"{"Status": "Staging"}"#), Staged::default());
        for other in [r#"{"Path": "Shoe"}"#, "null", "3"] {
            let other = read(format!(r#"{{"FirstSequenceNumber": 7, "UnknownMembers": {other}}}"#).as_bytes());
            assert_eq!((other.first, path(&other)), (Some(7), vec![]), "what isn't understood hides nothing else");
        }
        let unnumbered = read(br#"{"UnknownMembers": [{"Path": "Shoe"}]}"#);
        assert_eq!(path(&unnumbered), [(None, "Shoe".to_owned())]);
    }
}
