//! What a row's cuts leave of it under output settings, without parsing.

use std::ops::Range;

use super::{Cut, Part};
use crate::config::Output;

fn removes(output: Output, part: Part) -> bool {
    match part {
        Part::Preferences => !output.preferences,
        Part::Consents => !output.consents,
        Part::CustomFields => !output.custom_fields,
    }
}

/// How many bytes `cuts` leave of a row of `len` bytes under these settings. Equals what [`kept_ranges`] covers.
pub fn length(len: u32, cuts: &[Cut], output: &Output) -> u32 {
    let mut kept = len;
    let mut removed_to = 0;
    for cut in cuts {
        // A cut inside one that was removed already is gone with it.
        if cut.start >= removed_to && removes(*output, cut.part) {
            kept -= cut.end - cut.start;
            removed_to = cut.end;
        }
    }
    kept
}

/// The ranges of the row's JSON that these settings leave, in order, for copying. None is empty.
pub fn kept_ranges<'a>(len: u32, cuts: &'a [Cut], output: &Output) -> impl Iterator<Item = Range<usize>> + use<'a> {
    let output = *output;
    let mut cuts = cuts.iter();
    let mut at = Some(0);
    std::iter::from_fn(move || {
        while let Some(start) = at {
            let end = match cuts.by_ref().find(|c| c.start >= start && removes(output, c.part)) {
                Some(cut) => {
                    at = Some(cut.end);
                    cut.start
                }
                None => {
                    at = None;
                    len
                }
            };
            if start < end {
                return Some(start as usize..end as usize);
            }
        }
        None
    })
}
