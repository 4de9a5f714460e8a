//! Whether the reader of a connection has taken something since the socket was full.
//!
//! A connection is polled for many reasons: a timer, an end of the server, the other direction. Only the socket says that there is room
//! again, and it says so by waking whoever tried to write: that one waker is ours, which remembers it.

use std::{
    sync::{
        Arc,
        atomic::{
            AtomicBool,
            Ordering::{AcqRel, Acquire, Release},
        },
    },
    task::{Context, Poll, Wake, Waker},
};

use futures_util::task::AtomicWaker;

/// The reader at the other end, as the socket tells of them.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// The socket was full, and hasn't said anything since.
    is_awaited: AtomicBool,
    task: AtomicWaker,
}

impl Reader {
    /// Whether the reader has to take something before more can be written; if so the task of `cx` is woken when they have.
    pub(super) fn is_awaited(&self, cx: &Context<'_>) -> bool {
        self.task.register(cx.waker());
        self.is_awaited.load(Acquire)
    }

    /// Tries something that may have to wait for the reader, who is awaited unless it goes. What was tried before and has to wait still does.
    pub(super) fn with<O>(
        self: &Arc<Self>,
        cx: &Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<O>,
    ) -> Poll<O> {
        self.task.register(cx.waker());
        // Before it is tried: the socket may have room, and say so, before we hear that it has none.
        let was_awaited = self.is_awaited.swap(true, AcqRel);
        let outcome = poll(&mut Context::from_waker(&Waker::from(Arc::clone(self))));
        if outcome.is_ready() && !was_awaited {
            self.is_awaited.store(false, Release);
        }
        outcome
    }
}

impl Wake for Reader {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_awaited.store(false, Release);
        self.task.wake();
    }
}
