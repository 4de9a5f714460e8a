//! Reading a trail: by sequence, within a time. A trail's sequences have no gaps and its moments never go back, so both ends of a range of
//! time are found by halving.

use std::{
    io,
    ops::{Bound, Range},
};

use sayso_model::{id::AccountNo, moment::Moment};

use super::{
    chain::{Head, NOBODY},
    line::Links,
    verify::{Total, TrailEnd},
};
use crate::{
    Store, StoreError,
    engine::{Databases, OrEngine, Read},
    keys, meta,
};

/// Some records of a trail, each as its line (the form that is given out and hashed).
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct AuditPage {
    pub lines: Vec<String>,
    /// How many are in the range of time.
    pub total: u64,
}

/// What [`Store::export_audit`] wrote.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct AuditLines {
    pub trails: u64,
    pub records: u64,
}

impl Store {
    /// Records of an account's trail in the order of their sequence: those at or after `from` and before `to`, without the first `offset`, at
    /// most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when a record can't be read at all.
    pub fn audit_page(
        &self,
        account: AccountNo,
        (from, to): (Option<Moment>, Option<Moment>),
        limit: u64,
        offset: u64,
    ) -> Result<AuditPage, StoreError> {
        let engine = &self.shared().engine;
        let trail = Trail { dbs: &engine.dbs, txn: &engine.read()?, no: account };
        let all = trail.sequences()?;
        let first = from.map_or(Ok(all.start), |from| trail.first_at(from, all.clone()))?;
        let end = to.map_or(Ok(all.end), |to| trail.first_at(to, all.clone()))?.max(first);
        let start = first.saturating_add(offset).min(end);
        let mut lines = Vec::new();
        trail.lines(start..end.min(start.saturating_add(limit)), &mut |line| {
            let text = std::str::from_utf8(line).map_err(|_| damaged(account))?;
            lines.push(text.to_owned());
            Ok(())
        })?;
        Ok(AuditPage { lines, total: end - first })
    }

    /// Writes trails as lines of JSON, of one account or of all and of none, as they stood at one moment: each record as it is kept; after each
    /// trail its head; at the end how many there were. [`super::verify_lines`] reads it.
    ///
    /// # Errors
    /// Those of the target; what the engine says.
    pub fn export_audit(&self, only: Option<AccountNo>, target: &mut dyn io::Write) -> Result<AuditLines, StoreError> {
        let engine = &self.shared().engine;
        let (dbs, txn) = (&engine.dbs, &engine.read()?);
        let mut wrote = AuditLines::default();
        let failed = |e: io::Error| StoreError::NotCopied(format!("the audit trail could not be written: {e}"));
        let accounts = meta::all_numbers(dbs, txn)?.into_keys();
        for no in std::iter::once(NOBODY).chain(accounts).filter(|no| only.is_none_or(|only| only == *no)) {
            let trail = Trail { dbs, txn, no };
            let mut records = 0;
            trail.lines(0..u64::MAX, &mut |line| {
                records += 1;
                target.write_all(line).and_then(|()| target.write_all(b"\n")).map_err(failed)
            })?;
            let head = Head::kept(dbs, txn, no)?;
            if records == 0 && head.is_none() {
                continue;
            }
            let client_id = self.shared().accounts.at(dbs, txn, no)?.map(|account| account.name);
            let end = TrailEnd { client_id, head: head.unwrap_or(Head::NONE).to_string() };
            writeln!(target, "{}", end.line()).map_err(failed)?;
            wrote.trails += 1;
            wrote.records += records;
        }
        writeln!(target, "{}", Total { trails: wrote.trails, records: wrote.records }.line()).map_err(failed)?;
        target.flush().map_err(failed)?;
        Ok(wrote)
    }
}

struct Trail<'a> {
    dbs: &'a Databases,
    txn: &'a Read<'a>,
    no: AccountNo,
}

impl Trail<'_> {
    /// From the first to behind the last.
    fn sequences(&self) -> Result<Range<u64>, StoreError> {
        let prefix = keys::account(self.no);
        let sequence = |entry: Option<(&[u8], &[u8])>| entry.map(|(key, _)| keys::audit_of(key)).transpose();
        let first =
            sequence(self.dbs.audit.prefix_iter(self.txn, &prefix).or_engine()?.next().transpose().or_engine()?)?;
        let last =
            sequence(self.dbs.audit.rev_prefix_iter(self.txn, &prefix).or_engine()?.next().transpose().or_engine()?)?;
        Ok(match (first, last) {
            (Some((_, first)), Some((_, last))) => first..last.saturating_add(1),
            _ => 1..1,
        })
    }

    /// The first sequence whose moment isn't before `at`.
    fn first_at(&self, at: Moment, range: Range<u64>) -> Result<u64, StoreError> {
        let Range { start: mut low, end: mut high } = range;
        while low < high {
            let middle = low + (high - low) / 2;
            match self.moment_from(middle..high)? {
                Some((sequence, moment)) if moment < at => low = sequence + 1,
                // One that can't be read says nothing; those before it decide.
                _ => high = middle,
            }
        }
        Ok(low)
    }

    /// The first record in a range that says its moment.
    fn moment_from(&self, range: Range<u64>) -> Result<Option<(u64, Moment)>, StoreError> {
        let (first, end) = (keys::audit(self.no, range.start), keys::audit(self.no, range.end));
        let range = (Bound::Included(&first[..]), Bound::Excluded(&end[..]));
        for entry in self.dbs.audit.range(self.txn, &range).or_engine()? {
            let (key, line) = entry.or_engine()?;
            if let Some(links) = Links::claimed(line) {
                return Ok(Some((keys::audit_of(key)?.1, links.moment)));
            }
        }
        Ok(None)
    }

    fn lines(&self, range: Range<u64>, f: &mut dyn FnMut(&[u8]) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let (first, end) = (keys::audit(self.no, range.start), keys::audit(self.no, range.end));
        let range = (Bound::Included(&first[..]), Bound::Excluded(&end[..]));
        for entry in self.dbs.audit.range(self.txn, &range).or_engine()? {
            f(entry.or_engine()?.1)?;
        }
        Ok(())
    }
}

fn damaged(no: AccountNo) -> StoreError {
    StoreError::Damaged(format!("a record of the audit trail of account {no} is no text; run `sayso audit verify`"))
}
