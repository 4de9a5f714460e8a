//! The first pass: who is in the export, and how long each row will be. Nothing is copied; a row is opened only when its facts can't
//! answer, or when it reads otherwise now than it was stored, and then it is rendered anew and put aside.

use std::{
    io::Read as _,
    ops::Range,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use sayso_model::{
    config::{Config, Output},
    facts::{Answer, Facts, Predicate},
    id::ProfileId,
    moment::{Moment, round_up},
    profile::{Profile, Tombstone},
    reading,
    render::{self, RENDER_VERSION, render_tombstone},
    segment::{Criterion, matches, matches_tombstone},
};
use sayso_store::{Marks, ProfileIds, StoreError, profiles::StoredRow, snapshot::Snapshot};

use crate::{
    ExportError,
    find::matching_ids,
    parallel::{Halt, parallel},
    record::Inputs,
    registry::Progress,
    scan::Wanted,
    scratch::{FindRoom, Scratch},
};

/// Parts per thread: the end of one part overlaps with the others even when the matching rows are unevenly spread.
const PARTS_PER_THREAD: usize = 4;
/// Rows between two looks at whether the engine is being stopped.
const LOOK_UP_EVERY: u64 = 1024;

/// What the two passes of one job share.
pub(crate) struct Task<'a> {
    pub snapshot: &'a Snapshot,
    pub inputs: &'a Inputs,
    /// Where its files are being made.
    pub folder: &'a Path,
    pub threads: usize,
    pub wanted: Wanted<'a>,
    /// Set when one of the threads failed.
    pub abort: AtomicBool,
    pub progress: &'a Progress,
    /// How often a row had to be opened in this pass.
    pub opened: AtomicU64,
    /// Whether the plan looks at every row's render version: only after a row of another build was met.
    pub check_versions: bool,
    /// Of how many rows in each part the bytes are wanted, should they be rendered anew; of all where there is none. Whoever counts needs no
    /// others, and those of many profiles would fill the disk.
    pub keep_rows: Option<u64>,
    /// Finds room for what the plan itself puts on the disk.
    pub find_room: FindRoom<'a>,
}

impl Task<'_> {
    /// Fails once it isn't wanted any more or another thread has failed.
    pub fn go_on(&self) -> Result<(), Halt> {
        if self.abort.load(Relaxed) { Err(Halt::Stopping) } else { self.wanted.go_on() }
    }

    /// The output settings that make a difference: an account without implied preferences has none to merge.
    pub fn output(&self) -> Output {
        let output = self.inputs.selection.output;
        Output { implied: output.implied && self.snapshot.config().source.implied_preferences, ..output }
    }
}

/// One row of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub id: ProfileId,
    /// Bytes of the record.
    pub len: u32,
    /// Rendered anew: its bytes are the next ones in the part's spill. Otherwise they are the stored row's.
    pub spilled: bool,
}

const ENTRY: usize = 12;
const SPILLED: u32 = 1 << 31;

/// The rows of one range of ids, ascending.
pub(crate) struct Part<'a> {
    pub count: u64,
    /// Bytes of the records.
    pub bytes: u64,
    entries: Scratch<'a>,
    /// The rows rendered anew, one after the other, as far as their bytes are wanted.
    pub spill: Scratch<'a>,
    keep_rows: Option<u64>,
}

impl<'a> Part<'a> {
    fn new(task: &Task<'a>, number: usize) -> Self {
        let scratch = |what: &str| Scratch::new(task.folder.join(format!("{what}-{number}")), task.find_room);
        let (entries, spill) = (scratch("plan"), scratch("spill"));
        Self { count: 0, bytes: 0, entries, spill, keep_rows: task.keep_rows }
    }

    fn push(&mut self, entry: Entry) -> Result<(), Halt> {
        if entry.len >= SPILLED {
            return Err(StoreError::Damaged(format!(
                "the row of profile {} would be {} bytes long",
                entry.id, entry.len
            ))
            .into());
        }
        self.count += 1;
        self.bytes += u64::from(entry.len);
        let mut bytes = [0; ENTRY];
        bytes[..8].copy_from_slice(&entry.id.0.to_le_bytes());
        bytes[8..].copy_from_slice(&(entry.len | if entry.spilled { SPILLED } else { 0 }).to_le_bytes());
        self.entries.write(&bytes)
    }

    fn push_spilled<'b>(&mut self, id: ProfileId, pieces: impl Iterator<Item = &'b [u8]>) -> Result<(), Halt> {
        let is_wanted = self.keep_rows.is_none_or(|most| self.count < most);
        let mut len = 0;
        for piece in pieces {
            len += piece.len();
            if is_wanted {
                self.spill.write(piece)?;
            }
        }
        self.push(Entry { id, len: u32::try_from(len).unwrap_or(u32::MAX), spilled: true })
    }

    /// The rows in order.
    pub fn entries(&self) -> impl Iterator<Item = Result<Entry, ExportError>> + '_ {
        let mut reader = self.entries.reader();
        (0..self.count).map(move |_| {
            let mut bytes = [0; ENTRY];
            reader
                .read_exact(&mut bytes)
                .map_err(|source| ExportError::Io { context: "reading the plan back".into(), source })?;
            let (id, len) = bytes.split_at(8);
            let len = u32::from_le_bytes(len.try_into().expect("four bytes"));
            let id = ProfileId(u64::from_le_bytes(id.try_into().expect("eight bytes")));
            Ok(Entry { id, len: len & !SPILLED, spilled: len & SPILLED != 0 })
        })
    }
}

/// The plan of a job: its rows in order of ProfileId, in parts that follow one another.
pub(crate) fn plan<'a>(task: &Task<'a>) -> Result<Vec<Part<'a>>, Halt> {
    let config = task.snapshot.config();
    let selection = &task.inputs.selection;
    let criterion = selection.criterion(config).map_err(ExportError::Refused)?;
    if selection.over_deleted() {
        return Ok(vec![plan_tombstones(task, &criterion)?]);
    }
    let implied = selection.output.implied || criterion.reading().implied;
    let filter = Filter::new(task, criterion);
    let many = task.threads * PARTS_PER_THREAD;
    let planned = |total: usize| task.progress.planned_part(total);
    let ranges = |marks: Option<&Marks>| {
        let ranges = task.snapshot.partitions(many)?;
        parallel(task.threads, &ranges, &task.abort, |number, ids| {
            let part = filter.range(number, ids.clone(), marks);
            planned(ranges.len());
            part
        })
    };
    match candidates(task, implied)? {
        Candidates::Everybody => ranges(None),
        Candidates::Among(marks) => ranges(Some(&marks)),
        Candidates::These(ids) => {
            let chunks: Vec<&[ProfileId]> = ids.chunks(ids.len().div_ceil(many).max(256)).collect();
            parallel(task.threads, &chunks, &task.abort, |number, ids| {
                let part = filter.listed(number, ids);
                planned(chunks.len());
                part
            })
        }
    }
}

/// The profiles to look at.
enum Candidates {
    Everybody,
    /// Many, those of them that are marked.
    Among(Marks),
    These(Vec<ProfileId>),
}

/// With both conditions, those that meet both. Where implied preferences are told or asked about, everybody counts as changed since the
/// configuration changed them: the rows differ although nobody wrote them (export.md).
fn candidates(task: &Task<'_>, implied: bool) -> Result<Candidates, Halt> {
    let conditions = &task.inputs.conditions;
    let since = conditions.since.filter(|since| !(implied && task.snapshot.implied_changed_since(*since)));
    let changed = since.map(|since| task.snapshot.changed_since(since, &mut || task.go_on())).transpose()?;
    let matching = conditions.matching.as_ref().map(|matching| matching_ids(task, matching)).transpose()?;
    Ok(match (changed, matching) {
        (None, None) => Candidates::Everybody,
        (Some(changed), Some(matching)) => Candidates::These(changed.into_listed(&matching)),
        (Some(ProfileIds::Marked(marks)), None) => Candidates::Among(marks),
        (Some(ProfileIds::Listed(ids)), None) | (None, Some(ids)) => Candidates::These(ids),
    })
}

/// The criterion with all that deciding and rendering needs.
struct Filter<'t, 'a> {
    task: &'t Task<'a>,
    config: Arc<Config>,
    criterion: Criterion,
    predicate: Predicate,
    at: Moment,
    output: Output,
    /// How a profile is read to be decided, whatever the output: with what the criterion asks for and the account has.
    deciding: Output,
}

impl<'t, 'a> Filter<'t, 'a> {
    fn new(task: &'t Task<'a>, criterion: Criterion) -> Self {
        let (config, at) = (Arc::clone(task.snapshot.config()), task.snapshot.moment());
        let predicate = Predicate::compile(&criterion, &config, task.snapshot.terms(), at);
        let deciding = criterion.reading();
        let deciding = Output { implied: deciding.implied && config.source.implied_preferences, ..deciding };
        Self { task, config, criterion, predicate, at, output: task.output(), deciding }
    }

    /// The part of a range of ids, of those that are marked if some are.
    fn range(&self, number: usize, ids: Range<u64>, marks: Option<&Marks>) -> Result<Part<'a>, Halt> {
        let is_candidate = |id| marks.is_none_or(|marks| marks.has(id));
        self.gather(number, is_candidate, |each| self.task.snapshot.for_each_facts(ids, each))
    }

    fn listed(&self, number: usize, ids: &[ProfileId]) -> Result<Part<'a>, Halt> {
        self.gather(number, |_| true, |each| self.task.snapshot.for_each_facts_of(&mut ids.iter().copied(), each))
    }

    /// The part of those candidates that `walk` comes by; looks up now and then whether the job is still wanted.
    fn gather(
        &self,
        number: usize,
        is_candidate: impl Fn(ProfileId) -> bool,
        walk: impl FnOnce(&mut dyn FnMut(ProfileId, Facts<'_>) -> Result<(), Halt>) -> Result<(), Halt>,
    ) -> Result<Part<'a>, Halt> {
        let mut part = Part::new(self.task, number);
        let mut seen = 0u64;
        walk(&mut |id, facts| {
            seen += 1;
            if seen.is_multiple_of(LOOK_UP_EVERY) {
                self.task.go_on()?;
            }
            if is_candidate(id) { self.consider(&mut part, id, facts) } else { Ok(()) }
        })?;
        Ok(part)
    }

    fn consider(&self, part: &mut Part<'_>, id: ProfileId, facts: Facts<'_>) -> Result<(), Halt> {
        let mut opened = None;
        match self.predicate.answer(id, facts) {
            Answer::No => return Ok(()),
            Answer::Yes => {}
            Answer::Unknown => {
                let row = open(self.task, id)?;
                let profile = reading::read(&row.kept, &self.config, &self.deciding, self.at);
                if !matches(&self.criterion, &profile, self.at) {
                    return Ok(());
                }
                opened = Some(row);
            }
        }
        if !self.reads_otherwise(id, facts)? {
            let len = facts.row_length(&self.output);
            return part.push(Entry { id, len, spilled: false });
        }
        let row = match opened {
            Some(row) => row,
            None => open(self.task, id)?,
        };
        let profile: Profile = reading::read(&row.kept, &self.config, &self.output, self.at);
        let anew = render::render(&profile);
        let len = u32::try_from(anew.json.len()).unwrap_or(u32::MAX);
        let pieces = render::kept_ranges(len, &anew.cuts, &self.output).map(|range| &anew.json[range]);
        part.push_spilled(id, pieces)
    }

    /// Whether the row differs from the stored bytes at the snapshot, under the output settings.
    fn reads_otherwise(&self, id: ProfileId, facts: Facts<'_>) -> Result<bool, Halt> {
        let differs = facts.next_expiry().is_some_and(|expiry| expiry <= self.at)
            || self.output.implied
            || (self.output.archived && facts.has_extras());
        if differs || !self.task.check_versions {
            return Ok(differs);
        }
        let mut old = false;
        self.task.snapshot.for_each_row(&mut std::iter::once(id), &mut |row| {
            old = row.render_version != RENDER_VERSION;
            Ok::<_, Halt>(())
        })?;
        Ok(old)
    }
}

/// Opens a row, and counts it. Looks up each time whether the job is still wanted, which is nothing beside it.
pub(crate) fn open_if_there(task: &Task<'_>, id: ProfileId) -> Result<Option<StoredRow>, Halt> {
    task.go_on()?;
    task.opened.fetch_add(1, Relaxed);
    Ok(task.snapshot.row(id)?)
}

/// Opens the row of a profile that has facts.
fn open(task: &Task<'_>, id: ProfileId) -> Result<StoredRow, Halt> {
    let row = open_if_there(task, id)?;
    row.ok_or_else(|| StoreError::Damaged(format!("profile {id} has facts and no row; run `sayso check`")).into())
}

/// Deleted profiles have no facts; their rows are made here (export.md, What a row holds).
fn plan_tombstones<'a>(task: &Task<'a>, criterion: &Criterion) -> Result<Part<'a>, Halt> {
    let (conditions, at) = (&task.inputs.conditions, task.snapshot.moment());
    let since = conditions.since.map(round_up);
    let wanted = conditions.matching.as_ref().map(|matching| matching.prepare());
    let selected = |tombstone: &Tombstone| {
        since.is_none_or(|since| round_up(tombstone.deleted_date) >= since)
            && wanted.as_ref().is_none_or(|wanted| wanted.matches_tombstone(tombstone))
            && matches_tombstone(criterion, tombstone, at)
    };
    let mut part = Part::new(task, 0);
    let mut seen = 0u64;
    task.snapshot.for_each_tombstone(&mut |tombstone| {
        seen += 1;
        if seen.is_multiple_of(LOOK_UP_EVERY) {
            task.go_on()?;
        }
        if selected(tombstone) {
            part.push_spilled(tombstone.profile_id, std::iter::once(render_tombstone(tombstone).as_slice()))?;
        }
        Ok::<_, Halt>(())
    })?;
    Ok(part)
}

#[cfg(test)]
pub(crate) mod tests;
