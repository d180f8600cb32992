//! Imports from and into this database.

use crossauth_storage_sql::postgres::Options;
use crossauth_storage_sql::{TableMap, sqlite};
use crossauth_testkit::postgres::server;
use crossauth_testkit::upstream::{Engine, Upstream};

use super::PostgresSchema;
use crate::import::everything_is_imported;
use crate::upstream;

#[tokio::test]
async fn databases_of_upstream_are_imported_and_stay_as_they_are() {
    for upstream in Upstream::on(Engine::Postgres) {
        let address = server().empty_schema();
        server().execute(&address, &upstream::sql(upstream));
        let options = Options { tables: upstream::table_map(upstream), ..Options::default() };
        let source = options.source(&address).await.unwrap();
        everything_is_imported(&sqlite::memory().await.unwrap(), &source, upstream).await;
        let target = PostgresSchema::open().await;
        everything_is_imported(&target.database, &source, upstream).await;
        // None of ours was created beside them.
        let planned =
            Options { tables: TableMap::crossauth(), ..Options::default() }.plan(&address);
        assert_eq!(planned.await.unwrap().groups[0].name, "schema");
    }
}
