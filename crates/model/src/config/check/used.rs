//! What profiles use can't go (configuration.md, Segments: names that rendered rows carry can't change once in use).

use std::collections::HashSet;

use super::change::{Named, names};
use crate::{
    config::{Configuration, CustomFieldKind},
    facts::{Terms, tells, tells_of_field},
    id::fold,
    refusal::Refusal,
    segment::Element,
};

/// Refuses that a name goes which a profile carries, or carried once: `terms` is the account's dictionary, which remembers.
/// Beside [`super::check`], which knows no profiles. A name in use is retired by `IsActive` instead.
pub fn check_use(new: &Configuration, current: &Configuration, terms: &Terms) -> Result<(), Vec<Refusal>> {
    let left: HashSet<_> = names(new).into_iter().map(|n| (n.kind, n.within, fold(n.name))).collect();
    let gone = names(current).into_iter().filter(|n| !left.contains(&(n.kind, n.within.clone(), fold(n.name))));
    let refusals: Vec<Refusal> = gone
        .filter(|named| in_use(named, current, terms))
        .map(|named| {
            let has_no_switch = matches!(named.kind, "Picklists" | "Programs");
            let retire = if has_no_switch { "" } else { ", or set its IsActive to false" };
            let why = format!("profiles carry {}, which would go; leave it{retire}", named.name);
            Refusal::conflict(named.kind, why)
        })
        .collect();
    if refusals.is_empty() { Ok(()) } else { Err(refusals) }
}

fn in_use(named: &Named<'_>, current: &Configuration, terms: &Terms) -> bool {
    let name = fold(named.name);
    let (element, member) = match named.kind {
        "EmailTypes" => (Element::Email, "EmailAddressType"),
        "PhoneTypes" => (Element::Phone, "PhoneType"),
        "AddressTypes" => (Element::Address, "AddressType"),
        "CustomerTypes" => (Element::Profile, "CustomerType"),
        "AlternateIdTypes" => (Element::AlternateId, "AlternateIdType"),
        "GroupTypes" => (Element::Group, "GroupType"),
        "ConsentTypes" => (Element::Consent, "ConsentType"),
        "Programs" => (Element::Preference, "ProgramId"),
        "Filters" => (Element::Preference, "FilterId"),
        "CustomFields" => return tells_of_field(terms, &name, None),
        _ => {
            return current.custom_fields.iter().any(|field| match &field.kind {
                CustomFieldKind::SelectList { picklist, .. } => {
                    fold(picklist) == named.within && tells_of_field(terms, &fold(&field.name), Some(&name))
                }
                _ => false,
            });
        }
    };
    tells(terms, element, member, &name)
}
