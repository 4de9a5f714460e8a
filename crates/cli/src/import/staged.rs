//! What is staged: where each record stands in the files, and which members of it the server passed over.

use std::{
    collections::{BTreeMap, btree_map},
    path::PathBuf,
};

use sayso_client::UnknownMember;

use super::pieces::Lines;

/// A piece that the server has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Staged {
    /// The number of its first record.
    pub(super) first: u64,
    /// Where its records stand.
    pub(super) lines: Lines,
    /// Members of them that a profile doesn't have, as far as the server told.
    pub(super) unknown: Vec<UnknownMember>,
}

/// All pieces that the server has.
#[derive(Debug, Default)]
pub(super) struct StagedPieces {
    lines: BTreeMap<u64, Lines>,
    unknown: BTreeMap<u64, Vec<UnknownMember>>,
    unnumbered: Vec<UnknownMember>,
}

impl StagedPieces {
    /// Adds one.
    pub(super) fn add(&mut self, piece: Staged) {
        self.lines.insert(piece.first, piece.lines);
        for member in piece.unknown {
            match member.sequence {
                Some(sequence) => self.unknown.entry(sequence).or_default().push(member),
                None => self.unnumbered.push(member),
            }
        }
    }

    /// How many records they have.
    pub(super) fn records(&self) -> u64 {
        self.lines.values().map(Lines::len).sum()
    }

    /// File and line of the record with this number.
    pub(super) fn place(&self, sequence: u64) -> Option<(usize, u64)> {
        let (first, lines) = self.lines.range(..=sequence).next_back()?;
        lines.at(sequence - first)
    }

    /// Numbers of records and the members of them that were passed over, ascending.
    pub(super) fn unknown(&self) -> btree_map::Iter<'_, u64, Vec<UnknownMember>> {
        self.unknown.iter()
    }

    /// Members that were passed over in records that the server doesn't name.
    pub(super) fn unnumbered(&self) -> &[UnknownMember] {
        &self.unnumbered
    }

    /// How many records the server told of one by one that have members which were passed over.
    pub(super) fn told(&self) -> u64 {
        let unnumbered = u64::from(!self.unnumbered.is_empty());
        self.unknown.len() as u64 + unnumbered
    }

    /// The first member that was passed over, in words, as far as it is known where it stands.
    pub(super) fn first_unknown(&self, files: &[PathBuf]) -> Option<String> {
        let (sequence, member) = match self.unknown.first_key_value() {
            Some((sequence, members)) => (Some(*sequence), members.first()?),
            None => (None, self.unnumbered.first()?),
        };
        let place = sequence.and_then(|sequence| self.place(sequence));
        let place = place.and_then(|(file, line)| Some((files.get(file)?, line)));
        Some(match place {
            Some((file, line)) => format!("{} line {line}, {}", file.display(), member.path),
            None => member.path.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(sequence: Option<u64>, path: &str) -> UnknownMember {
        UnknownMember { sequence, path: path.into(), message: "was passed over".into() }
    }

    #[test]
    fn the_first_member_that_was_passed_over_is_told_with_its_line_as_far_as_it_is_known() {
        let files = [PathBuf::from("a.ndjson"), PathBuf::from("b.ndjson")];
        let mut all = StagedPieces::default();
        assert_eq!((all.told(), all.first_unknown(&files)), (0, None));
        all.add(Staged { first: 1, lines: Lines::default(), unknown: vec![member(None, "Shoe")] });
        assert_eq!((all.told(), all.first_unknown(&files).unwrap()), (1, "Shoe".to_owned()));
        let mut lines = Lines::default();
        lines.push(1, 7);
        lines.push(1, 9);
        // The later piece comes first: calls are answered in any order.
        all.add(Staged { first: 12, lines: lines.clone(), unknown: vec![member(Some(13), "Hat")] });
        all.add(Staged {
            first: 10,
            lines,
            unknown: vec![member(Some(11), "Emails[0].Mail"), member(Some(11), "Coat")],
        });
        assert_eq!((all.told(), all.records()), (3, 4));
        assert_eq!(all.first_unknown(&files).unwrap(), "b.ndjson line 9, Emails[0].Mail");
        assert_eq!([10, 13, 14].map(|n| all.place(n)), [Some((1, 7)), Some((1, 9)), None]);
    }
}
