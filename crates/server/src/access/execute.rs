//! Permission over exports (access.md, Permissions), as a handler's parameter: to start one, and to use its token. It takes CanExecute on the
//! segment or segment group, and of the area Exports: Edit to start one, View to read and end what one has started.

use std::{marker::PhantomData, sync::Arc};

use axum::extract::FromRequestParts;
use hyper::http::request::Parts;
use sayso_export::{
    ExportError,
    engine::{Caller as Asking, PermissionCheck},
    job::{Exported, Request, Status, Subject},
    page::{Page, PageRequest},
};
use sayso_model::{
    config::{Area, Config, Kind, Level, Rights, SegmentPermission, User},
    id::{ACCESS_TOKEN_MAX, AccessToken, AccountNo, fold},
    selection::{Conditions, Selection},
};
use sayso_store::{Store, StoreError, account::Account};

use super::{
    App, Caller,
    permit::{self, Permission},
};
use crate::{error::ApiError, http::path::path_value, options::Options};

/// Starting exports.
enum EditExports {}

impl Permission for EditExports {
    const AREA: Area = Area::Exports;
    const LEVEL: Level = Level::Edit;
}

/// Reading and ending exports that one has started.
enum ViewExports {}

impl Permission for ViewExports {
    const AREA: Area = Area::Exports;
    const LEVEL: Level = Level::View;
}

/// What an Initiate names: which value of the path, and how it is found.
pub(crate) trait Of: Send + Sync + 'static {
    /// The name of the value in the route.
    const IN_PATH: &'static str;
    /// What it is, for messages.
    const KIND: &'static str;
    /// Which one it is, by its name as configured and its number, and the selection.
    fn find(account: &Account, name: &str) -> Option<(Exported, Selection)>;
}

/// A segment.
pub(crate) enum OfSegment {}

impl Of for OfSegment {
    const IN_PATH: &'static str = "segmentName";
    const KIND: &'static str = "segment";
    fn find(account: &Account, name: &str) -> Option<(Exported, Selection)> {
        let subject = Subject::Segment(account.config.segment(name)?.name.clone());
        let no = account.ledger.entry(Kind::Segments, name).map(|entry| entry.id);
        Some((Exported { subject, no }, Selection::of_segment(&account.config, name)?))
    }
}

/// A segment group.
pub(crate) enum OfGroup {}

impl Of for OfGroup {
    const IN_PATH: &'static str = "segmentGroupName";
    const KIND: &'static str = "segment group";
    fn find(account: &Account, name: &str) -> Option<(Exported, Selection)> {
        let subject = Subject::SegmentGroup(account.config.segment_group(name)?.name.clone());
        let no = account.ledger.entry(Kind::SegmentGroups, name).map(|entry| entry.id);
        Some((Exported { subject, no }, Selection::of_group(&account.config, name)?))
    }
}

/// The right to start an export of what the path names.
pub(crate) struct Executing<O> {
    caller: Caller,
    app: App,
    exported: Exported,
    selection: Selection,
    of: PhantomData<O>,
}

impl<O: Of> FromRequestParts<App> for Executing<O> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, app).await?;
        let name = path_value(parts, O::IN_PATH).await?.unwrap_or_default();
        let found = O::find(&caller.account, &name);
        let (exported, selection) = found.ok_or_else(|| ApiError::unknown(O::KIND, &name))?;
        require::<EditExports>(&caller, &exported)?;
        Ok(Self { caller, app: app.clone(), exported, selection, of: PhantomData })
    }
}

impl<O> Executing<O> {
    /// The account's configuration.
    pub(crate) fn config(&self) -> &Config {
        &self.caller.account.config
    }

    /// The operator's settings.
    pub(crate) fn options(&self) -> &Options {
        self.app.options()
    }

    /// Whether the export is over deleted profiles.
    pub(crate) fn over_deleted(&self) -> bool {
        self.selection.over_deleted()
    }

    /// Starts the export.
    pub(crate) async fn initiate(
        self,
        conditions: Conditions,
        callback_url: Option<String>,
        idempotency: Option<(String, [u8; 32])>,
    ) -> Result<AccessToken, ExportError> {
        let request = Request {
            account: self.caller.account.no,
            user_id: self.caller.user.user_id.clone(),
            user_no: self.caller.user_no(),
            origin: self.caller.origin.clone(),
            client_id: self.caller.credential.client_id().map(str::to_owned),
            exported: self.exported,
            selection: self.selection,
            conditions,
            callback_url,
            idempotency,
        };
        self.app.engine().initiate(request).await
    }
}

/// The right to use the token that the path names: it is the caller's own or the caller is an administrator, and the
/// permissions still hold.
pub(crate) struct Holding {
    asking: Asking,
    app: App,
    token: AccessToken,
}

impl FromRequestParts<App> for Holding {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, app).await?;
        let asking = Asking {
            account: caller.account.no,
            user_id: caller.user.user_id.clone(),
            user_no: caller.user_no(),
            is_administrator: caller.is_administrator(),
            origin: caller.origin.clone(),
        };
        let text = path_value(parts, "accessToken").await?.unwrap_or_default();
        // one that can't be a token is answered like one that isn't there
        let token = parse_token(&text).ok_or(ApiError::UnknownToken)?;
        let exported = app.engine().exported(&asking, token)?;
        require::<ViewExports>(&caller, &exported)?;
        Ok(Self { asking, app: app.clone(), token })
    }
}

impl Holding {
    /// The status.
    pub(crate) async fn status(&self) -> Result<Status, ExportError> {
        self.app.engine().status(&self.asking, self.token).await
    }

    /// A page.
    pub(crate) async fn page(&self, page: PageRequest) -> Result<Page, ExportError> {
        self.app.engine().page(&self.asking, self.token, page).await
    }

    /// Tells the audit trail that a page is given out; when that can't be kept, it must not be.
    pub(crate) async fn giving(&self, page: &Page) -> Result<(), StoreError> {
        self.app.engine().giving(&self.asking, self.token, page).await
    }

    /// A page as gzip; pieces that no page needed before are compressed now.
    pub(crate) async fn compressed(&self, page: Page) -> Result<Page, ExportError> {
        self.app.engine().compressed(page).await
    }

    /// Ends the token.
    pub(crate) async fn commit(&self, keep_files: bool) -> Result<(), ExportError> {
        self.app.engine().commit(&self.asking, self.token, keep_files).await
    }
}

/// What was exported as the account has it now: its name and the permissions on it. It is found by its number, since it may have another
/// name by now, and another thing its name; by its name only where the job was made before numbers were kept.
fn present<'a>(account: &'a Account, exported: &'a Exported) -> Option<(&'a str, &'a [SegmentPermission])> {
    let kind = match exported.subject {
        Subject::Segment(_) => Kind::Segments,
        Subject::SegmentGroup(_) => Kind::SegmentGroups,
    };
    let (_, named) = exported.subject.named();
    let name = match exported.no {
        Some(no) if account.ledger.entry(kind, named).is_none_or(|entry| entry.id != no) => {
            account.ledger.name_of(kind, no)?
        }
        _ => named,
    };
    match exported.subject {
        Subject::Segment(_) => account.config.segment(name).map(|s| (s.name.as_str(), s.permissions.as_slice())),
        Subject::SegmentGroup(_) => {
            account.config.segment_group(name).map(|g| (g.name.as_str(), g.permissions.as_slice()))
        }
    }
}

/// Whether a user may execute what was exported as the configuration stands. Of what has gone since Initiate only an administrator may:
/// the export holds a copy of its definition, but nobody else's permission can be told any more.
fn may_execute(account: &Account, user: &User, exported: &Exported) -> bool {
    account.config.can_execute(user, present(account, exported).map_or(&[], |(_, permissions)| permissions))
}

fn require<P: Permission>(caller: &Caller, exported: &Exported) -> Result<(), ApiError> {
    let account = &caller.account;
    if may_execute(account, &caller.user, exported) {
        return permit::require::<P>(caller);
    }
    let (kind, named) = exported.subject.named();
    Err(ApiError::MayNotExecute(match present(account, exported) {
        None => format!("the {kind} {named:?} that was exported (it is gone since: export another)"),
        // its present name is for those who may see it
        Some((name, permissions))
            if account.config.can_view(&caller.user, permissions) && fold(name) != fold(named) =>
        {
            format!("the {kind} {name:?} ({named:?} when it was exported)")
        }
        Some(_) => format!("the {kind} {named:?}"),
    }))
}

/// An access token as a path writes it: digits alone, within the range.
pub(super) fn parse_token(text: &str) -> Option<AccessToken> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse::<u64>().ok().filter(|n| digits && (1..=ACCESS_TOKEN_MAX).contains(n));
    number.map(AccessToken)
}

/// The account and the user of a job, if both are still there, the user active, and so the OAuth client if there was one.
pub(super) fn still_active(
    store: &Store,
    account: AccountNo,
    user_id: &str,
    client_id: Option<&str>,
) -> Result<Option<(Account, User)>, StoreError> {
    let Some(account) = store.account_by_no(account)? else { return Ok(None) };
    let Some(user) = account.config.user(user_id).filter(|user| user.is_active).cloned() else { return Ok(None) };
    let client = match client_id {
        Some(id) => store.clients(account.no)?.iter().any(|client| client.client_id == id && client.is_active),
        None => true,
    };
    Ok(client.then_some((account, user)))
}

/// What the export engine asks when a job is ready: are the user and the client still there and active, and may the user
/// export it (export.md, Status, Failed)? A store that can't answer is a no, with its reason in the log.
pub fn permission_check(store: &Store) -> PermissionCheck {
    fn holds(
        store: &Store,
        account: AccountNo,
        user_id: &str,
        client_id: Option<&str>,
        exported: &Exported,
    ) -> Result<bool, StoreError> {
        let Some((account, user)) = still_active(store, account, user_id, client_id)? else { return Ok(false) };
        let rights = Rights::of(&account.config.source, user.user_groups.iter().map(String::as_str));
        Ok(rights.level(Area::Exports) >= Level::Edit && may_execute(&account, &user, exported))
    }
    let store = store.clone();
    Arc::new(move |account, user_id, client_id, exported| {
        holds(&store, account, user_id, client_id, exported).unwrap_or_else(|error| {
            tracing::error!(%error, user_id, "the permission over an export could not be checked");
            false
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_digits_within_the_range() {
        assert_eq!(parse_token("1"), Some(AccessToken(1)));
        assert_eq!(parse_token("9007199254740991"), Some(AccessToken(ACCESS_TOKEN_MAX)));
        for odd in ["", "0", "-1", "+1", " 1", "abc", "1.0", "9007199254740992", "99999999999999999999999"] {
            assert_eq!(parse_token(odd), None, "{odd}");
        }
    }
}
