//! Bulk imports (docs/import.md), each rule by its name.

mod calls;
mod changes;
mod command;
mod crash;
mod documented;
mod matching;
mod one_by_one;
mod permissions;

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::*;

impl Api {
    pub fn imports_path(&self, rest: &str) -> String {
        format!("/Profiles/v4/Async/{}/Import{rest}", self.account)
    }
    /// Starts an import and gives its token.
    pub async fn begin_import(&self, options: Value) -> u64 {
        token_of(&self.post(&self.imports_path(""), &options).await)
    }
    pub async fn stage(&self, token: u64, records: &Value) -> Answer {
        self.post(&self.imports_path(&format!("/{token}")), &json!({ "UserProfiles": records })).await
    }
    pub async fn execute(&self, token: u64) -> Answer {
        read(self.call("POST", &self.imports_path(&format!("/{token}/Execute")))).await
    }
    pub async fn import_status(&self, token: u64) -> Answer {
        self.get(&self.imports_path(&format!("/{token}/Status"))).await
    }
    pub async fn exceptions(&self, token: u64, query: &str) -> Answer {
        self.get(&self.imports_path(&format!("/{token}/Exceptions?{query}"))).await
    }
    /// Waits for the end of an import that was executed; its Status.
    pub async fn import_ended(&self, token: u64) -> Value {
        let mut tick = tokio::time::interval(Duration::from_millis(10));
        for _ in 0..12_000 {
            let status = self.import_status(token).await.is(200).json();
            if ["Completed", "Failed"].contains(&status["Status"].as_str().unwrap()) {
                return status;
            }
            tick.tick().await;
        }
        panic!("the import doesn't end");
    }
    /// Stages records in one call, executes them and waits: the token and the Status.
    pub async fn import(&self, options: Value, records: Value) -> (u64, Value) {
        let token = self.begin_import(options).await;
        self.stage(token, &records).await.is(200);
        self.execute(token).await.is(200);
        let status = self.import_ended(token).await;
        assert_eq!(status["Status"], "Completed");
        (token, status)
    }
    /// Sequence number, path and message of each exception.
    pub async fn not_in(&self, token: u64) -> Vec<(u64, String, String)> {
        let page = self.exceptions(token, "limit=100000").await.is(200).json();
        let all = page["UserProfileExceptions"].as_array().unwrap().iter();
        let text = |v: &Value| v.as_str().unwrap().to_owned();
        all.map(|e| {
            let reason = &e["Exceptions"][0];
            (e["SequenceNumber"].as_u64().unwrap(), text(&reason["Path"]), text(&reason["Message"]))
        })
        .collect()
    }
}

/// A person with an alternate id.
pub fn known(name: &str, crm: &str) -> Value {
    let mut profile = person(name, &[]);
    profile["AlternateIds"] = json!([{"AlternateIdType": "CRM", "AlternateId": crm}]);
    profile
}

/// Options of an import that matches by alternate id, and more.
pub fn by_crm(more: Value) -> Value {
    rules::with(json!({"MatchCriteria": "AlternateIdType", "MatchValue": "CRM"}), more)
}

/// The numbers of a status: received, valid, failed, processed, pending, exceptions, not honored.
pub fn counts(status: &Value) -> [u64; 7] {
    [
        "TotalRecordsReceived",
        "ValidationSuccessful",
        "ValidationFailed",
        "Processed",
        "Pending",
        "Exceptions",
        "NotHonored",
    ]
    .map(|name| status[name].as_u64().unwrap_or_else(|| panic!("{name} is a number in {status}")))
}
