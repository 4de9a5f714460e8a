//! What a selection finds, without a job: counted by the plan of an export, on all cores, and the first rows of it. Nothing stays.

use std::{
    io::Read as _,
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use sayso_model::{
    id::{ACCESS_TOKEN_MAX, AccessToken, AccountNo, ProfileId},
    moment::Moment,
    render::{RENDER_VERSION, kept_ranges},
    selection::{Conditions, Selection},
};
use sayso_store::snapshot::Snapshot;

use crate::{
    Engine, ExportError,
    parallel::Halt,
    plan::{Part, Task, plan},
    record::Inputs,
    registry::{Inner, Progress},
    scan::Wanted,
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

/// Where plans that are too long for memory go, each to a folder of its own: no export has a token as high.
static FOLDERS: AtomicU64 = AtomicU64::new(ACCESS_TOKEN_MAX + 1);

impl Engine {
    /// Counts what a selection finds over one snapshot, and gives the first `rows` of it.
    ///
    /// # Errors
    /// A definition that doesn't fit the configuration, [`ExportError::Busy`], or what the store or the disk says.
    pub async fn preview(&self, account: AccountNo, selection: Selection, rows: usize) -> Result<Preview, ExportError> {
        self.planned(account, selection, rows as u64, move |task, parts| {
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
        self.planned(account, selection, 0, |_, parts| {
            parts.iter().flat_map(Part::entries).map(|entry| Ok(entry?.id)).collect()
        })
        .await
    }

    /// Makes the plan of an export, with the bytes of no more than the first `keep_rows` rows of each part, and hands it on.
    async fn planned<T: Send + 'static>(
        &self,
        account: AccountNo,
        selection: Selection,
        keep_rows: u64,
        use_plan: impl Fn(&Task<'_>, &[Part<'_>]) -> Result<T, Halt> + Send + 'static,
    ) -> Result<T, ExportError> {
        let inputs = Inputs { selection, conditions: Conditions::default() };
        self.scan(account, move |inner, snapshot, wanted| {
            let key = (account, AccessToken(FOLDERS.fetch_add(1, Relaxed)));
            let folder = inner.exports.begin(key)?;
            let found = planned(inner, snapshot, wanted, &folder, (&inputs, keep_rows), &use_plan);
            inner.exports.remove(key)?;
            found
        })
        .await
    }
}

fn planned<T>(
    inner: &Inner,
    snapshot: &Snapshot,
    wanted: Wanted<'_>,
    folder: &Path,
    (inputs, keep_rows): (&Inputs, u64),
    use_plan: &impl Fn(&Task<'_>, &[Part<'_>]) -> Result<T, Halt>,
) -> Result<T, Halt> {
    let find_room = |bytes| inner.find_room(bytes);
    let attempt = |check_versions| {
        let task = Task {
            snapshot,
            inputs,
            folder,
            threads: inner.threads(),
            wanted,
            abort: AtomicBool::new(false),
            progress: &Progress::default(),
            opened: AtomicU64::new(0),
            check_versions,
            keep_rows: Some(keep_rows),
            find_room: &find_room,
        };
        let parts = plan(&task)?;
        use_plan(&task, &parts)
    };
    match attempt(false) {
        Err(Halt::OldRender) => attempt(true),
        found => found,
    }
}

/// The bytes of the first rows of a plan.
fn first_rows(task: &Task<'_>, parts: &[Part<'_>], rows: usize) -> Result<Vec<Vec<u8>>, Halt> {
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

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    };

    use parking_lot::Mutex;

    use super::*;
    use crate::testing::{LONG, Sandbox};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_preview_leaves_alone_the_folder_of_one_whose_caller_is_gone() {
        let sandbox = Sandbox::new();
        sandbox.load_sample(20);
        let engine = Arc::new(sandbox.engine());
        let selection = sandbox.request("Everyone").selection;
        let (inside, is_inside): (Sender<()>, Receiver<()>) = channel();
        let (go, may_go) = channel::<()>();
        let (was_there, there) = channel();
        let may_go = Mutex::new(may_go);
        let first = tokio::spawn({
            let (engine, no, selection) = (Arc::clone(&engine), sandbox.account.no, selection.clone());
            async move {
                let hold = move |task: &Task<'_>, _: &[Part<'_>]| {
                    inside.send(()).unwrap();
                    may_go.lock().recv_timeout(LONG).unwrap();
                    was_there.send(task.folder.exists()).unwrap();
                    Ok(())
                };
                engine.planned(no, selection, 0, hold).await
            }
        });
        tokio::task::block_in_place(|| is_inside.recv_timeout(LONG)).unwrap();
        first.abort();
        drop(first.await);
        assert!(engine.preview(sandbox.account.no, selection, 1).await.unwrap().count > 0);
        go.send(()).unwrap();
        assert!(tokio::task::block_in_place(|| there.recv_timeout(LONG)).unwrap());
    }
}
