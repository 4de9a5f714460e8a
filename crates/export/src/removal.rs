//! Removing the files of exports that have ended, on a thread of its own: some gigabytes take a second, in which neither the caller who commits
//! should wait nor anybody whose export ends behind that one.

use std::sync::{Arc, mpsc};

use crate::{record::Key, registry::Inner};

/// What the remover is told.
#[derive(Debug)]
pub(crate) enum Removal {
    /// The files of an export that were put away.
    Files(Key),
    Stop,
}

/// The remover's thread. What waits when the engine stops is left to the next start, which removes what no job names.
pub(crate) fn run(inner: &Arc<Inner>, removals: &mpsc::Receiver<Removal>) {
    while let Ok(Removal::Files(key)) = removals.recv() {
        if inner.stop.is_set() {
            return;
        }
        let removed = inner.exports.remove(key);
        inner.room.left();
        if let Err(error) = removed {
            tracing::error!(token = %key.1, %error, "the files of an ended export could not be removed; the next start does it");
        }
    }
}
