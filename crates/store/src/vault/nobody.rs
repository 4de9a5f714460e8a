//! What stands in for secrets that aren't there: looked for, opened and compared like any, so that how long an answer takes doesn't tell
//! whether there is such an account or user, and known to no one, so that nothing ever fits them.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sayso_model::{id::AccountNo, moment::Moment, secret::Secret};

use super::{
    AT_ONCE, Purpose, Sealed, Vault, Whose,
    kept::{Kept, Record, get, open},
};
use crate::{Store, StoreError, engine::OrEngine, keys::small, seal};

/// No account gets this number.
const NOBODY: AccountNo = AccountNo(u32::MAX);
const WHOSE: Whose<'static> = (NOBODY, Purpose::SharedKey, "");

/// Secrets of nobody, and their record as it would be kept.
pub(super) struct Nobody {
    secrets: [Sealed; AT_ONCE],
    record: Vec<u8>,
}

impl Nobody {
    pub(super) fn new(seal: impl Fn(Whose<'_>, &Secret) -> Result<Sealed, StoreError>) -> Result<Self, StoreError> {
        let secrets = [seal(WHOSE, &random()?)?, seal(WHOSE, &random()?)?];
        let kept = secrets.iter().map(|sealed| Kept { created: Moment::FIRST, ends: None, sealed: sealed.clone() });
        let (account, purpose, owner) = WHOSE;
        let record = Record { account, purpose, owner: owner.to_owned(), secrets: kept.collect() };
        Ok(Self { secrets, record: seal::seal_json(&record)? })
    }
}

fn random() -> Result<Secret, StoreError> {
    let mut bytes = [0; 48];
    getrandom::fill(&mut bytes).map_err(|e| StoreError::Key(format!("there are no random numbers: {e}")))?;
    Ok(Secret::new(BASE64_STANDARD.encode(bytes)))
}

impl Vault {
    fn nobodys(&self, at: usize) -> Result<Secret, StoreError> {
        self.with_key(false, |loaded| loaded.open(WHOSE, &loaded.nobody.secrets[at]))
    }
}

impl Store {
    /// The secrets that an owner has now, and as many of nobody as make two; of an account that isn't there, nobody's alone.
    pub(crate) fn secrets_or_nobodys(
        &self,
        account: Option<AccountNo>,
        purpose: Purpose,
        owner: &str,
    ) -> Result<[Secret; AT_ONCE], StoreError> {
        let shared = self.shared();
        let (vault, dbs) = (&shared.vault, &shared.engine.dbs);
        let txn = shared.engine.read()?;
        let whose = (account.unwrap_or(NOBODY), purpose, owner);
        let kept = get(dbs, &txn, whose, self.clock().now())?;
        if kept.is_empty()
            && let Err(error) = vault.with_key(false, |loaded| open(&loaded.nobody.record))
        {
            // Without any secret there needn't be a key.
            if dbs.access.prefix_iter(&txn, small::SECRETS).or_engine()?.next().is_some() {
                return Err(error);
            }
            let unknowable = match vault.unknowable.get() {
                Some(secret) => secret,
                None => {
                    let secret = random()?;
                    vault.unknowable.get_or_init(|| secret)
                }
            };
            return Ok([unknowable.clone(), unknowable.clone()]);
        }
        let secret = |at: usize| match kept.get(at) {
            Some(kept) => vault.open(whose, &kept.sealed),
            None => vault.nobodys(at),
        };
        Ok([secret(0)?, secret(1)?])
    }
}
