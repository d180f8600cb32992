//! The load generator: saturating load, or a constant rate.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use crate::http::Connection;

/// Connections on which [`saturate`] keeps a request waiting.
pub(crate) const SATURATING_CONNECTIONS: usize = 32;
/// Connections over which [`stream`] spreads its requests.
pub(crate) const STREAM_CONNECTIONS: u32 = 8;

/// The number of responses in a time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Throughput {
    /// Number of responses.
    pub(crate) count: u64,
    /// From the first request to the last counted response.
    pub(crate) within: Duration,
}

/// Keeps a request waiting on each of [`SATURATING_CONNECTIONS`] connections for a while, cycling
/// through `requests`.
///
/// One thread serves all connections in turn with blocking reads and writes, which costs less
/// than any readiness API as long as the server always has enough to do.
pub(crate) fn saturate(
    server: SocketAddr,
    requests: &[Vec<u8>],
    time: Duration,
) -> Result<Throughput> {
    let mut next = requests.iter().cycle();
    let mut next = move || next.next().ok_or_else(|| anyhow!("there are no requests to send"));
    let mut connections = Vec::new();
    for _ in 0..SATURATING_CONNECTIONS {
        connections.push(Connection::open(server)?);
    }
    let start = Instant::now();
    for connection in &mut connections {
        connection.send(next()?)?;
    }
    let mut count = 0;
    while start.elapsed() < time {
        for connection in &mut connections {
            connection.receive()?.check_ok()?;
            connection.send(next()?)?;
            count += 1;
        }
    }
    let within = start.elapsed();
    for connection in &mut connections {
        connection.receive()?.check_ok()?;
    }
    Ok(Throughput { count, within })
}

/// Sends `count` requests, one at a time, cycling through `requests`.
pub(crate) fn repeat(server: SocketAddr, requests: &[Vec<u8>], count: u32) -> Result<()> {
    let mut connection = Connection::open(server)?;
    for (_, request) in (0..count).zip(requests.iter().cycle()) {
        connection.exchange(request)?.check_ok()?;
    }
    Ok(())
}

/// Sends `rate` requests a second, whether or not earlier ones have a response, and returns the
/// time from when each request was due to its response.
pub(crate) fn stream(
    server: SocketAddr,
    requests: &[Vec<u8>],
    rate: u32,
    time: Duration,
) -> Result<Vec<Duration>> {
    let step = Duration::from_secs(1) * STREAM_CONNECTIONS / rate;
    let start = Instant::now() + Duration::from_millis(50);
    let all: Result<Vec<_>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..STREAM_CONNECTIONS)
            .map(|worker| {
                let first = start + Duration::from_secs(1) * worker / rate;
                let requests = requests.iter().cycle().skip(worker as usize * 97);
                scope.spawn(move || at_fixed_rate(server, requests, first, step, start + time))
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().map_err(|_| anyhow!("panicked"))?).collect()
    });
    Ok(all?.concat())
}

fn at_fixed_rate<'a>(
    server: SocketAddr,
    requests: impl Iterator<Item = &'a Vec<u8>>,
    first: Instant,
    step: Duration,
    end: Instant,
) -> Result<Vec<Duration>> {
    let mut connection = Connection::open(server)?;
    let mut times = Vec::new();
    let mut due = first;
    for request in requests {
        if due >= end {
            break;
        }
        thread::sleep(due.saturating_duration_since(Instant::now()));
        connection.exchange(request)?.check_ok()?;
        times.push(due.elapsed());
        due += step;
    }
    Ok(times)
}

/// Runs each of the `clients` repeatedly on its own thread until `task` has ended. Returns the
/// number of successes and the result of `task`.
///
/// A client makes one request at each call.
pub(crate) fn load_while<T, C>(
    clients: Vec<C>,
    task: impl FnOnce() -> Result<T>,
) -> Result<(Throughput, T)>
where
    C: FnMut() -> Result<()> + Send,
{
    let stop = AtomicBool::new(false);
    let count = AtomicU64::new(0);
    let start = Instant::now();
    thread::scope(|scope| {
        let workers: Vec<_> = clients
            .into_iter()
            .map(|mut client| {
                let (stop, count) = (&stop, &count);
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        client()?;
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                    anyhow::Ok(())
                })
            })
            .collect();
        let outcome = task();
        let throughput =
            Throughput { count: count.load(Ordering::Relaxed), within: start.elapsed() };
        stop.store(true, Ordering::Relaxed);
        for worker in workers {
            worker.join().map_err(|_| anyhow!("a client panicked"))??;
        }
        Ok((throughput, outcome?))
    })
}

impl Throughput {
    /// Responses a second.
    pub(crate) fn per_second(self) -> f64 {
        crate::statistic::number(self.count) / self.within.as_secs_f64()
    }
}
