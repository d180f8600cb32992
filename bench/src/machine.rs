//! The machine and date of a measurement.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use crossauth_core::clock::{Clock as _, SystemClock};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::statistic::number;

/// The machine, to interpret the absolute numbers.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Machine {
    /// When the measurement began (UTC).
    pub(crate) date: String,
    /// Model of the processor.
    pub(crate) processor: String,
    /// Number of cores this program may use.
    pub(crate) cores: usize,
    /// Version of the operating system's kernel.
    pub(crate) kernel: String,
    /// Version of the compiler.
    pub(crate) rustc: String,
    /// Busy cores before the measurement.
    pub(crate) cores_busy_before: f64,
}

/// How long to observe other load.
const WATCH: Duration = Duration::from_secs(3);
/// Number of busy cores that distort the numbers.
const TOO_BUSY: f64 = 0.1;

impl Machine {
    /// The machine this program runs on.
    pub(crate) fn inspect() -> Result<Self> {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo")?;
        let rustc = Command::new("rustc").arg("--version").output().context("rustc")?;
        Ok(Self {
            date: today()?,
            processor: processor(&cpuinfo).unwrap_or("unknown").to_owned(),
            cores: thread::available_parallelism()?.get(),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            rustc: String::from_utf8(rustc.stdout)?.trim().to_owned(),
            cores_busy_before: cores_busy()?,
        })
    }

    /// Whether other load has distorted the numbers.
    pub(crate) fn is_too_busy(&self) -> bool {
        self.cores_busy_before > TOO_BUSY
    }
}

/// Measures the average number of busy cores.
fn cores_busy() -> Result<f64> {
    let usage = || Usage::parse(&fs::read_to_string("/proc/stat")?);
    let before = usage()?;
    thread::sleep(WATCH);
    let after = usage()?;
    let busy = number(after.busy - before.busy);
    Ok(busy / number(after.all - before.all) * number(after.cores))
}

/// CPU time of all cores since the start of the machine, in ticks.
#[derive(Debug, PartialEq)]
struct Usage {
    busy: u64,
    all: u64,
    cores: u64,
}

impl Usage {
    fn parse(stat: &str) -> Result<Self> {
        let cores = stat.lines().filter(|line| line.starts_with("cpu")).count().saturating_sub(1);
        let sum = stat.lines().next().and_then(|line| line.strip_prefix("cpu "));
        let sum = sum.context("unexpected form of /proc/stat")?;
        // user, nice, system, idle, waiting for disks, interrupts (two kinds), stolen; guests are
        // included in the first two.
        let ticks =
            sum.split_whitespace().take(8).map(str::parse).collect::<Result<Vec<u64>, _>>()?;
        let idle: u64 = ticks.iter().skip(3).take(2).sum();
        let all: u64 = ticks.iter().sum();
        Ok(Self { busy: all - idle, all, cores: cores as u64 })
    }
}

fn today() -> Result<String> {
    let now = OffsetDateTime::from_unix_timestamp(SystemClock.now().as_secs())?;
    Ok(now.format(&Rfc3339)?)
}

fn processor(cpuinfo: &str) -> Option<&str> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_time_excludes_idle_and_iowait() {
        let stat = "cpu  10 1 5 100 20 2 3 4 9 9\ncpu0 5 0 0 0\ncpu1 5 1 5 0\nintr 1\n";
        assert_eq!(Usage::parse(stat).unwrap(), Usage { busy: 25, all: 145, cores: 2 });
        assert!(Usage::parse("intr 1\n").is_err());
    }

    #[test]
    fn processor_is_read_from_cpuinfo() {
        let cpuinfo = "processor\t: 0\nmodel name\t: Fast CPU @ 2.50GHz\n";
        assert_eq!(processor(cpuinfo), Some("Fast CPU @ 2.50GHz"));
        assert_eq!(processor("processor\t: 0\n"), None);
    }
}
