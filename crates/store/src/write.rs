//! One change of one profile, inside the write transaction: read what is there, let the model decide, check what only the whole
//! account can tell (alternate ids), then put. Every check stands before the first put (house.md: a write is a function).

use sayso_model::{
    change,
    change::{Changed, Former, Kept},
    config::{Config, TypeKind},
    facts,
    id::{AccountNo, Author, ProfileId, fold},
    input::{AlternateIdInput, ProfileInput},
    moment::Moment,
    profile::{Profile, Tombstone},
    reading,
    refusal::{Refusal, shown},
    render,
};

use crate::{
    StoreError,
    account::Account,
    engine::OrEngine,
    history,
    index::{self, Entries},
    keys,
    profiles::{Change, Expected, Key, Target, Written},
    row, rows, seal,
    tx::Tx,
    wanted::Wanted,
};

/// The longest reason for a deletion (profile.md: ReasonCode(256)).
const MAX_REASON: usize = 256;

/// Applies a change, if what is there is as expected.
pub(crate) fn apply(
    tx: &mut Tx<'_>,
    no: AccountNo,
    author: &Author,
    change: Change,
    expected: &Expected,
) -> Result<Written, StoreError> {
    let account = &tx.account(no)?;
    let config = &account.config;
    match change {
        Change::Create(input) => create(tx, account, author, &input),
        Change::Update(target, input) => {
            let id = resolve(tx, account, &target)?;
            update(tx, account, author, id, input, expected)
        }
        Change::Upsert { kind, id, mut input } => match by_alternate_id(tx, account, &kind, &id)? {
            Some(found) => update(tx, account, author, found, input, expected),
            None => {
                expected.of_nobody()?;
                name_alternate_id(&mut input, &kind, &id);
                create(tx, account, author, &input)
            }
        },
        Change::Replace(target, mut input) => {
            let id = resolve(tx, account, &target)?;
            if let Target::AlternateId { kind, id } = &target {
                name_alternate_id(&mut input, kind, id);
            }
            existing(tx, account, author, id, expected, |kept, now| {
                let changed = change::replace(kept, &input, config, author, now)?;
                Ok(Some(Outcome { changed, asked: Some(input), archived: 0 }))
            })
        }
        Change::Patch(target, patch) => {
            let id = resolve(tx, account, &target)?;
            existing(tx, account, author, id, expected, |kept, now| {
                let input = change::patched(&kept, &patch, config, now)?;
                let changed = change::replace(kept, &input, config, author, now)?;
                Ok(Some(Outcome { changed, asked: Some(Box::new(input)), archived: 0 }))
            })
        }
        Change::UpdatePart(target, part, input) => {
            let id = resolve(tx, account, &target)?;
            existing(tx, account, author, id, expected, |kept, now| {
                change::update_part(kept, part, &input, config, author, now).map(|changed| Some(changed.into()))
            })
        }
        Change::Archive(target, input) => {
            let id = resolve(tx, account, &target)?;
            existing(tx, account, author, id, expected, |kept, now| {
                let archived = change::archive(kept, &input, config, author, now)?;
                Ok(archived.map(|(changed, archived)| Outcome { changed, asked: None, archived }))
            })
        }
        Change::Activate(target, is_active, input) => {
            let id = resolve(tx, account, &target)?;
            existing(tx, account, author, id, expected, |kept, now| {
                let changed = change::activate(kept, is_active, &input, config, author, now)?;
                Ok(changed.map(Outcome::from))
            })
        }
        Change::WithdrawConsent { target, filter, consent_type } => {
            let id = resolve(tx, account, &target)?;
            existing(tx, account, author, id, expected, |kept, now| {
                let changed = change::withdraw_consent(kept, &filter, &consent_type, config, author, now)?;
                Ok(changed.map(Outcome::from))
            })
        }
        Change::Untag(target, tag) => {
            if !config.segments_with_tag(&tag).is_empty() {
                let why = format!("segments ask for the tag {}; change them first", shown(&tag));
                return Err(Refusal::conflict("", why).into());
            }
            let id = resolve(tx, account, &target)?;
            existing(tx, account, author, id, expected, |kept, now| {
                Ok(change::untag(kept, &tag, config, author, now).map(Outcome::from))
            })
        }
        Change::Delete(target, reason) => {
            if let Some(reason) = &reason
                && reason.chars().count() > MAX_REASON
            {
                let seen = reason.chars().count();
                let why = format!("a reason of {seen} characters was given; at most {MAX_REASON} are kept");
                return Err(Refusal::invalid("reasonCode", why).into());
            }
            let id = resolve(tx, account, &target)?;
            delete(tx, no, id, reason, expected)
        }
    }
}

fn create(tx: &mut Tx<'_>, account: &Account, author: &Author, input: &ProfileInput) -> Result<Written, StoreError> {
    let mut numbers = tx.numbers(account.no)?;
    let id = ProfileId(numbers.next_profile);
    let now = tx.stamp();
    let kept = change::create(input, id, &account.config, author, now)?;
    refuse_taken(tx, account.no, &kept.profile, None, input.alternate_ids.as_deref())?;
    numbers.next_profile += 1;
    tx.set_numbers(account.no, numbers);
    put(tx, account, &kept, now, &Entries::default())?;
    Ok(Written { id, moment: now, created: true, archived: 0 })
}

fn update(
    tx: &mut Tx<'_>,
    account: &Account,
    author: &Author,
    id: ProfileId,
    input: Box<ProfileInput>,
    expected: &Expected,
) -> Result<Written, StoreError> {
    existing(tx, account, author, id, expected, |kept, now| {
        let changed = change::update(kept, &input, &account.config, author, now)?;
        Ok(Some(Outcome { changed, asked: Some(input), archived: 0 }))
    })
}

/// What the model made of a profile.
pub(crate) struct Outcome {
    pub changed: Changed,
    /// The input, if a claimed alternate id may stand in it.
    pub asked: Option<Box<ProfileInput>>,
    pub archived: usize,
}

impl From<Changed> for Outcome {
    fn from(changed: Changed) -> Self {
        Self { changed, asked: None, archived: 0 }
    }
}

/// Changes a profile that is there; `None` from the model leaves it as it is.
pub(crate) fn existing(
    tx: &mut Tx<'_>,
    account: &Account,
    author: &Author,
    id: ProfileId,
    expected: &Expected,
    change: impl FnOnce(Kept, Moment) -> Result<Option<Outcome>, Refusal>,
) -> Result<Written, StoreError> {
    let no = account.no;
    let (dbs, txn) = tx.read();
    let row = rows::get(dbs, txn, no, id)?.ok_or_else(|| unknown(id))?;
    expected.of(&row)?;
    let current = row.kept()?;
    let modified = row.modified;
    let former_entries = Entries::of(no, &current.profile, modified);
    let former_profile = current.profile.clone();
    let now = tx.stamp();
    let Some(Outcome { changed: Changed { kept, former, declined: _ }, asked, archived }) = change(current, now)?
    else {
        return Ok(Written { id, moment: modified, created: false, archived: 0 });
    };
    let asked = asked.as_ref().and_then(|input| input.alternate_ids.as_deref());
    refuse_taken(tx, no, &kept.profile, Some(&former_profile), asked)?;
    put(tx, account, &kept, now, &former_entries)?;
    put_history(tx, no, id, now, author, &former)?;
    Ok(Written { id, moment: now, created: false, archived })
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
    Entries::default().replace(&entries, dbs, txn)?;
    history::remove(dbs, txn, no, id)?;
    dbs.tombstones.put(txn, &key, &tombstone).or_engine()?;
    Ok(Written { id, moment: now, created: false, archived: 0 })
}

/// Puts a profile: row, facts, and what differs in the indexes.
pub(crate) fn put(
    tx: &mut Tx<'_>,
    account: &Account,
    kept: &Kept,
    now: Moment,
    former_entries: &Entries,
) -> Result<(), StoreError> {
    let no = account.no;
    let rendered = Rendered::new(kept, no, now)?;
    let term_ids = tx.term_ids(no, &facts::terms(kept, &account.config))?;
    let facts = rendered.facts(kept, &account.config, account.version, &term_ids);
    let key = keys::profile(no, kept.profile.profile_id);
    let (dbs, txn) = tx.write();
    dbs.rows.put(txn, &key, &rendered.bytes).or_engine()?;
    dbs.facts.put(txn, &key, &facts).or_engine()?;
    rendered.entries.replace(former_entries, dbs, txn)
}

fn put_history(
    tx: &mut Tx<'_>,
    no: AccountNo,
    id: ProfileId,
    now: Moment,
    author: &Author,
    former: &[Former],
) -> Result<(), StoreError> {
    let (dbs, txn) = tx.write();
    history::append(dbs, txn, no, id, now, author, former)
}

/// A profile as it goes into the databases, except for the ids of its terms.
pub(crate) struct Rendered {
    /// The value in `rows`.
    pub bytes: Vec<u8>,
    pub entries: Entries,
    row: render::Row,
    next_expiry: Option<Moment>,
}

impl Rendered {
    /// Renders a profile written at `now`, as it reads then.
    pub(crate) fn new(kept: &Kept, no: AccountNo, now: Moment) -> Result<Self, StoreError> {
        let row = render::render(&kept.profile);
        let next_expiry = reading::next_expiry(&kept.profile, now);
        let bytes = row::encode(kept.profile.profile_id, &row, &kept.extras, now, next_expiry)?;
        Ok(Self { bytes, entries: Entries::of(no, &kept.profile, now), row, next_expiry })
    }

    /// The value in `facts`. `term_ids` are in the order of [`facts::terms`].
    pub(crate) fn facts(&self, kept: &Kept, config: &Config, config_version: u64, term_ids: &[u32]) -> Vec<u8> {
        let mut encoded = Vec::with_capacity(160);
        facts::encode(kept, config, &self.row, self.next_expiry, term_ids, &mut encoded);
        rows::seal_facts(config_version, &encoded)
    }
}

/// Refuses a profile that claims an alternate id of another one: unique within its type, without regard to case (profile.md).
fn refuse_taken(
    tx: &Tx<'_>,
    no: AccountNo,
    new: &Profile,
    former: Option<&Profile>,
    asked: Option<&[AlternateIdInput]>,
) -> Result<(), StoreError> {
    for a in &new.alternate_ids {
        let (kind, id) = (&a.alternate_id_type, &a.alternate_id);
        let had = former.is_some_and(|former| has_alternate_id(former, kind, id));
        if had {
            continue;
        }
        let mut owner = None;
        let (dbs, txn) = tx.read();
        let wanted = Wanted::of(&Key::AlternateId { kind: Some(kind.clone()), id: id.clone() });
        index::find(dbs, txn, no, &wanted, &mut |profile| {
            if profile.profile_id != new.profile_id {
                owner = Some(profile.profile_id);
            }
        })?;
        if let Some(owner) = owner {
            return Err(taken(asked.unwrap_or_default(), kind, id, owner).into());
        }
    }
    Ok(())
}

fn has_alternate_id(profile: &Profile, kind: &str, id: &str) -> bool {
    profile.alternate_ids.iter().any(|a| fold(&a.alternate_id_type) == fold(kind) && fold(&a.alternate_id) == fold(id))
}

/// The refusal of an alternate id that another profile has, with its place in the input.
pub(crate) fn taken(asked: &[AlternateIdInput], kind: &str, id: &str, owner: ProfileId) -> Refusal {
    let named = |a: &AlternateIdInput| {
        a.alternate_id_type.as_deref().is_some_and(|k| fold(k) == fold(kind))
            && a.alternate_id.as_deref().is_some_and(|i| fold(i) == fold(id))
    };
    let place = asked.iter().position(named);
    let path = place.map_or_else(String::new, |i| format!("AlternateIds[{i}].AlternateId"));
    let seen: String = id.chars().take(80).collect();
    Refusal::conflict(
        path,
        format!(
            "profile {owner} has the alternate id `{seen}` of type {kind}; within its type an alternate id belongs to one profile"
        ),
    )
}

/// The id of the profile that a change is about; refused when there is none.
pub(crate) fn resolve(tx: &Tx<'_>, account: &Account, target: &Target) -> Result<ProfileId, StoreError> {
    match target {
        // Whether it is there is seen when its row is read.
        Target::Id(id) => Ok(*id),
        Target::AlternateId { kind, id } => by_alternate_id(tx, account, kind, id)?.ok_or_else(|| {
            let seen: String = id.chars().take(80).collect();
            Refusal::unknown("alternateId", format!("no active profile has the alternate id `{seen}` of type {kind}"))
                .into()
        }),
    }
}

/// The active profile that has an alternate id: a deactivated one is reachable only by its ProfileId (profile.md).
pub(crate) fn by_alternate_id(
    tx: &Tx<'_>,
    account: &Account,
    kind: &str,
    id: &str,
) -> Result<Option<ProfileId>, StoreError> {
    if account.config.type_def(TypeKind::AlternateId, kind).is_none() {
        let seen: String = kind.chars().take(80).collect();
        return Err(
            Refusal::unknown("alternateIdType", format!("the account has no alternate id type `{seen}`")).into()
        );
    }
    let mut found = None;
    let (dbs, txn) = tx.read();
    let wanted = Wanted::of(&Key::AlternateId { kind: Some(kind.to_owned()), id: id.to_owned() });
    index::find(dbs, txn, account.no, &wanted, &mut |profile| {
        if profile.is_active {
            found = Some(profile.profile_id);
        }
    })?;
    Ok(found)
}

/// The alternate id that a profile is named by is part of what is sent, whether it stands in it or not.
fn name_alternate_id(input: &mut ProfileInput, kind: &str, id: &str) {
    let ids = input.alternate_ids.get_or_insert_default();
    let is_there = |a: &AlternateIdInput| {
        a.alternate_id_type.as_deref().is_some_and(|k| fold(k) == fold(kind))
            && a.alternate_id.as_deref().is_some_and(|i| fold(i) == fold(id))
    };
    if !ids.iter().any(is_there) {
        ids.push(AlternateIdInput {
            alternate_id_type: Some(kind.to_owned()),
            alternate_id: Some(id.to_owned()),
            ..AlternateIdInput::default()
        });
    }
}

fn unknown(id: ProfileId) -> Refusal {
    Refusal::unknown("profileId", format!("there is no profile {id}"))
}
