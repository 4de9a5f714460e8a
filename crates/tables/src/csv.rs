//! CSV as RFC 4180 has it: a head, CRLF, quotes only where they are needed. Null and the empty text are both nothing between two commas.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use crate::{
    Error, Shape,
    column::{Date, Text},
    record::{Address, ConsentVersion, Contact, Deleted, Email, Holder, Name, Phone, Preference},
};

/// How CSV is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Csv {
    /// What a row is.
    pub shape: Shape,
    /// Whether a text that a spreadsheet would take for a formula gets a `'` before it. Values are then no longer what they were: for
    /// people's eyes only.
    pub spreadsheet: bool,
}

const PROFILES: &[&str] = &[
    "ProfileId",
    "IsActive",
    "CreateDate",
    "LastModifiedDate",
    "RegistrationConfirmed",
    "CustomerType",
    "Prefix",
    "FirstName",
    "MiddleName",
    "LastName",
    "Suffix",
    "DefaultLocale",
    "Email",
    "EmailType",
    "Phone",
    "PhoneType",
    "PhoneIsMobile",
    "AddressType",
    "Address1",
    "Address2",
    "City",
    "StateProvince",
    "PostalCode",
    "CountryCode_Alpha2",
    "AlternateIds",
    "ProfileTags",
    "Groups",
    "CustomFields",
    "Consents",
    "ProfilePreferences",
    "Emails",
    "PhoneNumbers",
    "Addresses",
];

const PREFERENCES: &[&str] = &[
    "ProfileId",
    "ContactKind",
    "ContactType",
    "Contact",
    "ContactIsActive",
    "ProgramId",
    "ChannelId",
    "FilterId",
    "PreferenceType",
    "PreferenceStatus",
    "MatchType",
    "FrequencyId",
    "ReasonCode",
    "CustomerDate",
    "ExpirationDate",
    "LastModifiedDate",
    "UserId",
    "SourceId",
    "PreferenceAttributes",
    "Consents",
    "ProfileIsActive",
];

const DELETED: &[&str] = &["ProfileId", "DeletedDate", "ReasonCode"];

impl Csv {
    /// The first line.
    pub fn head(&self) -> Vec<u8> {
        let names = match self.shape {
            Shape::Profiles => PROFILES,
            Shape::Preferences => PREFERENCES,
            Shape::Deleted => DELETED,
        };
        let mut line = names.join(",").into_bytes();
        line.extend(b"\r\n");
        line
    }

    /// The lines of some records, given as JSON.
    ///
    /// # Errors
    /// [`Error::Record`] for one that is no profile.
    pub fn rows<'r>(&self, records: impl IntoIterator<Item = &'r str>) -> Result<Vec<u8>, Error> {
        let out = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::with_capacity(1 << 20));
        let mut line = Line { out, spreadsheet: self.spreadsheet };
        for record in records {
            let wrong = |cause| Error::unread(record, &cause);
            match self.shape {
                Shape::Profiles => line.profile(&Flat::read(record).map_err(wrong)?)?,
                Shape::Preferences => line.preferences(&serde_json::from_str(record).map_err(wrong)?)?,
                Shape::Deleted => line.deleted(&serde_json::from_str(record).map_err(wrong)?)?,
            }
        }
        line.out.into_inner().map_err(|e| Error::Io(e.into_error()))
    }
}

/// A profile as one line: what stands once, the default contacts, and the lists as they are.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Flat<'a> {
    #[serde(borrow)]
    profile_id: Option<&'a RawValue>,
    is_active: Option<bool>,
    #[serde(borrow)]
    edited: Stamps<'a>,
    registration_confirmed: Option<bool>,
    #[serde(borrow)]
    customer_type: Option<Text<'a>>,
    #[serde(borrow)]
    customer_name: Option<Name<'a>>,
    #[serde(borrow)]
    default_locale: Option<Text<'a>>,
    #[serde(borrow)]
    consents: Option<&'a RawValue>,
    #[serde(borrow)]
    profile_preferences: Option<&'a RawValue>,
    #[serde(borrow)]
    alternate_ids: Option<&'a RawValue>,
    #[serde(borrow)]
    addresses: Option<&'a RawValue>,
    #[serde(borrow)]
    phone_numbers: Option<&'a RawValue>,
    #[serde(borrow)]
    emails: Option<&'a RawValue>,
    #[serde(borrow)]
    groups: Option<&'a RawValue>,
    #[serde(borrow)]
    profile_tags: Option<&'a RawValue>,
    #[serde(borrow)]
    custom_fields: Option<&'a RawValue>,
    #[serde(skip)]
    email: Option<Email<'a>>,
    #[serde(skip)]
    phone: Option<Phone<'a>>,
    #[serde(skip)]
    address: Option<Address<'a>>,
}

/// Dates as they were written.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Stamps<'a> {
    #[serde(borrow)]
    create_date: Option<Text<'a>>,
    #[serde(borrow)]
    last_modified_date: Option<Text<'a>>,
}

impl<'a> Flat<'a> {
    fn read(record: &'a str) -> serde_json::Result<Self> {
        let mut flat: Flat<'a> = serde_json::from_str(record)?;
        fn all<'a, T: Deserialize<'a>>(list: Option<&'a RawValue>) -> serde_json::Result<Vec<T>> {
            list.map_or(Ok(Vec::new()), |list| serde_json::from_str(list.get()))
        }
        /// The default one, or else the first.
        fn main<T>(list: Vec<T>, is_default: impl Fn(&T) -> Option<bool>) -> Option<T> {
            let at = list.iter().position(|item| is_default(item) == Some(true)).unwrap_or(0);
            list.into_iter().nth(at)
        }
        flat.email = main(all::<Email<'a>>(flat.emails)?, |e| e.is_default);
        flat.phone = main(all::<Phone<'a>>(flat.phone_numbers)?, |p| p.is_default);
        flat.address = main(all::<Address<'a>>(flat.addresses)?, |a| a.is_default);
        Ok(flat)
    }
}

struct Line {
    out: csv::Writer<Vec<u8>>,
    spreadsheet: bool,
}

impl Line {
    fn cell(&mut self, text: &str) -> csv::Result<()> {
        let formula = self.spreadsheet && text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
        let text = if formula { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) };
        self.out.write_field(text.as_bytes())
    }
    fn text(&mut self, text: &Option<Text<'_>>) -> csv::Result<()> {
        self.cell(text.as_ref().map_or("", |t| &t.0))
    }
    fn flag(&mut self, flag: Option<bool>) -> csv::Result<()> {
        self.out.write_field(flag.map_or("", |f| if f { "true" } else { "false" }))
    }
    fn json(&mut self, value: Option<&RawValue>) -> csv::Result<()> {
        self.out.write_field(value.map_or("", RawValue::get))
    }
    fn end(&mut self) -> csv::Result<()> {
        self.out.write_record(None::<&[u8]>)
    }

    fn profile(&mut self, p: &Flat<'_>) -> csv::Result<()> {
        let (none, nobody, nowhere) = (Name::default(), Phone::default(), Address::default());
        let name = p.customer_name.as_ref().unwrap_or(&none);
        self.json(p.profile_id)?;
        self.flag(p.is_active)?;
        self.text(&p.edited.create_date)?;
        self.text(&p.edited.last_modified_date)?;
        self.flag(p.registration_confirmed)?;
        for text in [
            &p.customer_type,
            &name.prefix,
            &name.first_name,
            &name.middle_name,
            &name.last_name,
            &name.suffix,
            &p.default_locale,
        ] {
            self.text(text)?;
        }
        let email = p.email.as_ref();
        self.text(email.map_or(&None, |e| &e.email_address))?;
        self.text(email.map_or(&None, |e| &e.kind))?;
        let phone = p.phone.as_ref().unwrap_or(&nobody);
        self.text(&phone.phone_number)?;
        self.text(&phone.kind)?;
        self.flag(phone.is_mobile)?;
        let a = p.address.as_ref().unwrap_or(&nowhere);
        for text in
            [&a.kind, &a.address1, &a.address2, &a.city, &a.state_province, &a.postal_code, &a.country_code_alpha2]
        {
            self.text(text)?;
        }
        for list in [
            p.alternate_ids,
            p.profile_tags,
            p.groups,
            p.custom_fields,
            p.consents,
            p.profile_preferences,
            p.emails,
            p.phone_numbers,
            p.addresses,
        ] {
            self.json(list)?;
        }
        self.end()
    }

    fn preferences(&mut self, profile: &Holder<'_>) -> csv::Result<()> {
        let mut written = Ok(());
        profile.each_preference(|contact, preference| {
            if written.is_ok() {
                written = self.preference(profile, contact, preference);
            }
        });
        written
    }

    fn preference(&mut self, profile: &Holder<'_>, contact: Contact<'_>, p: &Preference<'_>) -> csv::Result<()> {
        self.number(profile.profile_id)?;
        self.cell(contact.kind)?;
        self.cell(contact.kind_name.unwrap_or_default())?;
        self.cell(contact.value.unwrap_or_default())?;
        self.flag(contact.is_active)?;
        for text in [&p.program_id, &p.channel_id, &p.filter_id] {
            self.text(text)?;
        }
        self.number(p.preference_type.map(i64::from))?;
        for text in [&p.preference_status, &p.match_type, &p.frequency_id, &p.reason_code] {
            self.text(text)?;
        }
        for date in [p.customer_date, p.expiration_date, p.last_modified_date] {
            self.date(date)?;
        }
        self.text(&p.user_id)?;
        self.text(&p.source_id)?;
        let attributes = p.preference_attributes.as_ref().map(|list| {
            list.iter().map(|a| json!({"Key": words(&a.key), "Value": words(&a.value)})).collect::<Value>()
        });
        let consents = p.consents.as_ref().map(|list| {
            let consent = |c: &ConsentVersion<'_>| {
                json!({
                    "ConsentType": words(&c.consent_type), "ConsentVersion": words(&c.consent_version),
                    "Locale": words(&c.locale), "ConsentStatus": c.consent_status,
                })
            };
            list.iter().map(consent).collect::<Value>()
        });
        for list in [attributes, consents] {
            self.out.write_field(list.map(|l| l.to_string()).unwrap_or_default())?;
        }
        self.flag(profile.is_active)?;
        self.end()
    }

    fn deleted(&mut self, d: &Deleted<'_>) -> csv::Result<()> {
        self.number(d.profile_id)?;
        self.date(d.deleted_date)?;
        self.text(&d.reason_code)?;
        self.end()
    }

    fn number(&mut self, number: Option<i64>) -> csv::Result<()> {
        self.out.write_field(number.map(|n| n.to_string()).unwrap_or_default())
    }

    /// In the form in which the wire has it.
    fn date(&mut self, date: Option<Date>) -> csv::Result<()> {
        let moment = date.and_then(|d| jiff::Timestamp::from_millisecond(d.0?).ok());
        self.out.write_field(moment.map(|m| format!("{m:.3}")).unwrap_or_default())
    }
}

fn words<'t>(text: &'t Option<Text<'_>>) -> Option<&'t str> {
    text.as_ref().map(|t| &*t.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANNE: &str = include_str!("testing/anne.json");

    fn table(shape: Shape, spreadsheet: bool, records: &[&str]) -> Vec<Vec<(String, String)>> {
        let csv = Csv { shape, spreadsheet };
        let mut text = csv.head();
        text.extend(csv.rows(records.iter().copied()).unwrap());
        assert!(text.ends_with(b"\r\n"));
        let mut reader = csv::Reader::from_reader(&text[..]);
        let head: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
        let rows = reader.records().map(|row| {
            head.iter().cloned().zip(row.unwrap().iter().map(str::to_owned)).filter(|(_, v)| !v.is_empty()).collect()
        });
        rows.collect()
    }

    fn cell<'t>(row: &'t [(String, String)], name: &str) -> &'t str {
        row.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    #[test]
    fn a_profile_is_one_row_with_its_default_contacts_and_its_lists_as_they_came() {
        let rows = table(Shape::Profiles, false, &[ANNE, r#"{"ProfileId":8}"#]);
        let wanted = [
            ("ProfileId", "7"),
            ("IsActive", "true"),
            ("LastModifiedDate", "2026-11-01T00:00:00.000Z"),
            ("LastName", "=O\"Neil,\nÅngström"),
            ("Email", "Anne@Example.com"),
            ("EmailType", "Work"),
            ("Phone", "+1 912 555-0100"),
            ("City", "Macon"),
            ("ProfileTags", r#"[{"Name":"VIP"}]"#),
            ("Groups", "[]"),
            ("MiddleName", ""),
        ];
        for (name, value) in wanted {
            assert_eq!(cell(&rows[0], name), value, "{name}");
        }
        assert_eq!(rows[1], [("ProfileId".to_owned(), "8".to_owned())], "what the segment leaves out is empty");
    }

    #[test]
    fn a_preference_is_one_row_with_its_contact() {
        let rows = table(Shape::Preferences, false, &[ANNE, r#"{"ProfileId":8}"#]);
        let seen: Vec<_> =
            rows.iter().map(|r| ["ContactKind", "Contact", "FilterId", "PreferenceType"].map(|n| cell(r, n))).collect();
        assert_eq!(seen, [["Profile", "", "OFFERS-ASK", "2"], ["Email", "Anne@Example.com", "NEWS-EMAIL", "1"]]);
        assert_eq!(cell(&rows[1], "ExpirationDate"), "2027-11-01T00:00:00.000Z");
        assert_eq!(cell(&rows[0], "ExpirationDate"), "");
        assert_eq!(
            cell(&rows[1], "PreferenceAttributes"),
            r#"[{"Key":"Topic","Value":"Gardens"},{"Key":"Note","Value":null}]"#
        );
    }

    #[test]
    fn a_preference_tells_last_whether_its_profile_is_active_whatever_its_contact_is() {
        let deactivated = ANNE.replacen("\"IsActive\":true", "\"IsActive\":false", 1);
        let untold = ANNE.replacen("\"IsActive\":true,", "", 1);
        let rows = table(Shape::Preferences, false, &[ANNE, &deactivated, &untold]);
        let seen: Vec<_> = rows.iter().map(|r| ["ProfileIsActive", "ContactIsActive"].map(|n| cell(r, n))).collect();
        let wanted = [["true", ""], ["true", "true"], ["false", ""], ["false", "true"], ["", ""], ["", "true"]];
        assert_eq!(seen, wanted);
        let head = Csv { shape: Shape::Preferences, spreadsheet: false }.head();
        assert!(head.ends_with(b",Consents,ProfileIsActive\r\n"));
    }

    #[test]
    fn only_a_spreadsheet_gets_its_formulas_disarmed() {
        let rows = table(Shape::Profiles, true, &[ANNE]);
        assert_eq!(cell(&rows[0], "LastName"), "'=O\"Neil,\nÅngström");
        assert_eq!(cell(&rows[0], "Phone"), "'+1 912 555-0100");
        assert_eq!(cell(&rows[0], "City"), "Macon");
    }

    #[test]
    fn what_is_no_profile_is_named_by_its_id_and_by_nothing_else_of_a_person() {
        let csv = Csv { shape: Shape::Profiles, spreadsheet: false };
        for record in [r#"{"ProfileId":9,"DefaultLocale":{"Secret":"Anne"}}"#, r#"{"ProfileId":9,"IsActive":"Anne"}"#] {
            let error = csv.rows([record]).unwrap_err().to_string();
            assert!(error.contains("record 9") && !error.contains("Anne"), "{error}");
        }
    }
}
