//! What the figures were measured on, and with what.

use std::{fs, path::Path, process::Command};

use super::program;

fn word(program: &str, args: &[&str]) -> String {
    program::run(Command::new(program).args(args)).map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
}

fn line_of(file: &str, name: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.split_once(':').map(|(_, value)| value.trim()));
    value.unwrap_or("unknown").to_owned()
}

/// The load average of the last minute: whether anything else runs.
pub(super) fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(f64::NAN)
}

/// A list of Markdown.
pub(super) fn about(dir: &Path) -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kilobytes: f64 = line_of("/proc/meminfo", "MemTotal").trim_end_matches(" kB").parse().unwrap_or(f64::NAN);
    let dir = dir.to_string_lossy();
    let disk = word("df", &["--output=source,fstype", "-h", &dir]);
    let disk = disk.lines().nth(1).unwrap_or("unknown").split_whitespace().collect::<Vec<_>>().join(", ");
    let virtual_machine = match word("systemd-detect-virt", &[]).as_str() {
        "unknown" | "none" => "",
        _ => ", virtual",
    };
    format!(
        "- processor: {}, {cores} cores{virtual_machine}\n- memory: {:.1} GiB\n- disk: {disk}\n- kernel: {}\n- compiler: {}\n- revision: {}\n",
        line_of("/proc/cpuinfo", "model name"),
        kilobytes / 1024.0 / 1024.0,
        word("uname", &["-sr"]),
        word("rustc", &["--version"]),
        word("git", &["-C", &program::root().to_string_lossy(), "describe", "--always", "--dirty"]),
    )
}
