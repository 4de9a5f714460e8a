//! What all requests share. Its store and engine are private to the access room.

use std::sync::Arc;

use hyper::http::Extensions;
use sayso_export::{Engine, ExportError, job::State};
use sayso_import::{Engine as ImportEngine, ImportError, job::State as ImportState};
use sayso_model::{id::AccountNo, moment::Moment, secret::Secret};
use sayso_store::{
    Sizes, Store, StoreError,
    access::{OAuthClient, Revoked},
    account::Account,
    audit::Credential,
};

use super::{
    Visit,
    limit::{Limits, Standing, Told},
    throttle::Throttle,
};
use crate::{error::ApiError, options::Options};

/// The shared state; cheap to clone.
#[derive(Clone)]
pub(crate) struct App {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    engine: Engine,
    imports: ImportEngine,
    options: Options,
    limits: Option<Limits>,
    throttle: Throttle,
}

impl App {
    /// The state of one server.
    pub(crate) fn new(store: Store, engine: Engine, imports: ImportEngine, options: Options) -> Self {
        let limits = options.request_limit.map(Limits::new);
        let throttle = Throttle::new(options.login_failures);
        Self { inner: Arc::new(Inner { store, engine, imports, options, limits, throttle }) }
    }

    pub(in crate::access) fn store(&self) -> &Store {
        &self.inner.store
    }

    pub(in crate::access) fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    pub(in crate::access) fn imports(&self) -> &ImportEngine {
        &self.inner.imports
    }

    /// Counts a request of an account, once however often it is asked for, and keeps in the request how the account stands, for the answer
    /// to tell.
    pub(crate) fn count(&self, account: AccountNo, request: &Extensions) -> Result<(), ApiError> {
        let Some(limits) = &self.inner.limits else { return Ok(()) };
        if request.get::<Told>().is_some_and(|told| told.get().is_some()) {
            return Ok(());
        }
        let standing = limits.admit(account, self.store().clock().now());
        if let Some(told) = request.get::<Told>() {
            told.set(standing);
        }
        if standing.admitted {
            return Ok(());
        }
        let Standing { per_minute, seconds, .. } = standing;
        Err(ApiError::TooManyRequests { per_minute: per_minute.get(), retry_after_s: seconds })
    }

    pub(in crate::access) fn throttle(&self) -> &Throttle {
        &self.inner.throttle
    }

    /// The operator's settings.
    pub(crate) fn options(&self) -> &Options {
        &self.inner.options
    }

    /// The client whose id and secret these are.
    pub(crate) fn authenticate_client(&self, id: &str, secret: &str) -> Result<Option<OAuthClient>, StoreError> {
        self.store().authenticate_client(id, secret)
    }

    /// The client of this id, unless it is switched off.
    pub(crate) fn active_client(&self, id: &str) -> Result<Option<OAuthClient>, StoreError> {
        self.store().active_client(id)
    }

    /// Uses up an assertion of a client; `false` when it was used before.
    pub(crate) async fn use_assertion(&self, client_id: &str, jti: &str, until: Moment) -> Result<bool, StoreError> {
        self.store().use_assertion(client_id, jti, until).await
    }

    /// The present moment of the store's clock.
    pub(crate) fn now(&self) -> Moment {
        self.store().clock().now()
    }

    /// The account that a client was issued for.
    pub(crate) fn account_of(&self, client: &OAuthClient) -> Result<Option<Account>, StoreError> {
        self.store().account_by_no(client.account)
    }

    /// A bearer token for a client.
    pub(crate) async fn issue_token(
        &self,
        client: &OAuthClient,
        lifetime_ms: i64,
        visit: &Visit,
    ) -> Result<Secret, StoreError> {
        self.store().issue_token(client, lifetime_ms, visit.origin()).await
    }

    /// Ends a token for the client that it was given to.
    pub(crate) async fn revoke_token(
        &self,
        client: &OAuthClient,
        token: &str,
        visit: &Visit,
    ) -> Result<Revoked, StoreError> {
        visit.is(client.account, &client.user_id, Credential::Client(client.client_id.clone()));
        self.store().revoke_token(client, token, visit.origin()).await
    }

    /// What the store occupies.
    pub(crate) fn sizes(&self) -> Result<Sizes, StoreError> {
        self.store().sizes()
    }

    /// Imports by state.
    pub(crate) fn import_counts(&self) -> Result<Vec<(ImportState, u64)>, ImportError> {
        self.imports().counts()
    }

    /// Exports by state.
    pub(crate) fn export_counts(&self) -> Result<Vec<(State, u64)>, ExportError> {
        self.engine().counts()
    }
}
