//! Archiving the preferences that selectors mean.

use super::{Changed, Kept, Mode, Path, Write, check::within, contacts::Contact, withdrawal};
use crate::{
    config::{Config, TypeKind},
    id::{Author, fold},
    input::{ArchiveInput, SelectorInput},
    moment::Moment,
    normal,
    profile::{Channel, Extras, Place, Preference, PreferenceType},
    reading,
    refusal::{Refusal, shown},
};

/// The longest reason, in code points.
pub(super) const MAX_REASON: usize = 256;

/// Archives what one of the selectors means, and says how much; `None` when that is nothing, and nothing is written. A selector without
/// members, or none at all, is refused: it would mean everything.
pub fn archive(
    current: Kept,
    input: &ArchiveInput,
    config: &Config,
    author: &Author,
    now: Moment,
) -> Result<Option<(Changed, usize)>, Refusal> {
    let path = Path::Root.member("Preferences");
    let selectors = input.preferences.as_deref().unwrap_or_default();
    if selectors.is_empty() {
        return Err(path.invalid("is empty: name the preferences that are archived by at least one selector"));
    }
    let mut w = Write::new(Mode::Update, config, author, now);
    let mut meant = Vec::with_capacity(selectors.len());
    for (i, selector) in selectors.iter().enumerate() {
        meant.push(Selector::new(&w, &path.item(i), selector)?);
    }
    if let Some(reason) = &input.reason_code {
        within(&Path::Root.member("ReasonCode"), reason, MAX_REASON)?;
    }
    let mut work = Work { meant, reason: input.reason_code.as_deref().filter(|r| !r.is_empty()), archived: 0 };

    let Kept { mut profile, mut extras } = current;
    let extras_of = &mut extras;
    work.at(&mut w, &Place::Profile, &mut profile.profile_preferences, extras_of);
    work.contacts(&mut w, &mut profile.emails, extras_of);
    work.contacts(&mut w, &mut profile.phone_numbers, extras_of);
    work.contacts(&mut w, &mut profile.addresses, extras_of);
    // What comes back with its contact is as live as what hangs there.
    let meant = |place: &Place, p: &Preference| work.meant.iter().any(|selector| selector.means(place, p));
    work.archived += withdrawal::archive_preserved(&w, extras_of, work.reason, meant);
    if work.archived == 0 {
        return Ok(None);
    }
    w.touch(&mut profile.edited);
    reading::expire(&mut profile, now);
    Ok(Some((Changed { kept: Kept { profile, extras }, former: w.former, declined: 0 }, work.archived)))
}

struct Work<'a> {
    meant: Vec<Selector>,
    reason: Option<&'a str>,
    archived: usize,
}

impl Work<'_> {
    fn contacts<C: Contact>(&mut self, w: &mut Write<'_>, list: &mut [C], extras: &mut Extras) {
        for contact in list {
            let place = contact.natural_key();
            self.at(w, &place, contact.preferences(), extras);
        }
    }

    fn at(&mut self, w: &mut Write<'_>, place: &Place, list: &mut Vec<Preference>, extras: &mut Extras) {
        let before = list.len();
        let goes = |p: &Preference| self.meant.iter().any(|selector| selector.means(place, p));
        withdrawal::archive(w, || place.clone(), list, extras, self.reason, goes);
        self.archived += before - list.len();
    }
}

/// A selector in the forms in which things are compared.
struct Selector {
    filter: Option<String>,
    program: Option<String>,
    channel: Option<Channel>,
    preference_type: Option<PreferenceType>,
    email_type: Option<String>,
    email: Option<String>,
    phone_type: Option<String>,
    phone: Option<String>,
    address_type: Option<String>,
}

impl Selector {
    fn new(w: &Write<'_>, path: &Path<'_>, input: &SelectorInput) -> Result<Self, Refusal> {
        if *input == SelectorInput::default() {
            return Err(path.invalid("has no members: it would mean every preference; name at least a filter, program, channel, type or contact"));
        }
        let of_type = |member: &'static str, kind, name: &Option<String>| match name {
            Some(name) => w.type_name(&path.member(member), kind, name).map(|name| Some(fold(&name))),
            None => Ok(None),
        };
        let config = w.config;
        Ok(Self {
            filter: known(&path.member("FilterId"), "filter", &input.filter_id, |id| {
                config.filter(id).map(|(_, filter)| &*filter.id)
            })?,
            program: known(&path.member("ProgramId"), "program", &input.program_id, |id| {
                config.program(id).map(|program| &*program.id)
            })?,
            channel: channel(&path.member("ChannelId"), &input.channel_id)?,
            preference_type: input.preference_type,
            email_type: of_type("EmailAddressType", TypeKind::Email, &input.email_address_type)?,
            email: input.email_address.as_deref().map(normal::email),
            phone_type: of_type("PhoneType", TypeKind::Phone, &input.phone_type)?,
            phone: digits(&path.member("PhoneNumber"), &input.phone_number)?,
            address_type: of_type("AddressType", TypeKind::Address, &input.address_type)?,
        })
    }

    fn means(&self, place: &Place, p: &Preference) -> bool {
        fn is<T: PartialEq>(wanted: &Option<T>, found: Option<&T>) -> bool {
            wanted.as_ref().is_none_or(|wanted| found == Some(wanted))
        }
        let (mut email, mut phone, mut address) = ((None, None), (None, None), None);
        match place {
            Place::Profile => {}
            Place::Email { kind, address } => email = (Some(kind), Some(address)),
            Place::Phone { kind, digits } => phone = (Some(kind), Some(digits)),
            Place::Address { kind, .. } => address = Some(kind),
        }
        is(&self.filter, Some(&p.filter_id))
            && is(&self.program, Some(&p.program_id))
            && is(&self.channel, Some(&p.channel_id))
            && is(&self.preference_type, Some(&p.preference_type))
            && is(&self.email_type, email.0)
            && is(&self.email, email.1)
            && is(&self.phone_type, phone.0)
            && is(&self.phone, phone.1)
            && is(&self.address_type, address)
    }
}

/// A configured name in its configured spelling.
fn known<'c>(
    path: &Path<'_>,
    what: &str,
    name: &Option<String>,
    find: impl Fn(&str) -> Option<&'c str>,
) -> Result<Option<String>, Refusal> {
    let Some(name) = name else { return Ok(None) };
    match find(name) {
        Some(found) => Ok(Some(found.to_owned())),
        None => Err(path.unknown(format!("{what} {} is not configured in this account", shown(name)))),
    }
}

fn channel(path: &Path<'_>, name: &Option<String>) -> Result<Option<Channel>, Refusal> {
    let Some(name) = name else { return Ok(None) };
    match Channel::ALL.iter().find(|channel| channel.word().eq_ignore_ascii_case(name)) {
        Some(channel) => Ok(Some(*channel)),
        None => {
            let accepted = Channel::ALL.iter().map(|channel| channel.word()).collect::<Vec<_>>().join(", ");
            Err(path.invalid(format!("{} is no channel; accepted: {accepted}", shown(name))))
        }
    }
}

fn digits(path: &Path<'_>, number: &Option<String>) -> Result<Option<String>, Refusal> {
    match number.as_deref().map(normal::digits) {
        Some(digits) if digits.is_empty() => {
            let seen = shown(number.as_deref().unwrap_or_default());
            Err(path.invalid(format!("{seen} has no digit in it; a phone number is found by its digits")))
        }
        digits => Ok(digits),
    }
}
