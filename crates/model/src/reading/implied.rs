//! What a person who said nothing of a filter is taken to have said: the filter's default preference.

use crate::{
    config::{Config, Configuration, DefaultPreference, Filter, Program},
    id::fold,
    moment::Moment,
    profile::{
        Address, Channel, Consent, ConsentStatus, EditInfo, Email, MatchType, Place, Preference, PreferenceStatus,
        PreferenceType, Profile,
    },
};

/// Whether every profile has the same implied preferences under both configurations: else a change from one to the other changes
/// rows that nobody wrote to (export.md, What counts as changed).
pub fn implies_alike(former: &Configuration, new: &Configuration) -> bool {
    let implying = |c: &Configuration| {
        let filters = c.programs.iter().flat_map(|program| {
            let implying = program.filters.iter().filter(|f| f.is_active && f.default_preference.is_some());
            implying.map(|f| {
                let frequency = f.default_frequency().map(|frequency| frequency.id.clone());
                let consents = f.required_consents.clone();
                (program.id.clone(), f.id.clone(), f.channel_id, f.default_preference, consents, frequency)
            })
        });
        if c.implied_preferences { filters.collect() } else { Vec::new() }
    };
    implying(former) == implying(new)
}

/// Adds an implied preference for each active filter with a default, wherever its channel fits and nothing was said of it:
/// on active emails, phones and addresses; `Text` on mobile phones, `Fax` on those that aren't (a phone that takes messages
/// is no fax machine); `Solicit` on the profile. An expired preference was said, and keeps the default away. A default opt-in
/// stands only where the consents that its filter requires are granted and haven't expired at `at`: who revoked a consent, or gave it
/// for a time that is over, must not read as having opted in by saying nothing. Nor must who opted out before that was archived: there no
/// opt-in is implied.
pub(super) fn add(profile: &mut Profile, archived: &[(Place, Preference)], config: &Config, at: Moment) {
    for program in &config.source.programs {
        for filter in program.filters.iter().filter(|f| f.is_active) {
            if let Some(default) = filter.default_preference {
                add_filter(profile, archived, program, filter, default, at);
            }
        }
    }
}

fn add_filter(
    profile: &mut Profile,
    archived: &[(Place, Preference)],
    program: &Program,
    filter: &Filter,
    default: DefaultPreference,
    at: Moment,
) {
    let opts_out = |p: &Preference| p.filter_id == filter.id && p.preference_type == PreferenceType::OptOut;
    let was_refused = |place: &dyn Fn() -> Place| {
        default == DefaultPreference::OptIn && archived.iter().any(|(at, p)| opts_out(p) && *at == place())
    };
    let Profile { edited, consents, profile_preferences, emails, phone_numbers, addresses, .. } = profile;
    let to = |list: &mut Vec<Preference>, own: &[Consent]| {
        let may_stand = default == DefaultPreference::OptOut
            || filter.required_consents.iter().all(|name| is_granted(name, own, consents, at));
        if may_stand && !list.iter().any(|p| p.filter_id == filter.id) {
            list.push(implied(edited, program, filter, default));
        }
    };
    match filter.channel_id {
        Channel::Email => {
            let fits = |c: &&mut Email| c.is_active && !was_refused(&|| c.place());
            emails.iter_mut().filter(fits).for_each(|c| to(&mut c.preferences, &c.consents));
        }
        Channel::Mail => {
            let fits = |c: &&mut Address| c.is_active && !was_refused(&|| c.place());
            addresses.iter_mut().filter(fits).for_each(|c| to(&mut c.preferences, &c.consents));
        }
        Channel::Phone | Channel::Text | Channel::Fax => {
            for phone in phone_numbers.iter_mut().filter(|c| c.is_active) {
                let fits = match filter.channel_id {
                    Channel::Text => phone.is_mobile,
                    Channel::Fax => !phone.is_mobile,
                    _ => true,
                };
                if fits && !was_refused(&|| phone.place()) {
                    to(&mut phone.preferences, &phone.consents);
                }
            }
        }
        Channel::Solicit if was_refused(&|| Place::Profile) => {}
        Channel::Solicit => to(profile_preferences, &[]),
    }
}

/// Whether a consent of this type is granted at `at`: by the contact's own, else by the person's.
fn is_granted(name: &str, own: &[Consent], of_profile: &[Consent], at: Moment) -> bool {
    let name = fold(name);
    let of = |list: &[Consent]| {
        let consent = list.iter().find(|c| fold(&c.consent_type) == name)?;
        let lasts = consent.expiration_date.is_none_or(|date| date > at);
        Some(lasts && consent.consent_status == ConsentStatus::Granted)
    };
    of(own).or_else(|| of(of_profile)) == Some(true)
}

/// Nobody said it, so it has no moment of its own: its dates and user are those of the profile's creation, and it never expires.
fn implied(edited: &EditInfo, program: &Program, filter: &Filter, default: DefaultPreference) -> Preference {
    Preference {
        program_id: program.id.clone(),
        channel_id: filter.channel_id,
        consents: Vec::new(),
        match_type: MatchType::Implied,
        reason_code: None,
        expiration_date: None,
        preference_status: PreferenceStatus::Active,
        last_modified_date: edited.create_date,
        user_id: edited.create_user_id.clone(),
        source_id: edited.create_source_id.clone(),
        filter_id: filter.id.clone(),
        preference_type: default.into(),
        frequency_id: filter.default_frequency().map(|f| f.id.clone()),
        preference_attributes: Vec::new(),
        customer_date: edited.create_date,
    }
}
