//! Writes JSON into one buffer and notes the cuts.

use std::ops::Range;

use super::{Cut, Part, Row};
use crate::{moment::Moment, profile::EditInfo};

/// A row in the making. Its methods give it back, so that a member reads as one line.
pub(super) struct Writer<'p> {
    pub row: Row,
    /// The stamp that was written last, and where it stands: what was made in one write has the same.
    pub stamp: Option<(&'p EditInfo, Range<usize>)>,
}

impl<'p> Writer<'p> {
    pub fn new() -> Self {
        // Most rows have less: one allocation for those, one more for nearly all others.
        Writer { row: Row { json: Vec::with_capacity(6144), cuts: Vec::with_capacity(24) }, stamp: None }
    }

    /// Text that is JSON already.
    pub fn raw(&mut self, json: &str) -> &mut Self {
        self.row.json.extend_from_slice(json.as_bytes());
        self
    }

    pub fn number(&mut self, n: u64) -> &mut Self {
        self.row.json.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
        self
    }

    pub fn bool(&mut self, b: bool) -> &mut Self {
        self.raw(if b { "true" } else { "false" })
    }

    pub fn moment(&mut self, m: Moment) -> &mut Self {
        self.row.json.push(b'"');
        self.row.json.extend_from_slice(&m.wire());
        self.row.json.push(b'"');
        self
    }

    pub fn optional(&mut self, text: &Option<String>) -> &mut Self {
        match text {
            Some(text) => self.text(text),
            None => self.raw("null"),
        }
    }

    /// A string: only what JSON demands is escaped, everything beyond ASCII stays as UTF-8.
    pub fn text(&mut self, text: &str) -> &mut Self {
        let out = &mut self.row.json;
        out.push(b'"');
        let bytes = text.as_bytes();
        let mut copied = 0;
        for (i, &b) in bytes.iter().enumerate() {
            if !ESCAPED[usize::from(b)] {
                continue;
            }
            out.extend_from_slice(&bytes[copied..i]);
            copied = i + 1;
            match b {
                b'"' => out.extend_from_slice(b"\\\""),
                b'\\' => out.extend_from_slice(b"\\\\"),
                b'\n' => out.extend_from_slice(b"\\n"),
                b'\r' => out.extend_from_slice(b"\\r"),
                b'\t' => out.extend_from_slice(b"\\t"),
                0x08 => out.extend_from_slice(b"\\b"),
                0x0c => out.extend_from_slice(b"\\f"),
                _ => {
                    const HEX: &[u8; 16] = b"0123456789abcdef";
                    out.extend_from_slice(b"\\u00");
                    out.extend([HEX[usize::from(b >> 4)], HEX[usize::from(b & 15)]]);
                }
            }
        }
        out.extend_from_slice(&bytes[copied..]);
        out.push(b'"');
        self
    }

    pub fn list<T>(&mut self, items: &'p [T], item: impl Fn(&mut Self, &'p T)) -> &mut Self {
        self.row.json.push(b'[');
        for (i, it) in items.iter().enumerate() {
            if i > 0 {
                self.row.json.push(b',');
            }
            item(self, it);
        }
        self.row.json.push(b']');
        self
    }

    /// Notes what `write` writes as one cut. Cuts end up sorted by start, an outer one before those inside it.
    pub fn cut(&mut self, part: Part, write: impl FnOnce(&mut Self) -> &mut Self) {
        let at = |w: &Self| {
            u32::try_from(w.row.json.len()).expect("a write refuses a profile of more than a MiB (change::MAX_BYTES)")
        };
        let index = self.row.cuts.len();
        self.row.cuts.push(Cut { part, start: at(self), end: 0 });
        write(self);
        self.row.cuts[index].end = at(self);
    }
}

/// The bytes that can't stand in a JSON string as they are.
const ESCAPED: [bool; 256] = {
    let mut table = [false; 256];
    let mut b = 0;
    while b < 0x20 {
        table[b] = true;
        b += 1;
    }
    table[b'"' as usize] = true;
    table[b'\\' as usize] = true;
    table
};
