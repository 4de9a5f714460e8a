//! The calls of export.md, one method each.

use std::{fmt, sync::Arc};

use futures_util::{Stream, stream};
use reqwest::{Method, RequestBuilder, Response, StatusCode, header::HeaderMap};
use serde::de::DeserializeOwned;
use url::Url;

use crate::{
    ClientBuilder, Error,
    delay::{self, before_try, retry_after},
    oauth::Bearer,
    wire::{ExportStatus, InitiateRequest, Initiated, Page, State},
};

/// A caller of the export API. Cheap to clone; clones share connections and the bearer token.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) http: reqwest::Client,
    /// `https://host/Profiles/v4`.
    pub(crate) api: Url,
    pub(crate) token_url: Url,
    pub(crate) account: String,
    pub(crate) client_id: String,
    pub(crate) secret: String,
    pub(crate) scope: Option<String>,
    pub(crate) token: tokio::sync::Mutex<Option<Bearer>>,
}

/// Shows where it calls and for whom, never the secret.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.inner;
        f.debug_struct("Client")
            .field("api", &inner.api.as_str())
            .field("account", &inner.account)
            .field("client_id", &inner.client_id)
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

    /// Starts an export of a segment; gives its access token.
    ///
    /// # Errors
    /// [`Error::Refused`] 404 for an unknown segment, 403 without CanExecute on it, 400 for a bad request.
    pub async fn initiate_segment(&self, name: &str, request: &InitiateRequest) -> Result<u64, Error> {
        self.initiate("Segment", name, request).await
    }

    /// The same for a segment group.
    ///
    /// # Errors
    /// As [`Client::initiate_segment`].
    pub async fn initiate_segment_group(&self, name: &str, request: &InitiateRequest) -> Result<u64, Error> {
        self.initiate("SegmentGroup", name, request).await
    }

    async fn initiate(&self, kind: &str, name: &str, request: &InitiateRequest) -> Result<u64, Error> {
        let what = format!("starting the export of {name:?}");
        let url = self.inner.export_url(&[kind, name])?;
        let (answer, _) = self.inner.call::<Initiated>(&what, Method::POST, url, |call| call.json(request)).await?;
        Ok(answer.access_token)
    }

    /// Where an export stands.
    ///
    /// # Errors
    /// [`Error::Refused`] 404 for a token that is unknown to this user.
    pub async fn status(&self, token: u64) -> Result<ExportStatus, Error> {
        let what = format!("asking for the status of export {token}");
        let url = self.inner.export_url(&[&token.to_string(), "Status"])?;
        let (mut status, headers) = self.inner.call::<ExportStatus>(&what, Method::GET, url, |call| call).await?;
        let text = |name: &str| Some(headers.get(name)?.to_str().ok()?.to_owned());
        status.snapshot = text("Sayso-Snapshot");
        status.progress = text("X-Progress");
        status.retry_after = retry_after(&headers);
        Ok(status)
    }

    /// Asks for the status until the export is complete. Between two questions it waits as long as the server says
    /// (`Retry-After`), else 100 ms, 200 ms … 5 s; the first comes after 100 ms, which is enough for a small export.
    ///
    /// # Errors
    /// [`Error::Ended`] when it ended otherwise than Complete; what [`Client::status`] gives, temporary failures of up to a
    /// minute and a half apart from that.
    pub async fn wait(&self, token: u64) -> Result<ExportStatus, Error> {
        const FAILURES_IN_A_ROW: u32 = 20;
        let mut delay = delay::FIRST;
        let (mut asked, mut failed) = (0, 0);
        loop {
            tokio::time::sleep(delay).await;
            let wish = match self.status(token).await {
                Ok(status) if status.state == State::Complete => return Ok(status),
                Ok(status) if status.state == State::Processing => {
                    failed = 0;
                    status.retry_after
                }
                Ok(status) => return Err(Error::Ended { token, state: status.state }),
                Err(error) if error.is_temporary() && failed < FAILURES_IN_A_ROW => {
                    failed += 1;
                    if let Error::Refused { retry_after, .. } = error { retry_after } else { None }
                }
                Err(error) => return Err(error),
            };
            delay = before_try(asked, wish);
            asked += 1;
        }
    }

    /// One page of at most `limit` records, the first of them number `offset` (from 1). Without `keep_alive` the last block
    /// ends the token (export.md, Retrieve).
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
        Ok(self.inner.call(&what, Method::GET, url, |call| call).await?.0)
    }

    /// The pages of an export from the first record to the last, all with keepAlive: nothing is lost when the connection
    /// breaks at the end; [`Client::commit`] ends the token afterwards.
    pub fn pages(&self, token: u64, limit: u64) -> impl Stream<Item = Result<Page, Error>> + Send + '_ {
        stream::try_unfold(Some(1_u64), move |next| async move {
            let Some(offset) = next else { return Ok(None) };
            let page = self.page(token, limit, offset, true).await?;
            // A page that promises more but is empty would be asked for again forever.
            let taken = page.records.len() as u64;
            let after = (page.has_more && taken > 0).then_some(offset + taken);
            Ok(Some((page, after)))
        })
    }

    /// Marks an export as retrieved and ends its token; may be repeated.
    ///
    /// # Errors
    /// [`Error::Refused`] 503 while it isn't complete, 404 for one that is unknown or has expired.
    pub async fn commit(&self, token: u64, keep_files: bool) -> Result<(), Error> {
        let what = format!("committing export {token}");
        let mut url = self.inner.export_url(&[&token.to_string(), "Commit"])?;
        url.query_pairs_mut().append_pair("keepFiles", if keep_files { "true" } else { "false" });
        self.inner.answer(&what, Method::POST, url, |call| call).await.map(|_| ())
    }
}

impl Inner {
    /// `{api}/Async/{account}/Export/{parts…}`, each part percent-encoded as one segment of the path.
    fn export_url(&self, parts: &[&str]) -> Result<Url, Error> {
        let all = ["Async", &self.account, "Export"].into_iter().chain(parts.iter().copied());
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

    /// A call whose answer is JSON; gives the headers too.
    async fn call<T: DeserializeOwned>(
        &self,
        what: &str,
        method: Method,
        url: Url,
        with: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<(T, HeaderMap), Error> {
        let answer = self.answer(what, method, url, with).await?;
        let headers = answer.headers().clone();
        let body = answer.bytes().await.map_err(|source| Error::Connection { what: what.to_owned(), source })?;
        let value = serde_json::from_slice(&body).map_err(|source| Error::Answer { what: what.to_owned(), source })?;
        Ok((value, headers))
    }

    /// A successful answer. A bearer token that is no longer good (401) is replaced once.
    async fn answer(
        &self,
        what: &str,
        method: Method,
        url: Url,
        with: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<Response, Error> {
        let mut tries_left = 1;
        loop {
            let token = self.bearer().await?;
            let call = with(self.http.request(method.clone(), url.clone())).bearer_auth(&token);
            let answer = call.send().await.map_err(|source| Error::Connection { what: what.to_owned(), source })?;
            let status = answer.status();
            if status.is_success() {
                return Ok(answer);
            }
            if status == StatusCode::UNAUTHORIZED && tries_left > 0 {
                tries_left -= 1;
                self.forget(&token).await;
                continue;
            }
            let retry_after = retry_after(answer.headers());
            let body = answer.bytes().await.unwrap_or_default();
            return Err(Error::Refused {
                what: what.to_owned(),
                status: status.as_u16(),
                message: message_of(&body),
                retry_after,
            });
        }
    }
}

/// The `Message` of a failure's body, or what there is instead.
fn message_of(body: &[u8]) -> String {
    let message = serde_json::from_slice::<serde_json::Value>(body).ok().and_then(|body| {
        Some(body.as_object()?.iter().find(|(name, _)| name.eq_ignore_ascii_case("message"))?.1.clone())
    });
    match message {
        Some(serde_json::Value::String(text)) => text,
        _ if body.is_empty() => "no reason was given".to_owned(),
        _ => String::from_utf8_lossy(body).chars().take(200).collect(),
    }
}

#[cfg(test)]
mod tests;
