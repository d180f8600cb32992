//! Every rule, on our own schema and on those of upstream.

mod own {
    use crate::postgres::PostgresSchema;

    async fn empty_storage() -> PostgresSchema {
        PostgresSchema::open().await
    }

    crossauth_testkit::store_tests!(empty_storage);
}

mod pycrossauth {
    use crate::postgres::{PostgresSchema, foreign};

    async fn empty_storage() -> PostgresSchema {
        foreign::open(&foreign::PYCROSSAUTH).await
    }

    crossauth_testkit::store_tests!(empty_storage);
}

mod uuid_ids {
    use crate::postgres::{PostgresSchema, foreign};

    async fn empty_storage() -> PostgresSchema {
        foreign::open(&foreign::CROSSAUTHJS).await
    }

    crossauth_testkit::store_tests!(empty_storage);
}
