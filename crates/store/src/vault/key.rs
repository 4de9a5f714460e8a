//! The vault's key: 32 random bytes, from the environment or from a file that is nobody else's to read.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::Path,
};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use zeroize::Zeroizing;

use crate::StoreError;

/// Tells one key from another and nothing about either: the beginning of a hash of it.
pub(super) type KeyId = [u8; 8];

const KEY_LENGTH: usize = 32;
/// Its base64 with a line's end, and then some.
const FILE_MOST: u64 = 256;
const HOW_TO_MAKE: &str = "make one with: head -c 32 /dev/urandom | base64";

/// The vault's key. It is shown nowhere.
#[derive(Clone)]
pub struct VaultKey(Zeroizing<[u8; KEY_LENGTH]>);

impl fmt::Debug for VaultKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VaultKey")
    }
}

impl VaultKey {
    /// Reads base64 of 32 bytes, as `SAYSO_KEY` and a key file have it; space around it counts for nothing.
    ///
    /// # Errors
    /// What is wrong with it, without it, and how to make one.
    pub fn parse(text: &str) -> Result<Self, String> {
        let decoded = BASE64_STANDARD.decode(text.trim()).map(Zeroizing::new);
        let decoded = decoded.map_err(|_| format!("it is not base64 (RFC 4648, 4); {HOW_TO_MAKE}"))?;
        let bytes: &[u8; KEY_LENGTH] = decoded.as_slice().try_into().map_err(|_| {
            format!("it is the base64 of {} bytes, and must be that of {KEY_LENGTH}; {HOW_TO_MAKE}", decoded.len())
        })?;
        Ok(Self(Zeroizing::new(*bytes)))
    }

    /// Reads a key file; `may_make`: makes it when it isn't there.
    pub(super) fn of_file(path: &Path, may_make: bool) -> Result<Self, StoreError> {
        match File::open(path) {
            Ok(file) => Self::read(file, path),
            Err(e) if e.kind() == io::ErrorKind::NotFound && may_make => Self::make(path),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Err(StoreError::Key(format!(
                "the key file {} isn't there, and secrets were sealed with it; put it back from where it is kept safe, \
                 name the right one with --key-file, or give its content in SAYSO_KEY",
                path.display()
            ))),
            Err(e) => Err(failed("opened", path, &e)),
        }
    }

    fn read(file: File, path: &Path) -> Result<Self, StoreError> {
        let meta = file.metadata().map_err(|e| failed("read", path, &e))?;
        // As other servers have it: a file of root's may be given to a group, which is how containers mount secrets.
        let foreign = if meta.uid() == 0 { 0o037 } else { 0o077 };
        if meta.mode() & foreign != 0 {
            return Err(StoreError::Key(format!(
                "the key file {} has mode {:04o}: others than its owner may use it; run: chmod 600 {0}",
                path.display(),
                meta.mode() & 0o7777,
            )));
        }
        let mut text = Zeroizing::new(String::with_capacity(FILE_MOST as usize));
        file.take(FILE_MOST).read_to_string(&mut text).map_err(|e| failed("read", path, &e))?;
        Self::parse(&text).map_err(|why| StoreError::Key(format!("the key file {}: {why}", path.display())))
    }

    /// Makes a key and its file: on disk, whole and with its mode before it has its name.
    fn make(path: &Path) -> Result<Self, StoreError> {
        let mut bytes = Zeroizing::new([0; KEY_LENGTH]);
        getrandom::fill(&mut *bytes).map_err(|e| StoreError::Key(format!("there are no random numbers: {e}")))?;
        // Nobody else's name, not even of a program that had the same number and died.
        let mut name = [0; 8];
        getrandom::fill(&mut name).map_err(|e| StoreError::Key(format!("there are no random numbers: {e}")))?;
        let mut partial = path.as_os_str().to_owned();
        partial.push(format!(".{:016x}.partial", u64::from_be_bytes(name)));
        let partial = Path::new(&partial);
        let made = || -> io::Result<()> {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(partial)?;
            let text = Zeroizing::new(format!("{}\n", *Zeroizing::new(BASE64_STANDARD.encode(*bytes))));
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            // Unlike a rename this keeps a file that another process made meanwhile.
            fs::hard_link(partial, path)?;
            let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(folder)?.sync_all()
        }();
        let removed = fs::remove_file(partial);
        match made {
            Ok(()) => {
                if let Err(e) = removed {
                    tracing::warn!("{} can't be removed: {e}; it holds the key, too", partial.display());
                }
                tracing::info!("made the key file {}; keep a copy where backups are not", path.display());
                Ok(Self(bytes))
            }
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Self::of_file(path, false),
            Err(e) => Err(failed("made", path, &e)),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &*self.0
    }

    pub(super) fn id(&self) -> KeyId {
        let hash = digest(&SHA256, &[b"sayso key id".as_slice(), &*self.0].concat());
        let mut id = KeyId::default();
        id.copy_from_slice(&hash.as_ref()[..size_of::<KeyId>()]);
        id
    }
}

fn failed(what: &str, path: &Path, e: &io::Error) -> StoreError {
    let path = path.display();
    StoreError::Key(format!(
        "the key file {path} can't be {what}: {e}; name another with --key-file, or give the key in SAYSO_KEY"
    ))
}
