//! What is looked for by by_key: the parts that its keys are made of, and the comparison with a row that a hit needs before it counts.
//!
//! Only the member of the row that is compared is read: parsing a whole profile takes ten times as long, and a profile that is read
//! by its alternate id is given out as its bytes stand.

use sayso_model::{
    id::{AccountNo, fold},
    normal,
};
use serde::Deserialize;

use crate::{
    StoreError,
    keys::{Kind, Pattern},
    profiles::Key,
    row::Stored,
    search::{Address, Name},
};

/// A key, a name or an address in the form in which it is compared.
pub(crate) enum Wanted {
    /// Value and type.
    Typed(Kind, String, Option<String>),
    Name(Name),
    Address(Address),
}

impl Wanted {
    /// A key.
    pub(crate) fn of(key: &Key) -> Self {
        let (kind, value, name) = match key {
            Key::AlternateId { kind, id } => (Kind::AlternateId, fold(id), kind.as_deref()),
            Key::Email { kind, address } => (Kind::Email, normal::email(address), kind.as_deref()),
            Key::Phone { kind, number } => (Kind::Phone, normal::digits(number), kind.as_deref()),
            Key::Group { kind, name } => (Kind::Group, fold(name), Some(kind.as_str())),
        };
        Self::Typed(kind, value, name.map(fold))
    }

    /// A name.
    pub(crate) fn name(name: &Name) -> Self {
        let Name { last, first, middle } = name;
        Self::Name(Name { last: fold(last), first: first.as_deref().map(fold), middle: middle.as_deref().map(fold) })
    }

    /// An address.
    pub(crate) fn address(address: &Address) -> Self {
        Self::Address(address.clone().map(&|part| fold(&part)))
    }

    /// What its entries in by_key look like.
    pub(crate) fn pattern(&self, no: AccountNo) -> Pattern {
        match self {
            Self::Typed(kind, value, name) => Pattern::new(no, *kind, &[Some(value), name.as_deref()]),
            Self::Name(Name { last, first, middle }) => {
                Pattern::new(no, Kind::Name, &[Some(last), first.as_deref(), middle.as_deref()])
            }
            Self::Address(a) => {
                let parts = [&a.postal_code, &a.city, &a.state_province, &a.address1].map(Option::as_deref);
                Pattern::new(no, Kind::Address, &parts)
            }
        }
    }

    /// Whether the row has it.
    pub(crate) fn is_in(&self, row: &Stored<'_>) -> Result<bool, StoreError> {
        Ok(match self {
            Self::Typed(kind, value, name) => {
                let is =
                    |had: String, of_type: &str| had == *value && name.as_ref().is_none_or(|n| fold(of_type) == *n);
                match kind {
                    Kind::AlternateId => row
                        .member::<Vec<HasAlternateId>>("AlternateIds")?
                        .iter()
                        .any(|a| is(fold(&a.alternate_id), &a.alternate_id_type)),
                    Kind::Email => row
                        .member::<Vec<HasEmail>>("Emails")?
                        .iter()
                        .any(|e| is(normal::email(&e.email_address), &e.email_address_type)),
                    Kind::Phone => row
                        .member::<Vec<HasPhone>>("PhoneNumbers")?
                        .iter()
                        .any(|p| is(normal::digits(&p.phone_number), &p.phone_type)),
                    Kind::Group => {
                        row.member::<Vec<HasGroup>>("Groups")?.iter().any(|g| is(fold(&g.group_name), &g.group_type))
                    }
                    Kind::Name | Kind::Address => false,
                }
            }
            Self::Name(Name { last, first, middle }) => {
                let has: HasName = row.member("CustomerName")?;
                let is = |wanted: Option<&String>, had: Option<String>| {
                    wanted.is_none_or(|wanted| had.is_some_and(|had| fold(&had) == *wanted))
                };
                is(Some(last), has.last_name)
                    && is(first.as_ref(), has.first_name)
                    && is(middle.as_ref(), has.middle_name)
            }
            Self::Address(wanted) => row.member::<Vec<HasAddress>>("Addresses")?.iter().any(|has| has.is(wanted)),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HasAlternateId {
    alternate_id_type: String,
    alternate_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HasEmail {
    email_address_type: String,
    email_address: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HasPhone {
    phone_type: String,
    phone_number: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HasGroup {
    group_type: String,
    group_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HasName {
    first_name: Option<String>,
    middle_name: Option<String>,
    last_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HasAddress {
    address_type: String,
    address1: String,
    address2: Option<String>,
    city: String,
    state_province: String,
    postal_code: String,
    #[serde(rename = "CountryCode_Alpha2")]
    alpha2: Option<String>,
    #[serde(rename = "CountryCode_Alpha3")]
    alpha3: Option<String>,
    #[serde(rename = "CountryCode_Numeric")]
    numeric: Option<String>,
    country: Option<String>,
}

impl HasAddress {
    /// Whether it has every part that is wanted; a country by its name or any of its codes.
    fn is(&self, wanted: &Address) -> bool {
        let is = |wanted: &Option<String>, had: &[Option<&String>]| {
            wanted.as_ref().is_none_or(|wanted| had.iter().flatten().any(|had| fold(had) == *wanted))
        };
        is(&wanted.address_type, &[Some(&self.address_type)])
            && is(&wanted.address1, &[Some(&self.address1)])
            && is(&wanted.address2, &[self.address2.as_ref()])
            && is(&wanted.city, &[Some(&self.city)])
            && is(&wanted.state_province, &[Some(&self.state_province)])
            && is(&wanted.postal_code, &[Some(&self.postal_code)])
            && is(
                &wanted.country,
                &[self.country.as_ref(), self.alpha2.as_ref(), self.alpha3.as_ref(), self.numeric.as_ref()],
            )
    }
}
