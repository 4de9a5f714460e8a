//! The data files, read once, each record with its weight.

use std::collections::HashMap;

use crate::{chance::Chance, words};

/// Things drawn as often as they weigh.
#[derive(Debug)]
pub(crate) struct Weighted<T> {
    items: Vec<T>,
    /// The sum of the weights up to and with each item: a draw is one binary search.
    sums: Vec<u32>,
}

impl<T> Weighted<T> {
    fn new(weighted: impl Iterator<Item = (T, u32)>) -> Self {
        let mut sum = 0;
        let (items, sums) = weighted
            .map(|(item, weight)| {
                sum += weight;
                (item, sum)
            })
            .unzip();
        Self { items, sums }
    }

    pub(crate) fn draw(&self, chance: &mut Chance) -> &T {
        let n = chance.below(self.sums.last().copied().unwrap_or(0));
        &self.items[self.sums.partition_point(|&sum| sum <= n)]
    }

    #[cfg(test)]
    pub(crate) fn items(&self) -> &[T] {
        &self.items
    }
}

/// A ZIP with its city and state.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) zip: &'static str,
    pub(crate) city: &'static str,
    pub(crate) state: &'static str,
    pub(crate) area_codes: Vec<&'static str>,
}

/// A name as the census writes it, and as its bearers may: Nunez, Núñez.
#[derive(Debug)]
pub(crate) struct Name {
    pub(crate) plain: &'static str,
    pub(crate) accented: Option<&'static str>,
    /// Whether the accented form is Spanish; its bearers are the likeliest readers of es_US.
    pub(crate) spanish: bool,
    /// For emails: `o'brien` → `obrien`.
    pub(crate) mailbox: String,
}

impl Name {
    fn new(plain: &'static str, accents: &HashMap<&str, (&'static str, bool)>) -> Self {
        let accented = accents.get(plain).copied();
        Self {
            plain,
            accented: accented.map(|(name, _)| name),
            spanish: accented.is_some_and(|(_, spanish)| spanish),
            mailbox: plain.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_lowercase()).collect(),
        }
    }
}

/// All tables.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) places: Weighted<Place>,
    pub(crate) last_names: Weighted<Name>,
    pub(crate) women: Weighted<Name>,
    pub(crate) men: Weighted<Name>,
    pub(crate) days: Days,
}

pub(crate) const PLACES: &str = include_str!("../data/places.tsv");
pub(crate) const LAST_NAMES: &str = include_str!("../data/last_names.tsv");
pub(crate) const FIRST_NAMES: &str = include_str!("../data/first_names.tsv");
pub(crate) const AREA_CODES: &str = include_str!("../data/area_codes.tsv");

/// The records of a file. What doesn't have `N` members is passed over; a test sees to it that there is no such line.
pub(crate) fn records<const N: usize>(file: &'static str) -> impl Iterator<Item = [&'static str; N]> {
    file.lines().filter_map(|line| {
        let mut members = line.split('\t');
        let record = [(); N].map(|()| members.next().unwrap_or(""));
        (members.next().is_none() && record.iter().all(|member| !member.is_empty())).then_some(record)
    })
}

fn weight(text: &str) -> u32 {
    text.parse().unwrap_or(0)
}

impl Tables {
    pub(crate) fn new() -> Self {
        let accents: HashMap<_, _> = (words::SPANISH.iter().map(|&(plain, accented)| (plain, (accented, true))))
            .chain(words::ACCENTED.iter().map(|&(plain, accented)| (plain, (accented, false))))
            .collect();
        let codes: HashMap<_, Vec<_>> =
            records(AREA_CODES).map(|[state, codes]| (state, codes.split(' ').collect())).collect();
        let first_names = |of: &'static str| {
            Weighted::new(
                records(FIRST_NAMES)
                    .filter(|&[_, sex, _]| sex == of)
                    .map(|[name, _, n]| (Name::new(name, &accents), weight(n))),
            )
        };
        Self {
            places: Weighted::new(records(PLACES).map(|[zip, city, state, people]| {
                let area_codes = codes.get(state).cloned().unwrap_or_default();
                (Place { zip, city, state, area_codes }, weight(people))
            })),
            last_names: Weighted::new(
                records(LAST_NAMES).map(|[name, bearers]| (Name::new(name, &accents), weight(bearers))),
            ),
            women: first_names("F"),
            men: first_names("M"),
            days: Days::new(),
        }
    }
}

/// Every day of the sample's years as text: looking one up is quicker than working one out.
#[derive(Debug)]
pub(crate) struct Days(Vec<String>);

impl Days {
    const FIRST_YEAR: u32 = 2019;
    const LAST_YEAR: u32 = 2025;
    /// The number of days, 2019-01-01 to 2025-12-31.
    pub(crate) const COUNT: u32 = 7 * 365 + 2;
    /// The first day of the consent version 2023-01.
    pub(crate) const VERSION_2023_01: u32 = 4 * 365 + 1;
    /// 2024-06-01, the first day of the consent version 2024-06.
    pub(crate) const VERSION_2024_06: u32 = Self::VERSION_2023_01 + 365 + 152;

    fn new() -> Self {
        let mut days = Vec::with_capacity(Self::COUNT as usize);
        for year in Self::FIRST_YEAR..=Self::LAST_YEAR {
            for (month, length) in [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].into_iter().enumerate() {
                // Every fourth year is enough: no century falls among these years.
                let length = if month == 1 && year.is_multiple_of(4) { 29 } else { length };
                days.extend((1..=length).map(|day| format!("{year}-{:02}-{day:02}", month + 1)));
            }
        }
        Self(days)
    }

    pub(crate) fn text(&self, day: u32) -> &str {
        &self.0[day as usize]
    }
}
