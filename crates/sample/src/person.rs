//! Who somebody is, drawn before a byte is written, because the line's parts must agree: a household shares a last name and
//! a street, a phone's area code belongs to the state, nobody answers before becoming a member.

use crate::{
    chance::Chance,
    tables::{Days, Name, Place, Tables},
    words,
};

/// What a [`Chance`] is for: a household's members draw the shared facts from one and their own from another.
const ONE_PERSON: u64 = 1;
const ONE_HOUSEHOLD: u64 = 2;

/// So many neighbours in index may be one household.
const HOUSEHOLD: u64 = 3;

/// An address.
pub(crate) struct Home<'t> {
    pub(crate) place: &'t Place,
    pub(crate) number: u32,
    pub(crate) street: &'static str,
    pub(crate) kind: &'static str,
}

impl<'t> Home<'t> {
    fn draw(tables: &'t Tables, chance: &mut Chance) -> Self {
        Self {
            place: tables.places.draw(chance),
            number: chance.within(1..9999),
            street: chance.pick(words::STREETS),
            kind: chance.pick(words::STREET_KINDS),
        }
    }
}

/// What is decided about a person beforehand.
pub(crate) struct Person<'t> {
    pub(crate) index: u64,
    pub(crate) prefix: Option<&'static str>,
    pub(crate) first: &'t Name,
    pub(crate) middle: Option<&'t Name>,
    /// Only the first letter of the middle name.
    pub(crate) initial: bool,
    pub(crate) last: &'t Name,
    pub(crate) suffix: Option<&'static str>,
    /// Spells names with their accents.
    pub(crate) accents: bool,
    pub(crate) locale: &'static str,
    pub(crate) business: bool,
    pub(crate) household: bool,
    pub(crate) home: Home<'t>,
    pub(crate) age: u32,
    /// A day of [`Days`].
    pub(crate) member_since: u32,
}

impl<'t> Person<'t> {
    /// The person, and the generator for what is decided while writing.
    pub(crate) fn draw(tables: &'t Tables, seed: u64, index: u64) -> (Self, Chance) {
        let mut chance = Chance::new(seed, ONE_PERSON, index);
        let mut shared = Chance::new(seed, ONE_HOUSEHOLD, index / HOUSEHOLD);
        let household = shared.percent(30);
        let (last, home) = {
            let chance = if household { &mut shared } else { &mut chance };
            (tables.last_names.draw(chance), Home::draw(tables, chance))
        };
        let woman = chance.percent(51);
        let names = if woman { &tables.women } else { &tables.men };
        let first = names.draw(&mut chance);
        let middle = chance.percent(60).then(|| names.draw(&mut chance));
        let spanish = chance.percent(if last.spanish { 40 } else { 1 });
        let person = Self {
            index,
            prefix: match chance.below(100) {
                0..12 => Some(if woman { "Ms." } else { "Mr." }),
                12..14 => Some("Dr."),
                _ => None,
            },
            first,
            middle,
            initial: chance.percent(50),
            last,
            suffix: match chance.below(100) {
                0..3 if !woman => Some("Jr."),
                3 if !woman => Some("Sr."),
                4 if !woman => Some("III"),
                _ => None,
            },
            accents: spanish || chance.percent(20),
            locale: if spanish { "es_US" } else { "en_US" },
            business: chance.percent(8),
            household,
            home,
            // Two draws make the middle of the range likelier than its ends.
            age: 18 + chance.below(38) + chance.below(38),
            member_since: chance.below(Days::COUNT - 120),
        };
        (person, chance)
    }

    /// The name as this person spells it.
    pub(crate) fn spelt(&self, name: &'t Name) -> &'t str {
        name.accented.filter(|_| self.accents).unwrap_or(name.plain)
    }
}
