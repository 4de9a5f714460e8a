//! The index entries of a profile, as a set computed from the profile alone: a write puts the difference between the former
//! set and the new one, a delete removes the set, `check` compares it with what is there. So the three can't disagree.

use std::ops::ControlFlow;

use heed::RwTxn;
use sayso_model::{
    id::{AccountNo, ProfileId},
    moment::Moment,
    normal,
    profile::Profile,
    reading,
};

use crate::{
    StoreError,
    engine::{Databases, OrEngine, Read},
    keys::{self, Kind},
    pending,
    profiles::Key,
    row::Stored,
    rows,
    wanted::Wanted,
};

/// Everything that by_key, by_modified and by_expiry hold of one profile.
/// Each list ascends and has each entry once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Entries {
    pub keys: Vec<[u8; 33]>,
    pub modified: Vec<[u8; 20]>,
    /// Every moment at which something expires, past ones too: a delta asks which of them lie since its caller's moment.
    pub expiries: Vec<[u8; 20]>,
}

impl Entries {
    /// The entries of a profile that was written at `modified`.
    pub(crate) fn of(no: AccountNo, profile: &Profile, modified: Moment) -> Self {
        Self::with(no, profile, alternate_ids(profile), modified)
    }

    /// The same of a profile whose [`alternate_ids`] are known.
    pub(crate) fn with(
        no: AccountNo,
        profile: &Profile,
        alternate_ids: impl Iterator<Item = [u8; 20]>,
        modified: Moment,
    ) -> Self {
        Self { keys: keys_with(no, profile, alternate_ids), ..Self::moments(no, profile, modified) }
    }

    /// The same without keys. What is to change from such to such says nothing of by_key: both have their keys, or both have none.
    pub(crate) fn moments(no: AccountNo, profile: &Profile, modified: Moment) -> Self {
        Self {
            keys: Vec::new(),
            modified: vec![keys::moment(no, modified, profile.profile_id)],
            expiries: expiries(no, profile).collect(),
        }
    }

    /// What has to change where the databases hold the `former` entries.
    pub(crate) fn instead_of(self, former: &Entries) -> Difference {
        let gone = Entries {
            keys: but(&former.keys, &self.keys),
            modified: but(&former.modified, &self.modified),
            expiries: but(&former.expiries, &self.expiries),
        };
        let new = Entries {
            keys: but(&self.keys, &former.keys),
            modified: but(&self.modified, &former.modified),
            expiries: but(&self.expiries, &former.expiries),
        };
        Difference { gone, new }
    }
}

/// What a profile has in by_expiry, ascending, each once.
pub(crate) fn expiries(no: AccountNo, profile: &Profile) -> impl Iterator<Item = [u8; 20]> {
    let id = profile.profile_id;
    reading::expiries(profile).into_iter().map(move |at| keys::moment(no, at, id))
}

/// What a profile has in by_key, ascending, each once.
pub(crate) fn keys(no: AccountNo, profile: &Profile) -> Vec<[u8; 33]> {
    keys_with(no, profile, alternate_ids(profile))
}

/// The same of a profile whose [`alternate_ids`] are known.
pub(crate) fn keys_with(
    no: AccountNo,
    profile: &Profile,
    alternate_ids: impl Iterator<Item = [u8; 20]>,
) -> Vec<[u8; 33]> {
    let mut keys = Vec::with_capacity(8);
    let mut key = |kind, claim| keys.push(keys::value(no, kind, &claim, profile.profile_id));
    for claim in alternate_ids {
        key(Kind::AlternateId, claim);
    }
    found_by(profile, |kind, parts| key(kind, keys::claim_folded(kind, parts)));
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Calls `each` with what a profile can be found by, its alternate ids aside, in the form in which it was given, phones by their
/// digits; parts that a kind doesn't have are empty.
fn found_by(profile: &Profile, mut each: impl FnMut(Kind, [&str; 4])) {
    for e in &profile.emails {
        // Folded is what `normal::email` makes of it.
        each(Kind::Email, [&e.email_address, &e.email_address_type, "", ""]);
    }
    for p in &profile.phone_numbers {
        each(Kind::Phone, [&normal::digits(&p.phone_number), &p.phone_type, "", ""]);
    }
    for g in &profile.groups {
        each(Kind::Group, [&g.group_name, &g.group_type, "", ""]);
    }
    let name = &profile.customer_name;
    if let Some(last) = &name.last_name {
        let [first, middle] = [&name.first_name, &name.middle_name].map(|part| part.as_deref().unwrap_or_default());
        each(Kind::Name, [last, first, middle, ""]);
    }
    for a in &profile.addresses {
        each(Kind::Address, [&a.postal_code, &a.city, &a.state_province, &a.address1]);
    }
}

/// All that a profile can be found by, as it was given. Most changes leave it as it is, and so by_key, whose keys needn't be hashed to
/// be seen to be the same.
#[derive(PartialEq, Eq)]
pub(crate) struct Findable(Vec<u8>);

impl Findable {
    pub(crate) fn of(profile: &Profile) -> Self {
        let mut all = Vec::with_capacity(512);
        let mut add = |kind: Kind, parts: [&str; 4]| {
            all.push(kind as u8);
            for part in parts {
                all.extend_from_slice(&part.len().to_le_bytes());
                all.extend_from_slice(part.as_bytes());
            }
        };
        for a in &profile.alternate_ids {
            add(Kind::AlternateId, [&a.alternate_id, &a.alternate_id_type, "", ""]);
        }
        found_by(profile, add);
        Self(all)
    }
}

/// What the entries of a profile's alternate ids have between kind and profile, in the order of the alternate ids.
pub(crate) fn alternate_ids(profile: &Profile) -> impl Iterator<Item = [u8; 20]> {
    profile.alternate_ids.iter().map(|a| keys::alternate_id(&a.alternate_id_type, &a.alternate_id))
}

/// Those that the others, which ascend, don't have.
fn but<const N: usize>(entries: &[[u8; N]], others: &[[u8; N]]) -> Vec<[u8; N]> {
    entries.iter().filter(|key| others.binary_search(key).is_err()).copied().collect()
}

/// Entries that take the place of others.
#[derive(Debug)]
pub(crate) struct Difference {
    gone: Entries,
    new: Entries,
}

impl Difference {
    /// Makes the databases hold the new ones.
    pub(crate) fn put(&self, dbs: &Databases, txn: &mut RwTxn<'_>) -> Result<(), StoreError> {
        exchange(dbs.by_key, txn, &self.gone.keys, &self.new.keys)?;
        exchange(dbs.by_modified, txn, &self.gone.modified, &self.new.modified)?;
        exchange(dbs.by_expiry, txn, &self.gone.expiries, &self.new.expiries)
    }
}

fn exchange<const N: usize>(
    db: crate::engine::Db,
    txn: &mut RwTxn<'_>,
    gone: &[[u8; N]],
    new: &[[u8; N]],
) -> Result<(), StoreError> {
    for key in gone {
        db.delete(txn, key).or_engine()?;
    }
    for key in new {
        db.put(txn, key, &[]).or_engine()?;
    }
    Ok(())
}

/// A profile that has what was wanted.
pub(crate) struct Found<'t> {
    pub profile_id: ProfileId,
    pub is_active: bool,
    pub row: Stored<'t>,
}

/// Calls `f` with each profile that has what is wanted, until it breaks off. One that has it twice (in two types, in two addresses)
/// comes twice.
pub(crate) fn find_until<'t>(
    dbs: &Databases,
    txn: &'t Read<'_>,
    no: AccountNo,
    wanted: &Wanted,
    f: &mut dyn FnMut(Found<'t>) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    let pattern = wanted.pattern(no);
    let mut take = |key: &[u8]| {
        let id = keys::last_profile_of(key)?;
        let row = rows::get(dbs, txn, no, id)?.ok_or_else(|| {
            StoreError::Damaged(format!("an index names profile {id}, which isn't there; run `sayso check`"))
        })?;
        // A hash only made it likely.
        let is_it = wanted.is_in(&row)?;
        let found = Found { profile_id: id, is_active: row.is_active(), row };
        Ok::<_, StoreError>(if is_it { f(found) } else { ControlFlow::Continue(()) })
    };
    for entry in dbs.by_key.prefix_iter(txn, pattern.prefix()).or_engine()? {
        let (key, _) = entry.or_engine()?;
        if pattern.fits(key) && take(key)?.is_break() {
            return Ok(());
        }
    }
    // Those that wait are of newer profiles, so that they come behind the others. In the middle of a merge an entry is in both.
    for key in pending::by_key(dbs, txn, pattern.prefix())? {
        if pattern.fits(key) && dbs.by_key.get(txn, key).or_engine()?.is_none() && take(key)?.is_break() {
            return Ok(());
        }
    }
    Ok(())
}

/// Calls `f` with each profile that has what is wanted.
pub(crate) fn find(
    dbs: &Databases,
    txn: &Read<'_>,
    no: AccountNo,
    wanted: &Wanted,
    f: &mut dyn FnMut(&Found<'_>),
) -> Result<(), StoreError> {
    find_until(dbs, txn, no, wanted, &mut |found| {
        f(&found);
        ControlFlow::Continue(())
    })
}

/// The first active profile that has what is wanted.
pub(crate) fn first_active<'t>(
    dbs: &Databases,
    txn: &'t Read<'_>,
    no: AccountNo,
    wanted: &Wanted,
) -> Result<Option<Stored<'t>>, StoreError> {
    let mut first = None;
    find_until(dbs, txn, no, wanted, &mut |found| {
        if !found.is_active {
            return ControlFlow::Continue(());
        }
        first = Some(found.row);
        ControlFlow::Break(())
    })?;
    Ok(first)
}

/// Whether by_key itself, without what waits to be merged, has an entry that begins so.
pub(crate) fn may_have(dbs: &Databases, txn: &Read<'_>, prefix: &[u8]) -> Result<bool, StoreError> {
    Ok(dbs
        .by_key
        .get_greater_than_or_equal_to(txn, prefix)
        .or_engine()?
        .is_some_and(|(key, _)| key.starts_with(prefix)))
}

/// The ids of the profiles that have the key, ascending, each once.
pub(crate) fn find_ids(
    dbs: &Databases,
    txn: &Read<'_>,
    no: AccountNo,
    key: &Key,
) -> Result<Vec<ProfileId>, StoreError> {
    let mut ids = Vec::new();
    find(dbs, txn, no, &Wanted::of(key), &mut |found| ids.push(found.profile_id))?;
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}
