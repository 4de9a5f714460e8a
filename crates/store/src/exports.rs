//! The records of export jobs: opaque bytes by account and token, changed only inside the writer, so that a state is
//! compared and set in one transaction.

use sayso_model::id::{AccessToken, AccountNo};

use crate::{Store, StoreError};

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
        _f: impl FnOnce(&mut dyn ExportRecords) -> Result<T, StoreError> + Send + 'static,
    ) -> impl Future<Output = Result<T, StoreError>> + Send + 'static {
        async { todo!() }
    }
    /// The record of a token, read at once.
    pub fn export_record(&self, _account: AccountNo, _token: AccessToken) -> Result<Option<Vec<u8>>, StoreError> {
        todo!()
    }
    /// Every record: at start-up (interrupted jobs), for the sweeper and for metrics.
    pub fn all_export_records(&self) -> Result<Vec<(AccountNo, AccessToken, Vec<u8>)>, StoreError> {
        todo!()
    }
}
