//! Returns freed memory to the operating system, even if the server is idle afterwards.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::time::sleep;

use super::open::OpenConnections;

/// Interval between checks; longer than the allocator keeps freed pages for reuse.
const INTERVAL: Duration = Duration::from_secs(5);

/// Returns freed memory while it is polled, once after each interval with new connections.
///
/// The allocator returns freed pages after some time, but only when memory is used again or a
/// thread ends. After a burst of requests, neither may happen.
pub(super) async fn release(open: Arc<OpenConnections>) {
    let mut seen = 0;
    let mut due = false;
    loop {
        sleep(INTERVAL).await;
        let admitted = open.admitted();
        if due || admitted != seen {
            // If no thread can be started, the memory is returned later.
            let _ = thread::Builder::new().name("memory".to_owned()).spawn(|| {});
        }
        due = admitted != seen;
        seen = admitted;
    }
}
