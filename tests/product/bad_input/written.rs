//! What could have been written, and requests that must write nothing.

use serde_json::{Map, Value, json};

use crate::{configuration::path, harness::*};

/// A request that must be refused: what is wrong with it, its body, the status, and words by which the Message names the problem.
pub type Row<'a> = (&'a str, Vec<u8>, u16, &'a [&'a str]);

/// A server with somebody of whom there is a history, and those who look.
pub struct Watched {
    pub world: World,
    pub admin: Api,
    pub ann: u64,
}

impl Watched {
    pub async fn start() -> Watched {
        let world = World::start().await;
        let admin = world.admin().await;
        let ann = admin.create(person("Ann", &["a"])).await;
        world.advance(1_000);
        let opted_in = json!([{"FilterId": "NEWS-SOLICIT", "PreferenceType": 1}]);
        admin.update(ann, json!({"CustomerName": {"FirstName": "Anna"}, "ProfilePreferences": opted_in})).await;
        world.advance(1_000);
        let opted_out = json!([{"FilterId": "NEWS-SOLICIT", "PreferenceType": 2}]);
        admin
            .update(ann, json!({"ProfilePreferences": opted_out, "CustomFields": [{"Name": "Age", "Value": "41"}]}))
            .await;
        Watched { world, admin, ann }
    }

    /// Everything that a call may leave behind, but for the record that it was refused.
    pub async fn written(&self) -> Value {
        let Watched { world, admin, ann } = self;
        let mut seen = Map::new();
        let histories = ["Preferences", "Consents", "CustomFields", "StandardFields", "Contacts"];
        let of_ann = histories.map(|kind| format!("/Profile/{ann}/History/{kind}"));
        let configured = ["/Segments", "/SegmentGroups", "/Segments/A/Permissions", "/OAuthClients"].map(str::to_owned);
        for rest in [format!("/Profile/{ann}")].into_iter().chain(of_ann).chain(configured) {
            let answer = admin.get(&path(&rest)).await.is(200);
            seen.insert(rest, json!([answer.header("etag"), answer.json()]));
        }
        let trail = admin.get(&path("/Audit?limit=1000")).await.is(200).json();
        let records = trail["Records"].as_array().unwrap().iter();
        let refused = |record: &&Value| ["CallRefused", "TokenRefused"].contains(&record["Action"].as_str().unwrap());
        seen.insert("trail".into(), records.filter(|record| !refused(record)).cloned().collect());
        let jobs = ["sayso_exports{", "sayso_imports{", "sayso_exported_rows_total", "sayso_imported_records_total"];
        let metrics = self.metrics().await;
        let told = metrics.lines().filter(|line| jobs.iter().any(|job| line.starts_with(job)));
        let mut told: Vec<&str> = told.collect();
        told.sort_unstable();
        seen.insert("jobs".into(), json!(told));
        let mut checked = world.check();
        checked.as_object_mut().unwrap().remove("audit_records");
        seen.insert("checked".into(), checked);
        seen.into()
    }

    async fn metrics(&self) -> String {
        String::from_utf8(self.admin.get("/metrics").await.is(200).body).unwrap()
    }

    /// How often the server has put anything on disk.
    async fn commits(&self) -> u64 {
        let metrics = self.metrics().await;
        let line = metrics.lines().find(|line| line.starts_with("sayso_commits_total ")).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    /// Sends these as JSON; each must be refused and leave nothing on disk. Only for refusals that the audit trail doesn't keep: what it keeps
    /// of one goes to disk a quarter of a second later, a commit that would be laid to a later row.
    pub async fn refuses(&self, api: &Api, method: &str, path: &str, rows: &[Row<'_>]) {
        for (what, body, status, words) in rows {
            let before = self.commits().await;
            let call = api.call(method, path).header("content-type", "application/json").body(body.clone());
            let answer = read(call).await;
            names_its_problem(&format!("{method} {path}, {what}"), answer.status, &answer.body, *status, words);
            assert_eq!(self.commits().await, before, "{method} {path}, {what}: something was written");
        }
    }

    /// In the end: nothing of all this was written, and the server lives on.
    pub async fn nothing_was_written_since(&self, before: &Value) {
        let after = self.written().await;
        for (what, value) in before.as_object().unwrap() {
            assert_eq!(&after[what], value, "{what}");
        }
        self.admin.get("/healthz").await.is(200);
        assert_eq!(self.admin.create(person("Bea", &[])).await, self.ann + 1, "no number was used up either");
    }
}

/// Asserts that an answer is this refusal, by words of its Message (of `error_description` where OAuth says what a body is like).
#[track_caller]
pub fn names_its_problem(what: &str, found: u16, body: &[u8], status: u16, words: &[&str]) {
    let told = String::from_utf8_lossy(body);
    assert_eq!(found, status, "{what}: {told}");
    let body: Value = serde_json::from_slice(body).unwrap_or_else(|e| panic!("{what}: {e}: {told}"));
    let message = body["Message"].as_str().or(body["error_description"].as_str());
    let message = message.unwrap_or_else(|| panic!("{what}: there is no Message: {told}"));
    assert!(!words.is_empty(), "{what}: what names the problem?");
    for word in words {
        assert!(message.contains(word), "{what}: the Message doesn't name {word}: {message}");
    }
}
