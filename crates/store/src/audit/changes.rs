//! What the trail tells of a change of the configuration: one record for each kind of thing, with the names of what changed. Of what decides
//! over access it tells the new state, too; the former one stands in an earlier record.

use sayso_model::config::{Changed, Configuration, How, Kind, SegmentPermission};

use super::{Action, Entry, Origin};

/// The records of a change from `former` to `new`.
pub(crate) fn changes(former: &Configuration, new: &Configuration, changed: &[Changed], origin: &Origin) -> Vec<Entry> {
    let mut entries = Vec::new();
    for of_one_kind in changed.chunk_by(|a, b| a.kind == b.kind) {
        let Some(first) = of_one_kind.first() else { continue };
        let told: Vec<String> = of_one_kind.iter().map(|one| told(one, new)).collect();
        entries.push(entry(format!("{:?}", first.kind), told.join("; "), origin));
    }
    let settings = [
        (former.default_locale != new.default_locale, "DefaultLocale"),
        (former.implied_preferences != new.implied_preferences, "ImpliedPreferences"),
    ];
    let settings: Vec<&str> = settings.into_iter().filter(|(differs, _)| *differs).map(|(_, name)| name).collect();
    if !settings.is_empty() || entries.is_empty() {
        // Another order of the same things is all that is left.
        let detail =
            if settings.is_empty() { "their order".to_owned() } else { format!("changed {}", settings.join(", ")) };
        entries.push(entry("Settings".to_owned(), detail, origin));
    }
    entries
}

fn entry(kind: String, detail: String, origin: &Origin) -> Entry {
    Entry { subject: Some(kind), ..Entry::new(Action::ConfigurationChanged, origin.clone()) }.detail(detail)
}

fn told(changed: &Changed, new: &Configuration) -> String {
    let Changed { kind, name, how } = changed;
    let told = match how {
        How::Added => format!("added {name}"),
        How::Changed => format!("changed {name}"),
        How::Renamed(from) => format!("renamed {from} to {name}"),
        How::Removed => return format!("removed {name}"),
    };
    let access = match kind {
        Kind::Users => new.users.iter().find(|user| user.user_id == *name).map(|user| {
            let groups = if user.user_groups.is_empty() { "no group".to_owned() } else { user.user_groups.join(", ") };
            format!("{} in {groups}", if user.is_active { "active" } else { "switched off" })
        }),
        Kind::UserGroups => new.user_groups.iter().find(|group| group.name == *name).map(|group| {
            let levels = group.permissions.iter().map(|(area, level)| format!("{area:?} {level:?}"));
            levels.collect::<Vec<_>>().join(", ")
        }),
        Kind::Segments => new.segments.iter().find(|s| s.name == *name).map(|s| permissions(&s.permissions)),
        Kind::SegmentGroups => new.segment_groups.iter().find(|g| g.name == *name).map(|g| permissions(&g.permissions)),
        _ => None,
    };
    match access.filter(|access| !access.is_empty()) {
        Some(access) => format!("{told} ({access})"),
        None => told,
    }
}

fn permissions(permissions: &[SegmentPermission]) -> String {
    let one = |p: &SegmentPermission| {
        let rights = [(p.can_view, "CanView"), (p.can_edit, "CanEdit"), (p.can_execute, "CanExecute")];
        let rights: Vec<&str> = rights.into_iter().filter(|(has, _)| *has).map(|(_, name)| name).collect();
        format!("{}: {}", p.user_group, rights.join(" "))
    };
    permissions.iter().map(one).collect::<Vec<_>>().join(", ")
}
