//! Alternate ids in a write: whom one names, and that it belongs to one profile (profile.md, Rules).

use std::borrow::Cow;

use sayso_model::{
    config::TypeKind,
    id::{AccountNo, ProfileId, fold, same},
    input::{AlternateIdInput, ProfileInput},
    profile::Profile,
    refusal::Refusal,
};

use crate::{
    StoreError,
    account::Account,
    engine::{Databases, Read},
    index,
    profiles::{Key, Target},
    tx::Tx,
    wanted::Wanted,
};

/// An alternate id that a change gives to a profile.
pub(super) struct Claim {
    kind: String,
    id: String,
    /// Where it stands in the input.
    path: String,
}

/// The alternate ids that a profile has, in the form in which they are compared.
pub(super) fn folded(profile: &Profile) -> Vec<(String, String)> {
    profile.alternate_ids.iter().map(|a| (fold(&a.alternate_id_type), fold(&a.alternate_id))).collect()
}

/// Those of a profile that it didn't have before. `asked`: where one may stand in the input.
pub(super) fn claims(new: &Profile, former: &[(String, String)], asked: &[AlternateIdInput]) -> Vec<Claim> {
    let mut claims = Vec::new();
    for a in &new.alternate_ids {
        let (kind, id) = (&a.alternate_id_type, &a.alternate_id);
        if !former.contains(&(fold(kind), fold(id))) {
            let path = asked.iter().position(|a| is(a, kind, id)).map_or_else(String::new, place);
            claims.push(Claim { kind: kind.clone(), id: id.clone(), path });
        }
    }
    claims
}

/// Refuses a profile that claims an alternate id of another one: unique within its type, without regard to case (profile.md).
pub(super) fn refuse_taken(tx: &Tx<'_>, no: AccountNo, profile: ProfileId, claims: &[Claim]) -> Result<(), StoreError> {
    for Claim { kind, id, path } in claims {
        let mut owner = None;
        let (dbs, txn) = tx.read();
        let wanted = Wanted::of(&Key::AlternateId { kind: Some(kind.clone()), id: id.clone() });
        index::find(dbs, txn, no, &wanted, &mut |found| {
            if found.profile_id != profile {
                owner = Some(found.profile_id);
            }
        })?;
        if let Some(owner) = owner {
            return Err(taken(path.clone(), kind, id, owner).into());
        }
    }
    Ok(())
}

/// The refusal of an alternate id that another profile has; `path`: its [`place`].
pub(crate) fn taken(path: String, kind: &str, id: &str, owner: ProfileId) -> Refusal {
    let seen: String = id.chars().take(80).collect();
    Refusal::conflict(
        path,
        format!(
            "profile {owner} has the alternate id `{seen}` of type {kind}; within its type an alternate id belongs to one profile"
        ),
    )
}

/// Where the alternate id stands that is this one of an input.
pub(crate) fn place(i: usize) -> String {
    format!("AlternateIds[{i}].AlternateId")
}

fn is(a: &AlternateIdInput, kind: &str, id: &str) -> bool {
    a.alternate_id_type.as_deref().is_some_and(|k| same(k, kind))
        && a.alternate_id.as_deref().is_some_and(|i| same(i, id))
}

/// The id of the profile that a change is about; refused when there is none.
pub(crate) fn resolve(
    dbs: &Databases,
    txn: &Read<'_>,
    account: &Account,
    target: &Target,
) -> Result<ProfileId, StoreError> {
    match target {
        // Whether it is there is seen when its row is read.
        Target::Id(id) => Ok(*id),
        Target::AlternateId { kind, id } => by_alternate_id(dbs, txn, account, kind, id)?.ok_or_else(|| {
            let seen: String = id.chars().take(80).collect();
            Refusal::unknown("alternateId", format!("no active profile has the alternate id `{seen}` of type {kind}"))
                .into()
        }),
    }
}

/// The active profile that has an alternate id: a deactivated one is reachable only by its ProfileId (profile.md).
pub(crate) fn by_alternate_id(
    dbs: &Databases,
    txn: &Read<'_>,
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
    let wanted = Wanted::of(&Key::AlternateId { kind: Some(kind.to_owned()), id: id.to_owned() });
    index::find(dbs, txn, account.no, &wanted, &mut |profile| {
        if profile.is_active {
            found = Some(profile.profile_id);
        }
    })?;
    Ok(found)
}

/// The alternate id that a profile is named by is part of what is sent, whether it stands in it or not.
pub(super) fn naming<'i>(input: &'i ProfileInput, kind: &str, id: &str) -> Cow<'i, ProfileInput> {
    if input.alternate_ids.iter().flatten().any(|a| is(a, kind, id)) {
        return Cow::Borrowed(input);
    }
    let mut input = input.clone();
    input.alternate_ids.get_or_insert_default().push(AlternateIdInput {
        alternate_id_type: Some(kind.to_owned()),
        alternate_id: Some(id.to_owned()),
        ..AlternateIdInput::default()
    });
    Cow::Owned(input)
}
