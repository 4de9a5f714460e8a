//! Removing the files of exports that have ended, on a thread of its own: some gigabytes take a second, in which neither the caller who commits
//! should wait nor anybody whose export ends behind that one. Closing takes as long, where a file has no name any more.

use std::{
    path::PathBuf,
    sync::{Arc, mpsc},
};

use crate::{files, open::OpenExport, registry::Inner, room::Leaving};

/// What the remover is told.
pub(crate) enum Removal {
    /// Files that were put away.
    Files(PathBuf, Leaving),
    /// An export that has ended and was open: to be told before its files, which are freed only when nobody has them open.
    Open(Arc<OpenExport>, Leaving),
    Stop,
}

/// The remover's thread. What waits when the engine stops is left to the next start, which removes what no job names.
pub(crate) fn run(inner: &Arc<Inner>, removals: &mpsc::Receiver<Removal>) {
    for removal in removals {
        if inner.stop.is_set() {
            return;
        }
        match removal {
            Removal::Files(files, _leaving) => {
                if let Err(error) = files::remove(&files) {
                    tracing::error!(%error, "files that no export needs could not be removed; the next start does it");
                }
            }
            Removal::Open(open, _leaving) => drop(open),
            Removal::Stop => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Weak,
            mpsc::{Receiver, Sender, channel},
        },
        thread,
    };

    use sayso_model::id::AccessToken;

    use super::*;
    use crate::{
        Engine, Settings,
        sweep::sweep,
        testing::{DAY, LONG, Sandbox, aside, done},
    };

    /// Tells, when it is dropped, on which thread that is and whether others could open an export meanwhile.
    struct Closing {
        inner: Weak<Inner>,
        told: Sender<(String, bool)>,
    }

    impl Drop for Closing {
        fn drop(&mut self) {
            let is_free = self.inner.upgrade().is_some_and(|inner| inner.open.try_lock().is_some());
            let thread = thread::current().name().unwrap_or_default().to_owned();
            self.told.send((thread, is_free)).ok();
        }
    }

    /// A complete export.
    async fn made(sandbox: &Sandbox, engine: &Engine) -> AccessToken {
        let token = engine.initiate(sandbox.request("Everyone")).await.unwrap();
        done(engine, &sandbox.caller(), token).await;
        token
    }

    /// Opens it as a page would; gives how it is closed.
    fn open(sandbox: &Sandbox, engine: &Engine, token: AccessToken) -> Receiver<(String, bool)> {
        let (inner, key) = (engine.inner(), (sandbox.account.no, token));
        let (told, closed) = channel();
        let closing = Closing { inner: Arc::downgrade(inner), told };
        let has_room = move |_: u64| {
            let _lives_as_long = &closing;
            true
        };
        let open = OpenExport::open(key, &inner.exports.folder(key), Box::new(has_room)).unwrap();
        inner.open.lock().insert(key, Arc::new(open));
        closed
    }

    #[tokio::test]
    async fn the_sweeper_closes_nothing_while_others_wait_to_open_something() {
        let sandbox = Sandbox::new();
        let engine = sandbox.engine_with(Settings { kept_files_life_ms: DAY, ..Settings::default() });
        let sweep = |round| assert_eq!(aside(|| sweep(engine.inner(), round)).len(), 0);
        let is_free = |closed: &Receiver<(String, bool)>| closed.recv_timeout(LONG).unwrap().1;

        let closed = open(&sandbox, &engine, made(&sandbox, &engine).await);
        sweep(2);
        assert!(is_free(&closed), "what wasn't used for a round");
        let kept = made(&sandbox, &engine).await;
        engine.commit(&sandbox.caller(), kept, true).await.unwrap();
        let closed = open(&sandbox, &engine, kept);
        sandbox.advance(DAY);
        sweep(0);
        assert!(is_free(&closed), "what was kept for a day");
        let closed = open(&sandbox, &engine, made(&sandbox, &engine).await);
        sandbox.advance(8 * DAY);
        sweep(0);
        assert!(is_free(&closed), "what is forgotten");
    }

    #[tokio::test]
    async fn an_export_that_ends_is_closed_by_the_remover_and_not_by_who_ends_it() {
        let sandbox = Sandbox::new();
        let engine = sandbox.engine();
        for keep_files in [false, true] {
            let token = made(&sandbox, &engine).await;
            let closed = open(&sandbox, &engine, token);
            engine.commit(&sandbox.caller(), token, keep_files).await.unwrap();
            assert_eq!(closed.recv_timeout(LONG).unwrap(), ("export-remove".to_owned(), true));
        }
    }
}
