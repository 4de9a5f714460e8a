//! The signed header (access.md, Signed header): a user's shared key signs account, user and moment, and nothing of the request itself. So it is
//! good for a few minutes only, and TLS must keep it from whoever could repeat it.
//!
//! Whatever is wrong with user, account or signature is one answer, found in one way: for whom there is no account, user or key, two keys
//! that nobody knows are opened and compared. How long a header is good is the account's business, and is told only to who signed well.

use std::net::IpAddr;

use aws_lc_rs::hmac;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use sayso_model::{
    config::User,
    id::AccountNo,
    moment::{Moment, parse_issued},
    secret::Secret,
};
use sayso_store::account::Account;

use super::App;
use crate::error::ApiError;

/// How far a caller's clock may be ahead of ours, ms.
const SKEW: i64 = 30_000;
const MINUTE: i64 = 60_000;
/// The longest that an account may let a header be good.
const LONGEST: u32 = 60;
/// How long it is good where an account says nothing.
const DEFAULT: u32 = 15;

/// A signed header as it was read.
pub(crate) struct Signed {
    algorithm: hmac::Algorithm,
    user_id: String,
    /// Character for character, since it is signed.
    issued: String,
    readings: Vec<Moment>,
    signature: Vec<u8>,
}

impl Signed {
    /// Reads what follows the name of the scheme, which is in lower case; `None` for another scheme. One form is accepted, so that nothing
    /// in it can be changed and still mean the same.
    pub(super) fn of(scheme: &str, rest: &str) -> Option<Result<Self, ApiError>> {
        let algorithm = match scheme {
            "pnauthinfo3-hmac-sha256" => hmac::HMAC_SHA256,
            "pnauthinfo3-hmac-sha384" => hmac::HMAC_SHA384,
            "pnauthinfo3-hmac-sha512" => hmac::HMAC_SHA512,
            "pnauthinfo3-sha256" | "pnauthinfo3-sha384" | "pnauthinfo3-sha512" => {
                return Some(Err(ApiError::UnkeyedSignature));
            }
            _ => return None,
        };
        let parts = || {
            let (credential, signature) = rest.strip_prefix("Credential=")?.split_once(" Signature=")?;
            // Neither a user's id nor a date has a slash or a space in it.
            let (user_id, issued) = credential.split_once('/')?;
            (!user_id.is_empty()).then_some((user_id, issued, signature))
        };
        let Some((user_id, issued, signature)) = parts() else {
            return Some(Err(ApiError::UnableToAuthenticateSigned));
        };
        let Ok(readings) = parse_issued(issued) else { return Some(Err(ApiError::IssuedDate)) };
        // Strict: of the base64 of a signature no other writing is taken.
        let Ok(signature) = BASE64_STANDARD.decode(signature) else {
            return Some(Err(ApiError::UnableToAuthenticateSigned));
        };
        Some(Ok(Self { algorithm, user_id: user_id.to_owned(), issued: issued.to_owned(), readings, signature }))
    }

    /// Whether one of the moments that the date can mean lies within so many minutes before now. Else the nearest of them says what is wrong.
    fn is_good(&self, now: Moment, minutes: u32) -> Result<(), ApiError> {
        let age = |reading: &Moment| now.0.saturating_sub(reading.0);
        let good = -SKEW..=i64::from(minutes) * MINUTE;
        if self.readings.iter().any(|reading| good.contains(&age(reading))) {
            return Ok(());
        }
        match self.readings.iter().map(age).min_by_key(|age| age.unsigned_abs()) {
            Some(age) if age >= 0 => Err(ApiError::IssuedTooLongAgo),
            _ => Err(ApiError::IssuedDate),
        }
    }

    /// Whether a key made the signature, for the account as the path names it; both are compared, each in constant time.
    fn fits(&self, keys: &[Secret], client_id: &str) -> bool {
        let signed = [client_id, &self.user_id, &self.issued].join(":");
        keys.iter().fold(false, |fits, key| {
            let key = hmac::Key::new(self.algorithm, key.reveal().as_bytes());
            hmac::verify(&key, signed.as_bytes(), &self.signature).is_ok() | fits
        })
    }

    /// Who signed, for the account that the path names. Who fails too often waits; a date that is wrong is no failure, for it guesses nothing.
    pub(super) fn authenticate(&self, app: &App, client_id: &str, peer: IpAddr) -> Result<(Account, User), ApiError> {
        let now = app.store().clock().now();
        self.is_good(now, LONGEST)?;
        let identity = format!("{client_id}/{}", self.user_id);
        app.admit_sign_in(&identity, peer)?;
        let account = app.store().account(client_id)?;
        // In place of an account that isn't there the first one is read, as long as that takes.
        let instead = if account.is_none() { app.store().account_by_no(AccountNo(1))? } else { None };
        let looked_at = account.as_ref().or(instead.as_ref());
        let user = looked_at.and_then(|account| account.config.user(&self.user_id)).cloned();
        let keys = app.store().shared_keys(account.as_ref().map(|account| account.no), &self.user_id)?;
        let fits = self.fits(&keys, client_id);
        let (Some(account), Some(user), true) = (account, user.filter(|user| user.is_active), fits) else {
            app.sign_in_failed(&identity, peer);
            return Err(ApiError::UnableToAuthenticateSigned);
        };
        app.sign_in_succeeded(&identity, peer);
        self.is_good(now, account.config.source.signed_header_minutes.unwrap_or(DEFAULT))?;
        Ok((account, user))
    }
}

#[cfg(test)]
mod tests {
    use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
    use proptest::prelude::*;
    use sha2::{Digest, Sha256, Sha384, Sha512};

    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef";
    const CLIENT: &str = "ACME_CORP";
    /// 2026-06-15T12:00:00Z.
    const NOW: i64 = 1_781_524_800_000;

    fn read(header: &str) -> Result<Signed, String> {
        let (scheme, rest) = header.split_once(' ').unwrap_or((header, ""));
        let read = Signed::of(&scheme.to_ascii_lowercase(), rest).unwrap_or(Err(ApiError::UnknownScheme));
        read.map_err(|error| format!("{error:?}"))
    }

    fn signed(scheme: &str, user: &str, issued: &str) -> String {
        let algorithm = if scheme.ends_with("384") { hmac::HMAC_SHA384 } else { hmac::HMAC_SHA256 };
        let signature =
            hmac::sign(&hmac::Key::new(algorithm, KEY.as_bytes()), format!("{CLIENT}:{user}:{issued}").as_bytes());
        format!("{scheme} Credential={user}/{issued} Signature={}", BASE64_STANDARD.encode(signature))
    }

    fn keys() -> [Secret; 2] {
        [Secret::new("x".repeat(64)), Secret::new(KEY.to_owned())]
    }

    /// HMAC as RFC 2104 defines it.
    fn slow_hmac<D: Digest>(block: usize, key: &str, text: &str) -> Vec<u8> {
        let mut padded = if key.len() > block { D::digest(key).to_vec() } else { key.as_bytes().to_vec() };
        padded.resize(block, 0);
        let with = |pad: u8| padded.iter().map(|b| b ^ pad).collect::<Vec<u8>>();
        let inner = D::digest([&with(0x36), text.as_bytes()].concat());
        D::digest([&with(0x5c)[..], &inner].concat()).to_vec()
    }

    fn new_york() -> TimeZone {
        TimeZone::get("America/New_York").unwrap()
    }

    /// Every moment that a date without a zone can mean: in UTC, and wherever New York's clocks show it.
    fn slow_readings(civil: DateTime) -> Vec<i64> {
        let utc = TimeZone::UTC.to_timestamp(civil).unwrap();
        let mut all = vec![utc.as_millisecond()];
        for hours in 4..=5 {
            let there = Timestamp::from_millisecond(utc.as_millisecond() + hours * 3_600_000).unwrap();
            if new_york().to_datetime(there) == civil {
                all.push(there.as_millisecond());
            }
        }
        all
    }

    proptest! {
        #[test]
        fn signatures_are_those_of_rfc_2104(client in "[A-Z_]{1,20}", user in "[!-.0-9;-~üß]{1,20}", key in "[!-~]{32,200}", n in 0..3_usize) {
            let issued = "2026-06-15T12:00:00Z";
            let text = format!("{client}:{user}:{issued}");
            let (name, signature) = match n {
                0 => ("sha256", slow_hmac::<Sha256>(64, &key, &text)),
                1 => ("SHA384", slow_hmac::<Sha384>(128, &key, &text)),
                _ => ("Sha512", slow_hmac::<Sha512>(128, &key, &text)),
            };
            let header = format!("PnAuthInfo3-HMAC-{name} Credential={user}/{issued} Signature={}", BASE64_STANDARD.encode(signature));
            let read = read(&header).unwrap();
            let keys = |key: String| [Secret::new("x".repeat(64)), Secret::new(key)];
            prop_assert!(read.fits(&keys(key.clone()), &client));
            let (another_client, another_key) = (format!("{client}A"), format!("{key}A"));
            prop_assert!(!read.fits(&keys(key), &another_client));
            prop_assert!(!read.fits(&keys(another_key), &client));
        }

        #[test]
        fn no_character_of_a_header_can_be_changed_taken_away_or_added(at: prop::sample::Index, c in any::<char>(), what in 0..3) {
            let header = signed("PNAUTHINFO3-HMAC-SHA384", "John.Doe", "2026-06-15T12:00:00.000Z");
            let mut chars: Vec<char> = header.chars().collect();
            let at = at.index(chars.len());
            match what {
                0 if chars[at] != c => chars[at] = c,
                1 => drop(chars.remove(at)),
                _ => chars.insert(at, c),
            }
            let changed: String = chars.iter().collect();
            // The name of the scheme alone may be written in any letter case.
            prop_assume!(!changed.eq_ignore_ascii_case(&header) || changed[23..] != header[23..]);
            if let Ok(read) = read(&changed) {
                prop_assert!(!read.fits(&keys(), CLIENT), "{changed}");
            }
        }

        #[test]
        fn a_header_is_good_for_its_minutes_and_not_before_its_time(
            day in 0..730_i64, ms in 0..86_400_000_i64, ago in -7_200_000..7_200_000_i64, minutes in 1..=60_u32, form in 0..4,
        ) {
            // A year and more of New York's clocks, also where they are put forward and back.
            let at = Timestamp::from_millisecond(NOW + day * 86_400_000 + ms).unwrap();
            let now = at.as_millisecond() + ago;
            let eastern = new_york().to_datetime(at);
            let shown = |civil: DateTime| civil.strftime("%Y-%m-%dT%H:%M:%S.%3f").to_string();
            let (issued, readings) = match form {
                0 => (format!("{at:.3}"), vec![at.as_millisecond()]),
                1 => {
                    let hours = -new_york().to_offset(at).seconds() / 3600;
                    (format!("{}-0{hours}:00", shown(eastern)), vec![at.as_millisecond()])
                }
                2 => {
                    let civil = TimeZone::UTC.to_datetime(at);
                    (shown(civil), slow_readings(civil))
                }
                _ => (shown(eastern), slow_readings(eastern)),
            };
            let read = read(&signed("PNAUTHINFO3-HMAC-SHA256", "u", &issued)).unwrap();
            let good = readings.iter().any(|r| now - r >= -30_000 && now - r <= i64::from(minutes) * 60_000);
            let said = read.is_good(Moment(now), minutes);
            prop_assert_eq!(said.is_ok(), good, "{} at {}", issued, now);
            let nearest = readings.iter().min_by_key(|r| (now - **r).abs()).unwrap();
            match said {
                Err(ApiError::IssuedTooLongAgo) => prop_assert!(*nearest < now),
                Err(other) => prop_assert!(matches!(other, ApiError::IssuedDate) && *nearest > now),
                Ok(()) => {}
            }
        }
    }

    #[test]
    fn what_is_wrong_with_a_header_has_its_text() {
        let refused = |header: &str| read(header).err();
        let form = "Credential=John.Doe/2026-06-15T12:00:00Z Signature=";
        let good = format!("PNAUTHINFO3-HMAC-SHA256 {form}{}", BASE64_STANDARD.encode([0; 32]));
        assert_eq!(refused(&good), None);
        for hash in ["256", "384", "512"] {
            let unkeyed = good.replace("HMAC-SHA256", &format!("SHA{hash}"));
            assert_eq!(refused(&unkeyed), Some("UnkeyedSignature".into()));
        }
        for unknown in ["PNAUTHINFO3", "PNAUTHINFO3-HMAC-MD5", "PNAUTHINFO3-HMAC-SHA1", "PNAUTHINFO2-HMAC-SHA256"] {
            assert_eq!(refused(&good.replace("PNAUTHINFO3-HMAC-SHA256", unknown)), Some("UnknownScheme".into()));
        }
        for date in ["", "yesterday", "2026-06-15", "2026-06-31T12:00:00Z", "1781524800"] {
            let dated = good.replace("2026-06-15T12:00:00Z", date);
            assert_eq!(refused(&dated), Some("IssuedDate".into()), "{dated}");
        }
        for (from, to) in [
            (" Signature=", ", Signature="),
            ("Credential=John.Doe/", "Credential="),
            ("John.Doe", ""),
            ("AAA=", "AAA"),
            ("AAA=", "AAB="),
        ] {
            let odd = good.replacen(from, to, 1);
            assert_ne!(odd, good);
            assert!(
                refused(&odd).is_some_and(|why| why == "UnableToAuthenticateSigned" || why == "IssuedDate"),
                "{odd}"
            );
        }
    }
}
