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
        Self { label, started: Instant::now(), shown: Instant::now(), bar, drawn: false, total }
    }

    /// Says how far it is: `position` of the total, and `done` things in words (`profiles`).
    pub fn at(&mut self, position: u64, done: u64, things: &str) {
        let elapsed = self.started.elapsed();
        let words = || format!("{} {things}, {}/s", out::count(done), out::count(out::rate(done, elapsed)));
        if let Some(bar) = &self.bar {
            if !self.drawn && elapsed >= BAR_AFTER {
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
