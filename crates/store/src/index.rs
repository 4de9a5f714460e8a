//! The index entries of a profile, computed from the profile alone: an update writes the difference between the entries of
//! the former and of the new one, and `check` compares them with what is there.

use sayso_model::{
    id::{AccountNo, ProfileId, fold},
    normal,
    profile::Profile,
    reading,
};

use crate::keys::{self, Kind};

/// All entries of one profile, each list sorted and each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Entries {
    pub by_key: Vec<[u8; 33]>,
    pub by_modified: Vec<[u8; 20]>,
    pub by_expiry: Vec<[u8; 20]>,
}

impl Entries {
    /// The entries of a profile.
    pub(crate) fn of(no: AccountNo, profile: &Profile) -> Self {
        let id = profile.profile_id;
        let mut by_key: Vec<_> =
            values(profile).map(|(kind, value, t)| keys::value(no, kind, &value, &t, id)).collect();
        by_key.sort_unstable();
        by_key.dedup();
        let by_expiry = reading::expiries(profile).into_iter().map(|at| keys::moment(no, at, id)).collect();
        Self { by_key, by_modified: vec![keys::moment(no, profile.edited.last_modified_date, id)], by_expiry }
    }
}

/// What a profile can be found by: kind, normalised value, folded type.
fn values(p: &Profile) -> impl Iterator<Item = (Kind, String, String)> {
    let ids = p.alternate_ids.iter().map(|a| (Kind::AlternateId, fold(&a.alternate_id), fold(&a.alternate_id_type)));
    let emails = p.emails.iter().map(|e| (Kind::Email, normal::email(&e.email_address), fold(&e.email_address_type)));
    let phones = p.phone_numbers.iter().map(|n| (Kind::Phone, n.phone_number_numeric.clone(), fold(&n.phone_type)));
    let groups = p.groups.iter().map(|g| (Kind::Group, fold(&g.group_name), fold(&g.group_type)));
    ids.chain(emails).chain(phones).chain(groups)
}

/// Whether a profile really has this value (and this type, where one is given): a hashed key alone proves nothing.
pub(crate) fn has(profile: &Profile, kind: Kind, value: &str, folded_type: Option<&str>) -> bool {
    values(profile).any(|(k, v, t)| k == kind && v == value && folded_type.is_none_or(|f| f == t))
}

/// What `new` has and `old` doesn't, of two sorted lists.
pub(crate) fn missing_in<'n, K: Ord>(old: &[K], new: &'n [K]) -> impl Iterator<Item = &'n K> {
    new.iter().filter(|k| old.binary_search(k).is_err())
}

/// The profile that an entry is about.
pub(crate) fn owner(key: &[u8]) -> Result<ProfileId, crate::StoreError> {
    keys::last_profile_of(key)
}
