//! Where and when it was measured.

use std::fs;
use std::process::Command;
use std::thread;

use anyhow::{Context as _, Result};
use crossauth_core::clock::{Clock as _, SystemClock};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The facts that a reader needs to judge the absolute numbers.
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
    /// How many tasks wanted to run, on average over the minute before.
    pub(crate) load_before: String,
}

impl Machine {
    /// The machine this program runs on.
    pub(crate) fn inspect() -> Result<Self> {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo")?;
        let loadavg = fs::read_to_string("/proc/loadavg")?;
        let rustc = Command::new("rustc").arg("--version").output().context("rustc")?;
        Ok(Self {
            date: today()?,
            processor: processor(&cpuinfo).unwrap_or("unknown").to_owned(),
            cores: thread::available_parallelism()?.get(),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            rustc: String::from_utf8(rustc.stdout)?.trim().to_owned(),
            load_before: loadavg.split(' ').next().unwrap_or_default().to_owned(),
        })
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
    fn processor_is_read_from_cpuinfo() {
        let cpuinfo = "processor\t: 0\nmodel name\t: Fast CPU @ 2.50GHz\n";
        assert_eq!(processor(cpuinfo), Some("Fast CPU @ 2.50GHz"));
        assert_eq!(processor("processor\t: 0\n"), None);
    }
}
