//! What the engine knows only in memory: the jobs under way and how far they are, the exports whose files are open, the last
//! blocks that are being sent. All of it can be lost: the store's records are the truth.

use std::{
    collections::{HashMap, VecDeque},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
        mpsc,
    },
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};
use sayso_model::moment::Moment;
use sayso_store::Store;
use tokio::sync::watch;

use crate::{
    PermissionCheck, Settings,
    buffers::Buffers,
    callback::Bell,
    files::Exports,
    finish::Message,
    open::OpenExport,
    record::{Job, Key},
    removal::Removal,
    room::Room,
};

/// What all threads of the engine share.
pub(crate) struct Inner {
    pub store: Store,
    pub settings: Settings,
    pub permission: PermissionCheck,
    pub exports: Exports,
    /// Every Processing job, from Initiate until its next state is on disk.
    pub running: Mutex<HashMap<Key, Arc<Running>>>,
    pub queue: Queue,
    /// At most two jobs copy at once: each holds a snapshot, which keeps old pages of the store alive (house.md, Store).
    pub permits: Permits,
    /// Few scans that are no jobs, for the same reason.
    pub scans: Arc<tokio::sync::Semaphore>,
    /// Everybody who is served needs it. So nothing is closed while it is held: the last one who closes a large file that has no name frees its
    /// blocks, which takes a third of a second for each gigabyte.
    pub open: Mutex<HashMap<Key, Arc<OpenExport>>>,
    pub buffers: Arc<Buffers>,
    /// As many pages are compressed at once as there are cores.
    pub compressing: Arc<tokio::sync::Semaphore>,
    pub finisher: mpsc::Sender<Message>,
    pub remover: mpsc::Sender<Removal>,
    pub room: Room,
    pub stop: Stop,
    /// The sweeper's round, by which open files are known to be unused.
    pub round: AtomicU64,
    pub rows_opened: AtomicU64,
    /// How many jobs have left Processing.
    pub finished: watch::Sender<u64>,
    /// Told of callbacks that were put into the store.
    pub callbacks: Bell,
}

impl Inner {
    pub fn now(&self) -> Moment {
        self.store.clock().now()
    }

    /// How many threads work on all profiles.
    pub fn threads(&self) -> usize {
        self.settings.workers.clamp(1, sayso_store::cores())
    }

    /// Closes the files of an export, should they be open here; those who are being sent them keep them open.
    pub fn close(&self, key: Key) {
        let open = self.open.lock().remove(&key);
        drop(open);
    }

    /// Where the sandbox's hold file may be.
    pub fn hold_file(&self) -> Option<&PathBuf> {
        self.settings.hold_file.as_ref()
    }

    /// Puts a Processing job where a worker finds it.
    pub fn enqueue(&self, job: Job) {
        let key = job.key();
        self.running.lock().insert(key, Arc::new(Running { job, progress: Progress::default() }));
        self.queue.push(key);
    }
}

/// A job under way.
#[derive(Debug)]
pub(crate) struct Running {
    pub job: Job,
    pub progress: Progress,
}

/// How far a job is. Planning counts for a tenth; the rest is bytes copied of bytes to copy, known before the first one moves.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    started: Mutex<Option<Instant>>,
    parts: AtomicU64,
    parts_planned: AtomicU64,
    copying: AtomicBool,
    bytes: AtomicU64,
    bytes_copied: AtomicU64,
    /// Bytes of disk that are promised to it.
    promised: AtomicU64,
}

const PLANNING_PERCENT: u64 = 10;

impl Progress {
    /// The job has started (again).
    pub fn begin(&self) {
        *self.started.lock() = Some(Instant::now());
        self.copying.store(false, Relaxed);
        for counter in [&self.parts, &self.parts_planned, &self.bytes, &self.bytes_copied, &self.promised] {
            counter.store(0, Relaxed);
        }
    }

    /// One of `total` parts of the plan is made.
    pub fn planned_part(&self, total: usize) {
        self.parts.store(total as u64, Relaxed);
        self.parts_planned.fetch_add(1, Relaxed);
    }

    /// The plan is made: so many bytes are to be copied.
    pub fn planned(&self, bytes: u64) {
        self.bytes.store(bytes, Relaxed);
        self.copying.store(true, Relaxed);
    }

    /// So many bytes of disk are promised.
    pub fn promise(&self, bytes: u64) {
        self.promised.store(bytes, Relaxed);
    }

    /// Everything is written: nothing is promised any more.
    pub fn written(&self) {
        self.promise(0);
    }

    /// Bytes of disk that are promised and not written yet.
    pub fn left(&self) -> u64 {
        self.promised.load(Relaxed).saturating_sub(self.bytes_copied.load(Relaxed))
    }

    pub fn copied(&self, bytes: u64) {
        self.bytes_copied.fetch_add(bytes, Relaxed);
    }

    /// 0–99; 100 is the next state's.
    pub fn percent(&self) -> u8 {
        let share =
            |done: u64, total: u64, of: u64| u128::from(done.min(total)) * u128::from(of) / u128::from(total.max(1));
        let percent = if self.copying.load(Relaxed) {
            let copied = share(self.bytes_copied.load(Relaxed), self.bytes.load(Relaxed), 99 - PLANNING_PERCENT);
            copied + u128::from(PLANNING_PERCENT)
        } else {
            share(self.parts_planned.load(Relaxed), self.parts.load(Relaxed), PLANNING_PERCENT)
        };
        u8::try_from(percent.min(99)).unwrap_or(99)
    }

    /// Seconds after which asking again is worth while: what is left at the speed so far, 1 to 5.
    pub fn retry_after_s(&self) -> u32 {
        let percent = u64::from(self.percent());
        let elapsed = self.started.lock().map_or(Duration::ZERO, |t| t.elapsed()).as_secs();
        let left = (elapsed * (100 - percent)).checked_div(percent).unwrap_or(elapsed);
        u32::try_from(left.clamp(1, 5)).unwrap_or(5)
    }
}

/// Jobs that wait for a worker, in the order of their coming.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    keys: Mutex<VecDeque<Key>>,
    bell: Condvar,
}

impl Queue {
    fn push(&self, key: Key) {
        self.keys.lock().push_back(key);
        self.bell.notify_one();
    }

    /// The next job; `None` once the engine is being stopped.
    pub fn next(&self, stop: &Stop) -> Option<Key> {
        let mut keys = self.keys.lock();
        loop {
            if stop.is_set() {
                return None;
            }
            if let Some(key) = keys.pop_front() {
                return Some(key);
            }
            self.bell.wait(&mut keys);
        }
    }

    /// Wakes all who wait, to find that the engine is being stopped.
    pub fn wake_all(&self) {
        let _keys = self.keys.lock();
        self.bell.notify_all();
    }
}

/// A number of permits that threads wait for.
#[derive(Debug)]
pub(crate) struct Permits {
    free: Mutex<usize>,
    bell: Condvar,
}

/// Given back when dropped.
pub(crate) struct Permit<'a>(&'a Permits);

impl Permits {
    pub fn new(free: usize) -> Self {
        Self { free: Mutex::new(free), bell: Condvar::new() }
    }

    /// Waits for one. Holders let go soon after the engine is told to stop, so this ends too.
    pub fn take(&self) -> Permit<'_> {
        let mut free = self.free.lock();
        while *free == 0 {
            self.bell.wait(&mut free);
        }
        *free -= 1;
        Permit(self)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        *self.0.free.lock() += 1;
        self.0.bell.notify_one();
    }
}

/// The wish to stop, cheap to look at and good to wait for.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    flag: AtomicBool,
    lock: Mutex<()>,
    bell: Condvar,
}

impl Stop {
    pub fn set(&self) {
        let _lock = self.lock.lock();
        self.flag.store(true, Relaxed);
        self.bell.notify_all();
    }

    pub fn is_set(&self) -> bool {
        self.flag.load(Relaxed)
    }

    pub fn flag(&self) -> &AtomicBool {
        &self.flag
    }

    /// Waits until it is set or the time is over; gives whether it is set.
    pub fn wait(&self, time: Duration) -> bool {
        let mut lock = self.lock.lock();
        if !self.is_set() {
            self.bell.wait_for(&mut lock, time);
        }
        self.is_set()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_grows_from_plan_to_copy_and_never_says_hundred() {
        let progress = Progress::default();
        assert_eq!(progress.percent(), 0);
        assert_eq!(progress.retry_after_s(), 1);
        progress.begin();
        progress.planned_part(2);
        assert_eq!(progress.percent(), 5);
        progress.planned_part(2);
        assert_eq!(progress.percent(), 10);
        assert_eq!(progress.left(), 0);
        progress.promise((1 << 60) + 9);
        progress.planned(1 << 60);
        assert_eq!((progress.percent(), progress.left()), (10, (1 << 60) + 9));
        progress.copied(1 << 59);
        assert_eq!((progress.percent(), progress.left()), (54, (1 << 59) + 9));
        progress.written();
        assert_eq!((progress.percent(), progress.left()), (54, 0));
        progress.copied(1 << 59);
        assert_eq!(progress.percent(), 99);
    }
}
