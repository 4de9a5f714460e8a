//! What the kernel says that the server has open.

use std::path::PathBuf;

use super::World;

impl World {
    /// The way to each of the server's open files, and what it is. A number is given to another file as soon as the server has closed one.
    pub fn open_files(&self) -> Vec<(PathBuf, String)> {
        let entries = std::fs::read_dir(format!("/proc/{}/fd", self.pid())).unwrap().flatten();
        let named = |way: PathBuf| Some((way.clone(), std::fs::read_link(way).ok()?.to_string_lossy().into_owned()));
        entries.filter_map(|entry| named(entry.path())).collect()
    }
}
