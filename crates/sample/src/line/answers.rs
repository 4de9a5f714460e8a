//! What a person said: preferences and consents. They agree with one another, as a write would leave them: an opt-in that
//! requires a consent has it granted, an opt-out has it revoked or denied.

use super::Out;
use crate::{chance::Chance, person::Person, tables::Days, words};

/// What somebody said about a filter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    OptIn,
    OptOut,
}

/// What somebody said about the newsletter by email. Drawn first, since the consent to marketing goes with it.
#[derive(Clone, Copy)]
pub(super) struct News(pub(super) Option<Answer>);

impl News {
    pub(super) fn draw(chance: &mut Chance) -> Self {
        Self(Answer::draw(chance, 65, 20))
    }
}

impl Answer {
    /// An opt-in and an opt-out in so many of a hundred cases; else nothing was said.
    pub(super) fn draw(chance: &mut Chance, opt_in: u32, opt_out: u32) -> Option<Self> {
        chance.shares(&[(opt_in, Some(Answer::OptIn)), (opt_out, Some(Answer::OptOut))], None)
    }
}

/// Whether a filter lets one choose how often.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Frequency {
    Choice,
    None,
}

/// One preference, if something was said.
pub(super) fn preference(
    filter: &str,
    answer: Option<Answer>,
    frequency: Frequency,
    person: &Person<'_>,
    out: &mut Out<'_>,
) {
    let Some(answer) = answer else { return };
    out.item();
    let number = if answer == Answer::OptIn { "1" } else { "2" };
    out.put(&["{\"FilterId\":\"", filter, "\",\"PreferenceType\":", number]);
    // Who wants nothing has no wish how often.
    if frequency == Frequency::Choice && answer == Answer::OptIn {
        let frequency = out.chance.shares(&[(15, "Daily"), (50, "Weekly")], "Monthly");
        out.put(&[",\"FrequencyId\":\"", frequency, "\""]);
    }
    let origin = out.chance.pick(words::ORIGINS);
    out.put(&[",\"PreferenceAttributes\":[{\"Key\":\"Origin\",\"Value\":\"", origin, "\"}"]);
    if out.chance.percent(30) {
        let campaign = out.chance.pick(words::CAMPAIGNS);
        out.put(&[",{\"Key\":\"Campaign\",\"Value\":\"", campaign, "\"}"]);
    }
    out.put(&["],\"CustomerDate\":\""]);
    out.moment_since(person.member_since);
    out.put(&["\"}"]);
}

/// The preference that is tied to no contact. Everybody said something: the form asks it of all.
pub(super) fn profile_preferences(person: &Person<'_>, out: &mut Out<'_>) {
    let answer = if out.chance.percent(45) { Answer::OptIn } else { Answer::OptOut };
    preference("ACCOUNT-SOLICIT", Some(answer), Frequency::None, person, out);
}

const GRANTED: &str = "1";
const DENIED: &str = "2";
const REVOKED: &str = "3";
const NOT_SET: &str = "4";

/// The consent of the person as a whole, likelier granted by those who take the newsletter.
pub(super) fn consents(person: &Person<'_>, news: News, out: &mut Out<'_>) {
    let status = match news.0 {
        Some(Answer::OptIn) => out.chance.shares(&[(88, GRANTED), (5, DENIED)], NOT_SET),
        Some(Answer::OptOut) => out.chance.shares(&[(45, REVOKED), (35, DENIED), (15, GRANTED)], NOT_SET),
        None => out.chance.shares(&[(30, GRANTED), (20, DENIED)], NOT_SET),
    };
    let (version, since) = if person.member_since >= Days::VERSION_2024_06 || out.chance.percent(60) {
        ("2024-06", Days::VERSION_2024_06)
    } else {
        ("2023-01", Days::VERSION_2023_01)
    };
    consent("Marketing", version, status, since.max(person.member_since), person, out);
}

/// The consent that text messages require, given for one phone.
pub(super) fn sms_terms(text: Option<Answer>, person: &Person<'_>, out: &mut Out<'_>) {
    let status = match text {
        Some(Answer::OptIn) => GRANTED,
        Some(Answer::OptOut) => out.chance.pick(&[REVOKED, DENIED]),
        None if out.chance.percent(15) => NOT_SET,
        None => return,
    };
    consent("SmsTerms", "2023-01", status, Days::VERSION_2023_01.max(person.member_since), person, out);
}

fn consent(kind: &str, version: &str, status: &str, since: u32, person: &Person<'_>, out: &mut Out<'_>) {
    out.item();
    out.put(&["{\"ConsentType\":\"", kind, "\",\"ConsentVersion\":\"", version, "\",\"Locale\":\"", person.locale]);
    out.put(&["\",\"ConsentStatus\":", status, ",\"ConsentDate\":\""]);
    out.moment_since(since);
    out.put(&["\"}"]);
}
