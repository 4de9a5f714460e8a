//! How far something is, on stderr: a bar on a terminal once it has taken a second, plain lines every few seconds otherwise.

use std::{
    io::{self, IsTerminal},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::out;

const BAR_AFTER: Duration = Duration::from_secs(1);
const LINE_EVERY: Duration = Duration::from_secs(5);

/// One thing that takes a while.
pub struct Progress {
    label: String,
    started: Instant,
    shown: Instant,
    bar: Option<ProgressBar>,
    drawn: bool,
    total: Option<u64>,
    from: u64,
}

impl Progress {
    /// Starts; `total` is in the unit that [`Progress::at`] is told, `None` when nobody knows.
    pub fn start(label: impl Into<String>, total: Option<u64>) -> Self {
        let label = label.into();
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden()).with_prefix(label.clone());
            let template =
                if total.is_some() { "{prefix} [{bar:30}] {percent:>3}% {msg}" } else { "{prefix} {spinner} {msg}" };
            bar.set_style(
                ProgressStyle::with_template(template)
                    .expect("the template is one of two constants")
                    .progress_chars("=> "),
            );
            bar
        });
        Self { label, started: Instant::now(), shown: Instant::now(), bar, drawn: false, total, from: 0 }
    }

    /// Of something that was begun before: the rate counts from this position on.
    #[must_use]
    pub fn from(self, position: u64) -> Self {
        Self { from: position, ..self }
    }

    /// Says how far it is: `position` of the total, and `done` things in words (`profiles`), with their rate and the time that is left.
    pub fn at(&mut self, position: u64, done: u64, things: &str) {
        let elapsed = self.started.elapsed();
        let come = position.saturating_sub(self.from);
        let left = self.total.and_then(|total| time_left(come, total.saturating_sub(position), elapsed));
        self.show(position, || {
            let left = left.map(|left| format!(", {} left", out::took(left))).unwrap_or_default();
            format!("{} {things}, {}/s{left}", out::count(done), out::count(out::rate(done, elapsed)))
        });
    }

    /// The same in the caller's own words.
    pub fn show(&mut self, position: u64, words: impl Fn() -> String) {
        if let Some(bar) = &self.bar {
            if !self.drawn && self.started.elapsed() >= BAR_AFTER {
                bar.set_draw_target(ProgressDrawTarget::stderr());
                self.drawn = true;
            }
            if self.drawn {
                bar.set_message(words());
                bar.set_position(position);
            }
        } else if self.shown.elapsed() >= LINE_EVERY {
            self.shown = Instant::now();
            let percent = self
                .total
                .filter(|t| *t > 0)
                .map(|t| format!(", {}%", (position.min(t) as f64 / t as f64 * 100.0) as u64));
            out::note(format_args!("{}: {}{}", self.label, words(), percent.unwrap_or_default()));
        }
    }

    /// Ends it and takes the bar away; gives the time it took.
    pub fn finish(self) -> Duration {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        self.started.elapsed()
    }
}

/// How long what is missing takes at the rate so far; nothing is said of the first second, whose rate is chance.
fn time_left(done: u64, missing: u64, elapsed: Duration) -> Option<Duration> {
    let left = elapsed.as_secs_f64() / done as f64 * missing as f64;
    (done > 0 && missing > 0 && elapsed >= BAR_AFTER && left < 1e7).then(|| Duration::from_secs_f64(left))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_follows_the_rate_so_far() {
        let left = |done, missing, secs| time_left(done, missing, Duration::from_secs(secs));
        assert_eq!(left(100, 300, 10), Some(Duration::from_secs(30)));
        assert_eq!(left(0, 300, 10), None);
        assert_eq!(left(100, 0, 10), None);
        assert_eq!(left(100, 300, 0), None);
    }
}
