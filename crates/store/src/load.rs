//! Bulk load: a batch of new profiles in one transaction. Checking and rendering run on every core while the write lock is
//! held (they are the expensive part, and nobody else could write anyway); the puts go in key order, which is what LMDB likes best.

use std::collections::HashMap;

use sayso_model::{
    change::{self, Kept},
    config::Config,
    facts,
    id::{AccountNo, Author, ProfileId, fold},
    input::ProfileInput,
    moment::Moment,
    reading,
    refusal::Refusal,
    render::{self, Row},
};

use crate::{
    Store, StoreError,
    engine::OrEngine,
    index::Entries,
    keys::{self, Kind},
    profiles::{self, Key},
    row, seal, write,
    writer::Work,
};

impl Store {
    /// Bulk load of new profiles (blocking): renders in parallel, puts index entries in key order, one transaction for the whole
    /// batch (the caller sizes it, see [`Store::server_is_running`]). One answer per input, in order; a refused one leaves the others.
    pub fn load(
        &self,
        account: AccountNo,
        author: &Author,
        batch: Vec<ProfileInput>,
    ) -> Result<Vec<Result<ProfileId, StoreError>>, StoreError> {
        let author = author.clone();
        self.submit_and_wait(move |work| load(work, account, &author, &batch))
    }
}

/// A profile that passed its checks, ready to be put.
struct Ready {
    kept: Kept,
    row: Row,
    value: Vec<u8>,
    next_expiry: Option<Moment>,
    terms: Vec<String>,
    entries: Entries,
}

fn load(
    work: &mut Work<'_>,
    no: AccountNo,
    author: &Author,
    batch: &[ProfileInput],
) -> Result<Vec<Result<ProfileId, StoreError>>, StoreError> {
    let config = work.account(no)?.config;
    let mut numbers = work.numbers(no)?;
    let moment = work.stamp()?;

    // The ids are given below, to those that are accepted, so that a refused record leaves no gap.
    let made = in_parallel(batch, |input| change::create(input, ProfileId(0), &config, author, moment));
    let mut answers = Vec::with_capacity(batch.len());
    let mut accepted = Vec::with_capacity(batch.len());
    let mut claimed = HashMap::new();
    for made in made {
        let outcome = match made {
            Ok(kept) => unclaimed(work, no, &kept, &mut claimed)?.map(|()| kept),
            Err(refusal) => Err(refusal),
        };
        answers.push(outcome.map_err(StoreError::from).map(|mut kept| {
            let id = ProfileId(numbers.next_profile);
            numbers.next_profile += 1;
            kept.profile.profile_id = id;
            accepted.push(kept);
            id
        }));
    }
    if accepted.is_empty() {
        return Ok(answers);
    }
    work.set_numbers(no, numbers);
    let ready = in_parallel(&accepted, |kept| prepare(no, kept, &config, moment));
    let ready = ready.into_iter().collect::<Result<Vec<Ready>, StoreError>>()?;
    put(work, no, &config, ready)?;
    Ok(answers)
}

/// Claims the alternate ids of a new profile, unless one is taken in the account or earlier in the batch.
fn unclaimed(
    work: &Work<'_>,
    no: AccountNo,
    kept: &Kept,
    claimed: &mut HashMap<(String, String), ()>,
) -> Result<Result<(), Refusal>, StoreError> {
    let ids = &kept.profile.alternate_ids;
    let folded: Vec<_> = ids.iter().map(|a| (fold(&a.alternate_id_type), fold(&a.alternate_id))).collect();
    for (i, (a, pair)) in ids.iter().zip(&folded).enumerate() {
        let prefix = keys::typed_prefix(no, Kind::AlternateId, &pair.1, &pair.0);
        let mut hits = work.dbs.by_key.prefix_iter(&work.txn, &prefix).or_engine()?;
        let held = hits.next().is_some() && {
            let key = Key::AlternateId { kind: Some(a.alternate_id_type.clone()), id: a.alternate_id.clone() };
            !profiles::find(work.dbs, &work.txn, no, &key)?.is_empty()
        };
        if held || claimed.contains_key(pair) {
            return Ok(Err(write::taken(i, a)));
        }
    }
    claimed.extend(folded.into_iter().map(|pair| (pair, ())));
    Ok(Ok(()))
}

fn prepare(no: AccountNo, kept: &Kept, config: &Config, now: Moment) -> Result<Ready, StoreError> {
    let row = render::render(&kept.profile);
    let next_expiry = reading::next_expiry(&kept.profile, now);
    let value = row::encode(kept, &row, next_expiry)?;
    let terms = facts::terms(&kept.profile, config);
    let entries = Entries::of(no, &kept.profile);
    Ok(Ready { kept: kept.clone(), row, value, next_expiry, terms, entries })
}

fn put(work: &mut Work<'_>, no: AccountNo, config: &Config, ready: Vec<Ready>) -> Result<(), StoreError> {
    let mut facts_buffer = Vec::new();
    let mut by_key = Vec::with_capacity(ready.len() * 6);
    let mut by_expiry = Vec::new();
    for r in &ready {
        let key = keys::profile(no, r.kept.profile.profile_id);
        work.dbs.rows.put(&mut work.txn, &key, &r.value).or_engine()?;
        let term_ids = work.term_ids(no, &r.terms)?;
        facts_buffer.clear();
        facts::encode(&r.kept, config, &r.row, r.next_expiry, &term_ids, &mut facts_buffer);
        work.dbs.facts.put(&mut work.txn, &key, &seal::seal(&facts_buffer)).or_engine()?;
        for key in &r.entries.by_modified {
            work.dbs.by_modified.put(&mut work.txn, key, &[]).or_engine()?;
        }
        by_key.extend_from_slice(&r.entries.by_key);
        by_expiry.extend_from_slice(&r.entries.by_expiry);
    }
    by_key.sort_unstable();
    by_expiry.sort_unstable();
    for key in &by_key {
        work.dbs.by_key.put(&mut work.txn, key, &[]).or_engine()?;
    }
    for key in &by_expiry {
        work.dbs.by_expiry.put(&mut work.txn, key, &[]).or_engine()?;
    }
    Ok(())
}

/// Maps a slice on every core, in order.
fn in_parallel<T: Sync, R: Send>(items: &[T], f: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = items.len().div_ceil(threads).max(1);
    if items.len() < 64 || threads == 1 {
        return items.iter().map(f).collect();
    }
    std::thread::scope(|scope| {
        let f = &f;
        let parts: Vec<_> =
            items.chunks(share).map(|part| scope.spawn(move || part.iter().map(f).collect::<Vec<R>>())).collect();
        parts
            .into_iter()
            .flat_map(|part| match part.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    })
}
