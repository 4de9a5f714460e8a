//! The brake on failed logins (access.md, Kept safe): per identity and address, per address, and per identity.
//!
//! Who fails too often within ten minutes waits, and twice as long for each failure after that, up to a quarter of an hour; while
//! they wait, what they send isn't looked at. Three counts, since each alone can be gone around: one caller tries many secrets of one
//! identity (10), one address tries many identities (50), many addresses try one identity (100). The last lets those in who
//! succeeded from their address within a day: else a stranger could shut a client out by failing in its name.
//!
//! Tries that run at the same time are all looked at before the first of them fails; what is guessed at here has hundreds of random bits, so
//! a burst gains nothing.
//!
//! The memory is fixed: a table has so many places, a key has a few of them to choose from, and takes the one that was quiet the longest.
//! Keys are kept as keyed hashes, so nobody can choose ids that meet in one place.

#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    hash::{BuildHasher, RandomState},
    net::{IpAddr, Ipv6Addr},
};

use parking_lot::Mutex;
use sayso_model::{id::fold, moment::Moment};

/// Failures count for so long, and so long after a wait the next failure leads to a longer one.
const WINDOW: i64 = 600_000;
/// The first wait.
const FIRST_WAIT: i64 = 30_000;
/// The longest wait.
const LONGEST_WAIT: i64 = 900_000;
/// How long a success from an address speaks for it.
const KNOWN: i64 = 86_400_000;

/// How many places a key has to choose from.
const WAYS: usize = 8;

/// Failures within the window that are one too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Most {
    pair: usize,
    address: usize,
    identity: usize,
}

/// Seconds until another try is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wait(pub(crate) u32);

/// The brake.
pub(crate) struct Throttle {
    most: Option<Most>,
    hashes: RandomState,
    state: Mutex<State>,
}

struct State {
    pairs: Table,
    addresses: Table,
    identities: Table,
    /// Pairs that succeeded, and when.
    known: Table,
}

impl Throttle {
    /// One that lets `failures` happen to an identity at one address, five times as many to an address, ten times as many to an
    /// identity; 0 lets everything happen.
    pub(crate) fn new(failures: u16) -> Self {
        let n = usize::from(failures);
        let most = (n > 0).then_some(Most { pair: n, address: 5 * n, identity: 10 * n });
        // the sizes bound what a flood can make us keep: some 5 MB with 10 failures
        let [pairs, addresses, identities, known] = match most {
            Some(_) => [8192, 4096, 2048, 8192],
            None => [0; 4],
        };
        let state = State {
            pairs: Table::new(pairs),
            addresses: Table::new(addresses),
            identities: Table::new(identities),
            known: Table::new(known),
        };
        Self { most, hashes: RandomState::new(), state: Mutex::new(state) }
    }

    /// Whether a try of this identity from this address is looked at. Whoever is admitted reports how it ended. An empty identity is nobody's: its
    /// address alone counts.
    ///
    /// # Errors
    /// How long to wait.
    pub(crate) fn admit(&self, identity: &str, address: IpAddr, now: Moment) -> Result<(), Wait> {
        if self.most.is_none() {
            return Ok(());
        }
        let keys = self.keys(identity, address);
        let state = self.state.lock();
        let mut wait = state.addresses.wait(keys.address, now.0);
        if let Some((pair, identity)) = keys.of_identity {
            wait = wait.max(state.pairs.wait(pair, now.0));
            let known = state.known.get(pair).is_some_and(|kept| now.0 < kept.touched.saturating_add(KNOWN));
            if !known {
                wait = wait.max(state.identities.wait(identity, now.0));
            }
        }
        told(wait)
    }

    /// A try that was admitted failed.
    pub(crate) fn failed(&self, identity: &str, address: IpAddr, now: Moment) {
        let Some(most) = self.most else { return };
        let keys = self.keys(identity, address);
        let mut state = self.state.lock();
        state.addresses.failed(keys.address, most.address, now.0);
        if let Some((pair, identity)) = keys.of_identity {
            state.pairs.failed(pair, most.pair, now.0);
            state.identities.failed(identity, most.identity, now.0);
        }
    }

    /// A try succeeded: this identity's failures at this address are forgotten. Those of the address aren't, for whoever has one good
    /// secret would try others as often as they like; nor those of the identity, which aren't this caller's.
    pub(crate) fn succeeded(&self, identity: &str, address: IpAddr, now: Moment) {
        if self.most.is_none() {
            return;
        }
        let Some((pair, _)) = self.keys(identity, address).of_identity else { return };
        let mut state = self.state.lock();
        state.pairs.forget(pair);
        state.known.take(pair).touched = now.0;
    }

    /// A bearer token from this address was none. Tokens can't be guessed, so who sends a good one is let in from anywhere; this keeps those
    /// who send bad ones from asking on and on. Counted apart, so that the same address may sign in meanwhile.
    ///
    /// # Errors
    /// How long to wait, if it was one too many.
    pub(crate) fn bad_token(&self, address: IpAddr, now: Moment) -> Result<(), Wait> {
        let Some(most) = self.most else { return Ok(()) };
        let key = self.hash(("token", network(address)));
        let mut state = self.state.lock();
        let wait = state.addresses.wait(key, now.0);
        if wait == 0 {
            state.addresses.failed(key, most.address, now.0);
        }
        told(wait)
    }

    fn keys(&self, identity: &str, address: IpAddr) -> Keys {
        let address = network(address);
        let of_identity = (!identity.is_empty()).then(|| {
            let identity = fold(identity);
            (self.hash(("pair", &identity, address)), self.hash(("identity", &identity)))
        });
        Keys { address: self.hash(("address", address)), of_identity }
    }

    fn hash(&self, of: impl std::hash::Hash) -> u64 {
        self.hashes.hash_one(of).max(1) // 0 is nobody's
    }
}

struct Keys {
    address: u64,
    /// Of the identity at the address, and of the identity.
    of_identity: Option<(u64, u64)>,
}

/// The address that counts: of IPv6 the /64 that one customer of a provider has, of IPv4 written as IPv6 the IPv4.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}

fn told(wait_ms: i64) -> Result<(), Wait> {
    if wait_ms <= 0 {
        return Ok(());
    }
    Err(Wait(u32::try_from((wait_ms + 999) / 1000).unwrap_or(u32::MAX)))
}

/// What is kept of a key.
#[derive(Default)]
struct Place {
    /// 0: nobody's.
    key: u64,
    /// When it was last written.
    touched: i64,
    /// The latest failures, at most as many as lead to a wait.
    failures: VecDeque<i64>,
    /// Until when it waits, or waited.
    until: i64,
    /// Its latest wait; 0: it never waited.
    wait: i64,
}

impl Place {
    /// Counts a failure: one too many within the window leads to a wait, and so does each one soon after a wait.
    fn failed(&mut self, most: usize, now: i64) {
        self.touched = now;
        if self.wait > 0 && now < self.until {
            return; // it was admitted before the wait began
        }
        if self.wait > 0 && now < self.until.saturating_add(WINDOW) {
            self.wait = (self.wait * 2).min(LONGEST_WAIT);
            self.until = now.saturating_add(self.wait);
            return;
        }
        self.wait = 0;
        self.failures.retain(|at| now < at.saturating_add(WINDOW));
        self.failures.push_back(now);
        if self.failures.len() >= most {
            self.failures.clear();
            self.wait = FIRST_WAIT;
            self.until = now.saturating_add(FIRST_WAIT);
        }
    }
}

/// A fixed number of places.
struct Table(Box<[Place]>);

impl Table {
    fn new(places: usize) -> Self {
        Self((0..places).map(|_| Place::default()).collect())
    }

    fn ways(&self, key: u64) -> std::ops::Range<usize> {
        let set = (key % (self.0.len() / WAYS) as u64) as usize * WAYS;
        set..set + WAYS
    }

    fn get(&self, key: u64) -> Option<&Place> {
        self.0[self.ways(key)].iter().find(|place| place.key == key)
    }

    /// The key's place; one of its own if it had none.
    fn take(&mut self, key: u64) -> &mut Place {
        let ways = self.ways(key);
        let ways = &mut self.0[ways];
        let at = ways.iter().position(|place| place.key == key).unwrap_or_else(|| {
            // of those that are taken, the one that has been quiet the longest, and that waits only if all do
            let order = |place: &Place| (place.key != 0, place.touched.max(place.until));
            let quiet = (0..ways.len()).min_by_key(|i| order(&ways[*i])).unwrap_or(0);
            ways[quiet] = Place { key, ..Place::default() };
            quiet
        });
        &mut ways[at]
    }

    /// How long it has to wait, ms.
    fn wait(&self, key: u64, now: i64) -> i64 {
        self.get(key).map_or(0, |place| if place.wait > 0 { place.until.saturating_sub(now).max(0) } else { 0 })
    }

    fn failed(&mut self, key: u64, most: usize, now: i64) {
        self.take(key).failed(most, now);
    }

    fn forget(&mut self, key: u64) {
        let ways = self.ways(key);
        if let Some(place) = self.0[ways].iter_mut().find(|place| place.key == key) {
            *place = Place::default();
        }
    }
}
