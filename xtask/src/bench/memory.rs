//! The memory of a process beyond the page cache: `RssAnon` of /proc/PID/status, looked at every 10 ms. Mapped files (the store,
//! for Sayso) are the kernel's to drop and don't count. With them, the kernel itself keeps the most (`VmHWM`).

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// Looks at a process until it is dropped.
pub(super) struct Watch {
    peak: Arc<AtomicU64>,
    whole: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    pid: u32,
}

impl Watch {
    /// Begins.
    pub(super) fn start(pid: u32) -> Self {
        let (peak, whole) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let stop = Arc::new(AtomicBool::new(false));
        let thread = thread::spawn({
            let (peak, whole, stop) = (Arc::clone(&peak), Arc::clone(&whole), Arc::clone(&stop));
            move || {
                while !stop.load(Relaxed) {
                    peak.fetch_max(anonymous(pid), Relaxed);
                    whole.fetch_max(bytes(pid, "VmHWM:"), Relaxed);
                    thread::sleep(Duration::from_millis(10));
                }
            }
        });
        Self { peak, whole, stop, thread: Some(thread), pid }
    }

    /// The most since the beginning or the last call, megabytes (10^6).
    pub(super) fn peak(&self) -> f64 {
        let now = anonymous(self.pid);
        self.peak.swap(0, Relaxed).max(now) as f64 / 1e6
    }

    /// The most since the process began, mapped files with it, megabytes (10^6).
    pub(super) fn high_water(&self) -> f64 {
        self.whole.load(Relaxed) as f64 / 1e6
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn anonymous(pid: u32) -> u64 {
    bytes(pid, "RssAnon:")
}

/// Bytes that the kernel tells under this name; 0 when the process is gone.
fn bytes(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kilobytes = status.lines().find_map(|line| line.strip_prefix(name)?.trim().split(' ').next()?.parse().ok());
    kilobytes.unwrap_or(0u64) * 1024
}
