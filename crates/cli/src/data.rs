//! Opening a data directory and finding things in it, with words for what can go wrong and what to do then.

use std::{
    env::{self, VarError},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, anyhow, bail};
use sayso_model::{
    config::{Config, User},
    id::Author,
    secret::Secret,
};
use sayso_store::{
    Clock, FileClock, Role, Settings, Store, StoreError, SystemClock,
    account::Account,
    vault::{KeySource, VaultKey},
};

use crate::{
    args::{DataArgs, InAccount},
    settings::Usage,
};

/// The clock of a command: the machine's, or a file's in a sandbox.
pub fn clock(file: Option<&Path>) -> Arc<dyn Clock> {
    match file {
        Some(path) => Arc::new(FileClock::new(path.to_owned())),
        None => Arc::new(SystemClock),
    }
}

/// Opens a data directory, which is made if it isn't there.
///
/// # Errors
/// What the store says, with the directory.
pub fn open_or_make(args: &DataArgs) -> anyhow::Result<Store> {
    open_as(args, Role::Command)
}

/// Where the key of sealed secrets comes from: `SAYSO_KEY`, which has no flag, since every user of the machine can read a command line; or
/// this file; or one beside the data directory.
///
/// # Errors
/// When `SAYSO_KEY` is no such key, or a file is named as well.
pub fn key_source(file: Option<PathBuf>) -> Result<KeySource, Usage> {
    let given = match env::var("SAYSO_KEY").map(Secret::new) {
        Ok(given) if !given.reveal().trim().is_empty() => given,
        Ok(_) | Err(VarError::NotPresent) => return Ok(file.map_or(KeySource::Beside, KeySource::File)),
        Err(VarError::NotUnicode(_)) => return Err(Usage("SAYSO_KEY: it is not base64".to_owned())),
    };
    if file.is_some() {
        return Err(Usage("both SAYSO_KEY and a key file (--key-file, SAYSO_KEY_FILE) are given; give one".to_owned()));
    }
    VaultKey::parse(given.reveal()).map(KeySource::Given).map_err(|why| Usage(format!("SAYSO_KEY: {why}")))
}

fn open_as(args: &DataArgs, role: Role) -> anyhow::Result<Store> {
    must_be_no_file(&args.data)?;
    let settings = Settings { key: key_source(args.key_file.clone())?, ..Settings::default() };
    Store::open_with(&args.data, role, clock(args.clock_file.as_deref()), settings)
        .with_context(|| format!("the data directory {} can't be opened", args.data.display()))
}

/// Opens a data directory that must be there: a mistyped `--data` makes no new one.
///
/// # Errors
/// When there is none, with the command that makes one.
pub fn open(args: &DataArgs) -> anyhow::Result<Store> {
    must_be_there(args)?;
    open_or_make(args)
}

/// The same for a command that needs the directory for itself.
///
/// # Errors
/// As [`open`]; while anybody else has it open.
pub fn open_alone(args: &DataArgs) -> anyhow::Result<Store> {
    must_be_there(args)?;
    open_as(args, Role::Alone)
}

/// Refuses a file where the data directory is to be named.
///
/// # Errors
/// [`Usage`] when it is one.
pub fn must_be_no_file(data: &Path) -> Result<(), Usage> {
    if data.is_file() {
        return Err(Usage(format!("{} is a file; --data (SAYSO_DATA) takes a directory", data.display())));
    }
    Ok(())
}

fn must_be_there(args: &DataArgs) -> anyhow::Result<()> {
    must_be_no_file(&args.data)?;
    if !args.data.is_dir() {
        bail!(
            "there is no data directory {}; name the right one with --data (or SAYSO_DATA), or make it with its first account: sayso account create NAME --data {0}",
            args.data.display()
        );
    }
    Ok(())
}

/// Opens a data directory and finds the account in it.
///
/// # Errors
/// As [`open`]; for an account that isn't there, with those that are.
pub fn open_account(place: &InAccount) -> anyhow::Result<(Store, Account)> {
    let store = open(&place.data)?;
    let account = account(&store, &place.account)?;
    Ok((store, account))
}

/// The account of this name.
///
/// # Errors
/// When it isn't there, with those that are.
pub fn account(store: &Store, name: &str) -> anyhow::Result<Account> {
    if let Some(account) = store.account(name)? {
        return Ok(account);
    }
    let there: Vec<String> = store.accounts()?.into_iter().map(|a| a.name).collect();
    let there =
        if there.is_empty() { "there is none yet".to_owned() } else { format!("there are: {}", there.join(", ")) };
    bail!("there is no account {name:?}; {there}; sayso account create {name} makes it")
}

/// An active user of an account.
///
/// # Errors
/// When there is none of that name, with those that are, or when it is switched off.
pub fn user<'a>(account: &'a Account, user_id: &str) -> anyhow::Result<&'a User> {
    let user = any_user(account, user_id)?;
    if !user.is_active {
        bail!("user {} of account {} is switched off (IsActive = false)", user.user_id, account.name);
    }
    Ok(user)
}

/// A user of an account, also one that is switched off.
///
/// # Errors
/// When there is none of that name, with those that are.
pub fn any_user<'a>(account: &'a Account, user_id: &str) -> anyhow::Result<&'a User> {
    let config = &account.config;
    let there = || config.source.users.iter().map(|u| u.user_id.as_str()).collect::<Vec<_>>().join(", ");
    config.user(user_id).ok_or_else(|| {
        anyhow!(
            "account {} has no user {user_id:?}; it has: {}; users are added with sayso account apply",
            account.name,
            there()
        )
    })
}

/// The first active administrator.
pub fn first_administrator(config: &Config) -> Option<&User> {
    config.source.users.iter().find(|u| u.is_active && config.is_administrator(u))
}

/// Who a change made by this user is said to come from.
pub fn author(user: &User) -> Author {
    Author { user_id: user.user_id.clone(), source_id: user.source_group.clone() }
}

/// Every problem of a refused configuration on a line of its own; other errors as they are.
pub fn with_all_problems(error: StoreError) -> anyhow::Error {
    match error {
        StoreError::RefusedAll(refusals) => problems(&refusals),
        other => other.into(),
    }
}

/// Refusals of a configuration, one a line.
pub fn problems(refusals: &[sayso_model::refusal::Refusal]) -> anyhow::Error {
    let lines: Vec<String> = refusals.iter().map(|r| format!("  {r}")).collect();
    anyhow!("the configuration was refused, nothing was changed:\n{}", lines.join("\n"))
}
