//! Users' keys for the signed header (access.md). They must be readable to be used, so the [vault](crate::vault) seals them. A user has two at
//! most, so that one can be exchanged while callers still sign with the other.

use sayso_model::{
    id::{AccountNo, fold},
    moment::Moment,
    refusal::Refusal,
    secret::Secret,
};

use super::{Clients, random_text};
use crate::{
    Store, StoreError,
    audit::Action,
    vault::{self, AT_ONCE, Former, Purpose},
};

/// A key that was just made: shown once and never again.
pub struct NewKey {
    /// The user as the configuration writes them.
    pub user_id: String,
    /// 64 random characters, whose bytes are the key, unless the operator brought one.
    pub key: Secret,
}

/// What a key that an operator brings may look like.
const BROUGHT: std::ops::RangeInclusive<usize> = 32..=256;
const LENGTH: usize = 64;

impl Clients<'_, '_> {
    /// Whether a user has a shared key.
    ///
    /// # Errors
    /// What the engine says.
    pub fn has_key(&self, user_id: &str) -> Result<bool, StoreError> {
        let (dbs, txn) = self.tx.read();
        let owner = fold(user_id);
        Ok(!vault::get(dbs, txn, (self.account.no, Purpose::SharedKey, &owner), self.tx.now())?.is_empty())
    }

    /// Gives a user a shared key, in place of the older of two, or of all. `brought`: this one, which callers have already.
    ///
    /// # Errors
    /// A user that the account does not have is refused as unknown, a key that is too short as invalid; [`StoreError::Key`] when the vault
    /// has no key to seal it with.
    pub fn rotate_key(
        &mut self,
        user_id: &str,
        keep_former: bool,
        brought: Option<Secret>,
    ) -> Result<NewKey, StoreError> {
        let user_id = self.user(user_id)?.user_id.clone();
        let key = match brought {
            Some(key) => fit(key)?,
            None => Secret::new(random_text(LENGTH)?),
        };
        let former = if keep_former { Former::Stays } else { Former::Ends };
        vault::add(self.tx, (self.account.no, Purpose::SharedKey, &fold(&user_id)), &key, former)?;
        let detail = if keep_former { "a former key stays valid" } else { "former keys ended" };
        self.audit(Action::SharedKeyRotated, |entry| entry.subject("user", &user_id).detail(detail))?;
        Ok(NewKey { user_id, key })
    }

    /// Ends a user's shared keys; `false` when there are none.
    ///
    /// # Errors
    /// What the engine says.
    pub fn revoke_keys(&mut self, user_id: &str) -> Result<bool, StoreError> {
        let ended = vault::remove(self.tx, (self.account.no, Purpose::SharedKey, &fold(user_id)))?;
        if ended {
            self.audit(Action::SharedKeysRevoked, |entry| entry.subject("user", user_id))?;
        }
        Ok(ended)
    }
}

/// A key as it can be written in a shell and an environment; never shown in the refusal.
fn fit(key: Secret) -> Result<Secret, Refusal> {
    let text = key.reveal();
    if BROUGHT.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(key);
    }
    let why = format!(
        "the key has {} bytes; accepted: {} to {} printable ASCII characters without spaces",
        text.len(),
        BROUGHT.start(),
        BROUGHT.end()
    );
    Err(Refusal::invalid("key", why))
}

impl Store {
    /// The shared keys of a user, with nobody's in place of those that aren't there: keys that no caller can know, so that neither what is
    /// done nor how long it takes tells whether there is such an account or user.
    ///
    /// # Errors
    /// [`StoreError::Key`] when secrets were sealed and the vault's key isn't there, or another; what the engine says.
    pub fn shared_keys(&self, account: Option<AccountNo>, user_id: &str) -> Result<[Secret; AT_ONCE], StoreError> {
        self.secrets_or_nobodys(account, Purpose::SharedKey, &fold(user_id))
    }

    /// When the shared keys that a user has were made, the newest last.
    ///
    /// # Errors
    /// What the engine says.
    pub fn shared_keys_made(&self, account: AccountNo, user_id: &str) -> Result<Vec<Moment>, StoreError> {
        let engine = &self.shared().engine;
        let whose = (account, Purpose::SharedKey, &*fold(user_id));
        let kept = vault::get(&engine.dbs, &engine.read()?, whose, self.clock().now())?;
        Ok(kept.iter().map(|kept| kept.created).collect())
    }

    /// Gives a user a shared key (blocking); see [`Clients::rotate_key`]. `first`: refused as a conflict when there is one.
    ///
    /// # Errors
    /// As there.
    pub fn rotate_key(
        &self,
        account: AccountNo,
        user_id: &str,
        first: bool,
        keep_former: bool,
        brought: Option<Secret>,
    ) -> Result<NewKey, StoreError> {
        let user_id = user_id.to_owned();
        self.change_clients_blocking(account, false, move |clients| {
            if first && clients.has_key(&user_id)? {
                let why = format!("{user_id} has a shared key; --rotate gives another and lets the former stay valid");
                return Err(Refusal::conflict("user", why).into());
            }
            clients.rotate_key(&user_id, keep_former, brought)
        })
    }

    /// Ends a user's shared keys (blocking). `false` when there are none.
    ///
    /// # Errors
    /// What the engine says.
    pub fn revoke_keys(&self, account: AccountNo, user_id: &str) -> Result<bool, StoreError> {
        let user_id = user_id.to_owned();
        self.change_clients_blocking(account, true, move |clients| clients.revoke_keys(&user_id))
    }
}
