//! The signals that stop the server, and those that must not.

use rustix::process::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM and SIGINT, caught from the moment this is made. From then on SIGHUP does nothing, and a
/// write beyond the file size limit fails instead of ending the process by SIGXFSZ.
#[derive(Debug)]
pub(crate) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// Begins to catch them.
    pub(crate) fn catch() -> std::io::Result<Self> {
        // The handler stays installed without a listener.
        drop(signal(SignalKind::hangup())?);
        drop(signal(SignalKind::from_raw(Number::XFSZ.as_raw()))?);
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for one of them.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
