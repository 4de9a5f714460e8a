//! A client's assertion (RFC 7523, 2.2 and 3): a JWT by which it shows that it holds the key of one of its certificates.
//!
//! What is told of one that is refused: before its signature is verified, no more than what everybody can read in it; that its client is
//! not there, has another key or is switched off is told alike. Behind a good signature, what is wrong with each claim.

use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, dangerous::insecure_decode_claims, decode, decode_header, errors::ErrorKind,
};
use sayso_model::moment::Moment;
use sayso_store::access::{Certificate, OAuthClient, PublicKey};
use serde::Deserialize;

use crate::error::shortened;

/// How far ahead `exp` may lie: as long as a bearer token is good. What is stolen of a client should not be worth more than a token; and it is
/// what Authlib writes unless told otherwise.
const MOST_AHEAD: i64 = 3_600_000;
/// How far a client's clock may be ahead of ours.
const SKEW: i64 = 30_000;

/// What is told where there is no such client, or none of its keys signed.
pub(super) const NOT_VERIFIED: &str = "the client_assertion is not verified: the client is unknown or switched off, or no certificate of it that is valid now fits the alg, the kid (may be left out) and the signature";

/// A good assertion: good once.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Assertion {
    /// Its `jti`.
    pub(super) jti: String,
    /// Its `exp`: later it is worth nothing anyway.
    pub(super) until: Moment,
}

/// An assertion whose signature nobody has looked at yet.
pub(super) struct Unverified<'a> {
    jwt: &'a str,
    algorithm: Algorithm,
    kid: Option<String>,
    /// Whose it says it is.
    pub(super) client_id: String,
}

/// What this room reads of the claims. Whoever signs may write others.
#[derive(Deserialize)]
struct Claims {
    iss: Option<String>,
    sub: Option<String>,
    aud: Option<Audience>,
    exp: Option<f64>,
    nbf: Option<f64>,
    iat: Option<f64>,
    jti: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// The claim that says whose an assertion is.
#[derive(Deserialize)]
struct Named {
    sub: String,
}

impl<'a> Unverified<'a> {
    /// Reads what everybody can read.
    pub(super) fn read(jwt: &'a str) -> Result<Self, String> {
        let unreadable = || {
            "the client_assertion is no JWT that is signed with RS256 or ES256; others, none among them, are not accepted"
                .to_owned()
        };
        let header = decode_header(jwt).map_err(|_| unreadable())?;
        if !matches!(header.alg, Algorithm::RS256 | Algorithm::ES256) {
            return Err(unreadable());
        }
        // another kind of JWT that the same key signed is none (RFC 8725, 3.11)
        let kinds = ["jwt", "client-authentication+jwt"];
        if header.typ.as_ref().is_some_and(|typ| !kinds.contains(&typ.to_ascii_lowercase().as_str())) {
            return Err(
                "the typ of the client_assertion is of another kind of token; accepted: JWT, client-authentication+jwt"
                    .into(),
            );
        }
        let named: Named = insecure_decode_claims(jwt)
            .map_err(|_| "the client_assertion names no client: sub must be the client_id".to_owned())?;
        Ok(Self { jwt, algorithm: header.alg, kid: header.kid, client_id: named.sub })
    }

    /// Verifies it as this client's, which is its own `client_id`'s: `named` is the client_id beside it in the form, `audiences` is what the server is called.
    pub(super) fn verify(
        &self,
        client: &OAuthClient,
        named: Option<&str>,
        audiences: &[String],
        now: Moment,
    ) -> Result<Assertion, String> {
        let mut fitting = client.certificates.iter().filter(|c| {
            c.is_valid(now) && algorithm(c) == self.algorithm && self.kid.as_ref().is_none_or(|kid| *kid == c.id)
        });
        let claims = fitting.find_map(|certificate| self.signed_by(certificate)).ok_or(NOT_VERIFIED)??;
        claims.check(&self.client_id, named, audiences, now)
    }

    /// The claims, if it is this key that signed; they may be of a wrong type even so.
    fn signed_by(&self, certificate: &Certificate) -> Option<Result<Claims, String>> {
        let key = match &certificate.key {
            PublicKey::Rsa { n, e } => DecodingKey::from_rsa_components(n, e),
            PublicKey::P256 { x, y } => DecodingKey::from_ec_components(x, y),
        };
        // The library verifies; the claims are looked at here, by the store's clock and with words for each.
        let mut signature_alone = Validation::new(self.algorithm);
        signature_alone.required_spec_claims.clear();
        signature_alone.validate_exp = false;
        signature_alone.validate_aud = false;
        match decode::<Claims>(self.jwt, &key.ok()?, &signature_alone) {
            Ok(data) => Some(Ok(data.claims)),
            Err(error) if matches!(error.kind(), ErrorKind::Json(_)) => Some(Err(
                "a claim of the client_assertion is of a wrong type; iss, sub and jti are texts, aud is one or a list of them, exp, nbf and iat are numbers of seconds".into(),
            )),
            Err(_) => None,
        }
    }
}

fn algorithm(certificate: &Certificate) -> Algorithm {
    match certificate.key {
        PublicKey::Rsa { .. } => Algorithm::RS256,
        PublicKey::P256 { .. } => Algorithm::ES256,
    }
}

impl Claims {
    fn check(
        self,
        client_id: &str,
        named: Option<&str>,
        audiences: &[String],
        now: Moment,
    ) -> Result<Assertion, String> {
        let missing = |claim: &str| format!("the client_assertion has no {claim}");
        if named.is_some_and(|named| named != client_id) {
            return Err("client_id is another than the sub of the client_assertion".into());
        }
        if self.sub.as_deref() != Some(client_id) || self.iss.as_deref() != Some(client_id) {
            return Err("iss and sub of the client_assertion must both be the client_id".into());
        }
        let aud = match self.aud.ok_or_else(|| missing("aud"))? {
            Audience::One(one) => vec![one],
            Audience::Many(many) => many,
        };
        // one for others, too, would let these others use it here
        if aud.is_empty() || !aud.iter().all(|one| audiences.contains(one)) {
            let (seen, accepted) = (shortened(&aud.join(", ")), audiences.join(", "));
            return Err(format!("the aud of the client_assertion is {seen}; accepted: {accepted}"));
        }
        let until = moment(self.exp.ok_or_else(|| missing("exp"))?);
        if until <= now {
            return Err(format!("the client_assertion has expired: exp is {until}, and it is {now}"));
        }
        if until.0.saturating_sub(now.0) > MOST_AHEAD + SKEW {
            return Err(format!("the exp of the client_assertion is {until}, more than an hour from now, {now}"));
        }
        for (claim, seconds) in [("nbf", self.nbf), ("iat", self.iat)] {
            let from = seconds.map_or(now, moment);
            if from.0.saturating_sub(now.0) > SKEW {
                return Err(format!(
                    "the {claim} of the client_assertion is {from}, and it is {now}; is its clock right?"
                ));
            }
        }
        let jti = self.jti.filter(|jti| !jti.is_empty()).ok_or_else(|| missing("jti"))?;
        Ok(Assertion { jti, until })
    }
}

/// A NumericDate (RFC 7519, 2), which need not be whole; one beyond all calendars is their end.
fn moment(seconds: f64) -> Moment {
    let ms = (seconds * 1000.0) as i64; // saturates
    Moment(ms.clamp(Moment::FIRST.0, Moment::LAST.0))
}
