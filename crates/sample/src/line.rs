//! A person's line. The JSON is written by hand into the caller's buffer: no tree, no allocation, and no escaping, since
//! nothing that is written holds a character to escape (a test checks the tables).

mod answers;
mod contacts;

use answers::{News, consents, profile_preferences};

use crate::{
    chance::Chance,
    person::Person,
    tables::{Days, Tables},
    words,
};

/// Appends the line. Members stand in the order of profile.md.
pub(crate) fn write(person: &Person<'_>, tables: &Tables, chance: &mut Chance, buf: &mut Vec<u8>) {
    let mut out = Out { buf, chance, days: &tables.days };
    let news = News::draw(out.chance);
    let confirmed = if out.chance.percent(70) { "true" } else { "false" };
    let kind = if person.business { "Business" } else { "Consumer" };
    out.put(&["{\"RegistrationConfirmed\":", confirmed, ",\"CustomerType\":\"", kind, "\","]);
    customer_name(person, &mut out);
    out.put(&[",\"DefaultLocale\":\"", person.locale, "\",\"Consents\":["]);
    consents(person, news, &mut out);
    out.put(&["],\"ProfilePreferences\":["]);
    profile_preferences(person, &mut out);
    out.put(&["],\"AlternateIds\":["]);
    alternate_ids(person, &mut out);
    out.put(&["],\"Addresses\":["]);
    contacts::addresses(person, &mut out);
    out.put(&["],\"PhoneNumbers\":["]);
    contacts::phones(person, &mut out);
    out.put(&["],\"Emails\":["]);
    contacts::emails(person, news, &mut out);
    out.put(&["],\"Groups\":["]);
    groups(person, &mut out);
    out.put(&["],\"ProfileTags\":["]);
    tags(&mut out);
    out.put(&["],\"CustomFields\":["]);
    custom_fields(person, &mut out);
    out.put(&["]}\n"]);
}

/// Where the line goes and what is drawn on the way.
pub(crate) struct Out<'a> {
    buf: &'a mut Vec<u8>,
    chance: &'a mut Chance,
    days: &'a Days,
}

impl Out<'_> {
    fn put(&mut self, parts: &[&str]) {
        for part in parts {
            self.buf.extend_from_slice(part.as_bytes());
        }
    }

    fn number(&mut self, n: impl itoa::Integer) {
        self.buf.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
    }

    /// A number with at least `width` digits.
    fn padded(&mut self, n: u64, width: usize) {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(n);
        self.put(&[&"0000000000"[..width.saturating_sub(digits.len())], digits]);
    }

    /// A comma, unless this is a list's first item.
    fn item(&mut self) {
        if self.buf.last() != Some(&b'[') {
            self.buf.push(b',');
        }
    }

    /// A moment at or after the day, between 06:00 and 24:00 UTC: people sleep.
    fn moment_since(&mut self, day: u32) {
        let day = self.chance.within(day..Days::COUNT);
        let [hour, minute, second] =
            [self.chance.within(6..24), self.chance.below(60), self.chance.below(60)].map(two_digits);
        self.put(&[self.days.text(day), "T", hour, ":", minute, ":", second, "Z"]);
    }
}

/// `00` to `99`.
fn two_digits(n: u32) -> &'static str {
    const DIGITS: &str = "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";
    &DIGITS[n as usize * 2..][..2]
}

fn customer_name(person: &Person<'_>, out: &mut Out<'_>) {
    out.put(&["\"CustomerName\":{"]);
    if let Some(prefix) = person.prefix {
        out.put(&["\"Prefix\":\"", prefix, "\","]);
    }
    out.put(&["\"FirstName\":\"", person.spelt(person.first), "\","]);
    if let Some(middle) = person.middle {
        let spelt = person.spelt(middle);
        // By character, not byte: Ángel's initial is Á.
        let length = spelt.chars().next().filter(|_| person.initial).map_or(spelt.len(), char::len_utf8);
        out.put(&["\"MiddleName\":\"", &spelt[..length], "\","]);
    }
    out.put(&["\"LastName\":\"", person.spelt(person.last), "\""]);
    if let Some(suffix) = person.suffix {
        out.put(&[",\"Suffix\":\"", suffix, "\""]);
    }
    out.put(&["}"]);
}

fn alternate_ids(person: &Person<'_>, out: &mut Out<'_>) {
    out.put(&["{\"AlternateIdType\":\"CRM\",\"AlternateId\":\"C-"]);
    out.padded(person.index.saturating_add(1), 8);
    out.put(&["\",\"IsActive\":true}"]);
    if out.chance.percent(45) {
        // Card numbers don't ascend with the customer. A multiplier that shares no factor with 10^10 keeps them unique; the
        // part above 10^10 goes in front.
        const CARDS: u64 = 10_000_000_000;
        let (above, below) = (person.index / CARDS, person.index % CARDS);
        let card = ((u128::from(below) * 6_180_339_887 + 3_141_592_653) % u128::from(CARDS)) as u64;
        out.put(&[",{\"AlternateIdType\":\"Loyalty\",\"AlternateId\":\""]);
        if above > 0 {
            out.number(above);
        }
        out.padded(card, 10);
        out.put(&["\",\"IsActive\":true}"]);
    }
}

fn groups(person: &Person<'_>, out: &mut Out<'_>) {
    if person.household {
        out.put(&["{\"GroupType\":\"Household\",\"GroupName\":\"", person.last.plain, " "]);
        out.put(&[person.home.place.zip, " "]);
        out.number(person.home.number);
        out.put(&["\",\"IsPrimary\":false}"]);
    }
    if person.business {
        let [first, second] = [words::COMPANY_FIRST, words::COMPANY_SECOND].map(|list| out.chance.pick(list));
        let form = out.chance.pick(words::COMPANY_FORM);
        out.item();
        out.put(&["{\"GroupType\":\"Company\",\"GroupName\":\"", first, " ", second, " ", form]);
        out.put(&["\",\"IsPrimary\":false}"]);
    }
}

fn tags(out: &mut Out<'_>) {
    // Steps through the list from a random place, so that no tag comes twice.
    let mut tag = out.chance.below(words::TAGS.len() as u32) as usize;
    for _ in 0..out.chance.shares(&[(30, 0), (35, 1), (25, 2)], 3) {
        out.item();
        out.put(&["{\"Name\":\"", words::TAGS[tag % words::TAGS.len()], "\"}"]);
        tag += 1 + out.chance.below(3) as usize;
    }
}

fn custom_fields(person: &Person<'_>, out: &mut Out<'_>) {
    if out.chance.percent(80) {
        out.put(&["{\"Name\":\"FavoriteStore\",\"Value\":\"", person.home.place.city, " #"]);
        let store = out.chance.within(1..12);
        out.number(store);
        out.put(&["\"},"]);
    }
    out.put(&["{\"Name\":\"Age\",\"Value\":\""]);
    out.number(person.age);
    out.put(&["\"},{\"Name\":\"MemberSince\",\"Value\":\"", out.days.text(person.member_since), "T00:00:00Z\"}"]);
    if out.chance.percent(75) {
        out.put(&[",{\"Name\":\"Interests\",\"Value\":\""]);
        // In the picklist's order, each step at most a quarter of the list: one to four choices, none twice.
        let mut interest = out.chance.below(4) as usize;
        out.put(&[words::INTERESTS[interest]]);
        for _ in 0..out.chance.below(4) {
            interest += out.chance.within(1..4) as usize;
            out.put(&["::", words::INTERESTS[interest]]);
        }
        out.put(&["\"}"]);
    }
}
