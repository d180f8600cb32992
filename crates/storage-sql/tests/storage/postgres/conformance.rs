//! Every rule, on our own schema and on those of upstream.

mod own {
    use crate::postgres::InSchema;

    async fn empty_storage() -> InSchema {
        InSchema::open().await
    }

    crossauth_testkit::store_tests!(empty_storage);
}

mod pycrossauth {
    use crate::postgres::{InSchema, foreign};

    async fn empty_storage() -> InSchema {
        foreign::open(&foreign::PYCROSSAUTH).await
    }

    crossauth_testkit::store_tests!(empty_storage);
}

mod uuid_ids {
    use crate::postgres::{InSchema, foreign};

    async fn empty_storage() -> InSchema {
        foreign::open(&foreign::CROSSAUTHJS).await
    }

    crossauth_testkit::store_tests!(empty_storage);
}
