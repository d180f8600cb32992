//! Imports into the database, and from others.

use anyhow::Context as _;
use crossauth_settings::Settings;
use crossauth_settings::section::DatabaseUrl;
use crossauth_storage_sql::import::{Finding, Import, Progress, Source, Summary};
use crossauth_storage_sql::sqlite;

use super::{Database, cannot_open, check_file, file_options, log};

impl Database {
    /// A temporary database, of which nothing is left.
    pub(crate) async fn temporary() -> anyhow::Result<Self> {
        Ok(Self::Sqlite(sqlite::temporary().await.context("cannot create a temporary database")?))
    }

    /// Imports another database.
    pub(crate) async fn import(
        &self,
        import: Import<'_>,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> anyhow::Result<Summary> {
        Ok(match self {
            Self::Sqlite(storage) => storage.import(import, progress).await,
            #[cfg(feature = "postgres")]
            Self::Postgres(storage) => storage.import(import, progress).await,
            #[cfg(feature = "mysql")]
            Self::Mysql(storage) => storage.import(import, progress).await,
        }?)
    }

    /// What an import did not take, after the number `after`.
    pub(crate) async fn import_findings(
        &self,
        after: i64,
        limit: u32,
    ) -> anyhow::Result<Vec<(i64, Finding)>> {
        Ok(match self {
            Self::Sqlite(storage) => storage.import_findings(after, limit).await,
            #[cfg(feature = "postgres")]
            Self::Postgres(storage) => storage.import_findings(after, limit).await,
            #[cfg(feature = "mysql")]
            Self::Mysql(storage) => storage.import_findings(after, limit).await,
        }?)
    }

    /// An error if an import into the database is not complete.
    pub(crate) async fn check_import(&self) -> anyhow::Result<()> {
        let unfinished = match self {
            Self::Sqlite(storage) => storage.unfinished_import().await,
            #[cfg(feature = "postgres")]
            Self::Postgres(storage) => storage.unfinished_import().await,
            #[cfg(feature = "mysql")]
            Self::Mysql(storage) => storage.unfinished_import().await,
        }?;
        if let Some(source) = unfinished {
            anyhow::bail!(
                "the import of {source} into this database is not complete: run \
                 `crossauth migrate --from` again"
            );
        }
        Ok(())
    }
}

/// Opens the database of these settings as the source of an import.
pub(crate) async fn source(settings: &Settings) -> anyhow::Result<Source> {
    let source = match (&settings.database.url, &settings.database.path) {
        (Some(url), _) => source_on_server(settings, url).await?,
        (None, Some(path)) => {
            check_file(path)?;
            let source = file_options(settings).source(path).await;
            source.with_context(|| cannot_open(path))?
        }
        (None, None) => anyhow::bail!("the URL of the database to import is empty"),
    };
    source.warnings().iter().for_each(log);
    Ok(source)
}

#[cfg_attr(
    not(any(feature = "mysql", feature = "postgres")),
    expect(unused_variables, clippy::unused_async, reason = "as with the features")
)]
async fn source_on_server(settings: &Settings, url: &DatabaseUrl) -> anyhow::Result<Source> {
    if url.is_mysql() {
        #[cfg(feature = "mysql")]
        return super::mysql_options(settings).source(url.expose()).await.context(CANNOT_IMPORT);
        #[cfg(not(feature = "mysql"))]
        anyhow::bail!("{}", super::NO_MYSQL);
    }
    #[cfg(feature = "postgres")]
    return super::postgres_options(settings).source(url.expose()).await.context(CANNOT_IMPORT);
    #[cfg(not(feature = "postgres"))]
    anyhow::bail!("{}", super::NO_POSTGRES);
}

#[cfg(any(feature = "mysql", feature = "postgres"))]
const CANNOT_IMPORT: &str = "cannot open the database to import";
