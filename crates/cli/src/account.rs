//! `sayso account …`: accounts and their configuration as a file (configuration.md, The account as a file).

pub mod diff;
pub mod file;

use std::process::ExitCode;

use anyhow::Context;
use sayso_model::id::{AccountNo, fold};
use sayso_store::{Store, access::OAuthClient};
use serde::Serialize;

use crate::{
    args::{AccountCommand, DataArgs},
    data,
    out::{self, Table},
};

/// The outcome of `apply`, as `--json` gives it.
#[derive(Serialize)]
struct Applied<'a> {
    account: &'a str,
    dry_run: bool,
    changes: &'a [diff::Change],
}

/// An account in a list.
#[derive(Serialize)]
struct Listed {
    name: String,
    version: u64,
    users: usize,
    segments: usize,
    segment_groups: usize,
}

/// Runs one of them.
///
/// # Errors
/// What is missing or refused, or what the store says.
pub fn run(command: AccountCommand) -> anyhow::Result<ExitCode> {
    match command {
        AccountCommand::Create { name, from, admin, data } => create(&name, from.as_deref(), &admin, &data),
        AccountCommand::Apply { name, from, dry_run, json, data } => apply(&name, &from, dry_run, json, &data),
        AccountCommand::Show { name, json, data } => {
            let account = data::account(&data::open(&data)?, &name)?;
            let configuration = &account.config.source;
            if json {
                out::json(configuration)?
            } else {
                out::line(file::write(&account.name, configuration)?.trim_end())?
            }
            Ok(ExitCode::SUCCESS)
        }
        AccountCommand::WebhookSecret { name, rotate, end_former, json, data } => {
            webhook_secret(&name, rotate, end_former, json, &data)
        }
        AccountCommand::List { json, data } => list(json, &data),
    }
}

fn create(name: &str, from: Option<&std::path::Path>, admin: &str, data: &DataArgs) -> anyhow::Result<ExitCode> {
    let mut configuration = from.map(file::read).transpose()?.unwrap_or_default();
    let added = file::ensure_administrator(&mut configuration, admin)?;
    let administrator = fold(admin);
    let store = data::open_or_make(data)?;
    let account = store.create_account(name, configuration).map_err(data::with_all_problems)?;
    out::line(format_args!("created account {}", account.name))?;
    if let Some(user) = account.config.source.users.iter().find(|u| fold(&u.user_id) == administrator) {
        let how = if added { "added" } else { "from the file" };
        out::note(format_args!("Its first administrator is {} ({how}).", user.user_id));
    }
    let place = if data.data.as_os_str() == crate::args::DEFAULT_DATA {
        String::new()
    } else {
        format!(" --data {}", data.data.display())
    };
    out::note(format_args!(
        "Next:\n  sayso credentials create --account {0} --user {admin}{place}   who may call\n  sayso load people.ndjson --account {0}{place}   profiles\n  sayso serve{place}   the server",
        account.name
    ));
    Ok(ExitCode::SUCCESS)
}

fn apply(name: &str, from: &std::path::Path, dry_run: bool, json: bool, data: &DataArgs) -> anyhow::Result<ExitCode> {
    let mut configuration = file::read(from)?;
    let store = data::open(data)?;
    let account = data::account(&store, name)?;
    let current = &account.config.source;
    let kept = file::keep_administrators(&mut configuration, current);
    if !kept.is_empty() {
        out::note(format_args!(
            "The file has no active administrator; those there stay, or nobody could administer the account: {}",
            kept.join(", ")
        ));
    }
    store.check_configuration(account.no, &configuration).map_err(data::with_all_problems)?;
    let mut changes = diff::changes(current, &configuration)?;
    tell_what_ends(&store, account.no, &mut changes)?;
    if !dry_run && !changes.is_empty() {
        store.apply_configuration(account.no, configuration).map_err(data::with_all_problems)?;
    }
    if json {
        out::json(&Applied { account: &account.name, dry_run, changes: &changes })?;
    } else if changes.is_empty() {
        out::line("no change")?;
    } else {
        out::line(diff::Shown(&changes))?;
        let done = if dry_run { "would be made in" } else { "made in" };
        out::line(format_args!("{} {done} account {}", out::counted(changes.len() as u64, "change"), account.name))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Says of each user who goes what goes with the user.
fn tell_what_ends(store: &Store, account: AccountNo, changes: &mut [diff::Change]) -> anyhow::Result<()> {
    let is_removed = |change: &&mut diff::Change| change.kind == "Users" && change.change == diff::What::Removed;
    let clients = store.clients(account)?;
    for change in changes.iter_mut().filter(is_removed) {
        let is_theirs = |client: &OAuthClient| fold(&client.user_id) == fold(&change.name);
        let oauth_clients = clients.iter().filter(|client| is_theirs(client)).count() as u64;
        let shared_keys = store.shared_keys_made(account, &change.name)?.len() as u64;
        change.ends = (oauth_clients + shared_keys > 0).then_some(diff::Ends { oauth_clients, shared_keys });
    }
    Ok(())
}

fn webhook_secret(name: &str, rotate: bool, end_former: bool, json: bool, data: &DataArgs) -> anyhow::Result<ExitCode> {
    let store = data::open(data)?;
    let account = data::account(&store, name)?;
    if rotate {
        store.rotate_webhook_secret(account.no, !end_former)?;
    }
    let secrets = store.show_webhook_secrets(account.no)?;
    let secret = secrets.last().context("the secret that was just made isn't there")?.reveal();
    if json {
        out::json(&serde_json::json!({"account": account.name, "secret": secret}))?;
    } else {
        out::line(secret)?;
    }
    if secrets.len() > 1 {
        out::note("The former secret signs, too, until 24 h after the rotation.");
    }
    Ok(ExitCode::SUCCESS)
}

fn list(json: bool, data: &DataArgs) -> anyhow::Result<ExitCode> {
    let accounts: Vec<Listed> = data::open(data)?
        .accounts()?
        .into_iter()
        .map(|account| Listed {
            users: account.config.source.users.len(),
            segments: account.config.source.segments.len(),
            segment_groups: account.config.source.segment_groups.len(),
            version: account.version,
            name: account.name,
        })
        .collect();
    if json {
        out::json(&accounts)?;
    } else if accounts.is_empty() {
        out::note("There is no account yet; sayso account create NAME makes one.");
    } else {
        let mut table = Table::new(&["ACCOUNT", "USERS", "SEGMENTS", "SEGMENT GROUPS", "VERSION"]);
        for a in accounts {
            let numbers = [a.users as u64, a.segments as u64, a.segment_groups as u64, a.version].map(out::count);
            table.row(std::iter::once(a.name).chain(numbers).collect());
        }
        out::line(table)?;
    }
    Ok(ExitCode::SUCCESS)
}
