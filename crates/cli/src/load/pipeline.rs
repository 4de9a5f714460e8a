//! Chunks → parsed, and where the load is alone prepared, on all cores → in order again → batches in the store. Used by `load` and
//! by `demo`.

use std::{
    collections::BTreeMap,
    sync::{
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::{self, Receiver, SyncSender},
    },
    thread,
};

use anyhow::Context;
use sayso_model::{
    id::{AccountNo, Author},
    input::{ProfileInput, parse_profile},
};
use sayso_store::{Store, cores, load::Loader};

use super::{
    alone::{Alone, Ready},
    beside::Beside,
    lines::{Chunk, LONGEST_LINE, Line, Source},
    rejected::Rejected,
};
use crate::{out, stop::Stop};

/// Chunks that may be worked on ahead while a batch is put: so many that the cores which the putting leaves free have work, and
/// few enough to bound memory (a chunk and what is prepared of it have about 1 MB).
const CHUNKS_AHEAD: usize = 40;

/// Where profiles go.
pub struct Target<'a> {
    /// The store.
    pub store: &'a Store,
    /// The account.
    pub account: AccountNo,
    /// Who is said to write them.
    pub author: &'a Author,
    /// Whether the caller holds the directory as its server and serves nobody yet. Else it is seen whether a server runs.
    pub alone: bool,
}

/// What is done; counted when it is on disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Lines seen, blank ones apart.
    pub lines: u64,
    /// Profiles on disk.
    pub loaded: u64,
    /// Lines that were not taken.
    pub rejected: u64,
    /// The last line of which this tells.
    pub last_line: u64,
}

/// A load that stopped before its end; what is in the totals is on disk.
#[derive(Debug)]
pub struct Failure {
    /// Why.
    pub error: anyhow::Error,
    /// What was done before.
    pub totals: Totals,
}

/// A chunk with what each of its lines was read as.
pub(super) struct Parsed {
    pub chunk: Chunk,
    pub read: Vec<Result<ProfileInput, String>>,
}

/// What a worker sends.
enum Work {
    Parsed(Parsed),
    Ready(Ready),
}

impl Work {
    fn sequence(&self) -> u64 {
        match self {
            Work::Parsed(parsed) => parsed.chunk.sequence,
            Work::Ready(ready) => ready.chunk.sequence,
        }
    }
}

/// To whom it is told what becomes of the lines.
pub(super) struct Tell<'a> {
    rejected: &'a mut dyn FnMut(Rejected<'_>) -> anyhow::Result<()>,
    progress: &'a mut dyn FnMut(&Totals),
}

impl Tell<'_> {
    /// A line that was not taken.
    pub(super) fn rejected(&mut self, line: u64, reason: &str, text: &[u8]) -> anyhow::Result<()> {
        (self.rejected)(Rejected { line, reason: reason.to_owned(), text })
    }

    /// How far it is.
    pub(super) fn progress(&mut self, totals: &Totals) {
        (self.progress)(totals);
    }
}

/// Loads everything the source gives, until its end or until it is asked to stop; then the batch in hand is still put. A rejected
/// line is told when its batch is on disk, in the order of the lines.
///
/// # Errors
/// When the source can't be read further, a batch can't be kept, or a rejected line can't be told.
pub fn run(
    target: &Target<'_>,
    source: &dyn Source,
    stop: &Stop,
    rejected: &mut dyn FnMut(Rejected<'_>) -> anyhow::Result<()>,
    progress: &mut dyn FnMut(&Totals),
) -> Result<Totals, Failure> {
    let mut totals = Totals::default();
    let mut tell = Tell { rejected, progress };
    match load(target, source, stop, &mut totals, &mut tell) {
        Ok(()) => Ok(totals),
        Err(error) => Err(Failure { error, totals }),
    }
}

fn load(
    target: &Target<'_>,
    source: &dyn Source,
    stop: &Stop,
    totals: &mut Totals,
    tell: &mut Tell<'_>,
) -> anyhow::Result<()> {
    let is_alone = target.alone || !target.store.server_is_running();
    let loader = is_alone.then(|| target.store.loader(target.account, target.author, target.alone)).transpose()?;
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let (send, receive) = mpsc::sync_channel(CHUNKS_AHEAD);
        for _ in 0..cores() {
            let (send, ended, loader) = (send.clone(), &ended, loader.as_ref());
            scope.spawn(move || work(source, loader, stop, ended, &send));
        }
        drop(send);
        let outcome = gather(target, source, loader.as_ref(), receive, totals, tell);
        ended.store(true, Relaxed);
        outcome
    })?;
    loader.map_or(Ok(()), |loader| Ok(loader.finish()?))
}

fn work(
    source: &dyn Source,
    loader: Option<&Loader>,
    stop: &Stop,
    ended: &AtomicBool,
    send: &SyncSender<anyhow::Result<Work>>,
) {
    while !stop.asked() && !ended.load(Relaxed) {
        let sent = match source.next() {
            Ok(None) => return,
            Ok(Some(chunk)) => match loader {
                Some(loader) => Ready::new(chunk, loader).map(Work::Ready),
                None => Ok(Work::Parsed(parse(chunk))),
            },
            Err(error) => Err(error).context("the input can't be read further"),
        };
        let failed = sent.is_err();
        // Nobody receives any more once the load has failed.
        if send.send(sent).is_err() || failed {
            return;
        }
    }
}

/// Reads the lines of a chunk.
pub(super) fn parse(chunk: Chunk) -> Parsed {
    let read = chunk.lines.iter().map(|line| read_line(&chunk, line)).collect();
    Parsed { chunk, read }
}

/// Reads one of them.
pub(super) fn read_line(chunk: &Chunk, line: &Line) -> Result<ProfileInput, String> {
    if line.overlong {
        return Err(format!("the line is longer than {}; the longest that is taken", out::bytes(LONGEST_LINE as u64)));
    }
    read(chunk.text(line))
}

fn read(text: &[u8]) -> Result<ProfileInput, String> {
    parse_profile(text).map_err(|refusal| match std::str::from_utf8(text) {
        Ok(_) => refusal.to_string(),
        Err(error) => format!("not UTF-8 at byte {} of the line", error.valid_up_to() + 1),
    })
}

fn gather(
    target: &Target<'_>,
    source: &dyn Source,
    loader: Option<&Loader>,
    receive: Receiver<anyhow::Result<Work>>,
    totals: &mut Totals,
    tell: &mut Tell<'_>,
) -> anyhow::Result<()> {
    let mut beside = Beside::new(target);
    let mut alone = Alone::new(loader, source);
    let mut early: BTreeMap<u64, Work> = BTreeMap::new();
    let mut next = 0;
    let mut failed = None;
    for sent in receive {
        match sent {
            Ok(work) => {
                early.insert(work.sequence(), work);
            }
            // Chunks read before may still be on their way: they count.
            Err(error) => failed = Some(error),
        }
        while let Some(work) = early.remove(&next) {
            next += 1;
            match work {
                Work::Parsed(parsed) => beside.add(parsed, totals, tell)?,
                Work::Ready(ready) => alone.add(ready, &mut beside, totals, tell)?,
            }
        }
        tell.progress(totals);
    }
    alone.put(&mut beside, totals, tell)?;
    beside.put(totals, tell)?;
    failed.map_or(Ok(()), Err)
}
