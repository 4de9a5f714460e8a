//! Pages become chunks of their form beside whoever writes these: the next pages come and are worked on while a chunk is written.

use anyhow::Context;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use sayso_client::{Error, Page, Records};
use tokio::{sync::mpsc, task::JoinSet};

use super::form::{Chunk, Form};
use crate::connect::in_words;

/// Chunks that are made at once, each on a core and in memory with its pages; so many threads are enough for all that would keep others waiting.
pub(super) const AT_ONCE: usize = 2;

/// The chunks of an export that are still to come, in order. Dropped, nothing more is asked for.
pub(super) struct Chunks {
    made: mpsc::Receiver<anyhow::Result<Chunk>>,
    maker: JoinSet<()>,
}

impl Chunks {
    /// Begins to make them.
    pub(super) fn of(form: Form, pages: impl Stream<Item = Result<Page, Error>> + Send + 'static) -> Chunks {
        // One is written, one waits for its turn.
        let (sender, made) = mpsc::channel(1);
        let mut maker = JoinSet::new();
        maker.spawn(async move {
            let chunks = gathered(pages.map_err(|error| in_words(&error)), form.chunk_bytes())
                .map(|pages| async move {
                    let pages = pages?;
                    let chunk = tokio::task::spawn_blocking(move || form.chunk(pages)).await;
                    chunk.context("a page was not worked on")?
                })
                // An error keeps its place behind what came before it: that is whole, and is kept.
                .buffered(AT_ONCE);
            let mut chunks = std::pin::pin!(chunks);
            // Room for it first: a chunk that can't be handed over is one more in memory. No room ever is when whoever asked has gone.
            while let Ok(room) = sender.reserve().await {
                let Some(chunk) = chunks.next().await else { return };
                let is_last = chunk.is_err();
                room.send(chunk);
                if is_last {
                    return;
                }
            }
        });
        Chunks { made, maker }
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<Chunk>> {
        match self.made.recv().await {
            Some(chunk) => chunk.map(Some),
            None => {
                while let Some(ended) = self.maker.join_next().await {
                    ended.context("reading pages broke off inside the program; please report it")?;
                }
                Ok(None)
            }
        }
    }
}

/// The records of so many pages at once that they are of so many bytes; of one page at least.
fn gathered(
    pages: impl Stream<Item = anyhow::Result<Page>>,
    bytes: u64,
) -> impl Stream<Item = anyhow::Result<Vec<Records>>> {
    stream::unfold((Box::pin(pages.fuse()), None), move |(mut pages, mut error)| async move {
        let (mut all, mut size) = (Vec::new(), 0);
        while error.is_none() && (all.is_empty() || size < bytes) {
            match pages.next().await {
                None => break,
                Some(Ok(page)) => {
                    size += page.records.byte_len();
                    all.push(page.records);
                }
                Some(Err(failed)) => error = Some(failed),
            }
        }
        // What was read before an error comes before it.
        match (all.is_empty(), error) {
            (false, error) => Some((Ok(all), (pages, error))),
            (true, Some(error)) => Some((Err(error), (pages, None))),
            (true, None) => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn page(ids: std::ops::Range<u64>) -> Page {
        let records = ids.clone().map(|id| format!(r#"{{"ProfileId":{id}}}"#)).collect::<Vec<_>>();
        let body = format!(r#"{{"HasMore":true,"UserProfilePreferences":[{}]}}"#, records.join(","));
        Page::read(Bytes::from(body)).unwrap()
    }

    fn failed() -> Error {
        Error::Setup("the line is dead".to_owned())
    }

    #[tokio::test]
    async fn pages_are_gathered_in_their_order_until_there_are_bytes_enough() {
        let one = page(1..2).records.byte_len();
        let pages = || stream::iter([page(1..3), page(3..4), page(4..5), page(5..6), page(6..6)].map(anyhow::Ok));
        let sizes = |bytes| async move {
            let all: Vec<Vec<Records>> = gathered(pages(), bytes).try_collect().await.unwrap();
            let ids = all.iter().flatten().flat_map(Records::iter).collect::<Vec<_>>().concat();
            assert_eq!(ids, (1..6).map(|id| format!(r#"{{"ProfileId":{id}}}"#)).collect::<String>());
            all.iter().map(Vec::len).collect::<Vec<_>>()
        };
        assert_eq!(sizes(0).await, [1, 1, 1, 1, 1]);
        assert_eq!(sizes(3 * one).await, [2, 3]);
        assert_eq!(sizes(1 << 20).await, [5]);
    }

    #[tokio::test]
    async fn what_was_gathered_before_an_error_comes_before_it() {
        let pages = || stream::iter([Ok(page(1..3)), Ok(page(3..4)), Err(anyhow::anyhow!("the line is dead"))]);
        for (bytes, chunks) in [(0, 2), (1 << 20, 1)] {
            let all: Vec<_> = gathered(pages(), bytes).collect().await;
            assert_eq!(all.iter().map(Result::is_ok).collect::<Vec<_>>(), [vec![true; chunks], vec![false]].concat());
            let records = all.iter().flatten().flatten().map(Records::len).sum::<usize>();
            assert_eq!(records, 3);
        }
    }

    #[tokio::test]
    async fn chunks_come_in_order_and_an_error_is_the_last_of_them() {
        let pages = (0..20).map(|n| Ok(page(10 * n..10 * n + 10))).chain([Err(failed()), Ok(page(0..1))]);
        let mut chunks = Chunks::of(Form::Ndjson, stream::iter(pages.collect::<Vec<_>>()));
        let mut records = 0;
        let error = loop {
            match chunks.next().await {
                Ok(chunk) => records += chunk.expect("an error comes before the end").records,
                Err(error) => break error.to_string(),
            }
        };
        assert!(error.contains("the line is dead"), "{error}");
        assert_eq!(records, 200);
        assert!(chunks.next().await.unwrap().is_none());
    }
}
