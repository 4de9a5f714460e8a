//! The processor time that a program has had: user and system, of it and the processes below it.

use std::fs;

use anyhow::{Context, ensure};

/// Seconds since it was started, of a process and those that it started and that still run.
pub(super) fn seconds(pid: u32) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("process {pid} is gone"))?;
    // the second field, the name, stands in parentheses and may hold anything
    let after_name = stat.rsplit_once(") ").with_context(|| format!("no name in {stat:?}"))?.1;
    let fields: Vec<&str> = after_name.split(' ').collect();
    ensure!(fields.len() > 12, "{stat:?} is too short");
    let ticks = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    let mut sum = ticks as f64 / rustix::param::clock_ticks_per_second() as f64;
    let below = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    for child in below.split_whitespace() {
        sum += seconds(child.parse()?)?;
    }
    Ok(sum)
}
