//! Types, picklists, custom fields and consent types.

use super::{Checker, FIELD_NAME, NAME, Reference, VALUE, VERSION};
use crate::{
    config::{CustomFieldKind, TypeDef},
    refusal::shown,
};

impl Checker<'_> {
    pub(super) fn types(&mut self) {
        let new = self.new;
        let kinds: [(&str, &[TypeDef]); 6] = [
            ("EmailTypes", &new.email_types),
            ("PhoneTypes", &new.phone_types),
            ("AddressTypes", &new.address_types),
            ("CustomerTypes", &new.customer_types),
            ("AlternateIdTypes", &new.alternate_id_types),
            ("GroupTypes", &new.group_types),
        ];
        for (kind, types) in kinds {
            let at = |i: usize, member: &str| format!("{kind}[{i}].{member}");
            self.names(NAME, types.iter().enumerate().map(|(i, t)| (at(i, "TypeName"), t.type_name.as_str())));
            self.at_most_one_default(types.iter().enumerate().map(|(i, t)| (at(i, "IsDefault"), t.is_default)));
            for (i, t) in types.iter().enumerate() {
                let path = format!("{kind}[{i}]");
                self.localized(&path, &t.localized_fields);
                for (l, _) in t.localized_fields.iter().enumerate().filter(|(_, l)| l.consent_language.is_some()) {
                    let why = "is a consent version's; a type has Name and Description";
                    self.invalid(format!("{path}.LocalizedFields[{l}].ConsentLanguage"), why);
                }
            }
        }
    }

    pub(super) fn picklists(&mut self) {
        let lists = &self.new.picklists;
        self.names(NAME, lists.iter().enumerate().map(|(i, l)| (format!("Picklists[{i}].Name"), l.name.as_str())));
        for (i, list) in lists.iter().enumerate() {
            let at = |v: usize| format!("Picklists[{i}].Values[{v}]");
            self.names(VALUE, list.values.iter().enumerate().map(|(v, value)| (at(v), value.as_str())));
            for (v, value) in list.values.iter().enumerate().filter(|(_, value)| value.contains("::")) {
                self.invalid(at(v), format!("{} has \"::\" in it, which joins several choices", shown(value)));
            }
        }
    }

    pub(super) fn custom_fields(&mut self) {
        let fields = &self.new.custom_fields;
        let named = fields.iter().enumerate().map(|(i, f)| (format!("CustomFields[{i}].Name"), f.name.as_str()));
        self.names(FIELD_NAME, named);
        for (i, field) in fields.iter().enumerate() {
            let at = |member: &str| format!("CustomFields[{i}].Kind.{member}");
            match &field.kind {
                CustomFieldKind::Text { min_length, max_length, regular_expression } => {
                    if max_length.is_some_and(|max| max == 0 || max as usize > VALUE) {
                        self.invalid(at("Text.MaxLength"), format!("1 to {VALUE} is accepted"));
                    }
                    if min_length.unwrap_or(0) as usize > max_length.map_or(VALUE, |max| max as usize) {
                        self.invalid(at("Text.MinLength"), "is greater than MaxLength: no value would be accepted");
                    }
                    if let Some(error) = regular_expression.as_deref().and_then(|r| crate::config::whole_match(r).err())
                    {
                        let seen = shown(regular_expression.as_deref().unwrap_or_default());
                        self.invalid(at("Text.RegularExpression"), format!("{seen} is no regular expression: {error}"));
                    }
                }
                CustomFieldKind::Numeric { min, max, decimal_places } => {
                    for (member, bound) in [("Numeric.Min", min), ("Numeric.Max", max)] {
                        if bound.is_some_and(|b| !b.is_finite()) {
                            self.invalid(at(member), "is no finite number");
                        }
                    }
                    if let (Some(min), Some(max)) = (min, max)
                        && min > max
                    {
                        self.invalid(at("Numeric.Min"), "is greater than Max: no value would be accepted");
                    }
                    if decimal_places.is_some_and(|places| places > 15) {
                        self.invalid(at("Numeric.DecimalPlaces"), "0 to 15 is accepted");
                    }
                }
                CustomFieldKind::DateTime {} => {}
                CustomFieldKind::SelectList { picklist, .. } => {
                    let reference = Reference {
                        path: at("SelectList.Picklist"),
                        user: format!("the custom field {}", field.name),
                        what: "picklist",
                        name: picklist,
                    };
                    self.reference(reference, |c| c.picklists.iter().map(|l| l.name.as_str()).collect());
                }
            }
        }
    }

    pub(super) fn consent_types(&mut self) {
        let types = &self.new.consent_types;
        let named =
            types.iter().enumerate().map(|(i, t)| (format!("ConsentTypes[{i}].TypeName"), t.type_name.as_str()));
        self.names(NAME, named);
        for (i, consent) in types.iter().enumerate() {
            let at = |v: usize| format!("ConsentTypes[{i}].Versions[{v}]");
            let versions = consent.versions.iter().enumerate();
            self.names(
                VERSION,
                versions
                    .clone()
                    .map(|(v, version)| (format!("{}.ConsentVersion", at(v)), version.consent_version.as_str())),
            );
            for (v, version) in versions {
                if version.localized_fields.is_empty() {
                    let why = "is empty; a version has its text in at least one locale, and every consent names one";
                    self.invalid(format!("{}.LocalizedFields", at(v)), why);
                }
                self.localized(&at(v), &version.localized_fields);
            }
        }
    }
}
