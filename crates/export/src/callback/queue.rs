//! The callbacks that wait, for who delivers them.

use parking_lot::Mutex;
use sayso_model::{id::AccountNo, moment::Moment};
use sayso_store::Store;
use tokio::sync::mpsc;

use super::{Callback, Step, WebhookId};
use crate::{ExportError, audit};

/// The callbacks of a data directory.
#[derive(Clone)]
pub struct Callbacks {
    store: Store,
}

/// What is known of a callback without its record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Queued {
    pub account: AccountNo,
    pub id: WebhookId,
    pub url: String,
    pub next: Moment,
}

impl From<&Callback> for Queued {
    fn from(callback: &Callback) -> Self {
        Self { account: callback.account, id: callback.id, url: callback.url.clone(), next: callback.next }
    }
}

impl Callbacks {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    /// Calls `each` for every one that waits. One whose record is damaged is told in the log and left for `sayso check`.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn each(&self, mut each: impl FnMut(Queued)) -> Result<(), ExportError> {
        for record in self.store.all_callbacks()? {
            match record.and_then(|record| Callback::decode(&record)) {
                Ok(callback) => each(Queued::from(&callback)),
                Err(error) => tracing::error!(%error, "a callback can't be read and isn't delivered"),
            }
        }
        Ok(())
    }

    /// One, as it waits now; `None` when it doesn't any more.
    ///
    /// # Errors
    /// When the store can't be read, or the record is damaged.
    pub fn get(&self, account: AccountNo, id: WebhookId) -> Result<Option<Callback>, ExportError> {
        let record = self.store.callback(account, &id.0)?;
        Ok(record.map(|record| Callback::decode(&record)).transpose()?)
    }

    /// Writes down what follows from an attempt. Kept on a full disk, too: the record is as long as before, or goes.
    ///
    /// # Errors
    /// When it could not be kept; the callback then waits as it did.
    pub async fn write_down(&self, callback: &Callback, step: Step) -> Result<(), ExportError> {
        let (account, id) = (callback.account, callback.id.0);
        let waits = match &step {
            Step::Delivered | Step::Dead(_) => None,
            Step::Waits(callback) => Some(callback.encode()?),
        };
        let ended = audit::of_callback(callback, &step);
        let written = self.store.export_upkeep(move |records| {
            match waits {
                Some(record) => records.put_callback(account, &id, &record)?,
                None => records.remove_callback(account, &id)?,
            }
            ended.iter().try_for_each(|entry| records.audit(account, entry))
        });
        Ok(written.await?)
    }
}

/// Where the engine tells of callbacks that it has just put; nobody listens in a process that delivers none.
#[derive(Debug, Default)]
pub(crate) struct Bell(Mutex<Option<mpsc::UnboundedSender<Queued>>>);

impl Bell {
    /// From now on; an earlier listener hears no more.
    pub fn listen(&self) -> mpsc::UnboundedReceiver<Queued> {
        let (told, heard) = mpsc::unbounded_channel();
        *self.0.lock() = Some(told);
        heard
    }

    pub fn ring(&self, callbacks: impl IntoIterator<Item = Queued>) {
        let listener = self.0.lock();
        if let Some(told) = &*listener {
            // A listener that has gone finds them in the store when it comes back.
            callbacks.into_iter().for_each(|queued| drop(told.send(queued)));
        }
    }
}
