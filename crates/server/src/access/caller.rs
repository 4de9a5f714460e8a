//! Who called: authenticated, active, and in the account that the path names.

use axum::extract::FromRequestParts;
use hyper::http::request::Parts;
use sayso_model::{
    config::{Area, Kind, Level, Rights, User},
    id::{Author, fold},
};
use sayso_store::{
    account::Account,
    audit::{self, Origin},
};

use super::{App, Visit, scheme::Scheme};
use crate::{
    error::ApiError,
    http::{path::path_value, peer::peer_of},
};

/// What a caller showed to be let in; either leads to the same user and the same rights (access.md).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Credential {
    /// A bearer token of the OAuth client with this id.
    Client(String),
    /// A header signed with the user's shared key.
    SharedKey,
}

impl Credential {
    /// As the audit trail tells of it.
    pub(crate) fn for_audit(&self) -> audit::Credential {
        match self {
            Self::Client(id) => audit::Credential::Client(id.clone()),
            Self::SharedKey => audit::Credential::SharedKey,
        }
    }

    /// The OAuth client, when it is one.
    pub(crate) fn client_id(&self) -> Option<&str> {
        match self {
            Self::Client(id) => Some(id),
            Self::SharedKey => None,
        }
    }
}

/// An authenticated caller.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) account: Account,
    pub(crate) user: User,
    pub(crate) credential: Credential,
    /// Where the call comes from, for the audit trail.
    pub(crate) origin: Origin,
}

impl Caller {
    /// Whether the user is a member of Administrators.
    pub(crate) fn is_administrator(&self) -> bool {
        self.account.config.is_administrator(&self.user)
    }

    /// Who is said to have made a change.
    pub(crate) fn author(&self) -> Author {
        Author { user_id: self.user.user_id.clone(), source_id: self.user.source_group.clone() }
    }

    /// The user's number in the account's ledger: somebody else who had the same id before, or has it later, has another.
    pub(crate) fn user_no(&self) -> Option<u64> {
        self.account.ledger.entry(Kind::Users, &self.user.user_id).map(|entry| entry.id)
    }

    /// Everything that the user's groups permit.
    pub(crate) fn rights(&self) -> Rights {
        Rights::of(&self.account.config.source, self.user.user_groups.iter().map(String::as_str))
    }

    /// How far the user's groups permit an area; administrators have everything.
    pub(crate) fn level(&self, area: Area) -> Level {
        if self.is_administrator() {
            return Level::Edit;
        }
        let groups = self.account.config.source.user_groups.iter();
        let mine = groups.filter(|g| self.user.user_groups.iter().any(|name| fold(name) == fold(&g.name)));
        mine.filter_map(|g| g.permissions.get(&area).copied()).max().unwrap_or(Level::None)
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let peer = peer_of(&parts.extensions);
        let visit = Visit::from_request_parts(parts, app).await?;
        let token = match Scheme::of(&parts.headers)? {
            Scheme::Bearer(token) => token,
            Scheme::Signed(signed) => {
                let named = path_value(parts, "clientId").await?.unwrap_or_default();
                let (account, user) = signed.authenticate(app, &named, peer)?;
                let credential = Credential::SharedKey;
                let origin = visit.is(account.no, &user.user_id, credential.for_audit());
                app.count(account.no, &parts.extensions)?;
                return Ok(Self { account, user, credential, origin });
            }
        };
        let bad = || app.bad_token(peer);
        let bearer = app.store().bearer(token.reveal())?.ok_or_else(bad)?;
        let account = app.store().account_by_no(bearer.account)?.ok_or_else(bad)?;
        let user = account.config.user(&bearer.user_id).filter(|user| user.is_active).cloned();
        let user = user.ok_or_else(bad)?;
        let credential = Credential::Client(bearer.client_id);
        let origin = visit.is(account.no, &user.user_id, credential.for_audit());

        app.count(account.no, &parts.extensions)?;

        // Names are compared, not looked up: whether another account is there makes no difference, not even in time.
        let named = path_value(parts, "clientId").await?.unwrap_or_default();
        if fold(&named) != fold(&account.name) {
            return Err(ApiError::UnknownAccount);
        }
        Ok(Self { account, user, credential, origin })
    }
}
