//! The token call as it was sent: the form, and the credentials from the form or the Basic header.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use hyper::{HeaderMap, header::AUTHORIZATION};
use percent_encoding::percent_decode_str;

use super::error::{Code, OAuthError};
use crate::http::query::Query;

/// The parameters that this call knows; a repeated one is refused (RFC 6749, 3.2), others are ignored.
const KNOWN: [&str; 6] =
    ["grant_type", "client_id", "client_secret", "scope", "client_assertion", "client_assertion_type"];

/// A request for a token. The secret does not show in its `Debug`.
#[derive(PartialEq, Eq)]
pub(crate) struct TokenRequest {
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    /// As it was sent; `None` when it wasn't.
    pub(crate) scope: Option<String>,
}

impl fmt::Debug for TokenRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenRequest({:?}, {:?})", self.client_id, self.scope)
    }
}

/// Reads the form and the header.
pub(crate) fn parse(headers: &HeaderMap, form: &[u8]) -> Result<TokenRequest, OAuthError> {
    let invalid = |text: &str| OAuthError::new(Code::InvalidRequest, text);
    let form = std::str::from_utf8(form).map_err(|_| invalid("the form is not UTF-8"))?;
    if !crate::http::path::well_formed(form) {
        return Err(invalid("the form has a % that is no escape of two hexadecimal digits"));
    }
    let form = Query::parse(form);
    for name in KNOWN {
        if form.pairs().filter(|(n, _)| *n == name).count() > 1 {
            return Err(invalid(&format!("the parameter {name} was sent twice")));
        }
    }
    // names of OAuth have their letter case; a parameter without a value counts as not sent (RFC 6749, 3.2)
    let sent = |name| form.pairs().find(|(n, v)| *n == name && !v.is_empty()).map(|(_, value)| value.to_owned());

    match sent("grant_type").as_deref() {
        Some("client_credentials") => {}
        None => return Err(invalid("the parameter grant_type is missing; accepted: client_credentials")),
        Some(_) => return Err(OAuthError::new(Code::UnsupportedGrantType, "accepted: client_credentials")),
    }
    if sent("client_assertion").is_some() || sent("client_assertion_type").is_some() {
        let text = "client assertions are not offered by this server; send client_id and client_secret";
        return Err(OAuthError::new(Code::InvalidClient, text));
    }
    let (client_id, client_secret) = match (basic(headers)?, sent("client_id"), sent("client_secret")) {
        (Some(_), _, Some(_)) => {
            return Err(invalid(
                "the client's credentials stand in the Authorization header and in the form; send them once",
            ));
        }
        (Some((id, _)), Some(other), None) if id != other => {
            return Err(invalid("client_id is one in the Authorization header and another in the form"));
        }
        (Some(credentials), _, None) => credentials,
        (None, Some(id), Some(secret)) => (id, secret),
        (None, _, _) => {
            let text = "client_id and client_secret are missing; send them in a Basic header or in the form";
            return Err(OAuthError::new(Code::InvalidClient, text));
        }
    };
    Ok(TokenRequest { client_id, client_secret, scope: sent("scope") })
}

/// The credentials of a Basic header: id and secret are form-encoded before they are joined (RFC 6749, 2.3.1).
pub(crate) fn basic(headers: &HeaderMap) -> Result<Option<(String, String)>, OAuthError> {
    let refused = |text: &str| OAuthError::new(Code::InvalidClient, text);
    let Some(header) = headers.get(AUTHORIZATION) else { return Ok(None) };
    let (scheme, encoded) = header.to_str().unwrap_or_default().split_once(' ').unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(refused("the Authorization header of a token call takes Basic alone"));
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

    /// Reads a form and perhaps a header: "id secret scope", or the code of the refusal.
    fn reading(authorization: Option<&str>, form: &str) -> Result<String, Code> {
        let headers = authorization.iter().map(|v| (AUTHORIZATION, HeaderValue::from_str(v).unwrap())).collect();
        match parse(&headers, form.as_bytes()) {
            Ok(r) => Ok(format!("{} {} {}", r.client_id, r.client_secret, r.scope.unwrap_or("-".into()))),
            Err(OAuthError::Refused(body)) => Err(body.error),
            Err(OAuthError::Api(error)) => panic!("{error}"),
        }
    }

    #[test]
    fn credentials_come_from_the_header_or_the_form_and_not_from_both() {
        use Code::*;
        let basic = |text: &str| Some(format!("Basic {}", STANDARD.encode(text)));
        let grant = "grant_type=client_credentials";
        let table: &[(Option<String>, String, Result<&str, Code>)] = &[
            (None, format!("{grant}&client_id=a&client_secret=b"), Ok("a b -")),
            (None, format!("{grant}&client_id=a&client_secret=b%2Bc+d&scope=X%2FY"), Ok("a b+c d X/Y")),
            (basic("a:b"), grant.into(), Ok("a b -")),
            (basic("a:b:c"), grant.into(), Ok("a b:c -")),
            (basic("a:b%3A%2B"), format!("{grant}&scope=X/Y"), Ok("a b:+ X/Y")),
            (basic("a:b"), format!("{grant}&client_id=a"), Ok("a b -")),
            (basic("a:b"), format!("{grant}&client_id=z"), Err(InvalidRequest)),
            (basic("a:b"), format!("{grant}&client_id=a&client_secret=b"), Err(InvalidRequest)),
            (basic("ab"), grant.into(), Err(InvalidClient)),
            (Some("Basic !!".into()), grant.into(), Err(InvalidClient)),
            (Some("Bearer abc".into()), grant.into(), Err(InvalidClient)),
            (None, grant.into(), Err(InvalidClient)),
            (None, format!("{grant}&client_id=a"), Err(InvalidClient)),
            (None, format!("{grant}&client_id=a&client_secret="), Err(InvalidClient)),
            (None, format!("{grant}&client_id=a&client_assertion=x"), Err(InvalidClient)),
            (None, "client_id=a&client_secret=b".into(), Err(InvalidRequest)),
            (None, "grant_type=password&client_id=a&client_secret=b".into(), Err(UnsupportedGrantType)),
            (None, "grant_type=CLIENT_CREDENTIALS&client_id=a&client_secret=b".into(), Err(UnsupportedGrantType)),
            (None, format!("{grant}&client_id=a&client_id=a&client_secret=b"), Err(InvalidRequest)),
            (None, format!("{grant}&client_id=a&client_secret=%zz"), Err(InvalidRequest)),
            (None, format!("{grant}&client_id=a&client_secret=b&other=1&other=2"), Ok("a b -")),
        ];
        for (header, form, expected) in table {
            assert_eq!(reading(header.as_deref(), form), expected.map(str::to_owned), "{header:?} {form}");
        }
    }

    #[test]
    fn the_secret_does_not_show_when_a_request_is_written_to_a_log() {
        let request =
            parse(&HeaderMap::new(), b"grant_type=client_credentials&client_id=a&client_secret=hush").unwrap();
        assert!(!format!("{request:?}").contains("hush"));
    }
}
