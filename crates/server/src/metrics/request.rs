//! Counters of requests.

use std::array;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{Method, StatusCode};

use super::exposition::{Exposition, Kind};

/// The values of the label `method`.
const METHODS: [&str; 5] = ["GET", "POST", "HEAD", "OPTIONS", "other"];

/// The statuses that are counted one by one: 100 to 599.
const STATUSES: usize = 500;

/// The upper bounds of the histogram of durations, in microseconds.
const BOUNDS: [u64; 14] = [
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 10_000_000,
];

/// Counters of the requests that were answered. Counting one takes three atomic additions.
#[derive(Debug)]
pub(crate) struct RequestMetrics {
    /// By method, then by status.
    responses: [Box<[AtomicU64]>; METHODS.len()],
    /// By duration; the last has no upper bound.
    durations: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
    panics: AtomicU64,
}

impl Default for RequestMetrics {
    fn default() -> Self {
        Self {
            responses: array::from_fn(|_| (0..STATUSES).map(|_| AtomicU64::new(0)).collect()),
            durations: array::from_fn(|_| AtomicU64::new(0)),
            micros: AtomicU64::new(0),
            panics: AtomicU64::new(0),
        }
    }
}

/// The place of a method in [`METHODS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MethodLabel(usize);

impl MethodLabel {
    pub(crate) fn of(method: &Method) -> Self {
        let other = METHODS.len() - 1;
        Self(METHODS.iter().position(|name| *name == method.as_str()).unwrap_or(other))
    }
}

impl RequestMetrics {
    /// Counts a response.
    pub(crate) fn count(&self, method: MethodLabel, status: StatusCode, took: Duration) {
        let status = usize::from(status.as_u16()).saturating_sub(100).min(STATUSES - 1);
        self.responses[method.0][status].fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|bound| *bound < micros);
        self.durations[bucket].fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// Counts a request whose handler panicked.
    pub(crate) fn count_panic(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn write(&self, text: &mut Exposition) {
        let help = "Requests that were answered, by method and status.";
        let mut family = text.family("crossauth_http_requests_total", Kind::Counter, help);
        for (method, statuses) in METHODS.iter().zip(&self.responses) {
            for (status, count) in statuses.iter().enumerate() {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    let code = (status + 100).to_string();
                    family.sample(&[("method", method), ("code", &code)], count);
                }
            }
        }
        let help = "Time from the head of a request to its response.";
        let mut family = text.family("crossauth_http_request_seconds", Kind::Histogram, help);
        let mut total = 0;
        for (bound, count) in BOUNDS.iter().zip(&self.durations) {
            total += count.load(Ordering::Relaxed);
            let bound = Duration::from_micros(*bound).as_secs_f64().to_string();
            family.suffixed("_bucket", &[("le", &bound)], total);
        }
        total += self.durations[BOUNDS.len()].load(Ordering::Relaxed);
        family.suffixed("_bucket", &[("le", "+Inf")], total);
        let sum = Duration::from_micros(self.micros.load(Ordering::Relaxed));
        family.suffixed("_sum", &[], sum.as_secs_f64());
        family.suffixed("_count", &[], total);
        let help = "Requests whose handler panicked.";
        text.counter("crossauth_http_panics_total", help, self.panics.load(Ordering::Relaxed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_are_counted_by_method_status_and_duration() {
        let metrics = RequestMetrics::default();
        let count = |method: &str, status, micros| {
            let method = MethodLabel::of(&method.parse().unwrap());
            let status = StatusCode::from_u16(status).unwrap();
            metrics.count(method, status, Duration::from_micros(micros));
        };
        count("GET", 200, 250);
        count("GET", 200, 251);
        count("BREW", 999, 99_000_000);
        count("OTHER", 418, 0);
        let mut text = Exposition::default();
        metrics.write(&mut text);
        let text = text.into_text();
        for line in [
            "crossauth_http_requests_total{method=\"GET\",code=\"200\"} 2",
            "crossauth_http_requests_total{method=\"other\",code=\"599\"} 1",
            "crossauth_http_requests_total{method=\"other\",code=\"418\"} 1",
            "crossauth_http_request_seconds_bucket{le=\"0.00025\"} 2",
            "crossauth_http_request_seconds_bucket{le=\"0.0005\"} 3",
            "crossauth_http_request_seconds_bucket{le=\"10\"} 3",
            "crossauth_http_request_seconds_bucket{le=\"+Inf\"} 4",
            "crossauth_http_request_seconds_sum 99.000501",
            "crossauth_http_request_seconds_count 4",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
    }
}
