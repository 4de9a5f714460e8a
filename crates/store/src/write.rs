//! One change of one profile, inside the writer: (current row, configuration, change) → model → the puts. All checks stand
//! before the first put, so that a refusal leaves nothing in the commit it shares.

use sayso_model::{
    change::{self, Changed, Former, Kept},
    config::TypeKind,
    facts,
    id::{AccountNo, Author, ProfileId, fold},
    input::{AlternateIdInput, ProfileInput},
    moment::Moment,
    profile::{AlternateId, Tombstone},
    reading,
    refusal::Refusal,
    render,
};
use serde::Serialize;

use crate::{
    StoreError,
    engine::OrEngine,
    index::{self, Entries},
    keys,
    profiles::{self, Change, Key, Target, Written},
    row, seal,
    writer::Work,
};

/// Applies a change.
pub(crate) fn apply(
    work: &mut Work<'_>,
    no: AccountNo,
    author: &Author,
    change: Change,
) -> Result<Written, StoreError> {
    match change {
        Change::Create(input) => create(work, no, author, &input),
        Change::Update(target, input) => {
            let id = resolve(work, no, &target)?;
            update(work, no, author, id, &input)
        }
        Change::Upsert { kind, id, mut input } => {
            let target = Target::AlternateId { kind: kind.clone(), id: id.clone() };
            if let Some(found) = lookup(work, no, &target)? {
                return update(work, no, author, found, &input);
            }
            claim(&mut input, &kind, &id);
            create(work, no, author, &input)
        }
        Change::Delete(target, reason) => delete(work, no, &target, reason),
    }
}

/// Makes the alternate id that a profile was addressed by part of it.
fn claim(input: &mut ProfileInput, kind: &str, id: &str) {
    let ids = input.alternate_ids.get_or_insert_default();
    let same = |a: &Option<String>, b: &str| a.as_deref().is_some_and(|a| fold(a) == fold(b));
    if !ids.iter().any(|a| same(&a.alternate_id_type, kind) && same(&a.alternate_id, id)) {
        ids.push(AlternateIdInput {
            alternate_id_type: Some(kind.to_owned()),
            alternate_id: Some(id.to_owned()),
            ..Default::default()
        });
    }
}

/// The profile that a target names, if it is there; a type that the account does not have is refused.
fn lookup(work: &mut Work<'_>, no: AccountNo, target: &Target) -> Result<Option<ProfileId>, StoreError> {
    match target {
        Target::Id(id) => {
            let there = work.dbs.rows.get(&work.txn, &keys::profile(no, *id)).or_engine()?;
            Ok(there.map(|_| *id))
        }
        Target::AlternateId { kind, id } => {
            if work.account(no)?.config.type_def(TypeKind::AlternateId, kind).is_none() {
                let why = format!("the account has no alternate id type `{kind}`");
                return Err(Refusal::unknown("alternateIdType", why).into());
            }
            let key = Key::AlternateId { kind: Some(kind.clone()), id: id.clone() };
            Ok(profiles::find(work.dbs, &work.txn, no, &key)?.first().copied())
        }
    }
}

fn resolve(work: &mut Work<'_>, no: AccountNo, target: &Target) -> Result<ProfileId, StoreError> {
    let found = lookup(work, no, target)?;
    found.ok_or_else(|| {
        let what = match target {
            Target::Id(id) => format!("there is no profile {id}"),
            Target::AlternateId { kind, id } => format!("no profile has the alternate id `{id}` of type `{kind}`"),
        };
        Refusal::unknown("", what).into()
    })
}

fn create(work: &mut Work<'_>, no: AccountNo, author: &Author, input: &ProfileInput) -> Result<Written, StoreError> {
    let config = work.account(no)?.config;
    let mut numbers = work.numbers(no)?;
    let (id, moment) = (ProfileId(numbers.next_profile), work.stamp()?);
    let kept = change::create(input, id, &config, author, moment)?;
    refuse_taken(work, no, &kept, &[])?;
    numbers.next_profile += 1;
    work.set_numbers(no, numbers);
    put(work, no, None, &kept, moment)?;
    Ok(Written { id, moment, created: true })
}

fn update(
    work: &mut Work<'_>,
    no: AccountNo,
    author: &Author,
    id: ProfileId,
    input: &ProfileInput,
) -> Result<Written, StoreError> {
    let config = work.account(no)?.config;
    let current = profiles::stored(work.dbs, &work.txn, no, id)?
        .ok_or_else(|| Refusal::unknown("", format!("there is no profile {id}")))?;
    let moment = work.stamp()?;
    let Changed { kept, former } = change::update(current.kept.clone(), input, &config, author, moment)?;
    refuse_taken(work, no, &kept, &current.kept.profile.alternate_ids)?;
    put(work, no, Some(&current.kept), &kept, moment)?;
    remember(work, no, id, author, moment, former)?;
    Ok(Written { id, moment, created: false })
}

/// An alternate id is unique within its type in the account, without regard to case (profile.md).
fn refuse_taken(work: &Work<'_>, no: AccountNo, kept: &Kept, had: &[AlternateId]) -> Result<(), StoreError> {
    for (i, a) in kept.profile.alternate_ids.iter().enumerate() {
        if had.iter().any(|h| h.alternate_id == a.alternate_id && h.alternate_id_type == a.alternate_id_type) {
            continue;
        }
        let key = Key::AlternateId { kind: Some(a.alternate_id_type.clone()), id: a.alternate_id.clone() };
        let holders = profiles::find(work.dbs, &work.txn, no, &key)?;
        if holders.iter().any(|holder| *holder != kept.profile.profile_id) {
            return Err(taken(i, a).into());
        }
    }
    Ok(())
}

/// The refusal of an alternate id that another profile has.
pub(crate) fn taken(index: usize, a: &AlternateId) -> Refusal {
    let why = format!("`{}` of type `{}` belongs to another profile", a.alternate_id, a.alternate_id_type);
    Refusal::conflict(format!("AlternateIds[{index}].AlternateId"), why)
}

/// Puts row, facts and the difference of the index entries.
fn put(work: &mut Work<'_>, no: AccountNo, old: Option<&Kept>, kept: &Kept, now: Moment) -> Result<(), StoreError> {
    let config = work.account(no)?.config;
    let profile = &kept.profile;
    let rendered = render::render(profile);
    let next_expiry = reading::next_expiry(profile, now);
    let term_ids = work.term_ids(no, &facts::terms(profile, &config))?;
    let mut encoded = Vec::new();
    facts::encode(kept, &config, &rendered, next_expiry, &term_ids, &mut encoded);
    let key = keys::profile(no, profile.profile_id);
    work.dbs.rows.put(&mut work.txn, &key, &row::encode(kept, &rendered, next_expiry)?).or_engine()?;
    work.dbs.facts.put(&mut work.txn, &key, &seal::seal(&encoded)).or_engine()?;

    let before = old.map(|old| Entries::of(no, &old.profile)).unwrap_or_default();
    let after = Entries::of(no, profile);
    let (dbs, txn) = (work.dbs, &mut work.txn);
    macro_rules! difference {
        ($($name:ident),+) => {$(
            for key in index::missing_in(&after.$name, &before.$name) {
                dbs.$name.delete(txn, key).or_engine()?;
            }
            for key in index::missing_in(&before.$name, &after.$name) {
                dbs.$name.put(txn, key, &[]).or_engine()?;
            }
        )+};
    }
    difference!(by_key, by_modified, by_expiry);
    Ok(())
}

/// What history keeps of a former value.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Remembered<'a> {
    user_id: &'a str,
    source_id: Option<&'a str>,
    former: serde_json::Value,
}

fn remember(
    work: &mut Work<'_>,
    no: AccountNo,
    id: ProfileId,
    author: &Author,
    at: Moment,
    former: Vec<Former>,
) -> Result<(), StoreError> {
    // Two calls may share a millisecond: the sequence goes on behind what stands there.
    let prefix = keys::history(no, id, at, 0, 0);
    let mut sequence = match work.dbs.history.rev_prefix_iter(&work.txn, &prefix[..20]).or_engine()?.next() {
        Some(entry) => keys::history_of(entry.or_engine()?.0)?.1 + 1,
        None => 0,
    };
    for Former { kind, value } in former {
        let record = Remembered { user_id: &author.user_id, source_id: author.source_id.as_deref(), former: value };
        let key = keys::history(no, id, at, sequence, kind as u8);
        work.dbs.history.put(&mut work.txn, &key, &seal::seal_json(&record)?).or_engine()?;
        sequence += 1;
    }
    Ok(())
}

/// Deleting is permanent: row, facts, history and every index entry go in one transaction, and what remains is the tombstone.
fn delete(
    work: &mut Work<'_>,
    no: AccountNo,
    target: &Target,
    reason_code: Option<String>,
) -> Result<Written, StoreError> {
    let id = resolve(work, no, target)?;
    let length = reason_code.as_ref().map_or(0, |r| r.chars().count());
    if length > 256 {
        let why = format!("a reason has at most 256 characters and this one has {length}");
        return Err(Refusal::invalid("reasonCode", why).into());
    }
    let current = profiles::stored(work.dbs, &work.txn, no, id)?
        .ok_or_else(|| StoreError::Damaged(format!("profile {id} is in an index but not there")))?;
    let moment = work.stamp()?;
    let entries = Entries::of(no, &current.kept.profile);
    let key = keys::profile(no, id);
    let (dbs, txn) = (work.dbs, &mut work.txn);
    dbs.rows.delete(txn, &key).or_engine()?;
    dbs.facts.delete(txn, &key).or_engine()?;
    for (db, list) in [(dbs.by_modified, &entries.by_modified), (dbs.by_expiry, &entries.by_expiry)] {
        for key in list {
            db.delete(txn, key).or_engine()?;
        }
    }
    for key in &entries.by_key {
        dbs.by_key.delete(txn, key).or_engine()?;
    }
    let history: Vec<Vec<u8>> = dbs
        .history
        .prefix_iter(txn, &key)
        .or_engine()?
        .map(|entry| entry.map(|(key, _)| key.to_vec()))
        .collect::<Result<_, _>>()
        .or_engine()?;
    for key in history {
        dbs.history.delete(txn, &key).or_engine()?;
    }
    let tombstone = Tombstone { profile_id: id, deleted_date: moment, reason_code };
    dbs.tombstones.put(txn, &key, &seal::seal_json(&tombstone)?).or_engine()?;
    Ok(Written { id, moment, created: false })
}
