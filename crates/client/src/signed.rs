//! The signed header: for callers that can't do OAuth (access.md, Signed header).

use std::fmt;

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::Error;

/// The hash of the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    #[default]
    Sha256,
    /// HMAC with SHA-384.
    Sha384,
    /// HMAC with SHA-512.
    Sha512,
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Algorithm::Sha256 => "SHA256",
            Algorithm::Sha384 => "SHA384",
            Algorithm::Sha512 => "SHA512",
        })
    }
}

/// A user and the key that only they and the server know.
#[derive(Clone)]
pub(crate) struct SharedKey {
    user: String,
    algorithm: Algorithm,
    key: hmac::Key,
}

impl SharedKey {
    pub(crate) fn new(user: String, key: &str, algorithm: Algorithm) -> Result<Self, Error> {
        // They stand in the header between spaces, commas or slashes.
        if user.is_empty() || user.chars().any(|c| c.is_whitespace() || c.is_control() || c == '/' || c == ',') {
            return Err(Error::Setup(format!(
                "{user:?} is not a user id that can sign: it is empty or has a space, comma or slash in it"
            )));
        }
        let with = match algorithm {
            Algorithm::Sha256 => hmac::HMAC_SHA256,
            Algorithm::Sha384 => hmac::HMAC_SHA384,
            Algorithm::Sha512 => hmac::HMAC_SHA512,
        };
        Ok(Self { user, algorithm, key: hmac::Key::new(with, key.as_bytes()) })
    }

    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    /// The value of `Authorization` for a call of this moment.
    pub(crate) fn authorization(&self, account: &str) -> String {
        self.issued(account, &format!("{:.0}", jiff::Timestamp::now()))
    }

    fn issued(&self, account: &str, issued: &str) -> String {
        let Self { user, algorithm, key } = self;
        let tag = hmac::sign(key, format!("{account}:{user}:{issued}").as_bytes());
        let signature = STANDARD.encode(tag);
        format!("PNAUTHINFO3-HMAC-{algorithm} Credential={user}/{issued} Signature={signature}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_hmac_of_account_user_and_date() {
        // printf %s ACME_CORP:John.Doe:2026-11-24T10:00:00Z | openssl dgst -sha256 -hmac key -binary | base64
        let key = SharedKey::new("John.Doe".to_owned(), "key", Algorithm::Sha256).unwrap();
        assert_eq!(
            key.issued("ACME_CORP", "2026-11-24T10:00:00Z"),
            "PNAUTHINFO3-HMAC-SHA256 Credential=John.Doe/2026-11-24T10:00:00Z Signature=UsMQHE79PeFaqEBY8mqiIBaTbMatQ7B0zMC4t7tKY8U="
        );
        let key = SharedKey::new("John.Doe".to_owned(), "key", Algorithm::Sha512).unwrap();
        assert_eq!(
            key.issued("ACME_CORP", "2026-11-24T10:00:00Z"),
            "PNAUTHINFO3-HMAC-SHA512 Credential=John.Doe/2026-11-24T10:00:00Z Signature=afTQ0Zh3EbdYPK1KZtLQX9jSsfSmKmRq7n4jfge79Z/pSbTbGd0Lcz+yNmZhoeyD+oGnZM1ok0Fv3vnfFBOTjA=="
        );
    }

    #[test]
    fn the_date_is_this_second_in_utc() {
        let key = SharedKey::new("u".to_owned(), "key", Algorithm::Sha384).unwrap();
        let header = key.authorization("A");
        let date = header.split(['/', ' ']).nth(2).unwrap();
        let issued: jiff::Timestamp = date.parse().unwrap();
        assert!(date.ends_with('Z') && date.len() == 20, "{header}");
        assert!((jiff::Timestamp::now().as_second() - issued.as_second()).abs() < 60, "{header}");
    }

    #[test]
    fn a_user_id_that_would_break_the_header_is_refused() {
        for user in ["", "a b", "a/b", "a,b", "a\n"] {
            assert!(SharedKey::new(user.to_owned(), "key", Algorithm::Sha256).is_err(), "{user:?}");
        }
    }
}
