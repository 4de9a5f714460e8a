//! The loop that delivers: takes whose turn it is, makes attempts beside one another, writes down what follows from each.

use std::{collections::HashMap, sync::Arc, time::Duration};

use aws_lc_rs::hmac;
use sayso_export::{
    Engine, ExportError,
    callback::{Callback, Callbacks, Dead, Outcome, Queued, Step},
};
use sayso_model::moment::Moment;
use sayso_store::{Store, StoreError};
use tokio::{
    sync::{mpsc, oneshot},
    task::{JoinHandle, JoinSet},
};

use crate::{
    CallbackError,
    policy::Policy,
    post::{Attempt, Message, Poster},
    resolve, sign,
    turns::{Turn, Turns},
};

/// Between two looks at the clock while something waits. The clock may be a file, so there is no moment to sleep to.
const TICK: Duration = Duration::from_millis(200);
/// After which an attempt that could not be written down is made again, ms.
const AGAIN_MS: i64 = 5_000;
/// How long attempts under way may go on when the server stops.
const GRACE: Duration = Duration::from_secs(2);

/// What an operator may set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which addresses may be called.
    pub policy: Policy,
    /// How long an answer may take (export.md: 10 s).
    pub timeout: Duration,
    /// Certificates in PEM that are trusted beside the machine's own.
    pub ca: Option<Vec<u8>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { policy: Policy::default(), timeout: Duration::from_secs(10), ca: None }
    }
}

/// Delivers until it is stopped.
pub struct Worker {
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

/// What attempts share.
struct Shared {
    store: Store,
    callbacks: Callbacks,
    poster: Poster,
}

impl Worker {
    /// Starts it on the present runtime: first what waits from before, then what comes.
    ///
    /// # Errors
    /// When the queue can't be read, or the certificates can't be taken.
    pub fn start(store: &Store, engine: &Engine, settings: Settings) -> Result<Worker, CallbackError> {
        describe();
        let Settings { policy, timeout, ca } = settings;
        let poster = Poster::new(policy, timeout, ca.as_deref(), &resolve::of_the_machine())?;
        // Listens before it looks: what comes in between is seen twice rather than never.
        let (callbacks, heard) = engine.callbacks();
        let mut turns = Turns::default();
        callbacks.each(|queued| turns.put(queued))?;
        let shared = Arc::new(Shared { store: store.clone(), callbacks, poster });
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(run(shared, turns, heard, stopped));
        Ok(Worker { stop, running })
    }

    /// Starts no more attempts and waits a moment for those under way; one that is broken off is made again after the next start.
    pub async fn stop(self) {
        // Fails only when the loop has ended already.
        let _ = self.stop.send(());
        if self.running.await.is_err() {
            tracing::error!("the delivery of callbacks had ended by a fault in the program");
        }
    }
}

async fn run(
    shared: Arc<Shared>,
    mut turns: Turns,
    mut heard: mpsc::UnboundedReceiver<Queued>,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut attempts = JoinSet::new();
    let mut under_way = HashMap::new();
    loop {
        let now = shared.store.clock().now();
        while let Some(turn) = turns.take(now) {
            let attempt = attempts.spawn(attempt(Arc::clone(&shared), turn.clone()));
            under_way.insert(attempt.id(), turn);
        }
        metrics::gauge!("sayso_callbacks_waiting").set(turns.count() as f64);
        tokio::select! {
            _ = &mut stopped => break,
            Some(queued) = heard.recv() => turns.put(queued),
            Some(ended) = attempts.join_next_with_id() => {
                let (id, next) = ended.unwrap_or_else(|error| {
                    tracing::error!(%error, "a delivery ended by a fault in the program");
                    (error.id(), Some(Moment(now.0.saturating_add(AGAIN_MS))))
                });
                under_way.remove(&id).into_iter().for_each(|turn| turns.over(turn, next));
            }
            () = tokio::time::sleep(TICK), if turns.any_waits() => {}
        }
    }
    let ended = async { while attempts.join_next().await.is_some() {} };
    // What isn't done by then is dropped with the set.
    let _ = tokio::time::timeout(GRACE, ended).await;
}

/// One turn; gives when the callback is to be tried again.
async fn attempt(shared: Arc<Shared>, turn: Turn) -> Option<Moment> {
    match shared.callbacks.get(turn.account(), turn.id) {
        Ok(None) => None,
        Ok(Some(callback)) => shared.deliver(&callback, turn.host()).await,
        Err(error) => {
            let next = after_unread(&error, shared.store.clock().now());
            let then = if next.is_some() { "it is tried again" } else { "it isn't delivered" };
            tracing::error!(%error, "a callback can't be read; {then}");
            next
        }
    }
}

/// When a callback that can't be read is tried again: what is wrong with its record stays so, what is wrong with the store may pass.
fn after_unread(error: &ExportError, now: Moment) -> Option<Moment> {
    let is_the_records = matches!(error, ExportError::Store(StoreError::Damaged(_) | StoreError::Version(_)));
    (!is_the_records).then(|| Moment(now.0.saturating_add(AGAIN_MS)))
}

impl Shared {
    async fn deliver(&self, callback: &Callback, host: &str) -> Option<Moment> {
        let attempt = match self.keys(callback).await {
            Ok(keys) => {
                let id = callback.id.to_string();
                let message = Message { url: &callback.url, id: &id, body: &callback.body };
                self.poster.post(message, &keys, self.store.clock().now()).await
            }
            Err(why) => {
                Attempt { outcome: Outcome::Failed { retry_after_s: None }, told: format!("it can't be signed: {why}") }
            }
        };
        let now = self.store.clock().now();
        let step = callback.after(attempt.outcome, now, chance());
        let next = if let Step::Waits(callback) = &step { Some(callback.next) } else { None };
        if let Err(error) = self.callbacks.write_down(callback, step.clone()).await {
            tracing::error!(token = %callback.token, %error, "what became of a callback could not be written down; it is called again");
            return Some(Moment(now.0.saturating_add(AGAIN_MS)));
        }
        tell(callback, host, &attempt, &step);
        next
    }

    /// What signs the account's callbacks now.
    async fn keys(&self, callback: &Callback) -> Result<Vec<hmac::Key>, StoreError> {
        let mut secrets = self.store.webhook_secrets(callback.account)?;
        if secrets.is_empty() {
            self.store.ensure_webhook_secret(callback.account).await?;
            secrets = self.store.webhook_secrets(callback.account)?;
        }
        let damaged = || StoreError::Damaged("the secret of an account's callbacks is of another form".to_owned());
        secrets.iter().map(|secret| sign::key(secret.reveal()).ok_or_else(damaged)).collect()
    }
}

/// Counts and logs. Of the URL only host and port: path and query may be secrets.
fn tell(callback: &Callback, host: &str, attempt: &Attempt, step: &Step) {
    let (token, why, attempts) = (callback.token, attempt.told.as_str(), callback.attempts.saturating_add(1));
    let became = match step {
        Step::Delivered => {
            tracing::info!(%token, host, attempts, "a callback was delivered");
            "delivered"
        }
        Step::Dead(dead) => {
            let reason = match dead {
                Dead::Gone => "its receiver wants none",
                Dead::TriedLongEnough => "it was tried for 24 h",
            };
            tracing::error!(%token, host, attempts, why, "a callback is given up: {reason}");
            "dead"
        }
        Step::Waits(next) => {
            tracing::warn!(%token, host, attempts, why, next = %next.next, "a callback was not taken; it is tried again");
            "failed"
        }
    };
    metrics::counter!("sayso_callbacks_total", "became" => became).increment(1);
}

fn describe() {
    metrics::describe_counter!(
        "sayso_callbacks_total",
        "Attempts to deliver a callback, by what became of it: delivered, failed (tried again), dead (given up)"
    );
    metrics::describe_gauge!("sayso_callbacks_waiting", "Callbacks that are not delivered yet");
}

/// By how much a wait is longer than it would be. Without random numbers not at all: only who failed together is then tried together.
fn chance() -> u8 {
    getrandom::u32().map_or(0, |n| n.to_le_bytes()[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_that_the_store_did_not_give_is_tried_again_and_a_damaged_one_is_not() {
        let now = Moment(1_000);
        for error in [StoreError::Engine("too many readers".into()), StoreError::NotKept("full".into())] {
            assert_eq!(after_unread(&error.into(), now), Some(Moment(1_000 + AGAIN_MS)));
        }
        for error in [StoreError::Damaged("a record".into()), StoreError::Version("newer".into())] {
            assert_eq!(after_unread(&error.into(), now), None);
        }
    }
}
