//! Bearer tokens: fetched with the client's credentials, kept until shortly before they expire (access.md, OAuth).

use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::{Error, calls::Inner};

/// A bearer token and the moment from which a new one is asked for.
pub(crate) struct Bearer {
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

/// A token is renewed a minute before its end, a very short one after half of its life.
fn useful_life(expires_in: u64) -> Duration {
    let whole = Duration::from_secs(expires_in);
    whole.saturating_sub(Duration::from_secs(60)).max(whole / 2)
}

impl Inner {
    /// A token that is still good, asking for one when there is none. Callers in parallel share one request.
    pub(crate) async fn bearer(&self) -> Result<String, Error> {
        let mut kept = self.token.lock().await;
        match &*kept {
            Some(bearer) if Instant::now() < bearer.renew_at => Ok(bearer.token.clone()),
            _ => {
                let bearer = self.fetch_bearer().await?;
                let token = bearer.token.clone();
                *kept = Some(bearer);
                Ok(token)
            }
        }
    }

    /// Forgets a token that the server did not take, unless another caller has a newer one already.
    pub(crate) async fn forget(&self, token: &str) {
        let mut kept = self.token.lock().await;
        if kept.as_ref().is_some_and(|bearer| bearer.token == token) {
            *kept = None;
        }
    }

    async fn fetch_bearer(&self) -> Result<Bearer, Error> {
        let what = || "asking for a token".to_owned();
        // RFC 6749, 2.3.1: id and secret are form-encoded before they go into the Basic header.
        let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let mut form = vec![("grant_type", "client_credentials")];
        form.extend(self.scope.as_deref().map(|scope| ("scope", scope)));
        let asked_at = Instant::now();
        let answer = self
            .http
            .post(self.token_url.clone())
            .basic_auth(encoded(&self.client_id), Some(encoded(&self.secret)))
            .form(&form)
            .send()
            .await
            .map_err(|source| Error::Connection { what: what(), source })?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(|source| Error::Connection { what: what(), source })?;
        if !status.is_success() {
            let refused: Refused = serde_json::from_slice(&body).unwrap_or_default();
            let code = if refused.error.is_empty() { status.to_string() } else { refused.error };
            let description = if refused.error_description.is_empty() {
                "no reason was given".to_owned()
            } else {
                refused.error_description
            };
            return Err(Error::Credentials { code, description });
        }
        let granted: Granted =
            serde_json::from_slice(&body).map_err(|source| Error::Answer { what: what(), source })?;
        Ok(Bearer { token: granted.access_token, renew_at: asked_at + useful_life(granted.expires_in) })
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
    }
}
