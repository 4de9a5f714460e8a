//! Every error of the API in one table: its name, its text, its status. Below HTTP nothing knows a status code; here each error of the
//! rooms beneath becomes one. The stack ([`crate::http::stack`]) gives all of them the same body, `{"Message": …}`, and writes what an
//! operator must know to the log.
//!
//! The texts say what was wrong, the value seen and what is accepted (export.md, Errors). They never repeat a secret.

use axum::response::{IntoResponse, Response};
use hyper::{
    StatusCode,
    header::{HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE},
};
use sayso_export::ExportError;
use sayso_import::ImportError;
use sayso_model::refusal::{Refusal, Why, shown};
use sayso_store::StoreError;
use std::sync::Arc;

/// What went wrong with a request. Text: [`thiserror`]'s; status: [`ApiError::status`].
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    // 400: what was sent can't be read
    #[error(
        "the address is malformed: a % must begin an escape of two hexadecimal digits, and what is escaped must be UTF-8"
    )]
    MalformedUrl,
    #[error("the parameter {name} is {value:?}; accepted: {accepted}")]
    Parameter { name: &'static str, value: String, accepted: &'static str },
    #[error("the parameter {0} is missing")]
    MissingParameter(&'static str),
    #[error("the header {name} is not acceptable; accepted: {accepted}")]
    Header { name: &'static str, accepted: &'static str },
    #[error("{0}")]
    Body(String),
    #[error("the request body broke off or stopped arriving")]
    BodyBrokenOff,

    #[error(
        "the Authorization header was sent twice, or carries nothing; send one, with a bearer token from /oauth/token"
    )]
    AuthorizationMalformed,

    // 401: who are you
    #[error(
        "the Authorization header is missing; send a bearer token from /oauth/token, or sign: PNAUTHINFO3-HMAC-SHA256 \
         Credential=<UserId>/<issued> Signature=<base64>"
    )]
    AuthorizationMissing,
    #[error(
        "unknown authorization scheme; accepted: Bearer, with a token from /oauth/token, and PNAUTHINFO3-HMAC-SHA256, \
         PNAUTHINFO3-HMAC-SHA384, PNAUTHINFO3-HMAC-SHA512"
    )]
    UnknownScheme,
    #[error(
        "unknown authorization scheme: without a key a signature protects nothing; use PNAUTHINFO3-HMAC-SHA256, \
         PNAUTHINFO3-HMAC-SHA384 or PNAUTHINFO3-HMAC-SHA512 with the user's shared key"
    )]
    UnkeyedSignature,
    #[error(
        "the date in Credential is not ISO 8601 or in the future; accepted: YYYY-MM-DDTHH:mm:ss with Z, an offset such as -05:00, \
         or nothing for UTC or US Eastern time, at most 30 seconds ahead of the server's clock"
    )]
    IssuedDate,
    #[error(
        "the Authorization header was issued too long ago; sign each call anew: a header is good for as many minutes as the \
         account says, 15 unless it says otherwise"
    )]
    IssuedTooLongAgo,
    #[error("the import's access token is invalid: it is unknown, over, or not yours to use")]
    InvalidImportToken,
    #[error("unable to authenticate: the token is unknown, has expired, or its user or client is disabled")]
    UnableToAuthenticate,
    #[error(
        "unable to authenticate: the account or the user is unknown or disabled, or the signature is another than \
         base64(HMAC(the user's shared key, ClientId:UserId:issued)), each as it stands in the address and in Credential; the \
         form is Credential=<UserId>/<issued> Signature=<base64>, with one space between"
    )]
    UnableToAuthenticateSigned,

    // 403: you may not
    #[error(
        "the permission CanExecute on {0} is missing; an administrator of the account gives it to one of your user groups"
    )]
    MayNotExecute(String),
    #[error(
        "the permission {area} ({level}) is missing; an administrator of the account gives it to one of your user groups"
    )]
    MayNot { area: String, level: String },
    #[error("only an administrator of the account may read its audit trail: a member of the user group Administrators")]
    NotAdministrator,
    #[error("more than 50 profiles match; narrow the search")]
    TooManyMatches,
    #[error(
        "the profiles that match have more than 64 MiB as JSON; narrow the search, or leave out what is implied and former consents: implied=false, includeConsentHistory=false"
    )]
    AnswerTooLarge,

    #[error(
        "the permission {right} on {what} is missing; an administrator of the account gives it to one of your user groups"
    )]
    MayNotOn { right: &'static str, what: String },

    #[error("you can't give {0}, which you haven't got yourself; an administrator of the account can")]
    MayNotGive(String),
    #[error(
        "this is about somebody with {0}, which you haven't got yourself; an administrator of the account can do it"
    )]
    MayNotTouch(String),

    // 404: it isn't there, also where its existence is not yours to know
    #[error("there is nothing at this address")]
    NoRoute,
    #[error("there is no such account")]
    UnknownAccount,
    #[error("there is no such export: the access token is unknown, or not yours to use")]
    UnknownToken,
    #[error("there is no {kind} {name:?} in this account")]
    // `hidden`: it is there, by this name, and not the caller's to know; only the audit trail is told of that
    Unknown { kind: &'static str, name: String, hidden: Option<String> },

    // 405 to 415
    #[error("this address does not take the method {0}; the header Allow names those it takes")]
    Method(String),
    #[error("this answer exists as application/json only; accept that or */*")]
    NotAcceptable,
    #[error("the request body is larger than {0} bytes")]
    BodyTooLarge(u64),
    #[error("the content type of the request body is not acceptable; accepted: {0}")]
    ContentType(&'static str),
    #[error(
        "the request body has the content encoding {}, which is not acceptable; send it uncompressed, without the header Content-Encoding",
        shown(.0)
    )]
    ContentEncoding(String),

    // 429: not so fast
    #[error(
        "the account has made its {per_minute} requests of a minute; the header Retry-After says when there is room again"
    )]
    TooManyRequests { per_minute: u32, retry_after_s: u64 },
    #[error("too many failed sign-ins; what is sent is not looked at for another {retry_after_s} s")]
    TooManyFailures { retry_after_s: u32 },

    // 503: come back
    #[error("others write profiles with this tag as fast as it is taken off; repeat the call")]
    StillWritten,

    // 500
    #[error("an internal error")]
    Internal(String),

    // from the rooms beneath: each has its own texts
    #[error("{0}")]
    Refused(#[from] Refusal),
    #[error("{0}")]
    Export(ExportError),
    #[error("{0}")]
    Import(ImportError),
    #[error("{0}")]
    Store(StoreError),
}

impl ApiError {
    /// A body that can't be read. Not "is no JSON": a number may be, and still be too large for any machine to hold.
    pub(crate) fn unreadable(error: &serde_json::Error) -> Self {
        Self::Body(if error.is_data() { error.to_string() } else { format!("the body can't be read as JSON: {error}") })
    }

    /// A parameter whose value is not accepted; the value is shortened.
    pub(crate) fn parameter(name: &'static str, value: &str, accepted: &'static str) -> Self {
        Self::Parameter { name, value: shortened(value), accepted }
    }

    /// A thing that the account has not configured, or a profile that is not there.
    pub(crate) fn unknown(kind: &'static str, name: &str) -> Self {
        Self::Unknown { kind, name: shortened(name), hidden: None }
    }

    /// A thing that is there by the name `hidden`, which the caller is not to know: answered as one that isn't.
    pub(crate) fn hidden(kind: &'static str, name: &str, hidden: &str) -> Self {
        Self::Unknown { kind, name: shortened(name), hidden: Some(hidden.to_owned()) }
    }

    /// The status code of each error: the one place where they are given.
    pub(crate) fn status(&self) -> StatusCode {
        use ApiError::*;
        match self {
            MalformedUrl
            | Parameter { .. }
            | MissingParameter(_)
            | Header { .. }
            | Body(_)
            | BodyBrokenOff
            | AuthorizationMalformed => StatusCode::BAD_REQUEST,
            AuthorizationMissing | UnknownScheme | UnkeyedSignature | InvalidImportToken => StatusCode::UNAUTHORIZED,
            IssuedDate | IssuedTooLongAgo | UnableToAuthenticate | UnableToAuthenticateSigned => {
                StatusCode::UNAUTHORIZED
            }
            MayNotExecute(_)
            | NotAdministrator
            | MayNotOn { .. }
            | MayNot { .. }
            | MayNotGive(_)
            | MayNotTouch(_)
            | TooManyMatches
            | AnswerTooLarge => StatusCode::FORBIDDEN,
            NoRoute | UnknownAccount | UnknownToken | Unknown { .. } => StatusCode::NOT_FOUND,
            Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            BodyTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            ContentType(_) | ContentEncoding(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            TooManyRequests { .. } | TooManyFailures { .. } => StatusCode::TOO_MANY_REQUESTS,
            StillWritten => StatusCode::SERVICE_UNAVAILABLE,
            Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Refused(refusal) => match refusal.why {
                Why::Invalid => StatusCode::BAD_REQUEST,
                Why::Unknown => StatusCode::NOT_FOUND,
                Why::Conflict => StatusCode::CONFLICT,
                Why::Stale => StatusCode::PRECONDITION_FAILED,
            },
            Export(error) => match error {
                ExportError::Ended(_) => StatusCode::NOT_FOUND,
                ExportError::Processing { .. } | ExportError::Busy { .. } | ExportError::NoRoom { .. } => {
                    StatusCode::SERVICE_UNAVAILABLE
                }
                ExportError::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
                ExportError::Io { .. } | ExportError::Damaged(_) => StatusCode::INTERNAL_SERVER_ERROR,
                // these became errors of this table in `From<ExportError>`
                ExportError::UnknownToken | ExportError::Refused(_) | ExportError::Store(_) => {
                    StatusCode::INTERNAL_SERVER_ERROR
                }
            },
            Import(error) => match error {
                ImportError::Malformed(_) => StatusCode::BAD_REQUEST,
                ImportError::NotStaging(_) => StatusCode::CONFLICT,
                ImportError::NoRoom => StatusCode::SERVICE_UNAVAILABLE,
                // the others became errors of this table in `From<ImportError>`, or are the machine's
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            },
            Store(error) => match error {
                StoreError::NotKept(_) | StoreError::Closing => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            },
        }
    }

    /// Whether it is about who calls and what they may do: such a refusal goes to the audit trail.
    pub(crate) fn is_about_access(&self) -> bool {
        match self.status() {
            StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS => true,
            StatusCode::FORBIDDEN => !matches!(self, ApiError::TooManyMatches | ApiError::AnswerTooLarge),
            StatusCode::NOT_FOUND => {
                let is_hidden = matches!(self, ApiError::Unknown { hidden: Some(_), .. });
                is_hidden || matches!(self, ApiError::UnknownAccount | ApiError::UnknownToken)
            }
            StatusCode::BAD_REQUEST => matches!(self, ApiError::AuthorizationMalformed),
            _ => false,
        }
    }

    /// The kind and the name of what is hidden from the caller.
    pub(crate) fn hidden_thing(&self) -> Option<(&'static str, &str)> {
        match self {
            ApiError::Unknown { kind, hidden: Some(name), .. } => Some((kind, name)),
            _ => None,
        }
    }

    /// What the caller is told: the text, but of an error of ours or the machine's only where it is in the log.
    pub(crate) fn message(&self, correlation_id: &str) -> String {
        match self.status() {
            StatusCode::INTERNAL_SERVER_ERROR => {
                format!("an internal error; the log tells its cause under the correlation id {correlation_id}")
            }
            StatusCode::SERVICE_UNAVAILABLE if matches!(self, ApiError::Store(_)) => {
                "the server can't keep a write at the moment (its disk may be full); nothing was changed, try again later"
                    .to_owned()
            }
            _ => self.to_string(),
        }
    }

    /// The cause for the log, of an error that is not the caller's doing.
    pub(crate) fn cause(&self) -> Option<String> {
        match self {
            ApiError::Internal(cause) => Some(cause.clone()),
            ApiError::Store(_) => Some(self.to_string()),
            ApiError::Export(_) | ApiError::Import(_) if self.status() == StatusCode::INTERNAL_SERVER_ERROR => {
                Some(self.to_string())
            }
            _ => None,
        }
    }

    /// Headers that belong to the error.
    pub(crate) fn headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        let retry = |seconds: u64| vec![(RETRY_AFTER, seconds.into())];
        let bearer = |challenge| vec![(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))];
        match self {
            // RFC 6750, 3: no error code when no token was sent
            ApiError::UnableToAuthenticate => challenges("Bearer realm=\"sayso\", error=\"invalid_token\""),
            _ if self.status() == StatusCode::UNAUTHORIZED => challenges("Bearer realm=\"sayso\""),
            ApiError::AuthorizationMalformed => bearer("Bearer realm=\"sayso\", error=\"invalid_request\""),
            // RFC 6750, 3: the token is good, but not for this; no scope would make it so, hence none is named
            ApiError::MayNotExecute(_)
            | ApiError::NotAdministrator
            | ApiError::MayNotOn { .. }
            | ApiError::MayNot { .. }
            | ApiError::MayNotGive(_)
            | ApiError::MayNotTouch(_) => bearer("Bearer realm=\"sayso\", error=\"insufficient_scope\""),
            ApiError::Export(ExportError::Processing { retry_after_s } | ExportError::Busy { retry_after_s }) => {
                retry((*retry_after_s).into())
            }
            ApiError::TooManyRequests { retry_after_s, .. } => retry(*retry_after_s),
            ApiError::TooManyFailures { retry_after_s } => retry((*retry_after_s).into()),
            ApiError::StillWritten => retry(5),
            ApiError::Store(_) | ApiError::Import(_) | ApiError::Export(_)
                if self.status() == StatusCode::SERVICE_UNAVAILABLE =>
            {
                retry(5)
            }
            _ => Vec::new(),
        }
    }
}

/// Both ways to authenticate (access.md, Signed header), a header each: some clients read no list.
fn challenges(bearer: &'static str) -> Vec<(HeaderName, HeaderValue)> {
    let all = [bearer, "PNAUTHINFO3 realm=\"sayso\""];
    all.map(|challenge| (WWW_AUTHENTICATE, HeaderValue::from_static(challenge))).into()
}

/// The body is written by [`crate::http::stack`], which knows the correlation id.
impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        for (name, value) in self.headers() {
            response.headers_mut().append(name, value);
        }
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(refusal) => ApiError::Refused(refusal),
            StoreError::RefusedAll(refusals) => ApiError::Refused(joined(refusals)),
            StoreError::NoAccount(_) => ApiError::UnknownAccount,
            other => ApiError::Store(other),
        }
    }
}

impl From<ExportError> for ApiError {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::UnknownToken => ApiError::UnknownToken,
            ExportError::Refused(refusal) => ApiError::Refused(refusal),
            ExportError::Store(error) => error.into(),
            other => ApiError::Export(other),
        }
    }
}

impl From<ImportError> for ApiError {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::UnknownToken => ApiError::InvalidImportToken,
            ImportError::Refused(refusal) => ApiError::Refused(refusal),
            ImportError::Store(error) => error.into(),
            other => ApiError::Import(other),
        }
    }
}

/// Several refusals as one. What is wrong in itself is told before what is in the way of others: mending it may end that, too.
fn joined(refusals: Vec<Refusal>) -> Refusal {
    let wrong = |r: &Refusal| r.why != Why::Conflict;
    let any_wrong = refusals.iter().any(wrong);
    let mut told: Vec<Refusal> = refusals.into_iter().filter(|r| !any_wrong || wrong(r)).collect();
    if told.len() == 1 {
        return told.remove(0);
    }
    let why = told.first().map_or(Why::Invalid, |r| r.why);
    let texts: Vec<String> = told.iter().take(10).map(ToString::to_string).collect();
    let more = if told.len() > 10 { format!("; and {} more", told.len() - 10) } else { String::new() };
    Refusal::new(why, "", format!("{}{more}", texts.join("; ")))
}

/// A value as an error shows it: at most 80 characters.
pub(crate) fn shortened(value: &str) -> String {
    match value.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use sayso_export::job::State;

    use super::*;

    /// Every status of export.md, Errors, that this step can give, by an error that gives it.
    #[test]
    fn every_error_has_the_status_of_the_specification() {
        let refused = |why| ApiError::Refused(Refusal::new(why, "Emails[0]", "is wrong"));
        let table = [
            (ApiError::MalformedUrl, 400),
            (ApiError::parameter("limit", "0", "more"), 400),
            (ApiError::MissingParameter("alternateId"), 400),
            (ApiError::Body("Values must be an array".into()), 400),
            (ApiError::BodyBrokenOff, 400),
            (refused(Why::Invalid), 400),
            (ApiError::AuthorizationMalformed, 400),
            (ApiError::AuthorizationMissing, 401),
            (ApiError::UnknownScheme, 401),
            (ApiError::UnkeyedSignature, 401),
            (ApiError::IssuedDate, 401),
            (ApiError::IssuedTooLongAgo, 401),
            (ApiError::UnableToAuthenticate, 401),
            (ApiError::UnableToAuthenticateSigned, 401),
            (ImportError::UnknownToken.into(), 401),
            (ImportError::Malformed("no records".into()).into(), 400),
            (ImportError::NotStaging(sayso_import::job::State::Queued).into(), 409),
            (ImportError::NoRoom.into(), 503),
            (ImportError::Damaged("a".into()).into(), 500),
            (ApiError::MayNotExecute("segment \"A\"".into()), 403),
            (ApiError::MayNot { area: "Profiles".into(), level: "Edit".into() }, 403),
            (ApiError::MayNotGive("CanExecute on a segment".into()), 403),
            (ApiError::MayNotTouch("the membership of Administrators".into()), 403),
            (ApiError::NotAdministrator, 403),
            (ApiError::TooManyMatches, 403),
            (ApiError::AnswerTooLarge, 403),
            (ApiError::NoRoute, 404),
            (ApiError::UnknownAccount, 404),
            (ExportError::UnknownToken.into(), 404),
            (ExportError::Ended(State::Expired).into(), 404),
            (StoreError::NoAccount("A".into()).into(), 404),
            (ApiError::unknown("segment", "B"), 404),
            (refused(Why::Unknown), 404),
            (ApiError::Method("PUT".into()), 405),
            (ApiError::NotAcceptable, 406),
            (refused(Why::Conflict), 409),
            (refused(Why::Stale), 412),
            (ApiError::BodyTooLarge(5), 413),
            (ApiError::ContentType("application/json"), 415),
            (ApiError::ContentEncoding("gzip".into()), 415),
            (ExportError::KeyReused.into(), 422),
            (ApiError::TooManyRequests { per_minute: 5, retry_after_s: 12 }, 429),
            (ApiError::TooManyFailures { retry_after_s: 30 }, 429),
            (ApiError::StillWritten, 503),
            (ApiError::Internal("a".into()), 500),
            (StoreError::Damaged("a".into()).into(), 500),
            (ExportError::Damaged("a".into()).into(), 500),
            (StoreError::NotKept("disk full".into()).into(), 503),
            (StoreError::Closing.into(), 503),
            (ExportError::Processing { retry_after_s: 2 }.into(), 503),
            (ExportError::Busy { retry_after_s: 5 }.into(), 503),
            (ExportError::NoRoom { needed: 2, room: 1 }.into(), 503),
            (ExportError::Store(StoreError::Closing).into(), 503),
        ];
        for (error, status) in table {
            assert_eq!(error.status(), status, "{error:?}");
            let has = |name: HeaderName| error.headers().iter().filter(|(n, _)| *n == name).count();
            if error.status() == 401 {
                assert_eq!(has(WWW_AUTHENTICATE), 2, "{error:?}");
            }
            let comes_back = matches!(error.status().as_u16(), 429 | 503);
            assert_eq!(has(RETRY_AFTER), usize::from(comes_back), "{error:?}");
        }
    }

    /// RFC 6750, 3 and 3.1: which error code stands in the challenge, by what is wrong with the token.
    #[test]
    fn the_challenge_says_what_is_wrong_with_the_token_and_nothing_where_none_was_sent() {
        let none = "Bearer realm=\"sayso\"";
        let with = |code: &str| format!("{none}, error=\"{code}\"");
        let table = [
            (ApiError::AuthorizationMissing, Some(none.to_owned())),
            (ApiError::UnknownScheme, Some(none.to_owned())),
            (ApiError::AuthorizationMalformed, Some(with("invalid_request"))),
            (ApiError::UnableToAuthenticate, Some(with("invalid_token"))),
            (ApiError::UnableToAuthenticateSigned, Some(none.to_owned())),
            (ApiError::MayNotExecute("segment \"A\"".into()), Some(with("insufficient_scope"))),
            (ApiError::NotAdministrator, Some(with("insufficient_scope"))),
            (ApiError::MayNotOn { right: "CanEdit", what: "a segment".into() }, Some(with("insufficient_scope"))),
            (ApiError::MayNot { area: "Users".into(), level: "Edit".into() }, Some(with("insufficient_scope"))),
            (ApiError::MayNotGive("Users (Edit)".into()), Some(with("insufficient_scope"))),
            (ApiError::MayNotTouch("Users (Edit)".into()), Some(with("insufficient_scope"))),
            (ApiError::TooManyMatches, None),
            (ApiError::AnswerTooLarge, None),
            (ApiError::UnknownAccount, None),
            (ApiError::MalformedUrl, None),
        ];
        for (error, expected) in table {
            let headers = error.headers();
            let challenge = headers.iter().find(|(name, _)| name == WWW_AUTHENTICATE);
            assert_eq!(challenge.map(|(_, v)| v.to_str().unwrap().to_owned()), expected, "{error:?}");
        }
    }

    #[test]
    fn an_internal_cause_goes_to_the_log_and_not_to_the_caller() {
        let error = ApiError::from(StoreError::Damaged("row 7 at /srv/data".into()));
        assert!(!error.message("abc").contains("/srv"));
        assert!(error.message("abc").contains("abc"));
        assert!(error.cause().is_some_and(|cause| cause.contains("row 7")));
        assert_eq!(ApiError::NoRoute.cause(), None);
    }

    #[test]
    fn a_long_value_is_shortened_between_characters() {
        assert_eq!(shortened(&"ü".repeat(80)), "ü".repeat(80));
        assert_eq!(shortened(&"ü".repeat(81)), format!("{}…", "ü".repeat(80)));
    }
}
