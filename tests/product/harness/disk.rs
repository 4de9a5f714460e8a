//! A small disk of its own for a data directory: a tmpfs, which gives the same errors as any other full disk. Mounting takes
//! rights, so the test runs again in a process that has mounts (and, for a plain user, a user) of its own. Where the machine
//! forbids both it says so, past the test runner that keeps a passing test's output to itself.

use std::{
    fs::{File, OpenOptions},
    future::Future,
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

/// Set in the process that may mount.
const INSIDE: &str = "SAYSO_TEST_OWN_MOUNTS";

/// Runs a test where it may mount disks.
pub fn with_own_mounts<F: Future<Output = ()>>(test: impl FnOnce() -> F) {
    if std::env::var_os(INSIDE).is_some() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        return runtime.block_on(test());
    }
    let name = name_of(&test);
    let place = tempfile::tempdir().unwrap();
    // With a user of its own first, which is all that a plain user is allowed.
    let ways = [["--mount", "--map-root-user"], ["--mount", "--propagation=private"]];
    let allowed = ways.iter().find(|way| {
        let tried =
            Command::new("unshare").args(**way).args(["mount", "-t", "tmpfs", "tmpfs"]).arg(place.path()).output();
        tried.is_ok_and(|out| out.status.success())
    });
    let Some(way) = allowed else {
        let words = "this machine allows neither a user namespace nor a mount (unshare, mount)";
        // eprintln! would say it to the runner, which tells nobody of a test that passes.
        let said = format!("\n*** NOT RUN: {name}: {words} ***\n");
        std::io::stderr().write_all(said.as_bytes()).unwrap();
        return;
    };
    let out = Command::new("unshare")
        .args(way)
        .arg(std::env::current_exe().unwrap())
        .args([&name, "--exact", "--nocapture", "--include-ignored"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success() && said.contains("1 passed"), "{said}");
    // What the test has to say, without what its runner says.
    said.lines().filter(|line| line.starts_with("torture: ")).for_each(|line| eprintln!("{line}"));
}

/// The path by which the test runner knows the test that this closure stands in.
fn name_of<T>(_: &T) -> String {
    let path = std::any::type_name::<T>().trim_end_matches("::{{closure}}");
    path.split_once("::").unwrap().1.to_string()
}

/// A mounted disk; unmounted in the end.
pub struct Disk {
    at: PathBuf,
}

impl Disk {
    /// Mounts one of so many MiB, which can hold so many files and folders.
    pub fn mount(at: &Path, mib: u64, files: u64) -> Disk {
        std::fs::create_dir_all(at).unwrap();
        let options = format!("size={mib}m,nr_inodes={files}");
        let out = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        Disk { at: at.to_path_buf() }
    }

    fn filler(&self) -> PathBuf {
        self.at.join("filler")
    }

    /// Fills it up to `left` bytes.
    pub fn fill(&self, left: u64) {
        let mut file = OpenOptions::new().append(true).create(true).open(self.filler()).unwrap();
        let mut block = vec![0x5A; 1 << 20];
        while !block.is_empty() {
            match file.write(&block) {
                Ok(_) => {}
                Err(e) if e.kind() == ErrorKind::StorageFull => block.truncate(block.len() / 2),
                Err(e) => panic!("{e}"),
            }
        }
        let full = file.metadata().unwrap().len();
        file.set_len(full.checked_sub(left).expect("it is larger than what is to be left")).unwrap();
    }

    /// Takes every name of a file but `left`.
    pub fn fill_names(&self, left: usize) {
        let name = |n: usize| self.at.join(format!("name-{n}"));
        let mut taken = 0;
        loop {
            match File::create(name(taken)) {
                Ok(_) => taken += 1,
                Err(e) if e.kind() == ErrorKind::StorageFull => break,
                Err(e) => panic!("{e}"),
            }
        }
        (taken - left..taken).for_each(|n| std::fs::remove_file(name(n)).unwrap());
    }

    /// Gives back everything that was taken.
    pub fn make_room(&self) {
        for entry in std::fs::read_dir(&self.at).unwrap() {
            let path = entry.unwrap().path();
            if path == self.filler() || path.file_name().unwrap().to_string_lossy().starts_with("name-") {
                std::fs::remove_file(path).unwrap();
            }
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // At once, also while somebody has a file of it open; the mounts end with the process anyway.
        let _ = Command::new("umount").arg("--lazy").arg(&self.at).status();
    }
}
