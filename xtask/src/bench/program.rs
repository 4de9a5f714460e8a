//! Running other programs: to their end, or as services that end with us.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::memory::Watch;

/// Runs a program to its end and gives what it printed; what it complained of is in the error.
pub(super) fn run(command: &mut Command) -> anyhow::Result<String> {
    Ok(run_watched(command)?.0)
}

/// The same, with the most memory that it had beyond the page cache, megabytes.
pub(super) fn run_watched(command: &mut Command) -> anyhow::Result<(String, f64)> {
    run_watched_to(command, 0)
}

/// The same, with the most memory that it had at all.
pub(super) fn run_watched_whole(command: &mut Command) -> anyhow::Result<(String, f64)> {
    watched(command, 0, Watch::high_water)
}

/// The same where another exit code is the good one.
pub(super) fn run_watched_to(command: &mut Command, code: i32) -> anyhow::Result<(String, f64)> {
    watched(command, code, Watch::peak)
}

fn watched(command: &mut Command, code: i32, most: impl Fn(&Watch) -> f64) -> anyhow::Result<(String, f64)> {
    let words = words(command);
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().with_context(|| format!("`{words}` can't be run"))?;
    let memory = Watch::start(child.id());
    let output = child.wait_with_output()?;
    if output.status.code() != Some(code) {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("`{words}` failed: {}", complaint.trim().lines().last().unwrap_or("without a word"));
    }
    Ok((String::from_utf8_lossy(&output.stdout).into_owned(), most(&memory)))
}

/// Runs a program to its end; how long it took.
pub(super) fn time(command: &mut Command) -> anyhow::Result<Duration> {
    let started = Instant::now();
    run(command)?;
    Ok(started.elapsed())
}

/// A command as it would be typed.
pub(super) fn words(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate lies one folder below the root")
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Builds the program as it is released and gives its place.
pub(crate) fn build_sayso() -> anyhow::Result<PathBuf> {
    eprintln!("building sayso");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.current_dir(root()).args(["build", "--release", "-p", "sayso", "--bin", "sayso", "--message-format", "json"]);
    let told = run(&mut build)?;
    told.lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == "sayso")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .context("cargo told of no executable `sayso`")
}

/// A program that runs until this is dropped: asked to end, and killed if it doesn't within 20 s.
pub(super) struct Service {
    child: Child,
}

impl Service {
    /// Starts it.
    pub(super) fn start(command: &mut Command) -> anyhow::Result<Self> {
        let words = words(command);
        Ok(Self { child: command.spawn().with_context(|| format!("`{words}` can't be started"))? })
    }

    /// Its process id.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The child itself, for its pipes.
    pub(super) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits until something listens on a loopback port.
    pub(super) fn wait_for_port(&mut self, port: u16, patience: Duration) -> anyhow::Result<()> {
        let started = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended at once ({status})");
            }
            if started.elapsed() > patience {
                bail!("it does not listen after {} s", patience.as_secs());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let asked = Instant::now();
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        while matches!(self.child.try_wait(), Ok(None)) {
            if asked.elapsed() > Duration::from_secs(20) {
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// A loopback port that is free at the moment.
pub(super) fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
