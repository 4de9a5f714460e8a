//! What follows from an attempt to deliver a callback. A function of what is known, without clock or chance of its own.

use sayso_model::moment::Moment;

use super::Callback;
use crate::record::later;

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered with 2xx in time.
    Taken,
    /// It was answered with 410: the receiver wants no more of it.
    Gone,
    /// Anything else: another answer, none in time, no connection, an address that may not be called.
    Failed {
        /// What the answer asked to wait (`Retry-After`), seconds.
        retry_after_s: Option<u32>,
    },
}

/// Why a callback is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dead {
    /// Its receiver said 410.
    Gone,
    /// It was tried for 24 h.
    TriedLongEnough,
}

/// What follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It is done.
    Delivered,
    /// It is given up.
    Dead(Dead),
    /// It waits for its next attempt, like this.
    Waits(Box<Callback>),
}

/// Waits after the first failed attempts, ms; all further ones are the last.
const WAITS_MS: [i64; 5] = [5_000, 30_000, 120_000, 600_000, 3_600_000];
/// The longest that a receiver can ask for, ms.
const LONGEST_ASKED_MS: i64 = 6 * 3_600_000;

impl Callback {
    /// The only way on. `chance`, 0 to 255, makes a wait longer by up to a tenth, so that what failed together isn't tried again together.
    /// The last attempt comes at the deadline, or as soon after it as there is somebody to make it.
    pub fn after(&self, outcome: Outcome, now: Moment, chance: u8) -> Step {
        let retry_after_s = match outcome {
            Outcome::Taken => return Step::Delivered,
            Outcome::Gone => return Step::Dead(Dead::Gone),
            Outcome::Failed { .. } if now >= self.deadline() => return Step::Dead(Dead::TriedLongEnough),
            Outcome::Failed { retry_after_s } => retry_after_s,
        };
        let attempt = usize::try_from(self.attempts).unwrap_or(usize::MAX).min(WAITS_MS.len() - 1);
        let asked = retry_after_s.map_or(0, |s| i64::from(s) * 1_000).min(LONGEST_ASKED_MS);
        let wait = WAITS_MS[attempt].max(asked);
        let wait = wait + wait / 10 * i64::from(chance) / 255;
        let next = later(now, wait).min(self.deadline());
        Step::Waits(Box::new(Self { attempts: self.attempts.saturating_add(1), next, ..self.clone() }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::TRIED_FOR_MS, *};
    use crate::testing::callback;

    const FAILED: Outcome = Outcome::Failed { retry_after_s: None };

    fn waits(step: Step) -> Callback {
        match step {
            Step::Waits(callback) => *callback,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_receiver_that_never_takes_it_is_asked_sooner_first_then_hourly_and_given_up_after_a_day() {
        let mut callback = callback();
        let mut moments = Vec::new();
        loop {
            moments.push((callback.next.0 - callback.queued.0) / 1_000);
            match callback.after(FAILED, callback.next, 0) {
                Step::Waits(next) => callback = *next,
                step => {
                    assert_eq!(step, Step::Dead(Dead::TriedLongEnough));
                    break;
                }
            }
        }
        assert_eq!(moments[..6], [0, 5, 35, 155, 755, 755 + 3_600]);
        assert!(moments[5..moments.len() - 1].windows(2).all(|pair| pair[1] - pair[0] == 3_600));
        assert_eq!(moments.last(), Some(&86_400));
    }

    #[test]
    fn an_answer_ends_it() {
        let callback = callback();
        assert_eq!(callback.after(Outcome::Taken, callback.next, 0), Step::Delivered);
        assert_eq!(callback.after(Outcome::Gone, callback.next, 0), Step::Dead(Dead::Gone));
    }

    #[test]
    fn a_receiver_may_ask_for_more_time_within_bounds() {
        let callback = callback();
        let wait = |retry_after_s| {
            let failed = Outcome::Failed { retry_after_s: Some(retry_after_s) };
            (waits(callback.after(failed, callback.next, 0)).next.0 - callback.next.0) / 1_000
        };
        assert_eq!(wait(0), 5, "it can't ask to be called faster");
        assert_eq!(wait(90), 90);
        assert_eq!(wait(u32::MAX), 6 * 3_600);
    }

    #[test]
    fn one_that_waited_past_its_day_is_tried_once_more_by_whoever_comes_back() {
        let callback = callback();
        let late = later(callback.queued, 3 * TRIED_FOR_MS);
        assert!(callback.next <= late, "it is due");
        assert_eq!(callback.after(FAILED, late, 0), Step::Dead(Dead::TriedLongEnough));
        assert_eq!(callback.after(Outcome::Taken, late, 0), Step::Delivered);
    }

    proptest! {
        #[test]
        fn the_next_attempt_is_never_earlier_than_now_nor_after_the_deadline(
            attempts: u32, passed in 0..TRIED_FOR_MS, asked: Option<u32>, chance: u8,
        ) {
            let callback = Callback { attempts, ..callback() };
            let now = later(callback.queued, passed);
            let next = waits(callback.after(Outcome::Failed { retry_after_s: asked }, now, chance));
            prop_assert!(next.next > now && next.next <= callback.deadline());
            prop_assert_eq!((&next.id, &next.url, &next.body), (&callback.id, &callback.url, &callback.body));
        }
    }
}
