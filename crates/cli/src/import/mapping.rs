//! A column mapping: which column of a table goes where in a profile, as a TOML file says.
//!
//! ```toml
//! [Columns]
//! "Customer no" = "AlternateIds[CRM]"
//! "First name"  = "CustomerName.FirstName"
//! "E-mail"      = "Emails[Home].EmailAddress"
//! "Newsletter"  = "Emails[Home].EmailPreferences[NEWS-EMAIL]"
//! "Tags"        = "ProfileTags"
//! [Constants]
//! "Emails[Home].IsDefault" = "true"
//! ```
//!
//! A place is a member by its path; of a list it is the element with the key in brackets, by which such elements are told apart: the type of
//! a contact, the name of a custom field, the filter of a preference. Where nothing follows the bracket, the value is the element's main one.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::out::counted;

/// Lists of a profile: name, the member that tells elements apart, the one that a bare place means.
const LISTS: [(&str, &str, &str); 12] = [
    ("AlternateIds", "AlternateIdType", "AlternateId"),
    ("Emails", "EmailAddressType", "EmailAddress"),
    ("PhoneNumbers", "PhoneType", "PhoneNumber"),
    ("Addresses", "AddressType", "Address1"),
    ("Groups", "GroupType", "GroupName"),
    ("CustomFields", "Name", "Value"),
    ("Consents", "ConsentType", "ConsentStatus"),
    ("ProfilePreferences", "FilterId", "PreferenceType"),
    ("EmailPreferences", "FilterId", "PreferenceType"),
    ("PhoneNumberPreferences", "FilterId", "PreferenceType"),
    ("AddressPreferences", "FilterId", "PreferenceType"),
    ("PreferenceAttributes", "Key", "Value"),
];

/// Members that are true or false.
const FLAGS: [&str; 7] = [
    "IsActive",
    "IsDefault",
    "IsMobile",
    "IsPrimary",
    "RegistrationConfirmed",
    "PreserveConsents",
    "PreservePreferences",
];

/// Tags of one cell are told apart by this.
const BETWEEN_TAGS: char = ';';

/// The file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase", default)]
struct File {
    columns: BTreeMap<String, String>,
    constants: BTreeMap<String, String>,
}

/// A mapping, and for one table the places of its columns.
#[derive(Debug, Clone)]
pub(super) struct Mapping {
    columns: BTreeMap<String, PlaceOf>,
    constants: Vec<(PlaceOf, String)>,
}

/// A place in a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PlaceOf(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Member(String),
    /// The element of a list with this key; the member that has it.
    Element {
        list: String,
        member: &'static str,
        key: String,
    },
}

impl Mapping {
    /// Reads a mapping.
    pub(super) fn read(path: &Path) -> anyhow::Result<(Self, String)> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("the mapping {} can't be read", path.display()))?;
        let mapping = Self::parse(&text).with_context(|| format!("the mapping {}", path.display()))?;
        Ok((mapping, text))
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let file: File = toml::from_str(text).context("it is no mapping")?;
        if file.columns.is_empty() {
            bail!("it maps no column; under [Columns] stand lines such as \"E-mail\" = \"Emails[Home].EmailAddress\"");
        }
        let place = |text: &String| PlaceOf::parse(text).with_context(|| format!("the place {text:?}"));
        let columns = file.columns.iter().map(|(column, text)| Ok((column.clone(), place(text)?)));
        let constants = file.constants.iter().map(|(text, value)| Ok((place(text)?, value.clone())));
        Ok(Self {
            columns: columns.collect::<anyhow::Result<_>>()?,
            constants: constants.collect::<anyhow::Result<_>>()?,
        })
    }

    /// The columns of a table in the order of its header; one that the mapping doesn't name is left out.
    pub(super) fn table(&self, of: &Path, header: &[String]) -> anyhow::Result<Table<'_>> {
        if let Some(missing) = self.columns.keys().find(|column| !header.contains(column)) {
            let mut words = format!(
                "the mapping names the column {missing:?}, which the first line of {} hasn't got. Is that line a header (columns separated \
                 by commas)? It has {}",
                of.display(),
                counted(header.len() as u64, "column")
            );
            if self.is_header(header) {
                words += &format!(": {}", header.join(", "));
            }
            bail!(words);
        }
        Ok(Table { places: header.iter().map(|name| self.columns.get(name)).collect(), constants: &self.constants })
    }

    /// Whether this is a header as far as can be seen. Else it may be a person's record, which must not come into mails and logs.
    fn is_header(&self, first_line: &[String]) -> bool {
        first_line.iter().all(|cell| looks_like_a_name(cell))
            && first_line.iter().any(|cell| self.columns.contains_key(cell))
    }
}

/// The longest name of a column that may be told.
const LONGEST_NAME: usize = 40;

/// Whether this may be the name of a column and is no address, number or JSON of a person.
fn looks_like_a_name(cell: &str) -> bool {
    let (all, digits) = (cell.chars().count(), cell.chars().filter(char::is_ascii_digit).count());
    all <= LONGEST_NAME && !cell.contains(['{', '"', '@']) && digits * 2 <= all
}

/// The places of a table's columns.
pub(super) struct Table<'m> {
    places: Vec<Option<&'m PlaceOf>>,
    constants: &'m [(PlaceOf, String)],
}

impl Table<'_> {
    /// The profile of a row. An empty cell says nothing; an element of which no cell says anything isn't there.
    pub(super) fn profile<'r>(&self, cells: impl Iterator<Item = &'r str>) -> Result<Value, String> {
        let mut profile = Value::Object(Map::new());
        for (place, cell) in self.places.iter().zip(cells) {
            if let Some(place) = place
                && !cell.trim().is_empty()
            {
                place.put(&mut profile, cell)?;
            }
        }
        for (place, value) in self.constants {
            if place.is_in(&profile) {
                place.put(&mut profile, value)?;
            }
        }
        Ok(profile)
    }
}

impl PlaceOf {
    fn parse(text: &str) -> anyhow::Result<Self> {
        let mut steps = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (name, behind) = rest.split_at(end);
            if name.is_empty() {
                bail!("a name is missing; a place looks like Emails[Home].EmailAddress");
            }
            if let Some(in_brackets) = behind.strip_prefix('[') {
                let Some((key, behind)) = in_brackets.split_once(']') else { bail!("the bracket isn't closed") };
                let Some((list, member, main)) = LISTS.iter().find(|(list, ..)| list.eq_ignore_ascii_case(name)) else {
                    bail!("{name} is no list of a profile; lists are {}", LISTS.map(|(list, ..)| list).join(", "));
                };
                steps.push(Step::Element { list: (*list).to_owned(), member, key: key.trim().to_owned() });
                rest = behind.strip_prefix('.').unwrap_or(behind);
                if behind.is_empty() {
                    steps.push(Step::Member((*main).to_owned()));
                }
            } else {
                steps.push(Step::Member(name.to_owned()));
                rest = behind.strip_prefix('.').unwrap_or(behind);
            }
        }
        if steps.is_empty() {
            bail!("it is empty");
        }
        Ok(Self(steps))
    }

    /// Whether what it is a part of is there.
    fn is_in(&self, profile: &Value) -> bool {
        let mut at = profile;
        for step in &self.0 {
            if let Step::Element { list, member, key } = step {
                let elements = at.get(list).and_then(Value::as_array).into_iter().flatten();
                let Some(found) = elements.into_iter().find(|e| e.get(*member).is_some_and(|k| k == key)) else {
                    return false;
                };
                at = found;
            }
        }
        true
    }

    fn put(&self, profile: &mut Value, cell: &str) -> Result<(), String> {
        let mut at = profile;
        let Some((last, way)) = self.0.split_last() else { return Ok(()) };
        for step in way {
            at = match step {
                Step::Member(name) => &mut at[name.as_str()],
                Step::Element { list, member, key } => {
                    let elements = at[list.as_str()].as_array_mut().map(std::mem::take).unwrap_or_default();
                    at[list.as_str()] = Value::Array(elements);
                    let Some(elements) = at[list.as_str()].as_array_mut() else { return Ok(()) };
                    let found = elements.iter().position(|e| e.get(*member).is_some_and(|k| k == key));
                    let place = found.unwrap_or_else(|| {
                        elements.push(serde_json::json!({ *member: key }));
                        elements.len() - 1
                    });
                    &mut elements[place]
                }
            };
        }
        if let Step::Member(name) = last {
            at[name.as_str()] = value(name, cell)?;
        }
        Ok(())
    }
}

/// A cell as the value of a member.
fn value(member: &str, cell: &str) -> Result<Value, String> {
    let text = cell.trim();
    let yes = ["true", "yes", "y", "1", "x"].iter().any(|word| text.eq_ignore_ascii_case(word));
    let no = ["false", "no", "n", "0"].iter().any(|word| text.eq_ignore_ascii_case(word));
    match member {
        _ if FLAGS.contains(&member) => match (yes, no) {
            (true, _) => Ok(true.into()),
            (_, true) => Ok(false.into()),
            _ => Err(format!("{member} is {text:?}; accepted: true, yes, 1, false, no or 0")),
        },
        "ProfileId" => {
            text.parse::<u64>().map(Value::from).map_err(|_| format!("ProfileId is {text:?}; accepted: a whole number"))
        }
        // A table says yes and no of a newsletter; 1 and 2 are the API's own.
        "PreferenceType" => Ok(match text {
            "1" => 1.into(),
            "2" => 2.into(),
            _ if yes => 1.into(),
            _ if no => 2.into(),
            word => word.into(),
        }),
        "ConsentStatus" => Ok(text.parse::<u8>().map_or_else(|_| text.into(), Value::from)),
        "ProfileTags" => {
            let tags = text.split(BETWEEN_TAGS).map(str::trim).filter(|tag| !tag.is_empty());
            Ok(tags.map(|tag| serde_json::json!({ "Name": tag })).collect())
        }
        _ => Ok(cell.into()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const MAPPING: &str = r#"
        [Columns]
        "No" = "AlternateIds[CRM]"
        "First" = "CustomerName.FirstName"
        "Mail" = "Emails[Home].EmailAddress"
        "News" = "Emails[Home].EmailPreferences[NEWS-EMAIL]"
        "Said" = "Emails[Home].EmailPreferences[NEWS-EMAIL].CustomerDate"
        "Work" = "emails[Work]"
        "Age" = "CustomFields[Age]"
        "Tags" = "ProfileTags"
        "Id" = "ProfileId"
        [Constants]
        "Emails[Home].IsDefault" = "yes"
        "Emails[Work].IsDefault" = "no"
    "#;

    fn row(cells: &[(&str, &str)]) -> Result<Value, String> {
        let mapping = Mapping::parse(MAPPING).unwrap();
        let mut header: Vec<String> = mapping.columns.keys().cloned().collect();
        header.push("Unmapped".to_owned());
        let cell = |name: &String| cells.iter().find(|(n, _)| n == name).map_or("", |(_, cell)| *cell);
        let table = mapping.table(Path::new("t.csv"), &header).unwrap();
        table.profile(header.iter().map(cell))
    }

    #[test]
    fn cells_go_where_the_mapping_says_and_empty_ones_say_nothing() {
        let profile = row(&[
            ("No", "C-1"),
            ("First", "Ann"),
            ("Mail", "a@b.c"),
            ("News", "no"),
            ("Said", "2026-01-01"),
            ("Tags", "a; b;"),
            ("Id", "7"),
            ("Unmapped", "z"),
            ("Age", "42"),
        ])
        .unwrap();
        let expected = json!({
            "CustomerName": {"FirstName": "Ann"},
            "ProfileId": 7,
            "AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": "C-1"}],
            "Emails": [{"EmailAddressType": "Home", "EmailAddress": "a@b.c", "IsDefault": true,
                "EmailPreferences": [{"FilterId": "NEWS-EMAIL", "PreferenceType": 2, "CustomerDate": "2026-01-01"}]}],
            "CustomFields": [{"Name": "Age", "Value": "42"}],
            "ProfileTags": [{"Name": "a"}, {"Name": "b"}],
        });
        assert_eq!(profile, expected);
        assert_eq!(row(&[]).unwrap(), json!({}), "a constant of what isn't there says nothing either");
        assert!(row(&[("Id", "x")]).unwrap_err().contains("ProfileId"));
    }

    #[test]
    fn a_mapping_that_can_t_be_meant_is_refused_with_its_place() {
        for (text, words) in [
            ("", "maps no column"),
            ("[Columns]\nA = \"Boats[Home]\"", "no list of a profile"),
            ("[Columns]\nA = \"Emails[Home\"", "isn't closed"),
            ("[Columns]\nA = \"\"", "empty"),
            ("[Colums]\nA = \"B\"", "no mapping"),
        ] {
            let error = format!("{:#}", Mapping::parse(text).unwrap_err());
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn a_first_line_is_told_only_where_it_is_a_header_and_nobody_s_record() {
        let mapping = Mapping::parse(MAPPING).unwrap();
        let error = |cells: &[&str]| {
            let header: Vec<String> = cells.iter().map(ToString::to_string).collect();
            mapping.table(Path::new("t.csv"), &header).err().unwrap().to_string()
        };
        assert_eq!(
            error(&["No", "First name", "Line 2"]),
            "the mapping names the column \"Age\", which the first line of t.csv hasn't got. Is that line a header (columns separated by commas)? \
             It has 3 columns: No, First name, Line 2"
        );
        let long = "x".repeat(41);
        for cell in ["{\"A\": 1", "a\"b", "ann@example.com", "+1 404 555 0123", "30303", &long] {
            let error = error(&["No", cell]);
            assert!(error.ends_with("It has 2 columns") && !error.contains(cell), "{error}");
        }
        let error = error(&["Ann", "Smith", "10 Peachtree Street"]);
        assert!(error.ends_with("It has 3 columns"), "a line without any of the names is no header: {error}");
    }
}
