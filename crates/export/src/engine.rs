//! The engine: takes requests, runs jobs on its workers, hands out pages, sweeps what has ended.

use std::sync::Arc;

use sayso_model::id::{AccessToken, AccountNo};
use sayso_store::Store;

use crate::{
    ExportError,
    job::{Request, Status, Subject},
    page::{Page, PageRequest},
};

/// What an operator may set.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Settings {
    /// Life of a token from completion, ms (12 h).
    pub token_life_ms: i64,
    /// How long Status answers after the end, ms (7 days).
    pub status_life_ms: i64,
    /// How long kept files stay after Commit with keepFiles, ms (7 days).
    pub kept_files_life_ms: i64,
    /// Real time between two runs of the sweeper, ms (30,000).
    pub sweep_every_ms: u64,
    /// Worker threads; one per core.
    pub workers: usize,
    /// Largest page, records; none by default.
    pub max_limit: Option<u64>,
    /// How long the identical request for the last block is answered again, ms (0).
    pub last_block_replay_ms: i64,
    /// For sandboxes and tests: jobs wait while this file exists, so that Processing can be seen (`serve --hold-file`).
    pub hold_file: Option<std::path::PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        const HOUR: i64 = 3_600_000;
        Self {
            token_life_ms: 12 * HOUR,
            status_life_ms: 7 * 24 * HOUR,
            kept_files_life_ms: 7 * 24 * HOUR,
            sweep_every_ms: 30_000,
            workers: std::thread::available_parallelism().map_or(2, usize::from),
            max_limit: None,
            last_block_replay_ms: 0,
            hold_file: None,
        }
    }
}

/// Who asks: a token is its initiator's, or an administrator's of the same account (export.md, Who may use a token).
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Caller {
    pub account: AccountNo,
    pub user_id: String,
    pub is_administrator: bool,
}

/// Whether a user (and the OAuth client, if one was used) may still execute a subject: account, user id, client id, subject. The
/// rules are access.md's and the server's; the engine only asks. Called on a worker's thread; may read the store.
pub type PermissionCheck = Arc<dyn Fn(AccountNo, &str, Option<&str>, &Subject) -> bool + Send + Sync>;

/// The export engine of one data directory. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub(crate) _inner: Arc<()>,
}

impl Engine {
    /// Starts the workers and the sweeper; interrupted jobs start again under their own tokens, and files that no live job names go.
    /// `permission` is asked when a job's files are ready: a user who may not execute the subject any more gets Failed, not rows.
    pub fn start(_store: Store, _settings: Settings, _permission: PermissionCheck) -> Result<Engine, ExportError> {
        todo!()
    }
    /// Persists a job and gives its token (or, for an idempotency key seen before, the first one's).
    pub async fn initiate(&self, _request: Request) -> Result<AccessToken, ExportError> {
        todo!()
    }
    /// What was named at Initiate, so that the permission on it can be checked; `UnknownToken` for a token that isn't this caller's.
    pub fn subject(&self, _caller: &Caller, _token: AccessToken) -> Result<Subject, ExportError> {
        todo!()
    }
    /// The status.
    pub async fn status(&self, _caller: &Caller, _token: AccessToken) -> Result<Status, ExportError> {
        todo!()
    }
    /// A page.
    pub async fn page(&self, _caller: &Caller, _token: AccessToken, _page: PageRequest) -> Result<Page, ExportError> {
        todo!()
    }
    /// Marks the export Retrieved and ends the token; again: the same answer.
    pub async fn commit(&self, _caller: &Caller, _token: AccessToken, _keep_files: bool) -> Result<(), ExportError> {
        todo!()
    }
    /// Jobs by state, for `/metrics`.
    pub fn counts(&self) -> Result<Vec<(crate::job::State, u64)>, ExportError> {
        todo!()
    }
    /// Stops taking jobs and waits for workers to come to rest (a running job is left to be restarted).
    pub fn stop(&self) {
        todo!()
    }
}
