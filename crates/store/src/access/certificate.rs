//! What a client can have in place of a secret: a certificate, or the bare public key (access.md). Its key signs the client's assertions
//! (RFC 7523), so nothing that opens the store ever leaves the client.
//!
//! A certificate is pinned, not trusted: an administrator said that this very key is the client's. So who issued it and how it is signed
//! make no difference, and neither do revocation lists; its dates count, and removing it ends it.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use rustls_pki_types::pem::{PemObject, SectionKind};
use sayso_model::{moment::Moment, refusal::Refusal};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use x509_cert::{
    Certificate as X509,
    der::{Decode, Reader, SliceReader, asn1::ObjectIdentifier, asn1::UintRef},
    spki::SubjectPublicKeyInfoOwned,
    time::Time,
};

/// Certificates of one client that are valid at once: two, so that one can be rotated.
pub(super) const CERTIFICATES: usize = 2;

/// The largest text that is read as one; a chain of long certificates has some ten thousand.
const MOST_TEXT: usize = 64 << 10;
/// A subject is for people to tell certificates apart: so many characters of it.
const SUBJECT_LENGTH: usize = 200;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");

/// A client's certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// What its assertions may name as `kid`: the thumbprint of its key (RFC 7638, SHA-256, base64url).
    pub id: String,
    /// Its public key.
    pub key: PublicKey,
    /// Whose it is by its own account; absent of a bare key.
    pub subject: Option<String>,
    /// Before it nothing that it signed counts; absent of a bare key.
    pub not_before: Option<Moment>,
    /// After it nothing that it signed counts; absent of a bare key.
    pub not_after: Option<Moment>,
    /// When it was given to the client.
    pub created: Moment,
}

/// A public key as a JWK has it (RFC 7518, 6): big-endian numbers in base64url.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kty")]
pub enum PublicKey {
    /// RSA of 2048 to 8192 bits: RS256.
    #[serde(rename = "RSA")]
    Rsa {
        /// The modulus.
        n: String,
        /// The exponent.
        e: String,
    },
    /// A point of the curve P-256: ES256.
    #[serde(rename = "EC")]
    P256 {
        /// Its first coordinate.
        x: String,
        /// Its second coordinate.
        y: String,
    },
}

impl PublicKey {
    /// The one algorithm that assertions of this key are signed with (RFC 7518, 3.1).
    pub fn algorithm(&self) -> &'static str {
        match self {
            PublicKey::Rsa { .. } => "RS256",
            PublicKey::P256 { .. } => "ES256",
        }
    }

    /// RFC 7638: the members that are required, in the order of their names, without a space.
    pub(crate) fn thumbprint(&self) -> String {
        let text = match self {
            PublicKey::Rsa { n, e } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
            PublicKey::P256 { x, y } => format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#),
        };
        BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(text))
    }

    fn read(info: &SubjectPublicKeyInfoOwned) -> Result<Self, Refusal> {
        let key = info.subject_public_key.as_bytes().ok_or_else(|| refused("its key can't be read"))?;
        let curve = || info.algorithm.parameters.as_ref().and_then(|p| p.decode_as::<ObjectIdentifier>().ok());
        match info.algorithm.oid {
            RSA => Self::rsa(key),
            EC if curve() == Some(P256) => Self::p256(key),
            EC => Err(refused("its key is of another curve than P-256")),
            other => Err(refused(&format!("its key is neither RSA nor EC but {other}"))),
        }
    }

    fn rsa(der: &[u8]) -> Result<Self, Refusal> {
        let numbers = || {
            let mut reader = SliceReader::new(der)?;
            let numbers =
                reader.sequence(|r| Ok::<_, x509_cert::der::Error>((UintRef::decode(r)?, UintRef::decode(r)?)));
            reader.finish()?;
            numbers
        };
        let (n, e) = numbers().map_err(|_| refused("its RSA key can't be read"))?;
        let bits = n.as_bytes().len() * 8 - n.as_bytes().first().map_or(0, |byte| byte.leading_zeros() as usize);
        if !(2048..=8192).contains(&bits) {
            return Err(refused(&format!("its RSA key has {bits} bits; 2048 to 8192 are accepted")));
        }
        ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der).map_err(|_| refused("its RSA key is not sound"))?;
        let text = |number: UintRef<'_>| BASE64_URL_SAFE_NO_PAD.encode(number.as_bytes());
        Ok(Self::Rsa { n: text(n), e: text(e) })
    }

    fn p256(point: &[u8]) -> Result<Self, Refusal> {
        let [4, coordinates @ ..] = point else {
            return Err(refused("its EC key is not an uncompressed point"));
        };
        // also refuses a point that is not on the curve
        ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).map_err(|_| refused("its EC key is not sound"))?;
        let (x, y) = coordinates.split_at(coordinates.len() / 2);
        let text = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        Ok(Self::P256 { x: text(x), y: text(y) })
    }
}

impl Certificate {
    /// Reads a certificate or a public key in PEM; of a chain the first counts, which is the holder's.
    ///
    /// # Errors
    /// What it isn't: neither of them, a key that is not accepted, or a private key, which nobody may send.
    pub fn from_pem(pem: &str, created: Moment) -> Result<Self, Refusal> {
        if pem.len() > MOST_TEXT {
            return Err(refused(&format!("it is longer than {MOST_TEXT} bytes")));
        }
        // also of a kind that the reader of PEM doesn't know and leaves out, such as an encrypted one
        if pem.contains("PRIVATE KEY-----") {
            let why = "a private key was sent, which nobody but the client may have: make another pair, and send the certificate or the public key";
            return Err(Refusal::invalid("Certificate", why));
        }
        let sections: Result<Vec<(SectionKind, Vec<u8>)>, _> = PemObject::pem_slice_iter(pem.as_bytes()).collect();
        let sections = sections.map_err(|_| refused("its PEM is broken"))?;
        let (info, named) = match sections.into_iter().next() {
            Some((SectionKind::Certificate, der)) => {
                let x509 = X509::from_der(&der).map_err(|error| refused(&format!("it can't be read ({error})")))?;
                let tbs = x509.tbs_certificate();
                let (validity, subject) = (tbs.validity(), tbs.subject().to_string());
                let subject = subject.chars().take(SUBJECT_LENGTH).collect::<String>();
                let dates = (moment(validity.not_before), moment(validity.not_after));
                (tbs.subject_public_key_info().clone(), Some((subject, dates)))
            }
            Some((SectionKind::PublicKey, der)) => {
                let info = SubjectPublicKeyInfoOwned::from_der(&der);
                (info.map_err(|error| refused(&format!("it can't be read ({error})")))?, None)
            }
            _ => return Err(refused("it is no PEM of a certificate or a public key")),
        };
        let key = PublicKey::read(&info)?;
        let (subject, dates) = named.unzip();
        let (not_before, not_after) = dates.unzip();
        Ok(Self { id: key.thumbprint(), key, subject, not_before, not_after, created })
    }

    /// Whether what it signs counts at a moment.
    pub fn is_valid(&self, now: Moment) -> bool {
        self.not_before.is_none_or(|from| from <= now) && !self.is_over(now)
    }

    /// Whether it has expired.
    pub fn is_over(&self, now: Moment) -> bool {
        self.not_after.is_some_and(|until| until < now)
    }
}

fn moment(time: Time) -> Moment {
    Moment(i64::try_from(time.to_unix_duration().as_millis()).unwrap_or(i64::MAX))
}

fn refused(why: &str) -> Refusal {
    let accepted = "accepted: the PEM of a certificate (BEGIN CERTIFICATE) or of a public key (BEGIN PUBLIC KEY), RSA of 2048 to 8192 bits or EC on P-256";
    Refusal::invalid("Certificate", format!("{why}; {accepted}"))
}
