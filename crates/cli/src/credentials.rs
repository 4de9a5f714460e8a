//! `sayso credentials …`: OAuth clients and shared keys (access.md). A secret is shown once, when it is made; the store keeps its hash only, or
//! seals what must be readable to be used.

mod certificates;

use std::{io::Read as _, process::ExitCode};

use anyhow::{Context, bail};
use sayso_model::secret::Secret;
use sayso_store::access::{NewKey, NewSecret, OAuthClient};
use serde::{Serialize, Serializer};
use serde_json::json;

use crate::{
    args::CredentialsCommand,
    data,
    out::{self, Table},
};

/// What a caller needs for a token, as `--json` gives it (program.md).
#[derive(Serialize)]
pub struct Credentials {
    /// 48 characters.
    pub client_id: String,
    /// 64 characters.
    #[serde(serialize_with = "revealed")]
    pub client_secret: Secret,
    /// `ClientId/UserId`.
    pub scope: String,
}

impl Credentials {
    /// Of a secret that was just made, in this account.
    pub fn new(account: &str, made: NewSecret) -> Self {
        let scope = scope(account, &made.client);
        Self { client_id: made.client.client_id, client_secret: made.secret, scope }
    }

    fn print(&self, json: bool) -> anyhow::Result<()> {
        if json {
            return out::json(self);
        }
        out::line(format_args!("client_id      {}", self.client_id))?;
        out::line(format_args!("client_secret  {}", self.client_secret.reveal()))?;
        out::line(format_args!("scope          {}", self.scope))?;
        out::note("The secret is shown this once; keep it where secrets are kept.");
        Ok(())
    }
}

/// A secret as the one answer that shows it has it.
fn revealed<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.reveal())
}

fn scope(account: &str, client: &OAuthClient) -> String {
    format!("{account}/{}", client.user_id)
}

fn print_key(account: &str, made: &NewKey, json: bool) -> anyhow::Result<()> {
    let key = made.key.reveal();
    if json {
        return out::json(&json!({"account": account, "user": made.user_id, "key": key}));
    }
    out::line(format_args!("account  {account}"))?;
    out::line(format_args!("user     {}", made.user_id))?;
    out::line(format_args!("key      {key}"))?;
    out::note("The key is shown this once; keep it where secrets are kept.");
    Ok(())
}

/// The first line of standard input, without its end.
fn read_key() -> anyhow::Result<Secret> {
    let mut line = String::with_capacity(KEY_LINE as usize);
    std::io::stdin().take(KEY_LINE).read_to_string(&mut line).context("standard input can't be read")?;
    let line = Secret::new(line);
    Ok(Secret::new(line.reveal().lines().next().unwrap_or_default().to_owned()))
}

/// More than a key may have, so that one that is too long is refused and not cut off.
const KEY_LINE: u64 = 1 << 10;

/// A client in a list; no secret, nor its hash.
#[derive(Debug, Serialize)]
struct Listed {
    client_id: String,
    user: String,
    scope: String,
    is_active: bool,
    created: String,
    secrets: usize,
    certificates: usize,
}

/// Runs one of them.
///
/// # Errors
/// What is missing, or what the store says.
pub fn run(command: CredentialsCommand) -> anyhow::Result<ExitCode> {
    match command {
        CredentialsCommand::Create { user, json, place } => {
            let (store, account) = data::open_account(&place)?;
            let user = data::user(&account, &user)?;
            let made = store.create_client(account.no, &user.user_id)?;
            Credentials::new(&account.name, made).print(json)?;
        }
        CredentialsCommand::List { json, place } => {
            let (store, account) = data::open_account(&place)?;
            let listed: Vec<Listed> = store
                .clients(account.no)?
                .into_iter()
                .map(|client| Listed {
                    scope: scope(&account.name, &client),
                    created: client.created.to_string(),
                    secrets: client.secrets.len(),
                    certificates: client.certificates.len(),
                    is_active: client.is_active,
                    client_id: client.client_id,
                    user: client.user_id,
                })
                .collect();
            if json {
                out::json(&listed)?;
            } else if listed.is_empty() {
                out::note(format_args!(
                    "account {0} has no clients; sayso credentials create --account {0} --user USER makes one",
                    account.name
                ));
            } else {
                let mut table = Table::new(&["CLIENT ID", "USER", "ACTIVE", "SECRETS", "CERTIFICATES", "CREATED"]);
                for client in listed {
                    let active = if client.is_active { "yes" } else { "no" };
                    table.row(vec![
                        client.client_id,
                        client.user,
                        active.to_owned(),
                        client.secrets.to_string(),
                        client.certificates.to_string(),
                        client.created,
                    ]);
                }
                out::line(table)?;
            }
        }
        CredentialsCommand::Rotate { client_id, end_former, json, place } => {
            let (store, account) = data::open_account(&place)?;
            let made = store.rotate_client(account.no, &client_id, !end_former)?;
            Credentials::new(&account.name, made).print(json)?;
            out::note(match end_former {
                true => "The former secrets are ended.",
                false => "The former secret stays good until the next rotation.",
            });
        }
        CredentialsCommand::Key { user, rotate, end_former, stdin, revoke, json, place } => {
            let (store, account) = data::open_account(&place)?;
            if revoke {
                let user = data::any_user(&account, &user)?;
                if !store.revoke_keys(account.no, &user.user_id)? {
                    bail!("user {} of account {} has no shared key", user.user_id, account.name);
                }
                out::line(format_args!("ended the shared keys of {}", user.user_id))?;
                return Ok(ExitCode::SUCCESS);
            }
            let user = data::user(&account, &user)?;
            let brought = stdin.then(read_key).transpose()?;
            let made = store.rotate_key(account.no, &user.user_id, !rotate, !end_former, brought)?;
            print_key(&account.name, &made, json)?;
            match (rotate, end_former) {
                (true, true) => out::note("The former keys are ended."),
                (true, false) => out::note("The former key stays good until the next rotation."),
                (false, _) => {}
            }
        }
        CredentialsCommand::Certificate(command) => return certificates::run(command),
        CredentialsCommand::Revoke { client_id, place } => {
            let (store, account) = data::open_account(&place)?;
            if !store.revoke_client(account.no, &client_id)? {
                bail!(
                    "account {0} has no client {client_id:?}; sayso credentials list --account {0} shows those it has",
                    account.name
                );
            }
            out::line(format_args!("revoked {client_id}"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
