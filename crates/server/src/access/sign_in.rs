//! The brake on failed sign-ins at the doors: what the token call, a signed header and a bearer token ask of it.

use std::net::IpAddr;

use super::{App, throttle::Wait};
use crate::error::ApiError;

impl App {
    /// Whether a sign-in of this identity (an OAuth client's id, or an account and its user) from this address is looked at. Whoever is
    /// admitted says how it ended, by [`App::sign_in_failed`] or [`App::sign_in_succeeded`].
    ///
    /// # Errors
    /// 429 with the time to wait.
    pub(crate) fn admit_sign_in(&self, identity: &str, peer: IpAddr) -> Result<(), ApiError> {
        self.throttle().admit(identity, peer, self.now()).map_err(refused)
    }

    /// It failed.
    pub(crate) fn sign_in_failed(&self, identity: &str, peer: IpAddr) {
        metrics::counter!("sayso_failed_sign_ins_total").increment(1);
        self.throttle().failed(identity, peer, self.now());
    }

    /// It succeeded.
    pub(crate) fn sign_in_succeeded(&self, identity: &str, peer: IpAddr) {
        self.throttle().succeeded(identity, peer, self.now());
    }

    /// A bearer token from this address was none: what is answered.
    pub(crate) fn bad_token(&self, peer: IpAddr) -> ApiError {
        match self.throttle().bad_token(peer, self.now()) {
            Ok(()) => ApiError::UnableToAuthenticate,
            Err(wait) => refused(wait),
        }
    }
}

fn refused(Wait(seconds): Wait) -> ApiError {
    metrics::counter!("sayso_throttled_sign_ins_total").increment(1);
    ApiError::TooManyFailures { retry_after_s: seconds }
}
