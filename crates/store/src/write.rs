//! One change of one profile: read what is there, let the model decide, check what only the whole account can tell (alternate ids), then
//! put. Every check stands before the first put (house.md: a write is a function). All of it happens in the write transaction, unless what
//! needs none was [`prepared`] before.

mod alternate_ids;
mod prepared;
mod revision;

use std::borrow::Cow;

use sayso_model::{
    change::{self, Kept},
    config::Config,
    id::{AccountNo, Author, ProfileId},
    input::ProfileInput,
    moment::Moment,
    profile::Tombstone,
    refusal::{Refusal, shown},
};

#[cfg(test)]
pub(crate) use self::prepared::Prepared;
use self::{alternate_ids::naming, revision::unknown};
pub(crate) use self::{
    alternate_ids::{by_alternate_id, place, resolve, taken},
    prepared::{apply_prepared, prepare},
    revision::{Outcome, existing},
};
use crate::{
    StoreError,
    account::Account,
    engine::{Databases, OrEngine, Read},
    history,
    index::Entries,
    keys,
    load::{self, New},
    profiles::{Change, Expected, Target, Written},
    rows, seal,
    tx::Tx,
};

/// The longest reason for a deletion (profile.md: ReasonCode(256)).
const MAX_REASON: usize = 256;

/// Applies a change, if what is there is as expected.
pub(crate) fn apply(
    tx: &mut Tx<'_>,
    no: AccountNo,
    author: &Author,
    change: &Change,
    expected: &Expected,
) -> Result<Written, StoreError> {
    let account = &tx.account(no)?;
    before(account, change)?;
    let (dbs, txn) = tx.read();
    match about(dbs, txn, account, change, expected)? {
        About::Nobody(input) => {
            let (now, dictionary) = (tx.stamp(), tx.dictionary(no)?.clone());
            let new = New::prepare(*input, account, author, dictionary, now)?;
            load::put_new(tx, account, new)
        }
        About::Profile(id) => match change {
            Change::Delete(_, reason) => delete(tx, no, id, reason.clone(), expected),
            _ => existing(tx, account, author, id, expected, |kept, now| {
                decide(change, kept, &account.config, author, now)
            }),
        },
    }
}

/// What is refused whatever profile it is about.
fn before(account: &Account, change: &Change) -> Result<(), Refusal> {
    match change {
        Change::Untag(_, tag) if !account.config.segments_with_tag(tag).is_empty() => {
            let why = format!("segments ask for the tag {}; change them first", shown(tag));
            Err(Refusal::conflict("", why))
        }
        Change::Delete(_, Some(reason)) if reason.chars().count() > MAX_REASON => {
            let seen = reason.chars().count();
            let why = format!("a reason of {seen} characters was given; at most {MAX_REASON} are kept");
            Err(Refusal::invalid("reasonCode", why))
        }
        _ => Ok(()),
    }
}

/// Whom a change is about.
enum About {
    /// A new profile, of this input.
    Nobody(Box<ProfileInput>),
    /// One that is there, unless its row is missing.
    Profile(ProfileId),
}

fn about(
    dbs: &Databases,
    txn: &Read<'_>,
    account: &Account,
    change: &Change,
    expected: &Expected,
) -> Result<About, StoreError> {
    let target = match change {
        Change::Create(input) => return Ok(About::Nobody(input.clone())),
        Change::Upsert { kind, id, input } => {
            let found = by_alternate_id(dbs, txn, account, kind, id)?;
            if found.is_none() {
                expected.of_nobody()?;
            }
            let new = || About::Nobody(Box::new(naming(input, kind, id).into_owned()));
            return Ok(found.map_or_else(new, About::Profile));
        }
        Change::Update(target, _)
        | Change::Replace(target, _)
        | Change::Patch(target, _)
        | Change::UpdatePart(target, ..)
        | Change::Archive(target, _)
        | Change::Activate(target, ..)
        | Change::WithdrawConsent { target, .. }
        | Change::Untag(target, _)
        | Change::Delete(target, _) => target,
    };
    resolve(dbs, txn, account, target).map(About::Profile)
}

/// What the model makes of a profile that is there; `None`: it stays as it is.
fn decide<'c>(
    change: &'c Change,
    kept: Kept,
    config: &Config,
    author: &Author,
    now: Moment,
) -> Result<Option<Outcome<'c>>, Refusal> {
    let asked = |input: &'c ProfileInput| Cow::Borrowed(input.alternate_ids.as_deref().unwrap_or_default());
    let owned = |input: ProfileInput| Cow::Owned(input.alternate_ids.unwrap_or_default());
    Ok(match change {
        Change::Update(_, input) | Change::Upsert { input, .. } => {
            let changed = change::update(kept, input, config, author, now)?;
            Some(Outcome { changed, asked: asked(input), archived: 0 })
        }
        Change::Replace(target, input) => {
            let input = match target {
                Target::AlternateId { kind, id } => naming(input, kind, id),
                Target::Id(_) => Cow::Borrowed(&**input),
            };
            let changed = change::replace(kept, &input, config, author, now)?;
            let asked = match input {
                Cow::Borrowed(input) => asked(input),
                Cow::Owned(input) => owned(input),
            };
            Some(Outcome { changed, asked, archived: 0 })
        }
        Change::Patch(_, patch) => {
            let input = change::patched(&kept, patch, config, now)?;
            let changed = change::replace(kept, &input, config, author, now)?;
            Some(Outcome { changed, asked: owned(input), archived: 0 })
        }
        Change::UpdatePart(_, part, input) => {
            Some(change::update_part(kept, *part, input, config, author, now)?.into())
        }
        Change::Archive(_, input) => {
            let archived = change::archive(kept, input, config, author, now)?;
            archived.map(|(changed, archived)| Outcome { archived, ..changed.into() })
        }
        Change::Activate(_, is_active, input) => {
            change::activate(kept, *is_active, input, config, author, now)?.map(Outcome::from)
        }
        Change::WithdrawConsent { filter, consent_type, .. } => {
            change::withdraw_consent(kept, filter, consent_type, config, author, now)?.map(Outcome::from)
        }
        Change::Untag(_, tag) => change::untag(kept, tag, config, author, now).map(Outcome::from),
        // Neither makes another profile of one that is there.
        Change::Create(_) | Change::Delete(..) => None,
    })
}

/// Row, facts, history and every index entry go in this one transaction; the tombstone stays (profile.md, Rules).
pub(crate) fn delete(
    tx: &mut Tx<'_>,
    no: AccountNo,
    id: ProfileId,
    reason_code: Option<String>,
    expected: &Expected,
) -> Result<Written, StoreError> {
    let (dbs, txn) = tx.read();
    let row = rows::get(dbs, txn, no, id)?.ok_or_else(|| unknown(id))?;
    expected.of(&row)?;
    let entries = Entries::of(no, &row.profile()?, row.modified);
    let now = tx.stamp();
    let tombstone = seal::seal_json(&Tombstone { profile_id: id, deleted_date: now, reason_code })?;

    let key = keys::profile(no, id);
    let (dbs, txn) = tx.write();
    dbs.rows.delete(txn, &key).or_engine()?;
    dbs.facts.delete(txn, &key).or_engine()?;
    Entries::default().instead_of(&entries).put(dbs, txn)?;
    history::remove(dbs, txn, no, id)?;
    dbs.tombstones.put(txn, &key, &tombstone).or_engine()?;
    Ok(Written { id, moment: now, created: false, archived: 0 })
}
