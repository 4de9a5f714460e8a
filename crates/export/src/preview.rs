//! What a selection finds, without a job: counted by the plan of an export, on all cores, and the first rows of it. Nothing stays.

use std::{
    io::Read as _,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64},
    },
};

use sayso_model::{
    id::{AccessToken, AccountNo, ProfileId},
    moment::Moment,
    render::{RENDER_VERSION, kept_ranges},
    selection::{Conditions, Selection},
};
use sayso_store::{StoreError, snapshot::Snapshot};

use crate::{
    Engine, ExportError,
    parallel::Halt,
    plan::{Part, Task, plan},
    record::Inputs,
    registry::{Inner, Progress},
};

/// What a selection finds.
#[derive(Debug)]
pub struct Preview {
    /// How many profiles, or tombstones.
    pub count: u64,
    /// The first of them by ProfileId, as an export would have them: JSON each.
    pub rows: Vec<Vec<u8>>,
    /// The moment of the snapshot.
    pub snapshot: Moment,
}

/// Where a plan that is too long for memory goes: no export has this token.
const NO_TOKEN: AccessToken = AccessToken(0);

impl Engine {
    /// Counts what a selection finds over one snapshot, and gives the first `rows` of it. One at a time; others wait.
    ///
    /// # Errors
    /// A definition that doesn't fit the configuration, or what the store or the disk says.
    pub async fn preview(&self, account: AccountNo, selection: Selection, rows: usize) -> Result<Preview, ExportError> {
        self.planned(account, selection, move |task, parts| {
            let count = parts.iter().map(|p| p.count).sum();
            Ok(Preview { count, rows: first_rows(task, parts, rows)?, snapshot: task.snapshot.moment() })
        })
        .await
    }

    /// The ids of everybody whom a selection finds.
    ///
    /// # Errors
    /// As [`Engine::preview`].
    pub async fn find(&self, account: AccountNo, selection: Selection) -> Result<Vec<ProfileId>, ExportError> {
        self.planned(account, selection, |_, parts| {
            parts.iter().flat_map(Part::entries).map(|entry| Ok(entry?.id)).collect()
        })
        .await
    }

    /// Makes the plan of an export and hands it on.
    async fn planned<T: Send + 'static>(
        &self,
        account: AccountNo,
        selection: Selection,
        use_plan: impl Fn(&Task<'_>, &[Part]) -> Result<T, Halt> + Send + 'static,
    ) -> Result<T, ExportError> {
        let inner = Arc::clone(self.inner());
        let _alone = inner.previewing.lock().await;
        let snapshot = inner.store.snapshot(account).await?;
        let inputs = Inputs { selection, conditions: Conditions::default() };
        let work = {
            let inner = Arc::clone(&inner);
            move || planned(&inner, account, &snapshot, &inputs, &use_plan)
        };
        joined(tokio::task::spawn_blocking(work).await)
    }
}

/// What a thread gave, or that it broke off.
pub(crate) fn joined<T>(done: Result<Result<T, ExportError>, tokio::task::JoinError>) -> Result<T, ExportError> {
    done.unwrap_or_else(|e| Err(StoreError::Engine(format!("work on all profiles broke off: {e}")).into()))
}

/// Why work that is no job stopped, as its caller is told.
pub(crate) fn stopped(halt: Halt) -> ExportError {
    match halt {
        Halt::Failed(error) => error,
        Halt::Stopping | Halt::OldRender => StoreError::Closing.into(),
    }
}

fn planned<T>(
    inner: &Inner,
    account: AccountNo,
    snapshot: &Snapshot,
    inputs: &Inputs,
    use_plan: &impl Fn(&Task<'_>, &[Part]) -> Result<T, Halt>,
) -> Result<T, ExportError> {
    let key = (account, NO_TOKEN);
    let folder = inner.exports.begin(key)?;
    let attempt = |check_versions| {
        let task = Task {
            snapshot,
            inputs,
            folder: &folder,
            threads: inner.threads(),
            stopping: inner.stop.flag(),
            abort: AtomicBool::new(false),
            progress: &Progress::default(),
            opened: AtomicU64::new(0),
            check_versions,
        };
        let parts = plan(&task)?;
        use_plan(&task, &parts)
    };
    let found = match attempt(false) {
        Err(Halt::OldRender) => attempt(true),
        found => found,
    };
    inner.exports.remove(key)?;
    found.map_err(stopped)
}

/// The bytes of the first rows of a plan.
fn first_rows(task: &Task<'_>, parts: &[Part], rows: usize) -> Result<Vec<Vec<u8>>, Halt> {
    let output = task.output();
    let mut first = Vec::with_capacity(rows);
    for part in parts {
        let mut spill = part.spill.reader();
        for entry in part.entries().take(rows - first.len()) {
            let entry = entry?;
            let mut bytes = Vec::with_capacity(entry.len as usize);
            if entry.spilled {
                bytes.resize(entry.len as usize, 0);
                spill
                    .read_exact(&mut bytes)
                    .map_err(|source| ExportError::Io { context: "reading rendered rows back".into(), source })?;
            } else {
                task.snapshot.for_each_row(&mut std::iter::once(entry.id), &mut |row| {
                    if row.render_version != RENDER_VERSION {
                        return Err(Halt::OldRender);
                    }
                    let whole = u32::try_from(row.json.len()).unwrap_or(u32::MAX);
                    for range in kept_ranges(whole, &row.cuts(), &output) {
                        bytes.extend_from_slice(&row.json[range]);
                    }
                    Ok(())
                })?;
            }
            first.push(bytes);
        }
    }
    Ok(first)
}
