//! CPU time and resident memory of a process, from `/proc`.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// Length of the ticks in which Linux reports CPU time to programs (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

/// CPU time that a process and its threads have used, in user space and in the kernel.
pub(crate) fn cpu_time(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let ticks = ticks(&stat).context("unexpected form of /proc/PID/stat")?;
    Ok(TICK * ticks)
}

/// The sum of the 14th and 15th field; the second, a name in parentheses, may contain blanks.
fn ticks(stat: &str) -> Option<u32> {
    let (_, after_name) = stat.rsplit_once(") ")?;
    let mut fields = after_name.split(' ').skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// Resident memory of a process in MB (10⁶ bytes).
pub(crate) fn resident_mb(pid: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib = resident_kib(&status).context("no VmRSS in /proc/PID/status")?;
    Ok(f64::from(kib) * 1024.0 / 1e6)
}

fn resident_kib(status: &str) -> Option<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_parsed_after_a_name_with_blanks_and_parentheses() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 3 0 1000 1 1";
        assert_eq!(ticks(stat), Some(300));
        assert_eq!(ticks("7 (a"), None);
    }

    #[test]
    fn resident_memory_is_read_in_kib() {
        assert_eq!(resident_kib("VmHWM:\t    9 kB\nVmRSS:\t   12345 kB\n"), Some(12345));
        assert_eq!(resident_kib("VmRSS:\t   x kB\n"), None);
    }

    #[test]
    fn own_process_has_memory() {
        assert!(resident_mb(std::process::id()).unwrap() > 0.0);
    }
}
