//! One TCP connection as the server sees it: when its bytes have been flushed, and when a reader has stalled.
//!
//! The last-block rule (export.md, Retrieve) ends a token when the connection has flushed the body of the last block, not when a
//! handler returned or a body was dropped. HTTP/1.1 gives that moment a meaning: one response after the other, in order, on one
//! connection. hyper polls a body for a frame, puts the frame in its write buffer, and calls `poll_flush` of the IO beneath
//! only when that buffer is empty (`proto::h1::io::Buffered::poll_flush`). So: the body registers what is to happen when it yields its last
//! frame, and the first flush that succeeds afterwards, with at least the body's length written since the body began, is the one.

use std::{
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use hyper::rt::{Read, ReadBufCursor, Write};
use parking_lot::Mutex;
use tokio::task;

use super::{
    line::{FREE, Line, Place, SHARE},
    patience::Patience,
    reader::Reader,
    unreadable::Refused,
    unsent::{Socket, Unsent},
};

/// What a last block wants to hear of its connection.
pub(crate) trait Ending: Send + 'static {
    /// The last frame has been handed to the connection, but not flushed.
    fn sending(&self);
    /// The connection has flushed the whole body.
    fn flushed(self: Box<Self>);
}

/// The handle of a connection, in the extensions of every request that came over it.
pub(crate) struct Connection {
    /// The address at the other end.
    pub(crate) peer: SocketAddr,
    /// The address at this end.
    pub(crate) local: SocketAddr,
    pub(crate) wire: Wire,
    state: Mutex<State>,
}

/// How an answer's bytes reach the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    /// As they are: nothing of ours reads them on the way.
    Plain,
    /// By way of TLS, which reads them.
    Encrypted,
}

#[derive(Default)]
struct State {
    /// Bytes taken by the socket since the connection began.
    written: u64,
    closed: bool,
    /// What waits for a flush; more than one only when a client pipelines requests.
    waiting: Vec<(u64, Box<dyn Ending>)>,
    /// Requests whose heads have been read; those whose answers have been handed over whole; those whose answers were flushed.
    begun: u64,
    answered: u64,
    flushed: u64,
}

impl Connection {
    /// A connection that has written nothing yet.
    pub(crate) fn new(peer: SocketAddr, local: SocketAddr, wire: Wire) -> Arc<Self> {
        Arc::new(Self { peer, local, wire, state: Mutex::default() })
    }

    /// Bytes that the socket has taken so far.
    pub(crate) fn written(&self) -> u64 {
        self.state.lock().written
    }

    /// Tells `ending` when the connection has been flushed with at least `written` bytes taken by the socket. On a connection that breaks
    /// before that, `ending` is dropped.
    pub(crate) fn when_flushed(&self, written: u64, ending: Box<dyn Ending>) {
        let mut state = self.state.lock();
        if !state.closed {
            state.waiting.push((written, ending));
        }
    }

    /// The head of a request has been read.
    pub(crate) fn begin(&self) {
        self.state.lock().begun += 1;
    }

    /// How many requests' heads have been read.
    fn begun(&self) -> u64 {
        self.state.lock().begun
    }

    /// Whether a request has been read whose answer has not left: its handler is at work, or its body under way.
    pub(crate) fn is_answering(&self) -> bool {
        let state = self.state.lock();
        state.flushed < state.begun
    }

    fn wrote(&self, bytes: usize) {
        self.state.lock().written += bytes as u64;
    }

    fn flushed(&self) {
        let mut state = self.state.lock();
        state.flushed = state.answered;
        if state.waiting.is_empty() {
            return;
        }
        let written = state.written;
        let done: Vec<_> = state.waiting.extract_if(.., |(needed, _)| *needed <= written).collect();
        drop(state); // an ending may do anything but should not do it under the lock
        for (_, ending) in done {
            ending.flushed();
        }
    }

    fn closed(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        let lost = std::mem::take(&mut state.waiting);
        drop(state);
        drop(lost);
    }
}

/// The body of an answer, which tells the connection when it has been handed over: then the next flush is the answer's end.
pub(crate) struct Answer<B> {
    body: B,
    connection: Arc<Connection>,
}

impl<B> Answer<B> {
    /// The body of an answer that leaves over `connection`.
    pub(crate) fn new(body: B, connection: Arc<Connection>) -> Self {
        Self { body, connection }
    }
}

impl<B: Body + Unpin> Body for Answer<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> Drop for Answer<B> {
    fn drop(&mut self) {
        self.connection.state.lock().answered += 1;
    }
}

/// The IO of a connection: passes everything on when the [`Line`] lets it, tells the [`Connection`] what was written and flushed, and fails a write when its
/// [`Patience`] with the reader has run out, so that one who went away without a word frees the page it was reading.
pub(crate) struct FlushIo<T> {
    io: T,
    connection: Arc<Connection>,
    patience: Patience,
    waiting: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    turns: Turns,
    unsent: Unsent,
    /// What is sent in the stead of an answer of hyper's own.
    stead: Option<Bytes>,
    reader: Arc<Reader>,
}

/// When the connection's answer may be written.
struct Turns {
    line: Arc<Line>,
    /// Which answer it is, as the connection counts them, and the bytes of it that were written.
    answer: u64,
    written: u64,
    /// From when on it needs one.
    place: Option<Place>,
    /// Bytes written since other tasks of this thread had their turn.
    in_turn: usize,
    /// Turns since other tasks had theirs.
    in_one_go: u8,
    /// Yields to nobody in particular since one that let everybody go first.
    quiet: u8,
    /// Whether no other long answer is sent, as it was when the turn began.
    alone: bool,
}

/// Bytes after which a connection lets other tasks of its thread run: what they have to say, or to hear, mustn't wait for a page.
const TURN: usize = 256 << 10;

/// Turns that an answer takes in one go while it is alone, some 4 MB. What has come for its thread meanwhile is taken by another one, which
/// has nothing long to send; should that be busy with something else, it waits a millisecond or two.
const IN_ONE_GO: u8 = 16;

/// How often an answer that is alone yields before it lets everybody go first.
///
/// Waking a task at once calls another thread, too, in case that has time to take it over: to the core on which the reader may be at work.
/// Yielded, it goes on when its thread has looked for requests, but before these, unless another thread takes them.
const QUIET: u8 = 1;

impl Turns {
    fn poll(&mut self, cx: &mut Context<'_>, answer: u64) -> Poll<()> {
        if self.answer != answer {
            (self.answer, self.written, self.place) = (answer, 0, None);
            self.alone = self.line.leaves_a_thread();
        }
        if self.in_turn >= TURN {
            self.in_turn = 0;
            self.in_one_go += 1;
            self.alone = self.line.leaves_a_thread();
            if self.in_one_go >= IN_ONE_GO || !self.alone {
                self.let_others_run(cx);
                return Poll::Pending;
            }
        }
        if self.written < FREE {
            return Poll::Ready(());
        }
        if self.written >= SHARE {
            (self.written, self.place) = (FREE, None);
        }
        self.place.get_or_insert_with(|| Place::behind_all(&self.line)).poll_turn(cx)
    }

    fn let_others_run(&mut self, cx: &mut Context<'_>) {
        self.in_one_go = 0;
        if let Some(place) = self.place.as_mut().filter(|place| place.is_overtaken()) {
            place.step_aside();
        }
        if self.quiet < QUIET && self.line.is_quiet() {
            self.quiet += 1;
            let again = std::pin::pin!(task::yield_now()).poll(cx);
            debug_assert!(again.is_pending(), "it has been polled once");
        } else {
            self.quiet = 0;
            cx.waker().wake_by_ref();
        }
    }

    fn wrote(&mut self, bytes: usize) {
        self.in_turn += bytes;
        self.written += bytes as u64;
    }

    /// There is nothing more to write for now.
    fn pause(&mut self) {
        (self.in_turn, self.in_one_go) = (0, 0);
        if let Some(place) = &mut self.place {
            place.step_aside();
        }
    }
}

impl<T> FlushIo<T> {
    /// Wraps `io`.
    pub(crate) fn new(io: T, connection: Arc<Connection>, patience: Patience, line: &Arc<Line>) -> Self {
        let turns = Turns {
            line: Arc::clone(line),
            answer: 0,
            written: 0,
            place: None,
            in_turn: 0,
            in_one_go: 0,
            quiet: 0,
            alone: false,
        };
        Self {
            io,
            connection,
            patience,
            waiting: None,
            turns,
            unsent: Unsent::default(),
            stead: None,
            reader: Arc::default(),
        }
    }

    /// Ready when the answer that is under way may be written. While its reader has to take something first it is in nobody's way: polled
    /// for any other reason, it doesn't get into line.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>
    where
        T: Socket,
    {
        if self.reader.is_awaited(cx) {
            return self.with_patience(cx, Poll::Pending);
        }
        let turn = self.turns.poll(cx, self.connection.begun());
        if turn.is_pending() {
            // The reader has taken something. Unasked meanwhile, it might stop in the middle of reading the list that all look at.
            self.waiting = None;
        } else {
            self.unsent.hold(&self.io, self.turns.alone);
        }
        turn.map(Ok)
    }

    /// Does something with the socket that may have to wait for the reader.
    fn poll_io<O>(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(Pin<&mut T>, &mut Context<'_>) -> Poll<io::Result<O>>,
    ) -> Poll<io::Result<O>>
    where
        T: Unpin,
    {
        let outcome = self.reader.with(cx, |cx| poll(Pin::new(&mut self.io), cx));
        self.with_patience(cx, outcome)
    }

    fn wrote(&mut self, outcome: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(bytes)) = outcome {
            self.turns.wrote(*bytes);
            self.connection.wrote(*bytes);
        }
    }

    /// Fails what waits for the reader when the patience with them has run out.
    fn with_patience<O>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<O>>) -> Poll<io::Result<O>> {
        if outcome.is_ready() {
            self.waiting = None;
            return outcome;
        }
        self.turns.pause();
        let patience = &self.patience;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(patience.clone().run_out()));
        if waiting.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        let text = format!("the reader took nothing for {} s", self.patience.stall().as_secs());
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, text)))
    }
}

impl<T: Write + Unpin> FlushIo<T> {
    /// When these are the first bytes of hyper's own answer to a head that it can't read: sends another, and then says that these were
    /// taken. `None` when they are anything else.
    fn write_in_stead(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Option<Poll<io::Result<usize>>> {
        if self.stead.is_none() {
            // before a byte is looked at: those of an answer of ours may lie in a mapped file, where nobody may read them
            if self.connection.is_answering() {
                return None;
            }
            let refused = Refused::of(bytes)?;
            self.stead = Some(refused.answer(self.connection.peer));
        }
        while let Some(mut rest) = self.stead.take_if(|rest| !rest.is_empty()) {
            let outcome = self.poll_io(cx, |io, cx| io.poll_write(cx, &rest));
            if let Poll::Ready(Ok(written)) = outcome {
                rest.advance(written);
            }
            self.stead = Some(rest);
            match outcome {
                Poll::Ready(Ok(0)) => return Some(Poll::Ready(Err(io::ErrorKind::WriteZero.into()))),
                Poll::Ready(Ok(_)) => {}
                outcome => return Some(outcome),
            }
        }
        self.stead = None;
        Some(Poll::Ready(Ok(bytes.len())))
    }
}

impl<T: Read + Unpin> Read for FlushIo<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<T: Write + Socket + Unpin> Write for FlushIo<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_turn(cx))?;
        if let Some(outcome) = self.write_in_stead(cx, buf) {
            return outcome;
        }
        let outcome = self.poll_io(cx, |io, cx| io.poll_write(cx, buf));
        self.wrote(&outcome);
        outcome
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_turn(cx))?;
        if let Some(outcome) = bufs.first().and_then(|first| self.write_in_stead(cx, first)) {
            return outcome;
        }
        let outcome = self.poll_io(cx, |io, cx| io.poll_write_vectored(cx, bufs));
        self.wrote(&outcome);
        outcome
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // plain sockets flush at once; TLS has a buffer of its own, which waits for the reader as a write does
        let outcome = self.poll_io(cx, |io, cx| io.poll_flush(cx));
        if let Poll::Ready(Ok(())) = outcome {
            self.connection.flushed();
            if !self.connection.is_answering() {
                self.turns.pause();
            }
        }
        outcome
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_io(cx, |io, cx| io.poll_shutdown(cx))
    }
}

impl<T> Drop for FlushIo<T> {
    fn drop(&mut self) {
        self.connection.closed();
    }
}

#[cfg(test)]
mod tests;
