//! Source groups, user groups and users (access.md). What nobody may do by changing them stands in [`crate::access`].

use std::collections::BTreeMap;

use sayso_model::{
    config::{Area, Configuration, Kind, Level, SourceGroup, User, UserGroup},
    input::object::object,
    profile::EditInfo,
    refusal::{Refusal, shown},
};
use sayso_store::account::Account;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use super::{
    describe::Calls,
    resource::{InList, Words},
    wire::{ReadOnly, Worded, edited, word, yes},
};
use crate::{
    access::{App, Caller, EditUsers, ViewUsers},
    error::ApiError,
};

/// Where changes made by its users are said to come from.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[schema(example = json!({"Name": "Batch", "Description": "The nightly job"}))]
pub(crate) struct ConfiguredSourceGroup {
    /// Unique among source groups, without regard to case. What its users change carries it as SourceId.
    #[schema(min_length = 1, max_length = 100, pattern = "{name}")]
    name: String,
    description: Option<String>,
    #[serde(default)]
    #[schema(read_only, value_type = crate::openapi::profile::EditInfo)]
    edited: ReadOnly<EditInfo>,
}

/// A named set of permissions.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[schema(example = json!({"Name": "Exporters", "Permissions": {"Profiles": "View", "Segments": "View"}}))]
pub(crate) struct ConfiguredUserGroup {
    /// Unique among user groups, without regard to case. Administrators has everything, whatever its permissions say, and stays.
    #[schema(min_length = 1, max_length = 100, pattern = "{name}")]
    name: String,
    description: Option<String>,
    #[serde(default, deserialize_with = "object")]
    permissions: AreaPermissions,
    #[serde(default)]
    #[schema(read_only, value_type = crate::openapi::profile::EditInfo)]
    edited: ReadOnly<EditInfo>,
}

impl Worded for Level {
    const WORDS: &'static str = "None, View, Edit";
}

fn none() -> Level {
    Level::None
}

macro_rules! areas {
    ($($field:ident: $area:ident,)+) => {
        /// How far a user group reaches in each area: None, View or Edit.
        #[derive(Debug, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "PascalCase", deny_unknown_fields)]
        pub(crate) struct AreaPermissions {$(
            #[serde(default = "none", deserialize_with = "word")]
            #[schema(value_type = String, pattern = "^(?:None|View|Edit)$", example = "View")]
            $field: Level,
        )+}

        impl Default for AreaPermissions {
            fn default() -> Self {
                Self {$($field: Level::None,)+}
            }
        }

        impl AreaPermissions {
            fn of(kept: &BTreeMap<Area, Level>) -> Self {
                let level = |area: Area| kept.get(&area).copied().unwrap_or(Level::None);
                Self {$($field: level(Area::$area),)+}
            }

            /// Areas without a permission are left out, as an account file leaves them out, unless they stood there as None.
            fn kept(&self, former: Option<&BTreeMap<Area, Level>>) -> BTreeMap<Area, Level> {
                let all = [$((Area::$area, self.$field),)+];
                let stood = |area: &Area| former.is_some_and(|kept| kept.contains_key(area));
                all.into_iter().filter(|(area, level)| *level != Level::None || stood(area)).collect()
            }
        }
    };
}
areas! {
    profiles: Profiles,
    preferences: Preferences,
    consents: Consents,
    configuration: Configuration,
    segments: Segments,
    exports: Exports,
    imports: Imports,
    events: Events,
    users: Users,
}

/// Somebody or something acting in the account.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[schema(example = json!({"UserId": "John.Doe", "Name": "John Doe", "UserGroups": ["Exporters"], "SourceGroup": "Batch"}))]
pub(crate) struct ConfiguredUser {
    /// Unique among users, without regard to case; without `/`, `:` and white space. It stays.
    #[schema(min_length = 1, max_length = 100, pattern = "{user-id}")]
    user_id: String,
    name: Option<String>,
    /// false: tokens end at once; clients and keys rest until it is true again.
    #[serde(default = "yes")]
    is_active: bool,
    /// What the user may do is what any of the groups may.
    #[serde(default)]
    user_groups: Vec<String>,
    source_group: Option<String>,
    #[serde(default)]
    #[schema(read_only, value_type = crate::openapi::profile::EditInfo)]
    edited: ReadOnly<EditInfo>,
}

macro_rules! words {
    ($kind:ident, $one:literal, $many:literal, $operation:literal, $name:literal, $parameter:literal, $example:literal) => {
        const WORDS: Words = Words {
            kind: Kind::$kind,
            one: $one,
            a: concat!("a ", $one),
            many: $many,
            operation: ($operation, stringify!($kind)),
            list: stringify!($kind),
            name: $name,
            number: None,
            example: $example,
            parameter: $parameter,
            all: concat!("/", stringify!($kind)),
            make: concat!("/", stringify!($kind)),
            at: concat!("/", stringify!($kind)),
            change: concat!("/", stringify!($kind)),
        };
        type View = ViewUsers;
        type Edit = EditUsers;
    };
}

/// The account's source groups.
pub(crate) enum SourceGroups {}

impl InList for SourceGroups {
    words!(SourceGroups, "source group", "source groups", "SourceGroup", "Name", "sourceGroupName", "Batch");
    type Wire = ConfiguredSourceGroup;
    type Item = SourceGroup;

    fn list(c: &Configuration) -> &Vec<SourceGroup> {
        &c.source_groups
    }
    fn list_mut(c: &mut Configuration) -> &mut Vec<SourceGroup> {
        &mut c.source_groups
    }
    fn item_name(item: &SourceGroup) -> &str {
        &item.name
    }
    fn show_item(item: &SourceGroup, account: &Account) -> ConfiguredSourceGroup {
        ConfiguredSourceGroup {
            name: item.name.clone(),
            description: item.description.clone(),
            edited: edited(account.ledger.entry(Kind::SourceGroups, &item.name)),
        }
    }
    fn wire_name(wire: &ConfiguredSourceGroup) -> &str {
        &wire.name
    }
    fn take(wire: ConfiguredSourceGroup, _: Option<&SourceGroup>) -> SourceGroup {
        SourceGroup { name: wire.name, description: wire.description }
    }
}

/// The account's user groups.
pub(crate) enum UserGroups {}

impl InList for UserGroups {
    words!(UserGroups, "user group", "user groups", "UserGroup", "Name", "userGroupName", "Exporters");
    type Wire = ConfiguredUserGroup;
    type Item = UserGroup;

    fn list(c: &Configuration) -> &Vec<UserGroup> {
        &c.user_groups
    }
    fn list_mut(c: &mut Configuration) -> &mut Vec<UserGroup> {
        &mut c.user_groups
    }
    fn item_name(item: &UserGroup) -> &str {
        &item.name
    }
    fn show_item(item: &UserGroup, account: &Account) -> ConfiguredUserGroup {
        ConfiguredUserGroup {
            name: item.name.clone(),
            description: item.description.clone(),
            permissions: AreaPermissions::of(&item.permissions),
            edited: edited(account.ledger.entry(Kind::UserGroups, &item.name)),
        }
    }
    fn wire_name(wire: &ConfiguredUserGroup) -> &str {
        &wire.name
    }
    fn take(wire: ConfiguredUserGroup, former: Option<&UserGroup>) -> UserGroup {
        UserGroup {
            name: wire.name,
            description: wire.description,
            permissions: wire.permissions.kept(former.map(|f| &f.permissions)),
        }
    }
}

/// The account's users.
pub(crate) enum Users {}

impl InList for Users {
    words!(Users, "user", "users", "User", "UserId", "userId", "Nightly");
    type Wire = ConfiguredUser;
    type Item = User;

    fn list(c: &Configuration) -> &Vec<User> {
        &c.users
    }
    fn list_mut(c: &mut Configuration) -> &mut Vec<User> {
        &mut c.users
    }
    fn item_name(item: &User) -> &str {
        &item.user_id
    }
    fn show_item(item: &User, account: &Account) -> ConfiguredUser {
        ConfiguredUser {
            user_id: item.user_id.clone(),
            name: item.name.clone(),
            is_active: item.is_active,
            user_groups: item.user_groups.clone(),
            source_group: item.source_group.clone(),
            edited: edited(account.ledger.entry(Kind::Users, &item.user_id)),
        }
    }
    fn wire_name(wire: &ConfiguredUser) -> &str {
        &wire.user_id
    }
    fn take(wire: ConfiguredUser, _: Option<&User>) -> User {
        User {
            user_id: wire.user_id,
            name: wire.name,
            is_active: wire.is_active,
            user_groups: wire.user_groups,
            source_group: wire.source_group,
        }
    }
    /// What a user did, holds and signs in with goes by the id.
    fn may_save_item(_: &Caller, former: Option<&User>, wire: &ConfiguredUser) -> Result<(), ApiError> {
        match former.filter(|former| former.user_id != wire.user_id) {
            None => Ok(()),
            Some(former) => {
                let why = format!("the id {} stays; make another user", shown(&former.user_id));
                Err(Refusal::conflict("UserId", why).into())
            }
        }
    }
}

/// Their calls.
pub(crate) fn add(router: OpenApiRouter<App>) -> OpenApiRouter<App> {
    let router = Calls::<Users>::read(router).create().patch().replace_and_remove().done();
    let router = Calls::<UserGroups>::read(router).create().patch().replace_and_remove().done();
    Calls::<SourceGroups>::read(router).create().patch().replace_and_remove().done()
}
