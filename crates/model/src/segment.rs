//! The segment language (configuration.md, Segments): definition → checked [`Criterion`], and the exact evaluator over the
//! typed profile, which is the oracle for everything faster.
//!
//! Everything that a profile is compared by stands in one table ([`Member`]): the standard members that a `Field` names, and
//! what a preference or consent leaf asks. A leaf is a list of conditions that **one** element must meet, whatever the kind
//! of element; so the evaluator here and the predicate over [`crate::facts`] know a single rule each.

mod evaluate;
mod member;
mod operator;
mod parse;
#[cfg(test)]
mod tests;

pub use evaluate::{matches, matches_tombstone};
pub(crate) use member::Held;
pub use member::{Element, Fact, Kind, Member, Seen, Thing};
pub use operator::{DateTest, NumberTest, Test, TextTest, When};
pub use parse::{MAX_DEPTH, MAX_PARTS, parse};

use crate::{
    config::{Output, Population},
    profile::{MatchType, PreferenceStatus},
};

/// A checked definition.
#[derive(Debug, Clone, PartialEq)]
pub enum Criterion {
    /// Every one; true when there is none.
    All(Vec<Criterion>),
    /// At least one; false when there is none.
    Any(Vec<Criterion>),
    /// The opposite.
    Not(Box<Criterion>),
    /// The profiles that a segment starts from. Not part of the language: a selection puts it in.
    Population(Population),
    /// One element of this kind meets all the conditions.
    Element(Element, Vec<Condition>),
    /// The value, or one of the choices, of a custom field.
    CustomField(FieldLeaf),
}

/// What is asked of one element.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// A comparison of one of its members.
    Member(&'static Member, Test),
    /// The preference has an attribute with this key and, if one is given, this value (both folded).
    #[allow(missing_docs)]
    Attribute { key: String, value: Option<String> },
}

/// A comparison of a custom field.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldLeaf {
    /// The field's name, folded.
    pub name: String,
    /// What its definition says that it holds.
    pub kind: FieldKind,
    /// True when the value, or one of the choices, passes.
    pub test: Test,
}

/// How the text of a custom field is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum FieldKind {
    Text,
    Number,
    Date,
    /// Choices joined by `::`.
    Choices,
}

impl Criterion {
    /// What [`matches()`] needs to see of a profile: pass it to [`crate::reading::read`] (archived and implied preferences are
    /// merged only where a leaf asks for them).
    pub fn reading(&self) -> Output {
        let mut output = Output::default();
        self.each_element(&mut |conditions| {
            output.archived |= asks_archived(conditions);
            output.implied |= asks_implied(conditions);
        });
        output
    }

    fn each_element(&self, f: &mut dyn FnMut(&[Condition])) {
        match self {
            Criterion::All(parts) | Criterion::Any(parts) => parts.iter().for_each(|p| p.each_element(f)),
            Criterion::Not(part) => part.each_element(f),
            Criterion::Element(_, conditions) => f(conditions),
            Criterion::Population(_) | Criterion::CustomField(_) => {}
        }
    }
}

/// Whether a preference with these conditions may be an archived one.
pub(crate) fn asks_archived(conditions: &[Condition]) -> bool {
    asks_word(conditions, "PreferenceStatus", PreferenceStatus::Archived.word())
}

/// Whether a preference with these conditions may be an implied one.
pub(crate) fn asks_implied(conditions: &[Condition]) -> bool {
    asks_word(conditions, "MatchType", MatchType::Implied.word())
}

fn asks_word(conditions: &[Condition], member: &str, word: &str) -> bool {
    conditions.iter().any(|c| {
        matches!(c, Condition::Member(m, Test::Text(TextTest::In(words)))
            if m.element == Element::Preference && m.name == member && words.iter().any(|w| w.eq_ignore_ascii_case(word)))
    })
}
