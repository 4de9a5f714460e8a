//! Reading the audit trail: an administrator's (access.md, Kept safe). It tells of everybody's doings, so no permission over an area opens it.

use axum::extract::FromRequestParts;
use hyper::http::request::Parts;
use sayso_model::moment::Moment;
use sayso_store::audit::AuditPage;

use super::{App, Caller};
use crate::error::ApiError;

/// The right to read the account's audit trail.
pub(crate) struct Auditing {
    caller: Caller,
    app: App,
}

impl FromRequestParts<App> for Auditing {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, app).await?;
        if !caller.is_administrator() {
            return Err(ApiError::NotAdministrator);
        }
        Ok(Self { caller, app: app.clone() })
    }
}

impl Auditing {
    /// Records in the order of their sequence: those at or after the first moment and before the second, without the first `offset`, at most
    /// `limit`. What was noted until now is among them, if the disk takes it.
    pub(crate) async fn page(
        &self,
        times: (Option<Moment>, Option<Moment>),
        limit: u64,
        offset: u64,
    ) -> Result<AuditPage, ApiError> {
        let store = self.app.store();
        if let Err(error) = store.write_notes().await {
            tracing::warn!(%error, "what was noted for the audit trail is not on disk yet");
        }
        let (store, account) = (store.clone(), self.caller.account.no);
        let read = tokio::task::spawn_blocking(move || store.audit_page(account, times, limit, offset)).await;
        Ok(read.map_err(|e| ApiError::Internal(format!("reading the audit trail: {e}")))??)
    }
}
