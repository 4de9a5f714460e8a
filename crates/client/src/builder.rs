//! Putting a client together.

use std::{sync::Arc, time::Duration};

use url::Url;

use crate::{
    Algorithm, Client, Error,
    auth::Auth,
    calls::{Inner, OnRetry},
    oauth::OAuth,
    send::Offers,
    signed::SharedKey,
};

/// The API's address below the server's root (export.md, Addresses).
const BASE_PATH: &str = "Profiles/v4";
/// The token endpoint below the server's root (access.md, OAuth).
const TOKEN_PATH: &str = "oauth/token";

/// Gathers what a [`Client`] needs; made by [`Client::builder`].
#[derive(Clone, Default)]
pub struct ClientBuilder {
    url: String,
    credentials: Option<(String, String)>,
    shared_key: Option<(String, String, Algorithm)>,
    account: Option<String>,
    scope: Option<String>,
    timeout: Option<Duration>,
    patience: Option<Duration>,
    on_retry: Option<OnRetry>,
}

impl ClientBuilder {
    pub(crate) fn new(url: String) -> Self {
        Self { url, ..Self::default() }
    }

    /// The OAuth client's id and secret.
    #[must_use]
    pub fn credentials(mut self, client_id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.credentials = Some((client_id.into(), secret.into()));
        self
    }

    /// A user's shared key: every call is signed with it, in place of OAuth (access.md, Signed header). The account has to be
    /// given too.
    #[must_use]
    pub fn shared_key(mut self, user: impl Into<String>, key: impl Into<String>, algorithm: Algorithm) -> Self {
        self.shared_key = Some((user.into(), key.into(), algorithm));
        self
    }

    /// `ClientId/UserId`, as the credentials were issued for; names the account too.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// The account (`clientId` of the paths), when it isn't the scope's.
    #[must_use]
    pub fn account(mut self, account: impl Into<String>) -> Self {
        self.account = Some(account.into());
        self
    }

    /// The longest silence of the server before a call fails; 60 s when not set. A page may take longer than that as a whole.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How long a call is retried, counted from its first failure, when the failure may be temporary (no connection, a broken
    /// one, 429, 5xx); two minutes when not set, zero for never. What the server asks for (`Retry-After`) is waited; when that is longer than the
    /// patience left, the failure is given back at once. Only what can do no harm is repeated: see [`Client::initiate`].
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// Called before each retry with the failure and the wait that follows.
    #[must_use]
    pub fn on_retry(mut self, tell: impl Fn(&Error, Duration) + Send + Sync + 'static) -> Self {
        self.on_retry = Some(Arc::new(tell));
        self
    }

    /// The client. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Setup`] when the URL is not one of http or https, when there are no credentials or two kinds of them, or neither a
    /// scope nor an account.
    pub fn build(self) -> Result<Client, Error> {
        let setup = |words: String| Err(Error::Setup(words));
        let root = match Url::parse(&self.url) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.host().is_some() => url,
            _ => return setup(format!("{:?} is not a server's address; it looks like https://host:port", self.url)),
        };
        let account = self.account.or_else(|| Some(self.scope.as_ref()?.split_once('/')?.0.to_owned()));
        let auth = match (self.credentials, self.shared_key) {
            (Some((client_id, secret)), None) => Auth::OAuth(OAuth::new(client_id, secret, self.scope)),
            (None, Some((user, key, algorithm))) => Auth::Signed(Box::new(SharedKey::new(user, &key, algorithm)?)),
            (None, None) => {
                return setup(
                    "no credentials; give a client id and its secret, or a user and their shared key".to_owned(),
                );
            }
            (Some(_), Some(_)) => {
                return setup(
                    "two kinds of credentials; give an OAuth client's or a user's shared key, not both".to_owned(),
                );
            }
        };
        let Some(account) = account.filter(|a| !a.is_empty()) else {
            return setup("no account; give it, or a scope such as ACME_CORP/John.Doe".to_owned());
        };
        // Idle connections are let go before a server's usual keep-alive ends, so that a call doesn't meet a closing one.
        let http = reqwest::Client::builder()
            .read_timeout(self.timeout.unwrap_or(Duration::from_secs(60)))
            .connect_timeout(Duration::from_secs(10))
            .pool_idle_timeout(Duration::from_secs(20))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("sayso-client/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|cause| Error::Connection { what: "setting up HTTP".to_owned(), cause })?;
        Ok(Client::from_inner(Inner {
            http,
            api: below(&root, BASE_PATH),
            token_url: below(&root, TOKEN_PATH),
            account,
            auth,
            patience: self.patience.unwrap_or(Duration::from_secs(120)),
            on_retry: self.on_retry,
            offers: Offers::default(),
        }))
    }
}

fn below(root: &Url, path: &str) -> Url {
    let mut url = root.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.path_segments_mut().expect("http addresses have paths").pop_if_empty().extend(path.split('/'));
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_says_what_it_lacks() {
        let words = |b: ClientBuilder| b.build().err().map(|e| e.to_string()).unwrap_or_default();
        assert!(words(Client::builder("localhost:8080")).contains("https://host:port"));
        assert!(words(Client::builder("http://localhost")).contains("client id"));
        assert!(words(Client::builder("http://localhost").credentials("a", "b")).contains("ACME_CORP/John.Doe"));
        assert_eq!(words(Client::builder("http://localhost").credentials("a", "b").scope("A/u")), "");
        let signing = || Client::builder("http://localhost").shared_key("u", "key", Algorithm::Sha256);
        assert!(words(signing()).contains("no account"));
        assert!(words(signing().account("A").credentials("a", "b")).contains("not both"));
        assert_eq!(words(signing().account("A")), "");
    }

    #[test]
    fn a_server_below_a_path_is_reached() {
        let root = Url::parse("https://host/consent/?x=1").unwrap();
        assert_eq!(below(&root, BASE_PATH).as_str(), "https://host/consent/Profiles/v4");
    }
}
