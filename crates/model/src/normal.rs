//! The forms in which emails, phone numbers and addresses are compared: as natural keys of a profile's contacts, as index
//! keys of the store, and by an export's `Values` (export.md: emails without regard to case, phones by their digits).

use crate::{
    id::{fold, fold_into},
    profile::{Address, Email, Phone, Place},
};

/// The form in which email addresses are compared.
pub fn email(address: &str) -> String {
    fold(address)
}

/// The digits of a phone number as ASCII, everything else left out (profile.md, `PhoneNumberNumeric`). Decimal digits of
/// every script count: people type numbers as their keyboard has them.
pub fn digits(number: &str) -> String {
    let mut out = String::with_capacity(number.len());
    for c in number.chars() {
        if c.is_ascii() {
            if c.is_ascii_digit() {
                out.push(c);
            }
        } else if let Some(value) = foreign_digit(c) {
            out.push(char::from(b'0' + value));
        }
    }
    out
}

/// The folded lines, city, state and postal code, joined by U+001F ([`Place::Address`]).
pub fn address(a: &Address) -> String {
    let parts = [&*a.address1, a.address2.as_deref().unwrap_or_default(), &a.city, &a.state_province, &a.postal_code];
    let mut key = String::with_capacity(parts.iter().map(|part| part.len() + 1).sum());
    for (i, part) in parts.into_iter().enumerate() {
        if i > 0 {
            key.push('\u{1f}');
        }
        fold_into(part, &mut key);
    }
    key
}

impl Email {
    /// Its natural key within a profile.
    pub fn place(&self) -> Place {
        Place::Email { kind: fold(&self.email_address_type), address: email(&self.email_address) }
    }
}

impl Phone {
    /// Its natural key within a profile.
    pub fn place(&self) -> Place {
        Place::Phone { kind: fold(&self.phone_type), digits: self.phone_number_numeric.clone() }
    }
}

impl Address {
    /// Its natural key within a profile.
    pub fn place(&self) -> Place {
        Place::Address { kind: fold(&self.address_type), key: address(self) }
    }
}

/// The value of a decimal digit outside of ASCII.
fn foreign_digit(c: char) -> Option<u8> {
    let c = u32::from(c);
    let zero = ZEROS[..ZEROS.partition_point(|&z| z <= c)].last()?;
    u8::try_from(c - zero).ok().filter(|&value| value < 10)
}

/// The zeros of Unicode's decimal digits (general category Nd) beyond ASCII; each is followed by its nine others.
#[rustfmt::skip]
const ZEROS: [u32; 65] = [
    0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50, 0xED0, 0xF20, 0x1040,
    0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0,
    0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0, 0x10D30, 0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650,
    0x116C0, 0x11730, 0x118E0, 0x11950, 0x11C50, 0x11D50, 0x11DA0, 0x16A60, 0x16AC0, 0x16B50, 0x1D7CE, 0x1D7D8, 0x1D7E2,
    0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E950, 0x1FBF0,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_number_is_compared_by_its_digits() {
        assert_eq!(digits("+1 (404) 555-0123 ext. 7"), "140455501237");
        assert_eq!(digits("no number"), "");
    }

    #[test]
    fn digits_of_every_script_count_as_digits() {
        assert_eq!(digits("٠١٢٣٤٥٦٧٨٩"), "0123456789");
        assert_eq!(digits("４０４"), "404");
        assert_eq!(digits("𝟿𝟶𝟏"), "901");
        assert_eq!(digits("½Ⅷ②"), "", "numerals that are no decimal digits are left out");
    }

    #[test]
    fn emails_are_compared_without_regard_to_case() {
        assert_eq!(email(" Ann.ÅBERG@Example.COM "), email("ann.åberg@example.com"));
    }
}
