//! A response body made of pieces whose whole length is known before the first: exact Content-Length, constant memory, and an
//! error in the middle breaks the connection short of that length, so that no client takes half a page for a whole one.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use sayso_export::{
    ExportError,
    page::{LastBlock, PageBody},
};

use super::connection::{Connection, Ending};

/// Where the pieces come from.
pub(crate) trait Pieces: Send + Unpin + 'static {
    /// The next piece; `None` at the end. May block for as long as a megabyte takes to be verified in the page cache, or 256 KiB to be copied
    /// from there (some 100 µs; the house allows 500 in async code).
    fn next_piece(&mut self) -> Option<Result<Bytes, ExportError>>;
}

impl Pieces for PageBody {
    fn next_piece(&mut self) -> Option<Result<Bytes, ExportError>> {
        PageBody::next_piece(self)
    }
}

impl Ending for LastBlock {
    fn sending(&self) {
        LastBlock::sending(self);
    }
    fn flushed(self: Box<Self>) {
        LastBlock::flushed(*self);
    }
}

/// Why a body broke off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BrokenBody {
    /// The pieces failed.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// There were fewer or more bytes than announced.
    #[error("the page has another length than announced: {0}")]
    Length(String),
}

/// The body.
pub(crate) struct PieceBody<P> {
    pieces: P,
    length: u64,
    remaining: u64,
    /// Bytes that the connection had written when the body was first asked for a frame.
    began: Option<u64>,
    ending: Option<Box<dyn Ending>>,
    connection: Arc<Connection>,
    span: tracing::Span,
}

impl<P> PieceBody<P> {
    /// A body of `length` bytes; `ending` hears when the connection has flushed all of them.
    pub(crate) fn new(pieces: P, length: u64, ending: Option<Box<dyn Ending>>, connection: Arc<Connection>) -> Self {
        let span = tracing::Span::current();
        Self { pieces, length, remaining: length, began: None, ending, connection, span }
    }

    fn broken(&mut self, error: BrokenBody) -> Poll<Option<Result<Frame<Bytes>, BrokenBody>>> {
        self.ending = None;
        self.span.in_scope(|| tracing::error!(%error, "a page broke off: it is not taken for read"));
        Poll::Ready(Some(Err(error)))
    }
}

impl<P: Pieces> Body for PieceBody<P> {
    type Data = Bytes;
    type Error = BrokenBody;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenBody>>> {
        let this = &mut *self;
        if this.remaining == 0 {
            return Poll::Ready(None);
        }
        let began = *this.began.get_or_insert_with(|| this.connection.written());
        let piece = match this.pieces.next_piece() {
            Some(Ok(piece)) => piece,
            Some(Err(error)) => return this.broken(error.into()),
            None => return this.broken(BrokenBody::Length(format!("{} bytes are missing", this.remaining))),
        };
        let Some(remaining) = this.remaining.checked_sub(piece.len() as u64) else {
            return this.broken(BrokenBody::Length(format!(
                "a piece of {} where {} remain",
                piece.len(),
                this.remaining
            )));
        };
        this.remaining = remaining;
        metrics::counter!("sayso_page_bytes_total").increment(piece.len() as u64);
        if remaining == 0
            && let Some(ending) = this.ending.take()
        {
            ending.sending();
            this.connection.when_flushed(began + this.length, ending);
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

#[cfg(test)]
mod tests;
