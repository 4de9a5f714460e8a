//! Profiles as they are read: the bytes that were rendered when they were written, parsed only when something in them reads otherwise
//! by now (docs/architecture.md: everything slow is done per change, never per read).

use sayso_model::{
    change::{HistoryKind, Kept},
    config::{Config, Output},
    id::{AccountNo, ProfileId},
    moment::Moment,
    profile::{Extras, Profile},
    reading,
    render::{self, RENDER_VERSION},
};

use crate::{
    Store, StoreError,
    engine::{Databases, Read},
    history::{self, HistoryEntry, HistoryPage},
    index,
    profiles::{Key, Target},
    row::{self, Stored},
    rows,
    version::Version,
    wanted::Wanted,
};

/// The most former consents that a read recalls: the history has them all, a part at a time.
pub const FORMER_CONSENTS: usize = 1000;

/// A profile as it lies in the store, checksum verified.
#[derive(Debug, Clone)]
pub struct ReadyRow {
    /// Its id.
    pub id: ProfileId,
    /// When it was last written.
    pub modified: Moment,
    /// The checksum of the row: with `modified` it tells one state of the profile from any other.
    pub checksum: u32,
    /// The consents it had before, in the order in which they ceased to be, the newest 1,000; empty unless they were asked for.
    pub former_consents: Vec<HistoryEntry>,
    next_expiry: Option<Moment>,
    is_current: bool,
    is_active: bool,
    /// JSON, and behind it what is kept beside the row.
    body: Vec<u8>,
    json: usize,
}

impl ReadyRow {
    pub(crate) fn new(row: Stored<'_>) -> Self {
        Self {
            id: row.id,
            modified: row.modified,
            checksum: row.checksum,
            former_consents: Vec::new(),
            next_expiry: row.next_expiry,
            is_current: row.render_version() == RENDER_VERSION,
            is_active: row.is_active(),
            json: row.json_length(),
            body: row.into_body(),
        }
    }

    /// Reads the former consents from the transaction that the row was read from.
    pub(crate) fn recall_consents(&mut self, dbs: &Databases, txn: &Read<'_>, no: AccountNo) -> Result<(), StoreError> {
        self.former_consents = history::newest(dbs, txn, (no, self.id), HistoryKind::Consents, FORMER_CONSENTS)?;
        Ok(())
    }

    /// Which state of the profile it is.
    pub fn version(&self) -> Version {
        Version { modified: self.modified, checksum: self.checksum }
    }

    /// Whether the profile is active.
    pub fn is_active(&self) -> bool {
        self.is_active
    }

    /// Whether the stored bytes are what the profile reads as at `at`, with implied preferences where the account has them.
    pub fn reads_as_stored(&self, config: &Config, implied: bool, at: Moment) -> bool {
        let implied = implied && config.source.implied_preferences;
        self.is_current && !implied && self.next_expiry.is_none_or(|expiry| expiry > at)
    }

    /// The wire JSON of the profile as it reads at `at`, with implied preferences where the account has them.
    ///
    /// # Errors
    /// The row can't be read.
    pub fn into_json(mut self, config: &Config, implied: bool, at: Moment) -> Result<Vec<u8>, StoreError> {
        if self.reads_as_stored(config, implied, at) {
            self.body.truncate(self.json);
            return Ok(self.body);
        }
        let output = Output { implied, ..Output::default() };
        Ok(render::render(&reading::read(&self.kept()?, config, &output, at)).json)
    }

    /// The profile and what is kept beside it, parsed.
    ///
    /// # Errors
    /// The row can't be read.
    pub fn kept(&self) -> Result<Kept, StoreError> {
        let (json, extras) = self.body.split_at_checked(self.json).unwrap_or_default();
        let (profile, extras): (Profile, Extras) = row::parse(self.id, json, extras)?;
        Ok(Kept { profile, extras })
    }
}

impl Store {
    /// A profile as it is read; by an alternate id an active one (profile.md: a deactivated one is reachable only by its ProfileId).
    ///
    /// # Errors
    /// The engine can't read, or the row is damaged.
    pub fn ready(
        &self,
        account: AccountNo,
        target: &Target,
        consent_history: bool,
    ) -> Result<Option<ReadyRow>, StoreError> {
        let engine = &self.shared().engine;
        let (dbs, txn) = (&engine.dbs, engine.read()?);
        let Some(row) = of_target(dbs, &txn, account, target)? else { return Ok(None) };
        let mut row = ReadyRow::new(row);
        if consent_history {
            row.recall_consents(dbs, &txn, account)?;
        }
        Ok(Some(row))
    }

    /// At most `take` entries of one history of a profile, from the one at `skip` on, with the profile's id (blocking: the whole history
    /// is counted); `None` when there is no such profile.
    ///
    /// # Errors
    /// The engine can't read, or an entry is damaged.
    pub fn history(
        &self,
        account: AccountNo,
        target: &Target,
        kind: HistoryKind,
        skip: u64,
        take: u64,
    ) -> Result<Option<(ProfileId, HistoryPage)>, StoreError> {
        let engine = &self.shared().engine;
        let (dbs, txn) = (&engine.dbs, engine.read()?);
        let Some(row) = of_target(dbs, &txn, account, target)? else { return Ok(None) };
        Ok(Some((row.id, history::page(dbs, &txn, (account, row.id), kind, skip, take)?)))
    }
}

fn of_target<'t>(
    dbs: &Databases,
    txn: &'t Read<'_>,
    no: AccountNo,
    target: &Target,
) -> Result<Option<Stored<'t>>, StoreError> {
    match target {
        Target::Id(id) => rows::get(dbs, txn, no, *id),
        Target::AlternateId { kind, id } => {
            let wanted = Wanted::of(&Key::AlternateId { kind: Some(kind.clone()), id: id.clone() });
            index::first_active(dbs, txn, no, &wanted)
        }
    }
}
