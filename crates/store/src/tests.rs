//! What users of the store rely on, over the real engine: a data directory for each test, a clock that the test moves, the sample
//! account with filters that expire soon.

mod access;
mod accounts;
mod alternate_ids;
mod auditing;
mod certificates;
mod checking;
mod compacting;
mod credentials_follow;
mod deleting;
mod deltas;
mod durability;
mod exports;
mod finding;
mod importing;
mod loading;
mod preparing;
mod searching;
mod shared_keys;
mod snapshots;
mod webhook_secrets;
mod writing;

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering::SeqCst},
};

use sayso_model::{
    change::HistoryKind,
    config::Configuration,
    id::{Author, ProfileId},
    input::{ProfileInput, parse_profile},
    moment::Moment,
    refusal::Why,
};
use serde_json::{Value, json};

use crate::{
    Clock, ProfileIds, Role, Settings, Store, StoreError,
    account::Account,
    profiles::{Change, HistoryEntry, StoredRow, Target, Written},
    snapshot::Snapshot,
};

/// 2026-11-24T10:00:00Z.
const START: i64 = 1_795_514_400_000;
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Moment {
        Moment(self.0.load(SeqCst))
    }
}

struct Sandbox {
    store: Store,
    account: Account,
    clock: Arc<TestClock>,
    // Dropped after the store.
    dir: tempfile::TempDir,
}

impl Sandbox {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock(AtomicI64::new(START)));
        let store = Store::open(dir.path(), Role::Command, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        let account = store.create_account("DEMO", configuration()).unwrap();
        Self { store, account, clock, dir }
    }

    /// Closes the directory and opens it again.
    fn reopen(self) -> Self {
        self.reopen_with(Settings::default())
    }

    fn reopen_with(self, settings: Settings) -> Self {
        let Self { store, account, clock, dir } = self;
        drop(store);
        let store =
            Store::open_with(dir.path(), Role::Command, Arc::clone(&clock) as Arc<dyn Clock>, settings).unwrap();
        Self { store, account, clock, dir }
    }

    fn advance(&self, ms: i64) {
        self.clock.0.fetch_add(ms, SeqCst);
    }

    fn write(&self, change: Change) -> Result<Written, StoreError> {
        block_on(self.store.write(self.account.no, author(), change))
    }

    fn create(&self, profile: Value) -> ProfileId {
        self.write(Change::Create(input(profile))).unwrap().id
    }

    fn update(&self, id: ProfileId, change: Value) -> Result<Written, StoreError> {
        self.write(Change::Update(Target::Id(id), input(change)))
    }

    fn delete(&self, id: ProfileId) -> Result<Written, StoreError> {
        self.write(Change::Delete(Target::Id(id), Some("asked for it".into())))
    }

    fn row(&self, id: ProfileId) -> Option<StoredRow> {
        self.store.profile(self.account.no, id).unwrap()
    }

    fn history(&self, id: ProfileId, kind: HistoryKind) -> Vec<HistoryEntry> {
        let page = self.store.history(self.account.no, &Target::Id(id), kind, 0, u64::MAX).unwrap();
        page.map(|(_, page)| page.entries).unwrap_or_default()
    }

    fn snapshot(&self) -> Snapshot {
        block_on(self.store.snapshot(self.account.no)).unwrap()
    }

    fn problems(&self) -> Vec<String> {
        self.store.check(&mut |_| {}).unwrap().problems
    }
}

/// The sample account; an opt-in to NEWS-EMAIL lasts a day, one to OFFERS-EMAIL two.
fn configuration() -> Configuration {
    let mut configuration: Configuration = toml::from_str(sayso_sample::ACCOUNT_TOML).unwrap();
    for filter in configuration.programs.iter_mut().flat_map(|p| &mut p.filters) {
        match filter.id.as_str() {
            "NEWS-EMAIL" => filter.opt_in_expiration_in_days = Some(1),
            "OFFERS-EMAIL" => filter.opt_in_expiration_in_days = Some(2),
            _ => {}
        }
    }
    configuration
}

/// Who has changed since a moment.
fn changed(snapshot: &Snapshot, since: Moment) -> Vec<ProfileId> {
    match snapshot.changed_since::<StoreError>(since, &mut || Ok(())).unwrap() {
        ProfileIds::Listed(ids) => ids,
        ProfileIds::Marked(_) => panic!("they are few"),
    }
}

fn author() -> Author {
    Author { user_id: "Admin".into(), source_id: Some("Website".into()) }
}

fn input(profile: Value) -> Box<ProfileInput> {
    Box::new(parse_profile(&serde_json::to_vec(&profile).unwrap()).unwrap())
}

/// Somebody with one email address, an opt-in that expires, an alternate id, a group.
fn somebody(n: u64) -> Value {
    json!({
        "CustomerName": {"FirstName": "Ann", "LastName": format!("Lee{n}")},
        "AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": format!("C-{n}")}],
        "Emails": [{
            "EmailAddressType": "Home", "EmailAddress": format!("ann{n}@example.org"),
            "EmailPreferences": [{"FilterId": "NEWS-EMAIL", "PreferenceType": 1}],
        }],
        "PhoneNumbers": [{"PhoneType": "Mobile", "PhoneNumber": format!("+1 404 555 {n:04}"), "IsMobile": true}],
        "Groups": [{"GroupType": "Household", "GroupName": format!("House {}", n / 2)}],
    })
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn why<T>(result: Result<T, StoreError>) -> (Why, String) {
    match result {
        Err(StoreError::Refused(refusal)) => (refusal.why, refusal.to_string()),
        Err(other) => panic!("a refusal was expected, not {other:?}"),
        Ok(_) => panic!("a refusal was expected, and it was done"),
    }
}
