//! Ids of profiles as they are found, in any order and many times over: each once in the end, in memory that grows with the number of
//! profiles and not with that of finds.

use sayso_model::id::ProfileId;

/// Ids that are kept as they came before those that came twice are left out: 1 MiB of them.
const FEW: usize = 1 << 17;

/// Some profiles of an account.
#[derive(Debug, PartialEq, Eq)]
pub enum ProfileIds {
    /// Few: their ids, ascending.
    Listed(Vec<ProfileId>),
    /// So many that a bit for each profile that there is takes less.
    Marked(Marks),
}

/// A bit for each id below a bound.
#[derive(Debug, PartialEq, Eq)]
pub struct Marks(Vec<u64>);

impl Marks {
    fn below(end: u64) -> Self {
        Self(vec![0; usize::try_from(end.div_ceil(64)).unwrap_or(usize::MAX)])
    }

    fn mark(&mut self, id: ProfileId) {
        if let Some(word) = usize::try_from(id.0 / 64).ok().and_then(|at| self.0.get_mut(at)) {
            *word |= 1 << (id.0 % 64);
        }
    }

    /// Whether it is one of them.
    pub fn has(&self, id: ProfileId) -> bool {
        let word = usize::try_from(id.0 / 64).ok().and_then(|at| self.0.get(at));
        word.is_some_and(|word| word >> (id.0 % 64) & 1 == 1)
    }
}

impl ProfileIds {
    /// Leaves out those that `stays` doesn't name.
    pub fn into_listed(self, stays: &[ProfileId]) -> Vec<ProfileId> {
        match self {
            Self::Listed(ids) => ids.into_iter().filter(|id| stays.binary_search(id).is_ok()).collect(),
            Self::Marked(marks) => stays.iter().copied().filter(|id| marks.has(*id)).collect(),
        }
    }
}

/// Gathers them.
pub(crate) struct Gathering {
    few: Vec<ProfileId>,
    marks: Option<Marks>,
    /// No profile has this id or a higher one: what is found with one was deleted.
    end: u64,
}

impl Gathering {
    /// Of an account whose profiles have lower ids than `end`.
    pub(crate) fn below(end: u64) -> Self {
        Self { few: Vec::new(), marks: None, end }
    }

    pub(crate) fn add(&mut self, id: ProfileId) {
        match &mut self.marks {
            Some(marks) => marks.mark(id),
            None => {
                self.few.push(id);
                if self.few.len() >= FEW {
                    self.shrink();
                }
            }
        }
    }

    /// Leaves out what came twice; where that is little, goes on with marks.
    fn shrink(&mut self) {
        sort(&mut self.few);
        if self.few.len() > FEW / 2 {
            let marks = self.marks.insert(Marks::below(self.end));
            self.few.drain(..).for_each(|id| marks.mark(id));
        }
    }

    pub(crate) fn end(mut self) -> ProfileIds {
        match self.marks {
            Some(marks) => ProfileIds::Marked(marks),
            None => {
                sort(&mut self.few);
                ProfileIds::Listed(self.few)
            }
        }
    }
}

fn sort(ids: &mut Vec<ProfileId>) {
    ids.sort_unstable();
    ids.dedup();
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn gathered(ids: impl IntoIterator<Item = u64>, end: u64) -> ProfileIds {
        let mut gathering = Gathering::below(end);
        ids.into_iter().for_each(|id| gathering.add(ProfileId(id)));
        gathering.end()
    }

    #[test]
    fn what_is_found_again_and_again_takes_no_more_memory() {
        let mut gathering = Gathering::below(1 << 40);
        for find in 0..10 * FEW as u64 {
            gathering.add(ProfileId(find % 1_000));
        }
        assert!(gathering.few.capacity() <= 2 * FEW && gathering.marks.is_none());
        assert_eq!(gathering.end(), ProfileIds::Listed((0..1_000).map(ProfileId).collect()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn many_are_marked_and_few_are_listed_each_once(
            many: bool, seed: u64, stays in prop::collection::btree_set(1u64..300_000, 0..50),
        ) {
            let count = if many { 2 * FEW as u64 } else { 1_000 };
            let ids = || (0..count).map(|n| 1 + (n.wrapping_mul(seed | 1) >> 7) % 300_000);
            let wanted: BTreeSet<u64> = ids().collect();
            let found = gathered(ids(), 300_001);
            match &found {
                ProfileIds::Listed(ids) => prop_assert!(ids.iter().map(|id| id.0).eq(wanted.iter().copied())),
                ProfileIds::Marked(marks) => {
                    prop_assert!((0..300_100).all(|id| marks.has(ProfileId(id)) == wanted.contains(&id)));
                    prop_assert!(wanted.len() > FEW / 2);
                }
            }
            let stays: Vec<ProfileId> = stays.into_iter().map(ProfileId).collect();
            let both: Vec<u64> = stays.iter().map(|id| id.0).filter(|id| wanted.contains(id)).collect();
            prop_assert!(found.into_listed(&stays).iter().map(|id| id.0).eq(both));
        }
    }

    #[test]
    fn an_id_that_no_profile_has_is_passed_over() {
        let found = gathered((1..=2 * FEW as u64).chain([u64::MAX]), 2 * FEW as u64 + 1);
        let ProfileIds::Marked(marks) = found else { panic!("they are many") };
        assert!(marks.has(ProfileId(5)) && !marks.has(ProfileId(u64::MAX)) && !marks.has(ProfileId(0)));
    }
}
