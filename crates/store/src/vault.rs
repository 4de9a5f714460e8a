//! Secrets that must be readable to be used (access.md, Kept safe): keys of the signed header, of callbacks' signatures. In the data they are
//! sealed with AES-256-GCM under a key that is kept outside of the data directory, so that neither a copy of the data nor a backup gives them
//! away. Whose secret it is and what for is sealed along: moved to another record, a secret doesn't open.
//!
//! Nothing else needs the key: without it, or with a wrong one, whatever uses such a secret fails with a reason, and everything else goes on.

mod kept;
mod key;
mod nobody;
#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    error::Unspecified,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use parking_lot::RwLock;
use sayso_model::secret::Secret;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use zeroize::Zeroizing;

use crate::StoreError;

pub use kept::AT_ONCE;
pub(crate) use kept::{Former, Whose, add, check, get, remove};
use key::KeyId;
pub use key::VaultKey;
use nobody::Nobody;

/// Where the key comes from.
#[derive(Debug, Clone, Default)]
pub enum KeySource {
    /// `<data directory>.key` beside the data directory; made when the first secret is sealed.
    #[default]
    Beside,
    /// A file, made in the same way when it isn't there.
    File(PathBuf),
    /// The environment.
    Given(VaultKey),
}

/// What a secret is for: one sealed for one purpose doesn't open for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// A user's key for the signed header; the owner is the user's folded id.
    SharedKey,
    /// An account's key for the signatures of its callbacks; the owner is empty.
    WebhookSecret,
}

impl Purpose {
    /// Its number, in keys and in what is sealed along; never given again.
    fn number(self) -> u8 {
        match self {
            Self::SharedKey => 1,
            Self::WebhookSecret => 2,
        }
    }
}

/// A secret as it is kept: a version, the id of the key that it was sealed with, the nonce, what AES-256-GCM gave. In JSON as base64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

const VERSION: u8 = 1;
const NONCE_AT: usize = 1 + size_of::<KeyId>();
const CIPHERTEXT_AT: usize = NONCE_AT + NONCE_LEN;

impl Serialize for Sealed {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&BASE64_STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Sealed {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let bytes = BASE64_STANDARD.decode(String::deserialize(d)?).map_err(D::Error::custom)?;
        match bytes.first() {
            Some(&VERSION) if bytes.len() > CIPHERTEXT_AT => Ok(Self(bytes)),
            _ => Err(D::Error::custom("a sealed secret is of another form")),
        }
    }
}

/// Seals and opens. The key is read at the first need and then held.
pub struct Vault {
    source: Source,
    loaded: RwLock<Option<Loaded>>,
    /// Stands in for whoever has no secret while there is no key.
    unknowable: OnceLock<Secret>,
}

enum Source {
    File(PathBuf),
    Given(VaultKey),
}

struct Loaded {
    id: KeyId,
    key: RandomizedNonceKey,
    nobody: Nobody,
}

impl Loaded {
    fn new(key: &VaultKey) -> Result<Self, StoreError> {
        let sealer = RandomizedNonceKey::new(&AES_256_GCM, key.bytes());
        let sealer = sealer.map_err(|Unspecified| StoreError::Key("AES-256-GCM takes no key here".into()))?;
        let id = key.id();
        let nobody = Nobody::new(|whose, secret| seal(&sealer, id, whose, secret))?;
        Ok(Self { id, key: sealer, nobody })
    }

    fn open(&self, whose: Whose<'_>, sealed: &Sealed) -> Result<Secret, StoreError> {
        let damaged = || StoreError::Damaged(format!("a sealed secret of account {} doesn't open", whose.0));
        let nonce = Nonce::try_assume_unique_for_key(&sealed.0[NONCE_AT..CIPHERTEXT_AT]).map_err(|_| damaged())?;
        let mut text = Zeroizing::new(sealed.0[CIPHERTEXT_AT..].to_vec());
        let opened = self.key.open_in_place(nonce, Aad::from(along(whose)), &mut text).map_err(|_| damaged())?;
        let opened = std::str::from_utf8(opened).map_err(|_| damaged())?;
        Ok(Secret::new(opened.to_owned()))
    }
}

fn seal(key: &RandomizedNonceKey, id: KeyId, whose: Whose<'_>, secret: &Secret) -> Result<Sealed, StoreError> {
    let mut text = Zeroizing::new(Vec::with_capacity(secret.reveal().len() + AES_256_GCM.tag_len()));
    // With room for the tag from the start: growing would leave the unsealed bytes behind.
    text.extend_from_slice(secret.reveal().as_bytes());
    let nonce = key.seal_in_place_append_tag(Aad::from(along(whose)), &mut *text);
    let nonce = nonce.map_err(|Unspecified| StoreError::Key("a secret can't be sealed".into()))?;
    let parts: [&[u8]; 4] = [&[VERSION], &id, nonce.as_ref(), &text];
    Ok(Sealed(parts.concat()))
}

impl Vault {
    /// Of a data directory.
    pub(crate) fn new(data: &Path, source: KeySource) -> Self {
        let source = match source {
            KeySource::Given(key) => Source::Given(key),
            KeySource::File(path) => Source::File(path),
            KeySource::Beside => {
                let mut path = data.as_os_str().to_owned();
                path.push(".key");
                Source::File(path.into())
            }
        };
        Self { source, loaded: RwLock::new(None), unknowable: OnceLock::new() }
    }

    /// Seals a secret. `may_make`: no other one was sealed in this directory so far, so that a key file that isn't there is made.
    ///
    /// # Errors
    /// [`StoreError::Key`] when there is no key, or it can't be taken: the text says where it is looked for and what to do.
    pub(crate) fn seal(&self, whose: Whose<'_>, secret: &Secret, may_make: bool) -> Result<Sealed, StoreError> {
        self.with_key(may_make, |loaded| seal(&loaded.key, loaded.id, whose, secret))
    }

    /// Opens a secret.
    ///
    /// # Errors
    /// [`StoreError::Key`] when the key isn't there or is another than it was sealed with; [`StoreError::Damaged`] when it is somebody
    /// else's, or was changed.
    pub(crate) fn open(&self, whose: Whose<'_>, sealed: &Sealed) -> Result<Secret, StoreError> {
        self.with_key(false, |loaded| {
            if sealed.0[1..NONCE_AT] != loaded.id {
                return Err(StoreError::Key(format!(
                    "a secret was sealed with another key than {}; give the former key back, or make the secret anew",
                    self.place()
                )));
            }
            loaded.open(whose, sealed)
        })
    }

    fn with_key<T>(&self, may_make: bool, f: impl FnOnce(&Loaded) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if let Some(loaded) = &*self.loaded.read() {
            return f(loaded);
        }
        let mut slot = self.loaded.write();
        if slot.is_none() {
            let key = match &self.source {
                Source::Given(key) => key.clone(),
                Source::File(path) => VaultKey::of_file(path, may_make)?,
            };
            *slot = Some(Loaded::new(&key)?);
        }
        match &*slot {
            Some(loaded) => f(loaded),
            None => Err(StoreError::Key("the key was let go".into())),
        }
    }

    /// Where the key comes from, for messages.
    fn place(&self) -> String {
        match &self.source {
            Source::File(path) => format!("the one in {}", path.display()),
            Source::Given(_) => "the one in SAYSO_KEY".to_owned(),
        }
    }
}

/// What is sealed along with a secret: whose it is, and what for.
fn along((account, purpose, owner): Whose<'_>) -> Vec<u8> {
    [&b"sayso"[..], &[VERSION, purpose.number()], &account.0.to_be_bytes(), owner.as_bytes()].concat()
}
