//! A page: one range of `rows`, wrapped in the head and tail of export.md, Retrieve.

use std::num::NonZeroU64;

use bytes::Bytes;
use sayso_model::moment::Moment;

use crate::ExportError;

/// A page as it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct PageRequest {
    pub limit: NonZeroU64,
    /// 1-based.
    pub offset: NonZeroU64,
    pub keep_alive: bool,
}

/// A page ready to be sent: constant memory, whatever its size.
pub struct Page {
    /// The exact length of the body, bytes.
    pub length: u64,
    /// Strong, quoted, per page.
    pub etag: String,
    /// The snapshot's moment.
    pub snapshot: Moment,
    /// Present when sending this page whole ends the token: the server calls [`LastBlock::flushed`] when the connection has
    /// flushed the body's last frame; dropping it does nothing.
    pub last_block: Option<LastBlock>,
    /// The body.
    pub body: PageBody,
}

/// The body of a page, in pieces of at most 256 KiB.
pub struct PageBody {
    pub(crate) _todo: (),
}

impl PageBody {
    /// The next piece; `None` at the end. Blocking file IO from the page cache, of at most 256 KiB; a damaged block is an error, the
    /// pieces before it were right.
    pub fn next_piece(&mut self) -> Option<Result<Bytes, ExportError>> {
        todo!()
    }
}

/// The right to end a token, once.
pub struct LastBlock {
    pub(crate) _todo: (),
}

impl LastBlock {
    /// The last frame has been handed to the connection but is not flushed: from now on Status and Retrieve of this token wait (briefly)
    /// for what becomes of it, so that a caller who has read the last byte never sees the former state.
    pub fn sending(&self) {
        todo!()
    }
    /// The connection has flushed the body: Complete → Retrieved (compare and set), files removed. Returns at once; the store is
    /// written in the background, and Status and Retrieve see the new state from now on.
    pub fn flushed(self) {
        todo!()
    }
}
