//! Accounts and their configuration.

use std::sync::Arc;

use sayso_model::{
    config::{Config, Configuration},
    id::AccountNo,
};

use crate::{Store, StoreError};

/// An account as it stands now.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Account {
    pub no: AccountNo,
    /// As it was created; matched without regard to case.
    pub name: String,
    pub config: Arc<Config>,
    /// Raised by every change of the configuration.
    pub version: u64,
}

impl Store {
    /// The account of this name, without regard to case. Cheap: the configuration is cached until its version moves.
    pub fn account(&self, _name: &str) -> Result<Option<Account>, StoreError> {
        todo!()
    }
    /// The account of this number (a bearer token knows the number, not the name). As cheap as [`Store::account`].
    pub fn account_by_no(&self, _no: AccountNo) -> Result<Option<Account>, StoreError> {
        todo!()
    }
    /// Every account, by name.
    pub fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        todo!()
    }
    /// Makes an account (blocking). Names: 1–64 of A–Z a–z 0–9 _ - . ; one that is there is a conflict.
    pub fn create_account(&self, _name: &str, _configuration: Configuration) -> Result<Account, StoreError> {
        todo!()
    }
    /// Replaces the configuration after `model::config::check` against the present one (blocking). Gives the account as it is then.
    pub fn apply_configuration(&self, _no: AccountNo, _configuration: Configuration) -> Result<Account, StoreError> {
        todo!()
    }
}
