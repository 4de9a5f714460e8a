//! One record as a person reads it: who it is, how to reach them, what they said.

use std::fmt::{self, Write};

use sayso_model::profile::{Consent, Preference, Profile};

/// A record in a few lines.
///
/// # Errors
/// When it is no profile.
pub(super) fn of(record: &str) -> anyhow::Result<String> {
    let profile: Profile = serde_json::from_str(record)?;
    let mut text = String::new();
    write_profile(&mut text, &profile)?;
    text.truncate(text.trim_end().len());
    Ok(text)
}

fn write_profile(out: &mut String, profile: &Profile) -> fmt::Result {
    let name = &profile.customer_name;
    let parts = [&name.prefix, &name.first_name, &name.middle_name, &name.last_name, &name.suffix];
    let name = parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ");
    let about = [
        Some(if profile.is_active { "active" } else { "inactive" }),
        profile.customer_type.as_deref(),
        profile.default_locale.as_deref(),
    ];
    let about = about.into_iter().flatten().collect::<Vec<_>>().join(", ");
    writeln!(
        out,
        "  {name} (ProfileId {}, {about}), last changed {}",
        profile.profile_id, profile.edited.last_modified_date
    )?;
    said(out, 4, &profile.consents, &profile.profile_preferences)?;
    for id in &profile.alternate_ids {
        line(out, 4, &id.alternate_id_type, &id.alternate_id)?;
    }
    for a in &profile.addresses {
        let street =
            a.address2.as_deref().map_or_else(|| a.address1.clone(), |second| format!("{}, {second}", a.address1));
        let country = a.country_code_alpha2.as_deref().unwrap_or_default();
        let place = format!("{street}, {}, {} {} {country}", a.city, a.state_province, a.postal_code);
        line(out, 4, &a.address_type, &format!("{}{}", place.trim_end(), default(a.is_default)))?;
        said(out, 6, &a.consents, &a.preferences)?;
    }
    for p in &profile.phone_numbers {
        let mobile = if p.is_mobile { ", mobile" } else { "" };
        line(out, 4, &p.phone_type, &format!("{}{mobile}{}", p.phone_number, default(p.is_default)))?;
        said(out, 6, &p.consents, &p.preferences)?;
    }
    for e in &profile.emails {
        line(out, 4, &e.email_address_type, &format!("{}{}", e.email_address, default(e.is_default)))?;
        said(out, 6, &e.consents, &e.preferences)?;
    }
    for group in &profile.groups {
        line(out, 4, &group.group_type, &group.group_name)?;
    }
    for field in &profile.custom_fields {
        line(out, 4, &field.name, &field.value.as_deref().unwrap_or("none").replace("::", ", "))?;
    }
    if !profile.profile_tags.is_empty() {
        let tags: Vec<&str> = profile.profile_tags.iter().map(|tag| tag.name.as_str()).collect();
        line(out, 4, "tags", &tags.join(", "))?;
    }
    Ok(())
}

fn said(out: &mut String, indent: usize, consents: &[Consent], preferences: &[Preference]) -> fmt::Result {
    for p in preferences {
        let how_often = p.frequency_id.as_deref().map(|frequency| format!(" {frequency}")).unwrap_or_default();
        let what = format!(
            "{}{how_often}, {} since {}",
            p.preference_type.word(),
            p.preference_status.word(),
            p.customer_date
        );
        line(out, indent, &p.filter_id, &what)?;
    }
    for c in consents {
        let expired = if c.expired { ", expired" } else { "" };
        let what = format!("{} since {}{expired}", c.consent_status.word(), c.consent_date);
        line(out, indent, &format!("{} {}", c.consent_type, c.consent_version), &what)?;
    }
    Ok(())
}

fn default(is_default: bool) -> &'static str {
    if is_default { " (default)" } else { "" }
}

fn line(out: &mut String, indent: usize, label: &str, text: &str) -> fmt::Result {
    writeln!(out, "{:indent$}{label}: {text}", "")
}
