//! A gate for the threads that hash passwords.

use std::sync::Arc;
use std::sync::mpsc as std_mpsc;

use crossauth_core::random::Random;
use crossauth_testkit::random::SeededRandom;
use parking_lot::Mutex;
use tokio::sync::mpsc;

/// Randomness that blocks the hashing threads, which need a salt for each new hash, while closed.
pub(crate) struct Gate {
    random: SeededRandom,
    closed: Mutex<bool>,
    entered: mpsc::UnboundedSender<()>,
    open: Mutex<std_mpsc::Receiver<()>>,
}

impl Gate {
    /// The gate, the receiver that reports a blocked thread, and the sender that opens it when
    /// dropped.
    pub(crate) fn new() -> (Arc<Self>, mpsc::UnboundedReceiver<()>, std_mpsc::Sender<()>) {
        let (entered, entries) = mpsc::unbounded_channel();
        let (opener, open) = std_mpsc::channel();
        let (random, open) = (SeededRandom::default(), Mutex::new(open));
        (Arc::new(Self { random, closed: Mutex::new(false), entered, open }), entries, opener)
    }

    pub(crate) fn close(&self) {
        *self.closed.lock() = true;
    }
}

impl Random for Gate {
    fn fill(&self, bytes: &mut [u8]) {
        let hashes =
            std::thread::current().name().is_some_and(|name| name.starts_with("password-"));
        if hashes && *self.closed.lock() {
            // The test may have ended and dropped both other ends.
            let _ = self.entered.send(());
            let _ = self.open.lock().recv();
        }
        self.random.fill(bytes);
    }
}
