//! Counters of the log, for the whole process as the log itself.

use std::sync::atomic::{AtomicU64, Ordering};

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::exposition::{Exposition, Kind};

static ERRORS: AtomicU64 = AtomicU64::new(0);
static WARNINGS: AtomicU64 = AtomicU64::new(0);
static LOST: AtomicU64 = AtomicU64::new(0);

/// Counts events by level, whether or not they are logged.
#[derive(Debug)]
pub(crate) struct CountEvents;

impl<S: Subscriber> Layer<S> for CountEvents {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        match *event.metadata().level() {
            Level::ERROR => ERRORS.fetch_add(1, Ordering::Relaxed),
            Level::WARN => WARNINGS.fetch_add(1, Ordering::Relaxed),
            _ => return,
        };
    }
}

/// Counts lines of the log that were dropped.
pub(crate) fn count_lost_lines(count: u64) {
    LOST.fetch_add(count, Ordering::Relaxed);
}

pub(super) fn write(text: &mut Exposition) {
    let help = "Events of the log, by level, also those below its level.";
    let mut family = text.family("crossauth_log_events_total", Kind::Counter, help);
    for (level, count) in [("error", &ERRORS), ("warn", &WARNINGS)] {
        family.sample(&[("level", level)], count.load(Ordering::Relaxed));
    }
    let help = "Lines of the log that were dropped because standard error was not read.";
    text.counter("crossauth_log_lost_lines_total", help, LOST.load(Ordering::Relaxed));
}
