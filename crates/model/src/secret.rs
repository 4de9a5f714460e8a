//! Text that nobody but its owner may see: a client's secret, a token, a key. It has neither Debug nor Display, so that no log line, no error
//! and no panic can show it by accident (access.md, Kept safe), and its memory is overwritten when it is dropped, so that neither a core
//! file nor the next owner of the memory has it.

use zeroize::Zeroizing;

/// Such a text.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes it over; no other copy is made.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text. Whoever asks for it answers for where it goes.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}
