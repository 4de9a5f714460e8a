//! Making, changing and ending the OAuth clients of an account, inside one write: what is checked of a client or its user still holds when
//! the change is made.

use sayso_model::{config::User, id::AccountNo, refusal::Refusal, secret};

use super::{
    CLIENT_ID_LENGTH, Certificate, NewSecret, OAuthClient, SECRET_LENGTH, SECRETS, Secret, certificate::CERTIFICATES,
    client_of, hash, open_client, put_client, random_text, remove_bearers,
};
use crate::{
    Store, StoreError,
    account::Account,
    audit::{Action, Entry, Origin},
    engine::OrEngine,
    keys::small,
    tx::Tx,
};

/// The OAuth clients and the shared keys of one account, within a write.
pub struct Clients<'t, 's> {
    pub(super) tx: &'t mut Tx<'s>,
    pub(super) account: Account,
    /// Who changes them.
    pub(super) origin: Origin,
}

impl Clients<'_, '_> {
    /// The account as it is now.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// A client of the account.
    ///
    /// # Errors
    /// What the engine says.
    pub fn get(&self, client_id: &str) -> Result<Option<OAuthClient>, StoreError> {
        let (dbs, txn) = self.tx.read();
        client_of(dbs, txn, self.account.no, client_id)
    }

    /// Makes one for a user.
    ///
    /// # Errors
    /// A user that the account does not have is refused as unknown.
    pub fn create(&mut self, user_id: &str) -> Result<NewSecret, StoreError> {
        let user_id = self.user(user_id)?.user_id.clone();
        let (client_id, secret) = (random_text(CLIENT_ID_LENGTH)?, secret::Secret::new(random_text(SECRET_LENGTH)?));
        let created = self.tx.now();
        let secrets = vec![Secret { hash: hash(secret.reveal()), created: Some(created) }];
        let client = OAuthClient {
            client_id,
            account: self.account.no,
            user_id,
            is_active: true,
            created,
            secrets,
            certificates: Vec::new(),
        };
        put_client(self.tx, &client)?;
        self.audit_client(Action::ClientCreated, &client.client_id, format!("for user {:?}", client.user_id))?;
        Ok(NewSecret { client, secret })
    }

    /// Adds a record to the account's audit trail.
    pub(super) fn audit(&mut self, action: Action, of: impl FnOnce(Entry) -> Entry) -> Result<(), StoreError> {
        let entry = of(Entry::new(action, self.origin.clone()));
        self.tx.audit(self.account.no, &entry)
    }

    fn audit_client(&mut self, action: Action, client_id: &str, detail: String) -> Result<(), StoreError> {
        self.audit(action, |entry| entry.subject("OAuth client", client_id).detail(detail))
    }

    pub(super) fn user(&self, user_id: &str) -> Result<&User, Refusal> {
        self.account.config.user(user_id).ok_or_else(|| {
            let why = format!("the account has no user `{user_id}`; add it to the configuration and apply that");
            Refusal::unknown("user", why)
        })
    }

    /// Gives a client a second secret, in place of the older of two, or of all; then its tokens end, too.
    ///
    /// # Errors
    /// Refused as unknown when the account has no such client.
    pub fn rotate(&mut self, client_id: &str, keep_former: bool) -> Result<NewSecret, StoreError> {
        let secret = secret::Secret::new(random_text(SECRET_LENGTH)?);
        let mut client = self.known(client_id)?;
        let kept = if keep_former { SECRETS - 1 } else { 0 };
        let surplus = client.secrets.len().saturating_sub(kept);
        client.secrets.drain(..surplus);
        client.secrets.push(Secret { hash: hash(secret.reveal()), created: Some(self.tx.now()) });
        put_client(self.tx, &client)?;
        let former = match keep_former {
            true => "the former secret stays valid".to_owned(),
            // whoever knew the former one may have got tokens by it
            false => format!("the former secrets ended; tokens that ended: {}", self.remove_tokens(client_id)?),
        };
        self.audit_client(Action::ClientRotated, client_id, format!("of user {:?}; {former}", client.user_id))?;
        Ok(NewSecret { client, secret })
    }

    /// Gives a client a certificate or a public key (PEM) in place of a secret; `end_secrets`: those that it has end, with the tokens got by them. One of the same key takes the
    /// place of the former.
    ///
    /// # Errors
    /// Refused when it can't be one or has expired, and as a conflict when the client has two that have not; as unknown when the account has no
    /// such client.
    pub fn certify(&mut self, client_id: &str, pem: &str, end_secrets: bool) -> Result<Certificate, StoreError> {
        let mut client = self.known(client_id)?;
        let now = self.tx.now();
        let certificate = Certificate::from_pem(pem, now)?;
        if certificate.is_over(now) {
            let until = certificate.not_after.map(|until| until.to_string()).unwrap_or_default();
            return Err(
                Refusal::invalid("Certificate", format!("it expired on {until}; send one that is valid")).into()
            );
        }
        client.certificates.retain(|kept| kept.id != certificate.id && !kept.is_over(now));
        if client.certificates.len() >= CERTIFICATES {
            let why =
                "the client has two certificates that are not over; remove one, which ends it, and send this one again";
            return Err(Refusal::conflict("Certificate", why).into());
        }
        client.certificates.push(certificate.clone());
        if end_secrets {
            client.secrets.clear();
        }
        put_client(self.tx, &client)?;
        let secrets = match end_secrets {
            true => format!("; its secrets ended; tokens that ended: {}", self.remove_tokens(client_id)?),
            false => String::new(),
        };
        self.audit_client(Action::ClientCertified, client_id, format!("with {}{secrets}", certificate.id))?;
        Ok(certificate)
    }

    /// Takes a certificate away from a client; the tokens that it got by it end with all others. `false` when the client hasn't got it.
    ///
    /// # Errors
    /// Refused as unknown when the account has no such client.
    pub fn decertify(&mut self, client_id: &str, certificate_id: &str) -> Result<bool, StoreError> {
        let mut client = self.known(client_id)?;
        let before = client.certificates.len();
        client.certificates.retain(|kept| kept.id != certificate_id);
        if client.certificates.len() == before {
            return Ok(false);
        }
        put_client(self.tx, &client)?;
        self.remove_tokens(client_id)?;
        self.audit_client(Action::ClientDecertified, client_id, format!("of {certificate_id}"))?;
        Ok(true)
    }

    fn known(&self, client_id: &str) -> Result<OAuthClient, StoreError> {
        let why = || Refusal::unknown("client_id", "the account has no client of this id; `list` shows them").into();
        self.get(client_id)?.ok_or_else(why)
    }

    /// Switches a client on or off; off, its tokens end.
    ///
    /// # Errors
    /// Refused as unknown when the account has no such client.
    pub fn switch(&mut self, client_id: &str, is_active: bool) -> Result<OAuthClient, StoreError> {
        let mut client = self.known(client_id)?;
        let action = if is_active { Action::ClientActivated } else { Action::ClientDeactivated };
        let changes = client.is_active != is_active;
        client.is_active = is_active;
        put_client(self.tx, &client)?;
        if !is_active {
            self.remove_tokens(client_id)?;
        }
        if changes {
            self.audit_client(action, client_id, format!("of user {:?}", client.user_id))?;
        }
        Ok(client)
    }

    /// Removes a client and with it its tokens; `false` when it is not there.
    ///
    /// # Errors
    /// What the engine says.
    pub fn revoke(&mut self, client_id: &str) -> Result<bool, StoreError> {
        let Some(client) = self.get(client_id)? else { return Ok(false) };
        let (dbs, txn) = self.tx.write();
        dbs.access.delete(txn, &small::client(client_id)).or_engine()?;
        self.remove_tokens(client_id)?;
        self.audit_client(Action::ClientRevoked, client_id, format!("of user {:?}", client.user_id))?;
        Ok(true)
    }

    /// Ends the tokens that a client was given; gives how many there were.
    ///
    /// # Errors
    /// What the engine says.
    pub fn end_tokens(&mut self, client_id: &str) -> Result<u64, StoreError> {
        let ended = self.remove_tokens(client_id)?;
        if ended > 0 {
            self.audit(Action::TokensEnded, |entry| {
                Entry { count: Some(ended), ..entry }.subject("OAuth client", client_id)
            })?;
        }
        Ok(ended)
    }

    fn remove_tokens(&mut self, client_id: &str) -> Result<u64, StoreError> {
        let account = self.account.no;
        remove_bearers(self.tx, |bearer| bearer.account == account && bearer.client_id == client_id)
    }
}

impl Store {
    /// Changes the clients of an account; what `f` gives is on disk when it is given. `ends`: the change only ends something, so it may use the
    /// reserve of a full disk. `origin`: who does it, for the audit trail.
    pub async fn change_clients<T: Send + 'static>(
        &self,
        account: AccountNo,
        ends: bool,
        origin: Origin,
        f: impl FnOnce(&mut Clients<'_, '_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let change = move |tx: &mut Tx<'_>| within(tx, account, origin, f);
        match ends {
            true => self.writer().run_upkeep(change).await,
            false => self.writer().run(change).await,
        }
    }

    /// The same for a command beside the data directory (blocking), as all that follow.
    pub(super) fn change_clients_blocking<T: Send + 'static>(
        &self,
        account: AccountNo,
        ends: bool,
        f: impl FnOnce(&mut Clients<'_, '_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let change = move |tx: &mut Tx<'_>| within(tx, account, Origin::command_line(), f);
        match ends {
            true => self.writer().run_upkeep_blocking(change),
            false => self.writer().run_blocking(change),
        }
    }

    /// Makes a client for a user (blocking). A user that the account does not have is refused as unknown.
    pub fn create_client(&self, account: AccountNo, user_id: &str) -> Result<NewSecret, StoreError> {
        let user_id = user_id.to_owned();
        self.change_clients_blocking(account, false, move |clients| clients.create(&user_id))
    }

    /// The clients of an account, by their id.
    pub fn clients(&self, account: AccountNo) -> Result<Vec<OAuthClient>, StoreError> {
        let engine = &self.shared().engine;
        let txn = engine.read()?;
        let mut clients = Vec::new();
        for entry in engine.dbs.access.prefix_iter(&txn, small::CLIENTS).or_engine()? {
            let client = open_client(entry.or_engine()?.1)?;
            if client.account == account {
                clients.push(client);
            }
        }
        Ok(clients)
    }

    /// Gives a client a second secret in place of the older of two, or of all (blocking). Refused as unknown when the account has no such
    /// client.
    pub fn rotate_client(
        &self,
        account: AccountNo,
        client_id: &str,
        keep_former: bool,
    ) -> Result<NewSecret, StoreError> {
        let client_id = client_id.to_owned();
        self.change_clients_blocking(account, false, move |clients| clients.rotate(&client_id, keep_former))
    }

    /// Gives a client a certificate (blocking): see [`Clients::certify`].
    pub fn certify_client(
        &self,
        account: AccountNo,
        client_id: &str,
        pem: &str,
        end_secrets: bool,
    ) -> Result<Certificate, StoreError> {
        let (client_id, pem) = (client_id.to_owned(), pem.to_owned());
        let certify = move |clients: &mut Clients<'_, '_>| clients.certify(&client_id, &pem, end_secrets);
        self.change_clients_blocking(account, false, certify)
    }

    /// Takes a certificate away from a client (blocking): see [`Clients::decertify`].
    pub fn decertify_client(&self, account: AccountNo, client_id: &str, id: &str) -> Result<bool, StoreError> {
        let (client_id, id) = (client_id.to_owned(), id.to_owned());
        let decertify = move |clients: &mut Clients<'_, '_>| clients.decertify(&client_id, &id);
        self.change_clients_blocking(account, true, decertify)
    }

    /// Removes a client and with it its tokens (blocking). `false` when it is not there.
    pub fn revoke_client(&self, account: AccountNo, client_id: &str) -> Result<bool, StoreError> {
        let client_id = client_id.to_owned();
        self.change_clients_blocking(account, true, move |clients| clients.revoke(&client_id))
    }
}

fn within<T>(
    tx: &mut Tx<'_>,
    account: AccountNo,
    origin: Origin,
    f: impl FnOnce(&mut Clients<'_, '_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let account = tx.account(account)?;
    f(&mut Clients { tx, account, origin })
}
