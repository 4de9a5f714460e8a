//! Bulk load of new profiles. The model's work is done on many threads without a transaction (`prepare`); here what is prepared
//! gets its numbers and goes into the engine, in the order of its keys, which is what LMDB likes best (measured.md: bulk
//! loading wants sorted index writes).
//!
//! A load that is alone prepares ahead of its transactions and lets index entries wait (`alone`); one beside a server does all
//! of it inside of each. Imports, and who makes a single profile, prepare ahead where they can.

mod alone;
mod claims;
mod prepare;

use std::cmp::Ordering;

use heed::{PutFlags, RwTxn};
use sayso_model::{
    facts,
    id::{AccountNo, Author, ProfileId},
    input::ProfileInput,
    moment::Moment,
    reading,
};

#[cfg(test)]
pub(crate) use self::prepare::Claim;
use self::prepare::{Basis, Buffers, Facts};
pub use self::{alone::Loader, prepare::Prepared};
pub(crate) use self::{claims::Claims, prepare::Import};
use crate::{
    StoreError,
    account::Account,
    cores::on_all_cores,
    engine::{Db, OrEngine},
    keys,
    meta::Numbers,
    pending::Run,
    profiles::Written,
    row, rows,
    terms::Dictionary,
    tx::Tx,
};

/// Loads a batch beside others who write. One answer for each input, in order.
pub(crate) fn apply(
    tx: &mut Tx<'_>,
    no: AccountNo,
    author: &Author,
    batch: Vec<ProfileInput>,
    import: Option<Import>,
) -> Result<Vec<Result<ProfileId, StoreError>>, StoreError> {
    let (answers, run) = put_all(tx, no, author, batch, import, &mut Claims::default())?;
    put_run(tx, &run)?;
    Ok(answers)
}

/// The answer to each profile, and the index entries that are still to be put or left to be merged.
pub(crate) type Put = (Vec<Result<ProfileId, StoreError>>, Run);

/// One new profile made ready, all but its number.
pub(crate) struct New(Prepared);

impl New {
    /// Does what can be done without writing; a refusal is told when it is put. The dictionary may lack terms.
    pub(crate) fn prepare(
        input: ProfileInput,
        account: &Account,
        author: &Author,
        dictionary: Dictionary,
        stamp: Moment,
    ) -> Result<Self, StoreError> {
        let basis = Basis { account: account.clone(), author: author.clone(), dictionary, stamp, import: None };
        prepare::chunk(vec![input], &basis, Buffers::default()).map(Self)
    }

    /// The moment of the change.
    pub(crate) fn moment(&self) -> Moment {
        self.0.stamp
    }
}

/// Puts it, of the present configuration.
pub(crate) fn put_new(tx: &mut Tx<'_>, account: &Account, New(prepared): New) -> Result<Written, StoreError> {
    let moment = prepared.stamp;
    let (answers, run) = put_prepared(tx, account, vec![prepared], &mut Claims::default())?;
    put_run(tx, &run)?;
    let none = || StoreError::Engine("a new profile was neither put nor refused".into());
    let id = answers.into_iter().next().ok_or_else(none)??;
    Ok(Written { id, moment, created: true, archived: 0 })
}

/// Puts the entries that were given back.
pub(crate) fn put_run(tx: &mut Tx<'_>, run: &Run) -> Result<(), StoreError> {
    if !run.is_empty() {
        let (dbs, txn) = tx.write();
        put_sorted(dbs.by_key, txn, run.by_key.iter().map(|key| (key, [])))?;
        put_sorted(dbs.by_expiry, txn, run.by_expiry.iter().map(|key| (key, [])))?;
    }
    Ok(())
}

/// The same but for the entries of by_key and by_expiry, which are given back; `claims`: what by_key doesn't have yet.
pub(crate) fn put_all(
    tx: &mut Tx<'_>,
    no: AccountNo,
    author: &Author,
    batch: Vec<ProfileInput>,
    import: Option<Import>,
    claims: &mut Claims,
) -> Result<Put, StoreError> {
    let (account, dictionary, stamp) = (tx.account(no)?, tx.dictionary(no)?.clone(), tx.stamp());
    let prepared = prepare_all(batch, &account, author, dictionary, stamp, import)?;
    put_prepared(tx, &account, prepared, claims)
}

/// Prepares a batch on all cores. The dictionary may lack terms.
pub(crate) fn prepare_all(
    batch: Vec<ProfileInput>,
    account: &Account,
    author: &Author,
    dictionary: Dictionary,
    stamp: Moment,
    import: Option<Import>,
) -> Result<Vec<Prepared>, StoreError> {
    let basis = Basis { account: account.clone(), author: author.clone(), dictionary, stamp, import };
    on_all_cores(batch, |share| prepare::chunk(share, &basis, Buffers::default())).into_iter().collect()
}

/// Puts what was prepared by the present configuration, but for the entries of by_key and by_expiry, which are given back; `claims`: what
/// by_key doesn't have yet.
pub(crate) fn put_prepared(
    tx: &mut Tx<'_>,
    account: &Account,
    prepared: Vec<Prepared>,
    claims: &mut Claims,
) -> Result<Put, StoreError> {
    put(tx, account, prepared, claims, &mut Vec::new())
}

/// Gives prepared profiles their numbers and puts everything that stands in the order of the profiles; what doesn't is given back.
/// Buffers that are done with go to `spare`.
fn put(
    tx: &mut Tx<'_>,
    account: &Account,
    prepared: Vec<Prepared>,
    claims: &mut Claims,
    spare: &mut Vec<Buffers>,
) -> Result<Put, StoreError> {
    let no = account.no;
    let mut next_profile = tx.numbers(no)?.next_profile;
    let profiles = prepared.iter().map(Prepared::len).sum();
    let mut answers = Vec::with_capacity(profiles);
    let mut modified = Vec::with_capacity(profiles);
    let mut run = Run { by_key: Vec::with_capacity(profiles * 8), by_expiry: Vec::with_capacity(profiles * 3) };
    let mut encoded = Vec::new();
    let (mut into_rows, mut into_facts) = (Ascending::default(), Ascending::default());
    for Prepared { stamp, profiles, mut buffers, .. } in prepared {
        let Buffers { bytes, keys, expiries, claims: claimed, texts } = &mut buffers;
        tx.stamped(stamp);
        for profile in profiles {
            // The numbers are given to those that are accepted, so that a refused one leaves no gap.
            let id = ProfileId(next_profile);
            let profile = match profile {
                Ok(profile) => profile,
                Err(refusal) => {
                    answers.push(Err(refusal.into()));
                    continue;
                }
            };
            let claimed = claimed.get(profile.claims).unwrap_or_default();
            if let Some(refusal) = claims.claim(tx, no, claimed, texts, id)? {
                answers.push(Err(refusal.into()));
                continue;
            }
            let key = keys::profile(no, id);
            encoded.clear();
            match profile.facts {
                Facts::Ready(range) => encoded.extend_from_slice(bytes.get(range).ok_or_else(outside)?),
                Facts::NewTerms(new) => {
                    let (kept, rendered, terms) = *new;
                    let ids = tx.term_ids(no, terms.iter())?;
                    let next_expiry = reading::next_expiry(&kept.profile, stamp);
                    facts::encode(&kept, &terms, &rendered, next_expiry, &ids, &mut encoded);
                }
            }
            facts::lengthen_row(&mut encoded, id.0.checked_ilog10().unwrap_or(0));
            let row = bytes.get_mut(profile.row).ok_or_else(outside)?;
            row::sum(row, id);
            let (dbs, txn) = tx.write();
            into_rows.put(dbs.rows, txn, &key, row)?;
            into_facts.put(dbs.facts, txn, &key, &rows::seal_facts(account.version, &encoded))?;
            modified.push(keys::moment(no, stamp, id));
            run.by_key.extend(keys.get(profile.keys).into_iter().flatten().map(|key| keys::numbered(*key, id)));
            run.by_expiry
                .extend(expiries.get(profile.expiries).into_iter().flatten().map(|key| keys::numbered(*key, id)));
            next_profile += 1;
            answers.push(Ok(id));
        }
        spare.push(buffers);
    }
    if !modified.is_empty() {
        // Asked for again: new terms have moved them.
        let numbers = tx.numbers(no)?;
        tx.set_numbers(no, Numbers { next_profile, ..numbers });
        modified.sort_unstable();
        let (dbs, txn) = tx.write();
        put_sorted(dbs.by_modified, txn, modified.iter().map(|key| (key, [])))?;
    }
    run.by_key.sort_unstable_by(order);
    run.by_expiry.sort_unstable_by(order);
    Ok((answers, run))
}

fn outside() -> StoreError {
    StoreError::Engine("a prepared profile lies outside its buffer".into())
}

/// The order of two keys. Of by_key the account and half of the hash decide nearly always, and are compared as one number.
pub(crate) fn order<const N: usize>(a: &[u8; N], b: &[u8; N]) -> Ordering {
    let first = |key: &[u8; N]| key.first_chunk().map(|bytes| u128::from_be_bytes(*bytes));
    first(a).cmp(&first(b)).then_with(|| a.cmp(b))
}

/// Puts entries whose keys ascend.
pub(crate) fn put_sorted<K: AsRef<[u8]>, V: AsRef<[u8]>>(
    db: Db,
    txn: &mut RwTxn<'_>,
    entries: impl Iterator<Item = (K, V)>,
) -> Result<(), StoreError> {
    let mut ascending = Ascending::default();
    for (key, value) in entries {
        ascending.put(db, txn, key.as_ref(), value.as_ref())?;
    }
    Ok(())
}

/// Puts of ascending keys. Beyond the end of the database they are appended, which fills pages instead of halving them.
#[derive(Default)]
struct Ascending {
    /// Known from the first put on.
    flags: Option<PutFlags>,
}

impl Ascending {
    fn put(&mut self, db: Db, txn: &mut RwTxn<'_>, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let flags = match self.flags {
            Some(flags) => flags,
            None => {
                let is_beyond = db.last(txn).or_engine()?.is_none_or(|(last, _)| last < key);
                *self.flags.insert(if is_beyond { PutFlags::APPEND } else { PutFlags::empty() })
            }
        };
        db.put_with_flags(txn, flags, key, value).or_engine()
    }
}
