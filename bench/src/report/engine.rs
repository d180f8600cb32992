//! The figures of database servers.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::Result;

use super::{Figure, Target, page, table};
use crate::machine::Machine;
use crate::measure::engine_check::{Check, EngineChecks};
use crate::measure::user_list::UserList;
use crate::scale::Scale;

/// Shows the figures, and writes them to `engines.md` of `bench/results`.
pub(crate) fn publish(
    root: &Path,
    machine: &Machine,
    scale: &Scale,
    engines: &[EngineChecks],
) -> Result<()> {
    let figures = figures(engines);
    writeln!(std::io::stdout(), "\n{}", table::plain(&figures))?;
    let page = page::write_engines(machine, scale, &figures);
    Ok(fs::write(root.join("bench/results/engines.md"), page)?)
}

/// The names of the figures of a product.
struct Names {
    small: &'static str,
    large: &'static str,
    growth: &'static str,
    logins: &'static str,
    list: &'static str,
}

const POSTGRES: Names = Names {
    small: "Session checks on PostgreSQL ÷ bare query, few keys",
    large: "Session checks on PostgreSQL ÷ bare query, many keys",
    growth: "Growth with keys on PostgreSQL, session check ÷ bare query",
    logins: "Logins on PostgreSQL ÷ bare hash rate",
    list: "Last ÷ first page of users on PostgreSQL",
};

const MARIADB: Names = Names {
    small: "Session checks on MariaDB ÷ bare query, few keys",
    large: "Session checks on MariaDB ÷ bare query, many keys",
    growth: "Growth with keys on MariaDB, session check ÷ bare query",
    logins: "Logins on MariaDB ÷ bare hash rate",
    list: "Last ÷ first page of users on MariaDB",
};

/// All figures of the products that were measured.
pub(super) fn figures(engines: &[EngineChecks]) -> Vec<Figure> {
    engines.iter().flat_map(of_product).collect()
}

fn of_product(checks: &EngineChecks) -> Vec<Figure> {
    let names = if checks.name == "PostgreSQL" { &POSTGRES } else { &MARIADB };
    let (small, large) = (&checks.small, &checks.large);
    let (logins, list) = (&checks.login, &checks.user_list);
    let mut figures = vec![
        check(names.small, small),
        check(names.large, large),
        Figure {
            name: names.growth,
            value: checks.growth_ratio() / checks.bare_growth_ratio(),
            unit: "×",
            target: Target::AtLeast(0.9),
            detail: format!(
                "{:.2} × ÷ {:.2} ×, the rate with {} keys ÷ with {} keys",
                checks.growth_ratio(),
                checks.bare_growth_ratio(),
                large.keys,
                small.keys
            ),
        },
    ];
    figures.extend(checks.redis.as_ref().map(|redis| {
        check("Session checks on Redis and PostgreSQL ÷ bare command and query", redis)
    }));
    figures.push(Figure {
        name: names.logins,
        value: logins.ratio(),
        unit: "×",
        target: Target::AtLeast(0.95),
        detail: format!("{:.0}/s ÷ {:.0}/s", logins.logins.median(), logins.hashes.median()),
    });
    figures.push(pages(names.list, list));
    figures.extend(checks.processes.as_ref().map(|processes| Figure {
        name: "Session checks of three processes behind nginx ÷ of one",
        value: processes.ratio(),
        unit: "×",
        target: Target::None,
        detail: format!(
            "{:.0}/s ÷ {:.0}/s, over PostgreSQL and Redis on the same cores; {:.0}/s of one without \
             nginx",
            processes.three.median(),
            processes.one.median(),
            processes.direct.median()
        ),
    }));
    figures
}

fn pages(name: &'static str, list: &UserList) -> Figure {
    Figure {
        name,
        value: list.ratio(),
        unit: "×",
        target: Target::AtMost(2.0),
        detail: format!(
            "{} users; {:.0} µs ÷ {:.0} µs; {:.0} µs in the middle, {:.0} µs for a search that all \
             match, {:.0} µs for one of a user, {:.0} µs for the disabled ones",
            list.users,
            list.last.median(),
            list.first.median(),
            list.middle.median(),
            list.broad_search.median(),
            list.narrow_search.median(),
            list.disabled.median()
        ),
    }
}

fn check(name: &'static str, check: &Check) -> Figure {
    let spread = check.ours.ratios(&check.bare);
    let sqlx = check.sqlx.median() / check.bare.median();
    let sqlx =
        if sqlx.is_nan() { String::new() } else { format!("; the query over sqlx {sqlx:.2} ×") };
    Figure {
        name,
        value: check.ratio(),
        unit: "×",
        target: Target::AtLeast(0.85),
        detail: format!(
            "{:.0}/s ÷ {:.0}/s; {:.2} to {:.2} over the rounds; {} keys{sqlx}",
            check.ours.median(),
            check.bare.median(),
            spread.min(),
            spread.max(),
            check.keys
        ),
    }
}
