//! One call as the audit trail tells of it: where it comes from is known before any handler runs, who it is once somebody was let in. The stack
//! keeps it beside the request, so that also a call that is refused can be told of.

use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use axum::extract::{FromRequestParts, MatchedPath, Request};
use hyper::{StatusCode, http::request::Parts};
use percent_encoding::percent_decode_str;
use sayso_model::id::AccountNo;
use sayso_store::audit::{About, Action, Call, Credential, Entry, Origin};

use super::App;
use crate::error::ApiError;

/// Where a call comes from and, by and by, who makes it. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Visit(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Of nobody.
    origin: Origin,
    /// The account that the address names, whether or not it is there.
    named: Option<String>,
    /// The OAuth client that the caller says it is.
    client: OnceLock<String>,
    /// Who was let in.
    known: OnceLock<(AccountNo, Origin)>,
}

impl Visit {
    /// Of a request that has come in.
    pub(crate) fn of(request: &Request, peer: IpAddr, correlation_id: &str) -> Self {
        let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
        let named = route.and_then(|route| account_in(route, request.uri().path()));
        // A method is any word that a caller makes up, and what no route matches is nobody's business.
        let call =
            route.map(|route| Call { method: request.method().to_string(), route: without_base(route).to_owned() });
        let correlation_id = Some(correlation_id.to_owned());
        let origin = Origin { peer: Some(peer), call, correlation_id, ..Origin::of(Credential::None) };
        Self(Arc::new(Inner { origin, named, client: OnceLock::new(), known: OnceLock::new() }))
    }

    /// Where it comes from, of nobody yet.
    pub(crate) fn origin(&self) -> Origin {
        self.0.origin.clone()
    }

    /// Takes note of who was let in; gives the whole origin.
    pub(crate) fn is(&self, account: AccountNo, user_id: &str, credential: Credential) -> Origin {
        let origin = Origin { credential, ..self.origin().for_user(user_id) };
        let (_, origin) = self.0.known.get_or_init(|| (account, origin));
        origin.clone()
    }

    /// Takes note of the OAuth client that the caller says it is.
    pub(crate) fn says(&self, client_id: &str) {
        let _ = self.0.client.set(client_id.to_owned());
    }

    /// What is told of it when it was answered so; `None` when that is no refusal.
    fn refusal(&self, status: StatusCode, error: Option<&ApiError>) -> Option<(About, Entry)> {
        let Inner { origin, named, client, known } = &*self.0;
        let action = match error {
            _ if self.is_of("/oauth/token") && status.is_client_error() => Action::TokenRefused,
            // It was let in, so the token is another client's.
            None if self.is_of("/oauth/revoke") && known.get().is_some() && status.is_client_error() => {
                Action::CallRefused
            }
            Some(error) if error.is_about_access() => Action::CallRefused,
            None if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS) => Action::CallRefused,
            _ => return None,
        };
        // An unmatched address is refused to nobody in particular.
        origin.call.as_ref()?;
        let (about, origin) = match (known.get(), client.get(), named) {
            (Some((account, origin)), _, _) => (About::Account(*account), origin),
            (None, Some(client), _) => (About::Client(client.clone()), origin),
            (None, None, Some(named)) => (About::Named(named.clone()), origin),
            (None, None, None) => (About::Nobody, origin),
        };
        let entry = Entry { status: Some(status.as_u16()), ..Entry::new(action, origin.clone()) };
        Some(match error.and_then(ApiError::hidden_thing) {
            Some((kind, name)) => (about, entry.subject(kind, name)),
            None => (about, entry),
        })
    }

    fn is_of(&self, route: &str) -> bool {
        self.0.origin.call.as_ref().is_some_and(|call| call.route == route)
    }
}

impl<S: Sync> FromRequestParts<S> for Visit {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Ok(parts.extensions.get::<Visit>().cloned().expect("the stack gives every request its visit"))
    }
}

impl App {
    /// Notes a call for the audit trail if it was refused.
    pub(crate) fn note_refused(&self, visit: &Visit, status: StatusCode, error: Option<&ApiError>) {
        if let Some((about, entry)) = visit.refusal(status, error) {
            self.store().note(about, entry);
        }
    }
}

/// The route without the base under which it answers: there are two for each.
fn without_base(route: &str) -> &str {
    crate::router::BASES.iter().find_map(|base| route.strip_prefix(base)).unwrap_or(route)
}

/// What stands in the path where the route has the account.
fn account_in(route: &str, path: &str) -> Option<String> {
    let at = route.split('/').position(|segment| segment == "{clientId}")?;
    Some(percent_decode_str(path.split('/').nth(at)?).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_is_read_where_the_route_has_it() {
        let route = "/Profiles/v4/Async/{clientId}/Export/{accessToken}";
        assert_eq!(account_in(route, "/Profiles/v4/Async/ACME%5FCORP/Export/7").as_deref(), Some("ACME_CORP"));
        assert_eq!(account_in("/oauth/token", "/oauth/token"), None);
        assert_eq!(without_base(route), "/Async/{clientId}/Export/{accessToken}");
        assert_eq!(without_base("/Profiles/{clientId}/Users"), "/{clientId}/Users");
    }
}
