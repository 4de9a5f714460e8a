//! Steps between states: taken inside the store's writer, several in one transaction, and what follows from them: files put away,
//! handles let go, waiting callers told. A thread of its own takes those that come from places that may not wait, like a
//! connection that has just flushed its last frame.

use std::{
    collections::HashMap,
    sync::{Arc, mpsc},
};

use sayso_model::moment::Moment;
use sayso_store::StoreError;
use tokio::sync::oneshot;

use crate::{
    audit,
    block_on::block_on,
    callback::{Callback, Queued},
    job::State,
    open::Ending,
    record::{Change, Job, Key, decode, encode},
    registry::Inner,
    removal::Removal,
    sweep::remove_stale_files,
};

/// What became of a change.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The step was taken; this is the job now.
    Now(Box<Job>),
    /// The step is impossible from this state; nothing was written.
    Refused(State),
    /// There is no such job.
    Gone,
}

/// Where the outcome goes, if anywhere.
pub(crate) type Reply = oneshot::Sender<Result<Outcome, StoreError>>;

/// What the finisher is told.
#[derive(Debug)]
pub(crate) enum Message {
    Change(Key, Change, Option<Reply>),
    Stop,
}

/// Changes taken into one transaction, at most.
const TOGETHER: usize = 256;

/// The finisher's thread.
pub(crate) fn run(inner: &Arc<Inner>, messages: &mpsc::Receiver<Message>) {
    let mut stopping = false;
    while !stopping {
        let Ok(first) = messages.recv() else { return };
        let (mut changes, mut replies) = (Vec::new(), Vec::new());
        for message in std::iter::once(first).chain(std::iter::from_fn(|| messages.try_recv().ok())).take(TOGETHER) {
            match message {
                Message::Change(key, change, reply) => {
                    changes.push((key, change));
                    replies.push(reply);
                }
                Message::Stop => stopping = true,
            }
        }
        if changes.is_empty() {
            continue;
        }
        match inner.apply(changes) {
            Ok(outcomes) => {
                for (reply, outcome) in replies.into_iter().zip(outcomes) {
                    // A caller who has gone away needs no answer.
                    let _ = reply.map(|reply| reply.send(Ok(outcome)));
                }
            }
            Err(error) => {
                tracing::error!(%error, "the states of exports could not be written");
                for reply in replies.into_iter().flatten() {
                    let _ = reply.send(Err(StoreError::NotKept(error.to_string())));
                }
            }
        }
    }
}

impl Inner {
    /// Takes steps, all in one transaction, and does what follows from them (blocking). One that is impossible leaves the others.
    pub fn apply(&self, changes: Vec<(Key, Change)>) -> Result<Vec<Outcome>, StoreError> {
        let keys: Vec<Key> = changes.iter().map(|(key, _)| *key).collect();
        let written = block_on(self.write(changes, self.now()));
        let outcomes = written.map(|(outcomes, callbacks)| {
            self.callbacks.ring(callbacks);
            outcomes
        });
        for (at, key) in keys.iter().enumerate() {
            self.follow(*key, outcomes.as_ref().ok().map(|o| &o[at]));
        }
        outcomes
    }

    fn write(
        &self,
        changes: Vec<(Key, Change)>,
        now: Moment,
    ) -> impl Future<Output = Result<(Vec<Outcome>, Vec<Queued>), StoreError>> + Send + 'static {
        let settings = self.settings.clone();
        self.store.export_upkeep(move |records| {
            // Two changes of one job in one batch: the second sees what the first made of it.
            let mut jobs: HashMap<Key, Job> = HashMap::new();
            let mut outcomes = Vec::with_capacity(changes.len());
            let mut callbacks = Vec::new();
            let mut told = Vec::new();
            for (key, change) in &changes {
                if let std::collections::hash_map::Entry::Vacant(entry) = jobs.entry(*key)
                    && let Some(bytes) = records.get(key.0, key.1)?
                {
                    entry.insert(decode(&bytes)?);
                }
                outcomes.push(match jobs.get_mut(key) {
                    None => Outcome::Gone,
                    Some(job) => match job.advance(change, now, &settings) {
                        Ok(is_new) => {
                            if is_new {
                                callbacks.extend(Callback::of(job, now)?);
                                told.push((key.0, audit::changed(job, change)));
                            }
                            Outcome::Now(Box::new(job.clone()))
                        }
                        Err(impossible) => Outcome::Refused(impossible.state),
                    },
                });
            }
            // Every step leads away from Processing, so what was selected is needed no more.
            let changed = outcomes.iter().filter_map(|o| if let Outcome::Now(job) = o { Some(job) } else { None });
            let records_of: Vec<_> =
                changed.map(|job| Ok((job.key(), encode(job, None)?))).collect::<Result<_, StoreError>>()?;
            let callback_records: Vec<_> = callbacks.iter().map(Callback::encode).collect::<Result<_, StoreError>>()?;
            for ((account, token), record) in records_of {
                records.put(account, token, &record)?;
            }
            told.iter().try_for_each(|(account, entry)| records.audit(*account, entry))?;
            for (callback, record) in callbacks.iter().zip(callback_records) {
                records.put_callback(callback.account, &callback.id.0, &record)?;
            }
            Ok((outcomes, callbacks.iter().map(Queued::from).collect()))
        })
    }

    /// Ends the complete exports whose files aren't there, since a backup holds none, and forgets that others' were kept (blocking). What
    /// can't be written down now is found out by whoever reads the token.
    pub fn end_without_files(&self, jobs: &[Job]) {
        let now = self.now();
        let lost = jobs.iter().filter(|job| job.has_files_at(now) && !self.exports.folder(job.key()).is_dir());
        let (complete, kept): (Vec<&Job>, Vec<&Job>) = lost.partition(|job| job.state == State::Complete);
        let error = "its files are not in this data directory (a backup holds none); it has to be initiated again";
        for job in &complete {
            tracing::warn!(token = %job.token, error, "a complete export ends");
        }
        let failed = Change::GenerationFailed { error: error.into() };
        let changes: Vec<_> = complete.iter().map(|job| (job.key(), failed.clone())).collect();
        let ended = if changes.is_empty() { Ok(()) } else { self.apply(changes).map(drop) };
        if let Err(error) = ended.and_then(|()| remove_stale_files(self, kept.into_iter().cloned().collect())) {
            tracing::error!(%error, "the states of exports without files could not be written");
        }
    }

    /// What follows from an outcome; `None` when it could not be written, so that nothing has happened.
    fn follow(&self, key: Key, outcome: Option<&Outcome>) {
        let ending = match outcome {
            Some(Outcome::Now(job)) if !job.state.has_ended() => return,
            Some(_) => Ending::Done,
            None => Ending::No,
        };
        let open =
            if ending == Ending::Done { self.open.lock().remove(&key) } else { self.open.lock().get(&key).cloned() };
        let keeps_files = matches!(outcome, Some(Outcome::Now(job)) if job.has_files());
        let ended = matches!(outcome, Some(Outcome::Now(_) | Outcome::Gone));
        let files = if ended && !keeps_files { self.put_away(key) } else { None };
        // An engine that is being stopped closes it here, and leaves the files to the next start.
        if let Some(open) = open {
            open.last_block.send_modify(|state| state.ending = ending);
            let _ = self.remover.send(Removal::Open(open, self.room.leaving()));
        }
        if let Some(files) = files {
            let _ = self.remover.send(files);
        }
    }

    /// Takes the name from the files of an ended export, if there are any: these are to be removed.
    fn put_away(&self, key: Key) -> Option<Removal> {
        let leaving = self.room.leaving();
        let files = self.exports.put_away(key).unwrap_or_else(|error| {
            // The sweeper forgets the job in a week and the next start removes what no job names.
            tracing::error!(token = %key.1, %error, "the files of an ended export could not be put away");
            None
        });
        files.map(|files| Removal::Files(files, leaving))
    }
}
