//! What the trail tells of a change of the configuration, by kind of thing, with the names of what changed: of each the first digits of a
//! digest of its new definition, and in words what decides over access. The former state stands in an earlier record, or is what the account was made with.
//!
//! Nothing of that is ever left out: what is too long for one record goes on in the next. Names stand in quotes, so that none can pass for
//! something else that is told. Of criteria it tells only whether there are any: the values in them may be somebody's data.

use sayso_model::config::{
    Changed, Configuration, Filter, How, Kind, Operator, Program, Segment, SegmentGroup, SegmentPermission, User,
    UserGroup,
};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{Action, Entry, Origin, entry::LONGEST, line::hex};

/// Bytes of a digest that are told: more than anybody finds another definition for by chance, and still read at a glance.
const DIGEST: usize = 8;

/// The records of a change from `former` to `new`.
pub(crate) fn changes(former: &Configuration, new: &Configuration, changed: &[Changed], origin: &Origin) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut add = |kind: &str, told: Vec<String>| {
        entries.extend(together(told).into_iter().map(|detail| Entry {
            subject: Some(kind.to_owned()),
            detail: Some(detail),
            ..Entry::new(Action::ConfigurationChanged, origin.clone())
        }));
    };
    for of_one_kind in changed.chunk_by(|a, b| a.kind == b.kind) {
        let Some(first) = of_one_kind.first() else { continue };
        add(&format!("{:?}", first.kind), of_one_kind.iter().flat_map(|one| told(one, new)).collect());
    }
    match settings(former, new) {
        // All that is left is where things stand in their lists.
        settings if settings.is_empty() && changed.is_empty() => add("Settings", vec!["another order".to_owned()]),
        settings => add("Settings", settings),
    }
    entries
}

/// What the account has one of.
fn settings(former: &Configuration, new: &Configuration) -> Vec<String> {
    // Each by its name, so that a new one can't be left out here: lists are told of by the ledger's kinds, settings below.
    let Configuration {
        default_locale,
        implied_preferences,
        signed_header_minutes,
        email_types: _,
        phone_types: _,
        address_types: _,
        customer_types: _,
        alternate_id_types: _,
        group_types: _,
        picklists: _,
        custom_fields: _,
        consent_types: _,
        program_groups: _,
        programs: _,
        source_groups: _,
        user_groups: _,
        users: _,
        segments: _,
        segment_groups: _,
    } = new;
    let locale = |locale: &Option<String>| locale.as_deref().map_or("nothing".to_owned(), quoted);
    let minutes = |minutes: Option<u32>| minutes.map_or("nothing".to_owned(), |n| n.to_string());
    let settings = [
        ("DefaultLocale", locale(&former.default_locale), locale(default_locale)),
        ("ImpliedPreferences", former.implied_preferences.to_string(), implied_preferences.to_string()),
        ("SignedHeaderMinutes", minutes(former.signed_header_minutes), minutes(*signed_header_minutes)),
    ];
    let differ = settings.into_iter().filter(|(_, was, is)| was != is);
    differ.map(|(name, was, is)| format!("{name} from {was} to {is}")).collect()
}

/// Joined as long as they fit into a record; one that is longer by itself has one of its own.
fn together(told: Vec<String>) -> Vec<String> {
    let mut records: Vec<(usize, String)> = Vec::new();
    for one in told {
        let length = one.chars().count();
        match records.last_mut() {
            Some((so_far, record)) if *so_far + 2 + length <= LONGEST => {
                *so_far += 2 + length;
                record.push_str("; ");
                record.push_str(&one);
            }
            _ => records.push((length, one)),
        }
    }
    records.into_iter().map(|(_, record)| record).collect()
}

/// What is told of one thing: in several parts where one record can't hold it.
fn told(changed: &Changed, new: &Configuration) -> Vec<String> {
    let Changed { kind, name, how } = changed;
    let told = match how {
        How::Added => format!("added {name:?}"),
        How::Changed => format!("changed {name:?}"),
        How::Renamed(from) => format!("renamed {from:?} to {name:?}"),
        How::Removed => return vec![format!("removed {name:?}")],
    };
    let Some(state) = State::of(*kind, name, new) else { return vec![told] };
    let told = format!("{told} as {}", state.digest);
    // The room beside a part's number and the brackets.
    let room = LONGEST.saturating_sub(told.chars().count() + ", part 1000000 of 1000000 ()".len());
    let mut parts: Vec<(usize, String)> = Vec::new();
    for (separator, word) in state.words {
        let length = separator.len() + word.chars().count();
        match parts.last_mut() {
            Some((so_far, part)) if *so_far + length <= room => {
                *so_far += length;
                part.push_str(separator);
                part.push_str(&word);
            }
            _ => parts.push((length, word)),
        }
    }
    match &parts[..] {
        [] => vec![told],
        [(_, all)] => vec![format!("{told} ({all})")],
        parts => {
            let numbered = (1..).zip(parts);
            numbered.map(|(n, (_, part))| format!("{told}, part {n} of {} ({part})", parts.len())).collect()
        }
    }
}

/// A thing as it is now.
struct State {
    /// Of its definition, as `sayso account show --json` has it without spaces.
    digest: String,
    /// What decides over access, each with what stands before it where it isn't the first.
    words: Vec<(&'static str, String)>,
}

impl State {
    fn of(kind: Kind, name: &str, new: &Configuration) -> Option<Self> {
        match kind {
            Kind::EmailTypes => find(&new.email_types, |t| t.type_name == name, |_| Vec::new()),
            Kind::PhoneTypes => find(&new.phone_types, |t| t.type_name == name, |_| Vec::new()),
            Kind::AddressTypes => find(&new.address_types, |t| t.type_name == name, |_| Vec::new()),
            Kind::CustomerTypes => find(&new.customer_types, |t| t.type_name == name, |_| Vec::new()),
            Kind::AlternateIdTypes => find(&new.alternate_id_types, |t| t.type_name == name, |_| Vec::new()),
            Kind::GroupTypes => find(&new.group_types, |t| t.type_name == name, |_| Vec::new()),
            Kind::Picklists => find(&new.picklists, |list| list.name == name, |_| Vec::new()),
            Kind::CustomFields => find(&new.custom_fields, |field| field.name == name, |_| Vec::new()),
            Kind::ConsentTypes => find(&new.consent_types, |t| t.type_name == name, |_| Vec::new()),
            Kind::ProgramGroups => find(&new.program_groups, |group| group.id == name, |_| Vec::new()),
            Kind::Programs => find(&new.programs, |program| program.id == name, |_| Vec::new()),
            Kind::Filters => {
                let in_program = |p: &Program| {
                    let of = |_: &Filter| vec![("", format!("of program {:?}", p.id))];
                    find(&p.filters, |filter| filter.id == name, of)
                };
                new.programs.iter().find_map(in_program)
            }
            Kind::SourceGroups => find(&new.source_groups, |group| group.name == name, |_| Vec::new()),
            Kind::UserGroups => find(&new.user_groups, |group| group.name == name, of_user_group),
            Kind::Users => find(&new.users, |user| user.user_id == name, of_user),
            Kind::Segments => find(&new.segments, |segment| segment.name == name, of_segment),
            Kind::SegmentGroups => find(&new.segment_groups, |group| group.name == name, of_segment_group),
        }
    }
}

fn find<T: Serialize>(
    all: &[T],
    is: impl Fn(&T) -> bool,
    words: impl Fn(&T) -> Vec<(&'static str, String)>,
) -> Option<State> {
    let thing = all.iter().find(|thing| is(thing))?;
    // What can't be written as JSON could not be kept either.
    let digest = Sha256::digest(serde_json::to_vec(thing).unwrap_or_default());
    Some(State { digest: hex(digest.get(..DIGEST).unwrap_or_default()), words: words(thing) })
}

// In what follows each member is named, so that a new one can't decide over access unseen.

fn of_user(user: &User) -> Vec<(&'static str, String)> {
    let User { user_id: _, name: _, is_active, user_groups, source_group } = user;
    let is = if *is_active { "active in " } else { "switched off in " };
    let mut words: Vec<_> = match &user_groups[..] {
        [] => vec![("", format!("{is}no group"))],
        [first, others @ ..] => {
            let others = others.iter().map(|group| (", ", quoted(group)));
            std::iter::once(("", format!("{is}{first:?}"))).chain(others).collect()
        }
    };
    words.extend(source_group.as_ref().map(|group| ("; ", format!("source group {group:?}"))));
    words
}

fn of_user_group(group: &UserGroup) -> Vec<(&'static str, String)> {
    let UserGroup { name: _, description: _, permissions } = group;
    permissions.iter().map(|(area, level)| (", ", format!("{area:?} {level:?}"))).collect()
}

fn of_segment(segment: &Segment) -> Vec<(&'static str, String)> {
    let Segment { name: _, description: _, profiles, criteria, output: _, permissions } = segment;
    let has_some = criteria.as_ref().is_some_and(|criteria| !criteria.is_null());
    let criteria = if has_some { "by criteria" } else { "without criteria" };
    std::iter::once(("", format!("of {profiles:?} {criteria}"))).chain(rights(permissions)).collect()
}

fn of_segment_group(group: &SegmentGroup) -> Vec<(&'static str, String)> {
    let SegmentGroup { name: _, description: _, members, output: _, permissions } = group;
    let members = members.iter().map(|member| {
        let operator = match member.operator {
            Operator::And => " AND ",
            Operator::Or => " OR ",
            Operator::Except => " EXCEPT ",
        };
        (operator, quoted(&member.segment))
    });
    members.chain(rights(permissions)).collect()
}

fn rights(permissions: &[SegmentPermission]) -> impl Iterator<Item = (&'static str, String)> {
    permissions.iter().map(|permission| {
        let SegmentPermission { user_group, can_view, can_edit, can_execute } = permission;
        let rights = [(can_view, "CanView"), (can_edit, "CanEdit"), (can_execute, "CanExecute")];
        let rights: Vec<&str> = rights.into_iter().filter(|(has, _)| **has).map(|(_, name)| name).collect();
        (", ", format!("{user_group:?}: {}", if rights.is_empty() { "nothing".to_owned() } else { rights.join(" ") }))
    })
}

fn quoted(name: impl AsRef<str>) -> String {
    format!("{:?}", name.as_ref())
}
