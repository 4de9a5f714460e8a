//! Room on the disk for an export whose size is known. It counts what others are still to copy, so that two which fit only one at a time
//! don't fill the disk that everybody's writes need; and what is being removed gives its room back in a moment, so it is waited for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use parking_lot::Mutex;

use crate::{
    ExportError,
    parallel::Halt,
    record::Key,
    registry::{Inner, Running},
};

/// Between two looks while files are being removed.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Who may look and promise, one at a time; and how many exports' files have been put away and not been removed.
#[derive(Debug, Default)]
pub(crate) struct Room {
    promising: Mutex<()>,
    leaving: Arc<AtomicU64>,
}

/// The files of an export that are to be removed; dropped when they are, as far as that went well.
#[derive(Debug)]
pub(crate) struct Leaving(Arc<AtomicU64>);

impl Room {
    /// The files of one more export are to be removed.
    pub fn leaving(&self) -> Leaving {
        self.leaving.fetch_add(1, SeqCst);
        Leaving(Arc::clone(&self.leaving))
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl Inner {
    /// Removes whatever there is of an export, for which those who need room wait.
    pub fn remove_files(&self, key: Key) -> Result<(), ExportError> {
        let _leaving = self.room.leaving();
        self.exports.remove(key)
    }

    /// Promises the room that an export needs: its progress tells the others how much of that is still to be written.
    ///
    /// # Errors
    /// [`ExportError::NoRoom`] when there isn't any, nor will be in a moment.
    pub fn promise_room(&self, running: &Running, needed: u64) -> Result<(), Halt> {
        self.room_beside(Some(running.job.key()), needed, || running.progress.promise(needed))
    }

    /// Finds room for what is written at once, such as rows that are put aside before the size of an export is known. What was promised
    /// to exports is not touched.
    ///
    /// # Errors
    /// As [`Inner::promise_room`].
    pub fn find_room(&self, needed: u64) -> Result<(), Halt> {
        self.room_beside(None, needed, || {})
    }

    /// Whether so many bytes may be written for what could also do without: beside all that was promised to exports.
    pub fn has_room(&self, needed: u64) -> bool {
        let promised = self.promised(None);
        self.store.room().is_ok_and(|room| needed <= room.saturating_sub(promised))
    }

    /// Bytes that were promised to other exports than `mine` and aren't written yet. To be asked before the disk: what is written in between
    /// counts twice then, and not never.
    fn promised(&self, mine: Option<Key>) -> u64 {
        let running = self.running.lock();
        running.values().filter(|other| Some(other.job.key()) != mine).map(|other| other.progress.left()).sum()
    }

    /// Calls `found` while nobody else is promised anything, once there is room beside what was promised to others than `mine`.
    fn room_beside(&self, mine: Option<Key>, needed: u64, found: impl FnOnce()) -> Result<(), Halt> {
        loop {
            // Before the disk is looked at: what goes meanwhile is seen there or here.
            let leaving = self.room.leaving.load(SeqCst) > 0;
            let one_at_a_time = self.room.promising.lock();
            let promised = self.promised(mine);
            let room = self.store.room()?.saturating_sub(promised);
            if needed <= room {
                found();
                return Ok(());
            }
            drop(one_at_a_time);
            if !leaving {
                return Err(ExportError::NoRoom { needed, room }.into());
            }
            if self.stop.wait(LOOK_EVERY) {
                return Err(Halt::Stopping);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Sandbox, done, request_page};

    #[tokio::test]
    async fn compressed_pieces_take_no_room_that_was_promised_to_an_export() {
        let sandbox = Sandbox::new();
        sandbox.load_sample(3);
        let (engine, caller) = (sandbox.engine(), sandbox.caller());
        let token = engine.initiate(sandbox.request("Everyone")).await.unwrap();
        done(&engine, &caller, token).await;
        let copying = sandbox.promised(&engine, 1);
        let is_gzip = async || {
            let page = engine.page(&caller, token, request_page(10, 1, true)).await.unwrap();
            page.into_gzip().unwrap().is_gzip()
        };
        assert!(!is_gzip().await);
        copying.progress.written();
        assert!(is_gzip().await);
    }
}
