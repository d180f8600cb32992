//! Signals: those that stop the server, and those that are ignored.

use rustix::process::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Catches SIGTERM and SIGINT. Also ignores SIGHUP, and SIGXFSZ, so that a write beyond the file
/// size limit fails instead of killing the process.
#[derive(Debug)]
pub(crate) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// Installs the handlers.
    pub(crate) fn catch() -> std::io::Result<Self> {
        // The handler stays installed without a listener.
        drop(signal(SignalKind::hangup())?);
        drop(signal(SignalKind::from_raw(Number::XFSZ.as_raw()))?);
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for a stop signal.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
