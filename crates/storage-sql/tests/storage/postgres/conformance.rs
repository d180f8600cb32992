//! Every rule, on our own schema and on those of upstream.

mod own {
    use crate::postgres::PostgresSchema;

    async fn empty_storage() -> PostgresSchema {
        PostgresSchema::open().await
    }

    crossauth_testkit::store_tests!(empty_storage);
}

mod pycrossauth {
    use crossauth_storage_sql::postgres::Postgres;

    use crate::opened::Driver as _;
    use crate::postgres::PostgresSchema;

    async fn empty_storage() -> PostgresSchema {
        PostgresSchema::of_upstream(&Postgres::PYCROSSAUTH).await
    }

    crossauth_testkit::store_tests!(empty_storage);
}

mod uuid_ids {
    use crossauth_storage_sql::postgres::Postgres;

    use crate::opened::Driver as _;
    use crate::postgres::PostgresSchema;

    async fn empty_storage() -> PostgresSchema {
        PostgresSchema::of_upstream(&Postgres::CROSSAUTHJS).await
    }

    crossauth_testkit::store_tests!(empty_storage);
}
