//! Permission over an area of the account (access.md, Permissions), as a handler's parameter.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use hyper::http::request::Parts;
use sayso_model::{
    config::{Area, Config, Level},
    id::ProfileId,
    moment::Moment,
};
use sayso_store::{
    StoreError,
    profiles::{Change, Key, StoredRow, Written},
};

use super::{App, Caller};
use crate::{error::ApiError, options::Options};

/// What a permit is for.
pub(crate) trait Permission: Send + Sync + 'static {
    /// The area.
    const AREA: Area;
    /// How far.
    const LEVEL: Level;
}

/// Reading profiles.
pub(crate) enum ViewProfiles {}

impl Permission for ViewProfiles {
    const AREA: Area = Area::Profiles;
    const LEVEL: Level = Level::View;
}

/// Writing profiles.
pub(crate) enum EditProfiles {}

impl Permission for EditProfiles {
    const AREA: Area = Area::Profiles;
    const LEVEL: Level = Level::Edit;
}

/// A caller who has the permission `P`, and the way to the data that it opens.
pub(crate) struct Permit<P> {
    caller: Caller,
    app: App,
    permission: PhantomData<P>,
}

impl<P: Permission> FromRequestParts<App> for Permit<P> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, app).await?;
        if caller.level(P::AREA) < P::LEVEL {
            return Err(ApiError::MayNot { area: format!("{:?}", P::AREA), level: format!("{:?}", P::LEVEL) });
        }
        Ok(Self { caller, app: app.clone(), permission: PhantomData })
    }
}

impl<P> Permit<P> {
    /// The account's configuration.
    pub(crate) fn config(&self) -> &Config {
        &self.caller.account.config
    }

    /// The operator's settings.
    pub(crate) fn options(&self) -> &Options {
        self.app.options()
    }
}

impl Permit<ViewProfiles> {
    /// The profile of this id.
    pub(crate) fn profile(&self, id: ProfileId) -> Result<Option<StoredRow>, StoreError> {
        self.app.store().profile(self.caller.account.no, id)
    }

    /// The profiles that have this key.
    pub(crate) fn find(&self, key: &Key) -> Result<Vec<ProfileId>, StoreError> {
        self.app.store().find(self.caller.account.no, key)
    }

    /// The present moment of the store's clock, at which a profile is read.
    pub(crate) fn now(&self) -> Moment {
        self.app.store().clock().now()
    }
}

impl Permit<EditProfiles> {
    /// Makes one change, in the caller's name; when it is answered it is on disk.
    pub(crate) async fn write(&self, change: Change) -> Result<Written, StoreError> {
        self.app.store().write(self.caller.account.no, self.caller.author(), change).await
    }
}
