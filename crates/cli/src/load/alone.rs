//! Loading where no server runs: profiles come prepared, and large batches are put. When that turns out not to hold, a batch is
//! loaded as beside a server.

use sayso_store::{
    StoreError,
    load::{Loader, Prepared},
};

use super::{
    beside::Beside,
    lines::{Chunk, Source},
    pipeline::{Tell, Totals, parse, read_line},
};

/// Profiles of a batch: enough to make little of what a commit costs by itself, few enough that what it holds in memory stays small.
const BATCH: usize = 5_000;
/// A batch ends early at this many bytes of lines, so that big profiles take no more memory than many small ones.
const BATCH_BYTES: usize = 16 << 20;

/// A chunk whose profiles are prepared.
pub(super) struct Ready {
    pub chunk: Chunk,
    /// Where in the chunk's lines the prepared ones stand.
    places: Vec<usize>,
    /// The lines that could not be read.
    unread: Vec<(usize, String)>,
    prepared: Prepared,
}

impl Ready {
    /// Reads the lines of a chunk, and prepares each as soon as it is read.
    pub(super) fn new(chunk: Chunk, loader: &Loader) -> anyhow::Result<Self> {
        let mut places = Vec::with_capacity(chunk.lines.len());
        let mut unread = Vec::new();
        let inputs = chunk.lines.iter().enumerate().filter_map(|(at, line)| match read_line(&chunk, line) {
            Ok(input) => {
                places.push(at);
                Some(input)
            }
            Err(reason) => {
                unread.push((at, reason));
                None
            }
        });
        let prepared = loader.prepare(inputs)?;
        Ok(Self { chunk, places, unread, prepared })
    }
}

/// The batch in hand.
pub(super) struct Alone<'a> {
    loader: Option<&'a Loader>,
    source: &'a dyn Source,
    chunks: Vec<Ready>,
    profiles: usize,
    bytes: usize,
}

impl<'a> Alone<'a> {
    /// An empty one.
    pub(super) fn new(loader: Option<&'a Loader>, source: &'a dyn Source) -> Self {
        Self { loader, source, chunks: Vec::new(), profiles: 0, bytes: 0 }
    }

    /// Adds a chunk; puts when the batch is full.
    pub(super) fn add(
        &mut self,
        ready: Ready,
        beside: &mut Beside<'_>,
        totals: &mut Totals,
        tell: &mut Tell<'_>,
    ) -> anyhow::Result<()> {
        self.profiles += ready.places.len();
        self.bytes += ready.chunk.bytes.len();
        self.chunks.push(ready);
        if self.profiles < BATCH && self.bytes < BATCH_BYTES {
            return Ok(());
        }
        self.put(beside, totals, tell)
    }

    /// Puts the batch in hand and tells its rejected lines.
    pub(super) fn put(
        &mut self,
        beside: &mut Beside<'_>,
        totals: &mut Totals,
        tell: &mut Tell<'_>,
    ) -> anyhow::Result<()> {
        let Some(loader) = self.loader else { return Ok(()) };
        (self.profiles, self.bytes) = (0, 0);
        let mut prepared = Vec::with_capacity(self.chunks.len());
        let mut chunks = Vec::with_capacity(self.chunks.len());
        for Ready { chunk, places, unread, prepared: of_chunk } in self.chunks.drain(..) {
            prepared.push(of_chunk);
            chunks.push((chunk, places, unread));
        }
        let Some(answers) = loader.put(prepared)? else {
            for (chunk, ..) in chunks {
                beside.add(parse(chunk), totals, tell)?;
            }
            return beside.put(totals, tell);
        };
        let mut answers = answers.into_iter();
        for (chunk, places, unread) in chunks {
            let mut refused = unread;
            totals.lines += (places.len() + refused.len()) as u64;
            totals.last_line = chunk.last_line;
            for (place, answer) in places.into_iter().zip(answers.by_ref()) {
                match answer {
                    Ok(_) => totals.loaded += 1,
                    Err(StoreError::Refused(refusal)) => refused.push((place, refusal.to_string())),
                    Err(error) => return Err(error.into()),
                }
            }
            refused.sort_by_key(|(place, _)| *place);
            totals.rejected += refused.len() as u64;
            for (place, reason) in &refused {
                let line = &chunk.lines[*place];
                tell.rejected(line.number, reason, chunk.text(line))?;
            }
            self.source.take_back(chunk.bytes);
        }
        tell.progress(totals);
        Ok(())
    }
}
