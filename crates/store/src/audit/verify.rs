//! Walking a trail from its beginning: every record has its hash, the next sequence and the hash of the one before; the last is the
//! head; and heads that were noted elsewhere are there. One walk for a data directory and for a file.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use sayso_model::id::AccountNo;
use serde::{Deserialize, Serialize};

use super::{
    Action,
    chain::{Head, NOBODY},
    line::{Links, hex},
};
use crate::{
    Store, StoreError,
    engine::{Databases, OrEngine, Read},
    keys,
};

/// Problems that are told one by one.
const TOLD: usize = 1_000;

/// What verifying found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct AuditReport {
    pub trails: Vec<TrailReport>,
    /// One line each, at most 1,000; `problem_count` has them all.
    pub problems: Vec<String>,
    pub problem_count: u64,
}

/// One trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct TrailReport {
    /// The account's name; `None` for the trail of what concerns no account.
    pub client_id: Option<String>,
    pub records: u64,
    /// The newest record's sequence and hash, to be noted elsewhere.
    pub head: String,
}

impl AuditReport {
    fn problem(&mut self, text: impl Into<String>) {
        self.problem_count += 1;
        if self.problems.len() < TOLD {
            self.problems.push(text.into());
        }
    }
}

impl Store {
    /// Walks every trail, as they stood at one moment, and looks for heads that were noted elsewhere.
    ///
    /// # Errors
    /// Only when the engine itself can't read.
    pub fn verify_audit(&self, noted: &[Head]) -> Result<AuditReport, StoreError> {
        let engine = &self.shared().engine;
        let (dbs, txn) = (&engine.dbs, &engine.read()?);
        let mut names = BTreeMap::new();
        for entry in dbs.meta.iter(txn).or_engine()? {
            let (key, _) = entry.or_engine()?;
            if key.len() == 4 {
                let no = keys::account_of(key)?;
                // One that can't be read has no name; its records' names then don't fit.
                names.insert(no, self.shared().accounts.at(dbs, txn, no).ok().flatten().map(|account| account.name));
            }
        }
        verify(dbs, txn, &names, noted)
    }
}

/// Walks the trails of a data directory, whose accounts have these names.
pub(crate) fn verify(
    dbs: &Databases,
    txn: &Read<'_>,
    names: &BTreeMap<AccountNo, Option<String>>,
    noted: &[Head],
) -> Result<AuditReport, StoreError> {
    let mut report = AuditReport::default();
    let mut noted = Noted::new(noted);
    let mut walks: BTreeMap<AccountNo, Walk> = BTreeMap::new();
    for entry in dbs.audit.iter(txn).or_engine()? {
        let (key, line) = entry.or_engine()?;
        let Ok((no, sequence)) = keys::audit_of(key) else {
            report
                .problem(format!("a record lies under a key of {} bytes, which is none of an audit trail", key.len()));
            continue;
        };
        let walk = match walks.entry(no) {
            std::collections::btree_map::Entry::Occupied(walk) => walk.into_mut(),
            std::collections::btree_map::Entry::Vacant(walk) => {
                let name = names.get(&no).cloned().flatten();
                if name.is_none() && no != NOBODY {
                    report.problem(format!("records lie under account {no}, which isn't there"));
                }
                walk.insert(Walk::new(name))
            }
        };
        if let Some(claimed) = Links::claimed(line)
            && claimed.sequence != sequence
        {
            report.problem(format!("{}: the record under {sequence} says it is {}", walk.name(), claimed.sequence));
        }
        walk.take(line, &mut noted, &mut report);
    }

    let mut heads = BTreeMap::new();
    for entry in dbs.meta.prefix_iter(txn, keys::AUDIT_HEADS).or_engine()? {
        let no = keys::audit_head_of(entry.or_engine()?.0);
        match no.map(|no| (no, Head::kept(dbs, txn, no))) {
            Some((no, Ok(head))) => drop(heads.insert(no, head)),
            Some((_, Err(e))) => report.problem(e.to_string()),
            None => report.problem("a head is kept of no trail that can be"),
        }
    }
    for (no, head) in heads.iter().filter(|(no, _)| !walks.contains_key(no)) {
        let name = names.get(no).cloned().flatten();
        let lost = head.map_or(0, |head| head.sequence);
        report.problem(format!("{}: all {lost} records are missing", Walk::new(name).name()));
    }
    let accounts = names.iter().map(|(no, name)| Existing {
        shown: name.clone().unwrap_or_else(|| format!("account {no}")),
        name: name.clone(),
        // Of a head without records it was told already.
        is_accounted_for: walks.contains_key(no) || heads.contains_key(no),
    });
    let nobodys = walks.get(&NOBODY).map(|walk| &walk.accounts);
    births(nobodys, heads.contains_key(&NOBODY), &accounts.collect::<Vec<_>>(), &mut report);
    for (no, walk) in walks {
        let head = heads.remove(&no).flatten();
        walk.end(head.as_ref().map(Head::to_string).as_deref(), &mut report);
    }
    noted.end(&mut report);
    Ok(report)
}

/// Verifies what [`Store::export_audit`] wrote, and looks for heads that were noted elsewhere.
///
/// # Errors
/// Those of reading.
pub fn verify_lines(source: &mut dyn io::BufRead, noted: &[Head]) -> io::Result<AuditReport> {
    let mut report = AuditReport::default();
    let mut noted = Noted::new(noted);
    let (mut nobodys, mut accounts): (Option<BTreeSet<String>>, Vec<Existing>) = (None, Vec::new());
    let (mut walk, mut total): (Option<Walk>, Option<Total>) = (None, None);
    let (mut records, mut at, mut line) = (0, 0_u64, Vec::new());
    loop {
        line.clear();
        source.read_until(b'\n', &mut line)?;
        if line.is_empty() {
            break;
        }
        at += 1;
        let ended = line.pop_if(|last| *last == b'\n').is_some();
        if !ended {
            report.problem(format!("line {at} has no end: the file was cut off"));
        }
        if total.is_some() {
            report.problem(format!("line {at} stands behind the end"));
        }
        if let Some(found) = Total::of(&line) {
            if let Some(walk) = walk.take() {
                report.problem(format!("{}: its head is missing before line {at}", walk.name()));
            }
            total = Some(found);
        } else if let Some(end) = TrailEnd::of(&line) {
            let walk = walk.take().unwrap_or_else(|| Walk::new(end.client_id.clone()));
            if walk.client_id != end.client_id {
                report.problem(format!("line {at} ends another trail than that of {}", walk.name()));
            }
            match &walk.client_id {
                None => nobodys = Some(walk.accounts.clone()),
                Some(name) => accounts.push(Existing::in_file(name)),
            }
            walk.end(Some(&end.head), &mut report);
        } else {
            records += 1;
            let begin = || Walk::new(Links::claimed(&line).and_then(|links| links.client_id));
            walk.get_or_insert_with(begin).take(&line, &mut noted, &mut report);
        }
    }
    let found = Total { trails: report.trails.len() as u64, records };
    match total {
        Some(said) if said == found => {}
        Some(said) => report.problem(format!(
            "the end speaks of {} trails and {} records; there are {} and {}",
            said.trails, said.records, found.trails, found.records
        )),
        None => report.problem("the last line, which says how much there is, is missing: the file was cut off"),
    }
    // The trail of one account can be written out by itself.
    if report.trails.len() > 1 {
        births(nobodys.as_ref(), false, &accounts, &mut report);
    }
    noted.end(&mut report);
    Ok(report)
}

/// The line behind a trail in a file.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TrailEnd {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    pub head: String,
}

/// The last line of a file.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Total {
    pub trails: u64,
    pub records: u64,
}

/// One of the lines that are no record: there is one way to write each.
trait Closing: Serialize + for<'de> Deserialize<'de> {
    fn text(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers can always be written")
    }

    fn read(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok().filter(|read: &Self| read.text().as_bytes() == line)
    }
}

impl Closing for TrailEnd {}
impl Closing for Total {}

impl TrailEnd {
    pub(crate) fn line(&self) -> String {
        self.text()
    }

    fn of(line: &[u8]) -> Option<Self> {
        Self::read(line)
    }
}

impl Total {
    pub(crate) fn line(&self) -> String {
        self.text()
    }

    fn of(line: &[u8]) -> Option<Self> {
        Self::read(line)
    }
}

/// A trail on the way.
struct Walk {
    client_id: Option<String>,
    records: u64,
    last: Head,
    /// Of nobody's trail: the accounts whose making it tells of.
    accounts: BTreeSet<String>,
}

impl Walk {
    fn new(client_id: Option<String>) -> Self {
        Self { client_id, records: 0, last: Head::NONE, accounts: BTreeSet::new() }
    }

    fn name(&self) -> &str {
        self.client_id.as_deref().unwrap_or("(no account)")
    }

    /// The next record. What is wrong with one is told once: the walk goes on from what it says of itself.
    fn take(&mut self, line: &[u8], noted: &mut Noted, report: &mut AuditReport) {
        self.records += 1;
        let expected = self.last.sequence.saturating_add(1);
        let (links, is_sound) = match Links::of(line) {
            Ok(links) => (links, true),
            Err(why) => {
                report.problem(format!("{}: record {expected}: {why}", self.name()));
                match Links::claimed(line) {
                    Some(links) => (links, false),
                    None => {
                        // Its successor names its hash, so only the sequence is known to go on.
                        self.last = Head { sequence: expected, moment: self.last.moment, hash: [0; 32] };
                        return;
                    }
                }
            }
        };
        let mut wrong = Vec::new();
        if links.sequence != expected {
            wrong.push(match links.sequence.checked_sub(expected) {
                Some(missing) => format!("{missing} records before it are missing"),
                None => format!("record {expected} was expected in its place"),
            });
        }
        if is_sound && links.previous_hash != hex(&self.last.hash) {
            wrong.push("the record before it is another than the one that it followed".to_owned());
        }
        if is_sound && links.client_id != self.client_id {
            wrong.push(format!("it belongs to the trail of {}", links.client_id.as_deref().unwrap_or("no account")));
        }
        if links.moment < self.last.moment {
            wrong.push("it is older than the record before it".to_owned());
        }
        for wrong in wrong {
            report.problem(format!("{}: record {}: {wrong}", self.name(), links.sequence));
        }
        if is_sound {
            noted.saw(links.sequence, links.hash);
        }
        if self.client_id.is_none()
            && links.action == Action::AccountCreated.word()
            && let Some(name) = links.subject.as_deref().and_then(account_of)
        {
            self.accounts.insert(name.to_owned());
        }
        self.last = Head { sequence: links.sequence, moment: links.moment, hash: links.hash };
    }

    /// There are no more; `kept` is the head as it is kept apart.
    fn end(self, kept: Option<&str>, report: &mut AuditReport) {
        let head = self.last.to_string();
        match kept {
            Some(kept) if kept == head => {}
            Some(kept) => {
                let kept = kept.split_once(':').map_or(kept, |(sequence, _)| sequence);
                report.problem(format!(
                    "{}: it ends with record {}, but its head is of record {kept}: records were cut off, changed or added",
                    self.name(),
                    self.last.sequence
                ));
            }
            None => report.problem(format!("{}: its head is missing", self.name())),
        }
        report.trails.push(TrailReport { client_id: self.client_id, records: self.records, head });
    }
}

/// The name in the subject of the record that an account was made; no account's name has anything in it that would be escaped.
fn account_of(subject: &str) -> Option<&str> {
    subject.strip_prefix("account \"")?.strip_suffix('"')
}

/// An account that there should be a trail of.
struct Existing {
    /// What it is called in a problem.
    shown: String,
    /// Unless it can't be read.
    name: Option<String>,
    /// Whether it has records, or it was told that it hasn't.
    is_accounted_for: bool,
}

impl Existing {
    fn in_file(name: &str) -> Self {
        Self { shown: name.to_owned(), name: Some(name.to_owned()), is_accounted_for: true }
    }
}

/// A trail that is missing as a whole, head and all, has left nothing in its own place. But each account has one, and its making stands in
/// nobody's, too: `nobodys` has the names that are told of there, if that has any records; `head`: whether at least its head is there.
fn births(nobodys: Option<&BTreeSet<String>>, head: bool, accounts: &[Existing], report: &mut AuditReport) {
    let names: BTreeSet<&String> = accounts.iter().filter_map(|account| account.name.as_ref()).collect();
    for name in nobodys.into_iter().flatten().filter(|name| !names.contains(name)) {
        report.problem(format!("{name}: all records are missing, though its making was recorded"));
    }
    if nobodys.is_none() && !head && !accounts.is_empty() {
        report.problem("(no account): all records are missing, though accounts were made, which is recorded there");
    }
    for Existing { shown, name, is_accounted_for } in accounts {
        if !is_accounted_for {
            report.problem(format!("{shown}: all records are missing, though the account is there"));
        }
        if nobodys.is_some_and(|told| name.as_ref().is_some_and(|name| !told.contains(name))) {
            report.problem(format!("{shown}: that it was made is missing in the trail of no account"));
        }
    }
}

/// The heads that are looked for.
struct Noted(Vec<(Head, bool)>);

impl Noted {
    fn new(heads: &[Head]) -> Self {
        Self(heads.iter().map(|head| (*head, false)).collect())
    }

    fn saw(&mut self, sequence: u64, hash: [u8; 32]) {
        let fitting = self.0.iter_mut().filter(|(head, _)| head.sequence == sequence && head.hash == hash);
        fitting.for_each(|(_, found)| *found = true);
    }

    fn end(self, report: &mut AuditReport) {
        for (head, _) in self.0.iter().filter(|(_, found)| !found) {
            report.problem(format!(
                "no trail has the record {head} that was noted: the trail was cut off before it, or written anew"
            ));
        }
    }
}
