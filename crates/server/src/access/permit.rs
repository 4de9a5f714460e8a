//! Permission over an area of the account (access.md, Permissions), as a handler's parameter.

use std::{marker::PhantomData, sync::LazyLock};

use axum::extract::FromRequestParts;
use hyper::http::request::Parts;
use sayso_model::{
    change::HistoryKind,
    config::{Area, Config, Level},
    id::{AccountNo, ProfileId},
    moment::Moment,
};
use sayso_store::{
    Store, StoreError,
    profiles::{Change, Expected, HistoryPage, ReadyRow, Target, Written},
    search::{By, Found, Search},
};
use tokio::sync::Semaphore;

use super::{App, Caller};
use crate::{error::ApiError, options::Options};

/// What a permit is for.
pub(crate) trait Permission: Send + Sync + 'static {
    /// The area.
    const AREA: Area;
    /// How far.
    const LEVEL: Level;
    /// Another area whose permission is as good, since it covers this one: a profile's preferences and consents are part of it.
    const WITHIN: Option<Area> = None;
}

/// Permissions that open the profiles to be read.
pub(crate) trait Reads: Permission {}

/// Permissions that open the profiles to be changed.
pub(crate) trait Writes: Permission {}

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident: $area:ident, $level:ident, $within:expr, $opens:ident;)+) => {$(
        $(#[$doc])*
        pub(crate) enum $name {}

        impl Permission for $name {
            const AREA: Area = Area::$area;
            const LEVEL: Level = Level::$level;
            const WITHIN: Option<Area> = $within;
        }

        impl $opens for $name {}
    )+};
}
permissions! {
    /// Reading profiles.
    ViewProfiles: Profiles, View, None, Reads;
    /// Writing profiles.
    EditProfiles: Profiles, Edit, None, Writes;
    /// Writing preferences alone.
    EditPreferences: Preferences, Edit, Some(Area::Profiles), Writes;
    /// Reading consents alone.
    ViewConsents: Consents, View, Some(Area::Profiles), Reads;
    /// Writing consents alone.
    EditConsents: Consents, Edit, Some(Area::Profiles), Writes;
}

/// A caller who has the permission `P`, and the way to the data that it opens.
pub(crate) struct Permit<P> {
    pub(super) caller: Caller,
    pub(super) app: App,
    permission: PhantomData<P>,
}

impl<P: Permission> FromRequestParts<App> for Permit<P> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, app).await?;
        require::<P>(&caller)?;
        Ok(Self { caller, app: app.clone(), permission: PhantomData })
    }
}

/// 403 unless the caller has the permission.
pub(super) fn require<P: Permission>(caller: &Caller) -> Result<(), ApiError> {
    let has = |area| caller.level(area) >= P::LEVEL;
    if !has(P::AREA) && !P::WITHIN.is_some_and(has) {
        return Err(ApiError::MayNot { area: format!("{:?}", P::AREA), level: format!("{:?}", P::LEVEL) });
    }
    Ok(())
}

impl<P> Permit<P> {
    /// Who called.
    pub(crate) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The account's configuration.
    pub(crate) fn config(&self) -> &Config {
        &self.caller.account.config
    }

    /// The operator's settings.
    pub(crate) fn options(&self) -> &Options {
        self.app.options()
    }
}

impl<P: Reads> Permit<P> {
    /// A profile as it is read, with its former consents if they are asked for.
    pub(crate) fn ready(&self, target: &Target, consent_history: bool) -> Result<Option<ReadyRow>, StoreError> {
        self.app.store().ready(self.caller.account.no, target, consent_history)
    }

    /// A part of one history of a profile.
    pub(crate) async fn history(
        &self,
        target: Target,
        kind: HistoryKind,
        skip: u64,
        take: u64,
    ) -> Result<Option<(ProfileId, HistoryPage)>, ApiError> {
        self.aside(move |store, no| store.history(no, &target, kind, skip, take)).await
    }

    /// The profiles that are searched for; `None` when there are more than `most`.
    pub(crate) async fn search(&self, search: Search, most: usize) -> Result<Option<Vec<ReadyRow>>, ApiError> {
        if matches!(search.by, By::Key(_)) {
            match self.app.store().search_within(self.caller.account.no, &search, most, AT_ONCE)? {
                Found::Rows(rows) => return Ok(Some(rows)),
                Found::TooMany => return Ok(None),
                Found::Unfinished => {}
            }
        }
        self.aside(move |store, no| store.search(no, &search, most)).await
    }

    /// Looks through many entries where it holds up nobody, and not more of it at once than there are cores.
    async fn aside<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Store, AccountNo) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let turn = ASIDE.acquire().await.map_err(|e| ApiError::Internal(e.to_string()))?;
        let (store, no) = (self.app.store().clone(), self.caller.account.no);
        let done = tokio::task::spawn_blocking(move || {
            let done = read(&store, no);
            drop(turn);
            done
        });
        Ok(done.await.map_err(|e| ApiError::Internal(format!("reading many entries: {e}")))??)
    }

    /// The present moment of the store's clock, at which a profile is read.
    pub(crate) fn now(&self) -> Moment {
        self.app.store().clock().now()
    }
}

/// Rows that a search by key may open before it goes where it holds up nobody: more than it may give.
const AT_ONCE: usize = 64;

/// Reads of many entries that may go on at once.
static ASIDE: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(sayso_store::cores()));

impl<P: Writes> Permit<P> {
    /// Makes one change, in the caller's name, if what is there is as expected; when it is answered it is on disk.
    pub(crate) async fn write(&self, change: Change, expected: Expected) -> Result<Written, StoreError> {
        self.app.store().write_if(self.caller.account.no, self.caller.author(), change, expected).await
    }
}
