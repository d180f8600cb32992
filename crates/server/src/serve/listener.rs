//! The listening socket, and the maximum number of connections.

use rustix::process::{Resource, getrlimit};
use tokio::net::TcpListener;

/// Maximum number of open connections, at most `wanted`, that the limit of open files allows.
pub(super) fn connection_capacity(wanted: usize) -> usize {
    /// Files that are opened later: the database, its journal, templates.
    const RESERVED_FILES: usize = 16;
    let Some(files) = getrlimit(Resource::Nofile).current else { return wanted };
    let open = std::fs::read_dir("/proc/self/fd").map_or(RESERVED_FILES, Iterator::count);
    let free = usize::try_from(files).unwrap_or(usize::MAX).saturating_sub(open + RESERVED_FILES);
    if free < wanted {
        tracing::info!(
            connections = free.max(1),
            "the limit of open files reduces the number of connections"
        );
    }
    wanted.min(free.max(1))
}

/// Refuses new handshakes, while connections whose handshake has begun can still be accepted.
/// Closing the socket would reset these, although their clients consider them open.
#[cfg(target_os = "linux")]
pub(super) fn refuse_handshakes(listener: &TcpListener) {
    use socket2::{SockFilter, SockRef};

    // A classic BPF filter that drops packets with SYN set and ACK not set.
    let filter = [
        SockFilter::new(0x30, 0, 0, 13),       // load the byte of the flags
        SockFilter::new(0x54, 0, 0, 0x12),     // keep SYN and ACK
        SockFilter::new(0x15, 0, 1, 0x02),     // SYN alone?
        SockFilter::new(0x06, 0, 0, 0),        // drop
        SockFilter::new(0x06, 0, 0, u32::MAX), // accept
    ];
    if let Err(error) = SockRef::from(listener).attach_filter(&filter) {
        tracing::debug!(%error, "connections that are being opened may be reset");
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn refuse_handshakes(_: &TcpListener) {}
