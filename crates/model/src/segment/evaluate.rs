//! The exact evaluator: slow, obvious, and right.

use super::{Criterion, Element, FieldKind, FieldLeaf, Seen, Thing};
use crate::{
    config::{CustomFieldKind, Population},
    id::fold,
    moment::{Choice, Moment, parse_customer_date},
    profile::{Profile, Tombstone},
};

/// Whether a live profile meets the criterion at `at`. The profile is given as it reads at `at`, with archived and implied
/// preferences merged where the criterion asks for them: [`crate::reading::read`] with [`Criterion::reading`].
pub fn matches(criterion: &Criterion, profile: &Profile, at: Moment) -> bool {
    match criterion {
        Criterion::All(parts) => parts.iter().all(|c| matches(c, profile, at)),
        Criterion::Any(parts) => parts.iter().any(|c| matches(c, profile, at)),
        Criterion::Not(part) => !matches(part, profile, at),
        Criterion::Population(population) => match population {
            Population::Active => profile.is_active,
            Population::Inactive => !profile.is_active,
            Population::All => true,
            Population::Deleted => false,
        },
        Criterion::Element(element, conditions) => {
            element.any(profile, &mut |thing| conditions.iter().all(|c| c.holds(thing, at)))
        }
        Criterion::CustomField(leaf) => leaf.holds(profile, at),
    }
}

/// Whether a deleted profile meets the criterion.
pub fn matches_tombstone(criterion: &Criterion, tombstone: &Tombstone, at: Moment) -> bool {
    match criterion {
        Criterion::All(parts) => parts.iter().all(|c| matches_tombstone(c, tombstone, at)),
        Criterion::Any(parts) => parts.iter().any(|c| matches_tombstone(c, tombstone, at)),
        Criterion::Not(part) => !matches_tombstone(part, tombstone, at),
        Criterion::Population(population) => *population == Population::Deleted,
        Criterion::Element(Element::Deleted, conditions) => {
            conditions.iter().all(|c| c.holds(Thing::Deleted(tombstone), at))
        }
        Criterion::Element(..) | Criterion::CustomField(_) => false,
    }
}

impl FieldLeaf {
    fn holds(&self, profile: &Profile, at: Moment) -> bool {
        let value = profile.custom_fields.iter().find(|f| fold(&f.name) == self.name).and_then(|f| f.value.as_deref());
        match value.filter(|v| !v.is_empty()) {
            None => false,
            Some(value) => self.kind.read(value).iter().any(|seen| self.test.holds(seen, at)),
        }
    }
}

impl FieldKind {
    /// How a field with this definition is read.
    pub fn of(kind: &CustomFieldKind) -> Self {
        match kind {
            CustomFieldKind::Text { .. } => FieldKind::Text,
            CustomFieldKind::Numeric { .. } => FieldKind::Number,
            CustomFieldKind::DateTime {} => FieldKind::Date,
            CustomFieldKind::SelectList { .. } => FieldKind::Choices,
        }
    }
    /// What the text of a custom field says: one thing, or one for each choice.
    pub fn read(self, value: &str) -> Vec<Seen<'_>> {
        match self {
            FieldKind::Text => vec![Seen::text(value)],
            FieldKind::Choices => value.split("::").map(Seen::text).collect(),
            FieldKind::Number => vec![match value.trim().parse::<f64>() {
                Ok(number) if number.is_finite() => Seen::Number(number),
                _ => Seen::Unreadable,
            }],
            FieldKind::Date => {
                vec![parse_customer_date(value.trim(), Choice::In).map_or(Seen::Unreadable, Seen::Date)]
            }
        }
    }
}
