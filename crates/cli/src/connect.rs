//! Reaching a server over HTTP, as a command line says: address, account, credentials. Secrets come from the environment or from
//! files, never from the command line, which every user of a machine can read.

use std::{fs, path::Path, time::Duration};

use anyhow::Context;
use sayso_client::{Algorithm, Client};
use serde::Deserialize;

use crate::{
    args::{Hash, ServerArgs},
    out,
    settings::Usage,
};

/// What a credentials file may hold: the output of `sayso credentials create --json`, or that of `sayso demo --serve --json`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct File {
    url: Option<String>,
    account: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    scope: Option<String>,
}

/// A client, and what of it tells one export from another.
pub struct Connected {
    /// The client.
    pub client: Client,
    /// The server's root.
    pub url: String,
    /// The account, as it was given.
    pub account: String,
}

/// As whom calls are sent.
enum Caller<'a> {
    /// A user whose shared key signs them.
    User(&'a String),
    /// A client of OAuth.
    Client(String),
}

/// A client as the arguments say. Nothing is sent yet.
///
/// # Errors
/// [`Usage`] when something is missing or doesn't fit together; when a file can't be read.
pub fn connect(args: &ServerArgs) -> anyhow::Result<Connected> {
    let file = args.credentials.as_deref().map(read_credentials).transpose()?.unwrap_or_default();
    let usage = |words: &str| Usage(words.to_owned());
    let no_server = r#"no server; give its address with --url or SAYSO_URL, or as "url" in the file of --credentials"#;
    let url = args.url.clone().or(file.url).ok_or_else(|| usage(no_server))?;
    let caller = match (&args.user, args.client_id.clone().or(file.client_id)) {
        (Some(user), _) => Caller::User(user),
        (None, Some(id)) => Caller::Client(id),
        (None, None) => {
            return Err(usage("no credentials; give a file with --credentials, or --client-id and its secret").into());
        }
    };
    let scope = args.scope.clone().or(file.scope);
    let of_scope = || Some(scope.as_ref()?.split_once('/')?.0.to_owned());
    let account = args.account.clone().or_else(of_scope).or(file.account);
    let account = account.ok_or_else(|| match &scope {
        Some(scope) => Usage(format!("scope is {scope:?}; accepted: ACCOUNT/USER such as ACME_CORP/Nightly")),
        None => usage("no account; give it with --account, or a --scope such as ACME_CORP/John.Doe"),
    })?;

    let given = args.secret_file.as_deref().map(read_secret).transpose()?;
    let secret = |variable: &str, kept: Option<String>| {
        given.clone().or_else(|| std::env::var(variable).ok().filter(|s| !s.is_empty())).or(kept)
    };
    let mut builder = Client::builder(&url).account(&account).patience(Duration::from_millis(args.patience.0));
    builder = match caller {
        Caller::User(user) => {
            let no_key = match args.credentials {
                None => "no shared key; put it into SAYSO_SHARED_KEY, or into a file for --secret-file",
                Some(_) => {
                    "no shared key; --user (SAYSO_USER) signs calls in place of OAuth, so the client of --credentials isn't used: \
                     leave one of the two out, or put the shared key into SAYSO_SHARED_KEY, or into a file for --secret-file"
                }
            };
            let key = secret("SAYSO_SHARED_KEY", None).ok_or_else(|| usage(no_key))?;
            let algorithm = match args.hash {
                Hash::Sha256 => Algorithm::Sha256,
                Hash::Sha384 => Algorithm::Sha384,
                Hash::Sha512 => Algorithm::Sha512,
            };
            builder.shared_key(user, key, algorithm)
        }
        Caller::Client(id) => {
            let secret = secret("SAYSO_CLIENT_SECRET", file.client_secret)
                .ok_or_else(|| usage("no secret; put it into SAYSO_CLIENT_SECRET, or into a file for --secret-file"))?;
            let builder = builder.credentials(id, secret);
            match &scope {
                Some(scope) => builder.scope(scope),
                None => builder,
            }
        }
    };
    let builder = builder.on_retry(|error, wait| {
        // Quick ones are nobody's concern.
        if wait >= Duration::from_secs(1) {
            out::note(format_args!("{error}; trying again in {}", out::took(wait)));
        }
    });
    let client = builder.build().map_err(|error| Usage(error.to_string()))?;
    Ok(Connected { client, url, account })
}

/// An error of the client in one line, with what to do about it.
pub fn in_words(error: &sayso_client::Error) -> anyhow::Error {
    match error.hint() {
        Some(hint) => anyhow::anyhow!("{error}; {hint}"),
        None => anyhow::anyhow!("{error}"),
    }
}

fn read_credentials(path: &Path) -> anyhow::Result<File> {
    let text = fs::read_to_string(path).with_context(|| format!("--credentials {} can't be read", path.display()))?;
    // What stands in the file is a secret: serde's own words would quote it.
    serde_json::from_str(&text).map_err(|_| {
        let expected = r#"{"client_id": "…", "client_secret": "…", "scope": "ACCOUNT/USER"}"#;
        anyhow::anyhow!("--credentials {} does not hold one JSON object such as {expected}", path.display())
    })
}

fn read_secret(path: &Path) -> anyhow::Result<String> {
    let text = fs::read_to_string(path).with_context(|| format!("--secret-file {} can't be read", path.display()))?;
    let secret = text.trim();
    if secret.is_empty() || secret.contains(char::is_whitespace) {
        anyhow::bail!("--secret-file {} does not hold one secret and nothing else", path.display());
    }
    Ok(secret.to_owned())
}
