//! All pages of an export, in order, several in flight at once.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::{Stream, stream};
use tokio::task::JoinHandle;

use crate::{Client, Error, Page};

/// How the pages of an export are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The 1-based number of the first record: 1, or the record after the last one already read.
    pub from: u64,
    /// Records in a page, at most. Where records are large, fewer are asked for: see `page_bytes`.
    pub limit: u64,
    /// Target size of a page, bytes (a first page may exceed it); with `at_once` it bounds memory.
    pub page_bytes: u64,
    /// Pages in flight or waiting to be taken.
    pub at_once: usize,
}

impl Default for Reading {
    /// From the first record; 2,000 records or about 4 MiB a page, three at once.
    fn default() -> Self {
        Self { from: 1, limit: 2_000, page_bytes: 4 << 20, at_once: 3 }
    }
}

impl Client {
    /// The pages of a complete export in the order of its records, each record once. Up to `at_once` pages are fetched ahead
    /// and held until they are taken. All are read with keepAlive, so that nothing is lost when
    /// the connection breaks at the end or the reader does: **[`Client::commit`] ends the token once the records are safe.**
    ///
    /// It needs a Tokio runtime. Dropping the stream ends what is in flight.
    ///
    /// # Errors
    /// What [`Client::page`] gives, and [`Error::Contradiction`] when pages don't fit together. After an error the stream is over.
    pub fn pages(&self, token: u64, reading: Reading) -> impl Stream<Item = Result<Page, Error>> + Send + use<> {
        let walk = Walk {
            client: self.clone(),
            token,
            limit: reading.limit.max(1),
            page_bytes: reading.page_bytes.max(1),
            at_once: reading.at_once.max(1),
            ask: reading.from.max(1),
            take: reading.from.max(1),
            total: None,
            is_over: false,
            flying: VecDeque::new(),
        };
        stream::try_unfold(walk, |mut walk| async move { Ok(walk.next().await?.map(|page| (page, walk))) })
    }
}

/// A reading under way.
struct Walk {
    client: Client,
    token: u64,
    limit: u64,
    page_bytes: u64,
    at_once: usize,
    /// The next record to ask for.
    ask: u64,
    /// The next record to hand out.
    take: u64,
    /// Records in the export; what makes it possible to ask ahead.
    total: Option<u64>,
    is_over: bool,
    /// With the number of the first record and how many are wanted, in order.
    flying: VecDeque<(u64, u64, Task)>,
}

impl Walk {
    async fn next(&mut self) -> Result<Option<Page>, Error> {
        if self.is_over {
            return Ok(None);
        }
        self.fill();
        // Always one, unless all have been taken: fill asks for one even where the total isn't known.
        let Some((from, wanted, task)) = self.flying.pop_front() else {
            return Ok(None);
        };
        let page = task.await?;
        self.check(&page, from, wanted)?;
        let taken = page.records.len() as u64;
        self.take += taken;
        self.learn(&page);
        self.is_over = !page.has_more;
        if page.has_more && taken < wanted {
            // The server gives fewer than were asked for: what is missing comes before what is in flight already.
            let rest = (self.take, wanted - taken);
            if self.flying.is_empty() {
                self.ask = self.take;
            } else {
                self.flying.push_front((rest.0, rest.1, self.fetch(rest.0, rest.1)));
            }
        }
        Ok(Some(page))
    }

    fn fill(&mut self) {
        let at_once = if self.total.is_some() { self.at_once } else { 1 };
        while self.flying.len() < at_once {
            // The last page is asked for whole, so that it says by itself that no more follow.
            if !self.flying.is_empty() && self.total.is_none_or(|total| self.ask > total) {
                return;
            }
            self.flying.push_back((self.ask, self.limit, self.fetch(self.ask, self.limit)));
            self.ask = self.ask.saturating_add(self.limit);
        }
    }

    fn fetch(&self, from: u64, wanted: u64) -> Task {
        let (client, token) = (self.client.clone(), self.token);
        Task(tokio::spawn(async move { client.page(token, wanted, from, true).await }))
    }

    /// Whether this page, of so many records wanted from there on, fits to what the others said.
    fn check(&self, page: &Page, from: u64, wanted: u64) -> Result<(), Error> {
        let came = page.records.len() as u64;
        let read = self.take - 1 + came;
        let wrong = match (page.total_results.or(self.total), self.total) {
            _ if from != self.take => Some(format!("record {} is next, but the page begins with {from}", self.take)),
            // Those that are too many have been asked for a second time already.
            _ if came > wanted => Some(format!("{wanted} records were asked for, {came} came, from record {from} on")),
            (Some(now), Some(before)) if now != before => {
                Some(format!("TotalResults was {before} and is now {now}, at record {}", self.take))
            }
            (Some(total), _) if read > total => Some(format!("there are {total} records, but {read} have been read")),
            (Some(total), _) if !page.has_more && read < total => {
                Some(format!("no more should follow, but {read} of {total} records have been read"))
            }
            (Some(total), _) if page.has_more && read >= total => {
                Some(format!("more should follow, but all {total} records have been read"))
            }
            // It would be asked for again forever.
            _ if page.has_more && page.records.is_empty() => {
                Some(format!("more should follow, but the page from record {} on is empty", self.take))
            }
            _ => None,
        };
        wrong.map_or(Ok(()), |what| Err(Error::Contradiction { token: self.token, what }))
    }

    /// Takes over what a page tells of all of them.
    fn learn(&mut self, page: &Page) {
        self.total = self.total.or(page.total_results);
        let count = page.records.len() as u64;
        if let Some(in_force) = page.limit.filter(|limit| *limit > 0) {
            self.limit = self.limit.min(in_force);
        }
        if let Some(mean) = page.records.byte_len().checked_div(count) {
            self.limit = self.limit.min((self.page_bytes / mean.max(1)).max(1));
        }
    }
}

/// A page that is fetched whether or not anybody waits for it just now; given up when it is dropped.
struct Task(JoinHandle<Result<Page, Error>>);

impl Future for Task {
    type Output = Result<Page, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|joined| match joined {
            Ok(page) => page,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // Only an ending runtime aborts it, and then nobody polls any more.
                Err(error) => Err(Error::Setup(format!("the runtime is ending: {error}"))),
            },
        })
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
