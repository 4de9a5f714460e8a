//! The index entries of a profile, as a set computed from the profile alone: a write puts the difference between the former
//! set and the new one, a delete removes the set, `check` compares it with what is there. So the three can't disagree.

use heed::RwTxn;
use sayso_model::{
    id::{AccountNo, ProfileId, fold},
    moment::Moment,
    normal,
    profile::Profile,
    reading,
};

use crate::{
    StoreError,
    engine::{Databases, OrEngine, Read},
    keys::{self, Kind},
    profiles::Key,
    rows,
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
        let id = profile.profile_id;
        let mut keys = Vec::with_capacity(8);
        for a in &profile.alternate_ids {
            keys.push(keys::value(no, Kind::AlternateId, &fold(&a.alternate_id), &fold(&a.alternate_id_type), id));
        }
        for e in &profile.emails {
            keys.push(keys::value(no, Kind::Email, &normal::email(&e.email_address), &fold(&e.email_address_type), id));
        }
        for p in &profile.phone_numbers {
            keys.push(keys::value(no, Kind::Phone, &normal::digits(&p.phone_number), &fold(&p.phone_type), id));
        }
        for g in &profile.groups {
            keys.push(keys::value(no, Kind::Group, &fold(&g.group_name), &fold(&g.group_type), id));
        }
        keys.sort_unstable();
        keys.dedup();
        let moment = |at| keys::moment(no, at, id);
        Self {
            keys,
            modified: vec![moment(modified)],
            expiries: reading::expiries(profile).into_iter().map(moment).collect(),
        }
    }

    /// Makes the databases hold these entries in place of the `former` ones.
    pub(crate) fn replace(&self, former: &Entries, dbs: &Databases, txn: &mut RwTxn<'_>) -> Result<(), StoreError> {
        replace(dbs.by_key, txn, &former.keys, &self.keys)?;
        replace(dbs.by_modified, txn, &former.modified, &self.modified)?;
        replace(dbs.by_expiry, txn, &former.expiries, &self.expiries)
    }
}

fn replace<const N: usize>(
    db: crate::engine::Db,
    txn: &mut RwTxn<'_>,
    former: &[[u8; N]],
    new: &[[u8; N]],
) -> Result<(), StoreError> {
    for key in former.iter().filter(|key| new.binary_search(key).is_err()) {
        db.delete(txn, key).or_engine()?;
    }
    for key in new.iter().filter(|key| former.binary_search(key).is_err()) {
        db.put(txn, key, &[]).or_engine()?;
    }
    Ok(())
}

/// A key with its value and type in the form in which they are compared.
pub(crate) struct Wanted {
    kind: Kind,
    value: String,
    folded_type: Option<String>,
}

impl Wanted {
    pub(crate) fn new(key: &Key) -> Self {
        let (kind, folded_type, value) = match key {
            Key::AlternateId { kind, id } => (Kind::AlternateId, kind.as_deref(), fold(id)),
            Key::Email { kind, address } => (Kind::Email, kind.as_deref(), normal::email(address)),
            Key::Phone { kind, number } => (Kind::Phone, kind.as_deref(), normal::digits(number)),
            Key::Group { kind, name } => (Kind::Group, Some(kind.as_str()), fold(name)),
        };
        Self { kind, value, folded_type: folded_type.map(fold) }
    }

    /// Whether the profile has this key: what a hash only made likely.
    pub(crate) fn is_in(&self, profile: &Profile) -> bool {
        let of_type = |name: &str| self.folded_type.as_ref().is_none_or(|wanted| fold(name) == *wanted);
        match self.kind {
            Kind::AlternateId => profile
                .alternate_ids
                .iter()
                .any(|a| of_type(&a.alternate_id_type) && fold(&a.alternate_id) == self.value),
            Kind::Email => profile
                .emails
                .iter()
                .any(|e| of_type(&e.email_address_type) && normal::email(&e.email_address) == self.value),
            Kind::Phone => profile
                .phone_numbers
                .iter()
                .any(|p| of_type(&p.phone_type) && normal::digits(&p.phone_number) == self.value),
            Kind::Group => profile.groups.iter().any(|g| of_type(&g.group_type) && fold(&g.group_name) == self.value),
        }
    }
}

/// Calls `f` with each profile that has the key, ascending within a type; one that has it in two types comes twice.
pub(crate) fn find(
    dbs: &Databases,
    txn: &Read<'_>,
    no: AccountNo,
    wanted: &Wanted,
    f: &mut dyn FnMut(&Profile),
) -> Result<(), StoreError> {
    let prefix = match &wanted.folded_type {
        Some(t) => keys::typed_prefix(no, wanted.kind, &wanted.value, t).to_vec(),
        None => keys::value_prefix(no, wanted.kind, &wanted.value).to_vec(),
    };
    for entry in dbs.by_key.prefix_iter(txn, &prefix).or_engine()? {
        let (key, _) = entry.or_engine()?;
        let id = keys::last_profile_of(key)?;
        let row = rows::get(dbs, txn, no, id)?.ok_or_else(|| {
            StoreError::Damaged(format!("an index names profile {id}, which isn't there; run `sayso check`"))
        })?;
        let profile = row.profile()?;
        if wanted.is_in(&profile) {
            f(&profile);
        }
    }
    Ok(())
}

/// Whether by_key has an entry that begins so.
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
    find(dbs, txn, no, &Wanted::new(key), &mut |profile| ids.push(profile.profile_id))?;
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}
