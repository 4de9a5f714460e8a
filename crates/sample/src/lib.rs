//! Plausible people as NDJSON, the same bytes for the same seed, and the account they fit.
//!
//! A line is a profile as a caller would send it (profile.md): no ProfileId, no read-only members. Places, names and area
//! codes are real and drawn as often as they occur (`data/README.md`), so that a segment over Georgia or over everybody
//! called Smith has the share that it would have in life.
//!
//! Every profile is drawn from a generator of its own, started from (seed, index). So profile 7 of a seed is the same
//! bytes whether it was made alone, first, last, or by another thread, and a load test can split a range as it likes.
//!
//! | room | what is in it |
//! |---|---|
//! | `chance` | the generator and what is drawn from it |
//! | `tables` | the data files, weighted |
//! | `words` | our own lists: streets, companies, interests, accents |
//! | `person` | who somebody is: name, home, age, since when |
//! | `line` | that somebody's line |
//!
//! ```
//! let mut out = Vec::new();
//! sayso_sample::write_profiles(&mut out, 3, 42)?;
//! assert_eq!(out.iter().filter(|&&byte| byte == b'\n').count(), 3);
//! # Ok::<(), std::io::Error>(())
//! ```

mod chance;
mod line;
mod person;
mod tables;
#[cfg(test)]
mod tests;
mod words;

use std::io;

use crate::{person::Person, tables::Tables};

/// The account that the profiles fit, as the file that `sayso account create --from` takes (configuration.md).
pub const ACCOUNT_TOML: &str = include_str!("account.toml");

/// How much is gathered before it is written: big enough that the calls don't count, small enough to stay in the cache.
const PIECE: usize = 256 * 1024;

/// Makes the profiles of one seed, in any order. Cheap to share: nothing in it changes.
#[derive(Debug)]
pub struct Sampler {
    seed: u64,
    tables: Tables,
}

impl Sampler {
    /// A sampler of this seed. Reads the built-in tables, which takes a few milliseconds: make one and share it.
    pub fn new(seed: u64) -> Self {
        Self { seed, tables: Tables::new() }
    }

    /// Appends profile number `index` (from 0) as one line with its line feed, 1,024 to 4,096 bytes. The bytes depend on seed and
    /// index alone; what is unique in an account (`CRM` and `Loyalty` ids) depends on the index alone, emails carry the index, so that samples
    /// of two seeds stand for the same customers with other lives.
    pub fn profile(&self, index: u64, buf: &mut Vec<u8>) {
        let (person, mut chance) = Person::draw(&self.tables, self.seed, index);
        line::write(&person, &self.tables, &mut chance, buf);
    }
}

/// Writes the first `profiles` profiles of a seed, one a line.
pub fn write_profiles(out: &mut impl io::Write, profiles: u64, seed: u64) -> io::Result<()> {
    let sampler = Sampler::new(seed);
    let mut buf = Vec::with_capacity(PIECE + 4096);
    for index in 0..profiles {
        sampler.profile(index, &mut buf);
        if buf.len() >= PIECE {
            out.write_all(&buf)?;
            buf.clear();
        }
    }
    out.write_all(&buf)?;
    out.flush()
}
