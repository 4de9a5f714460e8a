//! Chunks → parsed on all cores → in order again → batches in the store. Used by `load` and by `demo`.

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
use sayso_store::{Store, StoreError};

use super::{
    lines::{Chunk, LONGEST_LINE, Line, Source},
    rejected::Rejected,
};
use crate::{out, stop::Stop};

/// Profiles of a batch beside a running server (house.md, Store): its writers wait for one batch at most.
const BATCH_BESIDE_A_SERVER: usize = 1_000;
/// Profiles of a batch when nobody else writes: the index entries of many profiles, put in order, touch fewer pages, but what a
/// batch holds in memory is touched anew for each, and above 10,000 that costs more than is won (measured: 25,000 took half
/// as much processor time again).
const BATCH_ALONE: usize = 10_000;
/// A batch ends early at this many bytes of lines, so that big profiles take no more memory than many small ones.
const BATCH_BYTES: usize = 64 << 20;

/// Chunks that may be parsed ahead while a batch is put: about a batch of them, so that the cores which the putting leaves free
/// have work, and few enough to bound memory.
const CHUNKS_AHEAD: usize = 64;

/// How many profiles go into one transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Batch {
    /// Few while a server runs, many while none does; asked again for every batch.
    ForStore,
    /// Many: the caller knows that nobody waits.
    Large,
}

/// Where profiles go.
pub struct Target<'a> {
    /// The store.
    pub store: &'a Store,
    /// The account.
    pub account: AccountNo,
    /// Who is said to write them.
    pub author: &'a Author,
    /// How many at a time.
    pub batch: Batch,
}

impl Target<'_> {
    fn batch_size(&self) -> usize {
        match self.batch {
            Batch::ForStore if self.store.server_is_running() => BATCH_BESIDE_A_SERVER,
            _ => BATCH_ALONE,
        }
    }
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

/// A chunk whose lines have been read.
struct Parsed {
    chunk: Chunk,
    lines: Vec<(Line, Result<ProfileInput, String>)>,
}

/// What a worker sends.
type Sent = Result<Parsed, std::io::Error>;

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
    let workers = thread::available_parallelism().map_or(2, usize::from);
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let (send, receive) = mpsc::sync_channel(CHUNKS_AHEAD);
        for _ in 0..workers {
            let (send, ended) = (send.clone(), &ended);
            scope.spawn(move || work(source, stop, ended, &send));
        }
        drop(send);
        let mut gathered = Gathered::new(target);
        let outcome = gather(&mut gathered, receive, rejected, progress);
        ended.store(true, Relaxed);
        match outcome {
            Ok(()) => Ok(gathered.totals),
            Err(error) => Err(Failure { error, totals: gathered.totals }),
        }
    })
}

fn work(source: &dyn Source, stop: &Stop, ended: &AtomicBool, send: &SyncSender<Sent>) {
    while !stop.asked() && !ended.load(Relaxed) {
        let sent = match source.next() {
            Ok(None) => return,
            Ok(Some(chunk)) => Ok(parse(chunk)),
            Err(error) => Err(error),
        };
        let failed = sent.is_err();
        // Nobody receives any more once the load has failed.
        if send.send(sent).is_err() || failed {
            return;
        }
    }
}

fn parse(mut chunk: Chunk) -> Parsed {
    let lines = std::mem::take(&mut chunk.lines);
    let lines = lines.into_iter().map(|line| {
        let read = if line.overlong {
            Err(format!("the line is longer than {}; the longest that is taken", out::bytes(LONGEST_LINE as u64)))
        } else {
            read(chunk.text(&line))
        };
        (line, read)
    });
    let lines = lines.collect();
    Parsed { chunk, lines }
}

fn read(text: &[u8]) -> Result<ProfileInput, String> {
    if let Err(error) = std::str::from_utf8(text) {
        return Err(format!("not UTF-8 at byte {} of the line", error.valid_up_to() + 1));
    }
    parse_profile(text).map_err(|refusal| refusal.to_string())
}

fn gather(
    gathered: &mut Gathered<'_>,
    receive: Receiver<Sent>,
    rejected: &mut dyn FnMut(Rejected<'_>) -> anyhow::Result<()>,
    progress: &mut dyn FnMut(&Totals),
) -> anyhow::Result<()> {
    let mut early: BTreeMap<u64, Parsed> = BTreeMap::new();
    let mut next = 0;
    let mut unreadable = None;
    for sent in receive {
        match sent {
            Ok(parsed) => {
                early.insert(parsed.chunk.sequence, parsed);
            }
            // Chunks read before may still be on their way: they count.
            Err(error) => unreadable = Some(error),
        }
        while let Some(parsed) = early.remove(&next) {
            next += 1;
            gathered.add(parsed, rejected, progress)?;
        }
        progress(&gathered.totals);
    }
    gathered.put(rejected)?;
    progress(&gathered.totals);
    match unreadable {
        Some(error) => Err(error).context("the input can't be read further"),
        None => Ok(()),
    }
}

/// Where a line stands: (chunk, line).
type Place = (usize, Line);

/// The batch in hand.
struct Gathered<'a> {
    target: &'a Target<'a>,
    size: usize,
    totals: Totals,
    /// The text of the lines in hand, for telling the rejected ones.
    chunks: Vec<Chunk>,
    inputs: Vec<ProfileInput>,
    places: Vec<Place>,
    /// Lines that could not be read.
    unread: Vec<(Place, String)>,
    bytes: usize,
    last_line: u64,
}

impl<'a> Gathered<'a> {
    fn new(target: &'a Target<'a>) -> Self {
        Self {
            size: target.batch_size(),
            target,
            totals: Totals::default(),
            chunks: Vec::new(),
            inputs: Vec::new(),
            places: Vec::new(),
            unread: Vec::new(),
            bytes: 0,
            last_line: 0,
        }
    }

    fn add(
        &mut self,
        parsed: Parsed,
        rejected: &mut dyn FnMut(Rejected<'_>) -> anyhow::Result<()>,
        progress: &mut dyn FnMut(&Totals),
    ) -> anyhow::Result<()> {
        let Parsed { chunk, lines } = parsed;
        let last_of_chunk = chunk.last_line;
        self.chunks.push(chunk);
        for (line, read) in lines {
            if self.inputs.len() >= self.size || self.bytes >= BATCH_BYTES {
                self.put(rejected)?;
                progress(&self.totals);
            }
            let at = self.chunks.len() - 1;
            self.last_line = line.number;
            self.bytes += line.range.len();
            match read {
                Ok(input) => {
                    self.inputs.push(input);
                    self.places.push((at, line));
                }
                Err(reason) => self.unread.push(((at, line), reason)),
            }
        }
        self.last_line = last_of_chunk;
        Ok(())
    }

    /// Puts the batch in hand and tells its rejected lines.
    fn put(&mut self, rejected: &mut dyn FnMut(Rejected<'_>) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let inputs = std::mem::take(&mut self.inputs);
        let places = std::mem::take(&mut self.places);
        let mut refused = std::mem::take(&mut self.unread);
        let lines = (places.len() + refused.len()) as u64;
        if !inputs.is_empty() {
            let answers = self.target.store.load(self.target.account, self.target.author, inputs)?;
            for (place, answer) in places.into_iter().zip(answers) {
                match answer {
                    Ok(_) => self.totals.loaded += 1,
                    Err(StoreError::Refused(refusal)) => refused.push((place, refusal.to_string())),
                    Err(error) => return Err(error.into()),
                }
            }
        }
        refused.sort_by_key(|((_, line), _)| line.number);
        self.totals.lines += lines;
        self.totals.rejected += refused.len() as u64;
        self.totals.last_line = self.last_line;
        for ((chunk, line), reason) in &refused {
            rejected(Rejected { line: line.number, reason: reason.clone(), text: self.chunks[*chunk].text(line) })?;
        }
        // The last chunk may have lines still to come.
        self.chunks.drain(..self.chunks.len().saturating_sub(1));
        self.bytes = 0;
        self.size = self.target.batch_size();
        Ok(())
    }
}
