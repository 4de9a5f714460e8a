//! Files of people's data, which their owner alone reads: whoever else is to read one is let in by its owner (`chmod`).

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::Path,
};

/// Makes a file of people's data in place of the one that is there, which others may be able to read.
///
/// # Errors
/// It can't be made, or the former one not be removed.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    if path.is_file() {
        fs::remove_file(path)?;
    }
    options().read(true).write(true).truncate(true).open(path)
}

/// How such a file is opened; one that isn't there is made.
pub(crate) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_that_everybody_could_read_gives_way_to_one_that_its_owner_alone_reads() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("people.ndjson");
        fs::write(&path, "former").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let file = create(&path).unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read(&path).unwrap(), b"");
    }
}
