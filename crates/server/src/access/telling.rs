//! How the refusals of a change of the configuration are told to whoever asked for it: of segments that they may not view, that one is in
//! the way and not which, nor what it asks for; of a new name, that it is one.

use sayso_model::{
    config::{Area, Kind, Level, Renamed, SegmentPermission},
    refusal::{Refusal, Why},
};
use sayso_store::{StoreError, account::Edit};

use super::Caller;

/// Whether a caller may know of what carries these permissions.
pub(crate) fn may_view_segment(caller: &Caller, permissions: &[SegmentPermission]) -> bool {
    caller.level(Area::Segments) >= Level::View && caller.account.config.can_view(&caller.user, permissions)
}

/// What is known of the caller and the change when it was tried.
pub(super) struct Telling {
    /// Whether the caller may view each segment, as the change has them.
    segments: Vec<bool>,
    groups: Vec<bool>,
    renamed: Option<Renamed>,
}

impl Telling {
    pub(super) fn of(caller: &Caller, edit: &Edit) -> Self {
        let c = &edit.configuration;
        Self {
            segments: c.segments.iter().map(|s| may_view_segment(caller, &s.permissions)).collect(),
            groups: c.segment_groups.iter().map(|g| may_view_segment(caller, &g.permissions)).collect(),
            renamed: edit.renamed.clone(),
        }
    }

    pub(super) fn tell(&self, error: StoreError) -> StoreError {
        let StoreError::RefusedAll(refusals) = error else { return error };
        let mut told: Vec<Refusal> = Vec::with_capacity(refusals.len());
        for refusal in refusals.into_iter().map(|refusal| self.told(refusal)) {
            if !told.contains(&refusal) {
                told.push(refusal);
            }
        }
        StoreError::RefusedAll(told)
    }

    fn told(&self, refusal: Refusal) -> Refusal {
        let hides = |list: &str, views: &[bool]| {
            let (i, _) = refusal.path.strip_prefix(list)?.split_once(']')?;
            Some(!views.get(i.parse::<usize>().ok()?)?)
        };
        let what = match (hides("Segments[", &self.segments), hides("SegmentGroups[", &self.groups)) {
            (Some(true), _) => "a segment",
            (_, Some(true)) => "a segment group",
            _ => return self.of_new_name(refusal),
        };
        let why = format!("{what} that you may not view stands in the way; have it changed first by somebody who may");
        Refusal::new(refusal.why, "", why)
    }

    /// A name that profiles carry stands in the list as one that would go: it goes since another takes its place.
    fn of_new_name(&self, refusal: Refusal) -> Refusal {
        let Some(Renamed { kind, from, to }) = &self.renamed else { return refusal };
        let (member, retire) = match kind {
            Kind::EmailTypes | Kind::PhoneTypes | Kind::AddressTypes | Kind::CustomerTypes => ("TypeName", true),
            Kind::AlternateIdTypes | Kind::GroupTypes | Kind::ConsentTypes => ("TypeName", true),
            Kind::CustomFields => ("Name", true),
            Kind::Programs => ("ID", false),
            Kind::Filters => ("ID", true),
            _ => return refusal,
        };
        if refusal.why != Why::Conflict || refusal.path != format!("{kind:?}") {
            return refusal;
        }
        let retire = if retire { ", and set IsActive of this one to false" } else { "" };
        let why = format!("profiles carry {from}, so it can't be renamed to {to}; make {to} beside it{retire}");
        Refusal::conflict(member, why)
    }
}
