//! A page as gzip, made a little at a time: between two steps others have their turn, and whoever isn't wanted any more goes. So a caller
//! who hangs up leaves nobody at work, and neither the end of the server nor anybody else who needs a thread waits for a whole page.

use std::{
    io::ErrorKind,
    ops::ControlFlow::{self, Break, Continue},
    sync::Arc,
    time::{Duration, Instant},
};

use sayso_store::StoreError;

use super::{Kind, Page};
use crate::{Engine, ExportError, gzip::Making};

/// How long a step takes, about: a piece is compressed in some milliseconds.
const STEP: Duration = Duration::from_millis(20);
/// How long a thread that serves may be busy with pieces that are ready: those of a long page are left to a step.
const READY: Duration = Duration::from_millis(1);

/// A page whose pieces are being made.
struct Compressing {
    page: Page,
    making: Making,
}

impl Compressing {
    fn of(page: Page) -> Self {
        let making = Making::new(&page.body.head, page.body.records.clone());
        Self { page, making }
    }

    /// Goes on for a step; the page when it is made.
    fn go_on(mut self) -> Result<ControlFlow<Page, Self>, ExportError> {
        match self.making.go_on(&self.page.body.export, Instant::now() + STEP) {
            Ok(false) => return Ok(Continue(self)),
            Ok(true) => return Ok(Break(self.done())),
            Err(ExportError::Io { source, .. }) if source.kind() == ErrorKind::StorageFull => {
                tracing::debug!(token = %self.page.body.export.key.1, "there is no room for compressed pieces: a page is sent as it is");
            }
            Err(error @ ExportError::Io { .. }) => {
                tracing::warn!(token = %self.page.body.export.key.1, %error, "a page is sent uncompressed");
            }
            Err(error) => {
                self.page.body.report(&error);
                return Err(error);
            }
        }
        Ok(Break(self.page))
    }

    /// Takes what is ready; the page when that is all of it.
    fn take_ready(mut self) -> ControlFlow<Page, Self> {
        if self.making.take_ready(&self.page.body.export, Instant::now() + READY) {
            Break(self.done())
        } else {
            Continue(self)
        }
    }

    /// The page, when all is made.
    fn done(self) -> Page {
        let Self { mut page, making } = self;
        let gzip = making.end();
        page.etag = page.gzip_etag();
        page.length = gzip.length();
        page.body.head.clear();
        page.body.kind = Kind::Gzip(Box::new(gzip));
        page
    }
}

impl Page {
    /// The same page with `Content-Encoding: gzip`: one member, made of pieces that are compressed when a page first needs them and
    /// kept while the export is open, so that the length is exact. For whoever has the time ([`Engine::compressed`] is for those who serve): blocking, at some 200 MB of rows a second for those not made yet.
    ///
    /// Without room on the disk for the pieces the page stays as it is ([`Page::is_gzip`]): a reader loses speed, not the page.
    pub fn into_gzip(self) -> Result<Page, ExportError> {
        let mut compressing = Compressing::of(self);
        loop {
            match compressing.go_on()? {
                Break(page) => return Ok(page),
                Continue(rest) => compressing = rest,
            }
        }
    }
}

impl Engine {
    /// [`Page::into_gzip`] where it holds up nobody: what is ready waits for nothing, and as many make the rest at once as there are cores, in the order of their coming, each for a step.
    /// Whoever drops the future ends it.
    ///
    /// # Errors
    /// What is damaged; [`StoreError::Closing`] once the engine is being stopped.
    pub async fn compressed(&self, page: Page) -> Result<Page, ExportError> {
        let inner = self.inner();
        let mut compressing = Compressing::of(page);
        loop {
            compressing = match compressing.take_ready() {
                Break(page) => return Ok(page),
                Continue(rest) => rest,
            };
            // Those who wait for it are no threads, and end with their callers.
            let turn = Arc::clone(&inner.compressing).acquire_owned().await.map_err(|_| StoreError::Closing)?;
            if inner.stop.is_set() {
                return Err(StoreError::Closing.into());
            }
            let step = tokio::task::spawn_blocking(move || {
                let done = compressing.go_on();
                drop(turn);
                done
            });
            let broke_off = |e| StoreError::Engine(format!("compressing a page broke off: {e}"));
            match step.await.map_err(broke_off)?? {
                Break(page) => return Ok(page),
                Continue(rest) => compressing = rest,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::poll_fn,
        pin::{Pin, pin},
        task::Poll,
    };

    use super::*;
    use crate::{
        job::State,
        testing::{LONG, Sandbox, aside, done, read, request_page},
    };

    /// Whether it still waits for something.
    async fn is_pending<F: Future>(mut future: Pin<&mut F>) -> bool {
        poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await
    }

    #[test]
    fn a_page_that_is_compressed_lets_others_go_first_and_ends_with_its_caller_or_the_engine() {
        // One thread for what blocks: whatever is asked of it tells whether somebody keeps it.
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().max_blocking_threads(1).build().unwrap();
        runtime.block_on(async {
            let sandbox = Sandbox::new();
            sandbox.load_sample(5_000);
            let (engine, caller) = (sandbox.engine(), sandbox.caller());
            let export = async || {
                let token = engine.initiate(sandbox.request("Everyone")).await.unwrap();
                assert_eq!(done(&engine, &caller, token).await.state, State::Complete);
                token
            };
            let [token, other] = [export().await, export().await];
            let page = async |token| engine.page(&caller, token, request_page(5_000, 1, true)).await.unwrap();
            let turns = Arc::clone(&engine.inner().compressing);
            let all = turns.available_permits();

            let mut first = pin!(engine.compressed(page(token).await));
            assert!(is_pending(first.as_mut()).await);
            tokio::task::spawn_blocking(|| ()).await.unwrap();
            assert!(is_pending(first.as_mut()).await, "there is more to be made");
            let mut second = engine.compressed(page(token).await).await.unwrap();
            let mut first = first.await.unwrap();
            assert!(first.is_gzip() && read(&mut first).unwrap() == read(&mut second).unwrap());
            assert_eq!(turns.available_permits(), all);
            let taken = Arc::clone(&turns).acquire_many_owned(all as u32).await.unwrap();
            let ready = engine.page(&caller, token, request_page(1_000, 1, true)).await.unwrap();
            let mut ready = pin!(engine.compressed(ready));
            assert!(!is_pending(ready.as_mut()).await, "what is ready waits for nobody");
            drop(taken);

            let mut asking = Box::pin(engine.compressed(page(other).await));
            assert!(is_pending(asking.as_mut()).await);
            drop(asking);
            let back = tokio::time::timeout(LONG, Arc::clone(&turns).acquire_many_owned(all as u32)).await;
            let back = back.expect("who has hung up gives back the turn").unwrap();

            let mut waiting = pin!(engine.compressed(page(other).await));
            assert!(is_pending(waiting.as_mut()).await);
            aside(|| engine.stop());
            drop(back);
            let told = tokio::time::timeout(LONG, waiting).await.unwrap();
            assert!(matches!(told, Err(ExportError::Store(StoreError::Closing))));
        });
    }
}
