//! The results as a table, a page, a chart and raw numbers.

mod chart;
pub(crate) mod engine;
mod factor;
mod key;
mod list;
mod page;
mod readme;
mod table;

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use crate::machine::Machine;
use crate::measure::allocations::Allocations;
use crate::measure::engine_check::EngineChecks;
use crate::measure::factor_check::FactorCheck;
use crate::measure::footprint::{Memory, Starts};
use crate::measure::key_check::KeyCheck;
use crate::measure::latency::{Latency, Percentiles};
use crate::measure::login::LoginRate;
use crate::measure::login_storm::{LOGINS, LoginStorm};
use crate::measure::reset_request::ResetRequests;
use crate::measure::session_check::SessionCheck;
use crate::measure::user_list::UserList;
use crate::scale::Scale;

/// Everything that was measured in a run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Machine and date.
    pub(crate) machine: Machine,
    /// Length of the run.
    pub(crate) scale: Scale,
    /// Session checks, compared with a bare handler.
    pub(crate) session_check: SessionCheck,
    /// Allocations for a request.
    pub(crate) allocations: Allocations,
    /// Session checks with and without a second factor.
    pub(crate) factor_check: FactorCheck,
    /// API-key checks, compared with a bare handler.
    pub(crate) key_check: KeyCheck,
    /// Logins, compared with raw hashes.
    pub(crate) login: LoginRate,
    /// Latency alone and beside logins.
    pub(crate) latency: Latency,
    /// Many logins at the same moment.
    pub(crate) login_storm: LoginStorm,
    /// Requests for a password reset.
    pub(crate) reset_requests: ResetRequests,
    /// Pages of a list of users.
    pub(crate) user_list: UserList,
    /// What concerns database servers, for each that is installed.
    pub(crate) engines: Vec<EngineChecks>,
    /// Resident memory at each stage.
    pub(crate) memory: Memory,
    /// Times to start.
    pub(crate) starts: Starts,
    /// Size of the binary in MB.
    pub(crate) binary_mb: f64,
}

/// One result with its target.
struct Figure {
    name: &'static str,
    value: f64,
    unit: &'static str,
    target: Target,
    detail: String,
}

/// The target of a figure.
#[derive(Clone, Copy)]
enum Target {
    AtLeast(f64),
    AtMost(f64),
    None,
}

impl Report {
    /// Shows the table, and writes it to the README and, with a chart and raw numbers, to
    /// `latest.md`, `latest.svg` and `latest.json` of `bench/results`.
    pub(crate) fn publish(&self, root: &Path) -> Result<()> {
        let figures = self.figures();
        let folder = root.join("bench/results");
        writeln!(std::io::stdout(), "\n{}", table::plain(&figures))?;
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("latest.md"), page::write(self, &figures))?;
        fs::write(folder.join("latest.svg"), chart::draw(&figures))?;
        fs::write(folder.join("latest.json"), serde_json::to_string_pretty(self)? + "\n")?;
        let readme = root.join("README.md");
        let updated = readme::update(&fs::read_to_string(&readme)?, &table::markdown(&figures))?;
        Ok(fs::write(readme, updated)?)
    }

    fn figures(&self) -> Vec<Figure> {
        let mut figures = self.ratios();
        figures.extend(self.footprint());
        figures
    }

    fn ratios(&self) -> Vec<Figure> {
        let mut ratios = self.session_checks();
        ratios.extend(self.allocations());
        ratios.push(factor::figure(&self.factor_check));
        ratios.extend(key::figures(&self.key_check));
        ratios.extend(self.logins());
        ratios.extend(self.login_storm());
        ratios.extend(self.reset_requests());
        ratios.push(list::figure(&self.user_list));
        ratios.extend(engine::figures(&self.engines));
        ratios
    }

    fn session_checks(&self) -> Vec<Figure> {
        let SessionCheck { server, logging, bare } = &self.session_check;
        let spread = server.per_second.ratios(&bare.per_second);
        let bare_cpu = bare.cpu_micros.median();
        vec![
            Figure {
                name: "Session checks ÷ bare handler",
                value: server.throughput_ratio(bare),
                unit: "×",
                target: Target::AtLeast(0.9),
                detail: format!(
                    "{:.0}/s ÷ {:.0}/s; {:.2} to {:.2} over the rounds",
                    server.per_second.median(),
                    bare.per_second.median(),
                    spread.min(),
                    spread.max()
                ),
            },
            Figure {
                name: "CPU for a session check ÷ bare handler",
                value: server.cpu_ratio(bare),
                unit: "×",
                target: Target::AtMost(1.12),
                detail: format!("{:.1} µs ÷ {bare_cpu:.1} µs", server.cpu_micros.median()),
            },
            Figure {
                name: "Session checks with access log ÷ bare handler",
                value: logging.throughput_ratio(bare),
                unit: "×",
                target: Target::None,
                detail: format!(
                    "{:.0}/s; {:.1} µs of CPU time each",
                    logging.per_second.median(),
                    logging.cpu_micros.median()
                ),
            },
        ]
    }

    fn allocations(&self) -> Vec<Figure> {
        let Allocations { session_check, bare_check, public, private, bare, bare_with_cookies } =
            &self.allocations;
        vec![
            Figure {
                name: "Allocations for a session check",
                value: *session_check,
                unit: "",
                target: Target::AtMost(26.0),
                detail: format!("{bare_check:.1} of the bare handler"),
            },
            Figure {
                name: "Allocations of an application's route − bare route",
                value: public - bare,
                unit: "",
                target: Target::AtMost(4.0),
                detail: format!("{public:.1} − {bare:.1}; for everyone, asked without cookies"),
            },
            Figure {
                name: "Allocations with `CurrentUser` − bare route",
                value: private - bare_with_cookies,
                unit: "",
                target: Target::AtMost(12.0),
                detail: format!(
                    "{private:.1} − {bare_with_cookies:.1}; asked with the cookie of a session"
                ),
            },
        ]
    }

    fn logins(&self) -> Vec<Figure> {
        let Self { login, latency, .. } = self;
        vec![
            Figure {
                name: "Logins ÷ bare hash rate",
                value: login.ratio(),
                unit: "×",
                target: Target::AtLeast(0.95),
                detail: format!(
                    "{:.0}/s ÷ {:.0}/s; {:.2} to {:.2} over the rounds",
                    login.logins.median(),
                    login.hashes.median(),
                    login.logins.ratios(&login.hashes).min(),
                    login.logins.ratios(&login.hashes).max()
                ),
            },
            Figure {
                name: "Session check p99 beside logins ÷ alone",
                value: latency.ratio(),
                unit: "×",
                target: Target::AtMost(3.0),
                detail: format!(
                    "{:.2} ms ÷ {:.2} ms; p50 {:.2} ms and {:.2} ms",
                    latency.beside_logins.p99.median(),
                    latency.alone.p99.median(),
                    latency.beside_logins.p50.median(),
                    latency.alone.p50.median()
                ),
            },
        ]
    }

    fn login_storm(&self) -> Vec<Figure> {
        let storm = &self.login_storm;
        vec![
            Figure {
                name: "500 logins at once: the slowest that is admitted ÷ full queue",
                value: storm.queue_ratio(),
                unit: "×",
                target: Target::AtMost(1.25),
                detail: format!(
                    "{:.0} of {LOGINS} admitted; {:.0} ms ÷ {:.0} ms",
                    storm.admitted.median(),
                    storm.slowest_admitted.median(),
                    storm.full_queue
                ),
            },
            Figure {
                name: "500 logins at once: the slowest refusal",
                value: storm.slowest_refused.median(),
                unit: "ms",
                target: Target::AtMost(100.0),
                detail: format!("{:.0} ms in the slowest round", storm.slowest_refused.max()),
            },
            Figure {
                name: "Session check p99 beside 500 logins at once ÷ alone",
                value: storm.latency_ratio(),
                unit: "×",
                target: Target::AtMost(5.0),
                detail: format!("{:.2} ms ÷ {:.2} ms", storm.beside.tail(), storm.alone.tail()),
            },
        ]
    }

    fn reset_requests(&self) -> Vec<Figure> {
        let requests = &self.reset_requests;
        let figure = |name, value, target, detail: &str| Figure {
            name,
            value,
            unit: "×",
            target: Target::AtMost(target),
            detail: detail.into(),
        };
        let addresses = "the greatest difference in either direction of the three mail servers";
        let mail = "the greater of both, for known and unknown addresses";
        let (median, tail) = (Percentiles::median, Percentiles::tail);
        vec![
            figure(
                "Reset request p50, known ÷ unknown address",
                requests.address_ratio(median),
                1.1,
                addresses,
            ),
            figure(
                "Reset request p99, known ÷ unknown address",
                requests.address_ratio(tail),
                1.5,
                addresses,
            ),
            figure(
                "Reset request p50, mail server slow or dead ÷ fast",
                requests.mail_ratio(median),
                1.1,
                mail,
            ),
            figure(
                "Reset request p99, mail server slow or dead ÷ fast",
                requests.mail_ratio(tail),
                1.5,
                mail,
            ),
        ]
    }

    fn footprint(&self) -> Vec<Figure> {
        let Self { memory, starts, binary_mb, .. } = self;
        vec![
            Figure {
                name: "Resident memory when idle",
                value: memory.idle,
                unit: "MB",
                target: Target::AtMost(11.0),
                detail: format!(
                    "{:.1} MB after session checks, {:.1} MB under logins",
                    memory.after_sessions, memory.under_logins
                ),
            },
            Figure {
                name: "Start to first response",
                value: starts.later.median(),
                unit: "ms",
                target: Target::AtMost(20.0),
                detail: format!("{:.0} ms the longest", starts.later.max()),
            },
            Figure {
                name: "First start to first response",
                value: starts.first.median(),
                unit: "ms",
                target: Target::AtMost(100.0),
                detail: format!(
                    "{:.0} ms the longest; makes database and secret",
                    starts.first.max()
                ),
            },
            Figure {
                name: "Binary",
                value: *binary_mb,
                unit: "MB",
                target: Target::AtMost(8.5),
                detail: "release profile, stripped".into(),
            },
        ]
    }
}

impl Figure {
    fn value(&self) -> String {
        with_unit(&rounded(self.value), self.unit)
    }

    fn target(&self) -> String {
        match self.target {
            Target::AtLeast(target) => with_unit(&format!("≥ {target}"), self.unit),
            Target::AtMost(target) => with_unit(&format!("≤ {target}"), self.unit),
            Target::None => "–".into(),
        }
    }

    fn verdict(&self) -> &'static str {
        match self.target {
            Target::AtLeast(target) if self.value >= target => "reached",
            Target::AtMost(target) if self.value <= target => "reached",
            Target::AtLeast(_) | Target::AtMost(_) => "missed",
            Target::None => "–",
        }
    }
}

fn with_unit(number: &str, unit: &str) -> String {
    format!("{number} {unit}").trim_end().to_owned()
}

/// Three figures, or whole numbers from 100 on.
fn rounded(value: f64) -> String {
    let decimals = match value {
        value if value < 9.995 => 2,
        value if value < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn figure(value: f64, target: Target) -> Figure {
        Figure { name: "Speed & more", value, unit: "×", target, detail: "a < b".into() }
    }

    #[test]
    fn verdict_compares_in_the_direction_of_the_target() {
        assert_eq!(figure(0.9, Target::AtLeast(0.9)).verdict(), "reached");
        assert_eq!(figure(0.89, Target::AtLeast(0.9)).verdict(), "missed");
        assert_eq!(figure(5.0, Target::AtMost(5.0)).verdict(), "reached");
        assert_eq!(figure(5.1, Target::AtMost(5.0)).verdict(), "missed");
        assert_eq!(figure(f64::NAN, Target::AtMost(5.0)).verdict(), "missed");
    }

    #[test]
    fn numbers_are_rounded_by_magnitude() {
        assert_eq!(rounded(0.853), "0.85");
        assert_eq!(rounded(9.996), "10.0");
        assert_eq!(rounded(41.27), "41.3");
        assert_eq!(rounded(123.4), "123");
    }
}
