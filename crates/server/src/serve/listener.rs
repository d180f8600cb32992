//! The listening socket, and how many connections the process may have.

use rustix::process::{Resource, getrlimit};
use tokio::net::TcpListener;

/// How many connections can be open at once, of the `wanted` ones: the database needs files, too.
pub(super) fn connection_capacity(wanted: usize) -> usize {
    /// What is opened later: the database by its readers, its journal, templates.
    const OTHERS: usize = 16;
    let Some(files) = getrlimit(Resource::Nofile).current else { return wanted };
    let open = std::fs::read_dir("/proc/self/fd").map_or(OTHERS, Iterator::count);
    let free = usize::try_from(files).unwrap_or(usize::MAX).saturating_sub(open + OTHERS);
    if free < wanted {
        tracing::info!(connections = free.max(1), "the limit of open files allows no more");
    }
    wanted.min(free.max(1))
}

/// From now on no new connection can be opened, while those whose handshake has begun can be
/// accepted. Closing the socket would reset them although their clients take them for open.
#[cfg(target_os = "linux")]
pub(super) fn refuse_handshakes(listener: &TcpListener) {
    use socket2::{SockFilter, SockRef};

    // A classic packet filter: of the flags of the TCP header, SYN is set and ACK is not.
    let filter = [
        SockFilter::new(0x30, 0, 0, 13),       // load the byte of the flags
        SockFilter::new(0x54, 0, 0, 0x12),     // keep SYN and ACK
        SockFilter::new(0x15, 0, 1, 0x02),     // SYN alone?
        SockFilter::new(0x06, 0, 0, 0),        // drop
        SockFilter::new(0x06, 0, 0, u32::MAX), // accept
    ];
    if let Err(error) = SockRef::from(listener).attach_filter(&filter) {
        tracing::debug!(%error, "connections may be reset that are just being opened");
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn refuse_handshakes(_: &TcpListener) {}
