//! Which client called.

use std::net::IpAddr;

use hyper::http::request::Parts;
use sayso_store::access::OAuthClient;

use super::{
    assertion::{NOT_VERIFIED, Unverified},
    credentials::Shown,
    error::{Code, OAuthError},
    form::Form,
    issuer::issuer,
};
use crate::{
    access::{App, Visit},
    http::peer::peer_of,
};

/// The client that the header or the form shows, whose credentials are right.
///
/// # Errors
/// `invalid_request` or `invalid_client`; why it isn't let in is told of what was sent, never of what is there. 429 after too many failures.
pub(super) async fn authenticate(
    app: &App,
    parts: &Parts,
    form: &Form,
    visit: &Visit,
) -> Result<OAuthClient, OAuthError> {
    let peer = peer_of(&parts.extensions);
    let refused = |why: &str| OAuthError::new(Code::InvalidClient, why);
    match Shown::of(&parts.headers, form)? {
        Shown::Secret { client_id, secret } => {
            visit.says(&client_id);
            let check = async {
                let client = app.authenticate_client(&client_id, &secret)?;
                client.ok_or_else(|| refused("unknown client_id or wrong client_secret"))
            };
            attempt(app, &client_id, peer, check).await
        }
        Shown::Assertion { client_id, jwt } => {
            let read = Unverified::read(&jwt);
            // what can't be read is nobody's
            let identity = read.as_ref().map_or("", |unverified| &unverified.client_id);
            visit.says(identity);
            let check = async {
                let unverified = read.as_ref().map_err(|why| refused(why))?;
                by_assertion(app, parts, unverified, client_id.as_deref()).await
            };
            attempt(app, identity, peer, check).await
        }
    }
}

/// Lets a client try to sign in unless it failed too often, and counts how it ended.
async fn attempt(
    app: &App,
    identity: &str,
    peer: IpAddr,
    check: impl Future<Output = Result<OAuthClient, OAuthError>>,
) -> Result<OAuthClient, OAuthError> {
    app.admit_sign_in(identity, peer)?;
    let checked = check.await;
    match &checked {
        Ok(_) => app.sign_in_succeeded(identity, peer),
        Err(OAuthError::Refused(_)) => app.sign_in_failed(identity, peer),
        // not the caller's doing
        Err(_) => {}
    }
    checked
}

/// The client that signed an assertion. `named` is the client_id beside it.
async fn by_assertion(
    app: &App,
    parts: &Parts,
    unverified: &Unverified<'_>,
    named: Option<&str>,
) -> Result<OAuthClient, OAuthError> {
    let refused = |why: String| OAuthError::new(Code::InvalidClient, why);
    let issuer = issuer(app.options(), parts);
    // some clients name the server, others the token endpoint, others the address that they call (RFC 7523, 3)
    let audiences = [format!("{issuer}/oauth/token"), format!("{issuer}{}", parts.uri.path()), issuer];
    let client = app.active_client(&unverified.client_id)?.ok_or_else(|| refused(NOT_VERIFIED.to_owned()))?;
    let good = unverified.verify(&client, named, &audiences, app.now()).map_err(refused)?;
    match app.use_assertion(&client.client_id, &good.jti, good.until).await? {
        true => Ok(client),
        false => Err(refused("the client_assertion was used before; each jti is good once".to_owned())),
    }
}
