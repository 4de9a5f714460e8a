//! Bulk load of new profiles inside one write transaction: the model's work for each on all cores, and everything into the engine
//! in the order of its keys, which is what LMDB likes best (measured.md: bulk loading wants sorted index writes).
//!
//! A batch goes through in pieces: what a piece needs in memory while it is worked on stays in the processor's cache, and is given
//! back before the next. Only the entries of the indexes, whose order isn't that of the profiles, wait for the end.

use std::collections::HashMap;

use heed::{PutFlags, RwTxn};
use sayso_model::{
    change::{self, Kept},
    facts,
    id::{AccountNo, Author, ProfileId, fold},
    input::{AlternateIdInput, ProfileInput},
    moment::Moment,
    profile::Profile,
    refusal::Refusal,
};

use crate::{
    StoreError,
    account::Account,
    engine::{Db, OrEngine},
    index::{self, Wanted},
    keys,
    profiles::Key,
    terms::Dictionary,
    tx::Tx,
    write::{Rendered, taken},
};

/// Profiles that are worked on at a time.
const PIECE: usize = 2_000;

/// Loads a batch. One answer for each input, in order.
pub(crate) fn apply(
    tx: &mut Tx<'_>,
    no: AccountNo,
    author: &Author,
    batch: Vec<ProfileInput>,
) -> Result<Vec<Result<ProfileId, StoreError>>, StoreError> {
    let account = tx.account(no)?;
    let now = tx.stamp();
    let mut load = Load {
        next_profile: tx.numbers(no)?.next_profile,
        claimed: HashMap::with_capacity(batch.len()),
        answers: Vec::with_capacity(batch.len()),
        by_key: Vec::with_capacity(4 * batch.len()),
        by_expiry: Vec::with_capacity(2 * batch.len()),
        account,
        author,
        now,
    };
    let mut inputs = batch.into_iter();
    while inputs.len() > 0 {
        load.piece(tx, inputs.by_ref().take(PIECE).collect())?;
    }
    load.finish(tx)
}

/// A load under way.
struct Load<'a> {
    account: Account,
    author: &'a Author,
    now: Moment,
    next_profile: u64,
    /// The alternate ids of the batch so far, folded, with their owners.
    claimed: HashMap<(String, String), ProfileId>,
    answers: Vec<Result<ProfileId, StoreError>>,
    by_key: Vec<([u8; 33], [u8; 0])>,
    by_expiry: Vec<([u8; 20], [u8; 0])>,
}

/// A profile ready to be put.
struct Prepared {
    id: ProfileId,
    rendered: Rendered,
    facts: PreparedFacts,
}

enum PreparedFacts {
    Encoded(Vec<u8>),
    /// Some of its terms have no id yet.
    NewTerms(Box<Kept>, Vec<String>),
}

impl Load<'_> {
    fn piece(&mut self, tx: &mut Tx<'_>, piece: Vec<ProfileInput>) -> Result<(), StoreError> {
        let no = self.account.no;
        let made = on_all_cores(piece, |input| {
            let made = change::create(&input, ProfileId(0), &self.account.config, self.author, self.now);
            // What is left of the input is needed to say where a refused alternate id stands.
            (made, input.alternate_ids)
        });
        let mut accepted = Vec::with_capacity(made.len());
        for (made, alternate_ids) in made {
            // The ids are given to those that are accepted, so that a refused one leaves no gap.
            let id = ProfileId(self.next_profile);
            let answer = match made {
                Ok(kept) => {
                    let asked = alternate_ids.unwrap_or_default();
                    claim(tx, no, &asked, &kept.profile, id, &mut self.claimed)?.map(|()| kept)
                }
                Err(refusal) => Err(refusal),
            };
            self.answers.push(answer.map_err(StoreError::from).map(|mut kept| {
                kept.profile.profile_id = id;
                self.next_profile += 1;
                accepted.push(kept);
                id
            }));
        }
        let prepared = {
            // In a block of its own: a dictionary that nobody else holds grows in place.
            let dictionary = tx.dictionary(no)?.clone();
            on_all_cores(accepted, |kept| prepare(kept, &self.account, self.now, &dictionary))
        };
        self.put(tx, prepared)
    }

    /// Puts what stands in the order of the profiles, and keeps the rest.
    fn put(&mut self, tx: &mut Tx<'_>, prepared: Vec<Result<Prepared, StoreError>>) -> Result<(), StoreError> {
        let no = self.account.no;
        let mut rows = Vec::with_capacity(prepared.len());
        let mut facts = Vec::with_capacity(prepared.len());
        let mut by_modified = Vec::with_capacity(prepared.len());
        for prepared in prepared {
            let Prepared { id, rendered, facts: prepared } = prepared?;
            let key = keys::profile(no, id);
            let encoded = match prepared {
                PreparedFacts::Encoded(encoded) => encoded,
                PreparedFacts::NewTerms(kept, terms) => {
                    let ids = tx.term_ids(no, &terms)?;
                    rendered.facts(&kept, &self.account.config, self.account.version, &ids)
                }
            };
            facts.push((key, encoded));
            rows.push((key, rendered.bytes));
            by_modified.extend(rendered.entries.modified.into_iter().map(|key| (key, [])));
            self.by_key.extend(rendered.entries.keys.into_iter().map(|key| (key, [])));
            self.by_expiry.extend(rendered.entries.expiries.into_iter().map(|key| (key, [])));
        }
        if rows.is_empty() {
            return Ok(());
        }
        let (dbs, txn) = tx.write();
        put_sorted(dbs.rows, txn, &rows)?;
        put_sorted(dbs.facts, txn, &facts)?;
        put_sorted(dbs.by_modified, txn, &by_modified)
    }

    /// Puts the entries that waited, and the numbers.
    fn finish(mut self, tx: &mut Tx<'_>) -> Result<Vec<Result<ProfileId, StoreError>>, StoreError> {
        let no = self.account.no;
        let mut numbers = tx.numbers(no)?;
        if numbers.next_profile != self.next_profile {
            numbers.next_profile = self.next_profile;
            tx.set_numbers(no, numbers);
            self.by_key.sort_unstable();
            self.by_expiry.sort_unstable();
            let (dbs, txn) = tx.write();
            put_sorted(dbs.by_key, txn, &self.by_key)?;
            put_sorted(dbs.by_expiry, txn, &self.by_expiry)?;
        }
        Ok(self.answers)
    }
}

/// Claims the alternate ids of a new profile, unless one belongs to a profile that is there or stands earlier in the batch.
fn claim(
    tx: &Tx<'_>,
    no: AccountNo,
    asked: &[AlternateIdInput],
    profile: &Profile,
    id: ProfileId,
    claimed: &mut HashMap<(String, String), ProfileId>,
) -> Result<Result<(), Refusal>, StoreError> {
    let (dbs, txn) = tx.read();
    let ids = &profile.alternate_ids;
    let folded: Vec<_> = ids.iter().map(|a| (fold(&a.alternate_id_type), fold(&a.alternate_id))).collect();
    for (a, folded) in ids.iter().zip(&folded) {
        let (kind, value) = (&a.alternate_id_type, &a.alternate_id);
        let mut owner = claimed.get(folded).copied();
        if owner.is_none() {
            let wanted = Wanted::new(&Key::AlternateId { kind: Some(kind.clone()), id: value.clone() });
            index::find(dbs, txn, no, &wanted, &mut |profile| owner = Some(profile.profile_id))?;
        }
        if let Some(owner) = owner {
            return Ok(Err(taken(asked, kind, value, owner)));
        }
    }
    claimed.extend(folded.into_iter().map(|folded| (folded, id)));
    Ok(Ok(()))
}

fn prepare(kept: Kept, account: &Account, now: Moment, dictionary: &Dictionary) -> Result<Prepared, StoreError> {
    let id = kept.profile.profile_id;
    let rendered = Rendered::new(&kept, account.no, now)?;
    let terms = facts::terms(&kept.profile, &account.config);
    let ids: Option<Vec<u32>> = terms.iter().map(|term| dictionary.id(term)).collect();
    let facts = match ids {
        Some(ids) => PreparedFacts::Encoded(rendered.facts(&kept, &account.config, account.version, &ids)),
        None => PreparedFacts::NewTerms(Box::new(kept), terms),
    };
    Ok(Prepared { id, rendered, facts })
}

/// Puts entries whose keys ascend. Beyond the end of the database they are appended, which fills pages instead of halving them.
fn put_sorted<K: AsRef<[u8]>, V: AsRef<[u8]>>(
    db: Db,
    txn: &mut RwTxn<'_>,
    entries: &[(K, V)],
) -> Result<(), StoreError> {
    let Some((first, _)) = entries.first() else { return Ok(()) };
    let is_beyond = db.last(txn).or_engine()?.is_none_or(|(last, _)| last < first.as_ref());
    let flags = if is_beyond { PutFlags::APPEND } else { PutFlags::empty() };
    for (key, value) in entries {
        db.put_with_flags(txn, flags, key.as_ref(), value.as_ref()).or_engine()?;
    }
    Ok(())
}

/// Maps in parallel, in order. Each item is dropped where it was used.
fn on_all_cores<T: Send, R: Send>(items: Vec<T>, f: impl Fn(T) -> R + Sync) -> Vec<R> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let share = items.len().div_ceil(cores).max(1);
    let mut all = Vec::with_capacity(items.len());
    let mut items = items.into_iter();
    std::thread::scope(|scope| {
        let f = &f;
        let mut running = Vec::with_capacity(cores);
        while items.len() > 0 {
            let share: Vec<T> = items.by_ref().take(share).collect();
            running.push(scope.spawn(move || share.into_iter().map(f).collect::<Vec<R>>()));
        }
        for thread in running {
            // A panic goes on in the writer, which answers it.
            all.extend(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
    });
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_on_all_cores_keeps_its_order() {
        for n in [0, 1, 2, 3, 1000] {
            let items: Vec<usize> = (0..n).collect();
            assert_eq!(on_all_cores(items, |item| item * 7), (0..n).map(|i| i * 7).collect::<Vec<_>>());
        }
    }
}
