//! The limits that nothing can beat: writing the same bytes with nothing to think about, and one sync for each write.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use crate::bench::program;

/// The most that is read before, so that it is in the page cache: what is larger doesn't fit beside everything else.
const READ_BEFORE: u64 = 8_000_000_000;

/// `dd conv=fsync` of a file that was just read, if that fits, to a new one.
pub(in crate::bench) fn dd(dd: &Path, from: &Path, to: &Path) -> anyhow::Result<Duration> {
    if from.metadata()?.len() <= READ_BEFORE {
        std::io::copy(&mut File::open(from)?, &mut std::io::sink())?;
    }
    let mut command = Command::new(dd);
    command.arg(format!("if={}", from.display())).arg(format!("of={}", to.display()));
    let took = program::time(command.args(["bs=1M", "conv=fsync"]));
    fs::remove_file(to)?;
    took
}

/// Writes of 4 KB, each synced before the next, for so long: how many a second.
pub(in crate::bench) fn synced_writes(dir: &Path, time: Duration) -> anyhow::Result<f64> {
    let path = dir.join("synced");
    let mut file = File::create(&path)?;
    let block = [7u8; 4096];
    let started = Instant::now();
    let mut writes = 0u32;
    while started.elapsed() < time {
        file.write_all(&block)?;
        file.sync_data()?;
        writes += 1;
    }
    let seconds = started.elapsed().as_secs_f64();
    fs::remove_file(&path)?;
    Ok(f64::from(writes) / seconds)
}
