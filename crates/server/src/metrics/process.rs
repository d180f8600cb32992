//! The process, as its operating system sees it, under the usual names.

use std::fs;
use std::time::Duration;

use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};

use super::exposition::Exposition;

/// The place of the number of threads in `/proc/self/stat`, counted after the name of the program.
/// The user time, the system time and the number of resident pages have fixed places, too (proc(5)).
const UTIME: usize = 11;
const STIME: usize = 12;
const THREADS: usize = 17;
const RSS: usize = 21;

/// Writes what Linux tells in `/proc`; nothing elsewhere.
pub(super) fn write(text: &mut Exposition) {
    if let Some(stat) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(parse) {
        let help = "Processor time of the process.";
        text.counter("process_cpu_seconds_total", help, stat.cpu_seconds);
        let help = "Memory that is not swapped out.";
        text.gauge("process_resident_memory_bytes", help, stat.resident_bytes);
        text.gauge("process_threads", "Threads of the process.", stat.threads);
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        text.gauge("process_open_fds", "Open files and connections.", open.count());
    }
    if let Some(limit) = getrlimit(Resource::Nofile).current {
        text.gauge("process_max_fds", "Limit of open files and connections.", limit);
    }
}

#[derive(Debug, PartialEq)]
struct Stat {
    cpu_seconds: f64,
    resident_bytes: u64,
    threads: u64,
}

/// Reads a line of `/proc/…/stat`. The name of the program, in parentheses, may have any characters.
fn parse(line: &str) -> Option<Stat> {
    let fields: Vec<&str> = line.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |place: usize| fields.get(place)?.parse::<u64>().ok();
    let micros_per_tick = 1_000_000 / clock_ticks_per_second().max(1);
    let micros = (number(UTIME)? + number(STIME)?) * micros_per_tick;
    let cpu_seconds = Duration::from_micros(micros).as_secs_f64();
    let resident_bytes = number(RSS)? * page_size() as u64;
    Some(Stat { cpu_seconds, resident_bytes, threads: number(THREADS)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_of_the_program_does_not_shift_the_fields() {
        let rest = "S 1 1 1 0 -1 4194560 1 2 3 4 150 50 0 0 20 0 7 0 100 1000000 33 184";
        let stat = parse(&format!("42 (a ) 1 2) {rest}")).unwrap();
        assert_eq!((stat.threads, stat.resident_bytes), (7, 33 * page_size() as u64));
        let ticks = Duration::from_micros(200 * 1_000_000 / clock_ticks_per_second());
        assert!((stat.cpu_seconds - ticks.as_secs_f64()).abs() < 1e-9, "{stat:?}");
        assert_eq!(parse("42 (x) S 1"), None);
    }
}
