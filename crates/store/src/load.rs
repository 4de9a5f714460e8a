//! Bulk load of new profiles inside one write transaction: the model's work for each on all cores, then everything into the engine in
//! the order of its keys, which is what LMDB likes best (measured.md: bulk loading wants sorted index writes).

use std::collections::HashMap;

use heed::{PutFlags, RwTxn};
use sayso_model::{
    change::{self, Kept},
    facts,
    id::{AccountNo, Author, ProfileId, fold},
    input::ProfileInput,
    moment::Moment,
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

/// A profile that only the rest of the account can still refuse.
struct Prepared {
    id: ProfileId,
    rendered: Rendered,
    /// Type and id of each alternate id.
    alternate_ids: Vec<(String, String)>,
    facts: PreparedFacts,
}

enum PreparedFacts {
    Encoded(Vec<u8>),
    /// Some of its terms have no id yet.
    NewTerms(Box<Kept>, Vec<String>),
}

/// Loads a batch. One answer for each input, in order.
pub(crate) fn apply(
    tx: &mut Tx<'_>,
    no: AccountNo,
    author: &Author,
    batch: &[ProfileInput],
) -> Result<Vec<Result<ProfileId, StoreError>>, StoreError> {
    let account = tx.account(no)?;
    let mut numbers = tx.numbers(no)?;
    let now = tx.stamp();
    let mut prepared = {
        // In a block of its own: a dictionary that nobody else holds grows in place.
        let dictionary = tx.dictionary(no)?.clone();
        let first = numbers.next_profile;
        on_all_cores(batch, |i, input| prepare(input, ProfileId(first + i as u64), &account, author, now, &dictionary))
    };
    refuse_taken(tx, no, batch, &mut prepared)?;

    let mut rows: Vec<([u8; 12], &[u8])> = Vec::with_capacity(batch.len());
    let mut facts: Vec<([u8; 12], Vec<u8>)> = Vec::with_capacity(batch.len());
    let mut by_key = Vec::with_capacity(4 * batch.len());
    let mut by_modified = Vec::with_capacity(batch.len());
    let mut by_expiry = Vec::with_capacity(2 * batch.len());
    for p in prepared.iter_mut().flatten() {
        let key = keys::profile(no, p.id);
        let encoded = match &mut p.facts {
            PreparedFacts::Encoded(encoded) => std::mem::take(encoded),
            PreparedFacts::NewTerms(kept, terms) => {
                let ids = tx.term_ids(no, terms)?;
                p.rendered.facts(kept, &account.config, account.version, &ids)
            }
        };
        facts.push((key, encoded));
        rows.push((key, &p.rendered.bytes));
        by_key.extend(p.rendered.entries.keys.iter().map(|key| (*key, [])));
        by_modified.extend(p.rendered.entries.modified.iter().map(|key| (*key, [])));
        by_expiry.extend(p.rendered.entries.expiries.iter().map(|key| (*key, [])));
    }
    if let Some((last, _)) = rows.last() {
        by_key.sort_unstable();
        by_expiry.sort_unstable();
        // Of refused profiles in between the ids stay unused: ascending and never used again is what is promised.
        numbers.next_profile = keys::profile_of(last)?.0 + 1;
        numbers.next_term = tx.numbers(no)?.next_term;
        tx.set_numbers(no, numbers);
        let (dbs, txn) = tx.write();
        put_sorted(dbs.rows, txn, &rows)?;
        put_sorted(dbs.facts, txn, &facts)?;
        put_sorted(dbs.by_key, txn, &by_key)?;
        put_sorted(dbs.by_modified, txn, &by_modified)?;
        put_sorted(dbs.by_expiry, txn, &by_expiry)?;
    }
    Ok(prepared.into_iter().map(|p| p.map(|p| p.id)).collect())
}

fn prepare(
    input: &ProfileInput,
    id: ProfileId,
    account: &Account,
    author: &Author,
    now: Moment,
    dictionary: &Dictionary,
) -> Result<Prepared, StoreError> {
    let kept = change::create(input, id, &account.config, author, now)?;
    let rendered = Rendered::new(&kept, account.no, now)?;
    let alternate_ids = kept.profile.alternate_ids.iter();
    let alternate_ids = alternate_ids.map(|a| (a.alternate_id_type.clone(), a.alternate_id.clone())).collect();
    let terms = facts::terms(&kept.profile, &account.config);
    let ids: Option<Vec<u32>> = terms.iter().map(|term| dictionary.id(term)).collect();
    let facts = match ids {
        Some(ids) => PreparedFacts::Encoded(rendered.facts(&kept, &account.config, account.version, &ids)),
        None => PreparedFacts::NewTerms(Box::new(kept), terms),
    };
    Ok(Prepared { id, rendered, alternate_ids, facts })
}

/// Refuses those that claim an alternate id of a profile that is there, or of one that stands before them in the batch.
fn refuse_taken(
    tx: &Tx<'_>,
    no: AccountNo,
    batch: &[ProfileInput],
    prepared: &mut [Result<Prepared, StoreError>],
) -> Result<(), StoreError> {
    let (dbs, txn) = tx.read();
    let mut claimed: HashMap<(String, String), ProfileId> = HashMap::with_capacity(batch.len());
    for (input, answer) in batch.iter().zip(prepared) {
        let Ok(p) = answer else { continue };
        let mut refusal = None;
        for (kind, id) in &p.alternate_ids {
            let mut owner = claimed.get(&(fold(kind), fold(id))).copied();
            if owner.is_none() {
                let wanted = Wanted::new(&Key::AlternateId { kind: Some(kind.clone()), id: id.clone() });
                index::find(dbs, txn, no, &wanted, &mut |profile| owner = Some(profile.profile_id))?;
            }
            if let Some(owner) = owner {
                refusal = Some(taken(input, kind, id, owner));
                break;
            }
        }
        match refusal {
            Some(refusal) => *answer = Err(refusal.into()),
            // Only one that is taken in claims its ids.
            None => claimed.extend(p.alternate_ids.iter().map(|(kind, id)| ((fold(kind), fold(id)), p.id))),
        }
    }
    Ok(())
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

/// Maps in parallel, in order; `f` is told the place of each item.
fn on_all_cores<T: Sync, R: Send>(items: &[T], f: impl Fn(usize, &T) -> R + Sync) -> Vec<R> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let part = items.len().div_ceil(cores).max(1);
    std::thread::scope(|scope| {
        let f = &f;
        let work = |(n, items): (usize, &[T])| {
            let items = items.iter().enumerate();
            items.map(|(i, item)| f(n * part + i, item)).collect::<Vec<R>>()
        };
        let running: Vec<_> = items.chunks(part).enumerate().map(|chunk| scope.spawn(move || work(chunk))).collect();
        let mut all = Vec::with_capacity(items.len());
        for thread in running {
            // A panic goes on in the writer, which answers it.
            all.extend(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_on_all_cores_keeps_its_order() {
        for n in [0, 1, 2, 3, 1000] {
            let items: Vec<usize> = (0..n).collect();
            assert_eq!(
                on_all_cores(&items, |place, item| place * 1000 + item),
                (0..n).map(|i| i * 1001).collect::<Vec<_>>()
            );
        }
    }
}
