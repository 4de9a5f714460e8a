//! One write transaction as the functions that run in it see it: the rows as they are with everything written so far, the
//! stamp, the next ids, the configuration. Numbers are read from meta once and written back once, before the commit.

use std::collections::HashMap;

use heed::RwTxn;
use sayso_model::{id::AccountNo, moment::Moment};

use crate::{
    StoreError,
    account::Account,
    audit::{Entry, Heads, NOBODY, Taken},
    engine::{Databases, OrEngine, Read},
    meta::{self, Numbers},
    pending,
    shared::Shared,
    terms::Dictionary,
    vault::Vault,
};

/// A write transaction under way. Dropping it leaves nothing.
pub(crate) struct Tx<'s> {
    shared: &'s Shared,
    txn: RwTxn<'s>,
    last_stamp: Moment,
    /// The last moment that was given to a snapshot, by this transaction or before it. No change that isn't committed yet may have
    /// an earlier one: the delta from the snapshot on would miss it.
    last_snapshot: Moment,
    persisted_snapshot: Moment,
    numbers: HashMap<AccountNo, Numbers>,
    dictionaries: HashMap<AccountNo, Dictionary>,
    /// Accounts made or configured in this transaction: not in the shared cache before they are committed.
    accounts: HashMap<AccountNo, Account>,
    /// The heads of the audit trails that this transaction adds to.
    heads: Heads,
    /// Audit records that had been waiting and are part of this.
    noted: Vec<Taken>,
    /// How often somebody asked to write. A function that fails after it wrote spoils the transaction.
    writes: u64,
    /// Whether there is something to commit.
    must_commit: bool,
    /// Whether it may be kept on a disk that has no more than the reserve free.
    uses_reserve: bool,
    /// Whether index entries of new profiles may wait: nothing else in it looks for them to change them.
    leaves_runs: bool,
    spoiled: Option<String>,
}

impl<'s> Tx<'s> {
    /// Waits for the engine's write lock, whoever holds it, and begins. What a bulk load left to be merged is merged before, so
    /// that the indexes tell of every row.
    pub(crate) fn begin(shared: &'s Shared) -> Result<Self, StoreError> {
        loop {
            let tx = Self::begin_unsettled(shared)?;
            let (dbs, txn) = tx.read();
            if pending::is_empty(dbs, txn)? {
                return Ok(tx);
            }
            drop(tx);
            pending::settle(shared)?;
        }
    }

    /// The same without merging.
    pub(crate) fn begin_unsettled(shared: &'s Shared) -> Result<Self, StoreError> {
        let txn = shared.engine.env.write_txn().or_engine()?;
        let last_stamp = meta::last_stamp(&shared.engine.dbs, &txn)?;
        let last_snapshot = meta::last_snapshot(&shared.engine.dbs, &txn)?;
        Ok(Self {
            shared,
            txn,
            last_stamp,
            last_snapshot,
            persisted_snapshot: last_snapshot,
            numbers: HashMap::new(),
            dictionaries: HashMap::new(),
            accounts: HashMap::new(),
            heads: Heads::default(),
            noted: Vec::new(),
            writes: 0,
            must_commit: false,
            uses_reserve: false,
            leaves_runs: false,
            spoiled: None,
        })
    }

    /// The databases, and the transaction to read from.
    pub(crate) fn read(&self) -> (&'s Databases, &Read<'s>) {
        (&self.shared.engine.dbs, &self.txn)
    }

    /// The databases, and the transaction to write to. From here on the asking function may no longer fail alone.
    pub(crate) fn write(&mut self) -> (&'s Databases, &mut RwTxn<'s>) {
        self.writes += 1;
        self.must_commit = true;
        (&self.shared.engine.dbs, &mut self.txn)
    }

    /// How often [`Tx::write`] was asked for.
    pub(crate) fn writes(&self) -> u64 {
        self.writes
    }

    /// Lets it be kept from the reserve of the disk.
    pub(crate) fn use_reserve(&mut self) {
        self.uses_reserve = true;
    }

    /// Lets index entries of new profiles wait to be merged ([`pending`]).
    pub(crate) fn may_leave_runs(&mut self) {
        self.leaves_runs = true;
    }

    /// Whether they may.
    pub(crate) fn leaves_runs(&self) -> bool {
        self.leaves_runs
    }

    /// Makes sure that nothing of this transaction is kept.
    pub(crate) fn spoil(&mut self, why: String) {
        self.spoiled.get_or_insert(why);
    }

    /// Whether nothing of this transaction will be kept.
    pub(crate) fn is_spoiled(&self) -> bool {
        self.spoiled.is_some()
    }

    /// The moment of a change: now, but never before a stamp that was given, whatever the machine's clock does
    /// (house.md: stamps and snapshots belong to the writer).
    pub(crate) fn stamp(&mut self) -> Moment {
        self.last_stamp = self.last_stamp.max(self.shared.clock.now());
        self.last_stamp
    }

    /// What the clock says, for what is never compared with a snapshot: it gives no stamp.
    pub(crate) fn now(&self) -> Moment {
        self.shared.clock.now()
    }

    /// Seals what must be readable to be used.
    pub(crate) fn vault(&self) -> &'s Vault {
        &self.shared.vault
    }

    /// The last stamp that was given, to this transaction or before it.
    pub(crate) fn last_stamp(&self) -> Moment {
        self.last_stamp
    }

    /// Takes note of a stamp that was given to something in this transaction before it began. It may be before the last stamp, but
    /// must not be before that of the last snapshot ([`Tx::holds`]).
    pub(crate) fn stamped(&mut self, stamp: Moment) {
        self.last_stamp = self.last_stamp.max(stamp);
    }

    /// Whether what was prepared with a stamp and by a version of the configuration may be put: why that is all that matters of both,
    /// `write::prepared` tells.
    pub(crate) fn holds(&self, account: &Account, (stamp, version): (Moment, u64)) -> bool {
        version == account.version && stamp >= self.last_snapshot
    }

    /// A stamp for a snapshot, persisted even when nothing else is written.
    pub(crate) fn stamp_snapshot(&mut self) -> Moment {
        let stamp = self.stamp();
        self.must_commit |= stamp > self.persisted_snapshot;
        self.last_snapshot = self.last_snapshot.max(stamp);
        stamp
    }

    /// The numbers of an account as they stand, with what this transaction took.
    pub(crate) fn numbers(&mut self, no: AccountNo) -> Result<Numbers, StoreError> {
        if let Some(numbers) = self.numbers.get(&no) {
            return Ok(*numbers);
        }
        let numbers = meta::numbers(&self.shared.engine.dbs, &self.txn, no)?;
        let numbers = numbers.ok_or_else(|| StoreError::NoAccount(no.to_string()))?;
        self.numbers.insert(no, numbers);
        Ok(numbers)
    }

    /// Sets the numbers of an account; persisted with the commit.
    pub(crate) fn set_numbers(&mut self, no: AccountNo, numbers: Numbers) {
        self.writes += 1;
        self.must_commit = true;
        self.numbers.insert(no, numbers);
    }

    /// The account with its configuration in this transaction.
    pub(crate) fn account(&mut self, no: AccountNo) -> Result<Account, StoreError> {
        if let Some(account) = self.accounts.get(&no) {
            return Ok(account.clone());
        }
        let (dbs, txn) = self.read();
        self.shared.accounts.at(dbs, txn, no)?.ok_or_else(|| StoreError::NoAccount(no.to_string()))
    }

    /// Takes note of an account made or configured here; its record is written by the caller.
    pub(crate) fn set_account(&mut self, account: Account) {
        self.accounts.insert(account.no, account);
    }

    /// The dictionary of an account with what this transaction added.
    pub(crate) fn dictionary(&mut self, no: AccountNo) -> Result<&Dictionary, StoreError> {
        if !self.dictionaries.contains_key(&no) {
            let next = self.numbers(no)?.next_term;
            let dictionary = self.shared.dictionaries.at(&self.shared.engine.dbs, &self.txn, no, next)?;
            // Under the write lock nobody else adds terms: a copy that knows more than meta would give ids twice.
            if dictionary.next != next {
                let known = dictionary.next;
                return Err(StoreError::Damaged(format!(
                    "account {no} has {next} terms, but {known} were read before; restart, and run `sayso check`"
                )));
            }
            self.dictionaries.insert(no, dictionary);
        }
        self.dictionaries.get(&no).ok_or_else(|| StoreError::NoAccount(no.to_string()))
    }

    /// The ids of terms, in their order; new ones are added.
    pub(crate) fn term_ids<'t>(
        &mut self,
        no: AccountNo,
        terms: impl Iterator<Item = &'t str>,
    ) -> Result<Vec<u32>, StoreError> {
        self.dictionary(no)?;
        let mut numbers = self.numbers(no)?;
        let Some(dictionary) = self.dictionaries.get_mut(&no) else {
            return Err(StoreError::NoAccount(no.to_string()));
        };
        let dbs = &self.shared.engine.dbs;
        let mut ids = Vec::with_capacity(terms.size_hint().0);
        for term in terms {
            ids.push(match dictionary.id(term) {
                Some(id) => id,
                None => {
                    self.writes += 1;
                    self.must_commit = true;
                    dictionary.add(dbs, &mut self.txn, no, term)?
                }
            });
        }
        if numbers.next_term != dictionary.next {
            numbers.next_term = dictionary.next;
            self.numbers.insert(no, numbers);
        }
        Ok(ids)
    }

    /// Adds a record to an account's audit trail, in the commit of what it tells of. As with any write, all checks come before.
    pub(crate) fn audit(&mut self, no: AccountNo, entry: &Entry) -> Result<(), StoreError> {
        self.audit_at(no, entry, self.now())
    }

    /// The same for something that happened before; `NOBODY`'s trail is that of no account.
    pub(crate) fn audit_at(&mut self, no: AccountNo, entry: &Entry, at: Moment) -> Result<(), StoreError> {
        let name = if no == NOBODY { None } else { Some(self.account(no)?.name) };
        self.writes += 1;
        self.must_commit = true;
        self.heads.append(&self.shared.engine.dbs, &mut self.txn, (no, name.as_deref()), entry, at)
    }

    /// Takes note of audit records that had been waiting: if this isn't kept, they wait again.
    pub(crate) fn keep_noted(&mut self, taken: Taken) {
        self.noted.push(taken);
    }

    /// What is shared.
    pub(crate) fn shared(&self) -> &'s Shared {
        self.shared
    }

    /// Commits, if there is anything to (`false`: there was not); what was cached of the transaction becomes everybody's. The error
    /// says why nothing was kept.
    pub(crate) fn commit(mut self) -> Result<bool, String> {
        let (shared, noted) = (self.shared, std::mem::take(&mut self.noted));
        let committed = self.commit_all();
        if committed.is_err() {
            noted.into_iter().for_each(|taken| shared.notes.give_back(taken));
        }
        committed
    }

    fn commit_all(mut self) -> Result<bool, String> {
        if let Some(why) = self.spoiled {
            return Err(why);
        }
        if !self.must_commit {
            return Ok(false);
        }
        let dbs = &self.shared.engine.dbs;
        let kept = || -> Result<(), StoreError> {
            if !self.uses_reserve {
                self.shared.leave_room()?;
            }
            for (no, numbers) in &self.numbers {
                meta::put_numbers(dbs, &mut self.txn, *no, *numbers)?;
            }
            self.heads.put(dbs, &mut self.txn)?;
            meta::put_last_stamp(dbs, &mut self.txn, self.last_stamp)?;
            if self.last_snapshot > self.persisted_snapshot {
                meta::put_last_snapshot(dbs, &mut self.txn, self.last_snapshot)?;
            }
            self.txn.commit().or_engine()
        }();
        // A disk that fills up in the middle of a commit gives the engine half a write, which it takes for a broken disk.
        kept.map_err(|e| match self.shared.leave_room().err().unwrap_or(e) {
            StoreError::NotKept(why) => why,
            e => e.to_string(),
        })?;
        for (no, dictionary) in &self.dictionaries {
            self.shared.dictionaries.learn(*no, dictionary);
        }
        for account in self.accounts.into_values() {
            self.shared.accounts.learn(account);
        }
        Ok(true)
    }
}
