//! What a change makes of a profile that is there. Everything that a row, a configuration and a moment decide is made without writing, so
//! that it can be made before the transaction ([`super::prepared`]) as well as in it; what the whole account decides is asked when it is put.

use std::borrow::Cow;

use sayso_model::{
    change::{Changed, Kept},
    facts::{self, ProfileTerms},
    id::{Author, ProfileId},
    input::AlternateIdInput,
    moment::Moment,
    reading,
    refusal::Refusal,
    render,
};

use super::alternate_ids::{self, Claim};
use crate::{
    StoreError,
    account::Account,
    engine::OrEngine,
    history::{self, Record},
    index::{self, Difference, Entries, Findable},
    keys,
    profiles::{Expected, Written},
    row::{self, Stored},
    rows,
    terms::Dictionary,
    tx::Tx,
};

/// What the model made of a profile.
pub(crate) struct Outcome<'i> {
    pub changed: Changed,
    /// Where a claimed alternate id may stand in the input.
    pub asked: Cow<'i, [AlternateIdInput]>,
    pub archived: usize,
}

impl From<Changed> for Outcome<'_> {
    fn from(changed: Changed) -> Self {
        Self { changed, asked: Cow::Borrowed(&[]), archived: 0 }
    }
}

/// By what a profile is changed, beside the change.
pub(super) struct Basis<'b> {
    pub account: &'b Account,
    pub author: &'b Author,
    /// May lack terms; what they are called is then kept until their ids are given.
    pub dictionary: &'b Dictionary,
    /// The moment of the change.
    pub now: Moment,
}

/// A profile as it is to be put, and what differs from the former one.
pub(super) struct Revision {
    pub id: ProfileId,
    /// The moment of the change.
    pub moment: Moment,
    row: Vec<u8>,
    facts: Facts,
    entries: Difference,
    former: Vec<Record>,
    /// The alternate ids that the profile didn't have.
    claims: Vec<Claim>,
    archived: usize,
}

enum Facts {
    /// The value in `facts`.
    Ready(Vec<u8>),
    /// Some of its terms have no id yet.
    NewTerms(Box<NewTerms>),
}

struct NewTerms {
    kept: Kept,
    rendered: render::Row,
    next_expiry: Option<Moment>,
    terms: ProfileTerms,
}

impl NewTerms {
    /// The value in `facts`, by the ids of the terms.
    fn facts(&self, account: &Account, ids: &[u32]) -> Vec<u8> {
        let mut encoded = Vec::with_capacity(160);
        facts::encode(&self.kept, &self.terms, &self.rendered, self.next_expiry, ids, &mut encoded);
        rows::seal_facts(account.version, &encoded)
    }
}

impl Revision {
    /// What a change makes of a row; `None`: it leaves it as it is.
    pub(super) fn of<'i>(
        row: &Stored<'_>,
        basis: &Basis<'_>,
        expected: &Expected,
        change: impl FnOnce(Kept, Moment) -> Result<Option<Outcome<'i>>, Refusal>,
    ) -> Result<Option<Self>, StoreError> {
        expected.of(row)?;
        let Basis { account, author, dictionary, now } = *basis;
        let current = row.kept()?;
        let mut former_entries = Entries::moments(account.no, &current.profile, row.modified);
        let found_by = Findable::of(&current.profile);
        let former_ids = alternate_ids::folded(&current.profile);
        let Some(Outcome { changed: Changed { kept, former, declined: _ }, asked, archived }) = change(current, now)?
        else {
            return Ok(None);
        };
        let claims = alternate_ids::claims(&kept.profile, &former_ids, &asked);
        let mut entries = Entries::moments(account.no, &kept.profile, now);
        if Findable::of(&kept.profile) != found_by {
            former_entries.keys = index::keys(account.no, &row.profile()?);
            entries.keys = index::keys(account.no, &kept.profile);
        }
        let entries = entries.instead_of(&former_entries);
        let rendered = render::render(&kept.profile);
        let next_expiry = reading::next_expiry(&kept.profile, now);
        let encoded = row::encode(row.id, &rendered, &kept.extras, now, next_expiry)?;
        let terms = facts::terms(&kept, &account.config);
        let new = NewTerms { kept, rendered, next_expiry, terms };
        let facts = match dictionary.ids(&new.terms) {
            // An id is never given to another term: it stays right, whatever is committed meanwhile.
            Some(ids) => Facts::Ready(new.facts(account, &ids)),
            None => Facts::NewTerms(Box::new(new)),
        };
        let former = history::records(author, former)?;
        Ok(Some(Self { id: row.id, moment: now, row: encoded, facts, entries, former, claims, archived }))
    }

    /// Puts the profile: row, facts, history, and what differs in the indexes. Refused when somebody else has an alternate id that
    /// it claims.
    pub(super) fn put(self, tx: &mut Tx<'_>, account: &Account) -> Result<Written, StoreError> {
        let Self { id, moment, row, facts, entries, former, claims, archived } = self;
        alternate_ids::refuse_taken(tx, account.no, id, &claims)?;
        tx.stamped(moment);
        let facts = match facts {
            Facts::Ready(facts) => facts,
            Facts::NewTerms(new) => new.facts(account, &tx.term_ids(account.no, new.terms.iter())?),
        };
        let key = keys::profile(account.no, id);
        let (dbs, txn) = tx.write();
        dbs.rows.put(txn, &key, &row).or_engine()?;
        dbs.facts.put(txn, &key, &facts).or_engine()?;
        entries.put(dbs, txn)?;
        history::append(dbs, txn, account.no, id, moment, &former)?;
        Ok(Written { id, moment, created: false, archived })
    }
}

/// Changes a profile that is there; `None` from the model leaves it as it is.
pub(crate) fn existing<'i>(
    tx: &mut Tx<'_>,
    account: &Account,
    author: &Author,
    id: ProfileId,
    expected: &Expected,
    change: impl FnOnce(Kept, Moment) -> Result<Option<Outcome<'i>>, Refusal>,
) -> Result<Written, StoreError> {
    let now = tx.stamp();
    let dictionary = tx.dictionary(account.no)?.clone();
    let (dbs, txn) = tx.read();
    let row = rows::get(dbs, txn, account.no, id)?.ok_or_else(|| unknown(id))?;
    let modified = row.modified;
    let revision = Revision::of(&row, &Basis { account, author, dictionary: &dictionary, now }, expected, change)?;
    // One that nobody else holds grows in place.
    drop(dictionary);
    match revision {
        Some(revision) => revision.put(tx, account),
        None => Ok(Written { id, moment: modified, created: false, archived: 0 }),
    }
}

/// The refusal where there is no such profile.
pub(super) fn unknown(id: ProfileId) -> Refusal {
    Refusal::unknown("profileId", format!("there is no profile {id}"))
}
