//! How many requests an account may make: so many a minute, in one go or spread, and what was used comes back
//! evenly (a generic cell rate algorithm, ITU-T I.371). Counted after authentication, since only then it is known whose they are.
//!
//! An account needs one number: the moment at which its quota is whole again. The crates that do this ask a clock of their own and
//! keep an account out when that is set back; here the moment is the store's, which tests set, and no wait is longer than the window.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, OnceLock},
};

use hyper::{
    HeaderMap,
    header::{HeaderName, HeaderValue},
};
use parking_lot::Mutex;
use sayso_model::{id::AccountNo, moment::Moment};

use crate::http::answer::own_header;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Over how many seconds the quota is given.
const WINDOW_S: u64 = 60;
const SECOND: u64 = 1_000_000_000;

/// The requests of all accounts.
pub(crate) struct Limits {
    per_minute: NonZeroU32,
    /// When each account's quota is whole again, ns.
    whole: Mutex<HashMap<AccountNo, u64>>,
}

/// How an account stands after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) admitted: bool,
    pub(crate) per_minute: NonZeroU32,
    /// Requests that it may make at once.
    pub(crate) remaining: u32,
    /// Seconds until its quota is whole again; of one that is refused, until it may make a request.
    pub(crate) seconds: u64,
}

/// Where a request keeps how its account stands, once it is known whose it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told(Arc<OnceLock<Standing>>);

impl Told {
    /// Keeps it.
    pub(super) fn set(&self, standing: Standing) {
        // a request is counted once
        let _ = self.0.set(standing);
    }

    /// What is known.
    pub(crate) fn get(&self) -> Option<&Standing> {
        self.0.get()
    }
}

impl Limits {
    /// So many requests a minute for each account.
    pub(crate) fn new(per_minute: NonZeroU32) -> Self {
        Self { per_minute, whole: Mutex::default() }
    }

    /// Counts a request of an account, unless it has made too many.
    pub(crate) fn admit(&self, account: AccountNo, now: Moment) -> Standing {
        let each = WINDOW_S * SECOND / u64::from(self.per_minute.get());
        let window = each * u64::from(self.per_minute.get());
        let now = u64::try_from(now.0).unwrap_or(0).saturating_mul(1_000_000);
        let mut accounts = self.whole.lock();
        let whole = accounts.entry(account).or_insert(now);
        // what was used before is back; and a clock that was set back keeps nobody out for longer than the window
        *whole = (*whole).clamp(now, now + window);
        let used = *whole - now;
        let admitted = used + each <= window;
        let (used, wait) = if admitted { (used + each, used + each) } else { (used, used + each - window) };
        *whole = now + used;
        let remaining = u32::try_from((window - used) / each).unwrap_or(u32::MAX);
        Standing { admitted, per_minute: self.per_minute, remaining, seconds: wait.div_ceil(SECOND) }
    }
}

impl Standing {
    /// Tells it in an answer's `RateLimit` and `RateLimit-Policy` fields (draft-ietf-httpapi-ratelimit-headers-10, 3 and 4).
    pub(crate) fn tell(&self, headers: &mut HeaderMap<HeaderValue>) {
        let Self { per_minute, remaining, seconds, .. } = self;
        headers.insert(RATE_LIMIT_POLICY, own_header(&format!("\"account\";q={per_minute};w={WINDOW_S}")));
        headers.insert(RATE_LIMIT, own_header(&format!("\"account\";r={remaining};t={seconds}")));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ONE: AccountNo = AccountNo(1);

    fn limits(per_minute: u32) -> Limits {
        Limits::new(NonZeroU32::new(per_minute).unwrap())
    }

    /// Whether a request is let in at a moment, ms; what remains; and the seconds.
    fn at(limits: &Limits, ms: i64) -> (bool, u32, u64) {
        let Standing { admitted, remaining, seconds, .. } = limits.admit(ONE, Moment(ms));
        (admitted, remaining, seconds)
    }

    #[test]
    fn a_quota_may_be_used_at_once_and_comes_back_evenly() {
        let limits = limits(3);
        assert_eq!(at(&limits, 1_000), (true, 2, 20));
        assert_eq!(at(&limits, 1_000), (true, 1, 40));
        assert_eq!(at(&limits, 1_000), (true, 0, 60));
        assert_eq!(at(&limits, 1_000), (false, 0, 20));
        assert_eq!(at(&limits, 20_999), (false, 0, 1));
        assert_eq!(at(&limits, 21_000), (true, 0, 60));
        assert_eq!(at(&limits, 21_000), (false, 0, 20));
        assert_eq!(at(&limits, 500_000), (true, 2, 20), "no more than the quota is saved");
    }

    #[test]
    fn one_account_takes_nothing_from_another() {
        let limits = limits(1);
        assert!(limits.admit(ONE, Moment(5)).admitted && !limits.admit(ONE, Moment(5)).admitted);
        assert!(limits.admit(AccountNo(2), Moment(5)).admitted);
    }

    #[test]
    fn a_clock_that_is_set_back_keeps_nobody_out_for_longer_than_a_minute() {
        let limits = limits(2);
        assert!(at(&limits, 100_000_000).0 && at(&limits, 100_000_000).0);
        assert_eq!(at(&limits, 1_000), (false, 0, 30));
        assert!(at(&limits, 31_000).0);
    }

    proptest! {
        /// In no minute are there more than twice as many as the quota, whenever they come, and who waits as told is let in.
        #[test]
        fn the_rate_holds(per_minute in prop_oneof![1..10_u32, 300..310_u32, Just(600_000), Just(u32::MAX)],
                          steps in proptest::collection::vec(0..30_000_i64, 1..200)) {
            let limits = limits(per_minute);
            let (mut now, mut let_in) = (1_700_000_000_000, Vec::new());
            for step in steps {
                now += step;
                let (admitted, remaining, seconds) = at(&limits, now);
                prop_assert!(remaining < per_minute && (1..=60).contains(&seconds));
                if admitted {
                    let_in.push(now);
                } else {
                    now += i64::try_from(seconds).unwrap() * 1_000;
                    prop_assert!(at(&limits, now).0);
                    let_in.push(now);
                }
            }
            for (i, first) in let_in.iter().enumerate() {
                let within = let_in[i..].iter().take_while(|t| **t < first + 60_000).count();
                prop_assert!(within as u64 <= 2 * u64::from(per_minute));
            }
        }
    }
}
