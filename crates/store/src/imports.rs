//! The records of imports, and how the records that were staged for one are written. What is kept is opaque here: the import's record by
//! account and token, one for each stage call, one for each exception. All of it changes only inside the writer, so that what a batch of
//! an import writes, how far the import is and what it refused are one transaction (docs/import.md, Crashes).

mod ahead;
mod live;
mod write;

use sayso_model::{
    id::{AccessToken, AccountNo},
    moment::Moment,
};

pub(crate) use self::live::Live;
pub use self::{
    ahead::Ahead,
    write::{By, Wish},
};
use crate::{
    Store, StoreError,
    account::Account,
    audit::Entry,
    engine::{Databases, OrEngine, Read},
    keys::small::{self, OfImport},
    seal,
    tx::Tx,
};

/// An import: whose it is, and its token.
pub type Key = (AccountNo, AccessToken);

/// What a function handed to [`Store::imports`] can do, inside the write transaction. All its checks must stand before its first put: an
/// error leaves nothing.
pub struct Imports<'a, 's>(&'a mut Tx<'s>);

impl Store {
    /// Runs a function over the records of imports inside the writer; what it gives back comes when it is on disk.
    pub fn imports<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Imports<'_, '_>) -> Result<T, StoreError> + Send + 'static,
    ) -> impl Future<Output = Result<T, StoreError>> + Send + 'static {
        self.writer().run(move |tx| f(&mut Imports(tx)))
    }
    /// The same, waited for (blocking).
    ///
    /// # Errors
    /// What the function fails with, or the write isn't kept.
    pub fn imports_blocking<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Imports<'_, '_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer().run_blocking(move |tx| f(&mut Imports(tx)))
    }
    /// The same for a function that changes profiles: what waits of the indexes is merged before, so that [`Imports::write`] can do all that
    /// it is asked for (blocking).
    ///
    /// # Errors
    /// What the function fails with, or the write isn't kept.
    pub fn imports_merged<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Imports<'_, '_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer().run_on_profiles_blocking(move |tx| f(&mut Imports(tx)))
    }
    /// The same for steps that end or remove something: kept on a full disk, too (blocking).
    ///
    /// # Errors
    /// What the function fails with, or the write isn't kept.
    pub fn imports_upkeep<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Imports<'_, '_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer().run_upkeep_blocking(move |tx| f(&mut Imports(tx)))
    }
    /// The record of an import, read at once.
    ///
    /// # Errors
    /// The engine can't read, or the record is damaged.
    pub fn import_record(&self, (no, token): Key) -> Result<Option<Vec<u8>>, StoreError> {
        let engine = &self.shared().engine;
        get(&engine.dbs, &engine.read()?, &small::import(no, token))
    }
    /// The record that is kept under an idempotency key of an import, read at once.
    ///
    /// # Errors
    /// As [`Store::import_record`].
    pub fn import_key(&self, (no, token): Key, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let engine = &self.shared().engine;
        get(&engine.dbs, &engine.read()?, &small::import_key(no, token, key))
    }
    /// What `read` makes of the record of every import: at start-up, for the sweeper, for metrics and for `sayso check`. One that is damaged
    /// stands for itself alone: its error is in its place.
    ///
    /// # Errors
    /// The engine can't read.
    pub fn all_import_records<T>(
        &self,
        mut read: impl FnMut(Key, Result<&[u8], StoreError>) -> T,
    ) -> Result<Vec<T>, StoreError> {
        let engine = &self.shared().engine;
        let txn = engine.read()?;
        let mut all = Vec::new();
        for entry in engine.dbs.imports.prefix_iter(&txn, small::IMPORTS).or_engine()? {
            let (key, sealed) = entry.or_engine()?;
            all.push(read(small::job_of(key)?, open(sealed)));
        }
        Ok(all)
    }
    /// At most `take` records of the stage calls of an import, in the order of their sequence numbers: from the one on that has the record
    /// `from` in it.
    ///
    /// # Errors
    /// The engine can't read, or a record is damaged.
    pub fn import_chunks(&self, (no, token): Key, from: u64, take: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let engine = &self.shared().engine;
        let (txn, db) = (engine.read()?, engine.dbs.imports);
        let prefix = small::of_import(OfImport::Chunk, no, token);
        let asked = small::numbered_of_import(OfImport::Chunk, no, token, from);
        let before = db.get_lower_than_or_equal_to(&txn, &asked).or_engine()?;
        let first =
            before.map_or(asked, |(key, _)| if key.starts_with(&prefix) { key.to_vec() } else { prefix.clone() });
        entries(&engine.dbs, &txn, &prefix, &first, take)
    }
    /// At most `take` exceptions of an import, from the one at this place on (from 0).
    ///
    /// # Errors
    /// The engine can't read, or one is damaged.
    pub fn import_exceptions(&self, (no, token): Key, from: u64, take: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let engine = &self.shared().engine;
        let prefix = small::of_import(OfImport::Exception, no, token);
        let first = small::numbered_of_import(OfImport::Exception, no, token, from);
        entries(&engine.dbs, &engine.read()?, &prefix, &first, take)
    }
}

impl Imports<'_, '_> {
    /// The record of an import.
    ///
    /// # Errors
    /// The engine can't read, or the record is damaged; as with all that read here.
    pub fn get(&self, (no, token): Key) -> Result<Option<Vec<u8>>, StoreError> {
        self.get_at(&small::import(no, token))
    }
    /// Puts the record of an import.
    ///
    /// # Errors
    /// The engine can't write; as with all that put here.
    pub fn put(&mut self, (no, token): Key, record: &[u8]) -> Result<(), StoreError> {
        self.put_at(&small::import(no, token), record)
    }
    /// Puts the record of a stage call whose first record has this sequence number.
    ///
    /// # Errors
    /// As [`Imports::put`].
    pub fn put_chunk(&mut self, (no, token): Key, first: u64, record: &[u8]) -> Result<(), StoreError> {
        self.put_at(&small::numbered_of_import(OfImport::Chunk, no, token, first), record)
    }
    /// The record that is kept under an idempotency key (any bytes; hashed).
    ///
    /// # Errors
    /// As [`Imports::get`].
    pub fn get_key(&self, (no, token): Key, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.get_at(&small::import_key(no, token, key))
    }
    /// Puts it.
    ///
    /// # Errors
    /// As [`Imports::put`].
    pub fn put_key(&mut self, (no, token): Key, key: &[u8], record: &[u8]) -> Result<(), StoreError> {
        self.put_at(&small::import_key(no, token, key), record)
    }
    /// Puts an exception at its place among them (from 0).
    ///
    /// # Errors
    /// As [`Imports::put`].
    pub fn put_exception(&mut self, (no, token): Key, place: u64, record: &[u8]) -> Result<(), StoreError> {
        self.put_at(&small::numbered_of_import(OfImport::Exception, no, token, place), record)
    }
    /// Removes what is kept of an import, at most `most` entries at once and the import's own record last; whether something is left.
    ///
    /// # Errors
    /// As [`Imports::put`].
    pub fn remove(&mut self, (no, token): Key, most: usize) -> Result<bool, StoreError> {
        let (dbs, txn) = self.0.read();
        let mut gone = Vec::new();
        'kinds: for kind in OfImport::ALL {
            for entry in dbs.imports.prefix_iter(txn, &small::of_import(kind, no, token)).or_engine()? {
                if gone.len() == most {
                    break 'kinds;
                }
                gone.push(entry.or_engine()?.0.to_vec());
            }
        }
        let is_left = gone.len() == most;
        if !is_left {
            gone.push(small::import(no, token));
        }
        let (dbs, txn) = self.0.write();
        for key in gone {
            dbs.imports.delete(txn, &key).or_engine()?;
        }
        Ok(is_left)
    }
    /// Adds a record to the account's audit trail, in the commit of what it tells of.
    ///
    /// # Errors
    /// As [`Imports::put`].
    pub fn audit(&mut self, no: AccountNo, entry: &Entry) -> Result<(), StoreError> {
        self.0.audit(no, entry)
    }
    /// The account as it stands in this transaction.
    ///
    /// # Errors
    /// [`StoreError::NoAccount`].
    pub fn account(&mut self, no: AccountNo) -> Result<Account, StoreError> {
        self.0.account(no)
    }
    /// What the clock says: gives no stamp.
    pub fn now(&self) -> Moment {
        self.0.now()
    }
    /// The moment of this transaction's changes.
    pub fn stamp(&mut self) -> Moment {
        self.0.stamp()
    }

    fn get_at(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let (dbs, txn) = self.0.read();
        get(dbs, txn, key)
    }
    fn put_at(&mut self, key: &[u8], record: &[u8]) -> Result<(), StoreError> {
        let (dbs, txn) = self.0.write();
        dbs.imports.put(txn, key, &seal::seal(record)).or_engine()
    }
}

fn get(dbs: &Databases, txn: &Read<'_>, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
    let sealed = dbs.imports.get(txn, key).or_engine()?;
    sealed.map(|sealed| open(sealed).map(<[u8]>::to_vec)).transpose()
}

/// At most `take` values under a prefix, from a key on.
fn entries(
    dbs: &Databases,
    txn: &Read<'_>,
    prefix: &[u8],
    first: &[u8],
    take: usize,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut all = Vec::new();
    let from = (std::ops::Bound::Included(first), std::ops::Bound::Unbounded);
    for entry in dbs.imports.range(txn, &from).or_engine()?.take(take) {
        let (key, sealed) = entry.or_engine()?;
        if !key.starts_with(prefix) {
            break;
        }
        all.push(open(sealed)?.to_vec());
    }
    Ok(all)
}

/// Opens a record.
pub(crate) fn open(sealed: &[u8]) -> Result<&[u8], StoreError> {
    seal::open(sealed, || "the record of an import".to_owned())
}
