//! What an export selects: a segment or segment group with its output settings, and the conditions of Initiate. It is copied
//! into the job, so that later edits of the segment don't touch it (export.md).

#[cfg(test)]
mod tests;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::{
    config::{Config, Operator, Output, Population, Segment, TypeKind},
    id::fold,
    moment::Moment,
    normal,
    profile::{Profile, Tombstone},
    refusal::{Refusal, shown},
    segment::{self, Criterion},
};

/// The most values that an export may be matched with (export.md, Initiate).
pub const MAX_VALUES: usize = 100_000;

/// What was selected, as the configuration had it at Initiate. Serialisable, so that a job survives a restart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Selection {
    /// The members with their operators; a plain segment is a group of one.
    pub members: Vec<(Operator, Segment)>,
    /// The output settings: the segment's, or the group's own.
    pub output: Output,
}

impl Selection {
    /// The selection of a segment, by name without regard to case.
    pub fn of_segment(config: &Config, name: &str) -> Option<Selection> {
        let segment = config.segment(name)?;
        Some(Selection { members: vec![(Operator::And, segment.clone())], output: segment.output })
    }
    /// The selection of a segment group. A member that isn't there is left out (a checked configuration has none such).
    pub fn of_group(config: &Config, name: &str) -> Option<Selection> {
        let group = config.segment_group(name)?;
        let members = group.members.iter();
        let members = members.filter_map(|m| Some((m.operator, config.segment(&m.segment)?.clone()))).collect();
        Some(Selection { members, output: group.output })
    }
    /// Whether it is over deleted profiles (all members are, or none).
    pub fn over_deleted(&self) -> bool {
        self.members.first().is_some_and(|(_, s)| s.profiles == Population::Deleted)
    }
    /// The whole selection as one criterion: populations and members, folded left to right from the first, whose operator is
    /// ignored (configuration.md, segment groups). No member: no profile. Refused when a definition no longer fits the
    /// configuration, with the segment's name before the path.
    pub fn criterion(&self, config: &Config) -> Result<Criterion, Refusal> {
        let mut folded = None;
        for (operator, segment) in &self.members {
            let path = "Criteria";
            let criteria = segment::parse(segment.criteria.as_ref(), segment.profiles, config, path)
                .map_err(|r| Refusal { path: format!("{}: {}", segment.name, r.path), ..r })?;
            let member = Criterion::All(vec![Criterion::Population(segment.profiles), criteria]);
            folded = Some(match (folded, operator) {
                (None, _) => member,
                (Some(left), Operator::And) => Criterion::All(vec![left, member]),
                (Some(left), Operator::Or) => Criterion::Any(vec![left, member]),
                (Some(left), Operator::Except) => Criterion::All(vec![left, Criterion::Not(Box::new(member))]),
            });
        }
        Ok(folded.unwrap_or(Criterion::Any(Vec::new())))
    }
}

/// Which key `Values` are compared with (export.md, `MatchCriteria`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum MatchCriteria {
    ProfileId,
    AlternateId,
    EmailAddress,
    PhoneNumber,
}

/// The conditions of Initiate beside the segment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Conditions {
    /// Only profiles changed at or after this moment (as given; rounding is applied where it is compared).
    pub since: Option<Moment>,
    /// Only profiles that have one of these values.
    pub matching: Option<Matching>,
}

/// `MatchCriteria`, `MatchType` and `Values`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Matching {
    pub criteria: MatchCriteria,
    /// The type to match in, as configured.
    pub match_type: Option<String>,
    /// As the caller gave them.
    pub values: Vec<String>,
}

impl Matching {
    /// `MatchCriteria`, `MatchType` and `Values` of Initiate as the caller gave them (numbers among the values as text), checked
    /// (export.md, Initiate). `None` when nothing is to be matched. Refused: [`Why::Invalid`](crate::refusal::Why::Invalid) for a
    /// combination or value that can't be, [`Why::Unknown`](crate::refusal::Why::Unknown) for a type that the account hasn't.
    pub fn resolve(
        criteria: Option<&str>,
        match_type: Option<&str>,
        values: Option<Vec<String>>,
        over_deleted: bool,
        config: &Config,
    ) -> Result<Option<Matching>, Refusal> {
        // what says nothing is left out: every field is optional
        let match_type = match_type.filter(|name| !name.trim().is_empty());
        let Some(name) = criteria else {
            let lacks = |name: &'static str| Err(Refusal::invalid(name, format!("needs MatchCriteria: {ACCEPTED}")));
            return match (values, match_type) {
                (Some(_), _) => lacks("Values"),
                // Everybody would be exported to a caller who meant some.
                (None, Some(_)) => lacks("MatchType"),
                (None, None) => Ok(None),
            };
        };
        let Some(criteria) = MatchCriteria::ALL.into_iter().find(|c| c.word().eq_ignore_ascii_case(name.trim())) else {
            let why = format!("{} isn't known; accepted: {ACCEPTED}", shown(name));
            return Err(Refusal::invalid("MatchCriteria", why));
        };
        if over_deleted && criteria != MatchCriteria::ProfileId {
            let why = format!("{} isn't kept of deleted profiles; accepted: ProfileId", criteria.word());
            return Err(Refusal::invalid("MatchCriteria", why));
        }
        let match_type = criteria.checked_type(match_type, over_deleted, config)?;
        let values = criteria.checked_values(values)?;
        Ok(Some(Matching { criteria, match_type, values }))
    }

    /// Made once per export, so that comparing is one look-up however many values there are.
    pub fn prepare(&self) -> Matcher {
        let mut matcher = Matcher {
            criteria: self.criteria,
            match_type: self.match_type.as_deref().map(fold),
            ids: HashSet::new(),
            texts: HashSet::new(),
        };
        let values = self.values.iter().map(String::as_str);
        match self.criteria {
            MatchCriteria::ProfileId => matcher.ids = values.filter_map(|v| v.trim().parse().ok()).collect(),
            MatchCriteria::AlternateId => matcher.texts = values.map(fold).collect(),
            MatchCriteria::EmailAddress => matcher.texts = values.map(normal::email).collect(),
            // a value without a digit is no number: it must not match numbers without digits
            MatchCriteria::PhoneNumber => {
                matcher.texts = values.map(normal::digits).filter(|d| !d.is_empty()).collect();
            }
        }
        matcher
    }
}

const ACCEPTED: &str = "ProfileId, AlternateId, EmailAddress, PhoneNumber";

impl MatchCriteria {
    /// All of them.
    pub const ALL: [MatchCriteria; 4] =
        [MatchCriteria::ProfileId, MatchCriteria::AlternateId, MatchCriteria::EmailAddress, MatchCriteria::PhoneNumber];

    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            MatchCriteria::ProfileId => "ProfileId",
            MatchCriteria::AlternateId => "AlternateId",
            MatchCriteria::EmailAddress => "EmailAddress",
            MatchCriteria::PhoneNumber => "PhoneNumber",
        }
    }

    /// The kind of type that `MatchType` names.
    pub fn type_kind(self) -> TypeKind {
        match self {
            MatchCriteria::ProfileId => TypeKind::Customer,
            MatchCriteria::AlternateId => TypeKind::AlternateId,
            MatchCriteria::EmailAddress => TypeKind::Email,
            MatchCriteria::PhoneNumber => TypeKind::Phone,
        }
    }

    /// `MatchType` as configured.
    fn checked_type(self, name: Option<&str>, over_deleted: bool, config: &Config) -> Result<Option<String>, Refusal> {
        let kind = self.type_kind();
        let (what, types) = config.types(kind);
        let names = || types.iter().map(|t| t.type_name.as_str()).collect::<Vec<_>>().join(", ");
        match name.map(|name| (name, config.type_def(kind, name))) {
            None if self == MatchCriteria::AlternateId => {
                let why = format!("is required with AlternateId: the {what} to match in; the account has: {}", names());
                Err(Refusal::invalid("MatchType", why))
            }
            None => Ok(None),
            Some((name, None)) => {
                let why = format!("{} is no configured {what}; the account has: {}", shown(name), names());
                Err(Refusal::unknown("MatchType", why))
            }
            Some(_) if over_deleted => {
                Err(Refusal::invalid("MatchType", "the customer type of deleted profiles isn't kept; leave it out"))
            }
            Some((_, Some(def))) => Ok(Some(def.type_name.clone())),
        }
    }

    fn checked_values(self, values: Option<Vec<String>>) -> Result<Vec<String>, Refusal> {
        let values = values.unwrap_or_default();
        if values.is_empty() {
            let why = format!("is required with MatchCriteria: an array of 1 to {MAX_VALUES} strings or numbers");
            return Err(Refusal::invalid("Values", why));
        }
        if values.len() > MAX_VALUES {
            let why = format!("has {} values; at most {MAX_VALUES} are accepted in one export", values.len());
            return Err(Refusal::invalid("Values", why));
        }
        let malformed = |v: &&String| self == MatchCriteria::ProfileId && v.trim().parse::<u64>().is_err();
        if let Some((i, value)) = values.iter().enumerate().find(|(_, v)| malformed(v)) {
            let why = format!("{} is no ProfileId; whole numbers from 0 are accepted", shown(value));
            return Err(Refusal::invalid(format!("Values[{i}]"), why));
        }
        Ok(values)
    }
}

/// The values of a [`Matching`], normalised and hashed.
#[derive(Debug)]
pub struct Matcher {
    criteria: MatchCriteria,
    match_type: Option<String>,
    ids: HashSet<u64>,
    texts: HashSet<String>,
}

impl Matcher {
    /// The exact comparison with a live profile; look-ups in an index only find candidates for it.
    pub fn matches(&self, profile: &Profile) -> bool {
        match self.criteria {
            MatchCriteria::ProfileId => {
                self.ids.contains(&profile.profile_id.0)
                    && self.of_type(profile.customer_type.as_deref().unwrap_or_default())
            }
            MatchCriteria::AlternateId => (profile.alternate_ids.iter())
                .any(|a| self.of_type(&a.alternate_id_type) && self.texts.contains(&fold(&a.alternate_id))),
            MatchCriteria::EmailAddress => (profile.emails.iter())
                .any(|e| self.of_type(&e.email_address_type) && self.texts.contains(&normal::email(&e.email_address))),
            MatchCriteria::PhoneNumber => (profile.phone_numbers.iter())
                .any(|p| self.of_type(&p.phone_type) && self.texts.contains(&p.phone_number_numeric)),
        }
    }
    /// The same for a deleted one: by ProfileId only.
    pub fn matches_tombstone(&self, tombstone: &Tombstone) -> bool {
        self.criteria == MatchCriteria::ProfileId && self.ids.contains(&tombstone.profile_id.0)
    }

    fn of_type(&self, name: &str) -> bool {
        self.match_type.as_ref().is_none_or(|wanted| fold(name) == *wanted)
    }
}
