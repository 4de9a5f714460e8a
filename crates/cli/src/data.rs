//! Opening a data directory and finding things in it, with words for what can go wrong and what to do then.

use std::{path::Path, sync::Arc};

use anyhow::{Context, anyhow, bail};
use sayso_model::{
    config::{Config, User},
    id::Author,
};
use sayso_store::{Clock, FileClock, Role, Store, StoreError, SystemClock, account::Account};

use crate::args::{DataArgs, InAccount};

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

fn open_as(args: &DataArgs, role: Role) -> anyhow::Result<Store> {
    Store::open(&args.data, role, clock(args.clock_file.as_deref()))
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

fn must_be_there(args: &DataArgs) -> anyhow::Result<()> {
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
    let config = &account.config;
    let there = || config.source.users.iter().map(|u| u.user_id.as_str()).collect::<Vec<_>>().join(", ");
    let user = config.user(user_id).ok_or_else(|| {
        anyhow!(
            "account {} has no user {user_id:?}; it has: {}; users are added with sayso account apply",
            account.name,
            there()
        )
    })?;
    if !user.is_active {
        bail!("user {} of account {} is switched off (IsActive = false)", user.user_id, account.name);
    }
    Ok(user)
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
