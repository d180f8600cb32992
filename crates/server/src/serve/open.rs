//! The open connections: their number per network, and which to close if there are too many.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use super::phase::{Phase, PhaseClock};

/// Maximum number of connections that are closed together if there are too many.
const BATCH: usize = 32;

/// How long to wait for dismissed connections before others are dismissed.
const RETRY: Duration = Duration::from_millis(100);

/// How long a request waits for its client, which sends the body or reads the response, before its
/// connection may be closed for others.
const CLIENT_GRACE: Duration = Duration::from_secs(1);

/// Command: continue to serve.
const SERVE: u8 = 0;
/// Command: close when idle.
const DISMISSED: u8 = 1;
/// Command: close now.
const ABORTED: u8 = 2;

/// A handle to one connection, for other tasks.
#[derive(Debug)]
pub(super) struct Handle {
    pub(super) peer: SocketAddr,
    pub(super) clock: PhaseClock,
    order: AtomicU8,
    unread: AtomicBool,
    task: AtomicWaker,
}

impl Handle {
    fn new(peer: SocketAddr) -> Self {
        Self {
            peer,
            clock: PhaseClock::new(),
            order: AtomicU8::new(SERVE),
            unread: AtomicBool::new(false),
            task: AtomicWaker::new(),
        }
    }

    /// Whether the connection closes as soon as it is idle.
    pub(super) fn is_dismissed(&self) -> bool {
        self.order.load(Ordering::Relaxed) >= DISMISSED
    }

    /// Whether the connection closes now.
    pub(super) fn is_aborted(&self) -> bool {
        self.order.load(Ordering::Relaxed) == ABORTED
    }

    /// Closes the connection as soon as it is idle.
    pub(super) fn dismiss(&self) {
        self.command(DISMISSED);
    }

    /// Whether the connection waits for its client and has not been told to close.
    fn is_evictable(&self) -> bool {
        match self.clock.phase() {
            Phase::New | Phase::Idle => !self.is_dismissed(),
            Phase::Head => !self.is_aborted(),
            Phase::Body | Phase::Stalled => {
                !self.is_aborted() && self.clock.since().elapsed() >= CLIENT_GRACE
            }
            Phase::Busy | Phase::Responding | Phase::Lingering => false,
        }
    }

    fn command(&self, order: u8) {
        self.order.fetch_max(order, Ordering::Relaxed);
        self.task.wake();
    }

    /// Registers the waker of the task that serves the connection, for commands.
    pub(super) fn register(&self, waker: &Waker) {
        self.task.register(waker);
    }

    /// Records that the client may still be sending when it receives its response.
    pub(super) fn leave_input_unread(&self) {
        self.unread.store(true, Ordering::Relaxed);
    }

    /// Whether the client may still be sending: its body was not read, or its head was invalid.
    pub(super) fn leaves_input_unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
            || matches!(self.clock.phase(), Phase::Head | Phase::Lingering)
    }
}

/// The open connections, with a limit in total and per network.
#[derive(Debug)]
pub(crate) struct OpenConnections {
    capacity: usize,
    per_network: Option<usize>,
    slots: Arc<Semaphore>,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    handles: HashMap<u64, Arc<Handle>>,
    networks: HashMap<IpAddr, usize>,
}

/// The slot of an open connection, freed when dropped.
#[derive(Debug)]
pub(super) struct ConnectionSlot {
    connections: Arc<OpenConnections>,
    number: u64,
    pub(super) handle: Arc<Handle>,
    _permit: OwnedSemaphorePermit,
}

impl OpenConnections {
    /// At most `capacity` connections in total, and `per_network` per network. If not set, half of
    /// `capacity` per network, and no limit for loopback addresses.
    pub(super) fn new(capacity: usize, per_network: Option<usize>) -> Arc<Self> {
        let capacity = capacity.clamp(1, u32::MAX as usize);
        let slots = Arc::new(Semaphore::new(capacity));
        Arc::new(Self { capacity, per_network, slots, open: Mutex::default() })
    }

    /// Acquires a slot for a connection of `peer`. If all are in use, closes connections that wait
    /// for their client, or waits if there is none. `None` if the peer's network has too many
    /// others.
    pub(super) async fn admit(self: &Arc<Self>, peer: SocketAddr) -> Option<ConnectionSlot> {
        let network = network(peer.ip());
        if self.is_full(network) && self.close_idle(Some(network)) == 0 {
            return None;
        }
        let permit = self.permit().await?;
        let handle = Arc::new(Handle::new(peer));
        let mut open = self.lock();
        let number = open.next;
        open.next += 1;
        open.handles.insert(number, Arc::clone(&handle));
        *open.networks.entry(network).or_default() += 1;
        drop(open);
        Some(ConnectionSlot { connections: Arc::clone(self), number, handle, _permit: permit })
    }

    async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
            return Some(slot);
        }
        loop {
            self.close_idle(None);
            // A dismissed connection may have begun a request first.
            let freed = timeout(RETRY, Arc::clone(&self.slots).acquire_owned()).await;
            if let Ok(slot) = freed {
                return slot.ok();
            }
        }
    }

    /// Closes some connections that wait for their client: first those of the networks with most
    /// connections, then those that have waited for longest. Returns their number.
    pub(super) fn close_idle(&self, of: Option<IpAddr>) -> usize {
        let open = self.lock();
        let mut waiting: Vec<(Reverse<usize>, Instant, &Arc<Handle>)> = open
            .handles
            .values()
            .filter(|handle| handle.is_evictable())
            .filter(|handle| of.is_none_or(|of| network(handle.peer.ip()) == of))
            .map(|handle| {
                let held = open.networks.get(&network(handle.peer.ip())).copied().unwrap_or(0);
                (Reverse(held), handle.clock.since(), handle)
            })
            .collect();
        let count = (waiting.len() / 8).clamp(1, BATCH).min(waiting.len());
        if count > 0 {
            waiting.select_nth_unstable_by_key(count - 1, |(held, since, _)| (*held, *since));
        }
        for (_, _, handle) in &waiting[..count] {
            handle.command(match handle.clock.phase() {
                // One in the middle of a request would not become idle soon.
                Phase::Head | Phase::Body | Phase::Stalled => ABORTED,
                Phase::New | Phase::Busy | Phase::Responding | Phase::Idle | Phase::Lingering => {
                    DISMISSED
                }
            });
        }
        count
    }

    /// Number of connections since the start.
    pub(crate) fn admitted(&self) -> u64 {
        self.lock().next
    }

    /// Maximum number of open connections.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// The number of open connections, by what they wait for: the next request, the rest of one,
    /// its handler, or the client that reads its response.
    pub(crate) fn count_by_state(&self) -> [(&'static str, usize); 4] {
        let mut counts = [("idle", 0), ("receiving", 0), ("handling", 0), ("responding", 0)];
        for handle in self.lock().handles.values() {
            let state = match handle.clock.phase() {
                Phase::New | Phase::Idle => 0,
                Phase::Head | Phase::Body => 1,
                Phase::Busy => 2,
                Phase::Responding | Phase::Stalled | Phase::Lingering => 3,
            };
            counts[state].1 += 1;
        }
        counts
    }

    /// Closes all connections as soon as they are idle.
    pub(super) fn dismiss_all(&self) {
        for handle in self.lock().handles.values() {
            handle.dismiss();
        }
    }

    /// Waits until all connections are closed.
    pub(super) async fn closed(&self) {
        let all = u32::try_from(self.capacity).unwrap_or(u32::MAX);
        let _all = self.slots.acquire_many(all).await;
    }

    fn is_full(&self, network: IpAddr) -> bool {
        let limit = match self.per_network {
            Some(limit) => limit,
            None if network.is_loopback() => return false,
            None => (self.capacity / 2).max(1),
        };
        self.lock().networks.get(&network).is_some_and(|held| *held >= limit)
    }

    /// Never poisoned: no code panics while holding the lock.
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let mut open = self.connections.lock();
        open.handles.remove(&self.number);
        let network = network(self.handle.peer.ip());
        if let Some(held) = open.networks.get_mut(&network) {
            *held -= 1;
            if *held == 0 {
                open.networks.remove(&network);
            }
        }
        if open.handles.is_empty() {
            // A map keeps its capacity otherwise.
            *open = Open { next: open.next, ..Open::default() };
        }
    }
}

/// The unit of the limit: an IPv4 address, or a /64 network of IPv6, which one host can use whole.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => {
            IpAddr::V6(Ipv6Addr::from(u128::from(v6) >> 64 << 64))
        }
        single @ (IpAddr::V4(_) | IpAddr::V6(_)) => single,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str) -> SocketAddr {
        SocketAddr::new(address.parse().unwrap(), 4711)
    }

    #[tokio::test]
    async fn connections_of_the_largest_network_are_closed_first() {
        let open = OpenConnections::new(4, Some(4));
        let lone = open.admit(peer("192.0.2.1")).await.unwrap();
        let many = [
            open.admit(peer("192.0.2.2")).await.unwrap(),
            open.admit(peer("192.0.2.2")).await.unwrap(),
        ];
        assert_eq!(open.close_idle(None), 1);
        assert!(!lone.handle.is_dismissed());
        assert_eq!(many.iter().filter(|slot| slot.handle.is_dismissed()).count(), 1);
    }

    #[tokio::test]
    async fn busy_connections_are_not_closed_for_others() {
        let open = OpenConnections::new(2, Some(2));
        let busy = open.admit(peer("192.0.2.1")).await.unwrap();
        busy.handle.clock.begin_untimed(Phase::Busy);
        assert_eq!(open.close_idle(None), 0);
        assert!(!busy.handle.is_dismissed());
    }

    #[tokio::test(start_paused = true)]
    async fn requests_that_wait_for_their_client_are_closed_for_others() {
        for phase in [Phase::Body, Phase::Stalled] {
            let open = OpenConnections::new(2, Some(2));
            let slow = open.admit(peer("192.0.2.1")).await.unwrap();
            slow.handle.clock.begin(phase);
            assert_eq!(open.close_idle(None), 0);
            tokio::time::advance(CLIENT_GRACE).await;
            assert_eq!(open.close_idle(None), 1);
            assert!(slow.handle.is_aborted());
            assert_eq!(open.close_idle(None), 0);
        }
    }

    #[tokio::test]
    async fn one_network_cannot_exceed_its_limit() {
        let open = OpenConnections::new(4, None);
        let mut held = Vec::new();
        for host in ["2001:db8::1", "2001:db8::2"] {
            let slot = open.admit(peer(host)).await.unwrap();
            slot.handle.clock.begin_untimed(Phase::Busy);
            held.push(slot);
        }
        assert!(open.admit(peer("2001:db8::3")).await.is_none());
        held.push(open.admit(peer("2001:db8:0:1::1")).await.unwrap());
        held[0].handle.clock.begin(Phase::Idle);
        assert!(open.admit(peer("2001:db8::3")).await.is_some());
        assert!(held[0].handle.is_dismissed());
    }

    #[tokio::test]
    async fn loopback_addresses_have_no_limit_unless_one_is_set() {
        let open = OpenConnections::new(4, None);
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(open.admit(peer("127.0.0.1")).await.unwrap());
        }
        drop(held);
        open.closed().await;
    }
}
