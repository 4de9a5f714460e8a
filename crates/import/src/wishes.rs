//! What a record asks for: by what it is matched, and whether its sender may (docs/import.md, Matching and Permissions).

use sayso_model::{
    change::Part,
    config::{Area, Config, Level, Rights, User},
    id::fold,
    input::{ProfileInput, SentId},
    refusal::{Refusal, Why},
};
use sayso_store::imports::{By, Wish};

use crate::job::{Action, Terms};

/// The longest reason for a deletion (profile.md: ReasonCode(256)).
const MAX_REASON: usize = 256;

/// What somebody may do with records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct May {
    /// Stage and execute imports.
    pub import: bool,
    profiles: bool,
    preferences: bool,
    consents: bool,
}

impl May {
    /// What a user's groups permit.
    pub fn of(config: &Config, user: &User) -> Self {
        let rights = Rights::of(&config.source, user.user_groups.iter().map(String::as_str));
        let edit = |area| rights.level(area) >= Level::Edit;
        Self {
            import: edit(Area::Imports),
            profiles: edit(Area::Profiles),
            preferences: edit(Area::Preferences),
            consents: edit(Area::Consents),
        }
    }
}

/// What a record is matched by.
pub(crate) fn by(input: &ProfileInput, terms: &Terms) -> Result<By, Refusal> {
    let Some(kind) = &terms.match_type else {
        return match input.profile_id {
            SentId::None => Ok(By::Nothing),
            SentId::Id(id) => Ok(By::Id(id)),
            SentId::Other => {
                Err(Refusal::invalid("ProfileId", "is no whole number from 1 on; leave it out for a new profile"))
            }
        };
    };
    let ids = input.alternate_ids.iter().flatten().enumerate();
    let mut ids = ids.filter(|(_, a)| a.alternate_id_type.as_deref().is_some_and(|k| fold(k) == fold(kind)));
    match (ids.next(), ids.next()) {
        (None, _) => {
            Err(Refusal::invalid("AlternateIds", format!("has none of the type {kind}, by which this import matches")))
        }
        (Some(_), Some((i, _))) => Err(Refusal::invalid(
            format!("AlternateIds[{i}]"),
            format!(
                "is a second one of the type {kind}, by which this import matches: which of them is meant can't be known"
            ),
        )),
        (Some((i, id)), None) => match id.alternate_id.as_deref().filter(|id| !id.trim().is_empty()) {
            Some(id) => Ok(By::AlternateId { kind: kind.clone(), id: id.to_owned() }),
            None => Err(Refusal::invalid(
                format!("AlternateIds[{i}].AlternateId"),
                "is required: this import matches by it",
            )),
        },
    }
}

/// Whether a record of such an import that matches nobody makes a new profile.
pub(crate) fn makes_new(terms: &Terms, may: May) -> bool {
    terms.action == Action::Add && may.profiles
}

/// What a record asks for, as far as its sender may.
pub(crate) fn wish(mut input: ProfileInput, terms: &Terms, may: May) -> Wish {
    let by = match by(&input, terms) {
        Ok(by) => by,
        Err(refusal) => return Wish::Refused(refusal),
    };
    match terms.action {
        Action::Delete if by == By::Nothing => {
            Wish::Refused(Refusal::invalid("ProfileId", "is required: the record says by it which profile is deleted"))
        }
        Action::Delete if may.profiles => {
            Wish::Delete(by, terms.name.as_ref().map(|name| name.chars().take(MAX_REASON).collect()))
        }
        Action::Add if may.profiles => Wish::Put(by, Box::new(input)),
        Action::Delete => Wish::Refused(missing("Profiles")),
        Action::Add => {
            // The alternate id that it is found by isn't something that it changes.
            if terms.match_type.is_some() && input.alternate_ids.as_ref().is_some_and(|ids| ids.len() == 1) {
                input.alternate_ids = None;
            }
            let part = match (may.preferences, may.consents) {
                _ if terms.manner.refresh.is_any() || by == By::Nothing => None,
                (true, _) if Part::Preferences.is_all_of(&input) => Some(Part::Preferences),
                (_, true) if Part::Consents.is_all_of(&input) => Some(Part::Consents),
                _ => None,
            };
            match part {
                Some(part) => Wish::Part(by, part, Box::new(input)),
                None => Wish::Refused(missing("Profiles")),
            }
        }
    }
}

fn missing(area: &str) -> Refusal {
    let why = format!(
        "the permission {area} (Edit) is missing; an administrator of the account gives it to one of your user groups"
    );
    Refusal::new(Why::Invalid, "", why)
}
