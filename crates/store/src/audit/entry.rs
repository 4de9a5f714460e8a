//! What an audit record tells. Names of configured things, numbers, and where a call came from; never a profile's data, a value of a
//! query, or a secret: what is asked for is told by the route's template.

use std::net::IpAddr;

use sayso_model::id::{AccessToken, AccountNo};

use super::{Action, Operator};

/// The longest text of one record, characters: an explanation that is longer is cut, a change of the configuration takes several records.
pub(super) const LONGEST: usize = 2_000;

/// What somebody showed to be let in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Credential {
    /// An OAuth client, by its id.
    Client(String),
    /// The user's shared key, in a signed header.
    SharedKey,
    /// The right to run `sayso` beside the data directory.
    CommandLine,
    /// None: the program itself did it.
    Program,
    /// None that was good.
    None,
}

impl Credential {
    /// The word in the record, and the OAuth client.
    pub(crate) fn words(&self) -> (&'static str, Option<&str>) {
        match self {
            Credential::Client(id) => ("OAuthClient", Some(id)),
            Credential::SharedKey => ("SharedKey", None),
            Credential::CommandLine => ("CommandLine", None),
            Credential::Program => ("Program", None),
            Credential::None => ("None", None),
        }
    }
}

/// A call over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub struct Call {
    pub method: String,
    /// The route's template, `/{clientId}/Profiles/{profileId}`: what stands in its places may be somebody's data.
    pub route: String,
}

/// Who does something, and from where.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub struct Origin {
    /// The acting user; of an export's own steps the one who started it.
    pub user_id: Option<String>,
    pub credential: Credential,
    pub peer: Option<IpAddr>,
    pub call: Option<Call>,
    pub correlation_id: Option<String>,
    /// Whose process a command is.
    pub operator: Option<&'static Operator>,
}

impl Origin {
    /// A command beside the data directory: this process.
    pub fn command_line() -> Self {
        Self { operator: Some(Operator::here()), ..Self::of(Credential::CommandLine) }
    }

    /// The program by itself.
    pub fn program() -> Self {
        Self::of(Credential::Program)
    }

    /// Somebody of whom no more than this is known.
    pub fn of(credential: Credential) -> Self {
        Self { user_id: None, credential, peer: None, call: None, correlation_id: None, operator: None }
    }

    /// The same in a user's name.
    pub fn for_user(self, user_id: impl Into<String>) -> Self {
        Self { user_id: Some(user_id.into()), ..self }
    }
}

/// Which trail a record belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum About {
    /// An account's.
    Account(AccountNo),
    /// That of the account which is said to have this name, and which may not be there: looked up when the record is written, so that
    /// nobody learns from the time that takes whether it is.
    Named(String),
    /// That of the account whose OAuth client is said to have this id. If there is one, it becomes the record's subject: anything else may be
    /// a secret in the wrong place.
    Client(String),
    /// The one of no account.
    Nobody,
}

/// What is told of one thing that happened; the trail adds sequence, moment and hashes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub struct Entry {
    pub action: Action,
    pub origin: Origin,
    /// The answer's status, of a refused call.
    pub status: Option<u16>,
    /// What it was about: `segment "Newsletter"`, `user "John.Doe"`.
    pub subject: Option<String>,
    /// The export's token.
    pub export: Option<AccessToken>,
    /// Records of an export, in it or given out.
    pub rows: Option<u64>,
    /// Their bytes, before compression.
    pub bytes: Option<u64>,
    /// How often, when it is told once for several times.
    pub count: Option<u64>,
    pub detail: Option<String>,
}

impl Entry {
    /// Somebody did something.
    pub fn new(action: Action, origin: Origin) -> Self {
        Self {
            action,
            origin,
            status: None,
            subject: None,
            export: None,
            rows: None,
            bytes: None,
            count: None,
            detail: None,
        }
    }

    /// What it was about: the kind and, in quotes, the name.
    pub fn subject(self, kind: &str, name: &str) -> Self {
        Self { subject: Some(shortened(format!("{kind} {name:?}"))), ..self }
    }

    /// An explanation.
    pub fn detail(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(shortened(detail.into())), ..self }
    }
}

/// A text that isn't longer than a record may be made by it.
fn shortened(text: String) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
