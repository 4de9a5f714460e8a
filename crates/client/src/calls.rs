//! The calls of export.md, one method each.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use reqwest::Method;
use url::Url;

use crate::{
    About, ClientBuilder, Error,
    auth::Auth,
    delay::{self, ahead, before_look, retry_after},
    page::Page,
    send::{Call, Offers, Repeat},
    wire::{ExportStatus, InitiateRequest, Initiated, Source, State, read_any_case},
};

/// A caller of the export API. Cheap to clone; clones share connections and the bearer token.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

pub(crate) type OnRetry = Arc<dyn Fn(&Error, Duration) + Send + Sync>;

pub(crate) struct Inner {
    pub(crate) http: reqwest::Client,
    /// `https://host/Profiles/v4`.
    pub(crate) api: Url,
    pub(crate) token_url: Url,
    pub(crate) account: String,
    pub(crate) auth: Auth,
    pub(crate) patience: Duration,
    pub(crate) on_retry: Option<OnRetry>,
    pub(crate) offers: Offers,
}

/// Shows where it calls and for whom, never the secret.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.inner;
        f.debug_struct("Client")
            .field("api", &inner.api.as_str())
            .field("account", &inner.account)
            .field("auth", &inner.auth)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Begins a client of the server whose root is `url`: `https://host:port`.
    pub fn builder(url: impl Into<String>) -> ClientBuilder {
        ClientBuilder::new(url.into())
    }

    pub(crate) fn from_inner(inner: Inner) -> Self {
        Self { inner: Arc::new(inner) }
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.inner
    }

    /// Starts an export; gives its access token.
    ///
    /// An Initiate whose answer is lost may have started an export all the same. So it is sent again only when it certainly did not
    /// arrive, when the server says that it didn't take it (429, 503), or when the server offers to recognise a repetition
    /// (`Idempotency-Key`, which ours does: then a random key goes with it).
    ///
    /// # Errors
    /// [`Error::Refused`] 404 for an unknown segment or group, 403 without CanExecute on it, 400 for a bad request.
    pub async fn initiate(&self, source: &Source, request: &InitiateRequest) -> Result<u64, Error> {
        let mut bytes = [0_u8; 16];
        getrandom::fill(&mut bytes).map_err(|e| Error::Setup(format!("the system gives no random bytes: {e}")))?;
        self.initiate_once(source, request, &format!("{:032x}", u128::from_be_bytes(bytes))).await
    }

    /// The same with a key of the caller's own, 1 to 255 visible ASCII characters: a server that honours it gives the same token
    /// for the same key for 24 hours, also to a caller that was restarted meanwhile.
    ///
    /// # Errors
    /// As [`Client::initiate`]; [`Error::Refused`] 422 for a key that came with another request before.
    pub async fn initiate_once(&self, source: &Source, request: &InitiateRequest, key: &str) -> Result<u64, Error> {
        let [kind, name] = source.path();
        let what = format!("starting the export of {source}");
        let body = serde_json::to_vec(request).map_err(|cause| Error::Answer { what: what.clone(), cause })?;
        let call = Call {
            method: Method::POST,
            url: self.inner.export_url(&[kind, name])?,
            body: Some(body.into()),
            idempotency_key: Some(key),
            repeat: Repeat::WithKey,
            about: About::Source,
            what,
        };
        let answer = self.inner.answer(&call).await?;
        let initiated: Initiated =
            read_any_case(&answer.body).map_err(|cause| Error::Answer { what: call.what, cause })?;
        Ok(initiated.access_token)
    }

    /// Where an export stands.
    ///
    /// # Errors
    /// [`Error::Refused`] 404 for a token that is unknown to this user.
    pub async fn status(&self, token: u64) -> Result<ExportStatus, Error> {
        let what = format!("asking for the status of export {token}");
        let call = harmless(what, Method::GET, self.inner.export_url(&[&token.to_string(), "Status"])?);
        let answer = self.inner.answer(&call).await?;
        let mut status: ExportStatus =
            read_any_case(&answer.body).map_err(|cause| Error::Answer { what: call.what, cause })?;
        let text = |name: &str| Some(answer.headers.get(name)?.to_str().ok()?.to_owned());
        status.snapshot = text("Sayso-Snapshot");
        status.progress = text("X-Progress");
        status.retry_after = retry_after(&answer.headers);
        status.ahead = ahead(&answer.headers, SystemTime::now());
        Ok(status)
    }

    /// Asks for the status until the export is complete. Between polls it waits as long as the server says
    /// (`Retry-After`, at most five minutes), else 100 ms, 200 ms … 5 s; the first comes after 100 ms, which is enough for a
    /// small export.
    ///
    /// # Errors
    /// [`Error::Ended`] when it ended otherwise than Complete; what [`Client::status`] gives.
    pub async fn wait(&self, token: u64) -> Result<ExportStatus, Error> {
        self.wait_telling(token, |_| ()).await
    }

    /// The same, telling every Status that comes meanwhile.
    ///
    /// # Errors
    /// As [`Client::wait`].
    pub async fn wait_telling(
        &self,
        token: u64,
        mut tell: impl FnMut(&ExportStatus) + Send,
    ) -> Result<ExportStatus, Error> {
        let (mut delay, mut asked) = (delay::FIRST, 0_u32);
        loop {
            tokio::time::sleep(delay).await;
            let status = self.status(token).await?;
            match status.state {
                State::Complete => return Ok(status),
                State::Processing => tell(&status),
                state => return Err(Error::Ended { token, state }),
            }
            delay = before_look(asked, status.retry_after);
            asked = asked.saturating_add(1);
        }
    }

    /// One page of at most `limit` records, the first of them number `offset` (from 1). Without `keep_alive` the last block
    /// ends the token (export.md, Retrieve), so such a page is not asked for again when its answer is lost.
    ///
    /// # Errors
    /// [`Error::Refused`] 503 while the export isn't complete, 404 once it has ended.
    pub async fn page(&self, token: u64, limit: u64, offset: u64, keep_alive: bool) -> Result<Page, Error> {
        let what = format!("reading export {token} from record {offset}");
        let mut url = self.inner.export_url(&[&token.to_string()])?;
        url.query_pairs_mut()
            .append_pair("limit", &limit.to_string())
            .append_pair("offset", &offset.to_string())
            .append_pair("keepAlive", if keep_alive { "true" } else { "false" });
        let repeat = if keep_alive { Repeat::Always } else { Repeat::WithKey };
        let call = Call { repeat, ..harmless(what, Method::GET, url) };
        let answer = self.inner.answer(&call).await?;
        let mut page = read_page(answer.body, &call.what).await?;
        // What is numbered otherwise than asked would be put in the wrong place; a server may leave the number out.
        if page.offset == 0 {
            page.offset = offset;
        }
        if page.offset != offset {
            return Err(Error::Contradiction {
                token,
                what: format!("record {offset} was asked for, but the page begins with {}", page.offset),
            });
        }
        Ok(page)
    }

    /// Marks an export as retrieved and ends its token; may be repeated.
    ///
    /// # Errors
    /// [`Error::Refused`] 503 while it isn't complete, 404 for one that is unknown or has expired.
    pub async fn commit(&self, token: u64, keep_files: bool) -> Result<(), Error> {
        let what = format!("committing export {token}");
        let mut url = self.inner.export_url(&[&token.to_string(), "Commit"])?;
        url.query_pairs_mut().append_pair("keepFiles", if keep_files { "true" } else { "false" });
        self.inner.answer(&harmless(what, Method::POST, url)).await.map(|_| ())
    }
}

/// Finding the records of a large page takes milliseconds, which other tasks of this thread would wait for.
async fn read_page(body: Bytes, what: &str) -> Result<Page, Error> {
    const AT_ONCE: usize = 256 << 10;
    let read = if body.len() <= AT_ONCE {
        Page::read(body)
    } else {
        tokio::task::spawn_blocking(move || Page::read(body))
            .await
            .expect("reading a page doesn't panic, nor is it aborted")
    };
    read.map_err(|cause| Error::Answer { what: what.to_owned(), cause })
}

fn harmless(what: String, method: Method, url: Url) -> Call<'static> {
    Call { what, about: About::Export, method, url, body: None, idempotency_key: None, repeat: Repeat::Always }
}

impl Inner {
    /// `{api}/Async/{account}/Export/{parts…}`, each part percent-encoded as one segment of the path.
    pub(crate) fn export_url(&self, parts: &[&str]) -> Result<Url, Error> {
        self.account_url("Export", parts)
    }

    /// `{api}/Async/{account}/{kind}/{parts…}`, likewise.
    pub(crate) fn account_url(&self, kind: &str, parts: &[&str]) -> Result<Url, Error> {
        let all = ["Async", &self.account, kind].into_iter().chain(parts.iter().copied());
        // An empty name would name another route; "." and ".." would be resolved away by everyone on the road.
        if let Some(part) = all.clone().find(|part| matches!(*part, "" | "." | "..")) {
            return Err(Error::Setup(format!(
                "{part:?} can't stand in an address; give the name of a segment or an account"
            )));
        }
        let mut url = self.api.clone();
        url.path_segments_mut().expect("http addresses have paths").extend(all);
        Ok(url)
    }
}

#[cfg(test)]
mod tests;
