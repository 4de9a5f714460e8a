//! What a handler left unread of a request's body. A connection closed under a caller who is still sending is reset, and the answer that was on
//! its way (401, 413) is lost with it: so what is left is read and thrown away before the answer goes out, within bounds. A caller who
//! asked first (`Expect: 100-continue`) is sending nothing until a handler has asked for the body.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::{HeaderMap, Version, header::EXPECT};
use parking_lot::Mutex;
use tokio::time::{Instant, timeout_at};

/// Longest time to read what is left.
const PATIENCE: Duration = Duration::from_secs(5);

/// The part of a body that nobody read, once its reader has let go of it.
pub(crate) struct Leftover(Option<Arc<Mutex<Option<Body>>>>);

/// Gives a request's body to its handler in a form that comes back here when it is dropped unread.
pub(crate) fn lend(version: Version, headers: &HeaderMap, body: Body) -> (Body, Leftover) {
    if body.is_end_stream() {
        return (body, Leftover(None));
    }
    let back = Arc::new(Mutex::new(None));
    // As hyper has it, which tells the caller to go on when the body is first asked for.
    let expects = headers.get(EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    let is_sent = !(expects && version == Version::HTTP_11);
    (Body::new(Lent { body: Some(body), is_sent, back: Arc::clone(&back) }), Leftover(Some(back)))
}

impl Leftover {
    /// Reads and throws away at most about `most` bytes.
    pub(crate) async fn drain(self, most: u64) {
        let Some(mut body) = self.0.and_then(|back| back.lock().take()) else { return };
        let deadline = Instant::now() + PATIENCE;
        let mut read = 0;
        while let Ok(Some(Ok(frame))) = timeout_at(deadline, body.frame()).await {
            read += frame.data_ref().map_or(0, |data| data.len() as u64);
            if read > most {
                break;
            }
        }
    }
}

struct Lent {
    body: Option<Body>,
    /// Whether the caller has begun to send it, or was told to.
    is_sent: bool,
    back: Arc<Mutex<Option<Body>>>,
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.is_sent = true;
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = Pin::new(body).poll_frame(cx);
        if let Poll::Ready(None | Some(Err(_))) = frame {
            self.body = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or(SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(body) = self.body.take().filter(|body| self.is_sent && !body.is_end_stream()) {
            *self.back.lock() = Some(body);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    /// A body of ten pieces, and the count of those that were asked for.
    fn body() -> (Body, Arc<Mutex<u32>>) {
        let count = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&count);
        let pieces = (0..10).map(move |_| {
            *counted.lock() += 1;
            Ok::<_, std::io::Error>(Bytes::from_static(b"0123456789"))
        });
        (Body::from_stream(stream::iter(pieces)), count)
    }

    #[tokio::test]
    async fn what_a_handler_left_is_read_within_the_bound() {
        for (most, asked) in [(1000, 10), (25, 4)] {
            let (body, count) = body();
            let (mut lent, leftover) = lend(Version::HTTP_11, &HeaderMap::new(), body);
            lent.frame().await.unwrap().unwrap();
            drop(lent);
            leftover.drain(most).await;
            assert_eq!(*count.lock(), asked, "at most {most} bytes");
        }
    }

    #[tokio::test]
    async fn of_a_caller_who_asked_first_nothing_is_read_until_they_were_told_to_go_on() {
        for (version, expect, asked) in [
            (Version::HTTP_11, "100-continue", [0, 10]),
            (Version::HTTP_11, "100-Continue", [0, 10]),
            (Version::HTTP_11, "something", [10, 10]),
            (Version::HTTP_10, "100-continue", [10, 10]),
        ] {
            for (told, asked) in asked.into_iter().enumerate() {
                let (body, count) = body();
                let headers = HeaderMap::from_iter([(EXPECT, expect.parse().unwrap())]);
                let (mut lent, leftover) = lend(version, &headers, body);
                for _ in 0..told {
                    lent.frame().await.unwrap().unwrap();
                }
                drop(lent);
                leftover.drain(1000).await;
                assert_eq!(*count.lock(), asked, "{version:?} {expect}");
            }
        }
    }
}
