//! Files mapped into memory, and the only `unsafe` of the product: what Rust can't know of a mapping is said here, once.
//!
//! There are two: the store's file, which LMDB maps, and the rows of a finished export, of which pages are sent without being
//! copied into our memory first ([`Mapping`]).

use std::{fs::File, io, ops::Range, path::Path, sync::Arc};

use bytes::Bytes;
use heed::{Env, EnvOpenOptions, WithoutTls};
#[cfg(target_os = "linux")]
use memmap2::Advice;
use memmap2::Mmap;

/// Opens LMDB's environment in `dir`.
///
/// # Errors
/// LMDB's own.
#[allow(unsafe_code)]
pub fn open(options: &EnvOpenOptions<WithoutTls>, dir: &Path) -> heed::Result<Env<WithoutTls>> {
    // SAFETY: opening is unsafe since LMDB maps its file into memory, and somebody who writes to that file past LMDB
    // changes memory under our references. Nothing of ours does: the file is written by LMDB alone, without WRITEMAP,
    // under its own locks (no NO_LOCK, NO_SYNC or NO_META_SYNC is set), in a directory that belongs to the store. That the
    // filesystem is local and nobody edits the file by hand is asked of the operator (docs/operating.md). heed itself
    // refuses a second opening in one process.
    unsafe { options.open(dir) }
}

/// A file that nobody writes to any more, as it lies in the page cache.
///
/// Reading what isn't there (somebody cut the file short, the disk can't give it) kills a process, where reading the file would be an
/// error. So the bytes are handed out in two ways only: to whom they are not read but passed on to the kernel ([`Mapping::unread`]), which
/// answers such a `write` with EFAULT, and after the kernel has been asked to bring them in ([`Mapping::present`]). What is cut off in the
/// microseconds after that is the one thing that still kills.
#[derive(Debug, Clone)]
pub struct Mapping(Arc<Mmap>);

impl Mapping {
    /// Maps the whole file as it is now.
    ///
    /// # Errors
    /// The system's: an empty file, no room in the address space.
    #[allow(unsafe_code)]
    pub fn of(file: &File) -> io::Result<Self> {
        // SAFETY: somebody who writes to the file changes memory under our references. Nothing of ours does: a finished export is
        // written under another name, synced, renamed, and from then on only read and unlinked, which leaves a mapping as it is. Who
        // edits such a file by hand is noticed by its length and time before each piece, and its checksums
        // (`sayso_export::blocks`); the references below are read by the checksum alone, of which any bytes are valid.
        let map = unsafe { Mmap::map(file) }?;
        Ok(Self(Arc::new(map)))
    }

    /// These bytes of the file, after the kernel has brought them into memory; `None` where it can't (they are beyond its end, the disk fails,
    /// or the system isn't Linux of at least 5.14): read the file to learn why.
    pub fn present(&self, range: Range<usize>) -> Option<&[u8]> {
        let bytes = self.0.get(range.clone())?;
        (bytes.is_empty() || self.bring_in(&range)).then_some(bytes)
    }

    /// Has the kernel bring a range into memory; whether it could.
    #[cfg(target_os = "linux")]
    fn bring_in(&self, range: &Range<usize>) -> bool {
        self.0.advise_range(Advice::PopulateRead, range.start, range.len()).is_ok()
    }

    /// Other systems can't be asked.
    #[cfg(not(target_os = "linux"))]
    fn bring_in(&self, _: &Range<usize>) -> bool {
        false
    }

    /// These bytes of the file for somebody who doesn't read them but hands them to the kernel; `None` beyond the file's end as it was when
    /// it was mapped. They hold the mapping, not the file's name.
    pub fn unread(&self, range: Range<usize>) -> Option<Bytes> {
        /// A part of a mapping.
        struct Part(Arc<Mmap>, Range<usize>);
        impl AsRef<[u8]> for Part {
            fn as_ref(&self) -> &[u8] {
                &self.0[self.1.clone()]
            }
        }
        (range.start <= range.end && range.end <= self.0.len())
            .then(|| Bytes::from_owner(Part(Arc::clone(&self.0), range)))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        os::unix::net::UnixStream,
    };

    use super::*;

    const LEN: usize = 300_000;

    fn mapped() -> (File, Vec<u8>, Mapping) {
        let mut file = tempfile::tempfile().unwrap();
        let bytes: Vec<u8> = (0..LEN).map(|i| (i % 251) as u8).collect();
        file.write_all(&bytes).unwrap();
        let mapping = Mapping::of(&file).unwrap();
        (file, bytes, mapping)
    }

    #[test]
    fn any_range_gives_the_files_bytes_and_one_beyond_its_end_none() {
        let (_file, bytes, mapping) = mapped();
        for range in [0..LEN, 0..0, 4095..4097, 1..LEN, LEN - 1..LEN, LEN..LEN] {
            assert_eq!(mapping.present(range.clone()).unwrap(), &bytes[range.clone()], "{range:?}");
            assert_eq!(mapping.unread(range.clone()).unwrap(), &bytes[range.clone()], "{range:?}");
        }
        #[allow(clippy::reversed_empty_ranges)]
        for range in [0..LEN + 1, LEN + 1..LEN + 1, LEN..usize::MAX, 2..1] {
            assert!(mapping.present(range.clone()).is_none() && mapping.unread(range.clone()).is_none(), "{range:?}");
        }
    }

    #[test]
    fn a_file_cut_short_is_an_error_and_kills_nobody() {
        let (file, bytes, mapping) = mapped();
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        let (held, gone) = (mapping.unread(0..1000).unwrap(), mapping.unread(200_000..201_000).unwrap());
        file.set_len(100_000).unwrap();
        assert!(mapping.present(200_000..201_000).is_none());
        let refused = ours.write(&gone).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(rustix::io::Errno::FAULT.raw_os_error()));
        ours.write_all(&held).unwrap();
        let mut read = vec![0; 1000];
        theirs.read_exact(&mut read).unwrap();
        assert_eq!(read, bytes[..1000]);
    }

    #[test]
    fn bytes_outlive_their_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rows");
        std::fs::write(&path, b"a row").unwrap();
        let bytes = Mapping::of(&File::open(&path).unwrap()).unwrap().unread(2..5).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(bytes, "row");
    }

    #[test]
    fn an_empty_file_has_no_mapping_to_speak_of() {
        let file = tempfile::tempfile().unwrap();
        if let Ok(mapping) = Mapping::of(&file) {
            assert_eq!(mapping.present(0..0), Some(&[][..]));
            assert!(mapping.present(0..1).is_none());
        }
    }
}
