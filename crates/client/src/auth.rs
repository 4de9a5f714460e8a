//! How a client says who it is: either way leads to the same user and the same rights (access.md).

use std::fmt;

use crate::{Error, calls::Inner, oauth::OAuth, signed::SharedKey};

/// One of the two ways.
pub(crate) enum Auth {
    /// OAuth 2.0 client credentials.
    OAuth(OAuth),
    /// A header that is signed anew for every call.
    Signed(Box<SharedKey>),
}

/// Shows who, never a secret.
impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Auth::OAuth(oauth) => f.debug_struct("OAuth").field("client_id", &oauth.client_id).finish_non_exhaustive(),
            Auth::Signed(key) => f.debug_struct("Signed").field("user", &key.user()).finish_non_exhaustive(),
        }
    }
}

impl Inner {
    /// The value of `Authorization` for the next call; fetches a bearer token when there is none that is still good.
    pub(crate) async fn authorization(&self) -> Result<String, Error> {
        match &self.auth {
            Auth::OAuth(oauth) => Ok(format!("Bearer {}", self.bearer(oauth).await?)),
            Auth::Signed(key) => Ok(key.authorization(&self.account)),
        }
    }

    /// After a 401: whether another `Authorization` can be had that may be taken.
    pub(crate) async fn renew(&self, refused: &str) -> bool {
        match &self.auth {
            Auth::OAuth(oauth) => {
                oauth.forget(refused).await;
                true
            }
            // It would be signed with the same key and the same clock.
            Auth::Signed(_) => false,
        }
    }
}
