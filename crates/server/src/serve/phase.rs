//! The phase of a connection and its start.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Maximum durations of phases.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// From the first byte of a head to its last, and from a new connection to its first byte.
    pub(super) head: Duration,
    /// Between two requests.
    pub(super) idle: Duration,
}

/// How long to read and discard what a client sends after its response.
const LINGER: Duration = Duration::from_secs(1);

/// The phase of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing has arrived yet.
    New,
    /// A part of a head has arrived.
    Head,
    /// A request is being handled.
    Busy,
    /// A request is being handled and its body has not arrived whole.
    Body,
    /// The response is being sent.
    Responding,
    /// The response is being sent, and the client has not read what was sent before.
    Stalled,
    /// The last response has been sent; the next request has not begun.
    Idle,
    /// The last response has been sent; further input is discarded.
    Lingering,
}

/// The phase of one connection, written by its task and read by others.
#[derive(Debug)]
pub(super) struct PhaseClock {
    opened: Instant,
    /// Microseconds from `opened` to the last change, and the phase in the lowest three bits.
    state: AtomicU64,
}

impl PhaseClock {
    pub(super) fn new() -> Self {
        Self { opened: Instant::now(), state: AtomicU64::new(Phase::New as u64) }
    }

    pub(super) fn phase(&self) -> Phase {
        match self.state.load(Ordering::Relaxed) & 7 {
            0 => Phase::New,
            1 => Phase::Head,
            2 => Phase::Busy,
            3 => Phase::Body,
            4 => Phase::Responding,
            5 => Phase::Stalled,
            6 => Phase::Idle,
            _ => Phase::Lingering,
        }
    }

    /// The start of the phase.
    pub(super) fn since(&self) -> Instant {
        self.opened + Duration::from_micros(self.state.load(Ordering::Relaxed) >> 3)
    }

    /// Begins a phase with a time limit.
    pub(super) fn begin(&self, phase: Phase) {
        let micros = u64::try_from(self.opened.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.state.store(micros << 3 | phase as u64, Ordering::Relaxed);
    }

    /// Begins a phase without a time limit: its start is not recorded.
    pub(super) fn begin_untimed(&self, phase: Phase) {
        self.state.store(phase as u64, Ordering::Relaxed);
    }

    /// The deadline of the phase, if it has a limit.
    pub(super) fn deadline(&self, limits: Limits) -> Option<Instant> {
        match self.phase() {
            Phase::New | Phase::Head => Some(self.since() + limits.head),
            Phase::Idle => Some(self.since() + limits.idle),
            Phase::Lingering => Some(self.since() + LINGER),
            // Requests have their own limit, and `TCP_USER_TIMEOUT` limits clients that do not
            // read.
            Phase::Busy | Phase::Body | Phase::Responding | Phase::Stalled => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { head: Duration::from_secs(15), idle: Duration::from_secs(75) };

    #[tokio::test(start_paused = true)]
    async fn every_phase_is_read_back_with_its_limit() {
        let clock = PhaseClock::new();
        assert_eq!(clock.phase(), Phase::New);
        tokio::time::advance(Duration::from_secs(3)).await;
        let now = Instant::now();
        for (phase, limit) in [
            (Phase::New, LIMITS.head),
            (Phase::Head, LIMITS.head),
            (Phase::Idle, LIMITS.idle),
            (Phase::Lingering, LINGER),
        ] {
            clock.begin(phase);
            assert_eq!((clock.phase(), clock.since()), (phase, now));
            assert_eq!(clock.deadline(LIMITS), Some(now + limit));
        }
        for phase in [Phase::Body, Phase::Stalled] {
            clock.begin(phase);
            assert_eq!((clock.phase(), clock.since()), (phase, now));
            assert_eq!(clock.deadline(LIMITS), None);
        }
        for phase in [Phase::Busy, Phase::Responding] {
            clock.begin_untimed(phase);
            assert_eq!(clock.phase(), phase);
            assert_eq!(clock.deadline(LIMITS), None);
        }
    }
}
