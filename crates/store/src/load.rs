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

/// A profile ready to be put.
struct Prepared {
    rendered: Rendered,
    facts: PreparedFacts,
}

enum PreparedFacts {
    Encoded(Vec<u8>),
    /// Some of its terms have no id yet.
    NewTerms(Vec<String>),
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

    let made = on_all_cores(batch, |input| change::create(input, ProfileId(0), &account.config, author, now));
    let mut claimed = HashMap::with_capacity(batch.len());
    let mut answers = Vec::with_capacity(batch.len());
    let mut accepted = Vec::with_capacity(batch.len());
    for (input, made) in batch.iter().zip(made) {
        // The ids are given to those that are accepted, so that a refused one leaves no gap.
        let id = ProfileId(numbers.next_profile);
        let answer = match made {
            Ok(kept) => claim(tx, no, input, &kept.profile, id, &mut claimed)?.map(|()| kept),
            Err(refusal) => Err(refusal),
        };
        answers.push(answer.map_err(StoreError::from).map(|mut kept| {
            kept.profile.profile_id = id;
            numbers.next_profile += 1;
            accepted.push(kept);
            id
        }));
    }
    if accepted.is_empty() {
        return Ok(answers);
    }
    let prepared = {
        // In a block of its own: a dictionary that nobody else holds grows in place.
        let dictionary = tx.dictionary(no)?.clone();
        on_all_cores(&accepted, |kept| prepare(kept, &account, now, &dictionary))
    };
    put(tx, &account, &accepted, prepared)?;
    numbers.next_term = tx.numbers(no)?.next_term;
    tx.set_numbers(no, numbers);
    Ok(answers)
}

/// Claims the alternate ids of a new profile, unless one belongs to a profile that is there or stands earlier in the batch.
fn claim(
    tx: &Tx<'_>,
    no: AccountNo,
    input: &ProfileInput,
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
            return Ok(Err(taken(input, kind, value, owner)));
        }
    }
    claimed.extend(folded.into_iter().map(|folded| (folded, id)));
    Ok(Ok(()))
}

fn prepare(kept: &Kept, account: &Account, now: Moment, dictionary: &Dictionary) -> Result<Prepared, StoreError> {
    let rendered = Rendered::new(kept, account.no, now)?;
    let terms = facts::terms(&kept.profile, &account.config);
    let ids: Option<Vec<u32>> = terms.iter().map(|term| dictionary.id(term)).collect();
    let facts = match ids {
        Some(ids) => PreparedFacts::Encoded(rendered.facts(kept, &account.config, account.version, &ids)),
        None => PreparedFacts::NewTerms(terms),
    };
    Ok(Prepared { rendered, facts })
}

/// Puts everything, database by database, in the order of the keys.
fn put(
    tx: &mut Tx<'_>,
    account: &Account,
    accepted: &[Kept],
    prepared: Vec<Result<Prepared, StoreError>>,
) -> Result<(), StoreError> {
    let no = account.no;
    let mut rows = Vec::with_capacity(accepted.len());
    let mut facts = Vec::with_capacity(accepted.len());
    let mut by_key = Vec::with_capacity(4 * accepted.len());
    let mut by_modified = Vec::with_capacity(accepted.len());
    let mut by_expiry = Vec::with_capacity(2 * accepted.len());
    for (kept, prepared) in accepted.iter().zip(prepared) {
        let Prepared { rendered, facts: prepared } = prepared?;
        let key = keys::profile(no, kept.profile.profile_id);
        let encoded = match prepared {
            PreparedFacts::Encoded(encoded) => encoded,
            PreparedFacts::NewTerms(terms) => {
                let ids = tx.term_ids(no, &terms)?;
                rendered.facts(kept, &account.config, account.version, &ids)
            }
        };
        facts.push((key, encoded));
        rows.push((key, rendered.bytes));
        by_key.extend(rendered.entries.keys.into_iter().map(|key| (key, [])));
        by_modified.extend(rendered.entries.modified.into_iter().map(|key| (key, [])));
        by_expiry.extend(rendered.entries.expiries.into_iter().map(|key| (key, [])));
    }
    by_key.sort_unstable();
    by_expiry.sort_unstable();
    let (dbs, txn) = tx.write();
    put_sorted(dbs.rows, txn, &rows)?;
    put_sorted(dbs.facts, txn, &facts)?;
    put_sorted(dbs.by_key, txn, &by_key)?;
    put_sorted(dbs.by_modified, txn, &by_modified)?;
    put_sorted(dbs.by_expiry, txn, &by_expiry)
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

/// Maps in parallel, in order.
fn on_all_cores<T: Sync, R: Send>(items: &[T], f: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let part = items.len().div_ceil(cores).max(1);
    std::thread::scope(|scope| {
        let f = &f;
        let running: Vec<_> =
            items.chunks(part).map(|items| scope.spawn(move || items.iter().map(f).collect::<Vec<R>>())).collect();
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
            assert_eq!(on_all_cores(&items, |item| item * 7), (0..n).map(|i| i * 7).collect::<Vec<_>>());
        }
    }
}
