//! A small disk of its own for a data directory: a tmpfs, which gives the same errors as any other full disk. For tests in
//! [`super::own::with_own_mounts`].

use std::{
    fs::{File, OpenOptions},
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

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
        file.set_len(full.saturating_sub(left)).unwrap();
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
