//! The server of the database, examined without opening the database.

#[cfg(any(feature = "mysql", feature = "postgres"))]
use anyhow::Context as _;
use crossauth_settings::Settings;
use crossauth_settings::section::DatabaseUrl;
#[cfg(any(feature = "mysql", feature = "postgres"))]
use crossauth_storage_sql::{Examination, ServerProblem};
use crossauth_storage_sql::{MigrationPlan, OpenWarning};

#[cfg(any(feature = "mysql", feature = "postgres"))]
use super::CANNOT_OPEN;
#[cfg(not(feature = "mysql"))]
use super::NO_MYSQL;
#[cfg(not(feature = "postgres"))]
use super::NO_POSTGRES;
#[cfg(feature = "mysql")]
use super::mysql_options;
#[cfg(feature = "postgres")]
use super::postgres_options;

/// What was found about a server.
#[derive(Debug)]
pub(crate) struct Report {
    /// Product and version, if they are known.
    pub(crate) server: Option<String>,
    /// What does not work.
    pub(crate) problems: Vec<String>,
    /// What makes trouble.
    pub(crate) warnings: Vec<String>,
}

impl Report {
    /// Sorts problems by whether they are fatal.
    #[cfg(any(feature = "mysql", feature = "postgres", feature = "redis"))]
    pub(crate) fn new<P: ToString>(
        server: Option<String>,
        problems: Vec<P>,
        is_fatal: impl Fn(&P) -> bool,
    ) -> Self {
        let (problems, warnings): (Vec<_>, Vec<_>) = problems.into_iter().partition(is_fatal);
        let texts = |found: Vec<P>| found.iter().map(ToString::to_string).collect();
        Self { server, problems: texts(problems), warnings: texts(warnings) }
    }
}

/// Checks the URL and what belongs to it without connecting.
pub(super) async fn check(settings: &Settings, url: &DatabaseUrl) -> anyhow::Result<()> {
    if url.is_mysql() {
        check_mysql(settings, url).await
    } else {
        check_postgres(settings, url).await
    }
}

/// Connects, and returns the version, settings that make trouble, and missing rights.
pub(super) async fn examine(settings: &Settings, url: &DatabaseUrl) -> anyhow::Result<Report> {
    if url.is_mysql() {
        examine_mysql(settings, url).await
    } else {
        examine_postgres(settings, url).await
    }
}

/// What opening the database would change in its schema.
#[cfg_attr(
    not(any(feature = "mysql", feature = "postgres")),
    expect(unused_variables, clippy::unused_async, reason = "as with the features")
)]
pub(super) async fn plan(settings: &Settings, url: &DatabaseUrl) -> anyhow::Result<MigrationPlan> {
    if url.is_mysql() {
        #[cfg(feature = "mysql")]
        return mysql_options(settings).plan(url.expose()).await.context(CANNOT_OPEN);
        #[cfg(not(feature = "mysql"))]
        anyhow::bail!("{NO_MYSQL}");
    }
    #[cfg(feature = "postgres")]
    return postgres_options(settings).plan(url.expose()).await.context(CANNOT_OPEN);
    #[cfg(not(feature = "postgres"))]
    anyhow::bail!("{NO_POSTGRES}");
}

/// The errors and warnings of opening the database.
pub(super) async fn inspect(
    settings: &Settings,
    url: &DatabaseUrl,
) -> anyhow::Result<Vec<OpenWarning>> {
    if url.is_mysql() {
        inspect_mysql(settings, url).await
    } else {
        inspect_postgres(settings, url).await
    }
}

#[cfg(feature = "postgres")]
async fn inspect_postgres(
    settings: &Settings,
    url: &DatabaseUrl,
) -> anyhow::Result<Vec<OpenWarning>> {
    postgres_options(settings).inspect(url.expose()).await.context(CANNOT_OPEN)
}

#[cfg(not(feature = "postgres"))]
#[expect(clippy::unused_async, reason = "as with the feature")]
async fn inspect_postgres(_: &Settings, _: &DatabaseUrl) -> anyhow::Result<Vec<OpenWarning>> {
    anyhow::bail!("{NO_POSTGRES}")
}

#[cfg(feature = "mysql")]
async fn inspect_mysql(settings: &Settings, url: &DatabaseUrl) -> anyhow::Result<Vec<OpenWarning>> {
    mysql_options(settings).inspect(url.expose()).await.context(CANNOT_OPEN)
}

#[cfg(not(feature = "mysql"))]
#[expect(clippy::unused_async, reason = "as with the feature")]
async fn inspect_mysql(_: &Settings, _: &DatabaseUrl) -> anyhow::Result<Vec<OpenWarning>> {
    anyhow::bail!("{NO_MYSQL}")
}

#[cfg(feature = "mysql")]
async fn check_mysql(settings: &Settings, url: &DatabaseUrl) -> anyhow::Result<()> {
    mysql_options(settings).check(url.expose()).await.context(CANNOT_OPEN)
}

#[cfg(feature = "mysql")]
async fn examine_mysql(settings: &Settings, url: &DatabaseUrl) -> anyhow::Result<Report> {
    let found = mysql_options(settings).examine(url.expose()).await.context(CANNOT_OPEN)?;
    Ok(sorted(found))
}

#[cfg(feature = "postgres")]
async fn check_postgres(settings: &Settings, url: &DatabaseUrl) -> anyhow::Result<()> {
    postgres_options(settings).check(url.expose()).await.context(CANNOT_OPEN)
}

#[cfg(feature = "postgres")]
async fn examine_postgres(settings: &Settings, url: &DatabaseUrl) -> anyhow::Result<Report> {
    let found = postgres_options(settings).examine(url.expose()).await.context(CANNOT_OPEN)?;
    Ok(sorted(found))
}

#[cfg(any(feature = "mysql", feature = "postgres"))]
fn sorted(found: Examination) -> Report {
    Report::new(Some(found.server), found.problems, ServerProblem::is_fatal)
}

#[cfg(not(feature = "mysql"))]
mod without_mysql {
    use super::{DatabaseUrl, Report, Settings};
    use crate::database::NO_MYSQL;

    pub(super) async fn check_mysql(_: &Settings, _: &DatabaseUrl) -> anyhow::Result<()> {
        anyhow::bail!("{NO_MYSQL}")
    }

    pub(super) async fn examine_mysql(_: &Settings, _: &DatabaseUrl) -> anyhow::Result<Report> {
        anyhow::bail!("{NO_MYSQL}")
    }
}
#[cfg(not(feature = "mysql"))]
use without_mysql::{check_mysql, examine_mysql};

#[cfg(not(feature = "postgres"))]
mod without_postgres {
    use super::{DatabaseUrl, Report, Settings};
    use crate::database::NO_POSTGRES;

    pub(super) async fn check_postgres(_: &Settings, _: &DatabaseUrl) -> anyhow::Result<()> {
        anyhow::bail!("{NO_POSTGRES}")
    }

    pub(super) async fn examine_postgres(_: &Settings, _: &DatabaseUrl) -> anyhow::Result<Report> {
        anyhow::bail!("{NO_POSTGRES}")
    }
}
#[cfg(not(feature = "postgres"))]
use without_postgres::{check_postgres, examine_postgres};
