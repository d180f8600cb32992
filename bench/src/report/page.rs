//! The Markdown page of a run.

use super::{Figure, Report, table};
use crate::load::{SATURATING_CONNECTIONS, STREAM_CONNECTIONS};
use crate::machine::Machine;
use crate::measure::reset_request::ResetRequests;
use crate::measure::{latency, login, reset_request};
use crate::population::{WITH_FACTOR, WITH_KEY};
use crate::scale::Scale;

/// The page: figures, machine, method.
pub(super) fn write(report: &Report, figures: &[Figure]) -> String {
    format!(
        "# Latest measurement\n\n\
         Written by `cargo run --release -p crossauth-bench`; \
         [how to read it](../../docs/explanation/performance.md).\n\n\
         ![The figures below against their targets](latest.svg)\n\n{}\n\
         ## Requests for a password reset\n\n{}\n## Machine\n\n{}\n\
         ## Method\n\n{}",
        table::markdown(figures),
        reset_requests(&report.reset_requests),
        machine(&report.machine, &report.scale),
        method(report)
    )
}

/// The page of a run of the database servers only.
pub(super) fn write_engines(on: &Machine, scale: &Scale, figures: &[Figure]) -> String {
    format!(
        "# Latest measurement of database servers\n\n\
         Written by `cargo run --release -p crossauth-bench -- --engines`; \
         [how to read it](../../docs/explanation/performance.md).\n\n{}\n\
         ## Machine\n\n{}\n\
         ## Method\n\n\
         - Each database server, the client of its driver and the load share the cores; everything \
         compared was measured in this one run, in turns. Numbers are medians over the rounds.\n\
         - Session checks: {} rounds of {} s for each side, through the storage and as the bare \
         prepared query, by the same driver on the same server.\n",
        table::markdown(figures),
        machine(on, scale),
        scale.engine_rounds,
        scale.engine_secs,
    )
}

/// Response times by mail server and address.
fn reset_requests(requests: &ResetRequests) -> String {
    let head = "| Mail server | Known p50 | Unknown p50 | Known p99 | Unknown p99 |\n\
                |---|--:|--:|--:|--:|\n";
    let rows = requests.by_speed().map(|(speed, times)| {
        let (known, unknown) = (&times.known, &times.unknown);
        let times = [known.median(), unknown.median(), known.tail(), unknown.tail()];
        let times = times.map(|time| format!("{time:.2} ms"));
        format!("| {} | {} |\n", speed.name(), times.join(" | "))
    });
    format!("{head}{}", rows.concat())
}

fn machine(machine: &Machine, scale: &Scale) -> String {
    format!(
        "| | |\n|---|---|\n| Date | {} |\n| Processor | {} |\n| Cores | {} |\n| Kernel | {} |\n\
         | Compiler | {} |\n| Cores busy with other work | {:.2}{} |\n| Run | {} |\n",
        machine.date,
        machine.processor,
        machine.cores,
        machine.kernel,
        machine.rustc,
        machine.cores_busy_before,
        if machine.is_too_busy() { ": **too many, these numbers are spoilt**" } else { "" },
        scale.name,
    )
}

fn method(report: &Report) -> String {
    let scale = &report.scale;
    format!(
        "- Server, baseline and load generator share the cores; everything compared was \
         measured in this one run, in turns. Numbers are medians over the rounds.\n\
         - The server runs with its default settings on SQLite; {} users have a session each.\n\
         - Session checks: {} rounds of {} s for each side, {} connections. Neither \
         side logs a request, as is the default; the rate with an access log has a line of its own.\n\
         - Logins: {} pairs of rounds of {} s, {} clients, Argon2id m = {} KiB, t = {}, p = {}.\n\
         - Latency: {} pairs of rounds of {} s, {} requests a second on {} connections, each \
         counted from the moment it was due.\n\
         - Requests for a password reset: {} rounds of {} s for each mail server and kind of \
         address, {} requests a second. Each mail server has a server and a copy of the database \
         of its own; the slow one takes a second for each reply, the dead one refuses connections.\n\
         - Session checks with and without a second factor: {} users of each kind, in rounds as \
         above.\n\
         - API-key checks: {} keys of as many users, in rounds as above.\n\
         - Starts: {} of each kind.\n",
        scale.accounts,
        scale.session_rounds,
        scale.session_secs,
        SATURATING_CONNECTIONS,
        scale.login_rounds,
        scale.login_secs,
        login::CLIENTS,
        report.login.memory_kib,
        report.login.iterations,
        report.login.lanes,
        scale.latency_rounds,
        scale.latency_secs,
        latency::RATE,
        STREAM_CONNECTIONS,
        scale.reset_rounds,
        scale.reset_secs,
        reset_request::RATE,
        WITH_FACTOR,
        WITH_KEY,
        scale.starts,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_reset_requests_are_listed_by_mail_server() {
        let rows = reset_requests(&reset_request::sample());
        assert!(rows.contains("| fast | 1.00 ms | 1.00 ms | 2.00 ms | 2.00 ms |\n"), "{rows}");
        assert!(rows.contains("| slow | 1.00 ms | 2.00 ms | 2.00 ms | 4.00 ms |\n"), "{rows}");
        assert!(rows.lines().all(|line| line.matches('|').count() == 6), "{rows}");
    }
}
