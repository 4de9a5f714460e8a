//! The one thread that writes: it takes as many functions as are waiting into one transaction, commits once, and answers
//! them all. An answered write is on disk (house.md, Group commit).

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use heed::RwTxn;
use parking_lot::Mutex;
use sayso_model::{id::AccountNo, moment::Moment};
use tokio::sync::oneshot;

use crate::{
    Clock, StoreError,
    account::{Account, Accounts},
    engine::{Databases, Engine, OrEngine, Read},
    meta::{self, Numbers},
    terms::Dictionary,
};

/// Writes that share one commit at most: bounds how long the first of them waits.
const BATCH: usize = 1_024;
/// Free bytes below which nothing is committed: the engine needs room to write a commit aside before it counts.
const RESERVE: u64 = 8 << 20;

type Answer = Box<dyn FnOnce(Result<(), &StoreError>) + Send>;
type Function = Box<dyn FnOnce(&mut Work<'_>) -> (Answer, Fate) + Send>;

/// What becomes of the transaction after a function has run.
enum Fate {
    /// Its puts, if any, may be committed.
    Sound,
    /// It failed in the middle: nothing of the transaction may be kept.
    Broken,
}

enum Message {
    Write(Function),
    /// Needs a transaction of its own, with nothing uncommitted before it.
    Alone(Function),
}

/// The handle on the writer thread; dropping it lets the thread finish what waits.
pub(crate) struct Writer {
    queue: Option<Mutex<Sender<Message>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(
        engine: Arc<Engine>,
        clock: Arc<dyn Clock>,
        accounts: Arc<Accounts>,
    ) -> Result<Self, StoreError> {
        let (queue, messages) = channel();
        let thread = std::thread::Builder::new()
            .name("writer".into())
            .spawn(move || State { engine, clock, accounts, dictionaries: HashMap::new() }.run(&messages))
            .map_err(|e| StoreError::Engine(format!("the writer thread can't be started: {e}")))?;
        Ok(Self { queue: Some(Mutex::new(queue)), thread: Some(thread) })
    }

    /// Hands a function over; what it gives comes when it is on disk. A refusal must come before its first put.
    pub(crate) fn submit<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Work<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> oneshot::Receiver<Result<T, StoreError>> {
        let (tx, rx) = oneshot::channel();
        self.send(f, Message::Write, |result| drop(tx.send(result)));
        rx
    }

    /// The same in a transaction of its own, between two commits.
    pub(crate) fn submit_alone<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Work<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> oneshot::Receiver<Result<T, StoreError>> {
        let (tx, rx) = oneshot::channel();
        self.send(f, Message::Alone, |result| drop(tx.send(result)));
        rx
    }

    /// Hands a function over and waits for it. A channel of the standard library, since callers may be inside of a runtime.
    pub(crate) fn submit_and_wait<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Work<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (tx, rx) = sync_channel(1);
        self.send(f, Message::Write, move |result| drop(tx.send(result)));
        rx.recv().unwrap_or(Err(StoreError::Closing))
    }

    fn send<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Work<'_>) -> Result<T, StoreError> + Send + 'static,
        message: impl FnOnce(Function) -> Message,
        deliver: impl FnOnce(Result<T, StoreError>) + Send + 'static,
    ) {
        let function: Function = Box::new(move |work| {
            let result = f(work);
            let fate = match &result {
                Ok(_) | Err(StoreError::Refused(_) | StoreError::RefusedAll(_) | StoreError::NoAccount(_)) => {
                    Fate::Sound
                }
                Err(_) => Fate::Broken,
            };
            let answer: Answer = Box::new(move |commit| {
                // A refusal stands whatever became of the commit that it shared.
                deliver(match (result, commit) {
                    (Ok(_), Err(e)) => Err(StoreError::NotKept(e.to_string())),
                    (result, _) => result,
                });
            });
            (answer, fate)
        });
        if let Some(queue) = &self.queue {
            // When the thread is gone the function is dropped unrun, and its channel says so.
            let _ = queue.lock().send(message(function));
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // The last handle may be dropped by the writer itself, at the end of a function that held one.
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

/// What lives as long as the thread.
struct State {
    engine: Arc<Engine>,
    clock: Arc<dyn Clock>,
    accounts: Arc<Accounts>,
    dictionaries: HashMap<AccountNo, Dictionary>,
}

impl State {
    fn run(mut self, messages: &Receiver<Message>) {
        let mut cleared = Instant::now();
        let mut next = None;
        loop {
            let first = match next.take() {
                Some(message) => message,
                None => match messages.recv_timeout(Duration::from_secs(60)) {
                    Ok(message) => message,
                    Err(RecvTimeoutError::Timeout) => {
                        self.clear_dead_readers(&mut cleared);
                        continue;
                    }
                    Err(RecvTimeoutError::Disconnected) => return,
                },
            };
            let mut batch = Vec::new();
            match first {
                Message::Alone(function) => batch.push(function),
                Message::Write(function) => {
                    batch.push(function);
                    while batch.len() < BATCH {
                        match messages.try_recv() {
                            Ok(Message::Write(function)) => batch.push(function),
                            Ok(alone) => {
                                next = Some(alone);
                                break;
                            }
                            Err(_) => break,
                        }
                    }
                }
            }
            metrics::histogram!("sayso_writes_per_commit").record(batch.len() as f64);
            self.commit(batch);
            self.clear_dead_readers(&mut cleared);
        }
    }

    fn clear_dead_readers(&self, cleared: &mut Instant) {
        if cleared.elapsed() >= Duration::from_secs(60) {
            *cleared = Instant::now();
            if let Err(e) = self.engine.env.clear_stale_readers() {
                tracing::warn!(error = %e, "dead readers could not be cleared");
            }
        }
    }

    /// Runs a batch in one transaction and answers it.
    fn commit(&mut self, batch: Vec<Function>) {
        let started = Instant::now();
        let mut answers = Vec::with_capacity(batch.len());
        let outcome = self.transaction(batch, &mut answers);
        if let Err(e) = &outcome {
            // What was remembered may have been read from what is now undone.
            self.dictionaries.clear();
            self.accounts.forget();
            tracing::error!(error = %e, writes = answers.len(), "a commit was not kept");
        }
        metrics::histogram!("sayso_commit_seconds").record(started.elapsed().as_secs_f64());
        metrics::counter!("sayso_commits_total").increment(1);
        for answer in answers {
            answer(outcome.as_ref().map(|_| ()));
        }
    }

    fn transaction(&mut self, batch: Vec<Function>, answers: &mut Vec<Answer>) -> Result<(), StoreError> {
        // A function that is dropped unrun drops its sender: its caller learns that the store is closing or failed.
        let txn = self.engine.env.write_txn().or_engine()?;
        let mut work = Work {
            engine: &self.engine,
            dbs: &self.engine.dbs,
            txn,
            clock: &self.clock,
            accounts: &self.accounts,
            dictionaries: &mut self.dictionaries,
            stamp: None,
            numbers: HashMap::new(),
        };
        let mut broken = None;
        for function in batch {
            match catch_unwind(AssertUnwindSafe(|| function(&mut work))) {
                Ok((answer, Fate::Sound)) => answers.push(answer),
                Ok((answer, Fate::Broken)) => {
                    answers.push(answer);
                    broken = Some("another write in the same commit failed".to_string());
                }
                Err(_) => broken = Some("a write panicked; this is a defect, see the log".to_string()),
            }
        }
        if let Some(why) = broken {
            return Err(StoreError::Engine(why));
        }
        work.finish()?;
        let free = self.engine.free_disk()?;
        if free < RESERVE {
            return Err(StoreError::NotKept(format!(
                "the disk of {} has {free} bytes left and {RESERVE} are kept free; make room and try again",
                self.engine.dir().display()
            )));
        }
        work.txn.commit().or_engine()
    }
}

/// What a function handed to the writer works with: the transaction, and what is read in it once.
pub(crate) struct Work<'w> {
    pub engine: &'w Arc<Engine>,
    pub dbs: &'w Databases,
    pub txn: RwTxn<'w>,
    clock: &'w Arc<dyn Clock>,
    accounts: &'w Arc<Accounts>,
    dictionaries: &'w mut HashMap<AccountNo, Dictionary>,
    /// The last stamp given in this transaction.
    stamp: Option<Moment>,
    numbers: HashMap<AccountNo, (Numbers, bool)>,
}

impl Work<'_> {
    /// The transaction, for reading.
    pub(crate) fn read(&self) -> &Read<'_> {
        &self.txn
    }

    /// The stamp of a write: now, and never before a stamp that was given already, by whatever process (house.md).
    pub(crate) fn stamp(&mut self) -> Result<Moment, StoreError> {
        let last = match self.stamp {
            Some(last) => last,
            None => meta::last_stamp(self.dbs, &self.txn)?,
        };
        let now = self.clock.now().max(last);
        self.stamp = Some(now);
        Ok(now)
    }

    /// The present moment for what is not a profile's stamp (tokens, jobs).
    pub(crate) fn now(&self) -> Moment {
        self.clock.now()
    }

    /// The numbers of an account.
    pub(crate) fn numbers(&mut self, no: AccountNo) -> Result<Numbers, StoreError> {
        if let Some((numbers, _)) = self.numbers.get(&no) {
            return Ok(*numbers);
        }
        let numbers = meta::numbers(self.dbs, &self.txn, no)?.ok_or_else(|| StoreError::NoAccount(no.to_string()))?;
        self.numbers.insert(no, (numbers, false));
        Ok(numbers)
    }

    /// Changes the numbers of an account; written when the transaction ends.
    pub(crate) fn set_numbers(&mut self, no: AccountNo, numbers: Numbers) {
        self.numbers.insert(no, (numbers, true));
    }

    /// The account as this transaction has it.
    pub(crate) fn account(&mut self, no: AccountNo) -> Result<Account, StoreError> {
        let version = self.numbers(no)?.version;
        self.accounts.at(self.dbs, &self.txn, no, version)?.ok_or_else(|| StoreError::NoAccount(no.to_string()))
    }

    /// The dictionary of an account as this transaction has it, with the terms that other processes added.
    pub(crate) fn dictionary(&mut self, no: AccountNo) -> Result<&Dictionary, StoreError> {
        let next = self.numbers(no)?.next_term;
        let dictionary = self.dictionaries.entry(no).or_default();
        dictionary.catch_up(self.dbs, &self.txn, no, next)?;
        Ok(dictionary)
    }

    /// The ids of these terms; new ones are added to the dictionary.
    pub(crate) fn term_ids(&mut self, no: AccountNo, terms: &[String]) -> Result<Vec<u32>, StoreError> {
        self.dictionary(no)?;
        let mut numbers = self.numbers(no)?;
        let before = numbers.next_term;
        let dictionary = self.dictionaries.entry(no).or_default();
        let mut ids = Vec::with_capacity(terms.len());
        for term in terms {
            ids.push(match dictionary.id(term) {
                Some(id) => id,
                None => dictionary.add(self.dbs, &mut self.txn, no, &mut numbers.next_term, term)?,
            });
        }
        if numbers.next_term != before {
            self.set_numbers(no, numbers);
        }
        Ok(ids)
    }

    /// Writes what was only remembered.
    fn finish(&mut self) -> Result<(), StoreError> {
        if let Some(stamp) = self.stamp {
            meta::put_last_stamp(self.dbs, &mut self.txn, stamp)?;
        }
        for (no, (numbers, changed)) in &self.numbers {
            if *changed {
                meta::put_numbers(self.dbs, &mut self.txn, *no, *numbers)?;
            }
        }
        Ok(())
    }
}
