//! One attempt: a signed POST to an address that may be called, and what its answer means.

use std::{error::Error, time::Duration};

use aws_lc_rs::hmac;
use reqwest::{
    Certificate, Client, ClientBuilder, Response, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
    redirect, retry, tls,
};
use sayso_export::callback::Outcome;
use sayso_model::moment::Moment;
use url::Url;

use crate::{
    CallbackError,
    policy::{Policy, Scheme},
    resolve::{Checked, Lookup, NotCalled},
    sign,
};

/// What is read of an answer, bytes: nobody looks at it, but a receiver that is cut off while it writes may take that for a failure.
const READ: usize = 16 << 10;

/// Makes attempts.
pub(crate) struct Poster {
    policy: Policy,
    timeout: Duration,
    /// Or why there is none: a machine without any certificates still has a server to run.
    https: Result<Client, String>,
    http: Client,
}

/// What is sent, and where to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Message<'a> {
    pub url: &'a str,
    pub id: &'a str,
    pub body: &'a str,
}

/// What came of an attempt.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub outcome: Outcome,
    /// In words, for the log. Nothing of the URL or of the answer's text: either may hold a secret.
    pub told: String,
}

impl Attempt {
    fn failed(told: impl Into<String>) -> Self {
        Self { outcome: Outcome::Failed { retry_after_s: None }, told: told.into() }
    }
}

impl Poster {
    /// `ca`: certificates in PEM that are trusted beside the machine's own.
    pub fn new(policy: Policy, timeout: Duration, ca: Option<&[u8]>, lookup: &Lookup) -> Result<Self, CallbackError> {
        let client = |scheme| {
            let resolver = Checked { policy: policy.clone(), scheme, lookup: lookup.clone() };
            careful(timeout).dns_resolver(resolver)
        };
        let mut https = client(Scheme::Https).https_only(true).tls_version_min(tls::Version::TLS_1_2);
        if let Some(pem) = ca {
            let given = Certificate::from_pem_bundle(pem).map_err(|e| CallbackError::Certificates(in_full(&e)))?;
            if given.is_empty() {
                let why = "there is none in the file; it must hold one or more in PEM (-----BEGIN CERTIFICATE-----)";
                return Err(CallbackError::Certificates(why.to_owned()));
            }
            https = https.tls_certs_merge(given);
        }
        let https = https.build().map_err(|e| in_full(&e));
        match (&https, ca) {
            (Err(why), Some(_)) => return Err(CallbackError::Certificates(why.clone())),
            (Err(why), None) => tracing::warn!(%why, "callbacks can't be delivered by https until this is put right"),
            (Ok(_), _) => {}
        }
        // Without certificates: it never speaks TLS.
        let http = client(Scheme::Http).tls_certs_only([]).build();
        Ok(Self { policy, timeout, https, http: http.map_err(|e| CallbackError::Client(in_full(&e)))? })
    }

    /// Makes one.
    pub async fn post(&self, message: Message<'_>, keys: &[hmac::Key], now: Moment) -> Attempt {
        let Ok(url) = Url::parse(message.url) else { return Attempt::failed("its address is none") };
        let Some(scheme) = self.policy.scheme(&url) else {
            return Attempt::failed("http:// is not allowed any more (--allow-http-callbacks)");
        };
        // The client asks no resolver for the address of an address.
        if let Err(refused) = self.policy.check_literal(scheme, &url) {
            return Attempt::failed(refused.to_string());
        }
        let client = match (scheme, &self.https) {
            (Scheme::Http, _) => &self.http,
            (Scheme::Https, Ok(client)) => client,
            (Scheme::Https, Err(why)) => return Attempt::failed(why),
        };
        let timestamp_s = now.0.div_euclid(1_000);
        let request = client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-timestamp", timestamp_s)
            .header("webhook-signature", sign::signature(keys, message.id, timestamp_s, message.body))
            .header("webhook-id", message.id)
            .body(message.body.to_owned());
        match tokio::time::timeout(self.timeout, request.send()).await {
            Err(_) => self.too_late(),
            Ok(Err(error)) if error.is_timeout() => self.too_late(),
            Ok(Err(error)) => Attempt::failed(in_full(&error.without_url())),
            Ok(Ok(answer)) => {
                let attempt = told_by(&answer, now);
                self.read_a_little(answer).await;
                attempt
            }
        }
    }

    fn too_late(&self) -> Attempt {
        Attempt::failed(format!("there was no answer within {} ms", self.timeout.as_millis()))
    }

    async fn read_a_little(&self, mut answer: Response) {
        let read = async {
            let mut left = READ;
            while let Ok(Some(piece)) = answer.chunk().await {
                left = left.saturating_sub(piece.len());
                if left == 0 {
                    break;
                }
            }
        };
        // What the answer is was known from its head.
        let _ = tokio::time::timeout(self.timeout, read).await;
    }
}

/// A client that goes where it is told and nowhere else.
fn careful(timeout: Duration) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("Sayso/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .no_proxy()
        // An attempt that is made again is the queue's business.
        .retry(retry::never())
        .referer(false)
        .http1_only()
        .http1_max_headers(100)
        .connect_timeout(timeout)
        // Each attempt is checked anew, and so connects anew.
        .pool_max_idle_per_host(0)
}

fn told_by(answer: &Response, now: Moment) -> Attempt {
    let status = answer.status();
    let outcome = match status {
        StatusCode::GONE => Outcome::Gone,
        status if status.is_success() => Outcome::Taken,
        _ => Outcome::Failed { retry_after_s: retry_after(answer, now) },
    };
    let redirect = if status.is_redirection() { "; redirects are not followed" } else { "" };
    Attempt { outcome, told: format!("it was answered with {}{redirect}", status.as_u16()) }
}

/// What `Retry-After` asks for, seconds (RFC 9110, 10.2.3): a number of them, or a date.
fn retry_after(answer: &Response, now: Moment) -> Option<u32> {
    let text = answer.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    if text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty() {
        return Some(text.parse().unwrap_or(u32::MAX));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    let seconds = (date.as_millisecond() - now.0).max(0) / 1_000;
    Some(u32::try_from(seconds).unwrap_or(u32::MAX))
}

/// An error with its causes; of one that is ours, that alone.
fn in_full(error: &(dyn Error + 'static)) -> String {
    let causes = || std::iter::successors(Some(error), |error| (*error).source());
    if let Some(ours) = causes().find_map(|cause| cause.downcast_ref::<NotCalled>()) {
        return ours.to_string();
    }
    causes().map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests;
