//! A change made ready by whoever asks for it, before the writer has it: most of a write is parsing, checking and rendering, and one thread
//! alone may do what needs the transaction. There what was prepared is only put, if it is what the transaction itself would have made;
//! if not, it is thrown away and made anew, by the same functions.
//!
//! **What it depends on**, and what the transaction therefore asks again:
//!
//! - *The row* is the same, byte for byte. Then the profile was neither changed nor deleted, is in the state that was expected, and still has
//!   the alternate id by which it was found, is as active as it was, and nobody else has that id, since an id belongs to one profile.
//! - *The configuration* has the same version.
//! - *The dictionary* only grows. Terms that had no id yet get theirs in the transaction.
//! - *Other profiles*: alternate ids that are newly claimed are looked up in the transaction, in either case.
//! - *The moment*, T, which stands in what was rendered. T was the greater of the clock and the last stamp in the view that the row was
//!   read from, so it isn't before the stamp of any commit in that view: neither a former one of the profile itself, nor that of any
//!   change whose answer the caller can have seen. A change may be committed behind another one with a later stamp; what must not be is
//!   a snapshot of a moment M without the change, and T < M, since the delta from M on would miss it. Snapshots in that view have a stamp
//!   of at most T; of those since then, `meta` keeps the last moment that was given to one, and T must not be before it
//!   ([`Tx::holds`]).
//!
//! A refusal, too, is left to the transaction: it is rare, and so there is one place that gives it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use sayso_model::{
    id::{AccountNo, Author},
    moment::Moment,
};

use super::{
    About, about, alternate_ids, apply, before, decide,
    revision::{Basis, Revision},
};
use crate::{
    StoreError,
    account::Account,
    engine::OrEngine,
    keys,
    load::{self, New},
    profiles::{Change, Expected, Written},
    row::Stored,
    shared::Shared,
    tx::Tx,
};

/// Bytes of a row, packed and not, and things that a change brings, above which the writer does it all: who prepares may be a thread that serves
/// many, and one of this size takes less than a millisecond.
const LONGEST_ROW: usize = 8 << 10;
const LONGEST_JSON: usize = 64 << 10;
const MOST_BROUGHT: usize = 100;

/// A change made ready.
pub(crate) struct Prepared {
    /// The version of the configuration it was made by.
    version: u64,
    made: Made,
}

enum Made {
    /// Of a profile that is there, from the bytes of its row.
    Revision { from: Vec<u8>, revision: Box<Revision> },
    /// A new profile; nobody had the alternate id by which it was looked for.
    New(Box<New>),
}

/// Makes a change ready, if that is worth it and nothing stands against it.
pub(crate) fn prepare(
    shared: &Shared,
    no: AccountNo,
    author: &Author,
    change: &Change,
    expected: &Expected,
) -> Option<Prepared> {
    let prepares = match change {
        // Little work, or (a tag that is taken off) asked for of thousands at once by one thread.
        Change::Delete(..) | Change::Untag(..) => false,
        Change::Create(input)
        | Change::Update(_, input)
        | Change::Replace(_, input)
        | Change::UpdatePart(_, _, input)
        | Change::Upsert { input, .. } => input.things() <= MOST_BROUGHT,
        Change::Patch(_, patch) => patch.things() <= MOST_BROUGHT,
        Change::Archive(..) | Change::Activate(..) | Change::WithdrawConsent { .. } => true,
    };
    // What goes wrong here goes wrong in the writer, too, which tells of it.
    let prepared = || try_to_prepare(shared, no, author, change, expected).ok().flatten();
    prepares.then(|| catch_unwind(AssertUnwindSafe(prepared)).ok().flatten()).flatten()
}

fn try_to_prepare(
    shared: &Shared,
    no: AccountNo,
    author: &Author,
    change: &Change,
    expected: &Expected,
) -> Result<Option<Prepared>, StoreError> {
    let (dbs, txn) = (&shared.engine.dbs, &shared.engine.read()?);
    let (Some(account), Some((dictionary, now))) = (shared.accounts.at(dbs, txn, no)?, shared.basis(txn, no)?) else {
        return Ok(None);
    };
    before(&account, change)?;
    let version = account.version;
    let made = match about(dbs, txn, &account, change, expected)? {
        About::Nobody(input) => Made::New(Box::new(New::prepare(*input, &account, author, dictionary, now)?)),
        About::Profile(id) => {
            let bytes = dbs.rows.get(txn, &keys::profile(no, id)).or_engine()?;
            let Some(from) = bytes.filter(|bytes| bytes.len() <= LONGEST_ROW) else { return Ok(None) };
            let basis = Basis { account: &account, author, dictionary: &dictionary, now };
            let change = |kept, now| decide(change, kept, &account.config, author, now);
            let stored = Stored::decode(id, from)?;
            if stored.json_length() > LONGEST_JSON {
                return Ok(None);
            }
            let revision = Revision::of(&stored, &basis, expected, change)?;
            let Some(revision) = revision else { return Ok(None) };
            Made::Revision { from: from.to_vec(), revision: Box::new(revision) }
        }
    };
    Ok(Some(Prepared { version, made }))
}

/// Applies a change, by what was prepared of it as far as that holds.
pub(crate) fn apply_prepared(
    tx: &mut Tx<'_>,
    no: AccountNo,
    author: &Author,
    change: &Change,
    expected: &Expected,
    prepared: Option<Prepared>,
) -> Result<Written, StoreError> {
    let account = tx.account(no)?;
    match prepared {
        Some(prepared) if prepared.holds(tx, &account, change)? => prepared.put(tx, &account),
        _ => apply(tx, no, author, change, expected),
    }
}

impl Prepared {
    /// Whether it is what the transaction would make (see the head of this module).
    pub(crate) fn holds(&self, tx: &Tx<'_>, account: &Account, change: &Change) -> Result<bool, StoreError> {
        if !tx.holds(account, (self.moment(), self.version)) {
            return Ok(false);
        }
        let (dbs, txn) = tx.read();
        match (&self.made, change) {
            (Made::Revision { from, revision }, _) => {
                let row = dbs.rows.get(txn, &keys::profile(account.no, revision.id)).or_engine()?;
                Ok(row == Some(from))
            }
            (Made::New(_), Change::Upsert { kind, id, .. }) => {
                Ok(alternate_ids::by_alternate_id(dbs, txn, account, kind, id)?.is_none())
            }
            (Made::New(_), _) => Ok(true),
        }
    }

    fn moment(&self) -> Moment {
        match &self.made {
            Made::Revision { revision, .. } => revision.moment,
            Made::New(new) => new.moment(),
        }
    }

    fn put(self, tx: &mut Tx<'_>, account: &Account) -> Result<Written, StoreError> {
        match self.made {
            Made::Revision { revision, .. } => revision.put(tx, account),
            Made::New(new) => load::put_new(tx, account, *new),
        }
    }
}
