//! A server over a store of its own in a directory of its own, and a client for it.

use std::{sync::Arc, time::Duration};

use reqwest::{Method, RequestBuilder, StatusCode, header::HeaderMap};
use sayso_export::{Engine, Settings};
use sayso_model::config::Configuration;
use sayso_server::Options;
use sayso_store::{Role, Store, SystemClock};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};

/// The configuration of ACME_CORP. John is an administrator; Robot may read profiles and execute `Everyone`; Clerk may write profiles.
pub fn configuration() -> Configuration {
    let value = json!({
        "EmailTypes": [{"TypeName": "Home"}],
        "AlternateIdTypes": [{"TypeName": "CRM"}],
        "Programs": [{"ID": "NEWS", "Filters": [{"ID": "NEWS-EMAIL", "ChannelID": "Email"}]}],
        "UserGroups": [
            {"Name": "Administrators"},
            {"Name": "Robots", "Permissions": {"Profiles": "View", "Exports": "Edit"}},
            {"Name": "Clerks", "Permissions": {"Profiles": "Edit"}},
        ],
        "Users": [
            {"UserId": "John.Doe", "UserGroups": ["Administrators"]},
            {"UserId": "Robot", "UserGroups": ["Robots"]},
            {"UserId": "Clerk", "UserGroups": ["Clerks"]},
        ],
        "Segments": [
            {"Name": "Everyone", "Profiles": "All", "Permissions": [{"UserGroup": "Robots", "CanExecute": true}]},
            {"Name": "Größe 1", "Profiles": "Active"},
        ],
        "SegmentGroups": [{"Name": "Both", "Members": [{"Segment": "Everyone"}, {"Segment": "Größe 1", "Operator": "OR"}]}],
    });
    serde_json::from_value(value).expect("a configuration")
}

/// An answer, read whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
    pub fn message(&self) -> String {
        self.json()["Message"].as_str().unwrap_or_else(|| panic!("no Message: {self:?}")).to_owned()
    }
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|v| v.to_str().expect("text"))
    }
}

/// Credentials of an OAuth client.
pub struct Credentials {
    pub id: String,
    pub secret: String,
}

pub struct Sandbox {
    pub store: Store,
    pub base: String,
    http: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<()>>,
    _directory: TempDir,
}

impl Sandbox {
    /// A server over an empty directory.
    pub async fn empty() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(directory.path(), Role::Server, Arc::new(SystemClock)).expect("a store");
        let engine = Engine::start(store.clone(), Settings::default(), sayso_server::permission_check(&store))
            .expect("an engine");
        let permission = sayso_server::import_permission_check(&store);
        let imports = sayso_import::Engine::start(store.clone(), sayso_import::Settings::default(), permission);
        let imports = imports.expect("an engine of imports");
        let options = Options { listen: ([127, 0, 0, 1], 0).into(), ..Options::default() };
        let listener = sayso_server::bind(&options).await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let (stop, stopped) = oneshot::channel();
        let served = store.clone();
        let serving = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            sayso_server::serve(served, engine.clone(), imports.clone(), listener, options, stopped)
                .await
                .expect("a good end");
            let rest = tokio::task::spawn_blocking(move || {
                engine.stop();
                imports.stop();
            });
            rest.await.expect("engines at rest");
        });
        let http = reqwest::Client::new();
        Self { store, base, http, stop: Some(stop), serving: Some(serving), _directory: directory }
    }

    /// One with the account ACME_CORP, and an account of somebody else.
    pub async fn new() -> Self {
        let sandbox = Self::empty().await;
        sandbox.store.create_account("ACME_CORP", configuration()).expect("an account");
        sandbox.store.create_account("OTHER", configuration()).expect("an account");
        sandbox
    }

    /// Stops the server and waits for its end.
    pub async fn stop(mut self) {
        let _ = self.stop.take().expect("stopped once").send(());
        self.serving.take().expect("stopped once").await.expect("no panic");
    }

    /// An OAuth client for a user.
    pub fn client(&self, account: &str, user: &str) -> Credentials {
        let no = self.store.account(account).expect("a store").expect("an account").no;
        let made = self.store.create_client(no, user).expect("a client");
        Credentials { id: made.client.client_id, secret: made.secret.reveal().to_owned() }
    }

    /// A bearer token for a user.
    pub async fn token(&self, account: &str, user: &str) -> String {
        let credentials = self.client(account, user);
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &credentials.id),
            ("client_secret", &credentials.secret),
        ];
        let answer = self.send(self.request(Method::POST, "/oauth/token").form(&form)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["access_token"].as_str().expect("a token").to_owned()
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.text().await.expect("a whole body");
        let answer = Answer { status, headers, body };
        assert!(answer.header("x-correlation-id").is_some(), "{answer:?}");
        answer
    }

    pub async fn get(&self, token: &str, path: &str) -> Answer {
        self.send(self.request(Method::GET, path).bearer_auth(token)).await
    }

    pub async fn post(&self, token: &str, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).bearer_auth(token).json(body)).await
    }

    /// Creates profiles with these alternate ids.
    pub async fn profiles(&self, token: &str, ids: &[&str]) {
        for id in ids {
            let body = json!({
                "AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": id}],
                "Emails": [{"EmailAddressType": "Home", "EmailAddress": format!("{id}@example.org"), "EmailPreferences": [{"FilterId": "NEWS-EMAIL", "PreferenceType": 1}]}],
            });
            let answer = self.post(token, "/Profiles/v4/ACME_CORP/Profile", &body).await;
            assert_eq!(answer.status, 201, "{answer:?}");
        }
    }

    /// Starts an export of a segment and waits for it; gives the path of its token.
    pub async fn export(&self, token: &str, segment: &str) -> String {
        let path = format!("/Profiles/v4/Async/ACME_CORP/Export/Segment/{segment}");
        let answer = self.send(self.request(Method::POST, &path).bearer_auth(token)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let path = format!("/Profiles/v4/Async/ACME_CORP/Export/{}", answer.json()["AccessToken"]);
        self.settled(token, &path).await;
        path
    }

    /// Polls an export's status until it is not Processing.
    pub async fn settled(&self, token: &str, path: &str) -> Answer {
        for _ in 0..2000 {
            let status = self.get(token, &format!("{path}/Status")).await;
            assert_eq!(status.status, 200, "{status:?}");
            if status.json()["Status"] != "Processing" {
                return status;
            }
            assert!(status.header("retry-after").is_some() && status.header("x-progress").is_some(), "{status:?}");
            tokio::time::sleep(Duration::from_millis(5)).await; // polling, as callers do
        }
        panic!("the export doesn't end");
    }
}
