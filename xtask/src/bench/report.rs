//! What was measured, as a table for the terminal and as docs/performance.md.

use std::fmt::Write;

use super::{
    plot::Line,
    stats::{median, range},
};

/// What a figure counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Milliseconds,
    MegabytesPerSecond,
    BytesPerSecond,
    PerSecond,
    Megabytes,
    /// A ratio.
    Times,
    Count,
}

impl Unit {
    fn show(self, value: f64) -> String {
        let number = match value.abs() {
            v if v >= 1000.0 => thousands(value),
            v if v >= 100.0 => format!("{value:.0}"),
            v if v >= 10.0 => format!("{value:.1}"),
            v if v >= 1.0 => format!("{value:.2}"),
            _ => format!("{value:.3}"),
        };
        let unit = match self {
            Self::Seconds => " s",
            Self::Milliseconds => " ms",
            Self::MegabytesPerSecond => " MB/s",
            Self::BytesPerSecond => " B/s",
            Self::PerSecond => "/s",
            Self::Megabytes => " MB",
            Self::Times => "×",
            Self::Count => "",
        };
        number + unit
    }

    fn more_is_better(self) -> bool {
        matches!(self, Self::MegabytesPerSecond | Self::BytesPerSecond | Self::PerSecond)
    }
}

/// A number with a comma after each three digits.
pub(super) fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Who is measured against the others.
pub(super) const SAYSO: &str = "Sayso";

/// One thing that somebody did, once a round.
struct Row {
    what: String,
    who: String,
    unit: Unit,
    values: Vec<f64>,
}

/// Some things measured together.
struct Section {
    title: String,
    about: String,
    rows: Vec<Row>,
    notes: Vec<String>,
}

impl Section {
    /// How many times as good as in this row Sayso is; nothing for its own.
    fn times_as_good(&self, row: &Row) -> Option<f64> {
        let own = self.rows.iter().find(|own| own.who == SAYSO && own.what == row.what);
        let own = median(&own.filter(|_| row.who != SAYSO)?.values);
        let other = median(&row.values);
        Some(if row.unit.more_is_better() { own / other } else { other / own })
    }
}

/// A bound that was set before anything was built.
#[derive(Clone, Copy)]
pub(super) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

struct Target {
    what: String,
    value: f64,
    unit: Unit,
    bound: Bound,
}

impl Target {
    fn is_met(&self) -> bool {
        match self.bound {
            Bound::AtLeast(bound) => self.value >= bound,
            Bound::AtMost(bound) => self.value <= bound,
        }
    }
}

/// Everything that was measured.
#[derive(Default)]
pub(super) struct Report {
    sections: Vec<Section>,
    targets: Vec<Target>,
    /// Memory beyond the page cache at the most, megabytes, by what was done.
    pub(super) memory: Vec<(String, f64)>,
    /// Rates by size.
    pub(super) plot: Vec<Line>,
}

impl Report {
    /// Begins a section: what is measured, and how.
    pub(super) fn section(&mut self, title: &str, about: &str) {
        eprintln!("{title}");
        let (title, about) = (title.to_owned(), about.to_owned());
        self.sections.push(Section { title, about, rows: Vec::new(), notes: Vec::new() });
    }

    fn here(&mut self) -> &mut Section {
        self.sections.last_mut().expect("a section begins before anything is measured")
    }

    /// Adds one value to what `who` did.
    pub(super) fn add(&mut self, what: &str, who: &str, unit: Unit, value: f64) {
        eprintln!("  {what} · {who}: {}", unit.show(value));
        let rows = &mut self.here().rows;
        match rows.iter_mut().find(|row| row.what == what && row.who == who) {
            Some(row) => row.values.push(value),
            None => rows.push(Row { what: what.to_owned(), who: who.to_owned(), unit, values: vec![value] }),
        }
    }

    /// A sentence below the section's table; once, however often it is said.
    pub(super) fn note(&mut self, text: &str) {
        let notes = &mut self.here().notes;
        if !notes.iter().any(|note| note == text) {
            eprintln!("  {text}");
            notes.push(text.to_owned());
        }
    }

    /// The most memory that something took, of all times it was done.
    pub(super) fn memory(&mut self, what: &str, peak: f64) {
        match self.memory.iter_mut().find(|(other, _)| other == what) {
            Some((_, most)) => *most = most.max(peak),
            None => self.memory.push((what.to_owned(), peak)),
        }
    }

    /// The median of what `who` did in this section.
    pub(super) fn median(&self, what: &str, who: &str) -> Option<f64> {
        let section = self.sections.last()?;
        let row = section.rows.iter().find(|row| row.what == what && row.who == who)?;
        Some(median(&row.values))
    }

    /// Holds a value against its bound.
    pub(super) fn target(&mut self, what: &str, unit: Unit, value: f64, bound: Bound) {
        self.targets.push(Target { what: what.to_owned(), value, unit, bound });
    }

    /// Holds the ratio of two medians of this section, `a` of the first to the second, against its bound; nothing when one is missing.
    pub(super) fn ratio(&mut self, what: &str, a: (&str, &str), b: (&str, &str), bound: Bound) {
        if let (Some(a), Some(b)) = (self.median(a.0, a.1), self.median(b.0, b.1)) {
            self.target(what, Unit::Times, a / b, bound);
        }
    }

    /// Holds what this section measured against the best of the peers, each thing on its own.
    pub(super) fn best_peers(&mut self) {
        let mut found: Vec<(String, String, f64)> = Vec::new();
        let section = self.here();
        for row in &section.rows {
            let Some(ratio) = section.times_as_good(row) else { continue };
            match found.iter_mut().find(|(what, ..)| *what == row.what) {
                Some((_, who, least)) if ratio < *least => (*who, *least) = (row.who.clone(), ratio),
                Some(_) => {}
                None => found.push((row.what.clone(), row.who.clone(), ratio)),
            }
        }
        for (what, who, ratio) in found {
            let what = format!("{what}, against the best peer ({who})");
            self.target(&what, Unit::Times, ratio, Bound::AtLeast(1.0));
        }
    }

    /// The targets as a table of Markdown, which a terminal shows as well.
    pub(super) fn targets(&self) -> String {
        let mut out = "| target | bound | measured | |\n|---|---|---|---|\n".to_owned();
        for target in &self.targets {
            let bound = match target.bound {
                Bound::AtLeast(bound) => format!("≥ {}", target.unit.show(bound)),
                Bound::AtMost(bound) => format!("≤ {}", target.unit.show(bound)),
            };
            let met = if target.is_met() { "met" } else { "**missed**" };
            let _ = writeln!(out, "| {} | {bound} | {} | {met} |", target.what, target.unit.show(target.value));
        }
        out
    }

    /// The sections as Markdown.
    pub(super) fn sections(&self) -> String {
        let mut out = String::new();
        for section in &self.sections {
            let _ = write!(out, "\n## {}\n\n{}\n", section.title, section.about);
            if !section.rows.is_empty() {
                out.push_str(
                    "\n| what | who | median | least – most | Sayso is … times as good |\n|---|---|---|---|---|\n",
                );
            }
            for row in &section.rows {
                let ratio = section.times_as_good(row).map(|ratio| Unit::Times.show(ratio));
                let (low, high) = range(&row.values);
                let spread = match row.values.len() {
                    1 => "once".to_owned(),
                    n => format!("{} – {} ({n})", row.unit.show(low), row.unit.show(high)),
                };
                let middle = row.unit.show(median(&row.values));
                let ratio = ratio.unwrap_or_default();
                let _ = writeln!(out, "| {} | {} | {middle} | {spread} | {ratio} |", row.what, row.who);
            }
            if !section.notes.is_empty() {
                out.push('\n');
            }
            for note in &section.notes {
                let _ = writeln!(out, "- {note}");
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_say_how_many_times_as_good_sayso_is() {
        let mut report = Report::default();
        report.section("Title", "About.");
        for value in [2.0, 1.0, 3.0] {
            report.add("export", SAYSO, Unit::Seconds, value);
        }
        report.add("export", "other", Unit::Seconds, 5.0);
        report.add("walk", SAYSO, Unit::PerSecond, 1500.0);
        report.add("walk", "other", Unit::PerSecond, 1000.0);
        let text = report.sections();
        assert!(text.contains("| export | Sayso | 2.00 s | 1.00 s – 3.00 s (3) |  |"), "{text}");
        assert!(text.contains("| export | other | 5.00 s | once | 2.50× |"), "{text}");
        assert!(text.contains("| walk | other | 1,000/s | once | 1.50× |"), "{text}");
    }

    #[test]
    fn the_best_peer_of_each_thing_is_the_target() {
        let mut report = Report::default();
        report.section("Title", "About.");
        report.add("export", SAYSO, Unit::Seconds, 2.0);
        for (who, seconds) in [("slow", 9.0), ("best", 3.0), ("middle", 4.0)] {
            report.add("export", who, Unit::Seconds, seconds);
        }
        report.add("load", SAYSO, Unit::PerSecond, 100.0);
        report.add("load", "faster", Unit::PerSecond, 200.0);
        report.add("nobody else's", SAYSO, Unit::Seconds, 1.0);
        report.best_peers();
        let text = report.targets();
        assert!(text.contains("| export, against the best peer (best) | ≥ 1.00× | 1.50× | met |"), "{text}");
        assert!(text.contains("| load, against the best peer (faster) | ≥ 1.00× | 0.500× | **missed** |"), "{text}");
        assert_eq!(text.lines().count(), 4, "{text}");
    }

    #[test]
    fn a_missed_target_is_shown_as_missed() {
        let mut report = Report::default();
        report.target("fast", Unit::Times, 1.2, Bound::AtLeast(1.0));
        report.target("small", Unit::Megabytes, 300.0, Bound::AtMost(256.0));
        let text = report.targets();
        assert!(text.contains("| fast | ≥ 1.00× | 1.20× | met |"), "{text}");
        assert!(text.contains("| small | ≤ 256 MB | 300 MB | **missed** |"), "{text}");
    }
}
