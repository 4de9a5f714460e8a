//! Bearer tokens: fetched with the client's credentials, kept until shortly before they expire (access.md, OAuth).

use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::sync::Mutex;

use crate::{About, Error, calls::Inner};

/// An OAuth client's credentials and the token that was fetched with them.
pub(crate) struct OAuth {
    pub(crate) client_id: String,
    secret: String,
    scope: Option<String>,
    kept: Mutex<Option<Bearer>>,
}

/// A bearer token and the moment from which a new one is asked for.
struct Bearer {
    token: String,
    renew_at: Instant,
}

/// The answer of the token endpoint (RFC 6749, 5.1).
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default = "an_hour")]
    expires_in: u64,
}

fn an_hour() -> u64 {
    3600
}

/// A refusal of the token endpoint (RFC 6749, 5.2).
#[derive(Deserialize, Default)]
#[serde(default)]
struct Refused {
    error: String,
    error_description: String,
}

/// A token is renewed a minute before its end, a very short one after half of its life, and any after a day: what the server says its life
/// is may be more than a clock can count.
fn useful_life(expires_in: u64) -> Duration {
    let whole = Duration::from_secs(expires_in.min(86_400));
    whole.saturating_sub(Duration::from_secs(60)).max(whole / 2)
}

impl OAuth {
    pub(crate) fn new(client_id: String, secret: String, scope: Option<String>) -> Self {
        Self { client_id, secret, scope, kept: Mutex::default() }
    }

    /// Forgets a token that the server did not take, unless another caller has a newer one already.
    pub(crate) async fn forget(&self, authorization: &str) {
        let mut kept = self.kept.lock().await;
        if kept.as_ref().is_some_and(|bearer| authorization.strip_prefix("Bearer ") == Some(&bearer.token)) {
            *kept = None;
        }
    }
}

impl Inner {
    /// A token that is still good, asking for one when there is none. Callers in parallel share one request.
    pub(crate) async fn bearer(&self, oauth: &OAuth) -> Result<String, Error> {
        let mut kept = oauth.kept.lock().await;
        match &*kept {
            Some(bearer) if Instant::now() < bearer.renew_at => Ok(bearer.token.clone()),
            _ => {
                let bearer = self.fetch_bearer(oauth).await?;
                let token = bearer.token.clone();
                *kept = Some(bearer);
                Ok(token)
            }
        }
    }

    async fn fetch_bearer(&self, oauth: &OAuth) -> Result<Bearer, Error> {
        let what = || "asking for a token".to_owned();
        // RFC 6749, 2.3.1: id and secret are form-encoded before they go into the Basic header.
        let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let mut form = vec![("grant_type", "client_credentials")];
        form.extend(oauth.scope.as_deref().map(|scope| ("scope", scope)));
        let asked_at = Instant::now();
        let call = self
            .http
            .post(self.token_url.clone())
            .basic_auth(encoded(&oauth.client_id), Some(encoded(&oauth.secret)))
            .form(&form);
        let answer = self.send(&what(), call).await?;
        if answer.status.is_success() {
            let granted: Granted =
                serde_json::from_slice(&answer.body).map_err(|cause| Error::Answer { what: what(), cause })?;
            return Ok(Bearer { token: granted.access_token, renew_at: asked_at + useful_life(granted.expires_in) });
        }
        // A server that can't answer just now, or not so often, has not judged the credentials; one that doesn't speak as
        // RFC 6749 says is none that gives tokens.
        let refused: Refused = serde_json::from_slice(&answer.body).unwrap_or_default();
        let status = answer.status.as_u16();
        if refused.error.is_empty() || status == 429 || status >= 500 {
            return Err(answer.refusal(&what(), About::SignIn));
        }
        let description = Some(refused.error_description).filter(|d| !d.is_empty());
        Err(Error::Credentials {
            code: refused.error,
            description: description.unwrap_or_else(|| "no reason was given".to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_renewed_before_they_expire() {
        assert_eq!(useful_life(3600), Duration::from_secs(3540));
        assert_eq!(useful_life(30), Duration::from_secs(15));
        assert_eq!(useful_life(0), Duration::ZERO);
        assert_eq!(useful_life(u64::MAX), Duration::from_secs(86_340));
        assert!(Instant::now().checked_add(useful_life(u64::MAX)).is_some(), "a moment that can be");
    }
}
