//! Records that needn't be on disk before somebody is answered: pages given out, calls refused. They wait here a quarter of a second at
//! most and go to disk together, with a commit that is made anyway where there is one. The same again meanwhile is counted.
//!
//! Whoever is refused can be refused as often as they like, so refusals are bounded: the same one is told once a minute, with its count. Of
//! more different ones than [`OF_ONE`] in a minute a signed-in user keeps the name and loses the address, an address keeps itself and
//! loses whom it said to be; of more than [`TOLD_APART`] of nobody in particular both are left out. So nobody hides behind a flood who is known
//! by name, and no flood from one address hides another. What nothing has room for is counted, and told as such. A process that is killed
//! loses what waits.

use std::{
    collections::HashMap,
    net::IpAddr,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use sayso_model::{id::AccountNo, moment::Moment};

use super::{About, Action, Credential, Entry, Origin, chain::NOBODY};
use crate::{Store, StoreError, access::client, account::find_account, tx::Tx};

/// How long a record waits.
const WAIT: Duration = Duration::from_millis(250);
/// So many waiting are written at once.
const MANY: usize = 1_000;
/// The same refusal is told again after this.
const REFUSED_AGAIN: Duration = Duration::from_secs(60);
/// Refusals of nobody in that time that are told apart by who and from where.
const TOLD_APART: usize = 200;
/// The same of one signed-in user, and of nobody at one address.
const OF_ONE: usize = 50;
/// Different records that wait, at most: what a full disk doesn't take yet.
const MOST: usize = 10_000;
/// After a commit that wasn't kept.
const RETRY: Duration = Duration::from_secs(5);

/// Everything but the amounts, by which records are the same.
type Key = (About, Entry);

/// How often, how much, since when.
#[derive(Debug)]
struct Amount {
    /// In the order of coming.
    number: u64,
    first: Moment,
    due: Instant,
    count: u64,
    rows: Option<u64>,
    bytes: Option<u64>,
    correlation_id: Option<String>,
}

impl Amount {
    /// Adds another of the same record. What only one of them has a sum of keeps it.
    fn absorb(&mut self, other: &Self) {
        let add = |total: Option<u64>, n: Option<u64>| match (total, n) {
            (Some(total), Some(n)) => Some(total.saturating_add(n)),
            (total, n) => total.or(n),
        };
        self.count = self.count.saturating_add(other.count);
        self.rows = add(self.rows, other.rows);
        self.bytes = add(self.bytes, other.bytes);
    }
}

/// Records that wait.
#[derive(Default)]
pub(crate) struct Notes(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    all: HashMap<Key, Amount>,
    /// When the first of them is due.
    soonest: Option<Instant>,
    number: u64,
    /// When each refusal was told last.
    told: HashMap<Key, Instant>,
    /// How many different refusals wait or were told, of each that could make many.
    crowds: HashMap<Crowd, usize>,
    /// What there was no room for.
    dropped: HashMap<AccountNo, u64>,
}

/// Records taken to be written, which come back if they aren't kept.
#[derive(Default)]
pub(crate) struct Taken {
    noted: Vec<(Key, Amount)>,
    dropped: HashMap<AccountNo, u64>,
}

impl Notes {
    /// Takes a record; gives whether the writer has to be woken, because it doesn't know of one yet that is due so soon.
    fn add(&self, about: About, mut entry: Entry, now: Moment, instant: Instant) -> bool {
        let (rows, bytes) = (entry.rows.take(), entry.bytes.take());
        let correlation_id = entry.origin.correlation_id.take();
        let count = entry.count.take().unwrap_or(1);
        let mut waiting = self.0.lock();
        let key = waiting.told_apart((about, entry));
        let due = match waiting.told.get(&key) {
            Some(told) => (*told + REFUSED_AGAIN).max(instant + WAIT),
            None => instant + WAIT,
        };
        let number = waiting.number;
        waiting.number += 1;
        let amount = Amount { number, first: now, due, count, rows, bytes, correlation_id };
        if let Some(before) = waiting.all.get_mut(&key) {
            before.absorb(&amount);
            return false;
        }
        if waiting.all.len() >= MOST {
            *waiting.dropped.entry(account_of(&key.0)).or_default() += count;
            return false;
        }
        if !waiting.told.contains_key(&key) {
            Crowd::all_of(&key).for_each(|crowd| *waiting.crowds.entry(crowd).or_default() += 1);
        }
        waiting.all.insert(key, amount);
        let mut due = due;
        if waiting.all.len() == MANY {
            due = instant;
            waiting.all.values_mut().for_each(|amount| amount.due = amount.due.min(due));
        }
        let is_sooner = waiting.soonest.is_none_or(|soonest| due < soonest);
        if is_sooner {
            waiting.soonest = Some(due);
        }
        is_sooner
    }

    /// How long until something is to be written; `None` when nothing waits.
    pub(crate) fn due_in(&self) -> Option<Duration> {
        self.0.lock().soonest.map(|due| due.saturating_duration_since(Instant::now()))
    }

    /// Takes what is due, or all.
    fn take(&self, all: bool, instant: Instant) -> Taken {
        let mut waiting = self.0.lock();
        let told_before = waiting.told.len();
        waiting.told.retain(|_, told| instant.saturating_duration_since(*told) < REFUSED_AGAIN);
        let mut must_count = waiting.told.len() < told_before;
        let mut noted: Vec<_> = waiting.all.extract_if(|_, amount| all || amount.due <= instant).collect();
        waiting.look();
        noted.sort_by_key(|(_, amount)| amount.number);
        for (key, _) in noted.iter().filter(|(key, _)| key.1.action.can_flood()) {
            waiting.told.insert(key.clone(), instant);
            must_count = true;
        }
        if must_count {
            waiting.count();
        }
        Taken { noted, dropped: std::mem::take(&mut waiting.dropped) }
    }

    /// Takes back what was not kept; it is tried again in a while.
    pub(crate) fn give_back(&self, taken: Taken) {
        let due = Instant::now() + RETRY;
        let mut waiting = self.0.lock();
        for (key, amount) in taken.noted {
            match waiting.all.get_mut(&key) {
                Some(again) => {
                    again.absorb(&amount);
                    again.first = amount.first;
                }
                None => drop(waiting.all.insert(key, Amount { due, ..amount })),
            }
        }
        for (account, count) in taken.dropped {
            *waiting.dropped.entry(account).or_default() += count;
        }
        waiting.count();
        waiting.look();
    }

    /// Leaves what is due for later: nothing can be written now.
    pub(crate) fn postpone(&self) {
        let due = Instant::now() + RETRY;
        let mut waiting = self.0.lock();
        waiting.all.values_mut().for_each(|amount| amount.due = amount.due.max(due));
        waiting.look();
    }
}

impl Waiting {
    /// Looks anew for what is due first.
    fn look(&mut self) {
        self.soonest = self.all.values().map(|amount| amount.due).min();
    }

    /// Counts the crowds anew: what was told a minute ago no longer counts.
    fn count(&mut self) {
        self.crowds.clear();
        let waiting = self.all.keys().filter(|key| key.1.action.can_flood() && !self.told.contains_key(*key));
        for crowd in self.told.keys().chain(waiting).flat_map(Crowd::all_of) {
            *self.crowds.entry(crowd).or_default() += 1;
        }
    }

    /// The record as it is told: with less of who and from where when its crowds are full.
    fn told_apart(&self, mut key: Key) -> Key {
        for crowd in Crowd::all_of(&key) {
            if self.all.contains_key(&key) || self.told.contains_key(&key) {
                break;
            }
            if self.crowds.get(&crowd).is_some_and(|n| *n >= crowd.told_apart()) {
                key = crowd.in_general(key);
            }
        }
        key
    }
}

/// Those who could make as many different refusals as they like.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Crowd {
    /// A signed-in user, by their addresses.
    User(AccountNo, String),
    /// Nobody, at one address, by what they say who they are.
    Peer(Option<IpAddr>),
    /// Nobody, by their addresses.
    Nobody,
}

impl Crowd {
    /// Those that a record counts among, the narrower first; none when nobody can make it come as they like.
    fn all_of((about, entry): &Key) -> impl Iterator<Item = Self> + use<> {
        let crowds = match (about, &entry.origin.user_id) {
            _ if !entry.action.can_flood() => [None, None],
            (About::Account(no), Some(user)) => [Some(Self::User(*no, user.clone())), None],
            _ => [Some(Self::Peer(entry.origin.peer)), Some(Self::Nobody)],
        };
        crowds.into_iter().flatten()
    }

    /// How many are told apart.
    fn told_apart(&self) -> usize {
        match self {
            Self::User(..) | Self::Peer(_) => OF_ONE,
            Self::Nobody => TOLD_APART,
        }
    }

    /// A record without what there is too much of.
    fn in_general(&self, (about, entry): Key) -> Key {
        let Entry { action, origin, status, .. } = entry;
        let general = |origin: Origin, detail: &str| Entry {
            status,
            detail: Some(detail.to_owned()),
            ..Entry::new(action, origin)
        };
        let nobody = Origin { call: origin.call.clone(), ..Origin::of(Credential::None) };
        match self {
            Self::User(..) => {
                (about, general(Origin { peer: None, ..origin }, "many; from where and on what is not told apart"))
            }
            Self::Peer(peer) => {
                let origin = Origin { peer: *peer, ..nobody };
                (About::Nobody, general(origin, "many from there; who they said to be is not told apart"))
            }
            Self::Nobody => (About::Nobody, general(nobody, "from many; who and from where is not told apart")),
        }
    }
}

fn account_of(about: &About) -> AccountNo {
    match about {
        About::Account(no) => *no,
        About::Named(_) | About::Client(_) | About::Nobody => NOBODY,
    }
}

impl Taken {
    /// Whether there is nothing in it.
    fn is_empty(&self) -> bool {
        self.noted.is_empty() && self.dropped.is_empty()
    }

    /// Adds what was taken to the trails.
    fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        for ((about, entry), amount) in &self.noted {
            let mut entry = entry.clone();
            let (dbs, txn) = tx.read();
            let no = match about {
                About::Account(no) => *no,
                About::Client(id) => match readable(client(dbs, txn, id))? {
                    Some(client) => {
                        entry = entry.subject("OAuth client", &client.client_id);
                        client.account
                    }
                    None => NOBODY,
                },
                About::Nobody => NOBODY,
                About::Named(name) => readable(find_account(dbs, txn, name))?.unwrap_or(NOBODY),
            };
            let Amount { first, count, rows, bytes, correlation_id, .. } = amount;
            let mut entry =
                Entry { rows: *rows, bytes: *bytes, count: (*count > 1).then_some(*count), ..entry.clone() };
            entry.origin.correlation_id.clone_from(correlation_id);
            tx.audit_at(no, &entry, *first)?;
        }
        for (no, count) in &self.dropped {
            let entry = Entry { count: Some(*count), ..Entry::new(Action::NotRecorded, Origin::program()) };
            tx.audit_at(*no, &entry, tx.now())?;
        }
        Ok(())
    }
}

/// A damaged record stands for itself alone: what is told of it is told of nobody, and everybody else's records are kept.
fn readable<T>(found: Result<Option<T>, StoreError>) -> Result<Option<T>, StoreError> {
    match found {
        Err(StoreError::Damaged(what)) => {
            tracing::error!("an audit record goes to nobody's trail, whose it is can't be read: {what}");
            Ok(None)
        }
        found => found,
    }
}

impl Tx<'_> {
    /// Writes the records that are due, or all that wait. Should the transaction not be kept, they wait again.
    pub(crate) fn write_notes(&mut self, all: bool) -> Result<(), StoreError> {
        let taken = self.shared().notes.take(all, Instant::now());
        if taken.is_empty() {
            return Ok(());
        }
        let written = taken.write(self);
        self.keep_noted(taken);
        written
    }
}

impl Store {
    /// Notes what happened, for its trail: on disk within a quarter of a second, together with others. For what is too frequent, or too
    /// unimportant, for a commit of its own. The same again in that time (refusals: in a minute) is told once, with `Count` and the sums.
    pub fn note(&self, about: About, entry: Entry) {
        let shared = self.shared();
        if shared.notes.add(about, entry, shared.clock.now(), Instant::now()) {
            self.writer().wake();
        }
    }

    /// Adds a record to an account's trail; it is on disk when this is answered, on a full disk, too.
    pub fn audit(
        &self,
        account: AccountNo,
        entry: Entry,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
        self.writer().run_upkeep(move |tx| tx.audit(account, &entry))
    }

    /// Adds a record to the trail of what concerns no account (blocking).
    ///
    /// # Errors
    /// [`StoreError::NotKept`] when the disk doesn't take it.
    pub fn audit_of_nobody(&self, entry: Entry) -> Result<(), StoreError> {
        self.writer().run_upkeep_blocking(move |tx| tx.audit_at(NOBODY, &entry, tx.now()))
    }

    /// Writes what was noted until now.
    pub fn write_notes(&self) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
        self.writer().run(|tx| tx.write_notes(true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Call;

    fn refused(peer: u32) -> Entry {
        let peer = Some(std::net::Ipv4Addr::from(peer).into());
        Entry { status: Some(401), ..Entry::new(Action::CallRefused, Origin { peer, ..Origin::of(Credential::None) }) }
    }

    fn add(notes: &Notes, entry: Entry, at: Instant) -> bool {
        notes.add(About::Nobody, entry, Moment(0), at)
    }

    #[test]
    fn pages_given_out_together_are_one_record_with_their_sums() {
        let (notes, now) = (Notes::default(), Instant::now());
        let page = |rows| Entry {
            rows: Some(rows),
            bytes: Some(10 * rows),
            ..Entry::new(Action::ExportPagesRead, Origin::program())
        };
        assert!(add(&notes, page(3), now), "the writer is told of the first");
        assert!(!add(&notes, page(4), now), "and needn't be of another");
        assert!(notes.take(false, now).is_empty(), "they wait for more");
        let taken = notes.take(false, now + WAIT);
        let [(_, amount)] = &taken.noted[..] else { panic!("{} records", taken.noted.len()) };
        assert_eq!((amount.count, amount.rows, amount.bytes), (2, Some(7), Some(70)));
    }

    #[test]
    fn the_same_refusal_is_told_once_a_minute_with_its_count() {
        let (notes, start) = (Notes::default(), Instant::now());
        let mut told = Vec::new();
        for ms in (0..180_000).step_by(10) {
            let now = start + Duration::from_millis(ms);
            add(&notes, refused(1), now);
            told.extend(notes.take(false, now).noted.into_iter().map(|(_, amount)| amount.count));
        }
        assert!((3..=4).contains(&told.len()), "{told:?}");
        let waiting: u64 = notes.take(true, start).noted.iter().map(|(_, amount)| amount.count).sum();
        assert_eq!(told.iter().sum::<u64>() + waiting, 18_000, "none is lost");
    }

    #[test]
    fn a_flood_from_everywhere_makes_few_records_and_counts_all() {
        let (notes, start) = (Notes::default(), Instant::now());
        let (mut records, mut count) = (0, 0);
        for n in 0..20_000 {
            let now = start + Duration::from_millis(u64::from(n));
            add(&notes, refused(n), now);
            let taken = notes.take(false, now);
            records += taken.noted.len();
            count += taken.noted.iter().map(|(_, amount)| amount.count).sum::<u64>();
        }
        count += notes.take(true, start).noted.iter().map(|(_, amount)| amount.count).sum::<u64>();
        assert!(records <= TOLD_APART + 2, "{records}");
        assert_eq!(count, 20_000);
    }

    fn taken(notes: &Notes, at: Instant) -> Vec<Key> {
        notes.take(true, at).noted.into_iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn whoever_is_signed_in_and_refused_is_named_whatever_nobody_and_others_do() {
        let (notes, now) = (Notes::default(), Instant::now());
        let of_user = |user: &str, peer: u32, route: &str| {
            let call = Some(Call { method: "GET".to_owned(), route: route.to_owned() });
            let origin =
                Origin { call, peer: refused(peer).origin.peer, ..Origin::of(Credential::SharedKey).for_user(user) };
            Entry { status: Some(403), ..Entry::new(Action::CallRefused, origin) }
        };
        for n in 0..5_000 {
            notes.add(About::Client(format!("made up {n}")), refused(n), Moment(0), now);
            notes.add(About::Account(AccountNo(7)), of_user("Mallory", n, "/flooded"), Moment(0), now);
        }
        for route in ["/Users", "/Audit", "/Segments"] {
            notes.add(About::Account(AccountNo(7)), of_user("Insider", 1, route), Moment(0), now);
            notes.add(About::Account(AccountNo(7)), of_user("Mallory", 1, route), Moment(0), now);
        }
        let told = taken(&notes, now);
        let of = |user: &str, route: &str| -> Vec<&Entry> {
            let of = told.iter().map(|(_, entry)| entry).filter(|entry| {
                entry.origin.user_id.as_deref() == Some(user)
                    && entry.origin.call.as_ref().is_some_and(|c| c.route == route)
            });
            of.collect()
        };
        for route in ["/Users", "/Audit", "/Segments"] {
            let [insider] = of("Insider", route)[..] else { panic!("{route}: {told:#?}") };
            assert!(insider.origin.peer.is_some() && insider.detail.is_none(), "{insider:?}");
            let [flooding] = of("Mallory", route)[..] else { panic!("{route}: {told:#?}") };
            assert_eq!((flooding.status, flooding.origin.peer), (Some(403), None), "one of a flood is named, too");
        }
        assert!(told.len() <= TOLD_APART + 3 * OF_ONE, "{}", told.len());
    }

    #[test]
    fn a_flood_from_one_address_hides_no_other_address() {
        let (notes, now) = (Notes::default(), Instant::now());
        for n in 0..5_000 {
            notes.add(About::Client(format!("made up {n}")), refused(1), Moment(0), now);
        }
        notes.add(About::Client("guessed".to_owned()), refused(2), Moment(0), now);
        let told = taken(&notes, now);
        assert!(told.iter().any(|(about, entry)| {
            *about == About::Client("guessed".to_owned()) && entry.origin.peer == refused(2).origin.peer
        }));
        assert!(told.iter().all(|(_, entry)| entry.origin.peer.is_some()), "the flood's address is told");
        assert!(told.len() <= OF_ONE + 2, "{}", told.len());
    }

    #[test]
    fn what_there_is_no_room_for_is_counted_and_told() {
        let (notes, now) = (Notes::default(), Instant::now());
        for n in 0..MOST as u64 + 7 {
            let origin = Origin::program().for_user(n.to_string());
            add(&notes, Entry::new(Action::ExportPagesRead, origin), now);
        }
        let taken = notes.take(true, now);
        assert_eq!((taken.noted.len(), taken.dropped.get(&NOBODY)), (MOST, Some(&7)));
    }

    #[test]
    fn what_was_not_kept_waits_again_and_is_whole() {
        let (notes, now) = (Notes::default(), Instant::now());
        add(&notes, refused(1), now);
        let taken = notes.take(true, now);
        add(&notes, refused(1), now);
        notes.give_back(taken);
        let taken = notes.take(true, now);
        assert_eq!(taken.noted.iter().map(|(_, amount)| amount.count).sum::<u64>(), 2);
    }

    #[test]
    fn sums_that_come_back_add_up_as_those_that_come() {
        let read = |rows, bytes| Entry { rows, bytes, ..Entry::new(Action::ExportPagesRead, Origin::program()) };
        let (first, second) = (read(Some(3), None), read(None, Some(u64::MAX)));
        let third = read(Some(4), Some(1));
        let (notes, now) = (Notes::default(), Instant::now());
        add(&notes, first, now);
        let taken = notes.take(true, now);
        add(&notes, second, now);
        add(&notes, third, now);
        notes.give_back(taken);
        let taken = notes.take(true, now);
        let [(_, amount)] = &taken.noted[..] else { panic!("{} records", taken.noted.len()) };
        assert_eq!((amount.count, amount.rows, amount.bytes), (3, Some(7), Some(u64::MAX)));
    }
}
