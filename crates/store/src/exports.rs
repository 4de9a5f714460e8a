//! The records of export jobs and of the callbacks that tell of them: opaque bytes by account and token or id, changed only inside
//! the writer, so that a state is compared and set in one transaction, and what follows from it is kept in the same.

use sayso_model::id::{AccessToken, AccountNo};

use crate::{
    Store, StoreError,
    audit::Entry,
    engine::{Databases, OrEngine, Read},
    keys::small,
    seal,
    tx::Tx,
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
    /// Adds a record to the account's audit trail, in the commit of what it tells of.
    fn audit(&mut self, account: AccountNo, entry: &Entry) -> Result<(), StoreError>;
    /// Removes the idempotency records for which `old` says yes.
    fn sweep_keys(&mut self, old: &dyn Fn(&[u8]) -> bool) -> Result<u64, StoreError>;
    /// Puts a callback that waits for its delivery.
    fn put_callback(&mut self, account: AccountNo, id: &CallbackId, record: &[u8]) -> Result<(), StoreError>;
    /// Removes it.
    fn remove_callback(&mut self, account: AccountNo, id: &CallbackId) -> Result<(), StoreError>;
}

/// What names a callback: random, and so different in every data directory.
pub type CallbackId = [u8; 16];

impl Store {
    /// Runs a function over the export records inside the writer; what it gives back comes when it is on disk. All its
    /// checks must stand before its first put: an error leaves nothing.
    pub fn export_records<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut dyn ExportRecords) -> Result<T, StoreError> + Send + 'static,
    ) -> impl Future<Output = Result<T, StoreError>> + Send + 'static {
        self.writer().run(move |tx| f(&mut Records(tx)))
    }
    /// The same for steps that end or remove something: kept on a full disk, too, from the part of it that is kept free, since
    /// they are how it gets room again.
    pub fn export_upkeep<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut dyn ExportRecords) -> Result<T, StoreError> + Send + 'static,
    ) -> impl Future<Output = Result<T, StoreError>> + Send + 'static {
        self.writer().run_upkeep(move |tx| f(&mut Records(tx)))
    }
    /// The record of a token, read at once.
    pub fn export_record(&self, account: AccountNo, token: AccessToken) -> Result<Option<Vec<u8>>, StoreError> {
        let engine = &self.shared().engine;
        get(&engine.dbs, &engine.read()?, &small::export(account, token))
    }
    /// What `read` makes of every record: at start-up (interrupted jobs), for the sweeper and for metrics. They are read where they are, since one
    /// may be of many megabytes. One that is damaged stands for itself alone: its error is in its place.
    pub fn all_export_records<T>(
        &self,
        mut read: impl FnMut(AccountNo, AccessToken, Result<&[u8], StoreError>) -> T,
    ) -> Result<Vec<T>, StoreError> {
        let engine = &self.shared().engine;
        let txn = engine.read()?;
        let mut all = Vec::new();
        for entry in engine.dbs.exports.prefix_iter(&txn, small::EXPORTS).or_engine()? {
            let (key, sealed) = entry.or_engine()?;
            let (account, token) = small::job_of(key)?;
            all.push(read(account, token, open(key, sealed)));
        }
        Ok(all)
    }
    /// The record of a callback that waits for its delivery, read at once.
    pub fn callback(&self, account: AccountNo, id: &CallbackId) -> Result<Option<Vec<u8>>, StoreError> {
        let engine = &self.shared().engine;
        get(&engine.dbs, &engine.read()?, &small::callback(account, id))
    }
    /// Every one: at start-up. One that is damaged stands for itself alone: its error is in its place.
    pub fn all_callbacks(&self) -> Result<Vec<Result<Vec<u8>, StoreError>>, StoreError> {
        let engine = &self.shared().engine;
        let txn = engine.read()?;
        let mut all = Vec::new();
        for entry in engine.dbs.exports.prefix_iter(&txn, small::CALLBACKS).or_engine()? {
            let (key, sealed) = entry.or_engine()?;
            all.push(open(key, sealed).map(<[u8]>::to_vec));
        }
        Ok(all)
    }
}

struct Records<'a, 's>(&'a mut Tx<'s>);

impl Records<'_, '_> {
    fn get_at(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let (dbs, txn) = self.0.read();
        get(dbs, txn, key)
    }
    fn put_at(&mut self, key: &[u8], record: &[u8]) -> Result<(), StoreError> {
        let (dbs, txn) = self.0.write();
        dbs.exports.put(txn, key, &seal::seal(record)).or_engine()
    }
}

impl ExportRecords for Records<'_, '_> {
    fn get(&self, account: AccountNo, token: AccessToken) -> Result<Option<Vec<u8>>, StoreError> {
        self.get_at(&small::export(account, token))
    }
    fn put(&mut self, account: AccountNo, token: AccessToken, record: &[u8]) -> Result<(), StoreError> {
        self.put_at(&small::export(account, token), record)
    }
    fn remove(&mut self, account: AccountNo, token: AccessToken) -> Result<(), StoreError> {
        let (dbs, txn) = self.0.write();
        dbs.exports.delete(txn, &small::export(account, token)).or_engine().map(drop)
    }
    fn get_key(&self, account: AccountNo, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.get_at(&small::idempotency(account, key))
    }
    fn put_key(&mut self, account: AccountNo, key: &[u8], record: &[u8]) -> Result<(), StoreError> {
        self.put_at(&small::idempotency(account, key), record)
    }
    fn audit(&mut self, account: AccountNo, entry: &Entry) -> Result<(), StoreError> {
        self.0.audit(account, entry)
    }
    fn sweep_keys(&mut self, old: &dyn Fn(&[u8]) -> bool) -> Result<u64, StoreError> {
        let (dbs, txn) = self.0.read();
        let mut ended = Vec::new();
        for entry in dbs.exports.prefix_iter(txn, small::IDEMPOTENCY_KEYS).or_engine()? {
            let (key, sealed) = entry.or_engine()?;
            // One that can't be read tells nobody of a former call.
            if open(key, sealed).map_or(true, old) {
                ended.push(key.to_vec());
            }
        }
        for key in &ended {
            let (dbs, txn) = self.0.write();
            dbs.exports.delete(txn, key).or_engine()?;
        }
        Ok(ended.len() as u64)
    }
    fn put_callback(&mut self, account: AccountNo, id: &CallbackId, record: &[u8]) -> Result<(), StoreError> {
        self.put_at(&small::callback(account, id), record)
    }
    fn remove_callback(&mut self, account: AccountNo, id: &CallbackId) -> Result<(), StoreError> {
        let (dbs, txn) = self.0.write();
        dbs.exports.delete(txn, &small::callback(account, id)).or_engine().map(drop)
    }
}

fn get(dbs: &Databases, txn: &Read<'_>, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
    let sealed = dbs.exports.get(txn, key).or_engine()?;
    sealed.map(|sealed| open(key, sealed).map(<[u8]>::to_vec)).transpose()
}

/// Opens a record; the error names the token, or that it was an idempotency key's or a callback's.
pub(crate) fn open<'a>(key: &[u8], sealed: &'a [u8]) -> Result<&'a [u8], StoreError> {
    seal::open(sealed, || match small::job_of(key) {
        Ok((account, token)) if key.starts_with(small::EXPORTS) => {
            format!("the record of export {token} of account {account}")
        }
        Ok((account, _)) if key.starts_with(small::CALLBACKS) => {
            format!("the record of a callback of account {account}")
        }
        _ => "the record of an Idempotency-Key".to_owned(),
    })
}
