//! Where the time comes from. Everything that stamps or expires asks this; tests inject their own.

use std::path::PathBuf;

use sayso_model::moment::Moment;

/// A source of the present moment.
pub trait Clock: Send + Sync + 'static {
    /// Now, in milliseconds; may go back when somebody sets the machine's clock (the writer's stamps don't).
    fn now(&self) -> Moment;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Moment(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A clock for sandboxes and tests (`serve --clock-file`): the file holds the present moment as a date of the wire
/// (`2026-11-24T10:00:00.000Z`), read at every question. While the file is missing or can't be read the last value stays.
#[derive(Debug)]
pub struct FileClock {
    path: PathBuf,
    last: std::sync::atomic::AtomicI64,
}

impl FileClock {
    /// A clock that reads `path`; starts at the machine's time until the file has been read once.
    pub fn new(path: PathBuf) -> Self {
        Self { path, last: std::sync::atomic::AtomicI64::new(SystemClock.now().0) }
    }
}

impl Clock for FileClock {
    fn now(&self) -> Moment {
        use std::sync::atomic::Ordering::Relaxed;
        let read = std::fs::read_to_string(&self.path).ok();
        if let Some(moment) = read.and_then(|text| sayso_model::moment::parse_date_time(text.trim()).ok()) {
            self.last.store(moment.0, Relaxed);
        }
        Moment(self.last.load(Relaxed))
    }
}
