//! Putting a client together.

use std::time::Duration;

use url::Url;

use crate::{Client, Error, calls::Inner};

/// The API's address below the server's root (export.md, Addresses).
const BASE_PATH: &str = "Profiles/v4";
/// The token endpoint below the server's root (access.md, OAuth).
const TOKEN_PATH: &str = "oauth/token";

/// Gathers what a [`Client`] needs; made by [`Client::builder`].
#[derive(Clone, Default)]
pub struct ClientBuilder {
    url: String,
    credentials: Option<(String, String)>,
    account: Option<String>,
    scope: Option<String>,
    timeout: Option<Duration>,
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

    /// The client. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Setup`] when the URL is not one of http or https, when there are no credentials, or neither a scope nor an account.
    pub fn build(self) -> Result<Client, Error> {
        let setup = |words: String| Err(Error::Setup(words));
        let root = match Url::parse(&self.url) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.host().is_some() => url,
            _ => return setup(format!("{:?} is not a server's address; it looks like https://host:port", self.url)),
        };
        let Some((client_id, secret)) = self.credentials else {
            return setup("no credentials; give a client id and its secret".to_owned());
        };
        let account = self.account.or_else(|| Some(self.scope.as_ref()?.split_once('/')?.0.to_owned()));
        let Some(account) = account.filter(|a| !a.is_empty()) else {
            return setup("no account; give a scope such as ACME_CORP/John.Doe".to_owned());
        };
        // Idle connections are let go before a server's usual keep-alive ends, so that a call doesn't meet a closing one.
        let http = reqwest::Client::builder()
            .read_timeout(self.timeout.unwrap_or(Duration::from_secs(60)))
            .connect_timeout(Duration::from_secs(10))
            .pool_idle_timeout(Duration::from_secs(20))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("sayso-client/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|source| Error::Connection { what: "setting up HTTP".to_owned(), source })?;
        Ok(Client::from_inner(Inner {
            http,
            api: below(&root, BASE_PATH),
            token_url: below(&root, TOKEN_PATH),
            account,
            client_id,
            secret,
            scope: self.scope,
            token: tokio::sync::Mutex::default(),
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
    }

    #[test]
    fn a_server_below_a_path_is_reached() {
        let root = Url::parse("https://host/consent/?x=1").unwrap();
        assert_eq!(below(&root, BASE_PATH).as_str(), "https://host/consent/Profiles/v4");
    }
}
