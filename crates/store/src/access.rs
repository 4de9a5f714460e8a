//! OAuth clients and the tokens given to them (access.md). Secrets and tokens are kept as hashes only.

use std::future::Future;

use sayso_model::{id::AccountNo, moment::Moment, refusal::Refusal};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::{
    Store, StoreError,
    engine::{Databases, OrEngine, Read},
    keys::small,
    seal,
    writer::Work,
};

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

/// Characters that ids and secrets are made of: safe in a form, a header and a shell.
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

impl Store {
    /// Makes a client for a user (blocking).
    pub fn create_client(&self, account: AccountNo, user_id: &str) -> Result<NewSecret, StoreError> {
        let user_id = user_id.to_owned();
        let (client_id, secret) = (random_text(48)?, random_text(64)?);
        self.submit_and_wait(move |work| {
            let config = work.account(account)?.config;
            let user = config.user(&user_id).ok_or_else(|| {
                let why = format!("the account has no user `{user_id}`; add it to the configuration and apply that");
                Refusal::unknown("user", why)
            })?;
            let client = OAuthClient {
                client_id,
                account,
                user_id: user.user_id.clone(),
                is_active: true,
                created: work.now(),
                secrets: vec![hash(&secret)],
            };
            put_client(work, &client)?;
            Ok(NewSecret { client, secret })
        })
    }
    /// The clients of an account.
    pub fn clients(&self, account: AccountNo) -> Result<Vec<OAuthClient>, StoreError> {
        let txn = self.inner.engine.read()?;
        let mut all = Vec::new();
        for entry in self.inner.engine.dbs.access.prefix_iter(&txn, &[small::CLIENTS]).or_engine()? {
            let client = opened_client(entry.or_engine()?.1)?;
            if client.account == account {
                all.push(client);
            }
        }
        Ok(all)
    }
    /// Gives a client a second secret; the older of two goes (blocking).
    pub fn rotate_client(&self, account: AccountNo, client_id: &str) -> Result<NewSecret, StoreError> {
        let client_id = client_id.to_owned();
        let secret = random_text(64)?;
        self.submit_and_wait(move |work| {
            let mut client =
                client(work.dbs, &work.txn, &client_id)?.filter(|c| c.account == account).ok_or_else(|| {
                    Refusal::unknown("client_id", format!("the account has no OAuth client `{client_id}`"))
                })?;
            client.secrets.push(hash(&secret));
            if client.secrets.len() > 2 {
                client.secrets.remove(0);
            }
            put_client(work, &client)?;
            Ok(NewSecret { client, secret })
        })
    }
    /// Removes a client and with it its tokens (blocking). `false` when it is not there.
    pub fn revoke_client(&self, account: AccountNo, client_id: &str) -> Result<bool, StoreError> {
        let client_id = client_id.to_owned();
        self.submit_and_wait(move |work| {
            if client(work.dbs, &work.txn, &client_id)?.is_none_or(|c| c.account != account) {
                return Ok(false);
            }
            // Its tokens stand until the sweeper takes them, but none is good without its client.
            work.dbs.access.delete(&mut work.txn, &small::client(&client_id)).or_engine()
        })
    }
    /// The client whose id and secret these are, compared in constant time.
    ///
    /// Secrets are kept as SHA-256 and not as Argon2id: they are 64 random characters (380 bits), which no dictionary holds, and
    /// a slow hash on every token call is a way to knock the server over (access.md, Kept safe).
    pub fn authenticate_client(&self, client_id: &str, secret: &str) -> Result<Option<OAuthClient>, StoreError> {
        let found = client(&self.inner.engine.dbs, &self.inner.engine.read()?, client_id)?;
        let given = hash(secret);
        // An unknown client costs the same comparison as a known one.
        let known = found.as_ref().map_or(&[[0; 32]][..], |c| &c.secrets);
        let right = known.iter().fold(Choice::from(0), |right, s| right | s.ct_eq(&given));
        Ok(found.filter(|c| bool::from(right) && c.is_active))
    }
    /// Issues a bearer token for a client: opaque, 43 random characters (256 bits), kept as its SHA-256; good for `lifetime_ms`.
    pub fn issue_token(
        &self,
        client: &OAuthClient,
        lifetime_ms: i64,
    ) -> impl Future<Output = Result<String, StoreError>> + Send + 'static {
        let OAuthClient { client_id, account, user_id, .. } = client.clone();
        self.submit(move |work| {
            let token = random_text(43)?;
            let expires = Moment(work.now().0.saturating_add(lifetime_ms));
            let bearer = Bearer { client_id, account, user_id, expires };
            let key = small::bearer(&hash(&token));
            work.dbs.access.put(&mut work.txn, &key, &seal::seal_json(&bearer)?).or_engine()?;
            Ok(token)
        })
    }
    /// Who a bearer token stands for: `None` when unknown, expired, or its client is gone or switched off.
    pub fn bearer(&self, token: &str) -> Result<Option<Bearer>, StoreError> {
        let (dbs, txn) = (&self.inner.engine.dbs, self.inner.engine.read()?);
        let Some(sealed) = dbs.access.get(&txn, &small::bearer(&hash(token))).or_engine()? else { return Ok(None) };
        let bearer: Bearer = seal::open_json(sealed, || "a bearer token".into())?;
        if bearer.expires <= self.clock().now() {
            return Ok(None);
        }
        let client = client(dbs, &txn, &bearer.client_id)?;
        Ok(client.filter(|c| c.is_active).map(|_| bearer))
    }
    /// Removes tokens that have expired (blocking); for the sweeper.
    pub fn sweep_tokens(&self) -> Result<u64, StoreError> {
        let now = self.clock().now();
        let expired = |engine: &crate::engine::Engine| -> Result<Vec<Vec<u8>>, StoreError> {
            let txn = engine.read()?;
            let mut gone = Vec::new();
            for entry in engine.dbs.access.prefix_iter(&txn, &[small::BEARERS]).or_engine()? {
                let (key, value) = entry.or_engine()?;
                if seal::open_json::<Bearer>(value, || "a bearer token".into())?.expires <= now {
                    gone.push(key.to_vec());
                }
            }
            Ok(gone)
        };
        let gone = expired(&self.inner.engine)?;
        if gone.is_empty() {
            return Ok(0);
        }
        self.submit_and_wait(move |work| {
            for key in &gone {
                work.dbs.access.delete(&mut work.txn, key).or_engine()?;
            }
            Ok(gone.len() as u64)
        })
    }
}

fn client(dbs: &Databases, txn: &Read<'_>, client_id: &str) -> Result<Option<OAuthClient>, StoreError> {
    let found = dbs.access.get(txn, &small::client(client_id)).or_engine()?.map(opened_client).transpose()?;
    Ok(found.filter(|c| c.client_id == client_id))
}

fn opened_client(sealed: &[u8]) -> Result<OAuthClient, StoreError> {
    seal::open_json(sealed, || "an OAuth client".into())
}

fn put_client(work: &mut Work<'_>, client: &OAuthClient) -> Result<(), StoreError> {
    let key = small::client(&client.client_id);
    work.dbs.access.put(&mut work.txn, &key, &seal::seal_json(client)?).or_engine()
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// Random characters of [`ALPHABET`], each as likely as any other.
fn random_text(length: usize) -> Result<String, StoreError> {
    let mut text = String::with_capacity(length);
    let mut bytes = [0; 64];
    while text.len() < length {
        getrandom::fill(&mut bytes)
            .map_err(|e| StoreError::Engine(format!("the system gives no random bytes: {e}")))?;
        // 248 is four times 62: bytes at or above it would make the first letters likelier.
        let usable = bytes.iter().filter(|b| **b < 248).map(|b| char::from(ALPHABET[usize::from(b % 62)]));
        text.extend(usable.take(length - text.len()));
    }
    Ok(text)
}
