//! Where a person is reached, with the preferences and consents that hang on each contact.

use super::{
    Out,
    answers::{Answer, Frequency, News, preference, sms_terms},
};
use crate::{person::Person, words};

pub(super) fn addresses(person: &Person<'_>, out: &mut Out<'_>) {
    let home = &person.home;
    out.put(&["{\"AddressPreferences\":["]);
    let mail = Answer::draw(out.chance, 30, 20);
    preference("NEWS-MAIL", mail, Frequency::None, person, out);
    out.put(&["],\"AddressType\":\"Home\",\"IsDefault\":true,\"Address1\":\""]);
    out.number(home.number);
    out.put(&[" ", home.street, " ", home.kind, "\""]);
    if out.chance.percent(25) {
        let unit = out.chance.pick(words::UNITS);
        let number = out.chance.within(1..60);
        out.put(&[",\"Address2\":\"", unit, " "]);
        out.number(number);
        out.put(&["\""]);
    }
    place(person, out);
    if out.chance.percent(25) {
        // Billed to a box at the same post office, so that this triple is real as well.
        let number = out.chance.within(100..9999);
        out.put(&[
            ",{\"AddressPreferences\":[],\"AddressType\":\"Billing\",\"IsDefault\":false,\"Address1\":\"PO Box ",
        ]);
        out.number(number);
        out.put(&["\""]);
        place(person, out);
    }
}

/// The end of an address, from its city.
fn place(person: &Person<'_>, out: &mut Out<'_>) {
    let place = person.home.place;
    out.put(&[",\"City\":\"", place.city, "\",\"StateProvince\":\"", place.state, "\",\"PostalCode\":\"", place.zip]);
    out.put(&["\",\"CountryCode_Alpha2\":\"US\"}"]);
}

pub(super) fn phones(person: &Person<'_>, out: &mut Out<'_>) {
    let mobile = out.chance.percent(85);
    // The default phone carries the answer about calls.
    let mut calls = Answer::draw(out.chance, 15, 35);
    if mobile {
        let text = Answer::draw(out.chance, 35, 15);
        phone("Mobile", calls.take(), text, person, out);
    }
    if !mobile || out.chance.percent(30) {
        phone("Home", calls.take(), None, person, out);
    }
    if person.business || out.chance.percent(5) {
        phone("Work", None, None, person, out);
    }
}

fn phone(kind: &str, calls: Option<Answer>, text: Option<Answer>, person: &Person<'_>, out: &mut Out<'_>) {
    let is_mobile = kind == "Mobile";
    let is_first = out.buf.last() == Some(&b'[');
    out.item();
    out.put(&["{\"PhoneNumberPreferences\":["]);
    preference("OFFERS-PHONE", calls, Frequency::None, person, out);
    preference("OFFERS-TEXT", text, Frequency::None, person, out);
    out.put(&["],\"PhoneType\":\"", kind, "\",\"PhoneNumber\":\""]);
    phone_number(person, out);
    out.put(&["\",\"IsMobile\":", bool_text(is_mobile), ",\"IsDefault\":", bool_text(is_first), ",\"Consents\":["]);
    if is_mobile {
        sms_terms(text, person, out);
    }
    out.put(&["]}"]);
}

fn bool_text(b: bool) -> &'static str {
    if b { "true" } else { "false" }
}

/// A number of the North American plan in one of the forms that people write.
fn phone_number(person: &Person<'_>, out: &mut Out<'_>) {
    let area = out.chance.pick(&person.home.place.area_codes);
    // An exchange begins with 2 to 9 and does not end in 11 (those are services such as 911).
    let exchange = match out.chance.within(200..1000) {
        service if service % 100 == 11 => service + 1,
        exchange => exchange,
    };
    let line = out.chance.below(10_000);
    let [before, between, dash] = out.chance.shares(
        &[(40, ["(", ") ", "-"]), (20, ["", "-", "-"]), (20, ["+1 ", " ", " "]), (10, ["+1", "", ""])],
        ["", ".", "."],
    );
    out.put(&[before, area, between]);
    out.number(exchange);
    out.put(&[dash]);
    out.padded(u64::from(line), 4);
}

pub(super) fn emails(person: &Person<'_>, news: News, out: &mut Out<'_>) {
    let first_type = if person.business { "Work" } else { "Home" };
    let offers = Answer::draw(out.chance, 40, 20);
    out.put(&["{\"EmailPreferences\":["]);
    preference("NEWS-EMAIL", news.0, Frequency::Choice, person, out);
    preference("OFFERS-EMAIL", offers, Frequency::Choice, person, out);
    let domain = out.chance.pick(words::DOMAINS);
    out.put(&["],\"EmailAddressType\":\"", first_type, "\",\"EmailAddress\":\""]);
    // The index makes an address unique; dot and hyphen before it keep the first and second address apart.
    out.put(&[&person.first.mailbox, ".", &person.last.mailbox, "."]);
    out.number(person.index);
    out.put(&["@", domain, "\",\"IsDefault\":true}"]);
    if out.chance.percent(25) {
        let second_type = if person.business { "Home" } else { "Work" };
        let offers = Answer::draw(out.chance, 20, 15);
        out.put(&[",{\"EmailPreferences\":["]);
        preference("OFFERS-EMAIL", offers, Frequency::Choice, person, out);
        let domain = out.chance.pick(words::DOMAINS);
        out.put(&["],\"EmailAddressType\":\"", second_type, "\",\"EmailAddress\":\""]);
        out.put(&[&person.first.mailbox[..1], &person.last.mailbox, "-"]);
        out.number(person.index);
        out.put(&["@", domain, "\",\"IsDefault\":false}"]);
    }
}
