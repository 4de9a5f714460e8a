//! Segments and segment groups: a caller sees and changes those that one of their user groups may.

use sayso_model::{
    config::{self as model, Area, Config, Configuration, Kind, Level, SegmentPermission},
    id::fold,
    input::{
        object::{object, objects},
        once,
    },
    profile::EditInfo,
    refusal::{Refusal, shown},
};
use sayso_store::account::Account;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use super::{
    describe::Calls,
    resource::{InList, Words},
    wire::{ReadOnly, edited, word, yes},
};
use crate::{
    access::{App, Caller, EditSegments, ViewSegments},
    error::ApiError,
};

/// Which optional parts a row has.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct SegmentOutput {
    #[serde(default = "yes")]
    preferences: bool,
    #[serde(default = "yes")]
    consents: bool,
    #[serde(default = "yes")]
    custom_fields: bool,
    #[serde(default)]
    archived: bool,
    #[serde(default)]
    implied: bool,
}

impl Default for SegmentOutput {
    fn default() -> Self {
        model::Output::default().into()
    }
}

impl From<model::Output> for SegmentOutput {
    fn from(o: model::Output) -> Self {
        let model::Output { preferences, consents, custom_fields, archived, implied } = o;
        Self { preferences, consents, custom_fields, archived, implied }
    }
}

impl From<SegmentOutput> for model::Output {
    fn from(o: SegmentOutput) -> Self {
        let SegmentOutput { preferences, consents, custom_fields, archived, implied } = o;
        Self { preferences, consents, custom_fields, archived, implied }
    }
}

/// A saved filter of profiles.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[schema(example = json!({
    "Name": "Georgia newsletter",
    "Criteria": {"All": [{"Field": "Address.StateProvince", "Is": "GA"}, {"Preference": "NEWS-EMAIL", "Type": "OptIn", "Status": "Active"}]},
}))]
pub(crate) struct ConfiguredSegment {
    /// Unique among segments, without regard to case.
    #[schema(min_length = 1, max_length = 100, pattern = "{name}")]
    name: String,
    description: Option<String>,
    /// Active, Inactive, Deleted or All (active and inactive).
    #[serde(default, deserialize_with = "word")]
    #[schema(value_type = String, pattern = "^(?:Active|Inactive|Deleted|All)$", example = "Active")]
    profiles: model::Population,
    /// The definition; null: every profile. What is wrong in one is told by its path: `Criteria.All[3].Any[0].CustomField`.
    #[serde(default, deserialize_with = "once::optional")]
    #[schema(value_type = Option<Object>)]
    criteria: Option<Value>,
    #[serde(default, deserialize_with = "object")]
    output: SegmentOutput,
    #[serde(default)]
    #[schema(read_only, value_type = crate::openapi::profile::EditInfo)]
    edited: ReadOnly<EditInfo>,
}

/// Segments folded left to right from the first.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[schema(example = json!({
    "Name": "Georgia reachable",
    "Members": [{"Segment": "Georgia newsletter"}, {"Segment": "Complained", "Operator": "EXCEPT"}],
}))]
pub(crate) struct ConfiguredSegmentGroup {
    /// Unique among segment groups, without regard to case.
    #[schema(min_length = 1, max_length = 100, pattern = "{name}")]
    name: String,
    description: Option<String>,
    /// All over live profiles or all over deleted ones.
    #[serde(deserialize_with = "objects")]
    #[schema(min_items = 1, max_items = 256)]
    members: Vec<SegmentGroupMember>,
    #[serde(default, deserialize_with = "object")]
    output: SegmentOutput,
    #[serde(default)]
    #[schema(read_only, value_type = crate::openapi::profile::EditInfo)]
    edited: ReadOnly<EditInfo>,
}

/// One step of a segment group.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct SegmentGroupMember {
    #[schema(min_length = 1, max_length = 100, pattern = "{name}", example = "Georgia newsletter")]
    segment: String,
    /// AND, OR or EXCEPT; ignored on the first.
    #[serde(default, deserialize_with = "word")]
    #[schema(value_type = String, pattern = "^(?:AND|OR|EXCEPT)$", example = "AND")]
    operator: model::Operator,
}

/// Who may do what with what carries these permissions, and how it is called in messages.
pub(crate) trait Permitted: InList {
    /// Its permissions.
    fn permissions(item: &Self::Item) -> &Vec<SegmentPermission>;
    /// Its permissions.
    fn permissions_mut(item: &mut Self::Item) -> &mut Vec<SegmentPermission>;
}

/// `the segment "Georgia"`.
pub(crate) fn called<T: InList>(name: &str) -> String {
    format!("the {} {name:?}", T::WORDS.one)
}

fn may_view<T: Permitted>(caller: &Caller, item: &T::Item) -> bool {
    caller.account.config.can_view(&caller.user, T::permissions(item))
}

fn may_edit<T: Permitted>(caller: &Caller, item: &T::Item) -> Result<(), ApiError> {
    if caller.account.config.can_edit(&caller.user, T::permissions(item)) {
        return Ok(());
    }
    Err(ApiError::MayNotOn { right: "CanEdit", what: called::<T>(T::item_name(item)) })
}

/// Who made a thing may see and edit it, by the groups that let them make it. To execute it is for others to allow: otherwise
/// whoever may make a segment could export everybody.
fn made<T: Permitted>(caller: &Caller, item: &mut T::Item) {
    let groups = caller.account.config.source.user_groups.iter();
    let makers = groups.filter(|g| {
        g.permissions.get(&Area::Segments).is_some_and(|level| *level >= Level::Edit)
            && caller.user.user_groups.iter().any(|name| fold(name) == fold(&g.name))
    });
    let makers: Vec<_> = makers.map(|g| g.name.clone()).collect();
    if !caller.is_administrator() {
        T::permissions_mut(item).extend(makers.into_iter().map(|user_group| SegmentPermission {
            user_group,
            can_view: true,
            can_edit: true,
            can_execute: false,
        }));
    }
}

/// The account's segments.
pub(crate) enum Segments {}

impl Permitted for Segments {
    fn permissions(item: &model::Segment) -> &Vec<SegmentPermission> {
        &item.permissions
    }
    fn permissions_mut(item: &mut model::Segment) -> &mut Vec<SegmentPermission> {
        &mut item.permissions
    }
}

impl InList for Segments {
    const WORDS: Words = Words {
        kind: Kind::Segments,
        one: "segment",
        a: "a segment",
        many: "segments",
        operation: ("Segment", "Segments"),
        list: "Segments",
        name: "Name",
        number: None,
        example: "Georgia newsletter",
        parameter: "segmentName",
        all: "/Segments",
        make: "/Segments",
        at: "/Segments",
        change: "/Segments",
    };
    type View = ViewSegments;
    type Edit = EditSegments;
    type Wire = ConfiguredSegment;
    type Item = model::Segment;

    fn list(c: &Configuration) -> &Vec<model::Segment> {
        &c.segments
    }
    fn list_mut(c: &mut Configuration) -> &mut Vec<model::Segment> {
        &mut c.segments
    }
    fn item_name(item: &model::Segment) -> &str {
        &item.name
    }
    fn show_item(item: &model::Segment, account: &Account) -> ConfiguredSegment {
        ConfiguredSegment {
            name: item.name.clone(),
            description: item.description.clone(),
            profiles: item.profiles,
            criteria: item.criteria.clone(),
            output: item.output.into(),
            edited: edited(account.ledger.entry(Kind::Segments, &item.name)),
        }
    }
    fn wire_name(wire: &ConfiguredSegment) -> &str {
        &wire.name
    }
    fn take(wire: ConfiguredSegment, former: Option<&model::Segment>) -> model::Segment {
        model::Segment {
            name: wire.name,
            description: wire.description,
            profiles: wire.profiles,
            criteria: wire.criteria,
            output: wire.output.into(),
            permissions: former.map(|f| f.permissions.clone()).unwrap_or_default(),
        }
    }
    fn may_view_item(caller: &Caller, item: &model::Segment) -> bool {
        may_view::<Self>(caller, item)
    }
    fn may_edit_item(caller: &Caller, item: &model::Segment) -> Result<(), ApiError> {
        may_edit::<Self>(caller, item)
    }
    fn made_item(caller: &Caller, item: &mut model::Segment) {
        made::<Self>(caller, item);
    }
}

/// The account's segment groups.
pub(crate) enum SegmentGroups {}

impl Permitted for SegmentGroups {
    fn permissions(item: &model::SegmentGroup) -> &Vec<SegmentPermission> {
        &item.permissions
    }
    fn permissions_mut(item: &mut model::SegmentGroup) -> &mut Vec<SegmentPermission> {
        &mut item.permissions
    }
}

impl InList for SegmentGroups {
    const WORDS: Words = Words {
        kind: Kind::SegmentGroups,
        one: "segment group",
        a: "a segment group",
        many: "segment groups",
        operation: ("SegmentGroup", "SegmentGroups"),
        list: "SegmentGroups",
        name: "Name",
        number: None,
        example: "Georgia reachable",
        parameter: "segmentGroupName",
        all: "/SegmentGroups",
        make: "/SegmentGroups",
        at: "/SegmentGroups",
        change: "/SegmentGroups",
    };
    type View = ViewSegments;
    type Edit = EditSegments;
    type Wire = ConfiguredSegmentGroup;
    type Item = model::SegmentGroup;

    fn list(c: &Configuration) -> &Vec<model::SegmentGroup> {
        &c.segment_groups
    }
    fn list_mut(c: &mut Configuration) -> &mut Vec<model::SegmentGroup> {
        &mut c.segment_groups
    }
    fn item_name(item: &model::SegmentGroup) -> &str {
        &item.name
    }
    fn show_item(item: &model::SegmentGroup, account: &Account) -> ConfiguredSegmentGroup {
        let member = |m: &model::Member| SegmentGroupMember { segment: m.segment.clone(), operator: m.operator };
        ConfiguredSegmentGroup {
            name: item.name.clone(),
            description: item.description.clone(),
            members: item.members.iter().map(member).collect(),
            output: item.output.into(),
            edited: edited(account.ledger.entry(Kind::SegmentGroups, &item.name)),
        }
    }
    fn wire_name(wire: &ConfiguredSegmentGroup) -> &str {
        &wire.name
    }
    fn take(wire: ConfiguredSegmentGroup, former: Option<&model::SegmentGroup>) -> model::SegmentGroup {
        let member = |m: SegmentGroupMember| model::Member { segment: m.segment, operator: m.operator };
        model::SegmentGroup {
            name: wire.name,
            description: wire.description,
            members: wire.members.into_iter().map(member).collect(),
            output: wire.output.into(),
            permissions: former.map(|f| f.permissions.clone()).unwrap_or_default(),
        }
    }
    fn may_view_item(caller: &Caller, item: &model::SegmentGroup) -> bool {
        may_view::<Self>(caller, item)
    }
    fn may_edit_item(caller: &Caller, item: &model::SegmentGroup) -> Result<(), ApiError> {
        may_edit::<Self>(caller, item)
    }
    /// CanExecute on every member whenever the members change (access.md): otherwise a group would be a way around a segment's
    /// permission, since another operator or one member less gives out others as well. One that the caller may not know of is
    /// answered as one that isn't there.
    fn may_save_item(
        caller: &Caller,
        former: Option<&model::SegmentGroup>,
        wire: &ConfiguredSegmentGroup,
    ) -> Result<(), ApiError> {
        let config: &Config = &caller.account.config;
        let members = || former.into_iter().flat_map(|f| &f.members);
        let same = |(m, (was, is)): (usize, (&model::Member, &SegmentGroupMember))| {
            fold(&was.segment) == fold(&is.segment) && (m == 0 || was.operator == is.operator)
        };
        if members().count() == wire.members.len() && members().zip(&wire.members).enumerate().all(same) {
            return Ok(());
        }
        for (m, member) in wire.members.iter().enumerate() {
            let segment = config.segment(&member.segment);
            let executes = |s: &model::Segment| config.can_execute(&caller.user, &s.permissions);
            let was_member = |s: &model::Segment| members().any(|m| fold(&m.segment) == fold(&s.name));
            match segment.filter(|s| executes(s) || may_view::<Segments>(caller, s) || was_member(s)) {
                Some(segment) if executes(segment) => {}
                Some(segment) => return Err(ApiError::MayNotExecute(called::<Segments>(&segment.name))),
                None => {
                    let why = format!("{} is no segment of this account", shown(&member.segment));
                    return Err(Refusal::invalid(format!("Members[{m}].Segment"), why).into());
                }
            }
        }
        Ok(())
    }
    fn made_item(caller: &Caller, item: &mut model::SegmentGroup) {
        made::<Self>(caller, item);
    }
}

/// Their calls.
pub(crate) fn add(router: OpenApiRouter<App>) -> OpenApiRouter<App> {
    let router = Calls::<Segments>::read(router).create().replace_and_remove().beside("Preview").permissions().done();
    Calls::<SegmentGroups>::read(router).create().replace_and_remove().permissions().done()
}
