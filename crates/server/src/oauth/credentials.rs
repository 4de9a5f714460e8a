//! What a client shows of itself, and where it stands: in a Basic header or in the form (RFC 6749, 2.3.1), as a secret or as an assertion
//! that its key has signed (RFC 7521, 4.2).

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use hyper::{HeaderMap, header::AUTHORIZATION};
use percent_encoding::percent_decode_str;

use super::{
    error::{Code, OAuthError},
    form::Form,
};

/// The one kind of assertion (RFC 7523, 2.2).
pub(crate) const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What is shown. Neither secrets nor assertions stand in its `Debug`.
#[derive(PartialEq, Eq)]
pub(crate) enum Shown {
    /// A secret.
    Secret { client_id: String, secret: String },
    /// A signed assertion; the client id beside it may be left out.
    Assertion { client_id: Option<String>, jwt: String },
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shown::Secret { client_id, .. } => write!(f, "Secret({client_id:?})"),
            Shown::Assertion { client_id, .. } => write!(f, "Assertion({client_id:?})"),
        }
    }
}

impl Shown {
    /// Reads the header and the form.
    ///
    /// # Errors
    /// `invalid_request` when a client shows itself in two ways, `invalid_client` when it doesn't, or in a way that isn't offered.
    pub(crate) fn of(headers: &HeaderMap, form: &Form) -> Result<Self, OAuthError> {
        let invalid = |text: &str| Err(OAuthError::new(Code::InvalidRequest, text));
        let basic = basic(headers)?;
        let client_id = form.sent("client_id").map(str::to_owned);
        let (kind, jwt) = (form.sent("client_assertion_type"), form.sent("client_assertion"));
        let ways = [basic.is_some(), form.sent("client_secret").is_some(), jwt.is_some() || kind.is_some()];
        if ways.iter().filter(|way| **way).count() > 1 {
            return invalid(
                "the client shows itself in more than one way; send a Basic header, or client_secret, or client_assertion",
            );
        }
        match (kind, jwt) {
            (None, None) => {}
            (Some(JWT_BEARER), Some(jwt)) => return Ok(Self::Assertion { client_id, jwt: jwt.to_owned() }),
            (Some(_), Some(_)) => {
                let text = format!("the client_assertion_type is not known; accepted: {JWT_BEARER}");
                return Err(OAuthError::new(Code::InvalidClient, text));
            }
            _ => return invalid("client_assertion and client_assertion_type go together; one is missing"),
        }
        match (basic, client_id, form.sent("client_secret")) {
            (Some((id, _)), Some(other), _) if id != other => {
                invalid("client_id is one in the Authorization header and another in the form")
            }
            (Some((client_id, secret)), _, _) => Ok(Self::Secret { client_id, secret }),
            (None, Some(client_id), Some(secret)) => Ok(Self::Secret { client_id, secret: secret.to_owned() }),
            (None, _, _) => {
                let text = "the client does not show itself; send client_id and client_secret in a Basic header or in the form, or a client_assertion";
                Err(OAuthError::new(Code::InvalidClient, text))
            }
        }
    }
}

/// The credentials of a Basic header: id and secret are form-encoded before they are joined (RFC 6749, 2.3.1).
///
/// # Errors
/// `invalid_request` when the header is repeated, `invalid_client` when it is of another scheme or not base64 of two parts.
pub(crate) fn basic(headers: &HeaderMap) -> Result<Option<(String, String)>, OAuthError> {
    let refused = |text: &str| OAuthError::new(Code::InvalidClient, text);
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let Some(header) = all.next() else { return Ok(None) };
    if all.next().is_some() {
        return Err(OAuthError::new(Code::InvalidRequest, "the Authorization header was sent twice"));
    }
    let (scheme, encoded) = header.to_str().unwrap_or_default().split_once(' ').unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(refused("the Authorization header of an OAuth call takes Basic alone"));
    }
    let malformed = || refused("the Basic header is not base64 of client_id:client_secret");
    let decoded =
        STANDARD.decode(encoded.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(malformed)?;
    let (id, secret) = decoded.split_once(':').ok_or_else(malformed)?;
    let form_decoded = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    Ok(Some((form_decoded(id), form_decoded(secret))))
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    /// Reads a form and Authorization headers: what is shown, or the code of the refusal.
    fn reading(authorization: &[&str], form: &str) -> Result<String, Code> {
        let headers = authorization.iter().map(|v| (AUTHORIZATION, HeaderValue::from_str(v).unwrap())).collect();
        let shown = Form::parse(form.as_bytes()).and_then(|form| Shown::of(&headers, &form));
        match shown {
            Ok(Shown::Secret { client_id, secret }) => Ok(format!("{client_id} {secret}")),
            Ok(Shown::Assertion { client_id, jwt }) => Ok(format!("{} signs {jwt}", client_id.unwrap_or("-".into()))),
            Err(OAuthError::Refused(body)) => Err(body.error),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_client_shows_itself_in_one_way() {
        use Code::*;
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        let kind = "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
        let none: &[&str] = &[];
        let table: &[(&[&str], String, Result<&str, Code>)] = &[
            (none, "client_id=a&client_secret=b".into(), Ok("a b")),
            (none, "client_id=a&client_secret=b%2Bc+d".into(), Ok("a b+c d")),
            (&[&basic("a:b")], "".into(), Ok("a b")),
            (&[&basic("a:b").replace("Basic", "bASIC")], "".into(), Ok("a b")),
            (&[&basic("a:b:c")], "".into(), Ok("a b:c")),
            (&[&basic("a:b%3A%2B")], "".into(), Ok("a b:+")),
            (&[&basic("a:b")], "client_id=a".into(), Ok("a b")),
            (&[&basic("a:b")], "client_id=z".into(), Err(InvalidRequest)),
            (&[&basic("a:b")], "client_id=a&client_secret=b".into(), Err(InvalidRequest)),
            (&[&basic("a:b")], "client_secret=b".into(), Err(InvalidRequest)),
            (&[&basic("a:b"), &basic("a:b")], "".into(), Err(InvalidRequest)),
            (&[&basic("ab")], "".into(), Err(InvalidClient)),
            (&["Basic !!"], "".into(), Err(InvalidClient)),
            (&["Basic"], "".into(), Err(InvalidClient)),
            (&[""], "".into(), Err(InvalidClient)),
            (&["Bearer abc"], "".into(), Err(InvalidClient)),
            (&["Bearer abc"], "client_id=a&client_secret=b".into(), Err(InvalidClient)),
            (none, "".into(), Err(InvalidClient)),
            (none, "client_id=a".into(), Err(InvalidClient)),
            (none, "client_secret=b".into(), Err(InvalidClient)),
            (none, "client_id=a&client_secret=".into(), Err(InvalidClient)),
            (none, format!("{kind}&client_assertion=j"), Ok("- signs j")),
            (none, format!("{kind}&client_assertion=j&client_id=a"), Ok("a signs j")),
            (none, format!("{kind}&client_assertion=j&client_id=a&client_secret=b"), Err(InvalidRequest)),
            (&[&basic("a:b")], format!("{kind}&client_assertion=j"), Err(InvalidRequest)),
            (&[&basic("a:b")], kind.into(), Err(InvalidRequest)),
            (none, kind.into(), Err(InvalidRequest)),
            (none, "client_assertion=j".into(), Err(InvalidRequest)),
            (none, "client_assertion=j&client_assertion_type=saml2".into(), Err(InvalidClient)),
        ];
        for (headers, form, expected) in table {
            assert_eq!(reading(headers, form), expected.map(str::to_owned), "{headers:?} {form}");
        }
    }

    #[test]
    fn neither_secret_nor_assertion_shows_when_a_request_is_written_to_a_log() {
        let secret = Shown::Secret { client_id: "a".into(), secret: "hush".into() };
        let assertion = Shown::Assertion { client_id: None, jwt: "hush".into() };
        assert!(!format!("{secret:?}{assertion:?}").contains("hush"));
    }
}
