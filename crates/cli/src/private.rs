//! Files of people's data, which their owner alone reads: whoever else is to read one is let in by its owner (`chmod`).

use std::{
    fs::{File, OpenOptions},
    io,
    path::Path,
};

/// Makes a file of people's data, or empties the one that is there.
///
/// # Errors
/// It can't be made.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    options().write(true).truncate(true).open(path)
}

/// How such a file is opened; one that isn't there is made.
pub(crate) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
