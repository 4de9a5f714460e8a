use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A brake and its time, at one address unless another is named.
struct Brake(Throttle, i64);

impl Brake {
    fn new() -> Self {
        Self(Throttle::new(10), 1_795_514_400_000)
    }
    fn later(&mut self, ms: i64) {
        self.1 += ms;
    }
    /// Seconds to wait; 0: it is looked at.
    fn wait(&self, identity: &str, address: &str) -> u32 {
        self.0.admit(identity, ip(address), Moment(self.1)).err().map_or(0, |Wait(seconds)| seconds)
    }
    fn fail(&self, times: usize, identity: &str, address: &str) {
        for _ in 0..times {
            self.0.failed(identity, ip(address), Moment(self.1));
        }
    }
    fn succeed(&self, identity: &str, address: &str) {
        self.0.succeeded(identity, ip(address), Moment(self.1));
    }
}

#[test]
fn ten_failures_in_ten_minutes_are_too_many_and_each_further_one_doubles_the_wait() {
    let mut brake = Brake::new();
    brake.fail(9, "a", "192.0.2.1");
    assert_eq!(brake.wait("a", "192.0.2.1"), 0);
    brake.fail(1, "a", "192.0.2.1");
    let mut waits = Vec::new();
    for _ in 0..7 {
        let wait = brake.wait("A", "192.0.2.1");
        waits.push(wait);
        assert_eq!((brake.wait("b", "192.0.2.1"), brake.wait("a", "192.0.2.2")), (0, 0));
        brake.later(i64::from(wait) * SECOND - 1);
        assert_eq!(brake.wait("a", "192.0.2.1"), 1);
        brake.later(1);
        assert_eq!(brake.wait("a", "192.0.2.1"), 0);
        brake.fail(1, "a", "192.0.2.1");
    }
    assert_eq!(waits, [30, 60, 120, 240, 480, 900, 900]);
    // ten minutes of rest after a wait, and it begins anew
    brake.later(900 * SECOND + WINDOW);
    brake.fail(9, "a", "192.0.2.1");
    assert_eq!(brake.wait("a", "192.0.2.1"), 0);
    brake.fail(1, "a", "192.0.2.1");
    assert_eq!(brake.wait("a", "192.0.2.1"), 30);
}

#[test]
fn failures_count_for_ten_minutes() {
    let mut brake = Brake::new();
    brake.fail(9, "a", "192.0.2.1");
    brake.later(10 * MINUTE);
    brake.fail(9, "a", "192.0.2.1");
    assert_eq!(brake.wait("a", "192.0.2.1"), 0);
    brake.later(10 * MINUTE - 1);
    brake.fail(1, "a", "192.0.2.1");
    assert_eq!(brake.wait("a", "192.0.2.1"), 30);
}

#[test]
fn an_address_that_tries_many_identities_waits_with_all_of_them() {
    let brake = Brake::new();
    for i in 0..49 {
        brake.fail(1, &format!("a{i}"), "192.0.2.1");
    }
    assert_eq!(brake.wait("new", "192.0.2.1"), 0);
    // a success of its own does not wash it clean, nor do ids that nobody has
    brake.succeed("own", "192.0.2.1");
    brake.fail(1, "", "192.0.2.1");
    assert_eq!((brake.wait("new", "192.0.2.1"), brake.wait("own", "192.0.2.1")), (30, 30));
    assert_eq!((brake.wait("", "192.0.2.1"), brake.wait("new", "192.0.2.2")), (30, 0));
}

#[test]
fn an_identity_that_is_tried_from_everywhere_waits_but_where_it_succeeded_within_a_day() {
    let mut brake = Brake::new();
    brake.succeed("a", "192.0.2.1");
    brake.later(KNOWN - 1 - 10 * SECOND);
    for i in 0..100 {
        brake.fail(1, "a", &format!("198.51.100.{i}"));
    }
    brake.later(10 * SECOND);
    assert_eq!(brake.wait("a", "198.51.100.200"), 20, "a stranger");
    assert_eq!(brake.wait("a", "192.0.2.1"), 0, "the client itself");
    assert_eq!(brake.wait("b", "198.51.100.200"), 0, "another identity");
    brake.later(1);
    assert_eq!(brake.wait("a", "192.0.2.1"), 20, "a day later");
}

#[test]
fn a_success_forgives_the_failures_of_its_identity_at_its_address() {
    let brake = Brake::new();
    brake.fail(9, "a", "192.0.2.1");
    brake.succeed("a", "192.0.2.1");
    brake.fail(9, "a", "192.0.2.1");
    assert_eq!(brake.wait("a", "192.0.2.1"), 0);
}

#[test]
fn a_customer_s_whole_network_is_one_address_and_both_ways_to_write_one_are_one() {
    let brake = Brake::new();
    for i in 0..10 {
        brake.fail(1, "a", &format!("2001:db8:1:2::{i}"));
    }
    assert_eq!((brake.wait("a", "2001:db8:1:2:ffff::9"), brake.wait("a", "2001:db8:1:3::1")), (30, 0));
    brake.fail(10, "b", "::ffff:192.0.2.1");
    assert_eq!(brake.wait("b", "192.0.2.1"), 30);
}

#[test]
fn bad_tokens_are_counted_apart_from_sign_ins() {
    let mut brake = Brake::new();
    let bad = |brake: &Brake| brake.0.bad_token(ip("192.0.2.1"), Moment(brake.1));
    for _ in 0..50 {
        assert_eq!(bad(&brake), Ok(()));
    }
    assert_eq!(bad(&brake), Err(Wait(30)));
    assert_eq!(brake.wait("a", "192.0.2.1"), 0);
    brake.later(30 * SECOND);
    assert_eq!((bad(&brake), bad(&brake)), (Ok(()), Err(Wait(60))));
}

#[test]
fn zero_lets_everything_happen() {
    let brake = Brake(Throttle::new(0), 0);
    brake.fail(1000, "a", "192.0.2.1");
    brake.succeed("a", "192.0.2.1");
    assert_eq!(brake.wait("a", "192.0.2.1"), 0);
    assert_eq!(brake.0.bad_token(ip("192.0.2.1"), Moment(0)), Ok(()));
}

#[test]
fn a_flood_of_strangers_takes_no_more_memory_and_makes_nobody_s_wait_forgotten() {
    let mut brake = Brake::new();
    brake.fail(10, "a", "192.0.2.1");
    for i in 0..100_000_u32 {
        let address = IpAddr::from(std::net::Ipv4Addr::from_bits(0x0a00_0000 + i));
        brake.0.failed(&format!("b{i}"), address, Moment(brake.1));
    }
    assert_eq!(brake.wait("a", "192.0.2.1"), 30);
    let state = brake.0.state.lock();
    assert_eq!((state.pairs.0.len(), state.addresses.0.len(), state.identities.0.len()), (8192, 4096, 2048));
    let kept = |table: &Table| table.0.iter().map(|place| place.failures.len()).max();
    assert!(kept(&state.pairs) <= Some(10) && kept(&state.addresses) <= Some(50));
    drop(state);
    brake.later(30 * SECOND);
    assert_eq!(brake.wait("a", "192.0.2.1"), 0);
}

/// The rule over whole histories, without tables, places or hashes: until when these failures, each at its time, make one wait.
fn until(failures: &[i64], most: usize) -> i64 {
    let (mut until, mut wait, mut counted) = (i64::MIN, 0, 0);
    for (i, now) in failures.iter().enumerate() {
        if *now < until {
            continue;
        }
        if wait > 0 && *now < until + WINDOW {
            wait = (2 * wait).min(LONGEST_WAIT);
            until = now + wait;
            counted = i + 1;
            continue;
        }
        wait = 0;
        if failures[counted..=i].iter().filter(|at| *now < *at + WINDOW).count() >= most {
            wait = FIRST_WAIT;
            until = now + wait;
            counted = i + 1;
        }
    }
    until
}

#[derive(Debug, Clone)]
enum Step {
    Later(i64),
    Try { identity: usize, address: usize, good: bool },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let later = prop_oneof![0..SECOND, 0..MINUTE, 0..20 * MINUTE, Just(KNOWN)].prop_map(Step::Later);
    let tried = (0..3_usize, 0..4_usize, proptest::bool::weighted(0.1))
        .prop_map(|(identity, address, good)| Step::Try { identity, address, good });
    proptest::collection::vec(prop_oneof![1 => later, 8 => tried], 0..400)
}

proptest! {
    /// Whatever happens in whatever order, it waits whom the rule says, and as long.
    #[test]
    fn the_brake_does_what_the_rule_says_of_the_whole_history(steps in steps()) {
        let throttle = Throttle::new(2);
        let (identities, addresses) = (["a", "b", "c"], ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8:0:1::1"].map(ip));
        let mut now = 0;
        let mut pairs: HashMap<(usize, usize), Vec<i64>> = HashMap::new();
        let mut by_address: HashMap<usize, Vec<i64>> = HashMap::new();
        let mut by_identity: HashMap<usize, Vec<i64>> = HashMap::new();
        let mut known: HashMap<(usize, usize), i64> = HashMap::new();
        for step in steps {
            let (identity, address, good) = match step {
                Step::Later(ms) => { now += ms; continue }
                Step::Try { identity, address, good } => (identity, address, good),
            };
            let of = |failures: Option<&Vec<i64>>, most| failures.map_or(i64::MIN, |failures| until(failures, most));
            let mut end = of(pairs.get(&(identity, address)), 2).max(of(by_address.get(&address), 10));
            if known.get(&(identity, address)).is_none_or(|at| now >= at + KNOWN) {
                end = end.max(of(by_identity.get(&identity), 20));
            }
            let expected = if end > now { Err(Wait(u32::try_from((end - now + 999) / 1000).unwrap())) } else { Ok(()) };
            let admitted = throttle.admit(identities[identity], addresses[address], Moment(now));
            prop_assert_eq!(admitted, expected);
            if admitted.is_err() {
                continue;
            }
            if good {
                throttle.succeeded(identities[identity], addresses[address], Moment(now));
                pairs.remove(&(identity, address));
                known.insert((identity, address), now);
            } else {
                throttle.failed(identities[identity], addresses[address], Moment(now));
                pairs.entry((identity, address)).or_default().push(now);
                by_address.entry(address).or_default().push(now);
                by_identity.entry(identity).or_default().push(now);
            }
        }
    }
}
