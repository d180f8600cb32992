//! The progress of an import on standard error.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use crossauth_storage_sql::import::Progress;

/// How often a line is rewritten on a terminal.
const REWRITE: Duration = Duration::from_millis(200);
/// How often a line is added to a log.
const ADD: Duration = Duration::from_secs(10);

/// Shows how far an import is, how fast it is, and how long it will take.
pub(super) struct Meter {
    is_terminal: bool,
    /// When the first batch was complete, and the number of rows at that time.
    began: Option<(Instant, u64)>,
    shown: Option<Instant>,
}

impl Default for Meter {
    fn default() -> Self {
        Self { is_terminal: io::stderr().is_terminal(), began: None, shown: None }
    }
}

impl Meter {
    pub(super) fn show(&mut self, progress: Progress) {
        let now = Instant::now();
        let (began, first) = *self.began.get_or_insert((now, progress.read));
        let interval = if self.is_terminal { REWRITE } else { ADD };
        if self.shown.is_some_and(|shown| now.duration_since(shown) < interval) {
            return;
        }
        // If standard error is closed, the import goes on.
        let line = line(progress, progress.read - first, now.duration_since(began));
        let _ = if self.is_terminal {
            write!(io::stderr(), "\r\x1b[2K{line}")
        } else if self.shown.is_some() {
            writeln!(io::stderr(), "{line}")
        } else {
            Ok(())
        };
        self.shown = Some(now);
    }

    /// Removes the line from the terminal.
    pub(super) fn finish(&self) {
        if self.is_terminal && self.shown.is_some() {
            let _ = write!(io::stderr(), "\r\x1b[2K");
        }
    }
}

fn line(progress: Progress, since: u64, elapsed: Duration) -> String {
    let Progress { part, read, total, .. } = progress;
    let line = format!("{}: {read} of {total} rows", part.as_str());
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    let rate = since.saturating_mul(1000).checked_div(millis).unwrap_or(0);
    match total.saturating_sub(read).checked_div(rate) {
        Some(left) => format!("{line}, {rate} rows/s, {left} s left"),
        None => line,
    }
}
