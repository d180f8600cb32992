//! The connections that are open: how many, whose, and which to close when there are too many.

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

/// How many connections are closed at once when there are too many, at most.
const BATCH: usize = 32;

/// How long to wait for a connection that was told to close, before others are told.
const RETRY: Duration = Duration::from_millis(100);

/// What the connection has been told.
const SERVE: u8 = 0;
/// To end when it has answered what has arrived.
const DISMISSED: u8 = 1;
/// To end now.
const ABORTED: u8 = 2;

/// One connection, as the others see it.
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

    /// Whether the connection ends as soon as it is idle.
    pub(super) fn is_dismissed(&self) -> bool {
        self.order.load(Ordering::Relaxed) >= DISMISSED
    }

    /// Whether the connection ends now.
    pub(super) fn is_aborted(&self) -> bool {
        self.order.load(Ordering::Relaxed) == ABORTED
    }

    /// Ends the connection as soon as it is idle.
    pub(super) fn dismiss(&self) {
        self.command(DISMISSED);
    }

    /// Whether the connection waits for a request and has not been told to end. One that has and then
    /// got a part of a head waits still.
    fn gives_way(&self) -> bool {
        match self.clock.phase() {
            Phase::New | Phase::Idle => !self.is_dismissed(),
            Phase::Head => !self.is_aborted(),
            Phase::Busy | Phase::Answering | Phase::Lingering => false,
        }
    }

    fn command(&self, order: u8) {
        self.order.fetch_max(order, Ordering::Relaxed);
        self.task.wake();
    }

    /// Notes the task that serves the connection, to be woken by commands.
    pub(super) fn register(&self, waker: &Waker) {
        self.task.register(waker);
    }

    /// Notes that the client may still be sending when it has its answer.
    pub(super) fn leave_input_unread(&self) {
        self.unread.store(true, Ordering::Relaxed);
    }

    /// Whether the client may still be sending: its body was not read, or its head was refused.
    pub(super) fn leaves_input_unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
            || matches!(self.clock.phase(), Phase::Head | Phase::Lingering)
    }
}

/// The open connections, up to a number in all and a number for each network.
#[derive(Debug)]
pub(super) struct OpenConnections {
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

/// The place of an open connection; free again when dropped.
#[derive(Debug)]
pub(super) struct Place {
    connections: Arc<OpenConnections>,
    number: u64,
    pub(super) handle: Arc<Handle>,
    _slot: OwnedSemaphorePermit,
}

impl OpenConnections {
    /// At most `capacity` in all. A network has at most `per_network`; without that half of them,
    /// and as many as it likes where it is this machine.
    pub(super) fn new(capacity: usize, per_network: Option<usize>) -> Arc<Self> {
        let capacity = capacity.clamp(1, u32::MAX as usize);
        let slots = Arc::new(Semaphore::new(capacity));
        Arc::new(Self { capacity, per_network, slots, open: Mutex::default() })
    }

    /// A place for a connection of `peer`. Where all are taken, idle connections are closed, and if
    /// none is idle it waits; `None` if the peer's own network holds too many that are not idle.
    pub(super) async fn admit(self: &Arc<Self>, peer: SocketAddr) -> Option<Place> {
        let network = network(peer.ip());
        if self.is_full(network) && self.close_idle(Some(network)) == 0 {
            return None;
        }
        let slot = self.slot().await?;
        let handle = Arc::new(Handle::new(peer));
        let mut open = self.lock();
        let number = open.next;
        open.next += 1;
        open.handles.insert(number, Arc::clone(&handle));
        *open.networks.entry(network).or_default() += 1;
        drop(open);
        Some(Place { connections: Arc::clone(self), number, handle, _slot: slot })
    }

    async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
            return Some(slot);
        }
        loop {
            self.close_idle(None);
            // One that was told to close may have begun a request first.
            let freed = timeout(RETRY, Arc::clone(&self.slots).acquire_owned()).await;
            if let Ok(slot) = freed {
                return slot.ok();
            }
        }
    }

    /// Closes some of the connections that wait for a request, those first whose network has most
    /// of them, and then those that have waited longest. Gives their number.
    pub(super) fn close_idle(&self, of: Option<IpAddr>) -> usize {
        let open = self.lock();
        let mut waiting: Vec<(Reverse<usize>, Instant, &Arc<Handle>)> = open
            .handles
            .values()
            .filter(|handle| handle.gives_way())
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
            // One that has sent half a head would not become idle for long.
            let order = if handle.clock.phase() == Phase::Head { ABORTED } else { DISMISSED };
            handle.command(order);
        }
        count
    }

    /// How many have been open so far.
    pub(super) fn admitted(&self) -> u64 {
        self.lock().next
    }

    /// Ends all connections as soon as they are idle.
    pub(super) fn dismiss_all(&self) {
        for handle in self.lock().handles.values() {
            handle.dismiss();
        }
    }

    /// Waits until none is open.
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

    /// Nothing panics while it is locked.
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
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
            // A map keeps the room of its largest size.
            *open = Open { next: open.next, ..Open::default() };
        }
    }
}

/// What counts as one address: an IPv4 address, or a /64 network, of which a host has all.
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
    async fn network_that_holds_most_gives_way_first() {
        let open = OpenConnections::new(4, Some(4));
        let lone = open.admit(peer("192.0.2.1")).await.unwrap();
        let many = [
            open.admit(peer("192.0.2.2")).await.unwrap(),
            open.admit(peer("192.0.2.2")).await.unwrap(),
        ];
        assert_eq!(open.close_idle(None), 1);
        assert!(!lone.handle.is_dismissed());
        assert_eq!(many.iter().filter(|place| place.handle.is_dismissed()).count(), 1);
    }

    #[tokio::test]
    async fn busy_connections_are_not_closed_for_others() {
        let open = OpenConnections::new(2, Some(2));
        let busy = open.admit(peer("192.0.2.1")).await.unwrap();
        busy.handle.clock.begin_untimed(Phase::Busy);
        assert_eq!(open.close_idle(None), 0);
        assert!(!busy.handle.is_dismissed());
    }

    #[tokio::test]
    async fn one_network_cannot_hold_more_than_its_share() {
        let open = OpenConnections::new(4, None);
        let mut held = Vec::new();
        for host in ["2001:db8::1", "2001:db8::2"] {
            let place = open.admit(peer(host)).await.unwrap();
            place.handle.clock.begin_untimed(Phase::Busy);
            held.push(place);
        }
        assert!(open.admit(peer("2001:db8::3")).await.is_none());
        held.push(open.admit(peer("2001:db8:0:1::1")).await.unwrap());
        held[0].handle.clock.begin(Phase::Idle);
        assert!(open.admit(peer("2001:db8::3")).await.is_some());
        assert!(held[0].handle.is_dismissed());
    }

    #[tokio::test]
    async fn this_machine_has_no_share_unless_one_is_set() {
        let open = OpenConnections::new(4, None);
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(open.admit(peer("127.0.0.1")).await.unwrap());
        }
        drop(held);
        open.closed().await;
    }
}
