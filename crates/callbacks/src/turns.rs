//! Whose turn it is. Receivers are strangers, and one that hangs takes a place for as long as an attempt may last: so there are few places
//! for one receiver and one account, and who has fewest under way comes first.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sayso_export::callback::{Queued, WebhookId};
use sayso_model::{id::AccountNo, moment::Moment};
use url::Url;

/// Attempts at once, in all, of one account, and to one receiver.
const AT_ONCE: usize = 32;
const OF_ACCOUNT: usize = 8;
const TO_HOST: usize = 4;

/// What waits in one line: an account's callbacks to one host and port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    account: AccountNo,
    host: String,
}

/// A callback that has its turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Turn {
    line: Line,
    pub id: WebhookId,
}

impl Turn {
    pub fn account(&self) -> AccountNo {
        self.line.account
    }

    /// The receiver's host and port.
    pub fn host(&self) -> &str {
        &self.line.host
    }
}

/// All that wait, and how many are under way.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    waiting: BTreeMap<Line, BTreeSet<(Moment, WebhookId)>>,
    known: HashSet<WebhookId>,
    of_account: HashMap<AccountNo, usize>,
    to_host: HashMap<String, usize>,
    under_way: usize,
}

impl Turns {
    /// One that waits; nothing new when it is known already.
    pub fn put(&mut self, queued: Queued) {
        let url = Url::parse(&queued.url).ok();
        // One whose URL is none has a line, too, and is found out by its attempt.
        let host = url.as_ref().and_then(|url| {
            let host = url.host_str()?;
            Some(url.port_or_known_default().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
        });
        let line = Line { account: queued.account, host: host.unwrap_or_default() };
        if self.known.insert(queued.id) {
            self.waiting.entry(line).or_default().insert((queued.next, queued.id));
        }
    }

    /// The next that is due at `now` and has a place.
    pub fn take(&mut self, now: Moment) -> Option<Turn> {
        if self.under_way >= AT_ONCE {
            return None;
        }
        let count = |line: &Line| {
            let of_account = self.of_account.get(&line.account).copied().unwrap_or(0);
            (of_account, self.to_host.get(&line.host).copied().unwrap_or(0))
        };
        let due = self.waiting.iter().filter_map(|(line, all)| {
            let (next, id) = *all.first().filter(|(next, _)| *next <= now)?;
            let (of_account, to_host) = count(line);
            (of_account < OF_ACCOUNT && to_host < TO_HOST).then_some(((of_account, to_host, next, id), line))
        });
        let ((_, _, next, id), line) = due.min_by_key(|(rank, _)| *rank)?;
        let line = line.clone();
        if let Some(all) = self.waiting.get_mut(&line) {
            all.remove(&(next, id));
            if all.is_empty() {
                self.waiting.remove(&line);
            }
        }
        *self.of_account.entry(line.account).or_default() += 1;
        *self.to_host.entry(line.host.clone()).or_default() += 1;
        self.under_way += 1;
        Some(Turn { line, id })
    }

    /// An attempt is over: the callback waits until then, or is gone.
    pub fn over(&mut self, turn: Turn, next: Option<Moment>) {
        let Turn { line, id } = turn;
        self.under_way = self.under_way.saturating_sub(1);
        less(&mut self.of_account, &line.account);
        less(&mut self.to_host, &line.host);
        match next {
            Some(next) => {
                self.waiting.entry(line).or_default().insert((next, id));
            }
            None => {
                self.known.remove(&id);
            }
        }
    }

    /// Whether any waits for its moment or its place.
    pub fn any_waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// All that are known, waiting and under way.
    pub fn count(&self) -> usize {
        self.known.len()
    }
}

fn less<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queued(account: u32, host: &str, n: u8, next: i64) -> Queued {
        let url = format!("https://{host}/hooks?n={n}");
        Queued { account: AccountNo(account), id: WebhookId([n; 16]), url, next: Moment(next) }
    }

    fn all(turns: &mut Turns, now: i64) -> Vec<(u32, String)> {
        std::iter::from_fn(|| turns.take(Moment(now))).map(|t| (t.account().0, t.host().to_owned())).collect()
    }

    #[test]
    fn nobody_is_called_before_the_moment_nor_twice_at_once() {
        let mut turns = Turns::default();
        turns.put(queued(1, "a.example", 1, 100));
        turns.put(queued(1, "a.example", 1, 50));
        assert_eq!((turns.take(Moment(99)), turns.count()), (None, 1));
        let turn = turns.take(Moment(100)).unwrap();
        assert_eq!((turn.host(), turns.take(Moment(100))), ("a.example:443", None));
        turns.put(queued(1, "a.example", 1, 50));
        assert_eq!(turns.take(Moment(100)), None, "it is under way");
        turns.over(turn, Some(Moment(200)));
        assert!(turns.any_waits() && turns.take(Moment(199)).is_none());
        let turn = turns.take(Moment(200)).unwrap();
        turns.over(turn, None);
        assert_eq!((turns.any_waits(), turns.count()), (false, 0));
    }

    #[test]
    fn a_receiver_that_hangs_and_an_account_with_many_leave_places_for_others() {
        let mut turns = Turns::default();
        (0..50).for_each(|n| turns.put(queued(1, "slow.example", n, 0)));
        (50..100).for_each(|n| turns.put(queued(1, &format!("h{n}.example"), n, 0)));
        turns.put(queued(2, "slow.example", 100, 10));
        turns.put(queued(2, "other.example", 101, 10));
        let called = all(&mut turns, 10);
        let to = |host: &str| called.iter().filter(|(_, h)| h == host).count();
        assert!(to("slow.example:443") <= TO_HOST);
        assert_eq!(to("other.example:443"), 1);
        assert_eq!(called.iter().filter(|(account, _)| *account == 1).count(), OF_ACCOUNT);
        assert!(called[..3].contains(&(2, "other.example:443".to_owned())), "who has least under way comes first");
    }

    #[test]
    fn what_all_accounts_have_under_way_is_bounded() {
        let mut turns = Turns::default();
        (0..200).for_each(|n| turns.put(queued(n.into(), &format!("h{n}.example"), n, 0)));
        assert_eq!(all(&mut turns, 0).len(), AT_ONCE);
    }
}
