//! The load generator: as many requests as a server takes, or a steady stream of them.

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

/// How much was answered in which time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answered {
    /// Number of answers.
    pub(crate) count: u64,
    /// From the first request to the last counted answer.
    pub(crate) within: Duration,
}

/// Keeps a request waiting on each of [`SATURATING_CONNECTIONS`] connections for a while, going
/// through `requests` over and over.
///
/// One thread serves all connections in turn with blocking reads and writes, which costs less
/// than any readiness API as long as the server always has enough to do.
pub(crate) fn saturate(
    server: SocketAddr,
    requests: &[Vec<u8>],
    time: Duration,
) -> Result<Answered> {
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
    Ok(Answered { count, within })
}

/// Sends `count` requests, one at a time, going through `requests` over and over.
pub(crate) fn repeat(server: SocketAddr, requests: &[Vec<u8>], count: u32) -> Result<()> {
    let mut connection = Connection::open(server)?;
    for (_, request) in (0..count).zip(requests.iter().cycle()) {
        connection.ask(request)?.check_ok()?;
    }
    Ok(())
}

/// Sends `rate` requests a second, whether or not earlier ones are answered, and returns how long
/// after its appointed time each was answered.
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
                scope.spawn(move || in_step(server, requests, first, step, start + time))
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().map_err(|_| anyhow!("panicked"))?).collect()
    });
    Ok(all?.concat())
}

fn in_step<'a>(
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
        connection.ask(request)?.check_ok()?;
        times.push(due.elapsed());
        due += step;
    }
    Ok(times)
}

/// Runs each of the `clients` on a thread of its own, over and over, until `task` has ended;
/// returns how often they succeeded and what `task` returned.
///
/// A client makes one request at each call.
pub(crate) fn beside<T, C>(
    clients: Vec<C>,
    task: impl FnOnce() -> Result<T>,
) -> Result<(Answered, T)>
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
        let answered = Answered { count: count.load(Ordering::Relaxed), within: start.elapsed() };
        stop.store(true, Ordering::Relaxed);
        for worker in workers {
            worker.join().map_err(|_| anyhow!("a client panicked"))??;
        }
        Ok((answered, outcome?))
    })
}

impl Answered {
    /// Answers a second.
    pub(crate) fn per_second(self) -> f64 {
        crate::statistic::number(self.count) / self.within.as_secs_f64()
    }
}
