//! Permission over an account's configuration and its segments, and the one way to change either.

use std::sync::{Arc, OnceLock};

use sayso_export::{ExportError, Preview};
use sayso_model::{
    config::{Area, Level},
    id::ProfileId,
    refusal::Why,
    selection::Selection,
};
use sayso_store::{
    StoreError,
    account::{Account, Edit},
    profiles::{Change, Target},
};

use super::{
    Caller,
    permit::{EditProfiles, Permission, Permit, ViewProfiles, require},
    rise,
    telling::Telling,
};
use crate::error::ApiError;

/// Reading the configuration.
pub(crate) enum ViewConfiguration {}

impl Permission for ViewConfiguration {
    const AREA: Area = Area::Configuration;
    const LEVEL: Level = Level::View;
}

/// Changing the configuration.
pub(crate) enum EditConfiguration {}

impl Permission for EditConfiguration {
    const AREA: Area = Area::Configuration;
    const LEVEL: Level = Level::Edit;
}

/// Reading segments and segment groups, those that the caller may view.
pub(crate) enum ViewSegments {}

impl Permission for ViewSegments {
    const AREA: Area = Area::Segments;
    const LEVEL: Level = Level::View;
}

/// Making segments and segment groups, and changing those that the caller may edit.
pub(crate) enum EditSegments {}

impl Permission for EditSegments {
    const AREA: Area = Area::Segments;
    const LEVEL: Level = Level::Edit;
}

/// Reading users, user groups and source groups, and which credentials there are.
pub(crate) enum ViewUsers {}

impl Permission for ViewUsers {
    const AREA: Area = Area::Users;
    const LEVEL: Level = Level::View;
}

/// Changing users, user groups and source groups, and making and ending credentials.
pub(crate) enum EditUsers {}

impl Permission for EditUsers {
    const AREA: Area = Area::Users;
    const LEVEL: Level = Level::Edit;
}

/// A permission that lets the configuration be changed.
pub(crate) trait Configures: Permission {}

impl Configures for EditConfiguration {}
impl Configures for EditSegments {}
impl Configures for EditUsers {}

impl<P: Permission> Permit<P> {
    /// The account as it stood when the caller was let in.
    pub(crate) fn account(&self) -> &Account {
        &self.caller.account
    }
}

impl<P: Configures> Permit<P> {
    /// Changes the configuration by a function of the present one, which is told of the caller as the present one knows them: a right
    /// that was taken away meanwhile is gone. Gives the account as it is then, and what the function gave.
    pub(crate) async fn configure<T: Send + 'static>(
        &self,
        f: impl FnOnce(&Caller) -> Result<(Edit, T), ApiError> + Send + 'static,
    ) -> Result<(Account, T), ApiError> {
        let (no, author) = (self.caller.account.no, self.caller.author());
        let (former, origin) = (self.caller.clone(), self.caller.origin.clone());
        let told = Arc::new(OnceLock::new());
        let tell = Arc::clone(&told);
        let change = move |account: &Account| {
            let user = account.config.user(&former.user.user_id).filter(|user| user.is_active).cloned();
            let user = user.ok_or(ApiError::UnableToAuthenticate)?;
            let caller = Caller { account: account.clone(), user, ..former };
            require::<P>(&caller)?;
            let (edit, given) = f(&caller)?;
            rise::check(&caller, &edit.configuration)?;
            let _ = told.set(Telling::of(&caller, &edit));
            Ok((edit, given))
        };
        let done = self.app.store().configure(no, author, origin, change).await;
        done.map_err(|error| match tell.get() {
            Some(telling) => ApiError::from(telling.tell(error)),
            None => error.into(),
        })?
    }
}

impl Permit<EditConfiguration> {
    /// The caller with the account as it is by now.
    pub(crate) fn present(&self) -> Result<Caller, ApiError> {
        let account = self.app.store().account_by_no(self.caller.account.no)?.ok_or(ApiError::UnknownAccount)?;
        Ok(Caller { account, ..self.caller.clone() })
    }
}

impl Permit<ViewProfiles> {
    /// How many profiles a selection finds, and the first of them.
    pub(crate) async fn preview(&self, selection: Selection, rows: usize) -> Result<Preview, ExportError> {
        self.app.engine().preview(self.caller.account.no, selection, rows).await
    }
}

impl Permit<ViewConfiguration> {
    /// Every tag with how many profiles have it.
    pub(crate) async fn tag_counts(&self) -> Result<Vec<(String, u64)>, ExportError> {
        self.app.engine().tag_counts(self.caller.account.no).await
    }
}

impl Permit<EditProfiles> {
    /// Everybody whom a selection finds.
    pub(crate) async fn find_all(&self, selection: Selection) -> Result<Vec<ProfileId>, ExportError> {
        self.app.engine().find(self.caller.account.no, selection).await
    }

    /// Takes a tag off some profiles, which may be gone meanwhile. Their writes share commits. Gives whether it may be taken off: not
    /// once a segment asks for it.
    pub(crate) async fn untag(&self, profiles: &[ProfileId], tag: &str) -> Result<bool, StoreError> {
        let (store, no) = (self.app.store(), self.caller.account.no);
        let untag = |id: &ProfileId| {
            let change = Change::Untag(Target::Id(*id), tag.to_owned());
            store.write(no, self.caller.author(), change)
        };
        let mut may = true;
        for done in futures_util::future::join_all(profiles.iter().map(untag)).await {
            match done {
                Err(StoreError::Refused(refusal)) if refusal.why == Why::Unknown => {}
                Err(StoreError::Refused(refusal)) if refusal.why == Why::Conflict => may = false,
                done => drop(done?),
            }
        }
        Ok(may)
    }
}
