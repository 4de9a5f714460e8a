//! OAuth clients and the tokens given to them (access.md). Secrets and tokens are kept as hashes only.

use sayso_model::{id::AccountNo, moment::Moment};
use serde::{Deserialize, Serialize};

use crate::{Store, StoreError};

/// An OAuth client: issued for one user of one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct OAuthClient {
    /// 48 random characters.
    pub client_id: String,
    pub account: AccountNo,
    pub user_id: String,
    pub is_active: bool,
    pub created: Moment,
    /// SHA-256 of each valid secret, newest last, at most two.
    pub secrets: Vec<[u8; 32]>,
}

/// A client with the secret just made for it, which is shown once and never again.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct NewSecret {
    pub client: OAuthClient,
    /// 64 random characters.
    pub secret: String,
}

/// Who a bearer token stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Bearer {
    pub client_id: String,
    pub account: AccountNo,
    pub user_id: String,
    pub expires: Moment,
}

impl Store {
    /// Makes a client for a user (blocking).
    pub fn create_client(&self, _account: AccountNo, _user_id: &str) -> Result<NewSecret, StoreError> {
        todo!()
    }
    /// The clients of an account.
    pub fn clients(&self, _account: AccountNo) -> Result<Vec<OAuthClient>, StoreError> {
        todo!()
    }
    /// Gives a client a second secret; the older of two goes (blocking).
    pub fn rotate_client(&self, _account: AccountNo, _client_id: &str) -> Result<NewSecret, StoreError> {
        todo!()
    }
    /// Removes a client and with it its tokens (blocking). `false` when it is not there.
    pub fn revoke_client(&self, _account: AccountNo, _client_id: &str) -> Result<bool, StoreError> {
        todo!()
    }
    /// The client whose id and secret these are, compared in constant time.
    pub fn authenticate_client(&self, _client_id: &str, _secret: &str) -> Result<Option<OAuthClient>, StoreError> {
        todo!()
    }
    /// Issues a bearer token for a client: opaque, 256 random bits in base64url, kept as its SHA-256; good for `lifetime_ms`.
    pub fn issue_token(
        &self,
        _client: &OAuthClient,
        _lifetime_ms: i64,
    ) -> impl Future<Output = Result<String, StoreError>> + Send + 'static {
        async { todo!() }
    }
    /// Who a bearer token stands for: `None` when unknown, expired, or its client is gone or switched off.
    pub fn bearer(&self, _token: &str) -> Result<Option<Bearer>, StoreError> {
        todo!()
    }
    /// Removes tokens that have expired (blocking); for the sweeper.
    pub fn sweep_tokens(&self) -> Result<u64, StoreError> {
        todo!()
    }
}
