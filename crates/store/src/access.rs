//! OAuth clients and the tokens given to them (access.md), kept as hashes only; shared keys and the secrets of
//! callbacks' signatures, which the vault seals.
//!
//! Client secrets are kept as SHA-256, not Argon2id (access.md, Kept safe, leaves the choice): they are 64 random characters, 381
//! bits that no dictionary holds, so a slow hash adds nothing, and one on every token call would be a way to be knocked over.

pub(crate) mod assertions;
mod certificate;
mod clients;
mod shared_keys;
mod webhook_secrets;

use std::collections::HashSet;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use sayso_model::{
    config::Configuration,
    id::{AccountNo, fold},
    moment::Moment,
    refusal::Refusal,
    secret,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use crate::{
    Store, StoreError,
    audit::{Action, Credential, Entry, Origin},
    engine::{Databases, OrEngine, Read},
    keys::small,
    seal,
    tx::Tx,
    vault::{self, Purpose},
};

pub use certificate::{Certificate, PublicKey};
pub use clients::Clients;
pub use shared_keys::NewKey;

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
    /// The valid secrets, newest last, at most two.
    pub secrets: Vec<Secret>,
    /// What it may sign with in place of a secret, newest last; of those at most two have not expired.
    #[serde(default)]
    pub certificates: Vec<Certificate>,
}

/// A client's secret, of which the store knows no more than this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "KeptSecret")]
#[allow(missing_docs)]
pub struct Secret {
    /// Its SHA-256.
    pub hash: [u8; 32],
    /// Absent of one that was made before this was kept.
    pub created: Option<Moment>,
}

/// A secret as it is kept: in the beginning its hash alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum KeptSecret {
    Hash([u8; 32]),
    Dated { hash: [u8; 32], created: Option<Moment> },
}

impl From<KeptSecret> for Secret {
    fn from(kept: KeptSecret) -> Self {
        match kept {
            KeptSecret::Hash(hash) => Self { hash, created: None },
            KeptSecret::Dated { hash, created } => Self { hash, created },
        }
    }
}

/// A client with the secret just made for it, which is shown once and never again.
#[allow(missing_docs)]
pub struct NewSecret {
    pub client: OAuthClient,
    /// 64 random characters.
    pub secret: secret::Secret,
}

/// What became of a token that was to be revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    /// It is ended.
    Ended,
    /// There is none of it, or none any more.
    NotThere,
    /// It was given to another client and stays.
    Anothers,
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

/// What of an [`OAuthClient`] every call with a token of it asks, so that its secrets and certificates needn't be read.
#[derive(Deserialize)]
struct Standing {
    client_id: String,
    account: AccountNo,
    is_active: bool,
}

impl Standing {
    fn lets_in(&self, bearer: &Bearer) -> bool {
        self.is_active && self.client_id == bearer.client_id && self.account == bearer.account
    }
}

const CLIENT_ID_LENGTH: usize = 48;
const SECRET_LENGTH: usize = 64;
/// Secrets of one client that are valid at once (access.md: two, so that one can be rotated).
const SECRETS: usize = 2;

impl Store {
    /// The client whose id and secret these are, compared in constant time; `None` also for one that is switched off.
    pub fn authenticate_client(&self, client_id: &str, secret: &str) -> Result<Option<OAuthClient>, StoreError> {
        let engine = &self.shared().engine;
        let client = client(&engine.dbs, &engine.read()?, client_id)?;
        let given = hash(secret);
        // Every secret is compared, and an unknown client's against one that nobody has, so that the time tells nothing.
        let nobodys = [Secret { hash: [0; 32], created: None }];
        let kept = client.as_ref().map(|client| &client.secrets[..]).filter(|secrets| !secrets.is_empty());
        let kept = kept.unwrap_or(&nobodys);
        let matches = kept.iter().fold(Choice::from(0), |any, secret| any | secret.hash.ct_eq(&given));
        Ok(client.filter(|client| bool::from(matches) && client.is_active))
    }
    /// A client by its id, unless it is switched off: of any account, since the id alone says which.
    pub fn active_client(&self, client_id: &str) -> Result<Option<OAuthClient>, StoreError> {
        let engine = &self.shared().engine;
        Ok(client(&engine.dbs, &engine.read()?, client_id)?.filter(|client| client.is_active))
    }
    /// Issues a bearer token for a client: opaque, 256 random bits in base64url, kept as its SHA-256; good for `lifetime_ms`.
    pub fn issue_token(
        &self,
        client: &OAuthClient,
        lifetime_ms: i64,
        origin: Origin,
    ) -> impl Future<Output = Result<secret::Secret, StoreError>> + Send + 'static {
        let bearer = Bearer {
            client_id: client.client_id.clone(),
            account: client.account,
            user_id: client.user_id.clone(),
            expires: Moment(self.clock().now().0.saturating_add(lifetime_ms)),
        };
        let token = random_token();
        let key = token.as_ref().map(|token| small::bearer(&hash(token.reveal()))).unwrap_or_default();
        self.writer().run(move |tx| {
            let token = token?;
            let (dbs, txn) = tx.read();
            // Between the check of the secret and now the client may have been revoked, or it or its user switched off.
            let client = client_of(dbs, txn, bearer.account, &bearer.client_id)?;
            let config = tx.account(bearer.account)?.config;
            let user = config.user(&bearer.user_id);
            if !client.is_some_and(|client| client.is_active) || !user.is_some_and(|user| user.is_active) {
                let why = "the client was revoked, or it or its user switched off";
                return Err(Refusal::unknown("client_id", why).into());
            }
            let sealed = seal::seal_json(&bearer)?;
            let (dbs, txn) = tx.write();
            dbs.access.put(txn, &key, &sealed).or_engine()?;
            let origin = Origin { credential: Credential::Client(bearer.client_id), ..origin.for_user(bearer.user_id) };
            tx.audit(bearer.account, &Entry::new(Action::TokenIssued, origin))?;
            Ok(token)
        })
    }
    /// Who a bearer token stands for: `None` when unknown, expired, or its client is gone or switched off.
    pub fn bearer(&self, token: &str) -> Result<Option<Bearer>, StoreError> {
        let engine = &self.shared().engine;
        let txn = engine.read()?;
        // The key is a hash, so how long a look-up takes says nothing about a token.
        let sealed = engine.dbs.access.get(&txn, &small::bearer(&hash(token))).or_engine()?;
        let Some(bearer) = sealed.map(open_bearer).transpose()? else { return Ok(None) };
        let record = engine.dbs.access.get(&txn, &small::client(&bearer.client_id)).or_engine()?;
        let client: Option<Standing> = record.map(|sealed| seal::open_json(sealed, client_record)).transpose()?;
        let stands = client.is_some_and(|client| client.lets_in(&bearer)) && self.clock().now() < bearer.expires;
        Ok(stands.then_some(bearer))
    }
    /// Ends a token for the client that it was given to (RFC 7009). On disk when it is answered; it may use the reserve of a full disk.
    pub fn revoke_token(
        &self,
        client: &OAuthClient,
        token: &str,
        origin: Origin,
    ) -> impl Future<Output = Result<Revoked, StoreError>> + Send + 'static {
        let key = small::bearer(&hash(token));
        let (client_id, now) = (client.client_id.clone(), self.clock().now());
        self.writer().run_upkeep(move |tx| {
            let (dbs, txn) = tx.read();
            let kept = dbs.access.get(txn, &key).or_engine()?.map(open_bearer).transpose()?;
            let bearer = match kept.filter(|bearer| now < bearer.expires) {
                None => return Ok(Revoked::NotThere),
                Some(bearer) if bearer.client_id != client_id => return Ok(Revoked::Anothers),
                Some(bearer) => bearer,
            };
            let (dbs, txn) = tx.write();
            dbs.access.delete(txn, &key).or_engine()?;
            let origin = Origin { credential: Credential::Client(bearer.client_id), ..origin.for_user(bearer.user_id) };
            tx.audit(bearer.account, &Entry::new(Action::TokenRevoked, origin))?;
            Ok(Revoked::Ended)
        })
    }
    /// Removes tokens and used assertions that have expired (blocking); for the sweeper.
    pub fn sweep_tokens(&self) -> Result<u64, StoreError> {
        let now = self.clock().now();
        self.writer().run_upkeep_blocking(move |tx| {
            Ok(remove_bearers(tx, |bearer| bearer.expires <= now)? + assertions::sweep(tx, now)?)
        })
    }
}

pub(crate) fn client(dbs: &Databases, txn: &Read<'_>, client_id: &str) -> Result<Option<OAuthClient>, StoreError> {
    let sealed = dbs.access.get(txn, &small::client(client_id)).or_engine()?;
    Ok(sealed.map(open_client).transpose()?.filter(|client| client.client_id == client_id))
}

fn client_of(
    dbs: &Databases,
    txn: &Read<'_>,
    account: AccountNo,
    client_id: &str,
) -> Result<Option<OAuthClient>, StoreError> {
    Ok(client(dbs, txn, client_id)?.filter(|client| client.account == account))
}

fn put_client(tx: &mut Tx<'_>, client: &OAuthClient) -> Result<(), StoreError> {
    let sealed = seal::seal_json(client)?;
    let (dbs, txn) = tx.write();
    dbs.access.put(txn, &small::client(&client.client_id), &sealed).or_engine()
}

/// Lets credentials follow a change of an account's users, in the change's own commit: those of a user who is gone end for good, so that a
/// later user of the same id has none of them; the tokens of one who is switched off end, while clients and keys rest until they are switched on.
pub(crate) fn follow_users(
    tx: &mut Tx<'_>,
    account: AccountNo,
    former: &Configuration,
    new: &Configuration,
    origin: &Origin,
) -> Result<(), StoreError> {
    let becomes = |user_id: &str| new.users.iter().find(|user| fold(&user.user_id) == fold(user_id));
    let was: Vec<_> = former.users.iter().map(|user| (user, becomes(&user.user_id))).collect();
    let gone: HashSet<String> = was.iter().filter(|(_, now)| now.is_none()).map(|(u, _)| fold(&u.user_id)).collect();
    let off = was.iter().filter(|(user, now)| user.is_active && now.is_some_and(|now| !now.is_active));
    let off: HashSet<String> = off.map(|(user, _)| fold(&user.user_id)).collect();
    if gone.is_empty() && off.is_empty() {
        return Ok(());
    }
    let entry = |action| Entry::new(action, origin.clone());
    for user in &off {
        let ended = remove_bearers(tx, |bearer| bearer.account == account && fold(&bearer.user_id) == *user)?;
        if ended > 0 {
            let entry = Entry { count: Some(ended), ..entry(Action::TokensEnded) };
            tx.audit(account, &entry.subject("user", user).detail("the user was switched off"))?;
        }
    }
    remove_bearers(tx, |bearer| bearer.account == account && gone.contains(&fold(&bearer.user_id)))?;
    for user in &gone {
        if vault::remove(tx, (account, Purpose::SharedKey, user))? {
            tx.audit(account, &entry(Action::SharedKeysRevoked).subject("user", user).detail("the user is gone"))?;
        }
    }
    let (dbs, txn) = tx.read();
    let mut ended = Vec::new();
    for entry in dbs.access.prefix_iter(txn, small::CLIENTS).or_engine()? {
        let client = match open_client(entry.or_engine()?.1) {
            Ok(client) => client,
            // Nobody can sign in with it, and it would keep every user of every account.
            Err(error @ StoreError::Damaged(_)) => {
                tracing::error!(%error, "an OAuth client's record is passed over");
                continue;
            }
            Err(error) => return Err(error),
        };
        if client.account == account && gone.contains(&fold(&client.user_id)) {
            ended.push(client.client_id);
        }
    }
    for client_id in ended {
        let (dbs, txn) = tx.write();
        dbs.access.delete(txn, &small::client(&client_id)).or_engine()?;
        let entry = entry(Action::ClientRevoked).subject("OAuth client", &client_id);
        tx.audit(account, &entry.detail("its user is gone"))?;
    }
    Ok(())
}

/// Removes the tokens that are to go and gives how many. One that can't be read goes, too: it stands for nobody, and would keep all others.
fn remove_bearers(tx: &mut Tx<'_>, goes: impl Fn(&Bearer) -> bool) -> Result<u64, StoreError> {
    let (dbs, txn) = tx.read();
    let (mut gone, mut ended) = (Vec::new(), 0);
    for entry in dbs.access.prefix_iter(txn, small::BEARERS).or_engine()? {
        let (key, sealed) = entry.or_engine()?;
        match open_bearer(sealed) {
            Ok(bearer) if !goes(&bearer) => continue,
            Ok(_) => ended += 1,
            Err(error) => tracing::error!(%error, "a bearer token is removed, and its client has to get another"),
        }
        gone.push(key.to_vec());
    }
    for key in &gone {
        let (dbs, txn) = tx.write();
        dbs.access.delete(txn, key).or_engine()?;
    }
    Ok(ended)
}

/// Reads a client's record.
pub(crate) fn open_client(sealed: &[u8]) -> Result<OAuthClient, StoreError> {
    seal::open_json(sealed, client_record)
}

fn client_record() -> String {
    "the record of an OAuth client".to_owned()
}

/// Reads a token's record.
pub(crate) fn open_bearer(sealed: &[u8]) -> Result<Bearer, StoreError> {
    seal::open_json(sealed, || "the record of a bearer token".to_owned())
}

fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// Random letters and digits, each as likely as any other; the text is made in one place, so that no part of it is left elsewhere.
fn random_text(length: usize) -> Result<String, StoreError> {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    /// The largest multiple of 62 in a byte: what lies above it would make some letters likelier.
    const FAIR: u8 = 248;
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let mut bytes = Zeroizing::new([0; 64]);
        getrandom::fill(&mut *bytes).map_err(no_random)?;
        let letters = bytes.iter().filter(|b| **b < FAIR).map(|b| char::from(LETTERS[usize::from(b % 62)]));
        text.extend(letters.take(length - text.len()));
    }
    Ok(text)
}

/// 256 random bits in base64url.
fn random_token() -> Result<secret::Secret, StoreError> {
    let mut bits = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bits).map_err(no_random)?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(*bits).into())
}

fn no_random(e: getrandom::Error) -> StoreError {
    StoreError::Engine(format!("the machine gives no random numbers: {e}"))
}
