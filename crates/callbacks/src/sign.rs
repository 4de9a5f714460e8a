//! The signature of the Standard Webhooks specification, 1.0 (symmetric, `v1`): HMAC-SHA256 of id, timestamp and body, joined by dots. While a
//! secret is exchanged there are two, and a receiver takes whichever fits its own.

use aws_lc_rs::hmac;
use base64::{Engine as _, prelude::BASE64_STANDARD};

/// Before the base64 of a secret's bytes.
const PREFIX: &str = "whsec_";

/// The key of a secret as users have it; `None` for a text of another form.
pub(crate) fn key(secret: &str) -> Option<hmac::Key> {
    let bytes = BASE64_STANDARD.decode(secret.strip_prefix(PREFIX)?).ok()?;
    Some(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

/// The value of `webhook-signature`.
pub(crate) fn signature(keys: &[hmac::Key], id: &str, timestamp_s: i64, body: &str) -> String {
    let signed = format!("{id}.{timestamp_s}.{body}");
    let one = |key| format!("v1,{}", BASE64_STANDARD.encode(hmac::sign(key, signed.as_bytes())));
    keys.iter().map(one).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";

    #[test]
    fn it_is_the_one_of_the_specifications_own_libraries() {
        // The vector of standard-webhooks' reference implementations, computed again with Python's hmac.
        let key = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = signature(&[key], ID, 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn of_two_secrets_both_sign() {
        let (one, two) = (key("whsec_AAAA").unwrap(), key("whsec_BBBB").unwrap());
        let (first, second) =
            (signature(std::slice::from_ref(&one), ID, 1, ""), signature(std::slice::from_ref(&two), ID, 1, ""));
        assert_eq!(signature(&[one, two], ID, 1, ""), format!("{first} {second}"));
        assert_ne!(first, second);
    }

    #[test]
    fn a_secret_of_another_form_is_none() {
        for odd in ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_not base64"] {
            assert_eq!(key(odd).is_some(), odd == "whsec_", "{odd}");
        }
    }
}
