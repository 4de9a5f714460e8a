//! The secrets that sign an account's callbacks (Standard Webhooks: `whsec_` and base64). They must be readable to be used, so the
//! [vault](crate::vault) seals them. After a rotation the former one signs beside the new one for a day, in which receivers can change over.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sayso_model::{id::AccountNo, moment::Moment, secret::Secret};
use zeroize::Zeroizing;

use crate::{
    Store, StoreError,
    audit::{Action, Entry, Origin},
    tx::Tx,
    vault::{self, Former, Purpose, Whose},
};

/// For how long a former secret signs, ms.
const FORMER_MS: i64 = 24 * 3_600_000;
/// Random bytes of a secret: the specification asks for 24 to 64.
const LENGTH: usize = 32;

fn whose(account: AccountNo) -> Whose<'static> {
    (account, Purpose::WebhookSecret, "")
}

impl Store {
    /// The secrets that sign an account's callbacks now, the newest last.
    ///
    /// # Errors
    /// [`StoreError::Key`] when the vault's key isn't there or is another; what the engine says.
    pub fn webhook_secrets(&self, account: AccountNo) -> Result<Vec<Secret>, StoreError> {
        let shared = self.shared();
        let txn = shared.engine.read()?;
        let kept = vault::get(&shared.engine.dbs, &txn, whose(account), self.clock().now())?;
        kept.iter().map(|kept| shared.vault.open(whose(account), &kept.sealed)).collect()
    }

    /// The same for a command that shows them (blocking); an account that has none gets its first. That they are shown is on disk before
    /// they are given.
    ///
    /// # Errors
    /// As [`Store::webhook_secrets`]; [`StoreError::NotKept`] when the record can't be kept.
    pub fn show_webhook_secrets(&self, account: AccountNo) -> Result<Vec<Secret>, StoreError> {
        self.writer().run_blocking(move |tx| {
            ensure(tx, account, Origin::command_line())?;
            tx.audit(account, &Entry::new(Action::WebhookSecretShown, Origin::command_line()))
        })?;
        self.webhook_secrets(account)
    }

    /// Gives an account its first secret, unless it has one.
    ///
    /// # Errors
    /// [`StoreError::Key`] when the vault has no key to seal it with; what the engine says.
    pub fn ensure_webhook_secret(
        &self,
        account: AccountNo,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
        self.writer().run(move |tx| ensure(tx, account, Origin::program()))
    }

    /// The same for a command beside the data directory (blocking).
    ///
    /// # Errors
    /// As there.
    pub fn ensure_webhook_secret_blocking(&self, account: AccountNo) -> Result<(), StoreError> {
        self.writer().run_blocking(move |tx| ensure(tx, account, Origin::command_line()))
    }

    /// Gives an account another secret (blocking). `keep_former`: the present one signs for another day, else it ends at once.
    ///
    /// # Errors
    /// As [`Store::ensure_webhook_secret`].
    pub fn rotate_webhook_secret(&self, account: AccountNo, keep_former: bool) -> Result<(), StoreError> {
        self.writer().run_blocking(move |tx| {
            let account = tx.account(account)?.no;
            let ends = Moment(tx.now().0.saturating_add(FORMER_MS));
            let former = if keep_former { Former::EndsAt(ends) } else { Former::Ends };
            vault::add(tx, whose(account), &random()?, former)?;
            let detail = if keep_former { "the former one signs for another day" } else { "the former one ended" };
            tx.audit(account, &Entry::new(Action::WebhookSecretRotated, Origin::command_line()).detail(detail))
        })
    }
}

fn ensure(tx: &mut Tx<'_>, account: AccountNo, origin: Origin) -> Result<(), StoreError> {
    let account = tx.account(account)?.no;
    let (dbs, txn) = tx.read();
    if !vault::get(dbs, txn, whose(account), tx.now())?.is_empty() {
        return Ok(());
    }
    vault::add(tx, whose(account), &random()?, Former::Ends)?;
    tx.audit(account, &Entry::new(Action::WebhookSecretRotated, origin).detail("the first one"))
}

fn random() -> Result<Secret, StoreError> {
    let mut bytes = Zeroizing::new([0; LENGTH]);
    getrandom::fill(&mut *bytes).map_err(|e| StoreError::Key(format!("there are no random numbers: {e}")))?;
    let mut text = String::with_capacity(6 + LENGTH.div_ceil(3) * 4);
    text.push_str("whsec_");
    BASE64_STANDARD.encode_string(bytes.as_slice(), &mut text);
    Ok(Secret::new(text))
}
