//! Which assertions were used (RFC 7523, 3, `jti`): each is good once, also after a restart, until it would have expired anyway.

use sayso_model::moment::Moment;
use sha2::{Digest, Sha256};

use crate::{Store, StoreError, engine::OrEngine, keys::small, seal, tx::Tx};

impl Store {
    /// Uses up an assertion of a client, which expires at `until`; `false` when it was used before. On disk when it is answered.
    pub fn use_assertion(
        &self,
        client_id: &str,
        jti: &str,
        until: Moment,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send + 'static {
        // The hash of the id has one length, so no other id and jti give the same text.
        let digest = Sha256::new().chain_update(Sha256::digest(client_id)).chain_update(jti).finalize();
        let key = small::assertion(&digest.into());
        self.writer().run(move |tx| {
            let (dbs, txn) = tx.read();
            if dbs.access.get(txn, &key).or_engine()?.is_some() {
                return Ok(false);
            }
            let sealed = seal::seal_json(&until)?;
            let (dbs, txn) = tx.write();
            dbs.access.put(txn, &key, &sealed).or_engine()?;
            Ok(true)
        })
    }
}

/// Forgets those that have expired; gives how many. One that can't be read stays, so that its assertion isn't taken a second time.
pub(super) fn sweep(tx: &mut Tx<'_>, now: Moment) -> Result<u64, StoreError> {
    let (dbs, txn) = tx.read();
    let mut over = Vec::new();
    for entry in dbs.access.prefix_iter(txn, small::ASSERTIONS).or_engine()? {
        let (key, sealed) = entry.or_engine()?;
        match open(sealed) {
            Ok(expires) if expires <= now => over.push(key.to_vec()),
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "when a used assertion expires is not known; it is kept"),
        }
    }
    for key in &over {
        let (dbs, txn) = tx.write();
        dbs.access.delete(txn, key).or_engine()?;
    }
    Ok(over.len() as u64)
}

/// Reads the record of a used assertion: when it expires.
pub(crate) fn open(sealed: &[u8]) -> Result<Moment, StoreError> {
    seal::open_json(sealed, || "the record of a used assertion".to_owned())
}
