//! Removing the files of exports that have ended, on a thread of its own: some gigabytes take a second, in which neither the caller who commits
//! should wait nor anybody whose export ends behind that one.

use std::sync::{Arc, mpsc};

use crate::{record::Key, registry::Inner, room::Leaving};

/// What the remover is told.
#[derive(Debug)]
pub(crate) enum Removal {
    /// The files of an export that were put away.
    Files(Key, Leaving),
    Stop,
}

/// The remover's thread. What waits when the engine stops is left to the next start, which removes what no job names.
pub(crate) fn run(inner: &Arc<Inner>, removals: &mpsc::Receiver<Removal>) {
    while let Ok(Removal::Files(key, _leaving)) = removals.recv() {
        if inner.stop.is_set() {
            return;
        }
        if let Err(error) = inner.exports.remove(key) {
            tracing::error!(token = %key.1, %error, "the files of an ended export could not be removed; the next start does it");
        }
    }
}
