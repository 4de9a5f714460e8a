//! What `sayso check` asks of the exports: that every file of those that can be read is there and has its checksums, and that every callback
//! that waits can be read.

use sayso_store::{Store, StoreError};

use crate::{
    ExportError,
    callback::Callback,
    files::Exports,
    job::State,
    open::OpenExport,
    record::{Job, all_jobs, decode},
};

/// What [`check`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckedExports {
    /// Exports whose files were looked at.
    pub exports: u64,
    /// What is wrong, a line each, with the file's name and the export's token.
    pub problems: Vec<String>,
}

/// Reads every file of every export that has some, beside a running server too: one that ends meanwhile is no problem. Files that no export
/// names are none either; the server removes them once it has started. A directory without the folder of all exports is a backup, which holds no
/// export files: the server that starts on it ends what has none.
pub fn check(store: &Store) -> Result<CheckedExports, ExportError> {
    let files = Exports::new(store.directory());
    let mut found = CheckedExports::default();
    let is_backup = !files.exist();
    // What can't be opened is told by the store's own check.
    for record in store.all_callbacks()?.into_iter().flatten() {
        found.problems.extend(Callback::decode(&record).err().map(|error| error.to_string()));
    }
    let (jobs, damaged) = all_jobs(store)?;
    found.problems.extend(damaged.into_iter().map(|(_, problem)| problem));
    for job in jobs {
        let (account, token) = job.key();
        let may_be_gone = |job: &Job| is_backup || !job.has_files_at(store.clock().now());
        if !job.has_files() || may_be_gone(&job) && !files.folder(job.key()).is_dir() {
            continue;
        }
        found.exports += 1;
        let problems = problems_of(&job, &files);
        let now = store.export_record(account, token)?.map(|record| decode(&record)).transpose();
        // Of a complete export the record changes before the files go; those that were kept for a while go first.
        let must_be_there = |job: &Job| job.state == State::Complete || job.has_files_at(store.clock().now());
        if now.is_ok_and(|job| job.as_ref().is_some_and(must_be_there)) {
            found.problems.extend(problems.into_iter().map(|error| error.to_string()));
        }
    }
    Ok(found)
}

fn problems_of(job: &Job, files: &Exports) -> Vec<ExportError> {
    let open = match OpenExport::open(job.key(), &files.folder(job.key()), Box::new(|_| false)) {
        Ok(open) => open,
        Err(error) => return vec![error],
    };
    let mut problems: Vec<ExportError> =
        [&open.rows, &open.index].into_iter().filter_map(|f| f.read_all().err()).collect();
    let told = (job.row_count, job.byte_count);
    if told != (Some(open.manifest.row_count), Some(open.manifest.byte_count)) {
        problems.push(ExportError::Store(StoreError::Damaged(format!(
            "the record of export {} tells of other rows than its manifest",
            job.token
        ))));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Settings,
        layout::MANIFEST,
        testing::{DAY, Sandbox, done},
    };

    #[tokio::test]
    async fn files_that_a_server_is_just_removing_are_no_problem() {
        let sandbox = Sandbox::new();
        let settings = Settings { kept_files_life_ms: DAY, ..Settings::default() };
        let (engine, caller) = (sandbox.engine_with(settings), sandbox.caller());
        let token = engine.initiate(sandbox.request("Everyone")).await.unwrap();
        done(&engine, &caller, token).await;
        engine.commit(&caller, token, true).await.unwrap();
        std::fs::remove_file(sandbox.folder(token).join(MANIFEST)).unwrap();
        sandbox.advance(DAY - 1);
        assert_eq!(check(&sandbox.store).unwrap().problems.len(), 1, "they are kept");
        sandbox.advance(1);
        assert_eq!(check(&sandbox.store).unwrap().problems, [""; 0]);
    }
}
