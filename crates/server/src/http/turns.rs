//! Whose turn it is to send. Everybody who has more to send than a little waits in one line, and as many send at once as there are
//! processors: without it, each thread of the runtime takes its own connections round and round, and a reader's page takes as long as
//! that thread happens to have connections, twice as long as another's.

use std::{
    sync::Arc,
    task::{Context, Poll},
    thread,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::PollSemaphore;

/// Bytes after which a connection lets others send. Whole pages in turn would fill buffers of megabytes for each of many readers
/// before the first of them reads: taking turns, what one sent is still in the processor's cache when it is read.
const TURN: usize = 256 << 10;

/// The line that all connections of a server wait in.
#[derive(Debug, Clone)]
pub(crate) struct Turns(Arc<Semaphore>);

impl Turns {
    /// One line for as many as can send at once.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(thread::available_parallelism().map_or(1, usize::from))))
    }
}

/// A connection's place in the line.
#[derive(Debug)]
pub(crate) struct Turn {
    line: PollSemaphore,
    held: Option<OwnedSemaphorePermit>,
    /// Bytes sent since it last stood in line.
    sent: usize,
}

impl Turn {
    /// Not in line: what is short is sent at once.
    pub(crate) fn new(turns: &Turns) -> Self {
        Self { line: PollSemaphore::new(Arc::clone(&turns.0)), held: None, sent: 0 }
    }

    /// Ready when this connection may send; else it is in line, and woken when its turn has come.
    pub(crate) fn poll_mine(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.sent < TURN {
            return Poll::Ready(());
        }
        // the line is never closed, so there is always a turn
        self.held = std::task::ready!(self.line.poll_acquire(cx));
        self.sent = 0;
        Poll::Ready(())
    }

    /// It has sent so much.
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.sent += bytes;
        if self.sent >= TURN {
            self.end();
        }
    }

    /// It can't send now, or has no more to send: others may.
    pub(crate) fn end(&mut self) {
        self.held = None;
    }
}
