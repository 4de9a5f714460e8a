//! Sample profiles as a source of the load: each chunk is made by the thread that asks for it.

use std::{
    io,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use sayso_sample::Sampler;

use crate::load::lines::{Chunk, Line, Source};

/// Profiles of a chunk: about as many bytes as a chunk of a file.
const CHUNK: u64 = 128;

/// The first `profiles` profiles of a seed.
pub(super) struct SampleSource {
    sampler: Sampler,
    profiles: u64,
    next: AtomicU64,
    bytes: AtomicU64,
}

impl SampleSource {
    pub(super) fn new(seed: u64, profiles: u64) -> Self {
        Self { sampler: Sampler::new(seed), profiles, next: AtomicU64::new(0), bytes: AtomicU64::new(0) }
    }

    /// Bytes made so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }
}

impl Source for SampleSource {
    fn next(&self) -> io::Result<Option<Chunk>> {
        let sequence = self.next.fetch_add(1, Relaxed);
        let first = sequence.saturating_mul(CHUNK).min(self.profiles);
        let end = first.saturating_add(CHUNK).min(self.profiles);
        if first == end {
            return Ok(None);
        }
        let mut chunk = Chunk { sequence, last_line: end, ..Chunk::default() };
        for index in first..end {
            let start = chunk.bytes.len();
            self.sampler.profile(index, &mut chunk.bytes);
            // The sampler ends each profile with a line feed.
            chunk.lines.push(Line { number: index + 1, range: start..chunk.bytes.len() - 1, overlong: false });
        }
        self.bytes.fetch_add(chunk.bytes.len() as u64, Relaxed);
        Ok(Some(chunk))
    }
}
