//! A batch of an import's records, written in one transaction in the order of their numbers, with the outcome that they would have had one
//! by one. New profiles wait and are prepared together on all cores, as a load's are, until something comes that they may have to do with.
//! A batch of nothing but new profiles may leave its index entries to be merged later ([`super::live`]).

use std::{borrow::Cow, collections::HashSet};

use parking_lot::MutexGuard;
use sayso_model::{
    change::{self, Manner, Part},
    config::TypeKind,
    id::{AccountNo, Author, ProfileId, fold},
    input::ProfileInput,
    moment::Moment,
    refusal::Refusal,
};

use super::{Imports, Live};
use crate::{
    StoreError,
    account::Account,
    engine::{Databases, OrEngine, Read},
    index,
    keys::{self, Kind},
    load::{self, Claims, Put},
    pending,
    profiles::{Expected, Target},
    rows,
    tx::Tx,
    write::{self, Outcome},
};

/// What a record is matched by (docs/import.md, Matching).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// Nothing: it is new.
    Nothing,
    /// A ProfileId; one that no profile ever had makes a new one.
    Id(ProfileId),
    /// An alternate id, among active profiles; one that none has makes a new one.
    AlternateId {
        /// Its type.
        kind: String,
        /// The id.
        id: String,
    },
}

/// What a record asks for.
#[derive(Debug, Clone)]
pub enum Wish {
    /// A new profile, or a change of the one that it matches.
    Put(By, Box<ProfileInput>),
    /// Preferences or consents alone, of a profile that is there.
    Part(By, Part, Box<ProfileInput>),
    /// The profile's end, for a reason.
    Delete(By, Option<String>),
    /// What was refused before.
    Refused(Refusal),
}

impl Imports<'_, '_> {
    /// Writes records. For each, in order: how many changes a rule has declined, or what it is refused for; a refused one leaves the others.
    /// `created` is the create date of new ones. `None`: index entries wait that must be merged before, and nothing was written; it is
    /// for [`crate::Store::imports_merged`].
    ///
    /// # Errors
    /// What isn't about one record: then nothing of the transaction is kept.
    pub fn write(
        &mut self,
        no: AccountNo,
        author: &Author,
        manner: &Manner,
        created: Moment,
        wishes: Vec<Wish>,
    ) -> Result<Option<Vec<Result<usize, Refusal>>>, StoreError> {
        let account = self.0.account(no)?;
        let shared = self.0.shared();
        let mut live = shared.live.lock();
        let may_leave = live.may_leave(self.0)?;
        let are_new = match new_ones(&wishes) {
            Some(records) => are_new(self.0, &account, live.claims(no), records)?,
            None => false,
        };
        if !are_new {
            live.profiles_change();
        }
        let live = (may_leave && are_new).then_some(live);
        let (dbs, txn) = self.0.read();
        if live.is_none() && !pending::is_empty(dbs, txn)? {
            return Ok(None);
        }
        let outcomes = Vec::with_capacity(wishes.len());
        let mut batch = Batch {
            tx: self.0,
            account,
            author,
            manner,
            created,
            waiting: Vec::new(),
            claims: HashSet::new(),
            live,
            outcomes,
        };
        for wish in wishes {
            batch.one(wish)?;
        }
        batch.settle()?;
        Ok(Some(batch.outcomes))
    }
}

/// What of each record decides whether it is a new profile: by what it is matched, and the hashes of its alternate ids.
type MayBeNew<'w> = (&'w By, Vec<[u8; 20]>);

/// Of the records that aren't refused; `None`: there is one that can't be a new profile.
fn new_ones(wishes: &[Wish]) -> Option<impl Iterator<Item = MayBeNew<'_>>> {
    let may_be = |wish: &Wish| matches!(wish, Wish::Refused(_) | Wish::Put(..));
    wishes.iter().all(may_be).then(|| wishes.iter().filter_map(new_one))
}

fn new_one(wish: &Wish) -> Option<MayBeNew<'_>> {
    let Wish::Put(by, input) = wish else { return None };
    let ids = input.alternate_ids.iter().flatten();
    let hashes =
        ids.filter_map(|a| Some(keys::alternate_id(a.alternate_id_type.as_deref()?, a.alternate_id.as_deref()?)));
    Some((by, hashes.collect()))
}

/// Whether all are new profiles for certain, or refused, whatever comes of each.
pub(super) fn are_new<'w>(
    tx: &mut Tx<'_>,
    account: &Account,
    claims: &Claims,
    records: impl Iterator<Item = MayBeNew<'w>>,
) -> Result<bool, StoreError> {
    let next = tx.numbers(account.no)?.next_profile;
    let mut claimed = HashSet::new();
    for (before, (by, hashes)) in (0..).zip(records) {
        let (dbs, txn) = tx.read();
        // A number that none of those before it may get.
        if !is_new(dbs, txn, account, by, next + before, |hash| claimed.contains(hash) || claims.has(hash))? {
            return Ok(false);
        }
        claimed.extend(hashes);
    }
    Ok(true)
}

/// Whether what is matched so is a new profile. `next`: a number that nobody has, nor anybody a later one; `is_claimed` tells of alternate
/// ids that by_key may not have yet.
pub(super) fn is_new(
    dbs: &Databases,
    txn: &Read<'_>,
    account: &Account,
    by: &By,
    next: u64,
    is_claimed: impl FnOnce(&[u8; 20]) -> bool,
) -> Result<bool, StoreError> {
    Ok(match by {
        By::Nothing => true,
        By::Id(id) => id.0 >= next,
        By::AlternateId { kind, id } => {
            let hash = keys::alternate_id(kind, id);
            account.config.type_def(TypeKind::AlternateId, kind).is_some()
                && !is_claimed(&hash)
                && !index::may_have(dbs, txn, &keys::claimed(account.no, Kind::AlternateId, &hash))?
        }
    })
}

/// Puts new profiles, whose index entries are left as a run where that is possible; tells what each is refused for.
pub(super) fn put_new(
    tx: &mut Tx<'_>,
    no: AccountNo,
    live: Option<&mut Live>,
    put: impl FnOnce(&mut Tx<'_>, &mut Claims) -> Result<Put, StoreError>,
) -> Result<Vec<Result<(), Refusal>>, StoreError> {
    let answers = match live {
        None => {
            let (answers, run) = put(tx, &mut Claims::default())?;
            load::put_run(tx, &run)?;
            answers
        }
        Some(live) => {
            let (answers, run) = put(tx, live.claims(no))?;
            live.keep(tx, &run)?;
            answers
        }
    };
    let outcome = |answer| match answer {
        Ok(_) => Ok(Ok(())),
        Err(StoreError::Refused(refusal)) => Ok(Err(refusal)),
        Err(error) => Err(error),
    };
    answers.into_iter().map(outcome).collect()
}

struct Batch<'b, 's> {
    tx: &'b mut Tx<'s>,
    account: Account,
    author: &'b Author,
    manner: &'b Manner,
    created: Moment,
    /// New profiles that aren't put yet, each with its place among the outcomes.
    waiting: Vec<(usize, ProfileInput)>,
    /// Their alternate ids, type and id folded.
    claims: HashSet<(String, String)>,
    /// All are new, and leave their index entries here.
    live: Option<MutexGuard<'s, Live>>,
    outcomes: Vec<Result<usize, Refusal>>,
}

impl Batch<'_, '_> {
    fn one(&mut self, wish: Wish) -> Result<(), StoreError> {
        let outcome = match wish {
            Wish::Refused(refusal) => Err(refusal.into()),
            Wish::Put(_, input) if self.live.is_some() => {
                self.wait(*input);
                return Ok(());
            }
            Wish::Put(by, input) => match self.find(&by, "leave ProfileId out if this is to be a new one") {
                Ok(Some(id)) => self.update(id, &input),
                Ok(None) => {
                    self.wait(*input);
                    return Ok(());
                }
                Err(error) => Err(error),
            },
            Wish::Part(by, part, input) => self.there(&by).and_then(|id| self.update_part(id, part, &input)),
            Wish::Delete(by, reason) => self.there(&by).and_then(|id| {
                self.settle()?;
                write::delete(self.tx, self.account.no, id, reason, &Expected::default()).map(|_| 0)
            }),
        };
        match outcome {
            Ok(declined) => self.outcomes.push(Ok(declined)),
            Err(StoreError::Refused(refusal)) => self.outcomes.push(Err(refusal)),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The profile that a record matches; `None`: it makes a new one. `instead`: what to do where it was deleted.
    fn find(&mut self, by: &By, instead: &str) -> Result<Option<ProfileId>, StoreError> {
        let no = self.account.no;
        match by {
            By::Nothing => Ok(None),
            By::Id(id) => {
                // A number that one of those that wait may get.
                if id.0 >= self.tx.numbers(no)?.next_profile {
                    self.settle()?;
                }
                let (dbs, txn) = self.tx.read();
                if dbs.rows.get(txn, &keys::profile(no, *id)).or_engine()?.is_some() {
                    return Ok(Some(*id));
                }
                match rows::tombstone(dbs, txn, no, *id)? {
                    None => Ok(None),
                    Some(_) => {
                        Err(Refusal::unknown("ProfileId", format!("profile {id} was deleted; {instead}")).into())
                    }
                }
            }
            By::AlternateId { kind, id } => {
                if self.claims.contains(&(fold(kind), fold(id))) {
                    self.settle()?;
                }
                let (dbs, txn) = self.tx.read();
                write::by_alternate_id(dbs, txn, &self.account, kind, id)
            }
        }
    }

    /// The same where there must be one.
    fn there(&mut self, by: &By) -> Result<ProfileId, StoreError> {
        if let Some(id) = self.find(by, "leave this record out")? {
            return Ok(id);
        }
        Err(match by {
            By::Nothing => Refusal::invalid("ProfileId", "is required where no new profile can be made").into(),
            By::Id(id) => Refusal::unknown("ProfileId", format!("there is no profile {id}")).into(),
            By::AlternateId { kind, id } => {
                let target = Target::AlternateId { kind: kind.clone(), id: id.clone() };
                let (dbs, txn) = self.tx.read();
                match write::resolve(dbs, txn, &self.account, &target) {
                    Ok(id) => return Ok(id),
                    Err(StoreError::Refused(refusal)) => Refusal { path: "AlternateIds".to_owned(), ..refusal }.into(),
                    Err(error) => error,
                }
            }
        })
    }

    fn update(&mut self, id: ProfileId, input: &ProfileInput) -> Result<usize, StoreError> {
        // Those before it claim their alternate ids first.
        let meets = |kind: &Option<String>, id: &Option<String>| {
            let key = (fold(kind.as_deref().unwrap_or_default()), fold(id.as_deref().unwrap_or_default()));
            self.claims.contains(&key)
        };
        let claims = input.alternate_ids.iter().flatten().any(|a| meets(&a.alternate_id_type, &a.alternate_id));
        if claims || self.manner.refresh.alternate_ids {
            self.settle()?;
        }
        let (account, author, manner) = (&self.account, self.author, self.manner);
        let mut declined = 0;
        write::existing(self.tx, account, author, id, &Expected::default(), |kept, now| {
            let changed = change::import(kept, input, manner, &account.config, author, now)?;
            declined = changed.declined;
            let asked = Cow::Borrowed(input.alternate_ids.as_deref().unwrap_or_default());
            Ok(Some(Outcome { changed, asked, archived: 0 }))
        })?;
        Ok(declined)
    }

    fn update_part(&mut self, id: ProfileId, part: Part, input: &ProfileInput) -> Result<usize, StoreError> {
        let (account, author, manner) = (&self.account, self.author, self.manner);
        write::existing(self.tx, account, author, id, &Expected::default(), |kept, now| {
            let changed = change::import_part(kept, part, input, manner, &account.config, author, now)?;
            Ok(Some(changed.into()))
        })?;
        Ok(0)
    }

    fn wait(&mut self, input: ProfileInput) {
        for a in input.alternate_ids.iter().flatten() {
            if let (Some(kind), Some(id)) = (&a.alternate_id_type, &a.alternate_id) {
                self.claims.insert((fold(kind), fold(id)));
            }
        }
        self.waiting.push((self.outcomes.len(), input));
        self.outcomes.push(Ok(0));
    }

    /// Puts the new profiles that wait.
    fn settle(&mut self) -> Result<(), StoreError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.claims.clear();
        let (places, inputs): (Vec<usize>, Vec<ProfileInput>) = self.waiting.drain(..).unzip();
        let import = load::Import { manner: *self.manner, created: self.created };
        let (no, author, import) = (self.account.no, self.author, Some(import));
        let outcomes = put_new(self.tx, no, self.live.as_deref_mut(), |tx, claims| {
            load::put_all(tx, no, author, inputs, import, claims)
        })?;
        for (place, outcome) in places.into_iter().zip(outcomes) {
            if let Err(refusal) = outcome {
                self.outcomes[place] = Err(refusal);
            }
        }
        Ok(())
    }
}
