//! Results go to stdout, everything for people to stderr (program.md); numbers are written as people read them.

use std::{
    fmt::{self, Display, Write as _},
    io::{self, Write as _},
    time::Duration,
};

use serde::Serialize;

/// The reader of stdout has gone away: nothing is left to be done, and nothing went wrong.
#[derive(Debug, thiserror::Error)]
#[error("stdout was closed")]
pub struct StdoutClosed;

/// Tells a closed stdout from one that can't be written.
pub fn stdout_error(error: io::Error) -> anyhow::Error {
    if error.kind() == io::ErrorKind::BrokenPipe {
        StdoutClosed.into()
    } else {
        anyhow::Error::new(error).context("stdout can't be written")
    }
}

/// One result line, flushed, so that a script that waits for it sees it.
///
/// # Errors
/// [`StdoutClosed`], or what writing gave.
pub fn line(text: impl Display) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(stdout_error)
}

/// A result as one line of JSON.
///
/// # Errors
/// As [`line()`].
pub fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(serde_json::to_string(value)?)
}

/// A line for people.
pub fn note(text: impl Display) {
    eprintln!("{text}");
}

/// An error and its causes in one line, without a cause that the text above it has told already.
pub fn chain(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    let mut last = text.clone();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !last.contains(&cause) {
            write!(text, ": {cause}").expect("a String takes everything");
        }
        last = cause;
    }
    text
}

/// `1234567` as `1,234,567`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of things: `1 row`, `2 rows`.
pub fn counted(n: u64, thing: &str) -> String {
    format!("{} {thing}{}", count(n), if n == 1 { "" } else { "s" })
}

/// Bytes in decimal units: `12.3 MB`.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if n < 1000 {
        return counted(n, "byte");
    }
    let mut value = n as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A time that something took: `0.04 s`, `12.3 s`, `3 min 5 s`.
pub fn took(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match time.as_secs() {
        0..10 => format!("{seconds:.2} s"),
        10..120 => format!("{seconds:.1} s"),
        whole => format!("{} min {} s", whole / 60, whole % 60),
    }
}

/// Things per second, nothing for no time at all.
pub fn rate(n: u64, time: Duration) -> u64 {
    let seconds = time.as_secs_f64();
    if seconds > 0.0 { (n as f64 / seconds) as u64 } else { n }
}

/// Columns as wide as what is in them.
#[derive(Default)]
pub struct Table(Vec<Vec<String>>);

impl Table {
    /// A table with this first row.
    pub fn new(head: &[&str]) -> Self {
        Self(vec![head.iter().map(ToString::to_string).collect()])
    }
    /// Adds a row.
    pub fn row(&mut self, cells: Vec<String>) {
        self.0.push(cells);
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width =
            |column: usize| self.0.iter().filter_map(|r| r.get(column)).map(|c| c.chars().count()).max().unwrap_or(0);
        for (i, row) in self.0.iter().enumerate() {
            let mut text = String::new();
            for (column, cell) in row.iter().enumerate() {
                let width = width(column);
                write!(text, "{cell:<width$}  ")?;
            }
            write!(f, "{}{}", if i > 0 { "\n" } else { "" }, text.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_read_them() {
        assert_eq!([count(0), count(999), count(1000), count(1_234_567)], ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [bytes(1), bytes(999), bytes(1000), bytes(999_949), bytes(999_950)],
            ["1 byte", "999 bytes", "1.0 kB", "999.9 kB", "1.0 MB"]
        );
        assert_eq!([took(Duration::from_millis(42)), took(Duration::from_secs(185))], ["0.04 s", "3 min 5 s"]);
    }

    #[test]
    fn a_cause_that_was_told_is_not_told_again() {
        let error = anyhow::anyhow!("disk full").context("writing x: disk full").context("the load stopped");
        assert_eq!(chain(&error), "the load stopped: writing x: disk full");
    }

    #[test]
    fn a_table_lines_up() {
        let mut table = Table::new(&["NAME", "N"]);
        table.row(vec!["Zoë".to_owned(), "1".to_owned()]);
        table.row(vec!["Edward".to_owned(), "20".to_owned()]);
        assert_eq!(table.to_string(), "NAME    N\nZoë     1\nEdward  20");
    }
}
