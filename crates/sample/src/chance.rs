//! The generator and what is drawn from it. Only integers: a float could round differently on another machine, and the
//! same seed must give the same bytes everywhere.

use std::ops::Range;

use rand_core::Rng;
use rand_pcg::Pcg64Mcg;

/// A generator for one purpose, started from numbers that name the purpose.
pub(crate) struct Chance(Pcg64Mcg);

impl Chance {
    /// Starts from (seed, purpose, number). The three are mixed first: PCG states that differ in a few bits give streams
    /// that look alike at their beginning, and a profile uses nothing but the beginning.
    pub(crate) fn new(seed: u64, purpose: u64, number: u64) -> Self {
        let high = mix(mix(seed ^ mix(purpose)) ^ number);
        let low = mix(high ^ number);
        Self(Pcg64Mcg::new(u128::from(high) << 64 | u128::from(low)))
    }

    /// A number below `n`. Multiply and shift instead of a remainder: quicker, and its bias (n in 2^32) shows in no sample.
    pub(crate) fn below(&mut self, n: u32) -> u32 {
        ((u64::from(self.0.next_u32()) * u64::from(n)) >> 32) as u32
    }

    /// A number of the range, which must not be empty.
    pub(crate) fn within(&mut self, range: Range<u32>) -> u32 {
        range.start + self.below(range.end - range.start)
    }

    /// True in `p` of a hundred cases.
    pub(crate) fn percent(&mut self, p: u32) -> bool {
        self.below(100) < p
    }

    /// One of the choices, each as often as the next.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u32) as usize]
    }

    /// The first, second, … choice with these percentages; the last takes what is left of the hundred.
    pub(crate) fn shares<T: Copy>(&mut self, shares: &[(u32, T)], rest: T) -> T {
        let mut n = self.below(100);
        for &(share, choice) in shares {
            if n < share {
                return choice;
            }
            n -= share;
        }
        rest
    }
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): every bit of the input moves every bit of the output.
fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    n ^ (n >> 31)
}
