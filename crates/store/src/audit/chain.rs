//! A record added within a write transaction. The heads of the trails that a transaction adds to are read once, and put once before its
//! commit, as the accounts' numbers are.

use std::{
    collections::{HashMap, hash_map},
    fmt,
    str::FromStr,
};

use heed::RwTxn;
use sayso_model::{id::AccountNo, moment::Moment};

use super::{
    Entry,
    line::{self, Hash, Links, hex, unhex},
};
use crate::{
    StoreError,
    engine::{Databases, OrEngine, Read},
    keys, seal,
};

/// The number under which what concerns no account is kept; accounts are numbered from 1.
pub(crate) const NOBODY: AccountNo = AccountNo(0);

/// The newest record of a trail: what is worth noting elsewhere, written as `SEQUENCE:HASH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// 0 of a trail without records.
    pub sequence: u64,
    /// The record's.
    pub moment: Moment,
    /// SHA-256.
    pub hash: Hash,
}

impl Head {
    /// Of a trail without records.
    pub(crate) const NONE: Head = Head { sequence: 0, moment: Moment(i64::MIN), hash: [0; 32] };

    fn encode(&self) -> Vec<u8> {
        let Head { sequence, moment, hash } = self;
        seal::seal(&[&sequence.to_be_bytes()[..], &moment.0.to_be_bytes(), hash].concat())
    }

    fn decode(sealed: &[u8]) -> Result<Self, StoreError> {
        let what = || "the head of an audit trail".to_owned();
        let damaged = || StoreError::Damaged(format!("{} has another length", what()));
        let rest = seal::open(sealed, what)?;
        let (sequence, rest) = rest.split_first_chunk().ok_or_else(damaged)?;
        let (moment, rest) = rest.split_first_chunk().ok_or_else(damaged)?;
        let hash = rest.try_into().map_err(|_| damaged())?;
        Ok(Self { sequence: u64::from_be_bytes(*sequence), moment: Moment(i64::from_be_bytes(*moment)), hash })
    }

    /// That of an account's trail, as it is kept; `None` when it has no records.
    pub(crate) fn kept(dbs: &Databases, txn: &Read<'_>, no: AccountNo) -> Result<Option<Self>, StoreError> {
        dbs.meta.get(txn, &keys::audit_head(no)).or_engine()?.map(Self::decode).transpose()
    }

    /// What the next record follows. Where head and records don't fit, the one that is further: the trail goes on without writing over
    /// anything, and verifying finds the place for good.
    fn to_follow(dbs: &Databases, txn: &Read<'_>, no: AccountNo) -> Result<Self, StoreError> {
        let kept = match Self::kept(dbs, txn, no) {
            Err(StoreError::Damaged(why)) => {
                tracing::error!("{why}; run `sayso audit verify`");
                None
            }
            kept => kept?,
        };
        let kept = kept.unwrap_or(Self::NONE);
        let Some((key, line)) =
            dbs.audit.rev_prefix_iter(txn, &keys::account(no)).or_engine()?.next().transpose().or_engine()?
        else {
            return Ok(kept);
        };
        let sequence = keys::audit_of(key)?.1;
        if sequence <= kept.sequence {
            return Ok(kept);
        }
        tracing::error!(account = %no, sequence, "an audit trail goes further than its head says; run `sayso audit verify`");
        let claimed = Links::claimed(line);
        let hash = claimed.as_ref().map_or([0; 32], |links| links.hash);
        Ok(Self { sequence, moment: claimed.map_or(kept.moment, |links| links.moment), hash })
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.sequence, hex(&self.hash))
    }
}

impl FromStr for Head {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once(':').and_then(|(sequence, hash)| {
            let sequence = sequence.parse().ok().filter(|n| *n > 0)?;
            Some(Self { sequence, moment: Moment(i64::MIN), hash: unhex(hash)? })
        });
        parsed.ok_or_else(|| {
            let seen: String = text.chars().take(100).collect();
            format!("`{seen}` is no head of an audit trail; one is written as its sequence, a colon and 64 hexadecimal digits in small letters")
        })
    }
}

/// The heads of the trails that a transaction adds to.
#[derive(Default)]
pub(crate) struct Heads(HashMap<AccountNo, Head>);

impl Heads {
    /// Adds a record to the trail of an account, whose name is given, or to that of nobody.
    pub(crate) fn append(
        &mut self,
        dbs: &Databases,
        txn: &mut RwTxn<'_>,
        (no, name): (AccountNo, Option<&str>),
        entry: &Entry,
        now: Moment,
    ) -> Result<(), StoreError> {
        let head = match self.0.entry(no) {
            hash_map::Entry::Occupied(known) => known.into_mut(),
            hash_map::Entry::Vacant(unknown) => unknown.insert(Head::to_follow(dbs, txn, no)?),
        };
        let (line, next) = line::write(name, head, entry, now)?;
        dbs.audit.put(txn, &keys::audit(no, next.sequence), &line).or_engine()?;
        *head = next;
        Ok(())
    }

    /// Puts them, before the commit.
    pub(crate) fn put(&self, dbs: &Databases, txn: &mut RwTxn<'_>) -> Result<(), StoreError> {
        self.0.iter().try_for_each(|(no, head)| dbs.meta.put(txn, &keys::audit_head(*no), &head.encode()).or_engine())
    }
}
