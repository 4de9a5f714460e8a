//! The records of export jobs: opaque bytes by account and token, changed only inside the writer, so that a state is
//! compared and set in one transaction.

use std::future::Future;

use sayso_model::id::{AccessToken, AccountNo};

use crate::{
    Store, StoreError,
    engine::{Databases, OrEngine, Read},
    keys::small,
    seal,
    writer::Work,
};

/// What a function handed to [`Store::export_records`] can do, inside the write transaction.
pub trait ExportRecords {
    /// The record of a token.
    fn get(&self, account: AccountNo, token: AccessToken) -> Result<Option<Vec<u8>>, StoreError>;
    /// Puts the record of a token.
    fn put(&mut self, account: AccountNo, token: AccessToken, record: &[u8]) -> Result<(), StoreError>;
    /// Removes the record of a token.
    fn remove(&mut self, account: AccountNo, token: AccessToken) -> Result<(), StoreError>;
    /// The record kept under an idempotency key (any bytes; hashed).
    fn get_key(&self, account: AccountNo, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;
    /// Puts it.
    fn put_key(&mut self, account: AccountNo, key: &[u8], record: &[u8]) -> Result<(), StoreError>;
    /// Removes the idempotency records for which `old` says yes.
    fn sweep_keys(&mut self, old: &dyn Fn(&[u8]) -> bool) -> Result<u64, StoreError>;
}

impl Store {
    /// Runs a function over the export records inside the writer; what it gives back comes when it is on disk. All its
    /// checks must stand before its first put: an error leaves nothing.
    pub fn export_records<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut dyn ExportRecords) -> Result<T, StoreError> + Send + 'static,
    ) -> impl Future<Output = Result<T, StoreError>> + Send + 'static {
        self.submit(move |work| f(work))
    }
    /// The record of a token, read at once.
    pub fn export_record(&self, account: AccountNo, token: AccessToken) -> Result<Option<Vec<u8>>, StoreError> {
        get(&self.inner.engine.dbs, &self.inner.engine.read()?, &small::export(account, token))
    }
    /// Every record: at start-up (interrupted jobs), for the sweeper and for metrics.
    pub fn all_export_records(&self) -> Result<Vec<(AccountNo, AccessToken, Vec<u8>)>, StoreError> {
        let txn = self.inner.engine.read()?;
        let mut all = Vec::new();
        for entry in self.inner.engine.dbs.exports.prefix_iter(&txn, &[small::EXPORTS]).or_engine()? {
            let (key, value) = entry.or_engine()?;
            let (account, token) = small::export_of(key)?;
            all.push((account, token, opened(value)?));
        }
        Ok(all)
    }
}

fn get(dbs: &Databases, txn: &Read<'_>, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
    dbs.exports.get(txn, key).or_engine()?.map(opened).transpose()
}

fn opened(sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
    seal::open(sealed, || "the record of an export".into()).map(<[u8]>::to_vec)
}

impl Work<'_> {
    fn put_export(&mut self, key: &[u8], record: &[u8]) -> Result<(), StoreError> {
        self.dbs.exports.put(&mut self.txn, key, &seal::seal(record)).or_engine()
    }
}

impl ExportRecords for Work<'_> {
    fn get(&self, account: AccountNo, token: AccessToken) -> Result<Option<Vec<u8>>, StoreError> {
        get(self.dbs, &self.txn, &small::export(account, token))
    }
    fn put(&mut self, account: AccountNo, token: AccessToken, record: &[u8]) -> Result<(), StoreError> {
        self.put_export(&small::export(account, token), record)
    }
    fn remove(&mut self, account: AccountNo, token: AccessToken) -> Result<(), StoreError> {
        self.dbs.exports.delete(&mut self.txn, &small::export(account, token)).or_engine().map(|_| ())
    }
    fn get_key(&self, account: AccountNo, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        get(self.dbs, &self.txn, &small::idempotency(account, key))
    }
    fn put_key(&mut self, account: AccountNo, key: &[u8], record: &[u8]) -> Result<(), StoreError> {
        self.put_export(&small::idempotency(account, key), record)
    }
    fn sweep_keys(&mut self, old: &dyn Fn(&[u8]) -> bool) -> Result<u64, StoreError> {
        let mut gone = Vec::new();
        for entry in self.dbs.exports.prefix_iter(&self.txn, &[small::IDEMPOTENCY]).or_engine()? {
            let (key, value) = entry.or_engine()?;
            if old(&opened(value)?) {
                gone.push(key.to_vec());
            }
        }
        for key in &gone {
            self.dbs.exports.delete(&mut self.txn, key).or_engine()?;
        }
        Ok(gone.len() as u64)
    }
}
