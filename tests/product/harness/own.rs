//! Mounts or a network of its own for one test. Both take rights, so the test runs again in a process that has them to itself
//! (and, for a plain user, a user of its own). Where the machine forbids that it says so, past the test runner that keeps a passing
//! test's output to itself.

use std::{future::Future, io::Write as _, process::Command};

/// Set in the process that has what the test needs.
const INSIDE: &str = "SAYSO_TEST_INSIDE";

/// Set where a test that can't have what it needs has failed, and isn't passed over with a word.
const REQUIRED: &str = "SAYSO_TEST_REQUIRES_ALL";

/// Runs a test where it may mount disks.
pub fn with_own_mounts<F: Future<Output = ()>>(test: impl FnOnce() -> F) {
    let place = tempfile::tempdir().unwrap();
    let try_it = format!("mount -t tmpfs tmpfs {}", place.path().display());
    inside(&name_of(&test), "--mount", &try_it, test);
}

/// Runs a test where there is a loopback network for it alone, which it may switch off.
pub fn with_own_network<F: Future<Output = ()>>(test: impl FnOnce() -> F) {
    inside(&name_of(&test), "--net", "ip link set lo up", async || {
        switch_network("up");
        test().await;
    });
}

/// Switches the test's own network `up` or `down`: what is sent while it is down is lost without a word.
pub fn switch_network(to: &str) {
    assert!(Command::new("ip").args(["link", "set", "lo", to]).status().unwrap().success());
}

/// The path by which the test runner knows the test that this closure stands in.
fn name_of<T>(_: &T) -> String {
    let (test, _) = std::any::type_name::<T>().split_once("::{{closure}}").unwrap();
    test.split_once("::").unwrap().1.to_string()
}

/// `try_it` shows whether the machine allows it.
fn inside<F: Future<Output = ()>>(name: &str, what: &str, try_it: &str, test: impl FnOnce() -> F) {
    if std::env::var_os(INSIDE).is_some() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        return runtime.block_on(test());
    }
    // With a user of its own first, which is all that a plain user is allowed.
    let ways = [vec![what, "--map-root-user"], vec![what]];
    let allowed = ways.iter().find(|way| {
        let tried = Command::new("unshare").args(*way).args(["sh", "-c", try_it]).output();
        tried.is_ok_and(|out| out.status.success())
    });
    let Some(way) = allowed else {
        // eprintln! would say it to the runner, which tells nobody of a test that passes.
        assert!(
            std::env::var_os(REQUIRED).is_none(),
            "{REQUIRED} is set, and this machine forbids `unshare {what} {try_it}`"
        );
        let said = format!("\n*** NOT RUN: {name}: this machine forbids `unshare {what} {try_it}` ***\n");
        std::io::stderr().write_all(said.as_bytes()).unwrap();
        return;
    };
    let out = Command::new("unshare")
        .args(way)
        .arg(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture", "--include-ignored"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success() && said.contains("1 passed"), "{said}");
    // What the test has to say, without what its runner says.
    said.lines().filter(|line| line.starts_with("torture: ")).for_each(|line| eprintln!("{line}"));
}
