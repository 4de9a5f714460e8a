//! Loading beside a server: small batches of parsed lines, each checked, rendered and kept inside one transaction, so that its
//! writers wait for one batch at most.

use sayso_model::input::ProfileInput;
use sayso_store::StoreError;

use super::{
    lines::{Chunk, Line},
    pipeline::{Parsed, Target, Tell, Totals},
};

/// Profiles of a batch (house.md, Store).
const BATCH: usize = 1_000;
/// A batch ends early at this many bytes of lines, so that big profiles take no more memory than many small ones.
const BATCH_BYTES: usize = 16 << 20;

/// Where a line stands: (chunk, line).
type Place = (usize, Line);

/// The batch in hand.
pub(super) struct Beside<'a> {
    target: &'a Target<'a>,
    /// The text of the lines in hand, for telling the rejected ones.
    chunks: Vec<Chunk>,
    inputs: Vec<ProfileInput>,
    places: Vec<Place>,
    /// Lines that could not be read.
    unread: Vec<(Place, String)>,
    bytes: usize,
    last_line: u64,
}

impl<'a> Beside<'a> {
    /// An empty one.
    pub(super) fn new(target: &'a Target<'a>) -> Self {
        Self {
            target,
            chunks: Vec::new(),
            inputs: Vec::new(),
            places: Vec::new(),
            unread: Vec::new(),
            bytes: 0,
            last_line: 0,
        }
    }

    /// Adds the lines of a chunk; puts whenever a batch is full.
    pub(super) fn add(&mut self, parsed: Parsed, totals: &mut Totals, tell: &mut Tell<'_>) -> anyhow::Result<()> {
        let Parsed { mut chunk, read } = parsed;
        let last_of_chunk = chunk.last_line;
        let lines = std::mem::take(&mut chunk.lines);
        self.chunks.push(chunk);
        for (line, read) in lines.into_iter().zip(read) {
            if self.inputs.len() >= BATCH || self.bytes >= BATCH_BYTES {
                self.put(totals, tell)?;
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
    pub(super) fn put(&mut self, totals: &mut Totals, tell: &mut Tell<'_>) -> anyhow::Result<()> {
        if self.chunks.is_empty() {
            return Ok(());
        }
        let inputs = std::mem::take(&mut self.inputs);
        let places = std::mem::take(&mut self.places);
        let mut refused = std::mem::take(&mut self.unread);
        let lines = (places.len() + refused.len()) as u64;
        if !inputs.is_empty() {
            let answers = self.target.store.load(self.target.account, self.target.author, inputs)?;
            for (place, answer) in places.into_iter().zip(answers) {
                match answer {
                    Ok(_) => totals.loaded += 1,
                    Err(StoreError::Refused(refusal)) => refused.push((place, refusal.to_string())),
                    Err(error) => return Err(error.into()),
                }
            }
        }
        refused.sort_by_key(|((_, line), _)| line.number);
        totals.lines += lines;
        totals.rejected += refused.len() as u64;
        totals.last_line = totals.last_line.max(self.last_line);
        for ((chunk, line), reason) in &refused {
            tell.rejected(line.number, reason, self.chunks[*chunk].text(line))?;
        }
        // The last chunk may have lines still to come.
        self.chunks.drain(..self.chunks.len().saturating_sub(1));
        self.bytes = 0;
        tell.progress(totals);
        Ok(())
    }
}
