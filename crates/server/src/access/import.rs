//! Permission over bulk imports (docs/import.md, Permissions), as a handler's parameter: to start one, and to use its token. What single
//! records need is looked at by the import engine, record by record.

use std::{marker::PhantomData, sync::Arc};

use axum::extract::FromRequestParts;
use hyper::http::request::Parts;
use sayso_import::{
    Begun, Caller as Asking, ImportError, Page, PermissionCheck,
    job::{Request, Status, Terms},
};
use sayso_model::{
    config::{Area, Level, Rights},
    id::{AccessToken, AccountNo},
};
use sayso_store::{Store, StoreError};

use super::{
    App, Caller, Permit,
    execute::{parse_token, still_active},
    permit::{Permission, require},
};
use crate::{error::ApiError, http::path::path_value, options::Options};

/// Starting imports, staging records for them, executing them.
pub(crate) enum EditImports {}

impl Permission for EditImports {
    const AREA: Area = Area::Imports;
    const LEVEL: Level = Level::Edit;
}

/// Reading how far an import is, and what it refused.
pub(crate) enum ViewImports {}

impl Permission for ViewImports {
    const AREA: Area = Area::Imports;
    const LEVEL: Level = Level::View;
}

impl Permit<EditImports> {
    /// Starts an import.
    pub(crate) async fn initiate(&self, terms: Terms) -> Result<Status, ImportError> {
        let request = Request {
            account: self.caller.account.no,
            user_id: self.caller.user.user_id.clone(),
            user_no: self.caller.user_no(),
            client_id: self.caller.credential.client_id().map(str::to_owned),
            origin: self.caller.origin.clone(),
            terms,
        };
        self.app.imports().initiate(request).await
    }
}

/// The right to use the import's token that the path names: it is the caller's own or the caller is an administrator, and they have the
/// permission `P`.
pub(crate) struct Importing<P> {
    asking: Asking,
    app: App,
    token: AccessToken,
    permission: PhantomData<P>,
}

impl<P: Permission> FromRequestParts<App> for Importing<P> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, app).await?;
        require::<P>(&caller)?;
        let asking = Asking {
            account: caller.account.no,
            user_id: caller.user.user_id.clone(),
            user_no: caller.user_no(),
            is_administrator: caller.is_administrator(),
            origin: caller.origin.clone(),
        };
        let text = path_value(parts, "accessToken").await?.unwrap_or_default();
        // one that can't be a token is answered like one that isn't there
        let token = parse_token(&text).ok_or(ApiError::InvalidImportToken)?;
        let importing = Self { asking, app: app.clone(), token, permission: PhantomData };
        // before a body is read
        importing.app.imports().status(&importing.asking, token)?;
        Ok(importing)
    }
}

impl<P> Importing<P> {
    /// The operator's settings.
    pub(crate) fn options(&self) -> &Options {
        self.app.options()
    }
}

impl Importing<EditImports> {
    /// Begins to take records.
    pub(crate) async fn stage(&self, idempotency: Option<String>) -> Result<Begun, ApiError> {
        let (engine, asking, token) = (self.app.imports().clone(), self.asking.clone(), self.token);
        aside(move || engine.stage(&asking, token, idempotency)).await
    }

    /// Queues the import.
    pub(crate) async fn execute(&self) -> Result<Status, ImportError> {
        self.app.imports().execute(&self.asking, self.token).await
    }
}

impl Importing<ViewImports> {
    /// How far it is.
    pub(crate) fn status(&self) -> Result<Status, ImportError> {
        self.app.imports().status(&self.asking, self.token)
    }

    /// A page of what it refused.
    pub(crate) async fn exceptions(&self, limit: u64, offset: u64) -> Result<Page, ApiError> {
        let (engine, asking, token) = (self.app.imports().clone(), self.asking.clone(), self.token);
        aside(move || engine.exceptions(&asking, token, limit, offset)).await
    }
}

/// Does what waits for the disk, or takes long, where it holds up nobody.
pub(crate) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ImportError> + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.unwrap_or_else(|fault| std::panic::resume_unwind(fault.into_panic()))?)
}

/// What the import engine asks before each batch: are the user and the client still there and active, and may the user import?
pub fn import_permission_check(store: &Store) -> PermissionCheck {
    fn holds(store: &Store, account: AccountNo, user_id: &str, client_id: Option<&str>) -> Result<bool, StoreError> {
        let Some((account, user)) = still_active(store, account, user_id, client_id)? else { return Ok(false) };
        let rights = Rights::of(&account.config.source, user.user_groups.iter().map(String::as_str));
        Ok(rights.level(Area::Imports) >= Level::Edit)
    }
    let store = store.clone();
    Arc::new(move |account, user_id, client_id| {
        holds(&store, account, user_id, client_id).unwrap_or_else(|error| {
            tracing::error!(%error, user_id, "the permission over an import could not be checked");
            false
        })
    })
}
