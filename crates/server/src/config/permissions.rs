//! Who may see, edit and execute a segment or segment group.
//!
//! Whoever may edit one may say who else may: but gives no right that they haven't got, so that nobody comes by the right to execute by
//! giving it to themselves.

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use hyper::{HeaderMap, header::ETAG};
use sayso_model::{
    config::{Configuration, SegmentPermission},
    id::fold,
    input::object::Object,
};
use sayso_store::account::{Account, Edit};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    calls::{Named, answer, body, bytes_of, etag, find, read_json, to_value},
    resource::InList,
    segments::{Permitted, called},
};
use crate::{
    access::{Caller, EditSegments, Permit, ViewSegments},
    error::ApiError,
    http::answer::{json_bytes, meets, own_header},
};

/// What the members of a user group may do with a segment or segment group.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct UserGroupPermission {
    #[schema(min_length = 1, max_length = 100, pattern = "{name}", example = "Exporters")]
    user_group: String,
    #[serde(default)]
    can_view: bool,
    /// Seeing it comes with it.
    #[serde(default)]
    can_edit: bool,
    /// Exporting it.
    #[serde(default)]
    can_execute: bool,
}

fn item<'c, T: InList>(c: &'c Configuration, name: &str) -> Option<&'c T::Item> {
    T::list(c).iter().find(|item| fold(T::item_name(item)) == fold(name))
}

fn shown<T: Permitted>(account: &Account, name: &str) -> Value {
    let permissions = item::<T>(&account.config.source, name).map(T::permissions).cloned().unwrap_or_default();
    let wire = |p: SegmentPermission| UserGroupPermission {
        user_group: p.user_group,
        can_view: p.can_view,
        can_edit: p.can_edit,
        can_execute: p.can_execute,
    };
    to_value(&permissions.into_iter().map(wire).collect::<Vec<_>>())
}

/// GET.
pub(crate) async fn read<T: Permitted>(
    permit: Permit<ViewSegments>,
    named: Named<T>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let name = find::<T>(permit.caller(), &named.text)?;
    Ok(answer(&headers, &shown::<T>(permit.account(), &name)))
}

/// PUT.
pub(crate) async fn put<T: Permitted>(
    permit: Permit<EditSegments>,
    named: Named<T>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, sent) = request.into_parts();
    let sent: Vec<Object<UserGroupPermission>> = read_json(&body(&permit, &parts.headers, sent).await?)?;
    let new: Vec<SegmentPermission> = sent
        .into_iter()
        .map(|Object(p)| SegmentPermission {
            user_group: p.user_group,
            can_view: p.can_view,
            can_edit: p.can_edit,
            can_execute: p.can_execute,
        })
        .collect();
    let change = move |caller: &Caller| {
        let name = find::<T>(caller, &named.text)?;
        let mut configuration = caller.account.config.source.clone();
        meets(&parts.headers, Some(&etag(&bytes_of(&shown::<T>(&caller.account, &name)))))?;
        let at = T::list(&configuration).iter().position(|item| fold(T::item_name(item)) == fold(&name));
        let at = at.ok_or_else(|| ApiError::unknown(T::WORDS.one, &name))?;
        let item = &mut T::list_mut(&mut configuration)[at];
        T::may_edit_item(caller, item)?;
        gives_only_own::<T>(caller, item, &new)?;
        *T::permissions_mut(item) = new;
        Ok((Edit { configuration, renamed: None, within: vec![format!("{}[{at}].Permissions", T::WORDS.list)] }, name))
    };
    let (account, name) = permit.configure(change).await?;
    let json = bytes_of(&shown::<T>(&account, &name));
    Ok(([(ETAG, own_header(&etag(&json)))], json_bytes(json)).into_response())
}

/// No right is given that the caller hasn't got.
fn gives_only_own<T: Permitted>(caller: &Caller, item: &T::Item, new: &[SegmentPermission]) -> Result<(), ApiError> {
    let (config, user, present) = (&caller.account.config, &caller.user, T::permissions(item));
    let given = |right: fn(&SegmentPermission) -> bool| {
        new.iter().filter(move |p| right(p)).any(|p| {
            let had = present.iter().find(|b| fold(&b.user_group) == fold(&p.user_group));
            !had.is_some_and(right)
        })
    };
    if given(|p| p.can_execute) && !config.can_execute(user, present) {
        return Err(ApiError::MayNotOn { right: "CanExecute", what: called::<T>(T::item_name(item)) });
    }
    Ok(())
}
