//! Memory that is free goes back to the system, also when nothing happens afterwards.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::time::sleep;

use super::open::OpenConnections;

/// The time between two looks; longer than the allocator keeps freed pages for reuse.
const INTERVAL: Duration = Duration::from_secs(5);

/// Returns freed memory for as long as it is polled, once after each time with new connections.
///
/// The allocator returns pages some time after they were freed, but looks only when memory is used
/// again or a thread ends. After a burst there may be neither.
pub(super) async fn release(open: Arc<OpenConnections>) {
    let mut seen = 0;
    let mut due = false;
    loop {
        sleep(INTERVAL).await;
        let admitted = open.admitted();
        if due || admitted != seen {
            // Without a thread the memory is returned later.
            let _ = thread::Builder::new().name("memory".to_owned()).spawn(|| {});
        }
        due = admitted != seen;
        seen = admitted;
    }
}
