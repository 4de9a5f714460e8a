//! Bytes put aside for a while: in memory while they are few, in a file without a name when they are many. A plan of ten million
//! rows then costs no more memory than one of a thousand, and small exports touch no extra file.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Read, Write as _},
    os::unix::fs::FileExt as _,
    path::PathBuf,
};

use crate::{files::during, parallel::Halt};

/// Bytes kept in memory before they go to the file.
const KEPT: usize = 1024 * 1024;

/// Finds room on the disk for so many bytes, or says why they can't be written.
pub(crate) type FindRoom<'a> = &'a (dyn Fn(u64) -> Result<(), Halt> + Sync);

/// Append only, then read from the beginning, by several readers if need be.
pub(crate) struct Scratch<'a> {
    path: PathBuf,
    /// Asked before each write to the file: how much it will hold is not known beforehand, so nothing was promised for it.
    find_room: FindRoom<'a>,
    file: Option<File>,
    written: u64,
    tail: Vec<u8>,
}

impl<'a> Scratch<'a> {
    /// Nothing yet; `path` names the file, should there be one: it loses its name at once, so nothing is ever left over.
    pub fn new(path: PathBuf, find_room: FindRoom<'a>) -> Self {
        Self { path, find_room, file: None, written: 0, tail: Vec::new() }
    }

    /// Appends.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Halt> {
        if self.tail.len() + bytes.len() > KEPT {
            let mut tail = std::mem::take(&mut self.tail);
            if !tail.is_empty() {
                self.put(&tail)?;
            }
            tail.clear();
            self.tail = tail;
        }
        if bytes.len() > KEPT {
            return self.put(bytes);
        }
        self.tail.extend_from_slice(bytes);
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Halt> {
        (self.find_room)(bytes.len() as u64)?;
        Ok(self.append(bytes).map_err(during("writing", &self.path))?)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.file.is_none() {
            let file = OpenOptions::new().read(true).write(true).create_new(true).open(&self.path)?;
            fs::remove_file(&self.path)?;
            self.file = Some(file);
        }
        if let Some(file) = &mut self.file {
            file.write_all(bytes)?;
        }
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// Bytes in it.
    #[cfg(test)]
    pub fn len(&self) -> u64 {
        self.written + self.tail.len() as u64
    }

    /// Reads from the beginning.
    pub fn reader(&self) -> BufReader<ScratchReader<'_>> {
        BufReader::with_capacity(64 * 1024, ScratchReader { scratch: self, at: 0 })
    }
}

/// Reads a [`Scratch`].
pub(crate) struct ScratchReader<'a> {
    scratch: &'a Scratch<'a>,
    at: u64,
}

impl Read for ScratchReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let Scratch { file, written, tail, .. } = self.scratch;
        let read = match file {
            Some(file) if self.at < *written => {
                let most = out.len().min(usize::try_from(*written - self.at).unwrap_or(usize::MAX));
                file.read_at(&mut out[..most], self.at)?
            }
            _ => {
                let rest = &tail[(self.at - written) as usize..];
                let now = rest.len().min(out.len());
                out[..now].copy_from_slice(&rest[..now]);
                now
            }
        };
        self.at += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ExportError;

    #[test]
    fn few_bytes_touch_no_file_and_many_come_back_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let mut scratch = Scratch::new(dir.path().join("gone").join("plan"), &|_| Ok(()));
        scratch.write(b"few").unwrap();
        let mut back = Vec::new();
        scratch.reader().read_to_end(&mut back).unwrap();
        assert_eq!(back, b"few", "the folder doesn't exist, so no file was made");

        let mut scratch = Scratch::new(dir.path().join("plan"), &|_| Ok(()));
        let many: Vec<u8> = (0..3_000_000u32).map(|i| (i / 251) as u8).collect();
        many.chunks(777).for_each(|c| scratch.write(c).unwrap());
        for _ in 0..2 {
            back.clear();
            scratch.reader().read_to_end(&mut back).unwrap();
            assert!(back == many);
        }

        let mut scratch = Scratch::new(dir.path().join("rows"), &|_| Ok(()));
        let mut at = 0;
        for row in [10, 2_000_000, 20, 900_000, KEPT + 1] {
            let row = &many.repeat(2)[at..at + row];
            scratch.write(row).unwrap();
            at += row.len();
            assert!(scratch.tail.capacity() <= KEPT, "a row of any size takes no memory");
        }
        back.clear();
        scratch.reader().read_to_end(&mut back).unwrap();
        assert!(back == many.repeat(2)[..at]);
        assert_eq!(dir.path().read_dir().unwrap().count(), 0, "the file has no name");
    }

    #[test]
    fn what_finds_no_room_is_not_written() {
        let dir = tempfile::tempdir().unwrap();
        let room = |needed| if needed < 100 { Ok(()) } else { Err(ExportError::NoRoom { needed, room: 99 }.into()) };
        // A file there would be an error of its own.
        let mut scratch = Scratch::new(dir.path().join("gone").join("spill"), &room);
        scratch.write(&[1; KEPT]).unwrap();
        let refused = scratch.write(&[2]).unwrap_err();
        let Halt::Failed(ExportError::NoRoom { needed, room: 99 }) = refused else { panic!("{refused:?}") };
        assert_eq!(needed, KEPT as u64);
    }
}
