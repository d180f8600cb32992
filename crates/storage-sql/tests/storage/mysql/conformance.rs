//! Every rule, on our own schema and on those of upstream.

mod own {
    use crate::mysql::MysqlDatabase;

    async fn empty_storage() -> MysqlDatabase {
        MysqlDatabase::open().await
    }

    crossauth_testkit::store_tests!(empty_storage);
}

mod pycrossauth {
    use crate::mysql::{MysqlDatabase, foreign};

    async fn empty_storage() -> MysqlDatabase {
        foreign::open(&foreign::PYCROSSAUTH).await
    }

    crossauth_testkit::store_tests!(empty_storage);
}

mod uuid_ids {
    use crate::mysql::{MysqlDatabase, foreign};

    async fn empty_storage() -> MysqlDatabase {
        foreign::open(&foreign::CROSSAUTHJS).await
    }

    crossauth_testkit::store_tests!(empty_storage);
}

mod binary_ids {
    use crate::mysql::{MysqlDatabase, foreign};

    async fn empty_storage() -> MysqlDatabase {
        foreign::open(&foreign::BINARY_IDS).await
    }

    crossauth_testkit::store_tests!(empty_storage);
}
