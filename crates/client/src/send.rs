//! Sending a call until it is answered: what may be repeated is, for as long as the client's patience lasts.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use reqwest::{
    Method, RequestBuilder, StatusCode,
    header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, LOCATION},
};
use url::Url;

use crate::{
    About, Error,
    calls::Inner,
    delay::{before_retry, retry_after},
    in_order::Turn,
};

/// What our server says beside every answer that it offers above the documented calls, comma-separated; others don't have it.
const OFFERS: &str = "sayso-offers";

/// Tokens tried in a row for one call. More than one, since the next may be another caller's and end as this one comes to use it.
const MOST_RENEWALS: u32 = 3;

/// Whether a call may be sent again when nobody knows what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It changes nothing, or the same thing once.
    Always,
    /// It starts something: only when it surely did not arrive, or when it carries a key and the server honours such keys.
    WithKey,
}

/// One call of the API.
pub(crate) struct Call<'a> {
    /// In words, for errors.
    pub(crate) what: String,
    pub(crate) about: About,
    pub(crate) method: Method,
    pub(crate) url: Url,
    /// JSON.
    pub(crate) body: Option<Bytes>,
    pub(crate) idempotency_key: Option<&'a str>,
    pub(crate) repeat: Repeat,
}

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What the server offers above the documented calls, as far as it has said so.
#[derive(Debug, Default)]
pub(crate) struct Offers {
    idempotency_key: AtomicBool,
}

impl Offers {
    /// Whether a repeated call is recognised by its Idempotency-Key.
    pub(crate) fn recognises_repeats(&self) -> bool {
        self.idempotency_key.load(Ordering::Relaxed)
    }

    fn heed(&self, headers: &HeaderMap) {
        let offered = headers.get(OFFERS).and_then(|v| v.to_str().ok()).unwrap_or_default();
        if offered.split(',').any(|offer| offer.trim().eq_ignore_ascii_case("idempotency-key")) {
            self.idempotency_key.store(true, Ordering::Relaxed);
        }
    }
}

/// The failures of a call. Patience is for those: how long a transfer went well before it broke doesn't count.
#[derive(Debug, Default)]
struct Failing {
    times: u32,
    since: Option<Instant>,
}

impl Failing {
    /// One more; gives for how long the call has been failing.
    fn once_more(&mut self, now: Instant) -> Duration {
        self.times += 1;
        now.saturating_duration_since(*self.since.get_or_insert(now))
    }
}

impl Inner {
    /// A successful answer. A bearer token that is no longer good (401) is replaced; temporary failures are repeated
    /// where that can do no harm, until patience ends.
    pub(crate) async fn answer(&self, call: &Call<'_>) -> Result<Answer, Error> {
        let mut failing = Failing::default();
        loop {
            // Nothing of a call is sent before there is a token: whatever became of the question for one, it can be asked again.
            let (error, harmless) = match self.authorization().await {
                Err(error) => (error, true),
                Ok(_) => match self.attempt(call, None).await {
                    Ok(answer) => return Ok(answer),
                    Err(error) => {
                        let harmless = self.may_repeat(call, &error);
                        (error, harmless)
                    }
                },
            };
            let wait = before_retry(failing.times, error.retry_after());
            if !harmless || !error.is_temporary() || failing.once_more(Instant::now()) + wait >= self.patience {
                return Err(error);
            }
            if let Some(tell) = &self.on_retry {
                tell(&error, wait);
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// Sends a call once, and again only with another bearer token; the end of its body when its turn comes.
    pub(crate) async fn attempt(&self, call: &Call<'_>, turn: Option<&Turn>) -> Result<Answer, Error> {
        let mut renewals = 0;
        loop {
            let authorization = self.authorization().await?;
            let mut request = self.http.request(call.method.clone(), call.url.clone());
            if let Some(body) = &call.body {
                request = request.header(CONTENT_TYPE, "application/json; charset=utf-8");
                request = match turn {
                    None => request.body(body.clone()),
                    Some(turn) => request.header(CONTENT_LENGTH, body.len()).body(turn.hold(body.clone())),
                };
            } else if call.method == Method::POST {
                // Some servers answer 411 to a POST that doesn't say that it has no body.
                request = request.body("");
            }
            if let Some(key) = call.idempotency_key {
                request = request.header("Idempotency-Key", key);
            }
            let answer = self.send(&call.what, request.header(AUTHORIZATION, &authorization)).await?;
            if answer.status.is_success() {
                return Ok(answer);
            }
            let is_unauthorized = answer.status == StatusCode::UNAUTHORIZED;
            if !is_unauthorized || renewals == MOST_RENEWALS || !self.renew(&authorization).await {
                return Err(answer.refusal(&call.what, call.about));
            }
            renewals += 1;
        }
    }

    /// Whether a call that ended so has done nothing yet, or does nothing when it comes twice.
    fn may_repeat(&self, call: &Call<'_>, error: &Error) -> bool {
        match (call.repeat, error) {
            (Repeat::Always, _) => true,
            // It did not arrive, or the server says that it did not do it.
            (Repeat::WithKey, Error::Connection { cause, .. }) if cause.is_connect() => true,
            (Repeat::WithKey, Error::Refused { status: 429 | 503, .. }) => true,
            (Repeat::WithKey, _) => {
                call.idempotency_key.is_some() && self.offers.idempotency_key.load(Ordering::Relaxed)
            }
        }
    }

    /// Sends once and reads the whole answer.
    pub(crate) async fn send(&self, what: &str, request: RequestBuilder) -> Result<Answer, Error> {
        let broken = |cause: reqwest::Error| Error::Connection { what: what.to_owned(), cause: cause.without_url() };
        let answer = request.send().await.map_err(broken)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        self.offers.heed(&headers);
        let body = answer.bytes().await.map_err(broken)?;
        Ok(Answer { status, headers, body })
    }
}

impl Answer {
    /// The error that this answer is.
    pub(crate) fn refusal(&self, what: &str, about: About) -> Error {
        let location = self.headers.get(LOCATION).and_then(|v| v.to_str().ok());
        let message = match location {
            Some(location) if self.status.is_redirection() => format!("it moved to {location}"),
            _ => message_of(&self.body),
        };
        Error::Refused {
            what: what.to_owned(),
            about,
            status: self.status.as_u16(),
            message,
            retry_after: retry_after(&self.headers).map(|wait| wait.min(Duration::from_secs(86_400))),
        }
    }
}

/// The `Message` of a failure's body, or what there is instead, in one line.
fn message_of(body: &[u8]) -> String {
    let message = serde_json::from_slice::<serde_json::Value>(body).ok().and_then(|body| {
        Some(body.as_object()?.iter().find(|(name, _)| name.eq_ignore_ascii_case("message"))?.1.clone())
    });
    match message {
        Some(serde_json::Value::String(text)) => text,
        _ if body.is_empty() => "no reason was given".to_owned(),
        _ => {
            let text = String::from_utf8_lossy(body);
            text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_the_servers_message_whatever_its_case_or_else_the_beginning_of_its_body() {
        assert_eq!(message_of(br#"{"message":"no such segment"}"#), "no such segment");
        assert_eq!(message_of(b""), "no reason was given");
        let page = format!("<html>\r\n <h1>Bad\tGateway</h1>{}", "x".repeat(1000));
        let said = message_of(page.as_bytes());
        assert!(said.starts_with("<html> <h1>Bad Gateway</h1>x") && said.len() == 200, "{said}");
    }

    #[test]
    fn patience_begins_with_the_first_failure() {
        let now = Instant::now();
        let mut failing = Failing::default();
        assert_eq!(failing.once_more(now + Duration::from_secs(300)), Duration::ZERO, "whatever it took until then");
        assert_eq!(failing.once_more(now + Duration::from_secs(420)), Duration::from_secs(120));
        assert_eq!(failing.times, 2);
    }

    #[test]
    fn an_offer_is_heard_among_others_in_any_case() {
        let offers = Offers::default();
        offers.heed(&HeaderMap::new());
        assert!(!offers.idempotency_key.load(Ordering::Relaxed));
        offers.heed(&HeaderMap::from_iter([(OFFERS.parse().unwrap(), "x, Idempotency-Key".parse().unwrap())]));
        offers.heed(&HeaderMap::new());
        assert!(offers.idempotency_key.load(Ordering::Relaxed), "said once, it holds");
    }
}
