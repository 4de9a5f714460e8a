//! Who sends next, when more long answers are under way than there are cores: the one that was begun first.
//!
//! Taking turns by bytes alone lets those fall behind whose socket is full when their turn comes: among 64 readers of pages of 5 MB the
//! slowest page in a hundred took twice as long as the middle one. In the order of their beginnings each page waits for those before it and
//! for no other; and few are under way at a time, so that what was written is still in the processor's cache when it is read. Whoever can't
//! go on, since the reader is slower than we are, leaves their place to the next, and comes before all later ones when the reader has taken
//! something.
//!
//! The first bytes of every answer go out without a place ([`FREE`]), so that a short one never waits for long ones; and a place in the
//! line is good for a certain number of bytes ([`SHARE`]), so that a page of gigabytes doesn't hold up all others.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;

/// Bytes of an answer that need no place.
pub(crate) const FREE: u64 = 256 << 10;
/// Bytes after which an answer takes a new place, behind all that are there.
pub(crate) const SHARE: u64 = 8 << 20;

/// The line of all connections of a server.
#[derive(Debug)]
pub(crate) struct Line(Mutex<State>);

#[derive(Debug)]
struct State {
    /// The number of the next place.
    next: u64,
    /// How many may send at once.
    at_once: usize,
    /// How many more may. Nobody waits while it isn't 0.
    free: usize,
    waiting: BTreeMap<u64, Waker>,
    /// Who was let in and hasn't seen it yet.
    called: HashSet<u64>,
}

impl Line {
    /// A line of which so many may send at once.
    pub(crate) fn new(at_once: usize) -> Arc<Self> {
        let state = State { next: 0, at_once, free: at_once, waiting: BTreeMap::new(), called: HashSet::new() };
        Arc::new(Self(Mutex::new(state)))
    }

    /// A line of which as many may send at once as there are cores. One that waits for its reader isn't among them.
    pub(crate) fn of_cores() -> Arc<Self> {
        Self::new(sayso_store::cores())
    }

    /// Whether one answer is sent at the most, and none waits.
    pub(crate) fn is_quiet(&self) -> bool {
        self.0.lock().is_quiet()
    }

    /// The same, where another thread is left for everything else.
    pub(crate) fn leaves_a_thread(&self) -> bool {
        let state = self.0.lock();
        state.at_once > 1 && state.is_quiet()
    }
}

impl State {
    fn is_quiet(&self) -> bool {
        self.waiting.is_empty() && self.free + 1 >= self.at_once
    }
}

/// One answer's place in the line.
#[derive(Debug)]
pub(crate) struct Place {
    line: Arc<Line>,
    number: u64,
    stands: Stands,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// It wants nothing now.
    Aside,
    /// It waits, or was called.
    InLine,
    /// It may send.
    AtTheHead,
}

impl Place {
    /// The last place of the line.
    pub(crate) fn behind_all(line: &Arc<Line>) -> Self {
        let mut state = line.0.lock();
        let number = state.next;
        state.next += 1;
        Self { line: Arc::clone(line), number, stands: Stands::Aside }
    }

    /// Ready when this answer may send; until it [steps aside](Self::step_aside).
    pub(crate) fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.line.0.lock();
        match self.stands {
            Stands::AtTheHead => return Poll::Ready(()),
            Stands::InLine if state.called.remove(&self.number) => {}
            Stands::Aside if state.free > 0 => state.free -= 1,
            Stands::InLine | Stands::Aside => {
                state.waiting.insert(self.number, cx.waker().clone());
                self.stands = Stands::InLine;
                return Poll::Pending;
            }
        }
        self.stands = Stands::AtTheHead;
        Poll::Ready(())
    }

    /// Whether an answer waits that was begun before this one.
    pub(crate) fn is_overtaken(&self) -> bool {
        self.line.0.lock().waiting.first_key_value().is_some_and(|(first, _)| *first < self.number)
    }

    /// Lets the next one send, when this one was to.
    pub(crate) fn step_aside(&mut self) {
        let mut state = self.line.0.lock();
        let may_send = match self.stands {
            Stands::AtTheHead => true,
            Stands::InLine => state.waiting.remove(&self.number).is_none() && state.called.remove(&self.number),
            Stands::Aside => false,
        };
        self.stands = Stands::Aside;
        if !may_send {
            return;
        }
        match state.waiting.pop_first() {
            Some((next, waker)) => {
                state.called.insert(next);
                drop(state);
                waker.wake();
            }
            None => state.free += 1,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.step_aside();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn may_send(place: &mut Place) -> bool {
        place.poll_turn(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn the_one_that_was_begun_first_is_next_whenever_it_asks() {
        let line = Line::new(1);
        let [mut first, mut second, mut third] = [(); 3].map(|()| Place::behind_all(&line));
        assert!(may_send(&mut third));
        assert!(!may_send(&mut second) && !may_send(&mut first));
        assert!(third.is_overtaken());
        third.step_aside();
        assert!(!may_send(&mut second) && may_send(&mut first));
        assert!(!first.is_overtaken(), "who waits was begun later");
        // Nobody else waits while the reader of the second one takes its time.
        first.step_aside();
        assert!(may_send(&mut second));
        second.step_aside();
        assert!(may_send(&mut third));
    }

    #[test]
    fn a_connection_that_ends_leaves_its_place_to_the_next() {
        let line = Line::new(1);
        let [mut sending, mut called, mut waiting] = [(); 3].map(|()| Place::behind_all(&line));
        assert!(may_send(&mut sending) && !may_send(&mut called) && !may_send(&mut waiting));
        drop(sending);
        drop(called); // it hasn't seen that it was let in
        assert!(may_send(&mut waiting));
        drop(waiting);
        assert_eq!(line.0.lock().free, 1);
    }

    proptest! {
        /// Whatever happens, no more send than may, none waits while there is room, and all have gone in the end.
        #[test]
        fn no_place_is_lost_and_none_is_given_twice(
            at_once in 1_usize..4,
            steps in prop::collection::vec((0_usize..8, 0_u8..4), 1..200),
        ) {
            let line = Line::new(at_once);
            let mut places: Vec<Option<Place>> = (0..8).map(|_| None).collect();
            for (who, step) in steps {
                let place = &mut places[who];
                match step {
                    0 => *place = None,
                    1 => place.iter_mut().for_each(Place::step_aside),
                    _ => _ = may_send(place.get_or_insert_with(|| Place::behind_all(&line))),
                }
                let sending = places.iter().flatten().filter(|place| place.stands == Stands::AtTheHead).count();
                let state = line.0.lock();
                prop_assert_eq!(sending + state.called.len() + state.free, at_once);
                prop_assert!(state.free == 0 || state.waiting.is_empty());
            }
            drop(places);
            prop_assert_eq!(line.0.lock().free, at_once);
        }
    }
}
