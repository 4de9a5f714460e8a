//! A page: one range of `rows`, wrapped in the head and tail of export.md, Retrieve.

use std::{
    num::NonZeroU64,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc,
    },
};

use bytes::Bytes;
use sayso_model::moment::Moment;
use sayso_store::audit::Origin;

use crate::{
    ExportError,
    blocks::BLOCK,
    buffers::Buffers,
    finish::Message,
    gzip::GzipPage,
    open::{Ending, OpenExport},
    record::{Change, Replay},
};

/// Bytes of `rows` in a piece that is copied, at most.
const PIECE: u64 = 256 * 1024;
/// Bytes of `rows` in a piece that is not copied, at most: it takes no memory, and what a piece costs besides its bytes is a tenth less of the whole.
const MAPPED: u64 = 1024 * 1024;
/// Bytes of `rows`, at least, that go out with the tail of a page whose other rows are not copied. The tail alone would be a piece that a reader
/// has to be woken for, when they have taken everything else.
const WITH_TAIL: u64 = 32 * 1024;
pub(crate) const TAIL: &[u8] = b"]}";

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
    /// How many records are in it.
    pub count: u64,
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

/// Which records a page holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// The first record, from 0.
    pub first: u64,
    pub count: u64,
    pub has_more: bool,
    /// Whether it is the last block: the page that ends a token unless keepAlive is asked for.
    pub is_last_block: bool,
}

/// The records of a page of an export of `total` records (export.md, Retrieve). A page past the end of a non-empty export is not a
/// last block: a typo must not destroy an unread export.
pub(crate) fn span(total: u64, limit: NonZeroU64, offset: NonZeroU64) -> Span {
    let first = offset.get() - 1;
    let count = total.saturating_sub(first).min(limit.get());
    let has_more = count > 0 && count < total - first;
    Span { first, count, has_more, is_last_block: !has_more && (count > 0 || (total == 0 && first == 0)) }
}

impl Page {
    /// The page of an open export; `limit` is the one in force.
    pub(crate) fn new(
        export: Arc<OpenExport>,
        limit: NonZeroU64,
        request: PageRequest,
        buffers: Arc<Buffers>,
        finisher: mpsc::Sender<Message>,
    ) -> Result<Page, ExportError> {
        let manifest = &export.manifest;
        let Span { first, count, has_more, is_last_block } = span(manifest.row_count, limit, request.offset);
        let range = export.range(&(first..first + count))?;
        let (offset, total) = (request.offset, manifest.row_count);
        let head = format!(
            r#"{{"Count":{count},"HasMore":{has_more},"Limit":{limit},"Offset":{offset},"TotalResults":{total},"UserProfilePreferences":["#
        );
        let last_block = (is_last_block && !request.keep_alive).then(|| LastBlock {
            export: Arc::clone(&export),
            finisher: finisher.clone(),
            request: Replay { limit: request.limit.get(), offset: offset.get() },
            origin: Origin::program(),
            is_sending: AtomicBool::new(false),
            since: None,
        });
        Ok(Page {
            length: head.len() as u64 + (range.end - range.start) + TAIL.len() as u64,
            count,
            etag: format!("\"{:016x}-{offset}-{limit}\"", manifest.export_id),
            snapshot: manifest.snapshot,
            last_block,
            body: PageBody {
                kind: Kind::Copied { range },
                head: head.into_bytes(),
                records: first..first + count,
                export,
                buffers,
                finisher,
                done: false,
                since: None,
            },
        })
    }

    /// The ETag of the same page as gzip, without making it: strong tags tell encodings apart.
    pub fn gzip_etag(&self) -> String {
        format!("{}-gzip\"", self.etag.trim_end_matches('"'))
    }

    /// The same page for a reader to whom it goes without anything of ours reading it on the way, as over a plain socket: its rows are not copied
    /// but lie in the mapped file (`sayso_mapped::Mapping` says why nobody else may have them). A short page, and a compressed one, stay as they are.
    #[must_use]
    pub fn into_unread(mut self) -> Page {
        if let Kind::Copied { range } = &mut self.body.kind
            && range.end - range.start > PIECE
            && let Ok(since) = self.body.export.rows.last_changed()
        {
            self.body.kind = Kind::Mapped { range: std::mem::take(range) };
            self.body.since = Some(since);
            if let Some(last) = &mut self.last_block {
                last.since = Some(since);
            }
        }
        self
    }

    /// The open export that it is of.
    pub(crate) fn export(&self) -> &Arc<OpenExport> {
        &self.body.export
    }

    /// Whether the body is compressed.
    pub fn is_gzip(&self) -> bool {
        matches!(self.body.kind, Kind::Gzip(_))
    }
}

/// The body of a page, in pieces: of about 256 KiB where they are copied (the head rides on the first, the tail on the last), of 1 MiB where they lie in
/// the mapped file, but for the last rows, which are copied with the tail.
pub struct PageBody {
    export: Arc<OpenExport>,
    buffers: Arc<Buffers>,
    finisher: mpsc::Sender<Message>,
    /// Empty once it was sent.
    head: Vec<u8>,
    /// The page's records, from 0.
    records: Range<u64>,
    kind: Kind,
    done: bool,
    /// When the file had been changed last, ns, if rows are handed out that the kernel has yet to read there.
    since: Option<i64>,
}

enum Kind {
    /// What of `rows` is still to be sent.
    Copied {
        range: Range<u64>,
    },
    /// The same, not copied.
    Mapped {
        range: Range<u64>,
    },
    Gzip(Box<GzipPage>),
}

impl PageBody {
    /// The next piece; `None` at the end. Blocking file IO from the page cache, of at most a piece; a damaged block is an error, the
    /// pieces before it were right, and the export's state becomes Error.
    pub fn next_piece(&mut self) -> Option<Result<Bytes, ExportError>> {
        if self.done {
            return None;
        }
        let piece = match &mut self.kind {
            Kind::Copied { range } => {
                let rows = next_rows(range, PIECE);
                self.done = range.is_empty();
                let head = std::mem::take(&mut self.head);
                let tail = if self.done { TAIL } else { &[] };
                let unchanged = if self.done { self.check_unchanged() } else { Ok(()) };
                unchanged.and_then(|()| self.copied(rows, &head, tail))
            }
            Kind::Mapped { .. } if !self.head.is_empty() => Ok(Bytes::from(std::mem::take(&mut self.head))),
            Kind::Mapped { range } => {
                let last = range.end.saturating_sub(WITH_TAIL) / BLOCK * BLOCK;
                let rest = range.clone();
                let mapped = if last > range.start {
                    let mut mapped = range.start..last;
                    let rows = next_rows(&mut mapped, MAPPED);
                    range.start = mapped.start;
                    self.export.rows.mapped(&rows)
                } else {
                    Ok(None)
                };
                match mapped {
                    Ok(Some(piece)) => Ok(piece),
                    Ok(None) => {
                        self.kind = Kind::Copied { range: rest };
                        return self.next_piece();
                    }
                    Err(error) => Err(error),
                }
            }
            Kind::Gzip(page) => {
                let piece = page.next_piece(&self.export, &self.buffers, PIECE as usize);
                self.done = page.is_done();
                piece
            }
        };
        if let Err(error) = &piece {
            self.done = true;
            self.report(error);
        }
        Some(piece)
    }

    /// Before the end of a page whose rows aren't copied. The kernel reads them when the reader takes them, so that somebody may have changed
    /// the file in between; then the page is to break off rather than to look whole.
    fn check_unchanged(&self) -> Result<(), ExportError> {
        let Some(since) = self.since else { return Ok(()) };
        if self.export.rows.last_changed()? == since {
            return Ok(());
        }
        let source = std::io::Error::other("somebody has changed the file meanwhile");
        Err(ExportError::Io { context: format!("sending a page of export {}", self.export.key.1), source })
    }

    /// These rows with what stands around them.
    fn copied(&self, rows: Range<u64>, head: &[u8], tail: &[u8]) -> Result<Bytes, ExportError> {
        let len = (rows.end - rows.start) as usize;
        self.buffers.filled(head.len() + len + tail.len(), |out| {
            let (first, rest) = out.split_at_mut(head.len());
            let (bytes, last) = rest.split_at_mut(len);
            first.copy_from_slice(head);
            last.copy_from_slice(tail);
            self.export.rows.read(rows.start, bytes)
        })
    }

    fn report(&self, error: &ExportError) {
        if let ExportError::Damaged(_) = error {
            report_damage(&self.finisher, self.export.key, error);
        }
    }
}

/// Takes the rows of the next piece, which has at most so many bytes, from those that are still to be sent.
fn next_rows(range: &mut Range<u64>, most: u64) -> Range<u64> {
    // Pieces of a long page end where blocks end, so that a block is verified by the piece that holds it.
    let to = if range.end - range.start <= most { range.end } else { (range.start + most) / BLOCK * BLOCK };
    std::mem::replace(&mut range.start, to)..to
}

/// Has the state set to Error: an export that can't be read whole must not be read in part.
pub(crate) fn report_damage(finisher: &mpsc::Sender<Message>, key: crate::record::Key, error: &ExportError) {
    // Fails only when the engine has been stopped; the next reader finds the damage again.
    let _ = finisher.send(Message::Change(key, Change::GenerationFailed { error: error.to_string() }, None));
}

/// The right to end a token, once.
pub struct LastBlock {
    export: Arc<OpenExport>,
    finisher: mpsc::Sender<Message>,
    request: Replay,
    /// Who asked for it; the engine says so.
    pub(crate) origin: Origin,
    is_sending: AtomicBool,
    /// As [`PageBody`] has it.
    since: Option<i64>,
}

impl LastBlock {
    /// The last frame has been handed to the connection but is not flushed: from now on Status and Retrieve of this token wait (briefly)
    /// for what becomes of it, so that a caller who has read the last byte never sees the former state.
    pub fn sending(&self) {
        if !self.is_sending.swap(true, Relaxed) {
            self.export.last_block.send_modify(|state| state.sending += 1);
        }
    }

    /// The connection has flushed the body: Complete → Retrieved (compare and set), files removed. Returns at once; the store is
    /// written in the background, and Status and Retrieve see the new state from now on.
    ///
    /// Not where somebody has changed the file while the last bytes were on their way: the token stays alive, and the next reader finds the damage.
    pub fn flushed(self) {
        if self.since.is_some_and(|since| self.export.rows.last_changed().ok() != Some(since)) {
            tracing::error!(token = %self.export.key.1, "somebody has changed the file of an export while its last page was sent: its token isn't ended");
            return;
        }
        let first = self.export.last_block.send_if_modified(|state| {
            let first = state.ending == Ending::No;
            if first {
                state.ending = Ending::Writing;
            }
            first
        });
        if first {
            let change = Change::LastBlockFlushed(self.request, self.origin.clone());
            if self.finisher.send(Message::Change(self.export.key, change, None)).is_err() {
                // The engine has been stopped: the token stays alive, and the next start serves it.
                self.export.last_block.send_modify(|state| state.ending = Ending::No);
            }
        }
    }
}

impl Drop for LastBlock {
    fn drop(&mut self) {
        if self.is_sending.load(Relaxed) {
            self.export.last_block.send_modify(|state| state.sending -= 1);
        }
    }
}

mod compressing;
#[cfg(test)]
pub(crate) mod tests;
