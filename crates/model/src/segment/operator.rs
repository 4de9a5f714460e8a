//! The comparisons: `Is`, `In`, `StartsWith`, `Contains`, `AtLeast`, `AtMost`, `Exists` (`IsNot` is not `Is`, `Between` is
//! `AtLeast` and `AtMost`).

use super::Seen;
use crate::moment::Moment;

/// One comparison, typed by what its member holds.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum Test {
    /// There is something.
    Exists,
    Text(TextTest),
    Flag(bool),
    Number(NumberTest),
    Date(DateTest),
    /// Not: on the same element, within a bound leaf.
    Not(Box<Test>),
}

/// A comparison of text. Operands are folded; those of `StartsWith` and `Contains` keep their outer spaces.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum TextTest {
    /// Sorted; `Is` is one of one.
    In(Vec<String>),
    StartsWith(String),
    Contains(String),
    AtLeast(String),
    AtMost(String),
}

/// A comparison of numbers.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum NumberTest {
    In(Vec<f64>),
    AtLeast(f64),
    AtMost(f64),
}

/// A comparison of dates.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum DateTest {
    In(Vec<When>),
    AtLeast(When),
    AtMost(When),
}

/// A date in a definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// A fixed one.
    At(Moment),
    /// So many milliseconds before the snapshot.
    Ago(i64),
}

impl When {
    /// The moment it means at `at`.
    pub fn resolve(self, at: Moment) -> Moment {
        match self {
            When::At(moment) => moment,
            When::Ago(ms) => Moment(at.0.saturating_sub(ms)),
        }
    }
}

impl Test {
    /// Whether what is seen passes at `at`. A comparison with an absent value is false.
    pub fn holds(&self, seen: &Seen<'_>, at: Moment) -> bool {
        match (self, seen) {
            (Test::Not(test), _) => !test.holds(seen, at),
            (Test::Exists, _) => *seen != Seen::Absent,
            (Test::Text(test), Seen::Text(text)) => test.holds(text),
            (Test::Flag(expected), Seen::Flag(flag)) => expected == flag,
            (Test::Number(test), Seen::Number(number)) => test.holds(*number),
            (Test::Date(test), Seen::Date(date)) => test.holds(*date, at),
            _ => false,
        }
    }

    /// Whether something that is there, but isn't known here, decides it: `Exists` yes or no, nothing else.
    pub fn of_presence(&self) -> Option<bool> {
        match self {
            Test::Exists => Some(true),
            Test::Not(test) => test.of_presence().map(|yes| !yes),
            _ => None,
        }
    }
}

impl TextTest {
    fn holds(&self, text: &str) -> bool {
        match self {
            TextTest::In(texts) => texts.binary_search_by(|t| t.as_str().cmp(text)).is_ok(),
            TextTest::StartsWith(start) => text.starts_with(start.as_str()),
            TextTest::Contains(part) => text.contains(part.as_str()),
            TextTest::AtLeast(low) => text >= low.as_str(),
            TextTest::AtMost(high) => text <= high.as_str(),
        }
    }
}

impl NumberTest {
    fn holds(&self, number: f64) -> bool {
        match self {
            NumberTest::In(numbers) => numbers.contains(&number),
            NumberTest::AtLeast(low) => number >= *low,
            NumberTest::AtMost(high) => number <= *high,
        }
    }
}

impl DateTest {
    fn holds(&self, date: Moment, at: Moment) -> bool {
        match self {
            DateTest::In(dates) => dates.iter().any(|d| d.resolve(at) == date),
            DateTest::AtLeast(low) => date >= low.resolve(at),
            DateTest::AtMost(high) => date <= high.resolve(at),
        }
    }
}
