//! The check of a record as it is staged: everything that it decides itself, by the rules of the Data API. Most records are what a new profile
//! could be, which needs no look at the store; the others are checked against the profile that they match as things stand.

use sayso_model::{
    change::{self, Kept},
    id::{Author, ProfileId},
    input::parse_record,
    refusal::Refusal,
};
use sayso_store::{
    Store,
    account::Account,
    imports::{By, Wish},
    profiles::Target,
};

use crate::{
    ImportError,
    job::Terms,
    record::Reason,
    wishes::{May, wish},
};

/// By what records are checked.
pub(crate) struct Checker {
    pub store: Store,
    pub account: Account,
    pub author: Author,
    pub may: May,
    pub terms: Terms,
}

/// What a record is found to be.
pub(crate) enum Verdict {
    /// To be executed; what was passed over in it.
    Valid(Vec<Refusal>),
    Failed(Vec<Reason>),
}

impl Checker {
    /// Checks one record.
    pub fn check(&self, json: &[u8]) -> Result<Verdict, ImportError> {
        let (input, passed) = match parse_record(json) {
            Ok(read) => read,
            Err(refusal) => return Ok(failed(refusal)),
        };
        let (by, input) = match wish(input, &self.terms, self.may) {
            Wish::Refused(refusal) => return Ok(failed(refusal)),
            Wish::Delete(..) => return Ok(Verdict::Valid(passed)),
            Wish::Put(by, input) | Wish::Part(by, _, input) => (by, input),
        };
        let (config, author, manner) = (&self.account.config, &self.author, &self.terms.manner);
        let now = self.store.clock().now();
        let checked = match &by {
            By::Nothing => change::import_new(&input, ProfileId(0), manner, config, author, now, now).map(drop),
            _ => match change::check(None, &input, manner, config, author, now) {
                Ok(()) => Ok(()),
                // What can't be new may be a change of what is there.
                Err(refusal) => match self.matched(&by)? {
                    Some(current) => change::check(Some(current), &input, manner, config, author, now),
                    None => Err(refusal),
                },
            },
        };
        Ok(match checked {
            Ok(()) => Verdict::Valid(passed),
            Err(refusal) => failed(refusal),
        })
    }

    /// The profile that a record matches now.
    fn matched(&self, by: &By) -> Result<Option<Kept>, ImportError> {
        let target = match by {
            By::Nothing => return Ok(None),
            By::Id(id) => Target::Id(*id),
            By::AlternateId { kind, id } => Target::AlternateId { kind: kind.clone(), id: id.clone() },
        };
        let row = self.store.ready(self.account.no, &target, false)?;
        Ok(row.map(|row| row.kept()).transpose()?)
    }
}

fn failed(refusal: Refusal) -> Verdict {
    Verdict::Failed(vec![refusal.into()])
}
