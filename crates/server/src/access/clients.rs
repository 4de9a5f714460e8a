//! Making, changing and ending OAuth clients and shared keys, as a handler's permit does it: the caller is looked at again inside the write, and touches
//! nobody's credentials who may do more.

use sayso_model::moment::Moment;
use sayso_store::{
    StoreError,
    access::{Clients, NewKey, NewSecret, OAuthClient},
};

use super::{Caller, EditUsers, Permit, ViewUsers, permit::require, rise::may_touch};
use crate::error::ApiError;

impl Permit<ViewUsers> {
    /// The account's clients.
    pub(crate) fn clients(&self) -> Result<Vec<OAuthClient>, StoreError> {
        self.app.store().clients(self.caller.account.no)
    }

    /// A user, as configured, and when the shared keys that they have were made.
    pub(crate) fn keys_made(&self, user_id: &str) -> Result<(String, Vec<Moment>), ApiError> {
        let Caller { account, .. } = &self.caller;
        let user = account.config.user(user_id).ok_or_else(|| ApiError::unknown("user", user_id))?;
        Ok((user.user_id.clone(), self.app.store().shared_keys_made(account.no, &user.user_id)?))
    }
}

impl Permit<EditUsers> {
    /// Makes a client for a user.
    pub(crate) async fn create_client(&self, user_id: String) -> Result<NewSecret, ApiError> {
        let again = self.again();
        let make = move |clients: &mut Clients<'_, '_>| {
            let may = again(clients).and_then(|caller| {
                let user = caller.account.config.user(&user_id).ok_or_else(|| ApiError::unknown("user", &user_id))?;
                may_touch(&caller, user)?;
                Ok(user.user_id.clone())
            });
            match may {
                Ok(user_id) => clients.create(&user_id).map(Ok),
                Err(refused) => Ok(Err(refused)),
            }
        };
        self.app.store().change_clients(self.caller.account.no, false, self.caller.origin.clone(), make).await?
    }

    /// Changes a client: `meets` says of the one that is there whether and how, `change` does it. `ends`: it only ends something.
    pub(crate) async fn change_client<A, T: Send + 'static>(
        &self,
        client_id: String,
        ends: bool,
        meets: impl FnOnce(&OAuthClient) -> Result<A, ApiError> + Send + 'static,
        change: impl FnOnce(&mut Clients<'_, '_>, &str, A) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let again = self.again();
        let change = move |clients: &mut Clients<'_, '_>| {
            let found = clients.get(&client_id)?;
            let may = again(clients).and_then(|caller| {
                let client = found.ok_or_else(|| ApiError::unknown("OAuth client", &client_id))?;
                if let Some(user) = caller.account.config.user(&client.user_id) {
                    may_touch(&caller, user)?;
                }
                meets(&client)
            });
            match may {
                Ok(how) => change(clients, &client_id, how).map(Ok),
                Err(refused) => Ok(Err(refused)),
            }
        };
        self.app.store().change_clients(self.caller.account.no, ends, self.caller.origin.clone(), change).await?
    }

    /// Gives a user a shared key.
    pub(crate) async fn rotate_key(&self, user_id: String, keep_former: bool) -> Result<NewKey, ApiError> {
        self.change_keys(user_id, false, move |clients, user_id| clients.rotate_key(user_id, keep_former, None)).await
    }

    /// Ends a user's shared keys.
    pub(crate) async fn revoke_keys(&self, user_id: String) -> Result<bool, ApiError> {
        self.change_keys(user_id, true, |clients, user_id| clients.revoke_keys(user_id)).await
    }

    async fn change_keys<T: Send + 'static>(
        &self,
        user_id: String,
        ends: bool,
        change: impl FnOnce(&mut Clients<'_, '_>, &str) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let again = self.again();
        let change = move |clients: &mut Clients<'_, '_>| {
            let may = again(clients).and_then(|caller| {
                let user = caller.account.config.user(&user_id).ok_or_else(|| ApiError::unknown("user", &user_id))?;
                may_touch(&caller, user)
            });
            match may {
                Ok(()) => change(clients, &user_id).map(Ok),
                Err(refused) => Ok(Err(refused)),
            }
        };
        self.app.store().change_clients(self.caller.account.no, ends, self.caller.origin.clone(), change).await?
    }

    /// The caller as the account knows them within a write: a right that was taken away meanwhile is gone.
    fn again(&self) -> impl FnOnce(&Clients<'_, '_>) -> Result<Caller, ApiError> + Send + 'static {
        let caller = self.caller.clone();
        move |clients| {
            let account = clients.account().clone();
            let user = account.config.user(&caller.user.user_id).filter(|user| user.is_active).cloned();
            let user = user.ok_or(ApiError::UnableToAuthenticate)?;
            let caller = Caller { account, user, ..caller };
            require::<EditUsers>(&caller)?;
            Ok(caller)
        }
    }
}
